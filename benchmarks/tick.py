"""One tick over 500 markets and 1,000 open orders on memory state: our own time, and where it goes.

The venue answers from memory in no time of ours: its calls are measured and taken off. One market in ten has moved,
so that its two quotes are cancelled and placed again; the others' quotes are kept.
"""

import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.measure import verdict
from benchmarks.memory_venue import ACCOUNT, MemoryVenue, memory_ports
from benchmarks.workload import NOW_MS
from holdfast.clock import VirtualClock
from holdfast.core.capabilities import Bucket
from holdfast.jobs import tick as tick_module
from holdfast.jobs.deciding import Decider
from holdfast.jobs.execute import execute
from holdfast.jobs.executor import Executor
from holdfast.jobs.observing import Observer
from holdfast.jobs.ports import Ports
from holdfast.state.accounts import Account
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs, Parameter

MARKETS = 500
ROUNDS = 25
TARGET_MS = 50
INTERVAL_MS = 60_000


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
    venue = MemoryVenue(clock, MARKETS, Bucket("write", 9_600, 28_800))
    ports = memory_ports(venue, clock, max_gross_exposure="1000000", max_open_orders="5000")
    configs = MarketConfigs(ports.store, ACCOUNT)
    for market in venue.markets:
        parameters: dict[str, Parameter] = {"half_spread": "0.02", "size": "10", "max_position": "100"}
        configs.save(MarketConfig(market=market, strategy=DEFAULT_STRATEGY, parameters=parameters))
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
