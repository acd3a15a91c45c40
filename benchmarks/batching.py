"""API calls for 200 cancels and 200 places, batched against one by one, within each tier's tokens."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from benchmarks.measure import verdict
from benchmarks.workload import COSTS, NOW_MS, capabilities, orders_and_targets
from holdfast.core.batches import batches
from holdfast.core.capabilities import Bucket
from holdfast.core.limits import exit_reserve, full, take
from holdfast.core.plan import Plan, PlanPolicy, plan

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
    """Send cancels, then places, waiting for tokens as the limiter says."""
    venue_limits = capabilities(bucket)
    reserve = exit_reserve(bucket, COSTS)
    calls = [
        len(call) * cost
        for items, per_call, cost in (
            (made.cancels, venue_limits.batch_cancel, COSTS.cancel),
            (made.places, venue_limits.batch_create, COSTS.create),
        )
        for call in batches(items, per_call if batched else 1, cost, bucket, reserve)
    ]
    return _send_calls(calls, bucket, reserve)


def _send_calls(calls: Sequence[int], bucket: Bucket, reserve: int) -> Sent:
    now_ms, state, venue = NOW_MS, full(bucket, NOW_MS), VenueBucket(bucket, NOW_MS)
    burst = 0
    for tokens in calls:
        grant = take(state, bucket, tokens, now_ms, reserve=reserve)
        if grant.state is None:
            now_ms += grant.wait_ms
            grant = take(state, bucket, tokens, now_ms, reserve=reserve)
        assert grant.state is not None, "a limiter that names a wait grants after it"
        state = grant.state
        venue.charge(tokens, now_ms)
        burst += tokens if now_ms == NOW_MS else 0
    return Sent(len(calls), sum(calls), burst, now_ms - NOW_MS, venue.overdrawn)


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
        creates, cancels = spendable // COSTS.create, spendable // COSTS.cancel
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
