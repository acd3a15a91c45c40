"""Many accounts: 1 to 200 of them with fifty protected positions each, in the tables of one stage.

Every account has a local exchange and a clock of its own; tables, everybody's switches and the process are shared, as
they are where one warm process serves all of them. Times are of the processor, without the exchange's. The crowds take
turns, so that a busy machine is as bad for one account as for two hundred.
"""

from collections import Counter
from collections.abc import Mapping
from statistics import median

from benchmarks.counted_store import write_calls
from benchmarks.measure import verdict
from benchmarks.scale_account import POSITIONS, START_MS
from benchmarks.scale_cost import TICKS_PER_HOUR, Usage, busy_seconds, monthly
from benchmarks.scale_crowd import Counts, Crowd, kept_bytes
from benchmarks.scale_engine import kinds_at
from holdfast.clock import VirtualClock
from holdfast.state.memory import MemoryStore
from local.aws.ministack import Ministack
from local.environments import EnvironmentAbsentError

CROWDS = (1, 10, 50, 200)
TURNS = 400
AT_ENGINE = 3
# One account alone has its items in the processor's cache, and this machine is shared.
MOST_RATIO = 1.5
# Of a tick with nothing to do, whatever the number of positions and of accounts.
MOST_CALLS = {"execute": 6, "brackets": 10}
# Begin and end of the lease, and the tokens of the books that brackets reads.
CALM_WRITES = {"execute": {"LEASE": 2}, "brackets": {"LEASE": 2, "RATE": 1}}

# Whether each tick is a process's first, and how often an hour the account's secret is read then.
HOURS = (("one process keeps the account", False, 12), ("each tick in another process", True, TICKS_PER_HOUR))


def main() -> bool:
    """Print times, calls, units and bytes; whether an account's tick is the same in a crowd of any size."""
    crowds = [Crowd(count, MemoryStore(VirtualClock(START_MS))) for count in CROWDS]
    alone, largest = crowds[0], crowds[-1]
    met = _times(crowds)
    kinds = largest.kinds(largest.accounts[0])
    _print_kinds(kinds)
    met += _calm(kinds)
    same = _calls(kinds) == _calls(alone.kinds(alone.accounts[0]))
    met.append(verdict(same, f"the same calls for one account alone and for one of {CROWDS[-1]}"))
    first, second = (largest.counted(one, one.brackets_tick).partitions for one in largest.accounts[1:3])
    met.append(verdict(not first & second, "ticks of two accounts touch no partition of a table together"))
    _print_hours(largest)
    return all(met + _at_engine(kinds))


def _times(crowds: list[Crowd]) -> list[bool]:
    """Tick the crowds in turn and print our own processor time of a tick."""
    for _ in range(TURNS):
        for crowd in crowds:
            crowd.tick_next()
    print(
        f"{POSITIONS} protected positions an account, {TURNS} calm ticks of each job and crowd, our own processor time"
    )
    print(f"{'accounts':>8}   {'execute: median':>15} {'p99':>9}   {'brackets: median':>16} {'p99':>9} {'to one':>7}")
    met = []
    alone = {job: median(times) for job, times in crowds[0].times.items()}
    for crowd in crowds:
        middle = {job: median(times) for job, times in crowd.times.items()}
        worst = {job: sorted(times)[len(times) * 99 // 100] for job, times in crowd.times.items()}
        ratio = sum(middle.values()) / sum(alone.values())
        print(
            f"{len(crowd.accounts):>8}   {middle['execute'] / 1e6:>12.2f} ms {worst['execute'] / 1e6:>6.2f} ms"
            f"   {middle['brackets'] / 1e6:>13.2f} ms {worst['brackets'] / 1e6:>6.2f} ms {ratio:>7.2f}"
        )
    met.append(
        verdict(ratio < MOST_RATIO, f"a tick among {CROWDS[-1]} accounts takes under {MOST_RATIO} times as long")
    )
    return met


def _print_kinds(kinds: Mapping[str, Counts]) -> None:
    print(f"\nStore calls of one tick, one of {CROWDS[-1]} accounts; units as DynamoDB charges them")
    for name, counts in kinds.items():
        calls = Counter[str]()
        for (operation, _), count in counts.calls.items():
            calls[operation] += count
        words = ", ".join(f"{count} {operation}" for operation, count in sorted(calls.items()))
        print(
            f"{name:<28} {counts.calls.total():>3} calls ({words}), {counts.reads} read and {counts.writes} write"
            f" units, {counts.venue} calls of the venue"
        )


def _calm(kinds: Mapping[str, Counts]) -> list[bool]:
    met = []
    for job, most in MOST_CALLS.items():
        counts = kinds[f"{job}, calm"]
        by_table = ", ".join(f"{operation} {table} {n}" for (operation, table), n in sorted(counts.calls.items()))
        print(f"{job}, calm: {by_table}")
        written = ", ".join(f"{kind} {n}" for kind, n in sorted(counts.written.items()))
        met.append(verdict(counts.calls.total() <= most, f"{job}: at most {most} calls of a calm tick"))
        only = counts.written == CALM_WRITES[job] and write_calls(counts.calls) == counts.writes
        met.append(verdict(only, f"{job}: a calm tick writes {written}, a unit each, and nothing else"))
    return met


def _print_hours(crowd: Crowd) -> None:
    """What the cost of an account follows from."""
    print("\nAn hour of one account, nothing due: brackets every 30 s, execute every minute")
    for name, process_anew, secret_reads in HOURS:
        counts, logged = crowd.hour(crowd.accounts[-1], process_anew=process_anew)
        print(
            f"{name:<30} {counts.calls.total():,} store calls, {counts.reads:,} read and {counts.writes:,} write units,"
            f" {counts.venue:,} calls of the venue, {logged / 1e3:,.0f} KB of events and metrics"
        )
        usage = Usage(counts.calls.total(), counts.reads, counts.writes, counts.venue, logged, secret_reads)
        dollars = monthly(usage)
        words = ", ".join(f"{service} {amount:.2f}" for service, amount in dollars.items())
        print(f"{'':<30} ${sum(dollars.values()):.2f} a month ({words}), busy {busy_seconds(usage):.0f} s an hour")
    print(f"a process keeps {kept_bytes(crowd.accounts[10:40]) / 1e3:.0f} KB of an account, both jobs together")


def _at_engine(kinds: Mapping[str, Counts]) -> list[bool]:
    """The same ticks on ministack."""
    try:
        with Ministack() as engine:
            found = kinds_at(engine, AT_ENGINE)
    except EnvironmentAbsentError as absent:
        print(f"ministack can't be installed here, its calls are not compared: {absent}")
        return []
    ours, theirs = (sum(counts) for counts in zip(*((one.writes, one.charged) for one in found.values()), strict=True))
    print(f"\nministack, {AT_ENGINE} accounts: it charges {theirs} write units for these ticks, we count {ours}")
    return [verdict(_calls(kinds) == _calls(found), "the same calls on ministack as in memory")]


def _calls(kinds: Mapping[str, Counts]) -> dict[str, Counter[tuple[str, str]]]:
    return {name: counts.calls for name, counts in kinds.items()}
