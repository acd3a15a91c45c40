"""Token buckets: what a venue would refuse is never granted, what it would accept is not held back for longer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.capabilities import Bucket, Costs
from holdfast.core.errors import InvalidInputError
from holdfast.core.limits import (
    EXIT_BACKOFF_MS,
    LONGEST_BACKOFF_MS,
    MILLI,
    BucketState,
    after_refusal,
    after_success,
    exit_reserve,
    full,
    largest_batch,
    take,
)

WRITE = Bucket("write", refill=100, capacity=100)
COSTS = Costs(create=10, cancel=2, amend=10, decrease=10, read=10)

buckets = st.builds(Bucket, st.just("write"), st.integers(1, 5_000), st.integers(10, 20_000))


@st.composite
def takes(draw):
    """A bucket, a reserve, and requests (ms since the last one, tokens, exit)."""
    bucket = draw(buckets)
    reserve = draw(st.integers(0, bucket.capacity - 1))
    tokens = st.integers(0, bucket.capacity - reserve)
    requests = draw(st.lists(st.tuples(st.integers(0, 3_000), tokens, st.booleans()), min_size=1, max_size=40))
    return bucket, reserve, requests


@given(takes())
def test_no_window_grants_more_than_the_venue_refills(case):
    bucket, reserve, requests = case
    state, now, granted = full(bucket, 0), 0, [(0, 0)]
    for pause, tokens, _ in requests:
        now += pause
        grant = take(state, bucket, tokens, now, reserve=reserve)
        if grant.state is not None:
            state = grant.state
            granted.append((now, tokens))
    for first in range(len(granted)):
        spent = 0
        for at, tokens in granted[first:]:
            spent += tokens
            assert spent * MILLI <= (bucket.capacity - reserve) * MILLI + (at - granted[first][0]) * bucket.refill


@given(takes())
def test_non_exits_leave_the_reserve_and_exits_are_granted_at_once(case):
    bucket, reserve, requests = case
    state, now = full(bucket, 0), 0
    for pause, tokens, is_exit in requests:
        now += pause
        grant = take(state, bucket, tokens, now, reserve=reserve, exit=is_exit)
        if is_exit:
            assert grant.state is not None
            assert grant.state.level_milli >= -bucket.capacity * MILLI
        elif grant.state is not None:
            assert grant.state.level_milli >= reserve * MILLI
        state = grant.state or state


@given(takes(), st.integers(0, 40_000), st.integers(-2_000, 40_000))
def test_the_wait_is_exact(case, backoff_until, now):
    bucket, reserve, requests = case
    state = BucketState(-bucket.capacity * MILLI // 2, 0, backoff_until_ms=backoff_until)
    tokens = requests[0][1]
    grant = take(state, bucket, tokens, now, reserve=reserve)
    if grant.state is None:
        assert take(state, bucket, tokens, now + grant.wait_ms, reserve=reserve).state is not None
        just_before = take(state, bucket, tokens, now + grant.wait_ms - 1, reserve=reserve)
        assert just_before.state is None
        assert just_before.wait_ms == 1
    else:
        assert grant.wait_ms == 0
        assert now >= backoff_until


def test_what_was_taken_has_to_be_refilled():
    state = full(WRITE, 0)
    first = take(state, WRITE, 70, 0, reserve=30).state
    assert first is not None
    second = take(first, WRITE, 10, 0, reserve=30)
    assert second.state is None
    assert second.wait_ms == 100


def test_a_clock_that_runs_backwards_refills_nothing():
    spent = take(full(WRITE, 10_000), WRITE, 70, 10_000, reserve=30).state
    assert spent is not None
    behind = take(spent, WRITE, 0, 4_000, reserve=30).state
    assert behind == spent
    assert take(behind, WRITE, 10, 10_000, reserve=30).state is None


def test_a_request_that_never_fits_is_an_error_not_an_endless_wait():
    with pytest.raises(InvalidInputError, match="at most 70"):
        take(full(WRITE, 0), WRITE, 71, 0, reserve=30)
    with pytest.raises(InvalidInputError):
        take(full(WRITE, 0), WRITE, -1, 0, reserve=30)


def test_debt_of_exits_is_bounded_so_that_quotes_come_back():
    state = full(WRITE, 0)
    for _ in range(50):
        state = take(state, WRITE, 60, 0, reserve=30, exit=True).state
        assert state is not None
    assert take(state, WRITE, 10, 0, reserve=30).wait_ms == 1_400  # 100 of debt, 30 of reserve, 10 asked


@given(buckets, st.integers(0, 12), st.integers(0, 1000))
def test_back_off_doubles_up_to_its_longest_and_ends(bucket, refusals, jitter):
    state = BucketState(bucket.capacity * MILLI, 1_000, refusals=refusals)
    refused = after_refusal(state, bucket, 1_000, jitter)
    whole = min(500 * 2**refusals, LONGEST_BACKOFF_MS)
    assert whole // 2 <= refused.backoff_until_ms - 1_000 <= whole
    assert refused.refusals == refusals + 1
    assert refused.level_milli == 0
    waiting = take(refused, bucket, 0, 1_000, reserve=0)
    assert waiting.state is None
    assert waiting.wait_ms == refused.backoff_until_ms - 1_000


def test_only_a_real_429_delays_an_exit_and_only_briefly():
    state = full(WRITE, 0)
    for _ in range(8):
        state = after_refusal(state, WRITE, 5_000, 1000)
    assert state.backoff_until_ms == 35_000
    refused = take(state, WRITE, 12, 5_000, reserve=30, exit=True)
    assert (refused.state, refused.wait_ms) == (None, EXIT_BACKOFF_MS)
    assert take(state, WRITE, 12, 5_000 + EXIT_BACKOFF_MS, reserve=30, exit=True).state is not None
    assert take(state, WRITE, 12, 34_999, reserve=30).state is None


def test_a_refusal_keeps_debt_and_a_longer_back_off():
    state = BucketState(-40 * MILLI, 1_000, backoff_until_ms=20_000)
    refused = after_refusal(state, WRITE, 1_000, 0)
    assert refused.level_milli == -40 * MILLI
    assert refused.backoff_until_ms == 20_000
    with pytest.raises(InvalidInputError):
        after_refusal(state, WRITE, 1_000, 1001)


def test_success_resets_the_count_only_and_writes_nothing_when_there_is_none():
    refused = after_refusal(full(WRITE, 0), WRITE, 0, 500)
    after = after_success(refused)
    assert after.refusals == 0
    assert after.backoff_until_ms == refused.backoff_until_ms
    assert after_success(after) is after


def test_exit_reserve_covers_an_exit_on_every_tier():
    assert exit_reserve(WRITE, COSTS) == 30
    assert exit_reserve(Bucket("write", 30, 30), COSTS) == 12  # one cancel and one create
    assert exit_reserve(Bucket("read", 30, 60), COSTS, reads=True) == 30  # three reads
    assert exit_reserve(Bucket("write", 5, 5), COSTS) == 5
    assert exit_reserve(Bucket("write", 11, 101), COSTS) == 31


@given(buckets, st.integers(1, 50), st.integers(1, 100))
def test_the_largest_batch_is_grantable_and_one_more_is_not(bucket, cost, per_call):
    reserve = exit_reserve(bucket, COSTS)
    items = largest_batch(bucket, reserve, cost, per_call)
    assert 0 <= items <= per_call
    assert take(full(bucket, 0), bucket, items * cost, 0, reserve=reserve).state is not None
    if items < per_call:
        with pytest.raises(InvalidInputError):
            take(full(bucket, 0), bucket, (items + 1) * cost, 0, reserve=reserve)


def test_an_empty_bucket_is_refused_at_load():
    with pytest.raises(InvalidInputError, match="bucket write"):
        Bucket("write", 0, 100)
