"""Token buckets as arithmetic over stored state: every writer of an account shares one state per bucket.

The caller reads the state, calls `take` and writes the new state with a condition on the old one, so that one
conditional write takes a whole batch's tokens. Levels are millitokens: a refill of n tokens a second is n
millitokens a millisecond, so nothing is ever rounded.
"""

from msgspec import Struct, structs

from holdfast.core.capabilities import Bucket, Costs
from holdfast.core.errors import InvalidInputError

MILLI = 1_000
FIRST_BACKOFF_MS = 500
LONGEST_BACKOFF_MS = 30_000
# After a 429 an exit waits this long at most: the venue refills meanwhile and asks no penalty (facts kalshi section 8),
# while an exit that waits out an exponential back-off may lose the position.
EXIT_BACKOFF_MS = FIRST_BACKOFF_MS


class BucketState(Struct, frozen=True):
    """A bucket as stored. `level_milli` (millitokens) was true at `at_ms`; times in UTC ms.

    A negative level is debt of exits. `refusals` counts 429s in a row, the last one at `refused_at_ms`; until
    `backoff_until_ms` nothing but exits is granted.
    """

    level_milli: int
    at_ms: int
    backoff_until_ms: int = 0
    refusals: int = 0
    refused_at_ms: int = 0


class Grant(Struct, frozen=True):
    """The answer to a take: the state to store, or None and how long until the same take would be granted."""

    state: BucketState | None
    wait_ms: int = 0


def full(bucket: Bucket, now_ms: int) -> BucketState:
    """The state of a bucket that nobody used yet."""
    return BucketState(bucket.capacity * MILLI, now_ms)


def take(state: BucketState, bucket: Bucket, tokens: int, now_ms: int, *, reserve: int, exit: bool = False) -> Grant:
    """Take tokens, or say how long to wait.

    Non-exits leave `reserve` tokens and wait out a back-off; asking for more than `capacity - reserve` can never be
    granted and raises InvalidInputError. Exits are debited at once, into debt of at most one capacity; only a real
    429 delays them, by EXIT_BACKOFF_MS at most. A clock that runs backwards refills nothing.
    """
    if tokens < 0:
        raise InvalidInputError(f"tokens from bucket {bucket.name}", tokens, "0 or more")
    current = _refilled(state, bucket, now_ms)
    if exit:
        until_ms = min(state.backoff_until_ms, state.refused_at_ms + EXIT_BACKOFF_MS)
        if now_ms < until_ms:
            return Grant(None, until_ms - now_ms)
        debited = max(current.level_milli - tokens * MILLI, -bucket.capacity * MILLI)
        return Grant(structs.replace(current, level_milli=debited))
    if tokens > bucket.capacity - reserve:
        raise InvalidInputError(
            f"tokens from bucket {bucket.name}", tokens, f"at most {bucket.capacity - reserve} (capacity less reserve)"
        )
    short = (tokens + reserve) * MILLI - current.level_milli
    wait_ms = max(state.backoff_until_ms - now_ms, 0)
    if short > 0:
        # current.at_ms is later than now_ms where another writer's clock runs ahead: refilling starts there.
        wait_ms = max(wait_ms, current.at_ms - now_ms - (-short // bucket.refill))
    if wait_ms > 0:
        return Grant(None, wait_ms)
    return Grant(structs.replace(current, level_milli=current.level_milli - tokens * MILLI))


def exit_reserve(bucket: Bucket, costs: Costs, *, reads: bool = False) -> int:
    """Tokens that non-exits leave: 30 % of capacity, at least one cancel and one create (`reads`: three reads)."""
    least = 3 * costs.read if reads else costs.cancel + costs.create
    return min(max(-(-3 * bucket.capacity // 10), least), bucket.capacity)


def largest_batch(bucket: Bucket, reserve: int, cost: int, per_call: int) -> int:
    """The most items of `cost` tokens that one call may carry; 0 where the bucket never holds enough for one."""
    return min(per_call, (bucket.capacity - reserve) // cost) if cost > 0 else per_call


def available(state: BucketState, bucket: Bucket, now_ms: int, reserve: int) -> int:
    """Tokens that a non-exit take would be granted at once: none in back-off."""
    if now_ms < state.backoff_until_ms:
        return 0
    return max(_refilled(state, bucket, now_ms).level_milli // MILLI - reserve, 0)


def after_refusal(state: BucketState, bucket: Bucket, now_ms: int, jitter_permille: int) -> BucketState:
    """The state after a real 429: empty, and in back-off of 500 ms x 2^n, 30 s at most.

    Half of the back-off is fixed, the other half is scaled by `jitter_permille` (0 to 1000), so that writers who
    were refused together do not come back together.
    """
    if not 0 <= jitter_permille <= 1000:
        raise InvalidInputError("jitter_permille", jitter_permille, "0 to 1000")
    current = _refilled(state, bucket, now_ms)
    whole_ms = min(FIRST_BACKOFF_MS << min(state.refusals, 10), LONGEST_BACKOFF_MS)
    backoff_ms = whole_ms * (1000 + jitter_permille) // 2000
    return BucketState(
        level_milli=min(current.level_milli, 0),
        at_ms=current.at_ms,
        backoff_until_ms=max(state.backoff_until_ms, now_ms + backoff_ms),
        refusals=state.refusals + 1,
        refused_at_ms=now_ms,
    )


def after_success(state: BucketState) -> BucketState:
    """The state after an answer that was no 429: the count starts anew. The same object where nothing changes.

    A running back-off stays: the answer may be to a request that was sent before the refusal.
    """
    return structs.replace(state, refusals=0) if state.refusals else state


def _refilled(state: BucketState, bucket: Bucket, now_ms: int) -> BucketState:
    if now_ms <= state.at_ms:
        return state
    level = min(state.level_milli + (now_ms - state.at_ms) * bucket.refill, bucket.capacity * MILLI)
    return structs.replace(state, level_milli=level, at_ms=now_ms)
