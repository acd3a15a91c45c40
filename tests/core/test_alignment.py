"""Protection that can't work is found before it costs money, and the defaults are clean."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.alignment import Setup, Severity, alignment_of
from holdfast.core.distances import Distances, parse_distance
from holdfast.core.errors import InvalidInputError
from holdfast.core.fees import FeeRate, FeeRates
from holdfast.core.grid import OwnGrid
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.scale import Scale
from holdfast.state.switch_set import Switches

CENTS = Scale(4, 2)
COINS = Scale(2, 8)
PREDICTION_FEES = FeeRates(taker=FeeRate(of_odds=Decimal("0.07")))
SPOT_FEES = FeeRates(taker=FeeRate(of_value=Decimal("0.012")), maker=FeeRate(of_value=Decimal("0.006")))


def grid_of(tick=100, side=Side.BUY):
    rules = MarketRules("M", (PriceBand(0, CENTS.one, tick),), 1, 1, MarketStatus.OPEN)
    return OwnGrid(rules, side, CENTS, CENTS.one)


def prediction(tick=100, side=Side.BUY, entry=5_000, spread=100, atr=None, rests=True, **switches):
    wanted = Switches(**switches).distances
    grid = grid_of(tick, side)
    return Setup(grid=grid, wanted=wanted, entry=entry, spread=spread, fees=PREDICTION_FEES, atr=atr, rests=rests)


def spot(take_profit="3.5%", stop_loss="4.5%", soft_stop="4.5%", hard_stop="6%", entry=10_000_000, **changes):
    """A coin at $100,000.00 in steps of a cent, with a stop that the venue holds."""
    rules = MarketRules("BTC-USD", (PriceBand(0, 10**12, 1),), 1, 1, MarketStatus.OPEN)
    wanted = Distances(
        take_profit=parse_distance(take_profit),
        stop_loss=parse_distance(stop_loss),
        soft_stop=parse_distance(soft_stop),
        hard_stop=parse_distance(hard_stop),
    )
    grid = OwnGrid(rules, Side.BUY, COINS, None)
    found = Setup(grid=grid, wanted=wanted, entry=entry, spread=1, fees=SPOT_FEES, stop_limit_percent=Decimal(5))
    return structs.replace(found, **changes)


def said(setup):
    return [(finding.severity.value, finding.setting) for finding in alignment_of(setup).findings]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("tick", [10, 25, 50, 100])
@pytest.mark.parametrize("trailing", [False, True])
@pytest.mark.parametrize("spread", [100, 200])
def test_the_defaults_are_clean_on_every_grid_of_a_prediction_market(side, tick, trailing, spread):
    found = alignment_of(prediction(tick, side, spread=spread, use_trailing_exit=trailing))
    assert found.findings == ()
    assert not found.has_errors


@pytest.mark.parametrize("entry", [1_200, 5_000, 8_800])
def test_the_defaults_are_clean_where_every_outcome_has_a_book_of_its_own(entry):
    setup = prediction(entry=entry)
    assert alignment_of(structs.replace(setup, grid=structs.replace(setup.grid, one=None))).findings == ()


def test_break_even_by_hand_for_the_defaults():
    """Bought at 0.50 for a fee of 0.07 x 0.25 = 0.0175. The take profit at 0.60 rests and costs nothing: 0.0825 won.
    The stop at 0.43 costs 0.07 x 0.43 x 0.57 = 0.017157, in units 0.0172: 0.1047 lost. 1047 / 1872 = 55.93 %."""
    found = alignment_of(prediction())
    assert (found.win, found.loss, found.break_even) == (825, 1_047, Decimal("56.0"))


def test_a_take_profit_of_ours_pays_the_takers_fee():
    """0.07 x 0.60 x 0.40 = 0.0168 more."""
    assert alignment_of(prediction(rests=False)).win == 825 - 168


def test_a_loss_is_taken_at_the_stop_that_fires_first_and_the_monitor_has_its_soft_stop_alone():
    """At 0.42 the fee is 0.07 x 0.42 x 0.58 = 0.017052, in units 0.0171: 0.08 + 0.0175 + 0.0171."""
    wider = {"soft_stop": "0.08", "hard_stop": "0.11"}
    assert alignment_of(prediction(**wider)).loss == 1_047
    assert alignment_of(prediction(rests=False, **wider)).loss == 1_146


def test_break_even_by_hand_for_a_coin():
    """Bought for 1.2 % = $1,200, sold at $103,500 resting for $621 or at $95,500 for $1,146: +$1,679 or -$6,846."""
    found = alignment_of(spot())
    assert (found.win, found.loss, found.break_even) == (167_900, 684_600, Decimal("80.4"))


def test_the_stop_of_the_venue_may_be_filling_when_the_hard_stop_fires():
    """At -4.5 % with a limit 5 % beyond: down to $90,725. The hard stop at $94,000 comes first."""
    (warning,) = alignment_of(spot()).findings
    assert (warning.severity, warning.setting, warning.value) == (Severity.WARNING, "hard_stop", "6%")
    assert "90725.00" in warning.allowed
    assert said(spot(stop_limit_percent=None)) == []
    assert said(spot(stop_limit_percent=Decimal("0.5"))) == []


@pytest.mark.parametrize(
    ("hard", "expected"),
    [("4.9%", "error"), ("5.0%", None), ("7.0%", None), ("7.1%", "warning"), ("4.5%", "error"), ("4%", "error")],
)
def test_a_hard_stop_in_percent_is_half_to_two_and_a_half_points_wider(hard, expected):
    assert said(spot(hard_stop=hard, stop_limit_percent=None)) == ([(expected, "hard_stop")] if expected else [])


@pytest.mark.parametrize(
    ("hard", "tick", "expected"),
    [
        ("0.08", 100, "error"),
        ("0.09", 100, None),
        ("0.12", 100, None),
        ("0.13", 100, "warning"),
        ("0.074", 10, "error"),
        ("0.075", 10, None),
    ],
)
def test_a_hard_stop_in_prices_is_two_ticks_or_half_a_cent_to_five_cents_wider(hard, tick, expected):
    found = said(prediction(tick, hard_stop=hard))
    assert found == ([(expected, "hard_stop")] if expected else [])


def test_a_percent_stop_on_a_grid_of_cents_is_judged_after_snapping():
    """8 % and 9 % of 0.30 are both 0.28: the soft stop is held at 0.27, and the hard stop has no gap of two ticks."""
    found = alignment_of(prediction(entry=3_000, stop_loss="8%", soft_stop="8%", hard_stop="9%"))
    assert (found.levels.soft_stop, found.levels.hard_stop) == (2_700, 2_600)
    assert ("error", "hard_stop") in [(f.severity.value, f.setting) for f in found.findings]
    assert found.has_errors


def test_a_soft_stop_nearer_than_the_brackets_own_leaves_that_one_dead():
    assert said(prediction(soft_stop="0.06", hard_stop="0.09")) == [], "within a tick"
    (error, *_) = alignment_of(prediction(soft_stop="0.05", hard_stop="0.08")).findings
    assert (error.severity, error.setting, error.value) == (Severity.ERROR, "soft_stop", "0.05")
    assert "0.0700 away here" in error.allowed


def test_the_brackets_stop_is_the_typical_one_with_atr_cushions_and_fees():
    """1.8 x $1,500 + 1.2 % fee + a cent: $3,900.01 away. A soft stop of 3 % is nearer, one of 4 % is not."""
    settings = {"stop_loss": "1.8atr", "take_profit": "12%", "atr": 150_000, "stop_limit_percent": None}
    assert said(spot(soft_stop="3%", hard_stop="4.5%", **settings)) == [("error", "soft_stop")]
    assert said(spot(soft_stop="4%", hard_stop="5.5%", **settings)) == []


def test_a_take_profit_that_spread_and_fees_eat_is_an_error():
    """0.03 against a spread of 0.01 and a fee of 0.0175 in and none out: 0.0025 is left; a wider spread takes it."""
    assert said(prediction(take_profit="0.03")) == []
    (error,) = alignment_of(prediction(take_profit="0.04", spread=200, rests=False)).findings
    assert (error.severity, error.setting) == (Severity.ERROR, "take_profit")
    assert "0.0549" in error.allowed, "0.02 spread, 0.0175 in, 0.0174 out"
    assert alignment_of(spot(take_profit="1.7%")).break_even is None, "every win loses money"
    assert ("error", "take_profit") in said(spot(take_profit="1.7%"))


def test_distances_within_the_spread_are_said_and_widened():
    found = alignment_of(prediction(stop_loss="0.02", soft_stop="0.02", hard_stop="0.06"))
    assert [(f.severity.value, f.setting, f.value) for f in found.findings] == [
        ("warning", "stop_loss", "0.02"),
        ("warning", "soft_stop", "0.02"),
    ]
    assert "0.0300" in found.findings[0].allowed
    assert found.levels.stop == 4_700


def test_a_distance_below_one_tick_is_an_error_and_one_between_ticks_is_said():
    assert ("error", "stop_loss") in said(prediction(stop_loss="0.005"))
    (warning,) = alignment_of(prediction(take_profit="0.105")).findings
    assert (warning.severity, warning.setting) == (Severity.WARNING, "take_profit")
    assert "ticks" in warning.allowed


def test_a_missing_atr_is_an_error_of_every_setting_that_needs_it():
    found = alignment_of(prediction(stop_loss="1.8atr", soft_stop="1.8atr"))
    assert [(f.severity.value, f.setting) for f in found.findings] == [("error", "stop_loss"), ("error", "soft_stop")]
    assert (found.levels, found.break_even) == (None, None)


def test_a_trailing_stop_that_can_not_lock_a_gain_in_is_said():
    trailing = {"use_trailing_exit": True}
    assert said(prediction(trailing_distance="0.05", **trailing)) == [("warning", "trailing_distance")]
    assert said(prediction(trailing_activation="25%", **trailing)) == [("warning", "trailing_activation")]


def test_an_entry_that_would_be_refused_is_an_error_first():
    found = alignment_of(prediction(entry=400))
    assert found.has_errors
    assert "no stop fits" in str(found.findings[0])


def test_a_finding_is_one_readable_line():
    (error,) = alignment_of(prediction(hard_stop="0.08")).findings
    assert str(error) == (
        "error: hard_stop 0.08: from 0.0200 to 0.0500 wider than the soft stop; after snapping it is 0.0100 wider"
    )


@given(st.integers(1_200, 8_600), st.sampled_from(Side))
def test_either_outcome_has_the_same_findings_and_break_even(entry, side):
    one, other = prediction(entry=entry), prediction(entry=entry, side=side)
    assert alignment_of(one) == alignment_of(other)


@given(st.integers(1_200, 8_600).map(lambda price: price // 100 * 100))
def test_winning_at_the_break_even_rate_loses_nothing(entry):
    found = alignment_of(prediction(entry=entry))
    rate = found.break_even / 100
    assert 0 <= rate * found.win - (1 - rate) * found.loss < Decimal("0.001") * (found.win + found.loss)


@pytest.mark.parametrize("rate", ["-0.01", "1", "NaN"])
def test_a_fee_that_can_not_be_is_refused(rate):
    with pytest.raises(InvalidInputError, match="fee rate of_odds"):
        FeeRate(of_odds=Decimal(rate))
