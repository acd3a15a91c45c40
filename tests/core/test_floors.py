"""Floors, slices and back-off of an exit: never a gift, never a zombie, never given up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.bracket import Exit, ExitSource
from holdfast.core.errors import InvalidInputError
from holdfast.core.floors import FloorPolicy, backoff_ms, floor_of, is_alarm_due, is_dust, is_last_step, slice_of
from holdfast.core.grid import OwnGrid
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from tests.core.exit_world import MARKET, NOW, ONE, RULES

POLICY = FloorPolicy(first=200, step=100, most=1_000, every_ms=10_000, alarm_after=5)
FINE = structs.replace(MARKET, bands=(PriceBand(0, 1_000, 10), PriceBand(1_000, ONE, 100)))


def begun(source=ExitSource.ARMED_STOP, mark=5_300, intended=5_300, failures=0, ago_ms=0):
    return Exit(source, "due", NOW - ago_ms, mark, intended, mark, 1_000, failures=failures)


def floor(exit, marked=None, rules=MARKET, now_ms=NOW, side=Side.BUY):
    return floor_of(exit, marked, POLICY, OwnGrid(rules, side, RULES.scale, ONE), now_ms)


# --- floors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "ago_ms", "expected"),
    [
        (0, 0, 5_100),
        (0, 3_600_000, 5_100),  # an hour in which nothing could be sent gives nothing away
        (9, 0, 5_100),  # nor does a burst of refusals
        (1, 10_000, 5_000),
        (3, 9_999, 5_100),
        (3, 20_000, 4_900),
        (2, 90_000, 4_900),
        (8, 80_000, 4_300),
        (99, 3_600_000, 4_300),
    ],
)
def test_the_floor_widens_a_step_at_a_time_and_no_further_than_its_most(failures, ago_ms, expected):
    assert floor(begun(failures=failures, ago_ms=ago_ms)) == expected


def test_the_floor_is_measured_from_the_last_trusted_price():
    assert floor(begun(mark=5_300), marked=4_000) == 3_800
    assert floor(begun(mark=5_300), marked=6_000) == 5_800
    assert floor(begun(mark=5_300), marked=None) == 5_100


@pytest.mark.parametrize(
    ("mark", "rules", "expected"),
    [(250, MARKET, 100), (100, MARKET, 100), (0, MARKET, 100), (250, FINE, 50), (9_990, MARKET, 9_800)],
)
def test_the_floor_stays_in_the_market(mark, rules, expected):
    assert floor(begun(mark=mark, intended=0), rules=rules) == expected


def test_the_floor_is_snapped_upwards_and_on_the_held_outcomes_grid():
    assert floor(begun(mark=5_350)) == 5_200
    assert floor(begun(mark=9_455), rules=FINE, side=Side.SELL) == 9_260
    assert floor(begun(mark=9_105), rules=FINE, side=Side.SELL) == 9_000
    assert floor(begun(mark=150, intended=0), rules=FINE, side=Side.SELL) == 100, "its lowest price"


def test_a_take_profit_asks_for_its_price_first_and_gives_way_after_a_failure():
    tried = begun(ExitSource.POSITION_MONITOR_TP, mark=7_100, intended=7_000)
    assert floor(tried) == 7_000
    assert floor(structs.replace(tried, failures=1), now_ms=NOW + 10_000) == 6_800
    assert floor(tried, marked=6_500) == 6_300  # the market has left: the floor goes with it


@given(
    mark=st.integers(1, 9_999),
    marked=st.one_of(st.none(), st.integers(1, 9_999)),
    failures=st.integers(0, 50),
    ago_ms=st.integers(0, 10_000_000),
    source=st.sampled_from([ExitSource.ARMED_STOP, ExitSource.POSITION_MONITOR_TP]),
)
def test_no_floor_is_further_below_the_mark_than_the_most(mark, marked, failures, ago_ms, source):
    made = floor(begun(source, mark, failures=failures, ago_ms=ago_ms), marked)
    base = mark if marked is None else marked
    assert MARKET.lowest <= made <= MARKET.highest
    assert made % 100 == 0
    assert made >= min(base - POLICY.most, MARKET.highest)


@pytest.mark.parametrize(
    ("failures", "ago_ms", "last", "alarm"),
    [
        (0, 0, False, False),
        (4, 0, False, False),
        (5, 0, False, True),
        (8, 80_000, True, True),
        (4, 99_000, False, False),
    ],
)
def test_when_a_person_is_told(failures, ago_ms, last, alarm):
    exit = begun(failures=failures, ago_ms=ago_ms)
    assert (is_last_step(exit, POLICY, NOW), is_alarm_due(exit, POLICY, NOW)) == (last, alarm)


def test_a_policy_of_one_step_alarms_after_a_failure_and_not_before():
    flat = FloorPolicy(first=200, step=1, most=200, every_ms=1_000, alarm_after=99)
    assert not is_alarm_due(begun(ago_ms=60_000), flat, NOW)
    assert is_alarm_due(begun(failures=1), flat, NOW)


@pytest.mark.parametrize("changes", [{"first": -1}, {"step": 0}, {"most": 199}, {"every_ms": 0}, {"alarm_after": 0}])
def test_a_policy_that_makes_no_sense_is_refused(changes):
    with pytest.raises(InvalidInputError, match=next(iter(changes))):
        structs.replace(POLICY, **changes)


# --- slices -----------------------------------------------------------------------------------------------------------

CHEAP = MarketRules("M", (PriceBand(0, ONE, 100),), min_size=500, size_step=100, status=MarketStatus.OPEN)
NO_BOUND = 10**12


@pytest.mark.parametrize(
    ("remaining", "depth", "money", "size"),
    [
        (10_000, 3_000, NO_BOUND, 3_000),  # what the book takes
        (10_000, 3_050, NO_BOUND, 3_000),  # on the grid
        (10_000, 0, NO_BOUND, 500),  # a thin book is tried all the same: it may have changed
        (10_000, 100, NO_BOUND, 500),
        (10_000, 99_999, 5_000 * 2_000, 2_000),  # bounded money
        (10_000, 99_999, 1, 500),  # never less than the smallest order
        (10_000, 9_600, NO_BOUND, 10_000),  # 400 left would be dust
        (10_000, 9_500, NO_BOUND, 9_500),
        (10_050, 99_999, NO_BOUND, 10_000),
        (499, 99_999, NO_BOUND, 0),
        (0, 99_999, NO_BOUND, 0),
        (-500, 99_999, NO_BOUND, 0),
        (500, 0, NO_BOUND, 500),
    ],
)
def test_the_size_of_a_slice(remaining, depth, money, size):
    assert slice_of(remaining, depth, 5_000, money, CHEAP) == size


@given(
    st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 9_999), st.integers(0, 10**9), st.integers(1, 700)
)
def test_slices_sell_everything_but_dust_and_never_too_much(remaining, depth, price, money, min_size):
    rules = structs.replace(CHEAP, min_size=min_size)
    size = slice_of(remaining, depth, price, money, rules)
    assert 0 <= size <= remaining
    assert rules.snap_size(size) == size
    assert (size == 0) == is_dust(remaining, rules)
    left = remaining - size
    assert is_dust(remaining, rules) or not is_dust(left, rules) or left < rules.size_step


@pytest.mark.parametrize(("remaining", "dust"), [(499, True), (500, False), (0, True), (599, False)])
def test_dust_is_what_the_venue_takes_no_order_for(remaining, dust):
    assert is_dust(remaining, CHEAP) == dust


def test_the_backoff_starts_at_a_second_doubles_and_ends_nowhere():
    assert [backoff_ms(failures) for failures in range(8)] == [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
    assert backoff_ms(10**9) == 30_000
