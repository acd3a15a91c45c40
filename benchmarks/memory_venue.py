"""The venue port without a venue: books and orders from memory, every write accepted and counted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.workload import COSTS, capabilities
from holdfast.clock import VirtualClock
from holdfast.core.book import OrderBook
from holdfast.core.candles import Candle
from holdfast.core.capabilities import Bucket
from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.market import MarketRules, MarketStatus, PriceBand
from holdfast.core.orders import Cancellation, OpenOrder, Placement, Purpose
from holdfast.core.outcomes import Canceled, CancelOutcome, Placed, PlaceOutcome
from holdfast.core.windows import TRADING, Window
from holdfast.jobs.ports import Ports
from holdfast.jobs.throttle import Throttle
from holdfast.state.markets import load_strategy
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.venues.port import Access, Balance, OpenOrders, PriceEvidence, VenueStatus

ACCOUNT = "bench"


class MemoryVenue:
    """`write_calls` counts requests; `charge` is told the tokens of each, as the venue's own bucket would be."""

    name = "kalshi"

    def __init__(
        self, clock: VirtualClock, markets: int, write: Bucket, charge: Callable[[int], None] = lambda tokens: None
    ) -> None:
        self._clock = clock
        self._charge = charge
        self._mids = {f"KXBENCH-{number:04d}": 5_000 for number in range(markets)}
        self._orders: dict[str, OpenOrder] = {}
        self._made = 0
        self.capabilities = capabilities(write)
        self.write_calls = 0

    @property
    def markets(self) -> list[str]:
        return list(self._mids)

    def move(self, turn: int) -> None:
        """Move one market in ten by two cents."""
        for number, market in enumerate(self._mids):
            if number % 10 == turn % 10:
                self._mids[market] += 200 if self._mids[market] <= 5_000 else -200

    def hold(self, orders: Sequence[OpenOrder]) -> None:
        """Let these orders rest."""
        self._orders |= {order.order_id: order for order in orders}

    def connect(self) -> None:
        return

    def status(self) -> VenueStatus:
        return VenueStatus(True, True)

    @property
    def stated_window(self) -> Window:
        return TRADING

    def market_rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        band = PriceBand(0, 10_000, 100)
        return {market: MarketRules(market, (band,), 1, 1, MarketStatus.OPEN) for market in markets}

    def discover(self, query: MarketQuery) -> list[ListedMarket]:
        return [ListedMarket(market, market, market, MarketStatus.OPEN) for market in self._mids][: query.limit]

    def books(self, markets: Sequence[str]) -> dict[str, OrderBook]:
        now_ms = self._clock.now_ms()
        books = {}
        for market in markets:
            mid = self._mids[market]
            bids = [(mid - 100 * level, 10_000 * level) for level in range(1, 21)]
            asks = [(mid + 100 * level, 10_000 * level) for level in range(1, 21)]
            books[market] = OrderBook(market, bids, asks, now_ms)
        return books

    def price_evidence(self, markets: Sequence[str], since_ms: int) -> Iterator[tuple[str, PriceEvidence]]:
        return iter(())

    def candles(self, market: str, minutes: int, count: int) -> list[Candle]:
        return []

    def open_orders(self) -> OpenOrders:
        return OpenOrders(tuple(self._orders.values()), self._clock.now_ms(), self._clock.now_ms())

    def fills(self, since_ms: int) -> list[Any]:
        return []

    def settlements(self, since_ms: int, held: Mapping[str, int] | None = None) -> list[Any]:
        return []

    def positions(self) -> list[Any]:
        return []

    def balance(self) -> Balance:
        return Balance(0, {})

    def access(self) -> Access:
        return Access()

    def prepare(self, batch: Sequence[Placement]) -> list[Placement]:
        return list(batch)

    def place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        self.write_calls += 1
        self._charge(COSTS.create * len(batch))
        outcomes: list[PlaceOutcome] = []
        for placement in batch:
            target = placement.target
            self._made += 1
            order_id = f"o{self._made}"
            self._orders[order_id] = OpenOrder(
                order_id,
                placement.client_order_id,
                target.market,
                target.side,
                target.price,
                target.size,
                0,
                Purpose.QUOTE,
                target.expires_at_ms + 3_600_000,
            )
            outcomes.append(Placed(order_id, placement.client_order_id, 0, target.size, self._clock.now_ms()))
        return outcomes

    def cancel(self, batch: Sequence[Cancellation], deadline_ms: int) -> list[CancelOutcome]:
        self.write_calls += 1
        self._charge(COSTS.cancel * len(batch))
        return [
            Canceled(order.order_id, self._orders.pop(order.order_id).remaining, self._clock.now_ms())
            for order in batch
        ]


def memory_ports(venue: MemoryVenue, clock: VirtualClock, **switches: str) -> Ports:
    """Ports of one writer on memory state, with these switches."""
    store = MemoryStore(clock)
    telemetry = MemoryTelemetry(keep=100)
    parameters = MemoryParameters()
    for name, text in switches.items():
        parameters.write(f"/holdfast/bench/{ACCOUNT}/{name}", text)
    return Ports(
        venue=venue,  # type: ignore[arg-type]
        store=store,
        switches=SwitchBoard(parameters, "bench", ACCOUNT, clock, store),
        telemetry=telemetry,
        throttle=Throttle(store, ACCOUNT, clock, telemetry, lambda: 0),
        writer="bench",
        load_strategy=load_strategy,
    )
