"""Every venue's local server as a VenueWorld, over real HTTP; both sides are checked against the venue's spec."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal

from holdfast.clock import VirtualClock
from holdfast.core.market import Side
from holdfast.venues.port import Access, Venue
from local.venues.faults import Fault, FaultKind
from local.venues.polymarket import Geoblock
from tests.venues.contract import CLOCKS_OFF_MS, Failure, Levels, Truth, VenueWorld
from tests.venues.kalshi_controls import KalshiControls, kalshi_controls
from tests.venues.polymarket_world import FED, SENATE, World, polymarket_world

_POLYMARKET_FAULTS = {
    Failure.LOST_BEFORE: FaultKind.TIMEOUT_BEFORE,
    Failure.LOST_AFTER: FaultKind.TIMEOUT_AFTER,
    Failure.BROKEN_BEFORE: FaultKind.ERROR_BEFORE,
    Failure.BROKEN_AFTER: FaultKind.ERROR_AFTER,
    Failure.MALFORMED: FaultKind.MALFORMED,
    Failure.RATE_LIMITED: FaultKind.RATE_LIMITED,
}
_POLYMARKET_ENDPOINTS = {
    "place": "POST /order",
    "place_batch": "POST /orders",
    "cancel": "DELETE /order",
    "cancel_batch": "DELETE /orders",
    "read": "*",  # books are read by POST
}


class KalshiVenueWorld:
    """The local Kalshi exchange."""

    unknown_market = "KXNOBODY-1"
    unknown_order_id = "00000000-0000-4000-8000-000000000000"
    more_than_a_page = 1_005

    def __init__(self, controls: KalshiControls) -> None:
        self._controls = controls
        self.venue: Venue = controls.venue
        self.clock = controls.clock
        self.market, self.other_market = controls.home, controls.away

    def show_book(self, bids: Levels, asks: Levels) -> None:
        self._controls.show_book(self.market, *([(p, s * 100) for p, s in side] for side in (bids, asks)))

    def trade(self, price: int, contracts: Decimal | int, aggressor: Side) -> None:
        self._controls.trade(self.market, price, int(contracts * 100), aggressor)

    def fail_next(self, kind: str, failure: Failure) -> None:
        self._controls.fail_next(kind, failure)

    def undo_next_trade(self) -> bool:
        return False

    def lag_reads(self, lag_ms: int, jitter_ms: int = 0) -> None:
        self._controls.exchange.set_read_lag_ms(lag_ms, jitter_ms)

    def pause(self, *, takes_cancels: bool) -> None:
        exchange = self._controls.exchange
        (exchange.pause_trading if takes_cancels else exchange.pause_exchange)()

    def restart(self) -> None:
        self._controls.pause_venue()

    def resume(self) -> None:
        self._controls.resume()

    def end_market(self, *, won: bool) -> None:
        self._controls.settle(self.market, "yes" if won else "no")

    def collect(self) -> None:
        """It is paid out on its own."""

    def limit_writes(self) -> None:
        self._controls.limit_writes()

    def restrict_access(self) -> Access:
        lapses_ms = self._controls.restrict_access("read", "write::transfer")
        return Access(key_expires_at_ms=lapses_ms, key_may_trade=False)

    def pass_ms(self, duration_ms: int) -> None:
        self.clock.sleep_ms(duration_ms)
        self._controls.exchange.advance()

    def venue_as(self, intruder: str) -> Venue:
        return self._controls.venue_as(intruder)

    def truth(self) -> Truth:
        return self._controls.truth()


class PolymarketVenueWorld:
    """The local Polymarket exchange. The account holds 100 shares of each market from the start."""

    unknown_market = str(7 * 10**70)
    unknown_order_id = "0x" + "00" * 32
    more_than_a_page = 150

    def __init__(self, world: World) -> None:
        self._world, self._exchange = world, world.exchange
        self.venue: Venue = world.venue
        self.clock = world.clock
        self.market, self.other_market = world.token(FED), world.token(SENATE)
        self.show_book([], [])

    def show_book(self, bids: Levels, asks: Levels) -> None:
        self._exchange.apply_snapshot(FED, *([(p, s * 10**6) for p, s in side] for side in (bids, asks)))

    def trade(self, price: int, contracts: Decimal | int, aggressor: Side) -> None:
        self._exchange.apply_trade(FED, price, int(contracts * 10**6), aggressor)

    def fail_next(self, kind: str, failure: Failure) -> None:
        self._exchange.faults.add(Fault(_POLYMARKET_FAULTS[failure], _POLYMARKET_ENDPOINTS[kind]))

    def undo_next_trade(self) -> bool:
        self._exchange.operator.fail_trades(1)
        return True

    def lag_reads(self, lag_ms: int, jitter_ms: int = 0) -> None:
        self._exchange.operator.set_read_lag_ms(lag_ms, jitter_ms)

    def pause(self, *, takes_cancels: bool) -> None:
        self._exchange.operator.set_mode(cancel_only=takes_cancels, disabled=not takes_cancels)

    def restart(self) -> None:
        self._exchange.operator.restart_engine()

    def resume(self) -> None:
        self._exchange.operator.set_mode()

    def end_market(self, *, won: bool) -> None:
        self._exchange.resolve(FED, winner=0 if won else 1)

    def collect(self) -> None:
        self._exchange.redeem("trader", FED)

    def limit_writes(self) -> None:
        """Its accounts start on the lowest tier."""

    def restrict_access(self) -> Access:
        self._exchange.operator.set_geoblock(Geoblock(blocked=True, country="US", region="NY"))
        return Access(blocked=True, place="US-NY")

    def pass_ms(self, duration_ms: int) -> None:
        self._world.pass_ms(duration_ms)

    def venue_as(self, intruder: str) -> Venue:
        if intruder == "stranger":
            return self._world.venue_of_a_stranger()
        return self._world.another_venue(VirtualClock(self.clock.now_ms() + CLOCKS_OFF_MS[intruder]))

    def truth(self) -> Truth:
        books = self._world.books()
        return Truth(
            resting={order.order_id: order.remaining for order in books.open_orders},
            positions={token: held for token, held in books.tokens.items() if held},
            available=books.cash,
            problems=books.imbalances(),
        )


@contextmanager
def _kalshi() -> Iterator[VenueWorld]:
    with kalshi_controls() as controls:
        yield KalshiVenueWorld(controls)


@contextmanager
def _polymarket() -> Iterator[VenueWorld]:
    with polymarket_world() as world:
        yield PolymarketVenueWorld(world)


WORLDS: Mapping[str, Callable[[], AbstractContextManager[VenueWorld]]] = {"kalshi": _kalshi, "polymarket": _polymarket}
