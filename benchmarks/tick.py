"""One tick over 500 markets and 1,000 open orders on memory state: our own time, and where it goes.

The venue answers from memory in no time of ours: its calls are measured and taken off. One market in ten has moved,
so that its two quotes are cancelled and placed again; the others' quotes are kept.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.measure import verdict
from benchmarks.workload import NOW_MS, capabilities
from holdfast.clock import VirtualClock
from holdfast.core.book import OrderBook
from holdfast.core.capabilities import Bucket
from holdfast.core.market import MarketRules, MarketStatus, PriceBand
from holdfast.core.orders import Cancellation, OpenOrder, Placement, Purpose
from holdfast.core.outcomes import Canceled, CancelOutcome, Placed, PlaceOutcome
from holdfast.jobs import tick as tick_module
from holdfast.jobs.deciding import Decider
from holdfast.jobs.execute import execute
from holdfast.jobs.executor import Executor
from holdfast.jobs.observing import Observer
from holdfast.jobs.ports import Ports
from holdfast.jobs.throttle import Throttle
from holdfast.state.accounts import Account
from holdfast.state.markets import MarketConfig, MarketConfigs, load_strategy
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.venues.port import Balance, OpenOrders, VenueStatus

MARKETS = 500
ROUNDS = 25
TARGET_MS = 50
ACCOUNT = "bench"
INTERVAL_MS = 60_000


class MemoryVenue:
    """The venue port without a venue: books and orders from memory, every write accepted."""

    name = "kalshi"

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._mids = {f"KXBENCH-{number:04d}": 5_000 for number in range(MARKETS)}
        self._orders: dict[str, OpenOrder] = {}
        self._made = 0
        self.capabilities = capabilities(Bucket("write", 9_600, 28_800))
        self.elapsed_ns = 0
        self.calls = 0

    @property
    def markets(self) -> list[str]:
        return list(self._mids)

    def move(self, turn: int) -> None:
        """Move one market in ten by two cents."""
        for number, market in enumerate(self._mids):
            if number % 10 == turn % 10:
                self._mids[market] += 200 if self._mids[market] <= 5_000 else -200

    def connect(self) -> None:
        return

    def status(self) -> VenueStatus:
        return VenueStatus(True, True)

    def market_rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        band = PriceBand(0, 10_000, 100)
        return {market: MarketRules(market, (band,), 1, 1, MarketStatus.OPEN) for market in markets}

    def books(self, markets: Sequence[str]) -> dict[str, OrderBook]:
        now_ms = self._clock.now_ms()
        books = {}
        for market in markets:
            mid = self._mids[market]
            bids = [(mid - 100 * level, 10_000 * level) for level in range(1, 21)]
            asks = [(mid + 100 * level, 10_000 * level) for level in range(1, 21)]
            books[market] = OrderBook(market, bids, asks, now_ms)
        return books

    def open_orders(self) -> OpenOrders:
        return OpenOrders(tuple(self._orders.values()), self._clock.now_ms(), self._clock.now_ms())

    def fills(self, since_ms: int) -> list[Any]:
        return []

    def settlements(self, since_ms: int) -> list[Any]:
        return []

    def positions(self) -> list[Any]:
        return []

    def balance(self) -> Balance:
        return Balance(0, {})

    def place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
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
        return [
            Canceled(order.order_id, self._orders.pop(order.order_id).remaining, self._clock.now_ms())
            for order in batch
        ]


class Shares:
    """Time by part of the tick; what the venue takes is counted apart."""

    def __init__(self) -> None:
        self.ns: Counter[str] = Counter()

    def time(self, owner: Any, name: str, share: str) -> None:
        """Measure every call of one function."""
        original: Callable[..., Any] = getattr(owner, name)

        def measured(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter_ns()
            try:
                return original(*args, **kwargs)
            finally:
                self.ns[share] += time.perf_counter_ns() - begin

        setattr(owner, name, measured)


def world() -> tuple[Account, Ports, VirtualClock, MemoryVenue]:
    """One account with 500 quoted markets."""
    clock = VirtualClock(NOW_MS)
    store = MemoryStore(clock)
    telemetry = MemoryTelemetry(keep=100)
    venue = MemoryVenue(clock)
    configs = MarketConfigs(store, ACCOUNT)
    for market in venue.markets:
        configs.save(
            MarketConfig(
                market=market,
                mode="quote",
                enabled=True,
                strategy="holdfast.core.quoting:InventorySkewQuotes",
                parameters={"half_spread": "0.02", "size": "10", "max_position": "100"},
                priority=0,
            )
        )
    parameters = MemoryParameters()
    prefix = f"/holdfast/bench/{ACCOUNT}"
    for name, value in (("max_gross_exposure", "1000000"), ("max_open_orders", "5000")):
        parameters.write(f"{prefix}/{name}", value)
    ports = Ports(
        venue=venue,  # type: ignore[arg-type]
        store=store,
        switches=SwitchBoard(parameters, "bench", ACCOUNT, clock, store),
        telemetry=telemetry,
        throttle=Throttle(store, ACCOUNT, clock, telemetry, lambda: 0),
        writer="bench",
        load_strategy=load_strategy,
    )
    account = Account(account_id=ACCOUNT, venue="kalshi", environment="demo", secret_name="-")  # noqa: S106
    return account, ports, clock, venue


def main() -> bool:
    """Print the tick's own time and its shares; whether the target is met."""
    account, ports, clock, venue = world()
    shares = Shares()
    for name in ("open_orders", "fills", "books", "market_rules", "place", "cancel"):
        shares.time(venue, name, "venue")
    execute(account, ports, clock)
    shares.time(Observer, "observe", "observe")
    shares.time(Decider, "decide", "decide")
    shares.time(tick_module, "plan", "plan")
    shares.time(Executor, "carry_out", "carry out")
    for name in ("get", "get_many", "query", "write", "transact"):
        shares.time(ports.store, name, "store, in all of these")
    own: list[float] = []
    parts: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        clock.sleep_ms(INTERVAL_MS)
        venue.move(turn)
        shares.ns.clear()
        begin = time.perf_counter_ns()
        report = execute(account, ports, clock)
        elapsed = time.perf_counter_ns() - begin
        assert not report.ended, report.ended
        assert report.open_orders == 2 * MARKETS, report.open_orders
        own.append((elapsed - shares.ns["venue"]) / 1e6)
        for share, taken in shares.ns.items():
            parts.setdefault(share, []).append(taken / 1e6)
    own.sort()
    print(f"{MARKETS} markets, {2 * MARKETS} open orders, {report.execution.operations} operations in the last tick")
    print(f"own time of a tick: median {median(own):.1f} ms, p99 {own[-1]:.1f} ms")
    for share, taken in sorted(parts.items(), key=lambda part: -median(part[1])):
        print(f"  {share:<24} {median(taken):6.2f} ms{'  (not ours)' if share == 'venue' else ''}")
    return verdict(median(own) < TARGET_MS, f"one tick under {TARGET_MS} ms of our own time: {median(own):.1f} ms")
