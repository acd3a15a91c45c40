"""What the contract of market discovery needs of a venue's local server: markets, prices, time, faults, and the truth.

Prices are 0.0001, `contracts` and dollars become the venue's units by its scale. Every market is one instrument at
Kalshi and two at Polymarket.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from holdfast.clock import VirtualClock
from holdfast.core.discovery import ListedMarket
from holdfast.core.market import MarketStatus, Side
from holdfast.venues.port import Venue
from local.venues.faults import Fault, FaultKind
from local.venues.kalshi.markets import MarketSpec as KalshiSpec
from local.venues.polymarket import MarketSpec as PolymarketSpec
from tests.venues.kalshi_controls import KalshiControls, kalshi_controls
from tests.venues.kalshi_scripted import CountingMeter
from tests.venues.kalshi_spec import SpecTransport
from tests.venues.polymarket_world import BTC, FED, SENATE, World, polymarket_world


class DiscoveryWorld(Protocol):
    """`page`: rows of a page. `groups` names the filters that the venue has beside its own event's."""

    venue: Venue
    clock: VirtualClock
    page: int
    groups: tuple[str, ...]
    outcomes: int

    def add(self, name: str, *, words: str = "", event: str = "", group: str = "", closes_at_ms: int = 0) -> str:
        """List a market; returns the id of its first outcome."""
        ...

    def show_book(self, name: str, bid: int, ask: int, contracts: int = 10) -> None:
        """Its best prices; 0 for none."""
        ...

    def trade(self, name: str, price: int, contracts: int) -> None:
        """A trade between others."""
        ...

    def end(self, name: str) -> None:
        """Give it its result."""
        ...

    def fail_page(self, number: int, kind: FaultKind) -> None:
        """Let the page of this number, from 1, fail."""
        ...

    def pages_asked(self) -> int:
        """How many pages were asked for."""
        ...

    def spent(self) -> int:
        """Tokens that its reads took."""
        ...

    def leave_tokens(self, tokens: int) -> None:
        """Let no more than that be spent from now on."""
        ...

    def truth(self) -> dict[str, ListedMarket]:
        """Every instrument as the server itself has it, without words and limits: status, event, time, prices."""
        ...


class KalshiDiscovery:
    """On the local Kalshi exchange."""

    page, outcomes, groups = 1_000, 1, ("series",)

    def __init__(self, controls: KalshiControls) -> None:
        self._controls, self._exchange = controls, controls.exchange
        self.venue, self.clock = controls.venue, controls.clock
        self._listed = {name: (name, 0) for name in (controls.home, controls.away, controls.unfunded)}

    def add(self, name: str, *, words: str = "", event: str = "", group: str = "", closes_at_ms: int = 0) -> str:
        spec = KalshiSpec(name, event=event, series=group, close_at_ms=closes_at_ms, title=words)
        self._exchange.add_market(spec)
        self._listed[name] = (event or name, closes_at_ms)
        return name

    def show_book(self, name: str, bid: int, ask: int, contracts: int = 10) -> None:
        self._controls.show_book(name, *([(p, contracts * 100)] if p else [] for p in (bid, ask)))

    def trade(self, name: str, price: int, contracts: int) -> None:
        self._exchange.apply_trade(name, price, contracts * 100, Side.BUY)

    def end(self, name: str) -> None:
        self._exchange.settle(name, "yes")

    def fail_page(self, number: int, kind: FaultKind) -> None:
        self._exchange.faults.add(Fault(kind, "GET /markets", skip=number - 1))
        if isinstance(self._controls.transport, SpecTransport):
            self._controls.transport.breaks_answers = kind is FaultKind.MALFORMED

    def pages_asked(self) -> int:
        return self._exchange.calls["GET /markets"]

    def spent(self) -> int:
        return sum(tokens for _, tokens, endpoint in self._controls.meter.spent if endpoint == "GET /markets")

    def leave_tokens(self, tokens: int) -> None:
        self._controls.meter.budget = tokens

    def truth(self) -> dict[str, ListedMarket]:
        words = {"active": MarketStatus.OPEN, "closed": MarketStatus.CLOSED, "finalized": MarketStatus.SETTLED}
        found = {}
        for name, (event, closes_at_ms) in self._listed.items():
            status = words.get(self._exchange.market_state(name), MarketStatus.PAUSED)
            bid, ask = self._exchange.best(name)
            found[name] = ListedMarket(name, "", "", status, event, "", closes_at_ms, bid, ask)
        return found


class PolymarketDiscovery:
    """On the local Polymarket exchange."""

    page, outcomes, groups = 100, 2, ("tag",)

    def __init__(self, world: World) -> None:
        self._exchange = world.exchange
        self.venue, self.clock = world.venue, world.clock
        self._meter: CountingMeter = world.venue._client._meter  # type: ignore[assignment]
        self._names = [FED, SENATE, BTC]

    def add(self, name: str, *, words: str = "", event: str = "", group: str = "", closes_at_ms: int = 0) -> str:
        tags = (group,) if group else ()
        version = "v2" if len(self._names) % 2 else "v1"
        spec = PolymarketSpec(
            name,
            question=words,
            event=event,
            tags=tags,
            version=version,
            close_at_ms=closes_at_ms,
            neg_risk=bool(event),
        )
        self._names.append(name)
        return self._exchange.add_market(spec).tokens[0]

    def show_book(self, name: str, bid: int, ask: int, contracts: int = 10) -> None:
        self._exchange.apply_snapshot(name, *([(p, contracts * 10**6)] if p else [] for p in (bid, ask)))

    def trade(self, name: str, price: int, contracts: int) -> None:
        self._exchange.apply_trade(name, price, contracts * 10**6, Side.BUY)

    def end(self, name: str) -> None:
        self._exchange.resolve(name, winner=0)

    def fail_page(self, number: int, kind: FaultKind) -> None:
        self._exchange.faults.add(Fault(kind, "GET /gamma/*", skip=number - 1))

    def pages_asked(self) -> int:
        return sum(count for endpoint, count in self._exchange.calls.items() if "/gamma/" in endpoint)

    def spent(self) -> int:
        return sum(tokens for _, tokens, endpoint in self._meter.spent if endpoint.endswith("/keyset"))

    def leave_tokens(self, tokens: int) -> None:
        self._meter.budget = tokens

    def truth(self) -> dict[str, ListedMarket]:
        now_ms = self.clock.now_ms()
        found = {}
        for name in self._names:
            market = self._exchange.market(name)
            status = MarketStatus.OPEN if market.is_open(now_ms) else MarketStatus.PAUSED
            if market.winner is not None:
                status = MarketStatus.SETTLED
            for outcome, token in enumerate(market.tokens):
                quotes = (market.best(outcome, Side.BUY), market.best(outcome, Side.SELL))
                bid, ask = (None, None) if status is MarketStatus.SETTLED else quotes
                found[token] = ListedMarket(token, "", "", status, market.event, "", market.close_at_ms, bid, ask)
        return found


@contextmanager
def _kalshi() -> Iterator[DiscoveryWorld]:
    with kalshi_controls() as controls:
        yield KalshiDiscovery(controls)


@contextmanager
def _polymarket() -> Iterator[DiscoveryWorld]:
    with polymarket_world() as world:
        yield PolymarketDiscovery(world)


WORLDS: Mapping[str, Callable[[], AbstractContextManager[DiscoveryWorld]]] = {
    "kalshi": _kalshi,
    "polymarket": _polymarket,
}
