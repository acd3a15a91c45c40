"""Candles say what was traded, of either outcome; bars are whole, well covered, and never made up."""

import pytest

from holdfast.core.atr import wilder_atr
from holdfast.core.candles import Candle, PricePoint, bars_of
from holdfast.core.errors import InvalidInputError

MINUTE = 60_000
BAR = 10 * MINUTE
START = 1_000 * BAR


def points(*prices, start=START, step=MINUTE):
    return [PricePoint(start + index * step, price) for index, price in enumerate(prices)]


def bars(found, from_ms=START, until_ms=START + 100 * BAR, step=MINUTE):
    return bars_of(found, BAR, step, from_ms, until_ms)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"open": 4_000}, "candle of 0"),
        ({"open": 6_000}, "candle of 0"),
        ({"close": 4_000}, "candle of 0"),
        ({"close": 6_000}, "candle of 0"),
        ({"low": 0, "open": 0}, "candle of 0"),
        ({"high": 4_400, "low": 4_600}, "candle of 0"),
        ({"end_at_ms": 0}, "later than its start"),
    ],
)
def test_a_candle_that_can_not_be_is_refused(changes, what):
    good = {"start_at_ms": 0, "end_at_ms": 1, "open": 5_000, "high": 5_500, "low": 4_500, "close": 4_600}
    assert Candle(**good).high == 5_500
    with pytest.raises(InvalidInputError, match=what):
        Candle(**{**good, **changes})


def test_the_other_outcome_opens_where_this_one_does_and_its_high_is_our_low():
    yes = Candle(0, 1, open=5_000, high=5_700, low=4_500, close=4_600)
    assert yes.mirrored(10_000) == Candle(0, 1, open=5_000, high=5_500, low=4_300, close=5_400)
    assert yes.mirrored(10_000).mirrored(10_000) == yes


def test_a_bar_is_its_points_first_highest_lowest_and_last():
    first = points(5_000, 5_200, 5_100, 4_700, 4_900, 4_900, 4_950, 4_960, 4_970, 4_980)
    second = points(*[6_000] * 10, start=START + BAR)
    assert bars(first + second) == [
        Candle(START, START + BAR, 5_000, 5_200, 4_700, 4_980),
        Candle(START + BAR, START + 2 * BAR, 6_000, 6_000, 6_000, 6_000),
    ]


def test_points_in_any_order_are_put_in_that_of_time():
    found = points(5_000, 5_200, 5_100, 4_700, 4_900, 4_980)
    assert bars(found[::-1]) == bars(found)


def test_the_bar_under_way_and_one_that_began_before_the_first_question_are_left_out():
    found = points(*[5_000] * 30)
    whole = bars(found, START + MINUTE, START + 3 * BAR - 1)
    assert [bar.start_at_ms for bar in whole] == [START + BAR]


@pytest.mark.parametrize(("count", "formed"), [(0, 0), (4, 0), (5, 1), (10, 1)])
def test_a_bar_of_few_points_is_a_gap(count, formed):
    """A venue that answers coarser than asked would else make a wild market look calm, and its stops too near."""
    assert len(bars(points(*[5_000] * count))) == formed


def test_a_point_a_bar_is_enough_where_no_more_were_asked_for():
    found = bars(points(5_000, 5_100, 4_900, step=BAR), step=BAR)
    assert [(bar.open, bar.close) for bar in found] == [(5_000, 5_000), (5_100, 5_100), (4_900, 4_900)]


def test_a_gap_counts_as_far_as_the_price_went_meanwhile():
    """Fifteen bars at one price, nothing for an hour, then one a quarter higher: the range of the gap is in the ATR."""
    flat = points(*[5_000] * 150)
    later = points(*[7_500] * 10, start=START + 21 * BAR)
    found = bars(flat + later)
    assert len(found) == 16
    assert wilder_atr(found) == -(-2_500 // 14)


def test_prices_that_are_none_and_bars_shorter_than_a_step_are_refused():
    with pytest.raises(InvalidInputError, match="candle of"):
        bars(points(*[0] * 10))
    with pytest.raises(InvalidInputError, match="step"):
        bars(points(5_000), step=2 * BAR)
