"""Many accounts in one stage's tables, and what a tick of one of them asks of the store."""

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from typing import NamedTuple

from benchmarks.counted_store import CountedStore
from benchmarks.scale_account import CHECK_MS, POSITIONS, START_MS, ProtectedAccount, switches
from holdfast.clock import VirtualClock
from holdfast.jobs.reading import DECIDE_AGAIN_MS
from holdfast.state.port import Store
from holdfast.telemetry.powertools import PowertoolsTelemetry

HOUR_MS = 3_600_000
EXECUTE_EVERY = 2  # ticks of the brackets job


class Counts(NamedTuple):
    """What was asked of the store, in calls by operation and table and in request units, and of the venue.

    `charged`: write units as the engine counts them, where it does.
    """

    calls: Counter[tuple[str, str]]
    written: Counter[str]
    reads: int
    writes: int
    partitions: frozenset[tuple[str, str]]
    venue: int
    charged: int


class Hour(NamedTuple):
    """One account's hour in which nothing is due; `logged` are bytes of events and metrics."""

    counts: Counts
    logged: int


class Crowd:
    """Accounts with their positions open and nothing due.

    `charged` are the write units that an engine has counted so far.
    """

    def __init__(
        self, count: int, store: Store, charged: Callable[[], int] = lambda: 0, positions: int = POSITIONS
    ) -> None:
        self._charged = charged
        self.store = CountedStore(store)
        parameters = switches()
        self.accounts = [
            ProtectedAccount(f"account-{number:03d}", self.store, parameters, VirtualClock(START_MS), positions)
            for number in range(count)
        ]
        for account in self.accounts:
            account.enter_all()
        self._turn = 0
        self.times: dict[str, list[int]] = {"execute": [], "brackets": []}

    def tick_next(self) -> None:
        """Both jobs of the next account."""
        account = self.accounts[self._turn % len(self.accounts)]
        self._turn += 1
        self.times["brackets"].append(account.brackets_tick())
        self.times["execute"].append(account.execute_tick())

    def counted(self, account: ProtectedAccount, act: Callable[[], object]) -> Counts:
        """What an account's ticks ask for."""
        store, venue, charged = self.store, account.calls.total(), self._charged()
        store.clear()
        act()
        return Counts(
            Counter(store.calls),
            Counter(store.written),
            store.reads,
            store.writes,
            frozenset(store.partitions),
            account.calls.total() - venue,
            self._charged() - charged,
        )

    def kinds(self, account: ProtectedAccount) -> dict[str, Counts]:
        """One tick of each kind, by name."""
        _settle(account)
        counted = partial(self.counted, account)
        found = self._calm(account)
        account.ask_exit(account.markets[0])
        found["brackets, one exit"] = counted(account.brackets_tick)
        assert len(account.brackets.open()) == account.positions - 1
        _settle(account)
        account.ask_entry(account.markets[-1])
        # It protects what it buys, so the other job's pass is in it.
        found["execute, one entry"] = counted(account.execute_tick)
        assert len(account.brackets.open()) == account.positions
        _settle(account)
        account.process_anew()
        found["execute, first of a process"] = counted(account.execute_tick)
        found["brackets, first of a process"] = counted(account.brackets_tick)
        return found

    def _calm(self, account: ProtectedAccount) -> dict[str, Counts]:
        """Ticks with nothing to do: most ask the venue for little or nothing, now and then one looks at everything."""
        found = {}
        for job, tick, calls in (("execute", account.execute_tick, 0), ("brackets", account.brackets_tick, 1)):
            for counts in [self.counted(account, tick) for _ in range(2 * DECIDE_AGAIN_MS // CHECK_MS)]:
                found[f"{job}, {'calm' if counts.venue == calls else 'looks at everything'}"] = counts
        return found

    def hour(self, account: ProtectedAccount, *, process_anew: bool) -> Hour:
        """An hour of both jobs, each in one process, or each tick in a process that does not know the account."""

        def live() -> None:
            for tick in range(HOUR_MS // CHECK_MS):
                if process_anew:
                    account.process_anew(telemetry)
                account.brackets_tick()
                telemetry.flush()
                if tick % EXECUTE_EVERY == 0:
                    account.execute_tick(after_ms=0)
                    telemetry.flush()

        with redirect_stdout(StringIO()) as logged:
            telemetry = PowertoolsTelemetry("bench", "Holdfast/bench")
            account.process_anew(telemetry)
            _settle(account)
            telemetry.flush()
            logged.truncate(logged.seek(0))
            counts = self.counted(account, live)
        return Hour(counts, len(logged.getvalue()))


def kept_bytes(accounts: list[ProtectedAccount]) -> int:
    """What a process keeps of one account after its ticks, both jobs together."""
    gc.collect()
    tracemalloc.start()
    try:
        for account in accounts:
            account.process_anew()
            _settle(account)
        gc.collect()
        of_others = tracemalloc.Filter(False, "*/local/venues/*")
        found = tracemalloc.take_snapshot().filter_traces([of_others]).statistics("filename")
    finally:
        tracemalloc.stop()
    return sum(one.size for one in found) // len(accounts)


def _settle(account: ProtectedAccount) -> None:
    """Ticks until both jobs have nothing to do, and have looked at everything lately."""
    for _ in range(3):
        account.brackets_tick()
    for _ in range(2):
        account.execute_tick()
    account.brackets_tick()
