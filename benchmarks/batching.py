"""API calls for 200 cancels and 200 places, batched against one by one, within each tier's tokens."""

from typing import NamedTuple

from msgspec import structs

from benchmarks.measure import verdict
from benchmarks.memory_venue import ACCOUNT, MemoryVenue, memory_ports
from benchmarks.workload import COSTS, MOST_ITEMS, NOW_MS, capabilities, orders_and_targets
from holdfast.clock import VirtualClock
from holdfast.core.capabilities import Bucket
from holdfast.core.limits import exit_reserve
from holdfast.core.plan import Plan, PlanPolicy, plan
from holdfast.jobs.executor import Executor
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.jobs.writes import Writes
from holdfast.state.halts import VenueNote
from holdfast.state.leases import acquire

ORDERS = 200
LEAST_SAVING_PERCENT = 90
USEFUL_BATCH = 20

# Write buckets by tier: tokens a second, capacity (facts kalshi section 8).
TIERS = (
    Bucket("Basic", 100, 100),
    Bucket("Advanced", 300, 900),
    Bucket("Expert", 600, 1_800),
    Bucket("Premier", 1_200, 3_600),
    Bucket("Paragon", 2_400, 7_200),
    Bucket("Prime", 4_800, 14_400),
    Bucket("Prestige", 9_600, 28_800),
)


class Sent(NamedTuple):
    """What sending a plan took. `burst`: tokens before the first wait; `overdrawn`: calls the venue would refuse."""

    calls: int
    tokens: int
    burst: int
    elapsed_ms: int
    overdrawn: int


class VenueBucket:
    """The venue's side of a bucket, counted on its own: it knows nothing of our limiter."""

    def __init__(self, bucket: Bucket, now_ms: int) -> None:
        self._bucket = bucket
        self._level = bucket.capacity * 1_000
        self._at_ms = now_ms
        self.overdrawn = 0

    def charge(self, tokens: int, now_ms: int) -> None:
        """Take tokens, or note that the venue would have answered 429."""
        refilled = self._level + self._bucket.refill * (now_ms - self._at_ms)
        self._level, self._at_ms = min(refilled, self._bucket.capacity * 1_000), now_ms
        if self._level < tokens * 1_000:
            self.overdrawn += 1
        else:
            self._level -= tokens * 1_000


def moved_quotes() -> Plan:
    """The plan after every market moved: as many cancels as places."""
    orders, targets = orders_and_targets(ORDERS)
    wanted = [structs.replace(target, price=target.price + 25) for target in targets]
    made = plan(
        orders,
        wanted,
        now_ms=NOW_MS,
        capabilities=capabilities(TIERS[0]),
        policy=PlanPolicy(renew_before_ms=60_000),
    )
    assert (len(made.cancels), len(made.places)) == (ORDERS, ORDERS)
    return made


def send(made: Plan, bucket: Bucket, *, batched: bool) -> Sent:
    """Let the executor carry the plan out: journal, shared bucket and waiting included."""
    clock, venue_bucket = VirtualClock(NOW_MS), VenueBucket(bucket, NOW_MS)
    charged: list[tuple[int, int]] = []

    def charge(tokens: int) -> None:
        venue_bucket.charge(tokens, clock.now_ms())
        charged.append((tokens, clock.now_ms()))

    venue = MemoryVenue(clock, 0, structs.replace(bucket, name="write"), charge)
    venue.hold(made.cancels)
    ports = memory_ports(venue, clock)
    ports.throttle.configure(venue.capabilities)
    ports.throttle.begin_tick(allowance_ms=3_600_000)
    lease = acquire(ports.store, ACCOUNT, "execute", "bench", NOW_MS, 3_600_000, None)
    assert lease is not None
    executor = Executor(
        ports, Writes(ports, lease, clock), {}, VenueWatch(ports, VenueNote(), clock), batched=batched, dry_run=False
    )
    done = executor.carry_out(made, "bench")
    assert (done.canceled, done.placed, done.left) == (ORDERS, ORDERS, 0)
    return Sent(
        calls=venue.write_calls,
        tokens=sum(tokens for tokens, _ in charged),
        burst=sum(tokens for tokens, at_ms in charged if at_ms == NOW_MS),
        elapsed_ms=clock.now_ms() - NOW_MS,
        overdrawn=venue_bucket.overdrawn,
    )


def main() -> bool:
    """Print calls, tokens and times per tier and say whether the targets were met."""
    made = moved_quotes()
    print(
        f"{ORDERS} cancels at {COSTS.cancel} tokens and {ORDERS} places at {COSTS.create}; 30 % stay reserved for exits"
    )
    print(f"{'tier':<9} {'per call':>14} {'one by one':>11} {'batched':>8} {'fewer':>7} {'tokens':>7}", end=" ")
    print(f"{'at once':>8} {'allowed':>8} {'all sent after':>15}")
    met = []
    for bucket in TIERS:
        single, batched = send(made, bucket, batched=False), send(made, bucket, batched=True)
        spendable = bucket.capacity - exit_reserve(bucket, COSTS)
        creates, cancels = (min(spendable // cost, MOST_ITEMS) for cost in (COSTS.create, COSTS.cancel))
        saving = 100 * (1 - batched.calls / single.calls)
        print(
            f"{bucket.name:<9} {f'{cancels} / {creates}':>14} {single.calls:>11} {batched.calls:>8} {saving:>5.1f} %"
            f" {batched.tokens:>7,} {batched.burst:>8,} {spendable:>8,} {batched.elapsed_ms / 1000:>13.2f} s"
        )
        if creates >= USEFUL_BATCH:
            text = f"{bucket.name}: {saving:.1f} % fewer calls, at least {LEAST_SAVING_PERCENT} %"
            met.append(verdict(saving >= LEAST_SAVING_PERCENT, text))
        within = batched.overdrawn == single.overdrawn == 0 and batched.burst <= spendable
        met.append(verdict(within, f"{bucket.name}: never more tokens than the tier has"))
    return all(met)
