"""The ATR is Wilder's, exact, and never made up where there are too few candles."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.atr import wilder_atr
from holdfast.core.candles import Candle
from holdfast.core.errors import InvalidInputError


def candle(index, high, low, close):
    """The ATR asks for no opening price."""
    return Candle(index, index + 1, close, high, low, close)


def candles_of(*rows):
    return [candle(index, *row) for index, row in enumerate(rows)]


@st.composite
def series(draw, least=0, most=60):
    found = []
    for index in range(draw(st.integers(least, most))):
        low = draw(st.integers(1, 9_000))
        high = low + draw(st.integers(0, 900))
        found.append(candle(index, high, low, draw(st.integers(low, high))))
    return found


def test_by_hand_with_a_period_of_three():
    """True ranges 4, 5 (a gap up from 12 to 17), 3, 9 (a gap down from 15 to 6): 12/3 = 4, then (2 x 4 + 9) / 3."""
    candles = candles_of((11, 9, 10), (13, 9, 12), (17, 14, 14), (16, 13, 15), (10, 6, 8))
    assert wilder_atr(candles[:4], period=3) == 4
    assert wilder_atr(candles, period=3) == 6  # 5 2/3, rounded up


def walk(count):
    """The candles that were given to TA-Lib."""
    rng, close, found = random.Random(14), 5_000, []
    for index in range(count):
        first = close + rng.randint(-30, 30)
        close = max(100, first + rng.randint(-120, 120))
        high, low = max(first, close) + rng.randint(0, 60), min(first, close) - rng.randint(0, 60)
        found.append(candle(index, high, max(low, 1), close))
    return found


@pytest.mark.parametrize(
    ("count", "theirs"), [(15, "110.78571428571429"), (30, "96.81532433816942"), (90, "114.40826313224606")]
)
def test_equal_to_what_ta_lib_says(count, theirs):
    """Values of TA-Lib 0.8.2, ATR(timeperiod=14), for the same candles."""
    assert wilder_atr(walk(count)) == -(-Fraction(theirs) // 1)


def test_fourteen_candles_are_thirteen_true_ranges():
    assert wilder_atr(walk(14)) is None
    assert wilder_atr([]) is None


@given(series(least=15))
def test_it_is_between_the_smallest_and_the_largest_move(candles):
    moves = [max(now.high, before.close) - min(now.low, before.close) for before, now in pairwise(candles)]
    assert min(moves) <= wilder_atr(candles) <= max(moves)


@given(series(least=15), st.integers(2, 50))
def test_finer_units_only_sharpen_it(candles, finer):
    """Rounded once, at the end: the same candles in units `finer` times as fine say the same, rounded up."""
    fine = [candle(c.start_at_ms, c.high * finer, c.low * finer, c.close * finer) for c in candles]
    assert wilder_atr(candles) == -(-wilder_atr(fine) // finer)


@given(series(least=16), st.integers(1, 5_000))
def test_a_wider_last_candle_never_lowers_it(candles, more):
    wider = [*candles[:-1], structs.replace(candles[-1], high=candles[-1].high + more)]
    assert wilder_atr(wider) >= wilder_atr(candles)


def test_candles_in_the_wrong_order_are_refused():
    with pytest.raises(InvalidInputError, match="oldest first"):
        wilder_atr(walk(20)[::-1])
    with pytest.raises(InvalidInputError, match="oldest first"):
        wilder_atr([*walk(20), walk(20)[-1]])


@given(series(least=15))
def test_it_is_the_same_for_either_outcome(candles):
    mirrored = [candle.mirrored(10_000) for candle in candles if candle.high < 10_000]
    assert wilder_atr(mirrored) == wilder_atr([candle for candle in candles if candle.high < 10_000])


def test_a_period_below_one_is_refused():
    with pytest.raises(InvalidInputError, match="period"):
        wilder_atr(walk(20), period=0)
