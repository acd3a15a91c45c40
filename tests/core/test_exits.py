"""The exit decision: every rule against every other, in both modes, with and without legs at the venue."""

from itertools import combinations

import pytest
from msgspec import structs

from holdfast.core.bracket import BracketState, Exit, ExitMode, ExitSource, Levels
from holdfast.core.legs import NO_LEGS, LegName, Legs, NativeStop, RestingLeg
from holdfast.core.market import MarketStatus, PriceBand, Side
from tests.core.exit_world import HOUR, LEVELS, MARKET, NOW, ONE, RULES, TICK, bracket, decided, mark, seen_as_sold

LIMIT, MONITOR = ExitMode.LIMIT_ORDERS, ExitMode.MONITOR
HARD, ARMED, SOFT = ExitSource.POSITION_MONITOR_HARD, ExitSource.ARMED_STOP, ExitSource.POSITION_MONITOR_SOFT
TRAILING, SIGNAL = ExitSource.POSITION_MONITOR_TRAILING, ExitSource.POSITION_MONITOR_SIGNAL
TAKE_PROFIT, TIME = ExitSource.POSITION_MONITOR_TP, ExitSource.TIME_LIMIT
MANUAL, FLATTEN = ExitSource.MANUAL, ExitSource.RISK_FLATTEN
RANKED = (HARD, ARMED, SOFT, TRAILING, SIGNAL, TAKE_PROFIT, TIME)
BID = 6_000


def due(*sources, mode=LIMIT, asked=SIGNAL, **changes):
    """A bracket of which exactly these rules are due at a bid of 0.60."""
    levels = Levels(
        take_profit=5_900 if TAKE_PROFIT in sources else 9_000,
        stop=6_300 if ARMED in sources else 1_300,
        soft_stop=6_200 if SOFT in sources else 1_200,
        hard_stop=6_100 if HARD in sources else 1_100,
        trailing_activation=7_000 if TRAILING in sources else 0,
        trailing_distance=500 if TRAILING in sources else 0,
    )
    return bracket(
        mode,
        levels,
        peak=7_000 if TRAILING in sources else 6_000,
        exit_asked=asked if SIGNAL in sources else None,
        opened_at_ms=NOW - 24 * HOUR if TIME in sources else NOW - HOUR,
        **changes,
    )


def fired(decision):
    return decision.exit.source if decision.exit else None


@pytest.mark.parametrize("source", RANKED)
@pytest.mark.parametrize("mode", ExitMode)
def test_each_rule_fires_alone(source, mode):
    expected = None if (source, mode) == (ARMED, MONITOR) else source
    assert fired(decided(due(source, mode=mode), mark(BID))) == expected


@pytest.mark.parametrize(("first", "second"), combinations(RANKED, 2))
@pytest.mark.parametrize("mode", ExitMode)
def test_of_two_rules_the_higher_rank_names_the_exit(first, second, mode):
    expected = second if (first, mode) == (ARMED, MONITOR) else first
    assert fired(decided(due(first, second, mode=mode), mark(BID))) == expected


def test_nothing_is_due_nothing_fires():
    decision = decided(due(), mark(BID))
    assert (decision.exit, decision.deferred, decision.blind, decision.untrusted) == (None, None, "", "")
    assert (decision.marked, decision.take_liquidity) == (BID, False)


@pytest.mark.parametrize(
    ("source", "intended"),
    [
        (HARD, 6_100),
        (ARMED, 6_300),
        (SOFT, 6_200),
        (TRAILING, 6_500),
        (SIGNAL, BID),
        (TAKE_PROFIT, 5_900),
        (TIME, BID),
    ],
)
def test_an_exit_carries_its_level_the_bid_and_the_size(source, intended):
    decision = decided(due(source), mark(BID), held=700)
    exit = decision.exit
    assert (exit.trigger, exit.intended, exit.mark, exit.size) == (BID, intended, BID, 700)
    assert exit.decided_at_ms == NOW
    assert "bid 0.6000" in exit.reason
    assert "entry 0.6000" in exit.reason
    assert decision.take_liquidity == (source is HARD)


@pytest.mark.parametrize(("bid", "fires"), [(5_000, HARD), (5_100, ARMED), (5_300, ARMED), (5_400, None)])
def test_a_stop_fires_at_its_level_not_a_tick_above(bid, fires):
    assert fired(decided(bracket(), mark(bid))) == fires


@pytest.mark.parametrize(("bid", "fires"), [(6_900, None), (7_000, TAKE_PROFIT), (7_100, TAKE_PROFIT)])
@pytest.mark.parametrize("mode", ExitMode)
def test_a_take_profit_that_does_not_rest_is_watched(bid, fires, mode):
    """Mode monitor, and in mode limit_orders a fallback or an order that is gone: nobody else takes the profit."""
    assert fired(decided(bracket(mode, fallback="refused" if mode is LIMIT else ""), mark(bid))) == fires


def test_a_level_of_zero_is_no_level():
    assert fired(decided(bracket(levels=Levels(0, 0, 0, 0)), mark(TICK))) is None
    assert fired(decided(bracket(levels=Levels(0, 0, 0, 0)), mark(9_800))) is None


# --- switches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "switch"), [(TRAILING, "use_trailing"), (SIGNAL, "use_signal"), (TIME, "use_time")])
def test_each_switch_turns_its_rule_off(source, switch):
    assert fired(decided(due(source), mark(BID), rules=structs.replace(RULES, **{switch: False}))) is None


@pytest.mark.parametrize("asked", [MANUAL, FLATTEN])
@pytest.mark.parametrize("prices", [mark(BID), mark(None, None), mark(BID, age_ms=999_999), mark(BID, 9_900)])
def test_manual_and_flatten_need_no_switch_and_no_price(asked, prices):
    off = structs.replace(RULES, use_signal=False)
    decision = decided(due(SIGNAL, asked=asked), prices, rules=off)
    assert fired(decision) is asked
    assert decision.exit.mark > 0


@pytest.mark.parametrize(
    ("rested_ms", "changes", "expected"),
    [
        (HOUR, {}, TIME),
        (HOUR - 1, {}, None),
        (NOW, {}, None),
        (HOUR, {"use_time": False}, None),
        (HOUR, {"max_limit_ms": 0}, None),
    ],
)
def test_take_profit_that_has_rested_for_too_long(rested_ms, changes, expected):
    """Of one whose age is not known (0) nothing follows."""
    rules = structs.replace(RULES, **{"max_limit_ms": HOUR, **changes})
    legs = Legs(take_profit=RestingLeg(9_000, 1_000, NOW - rested_ms))
    assert fired(decided(due(), mark(BID), legs, rules)) == expected


def test_no_limit_of_time_is_none():
    assert fired(decided(due(TIME), mark(BID), rules=structs.replace(RULES, max_position_ms=0))) is None


def test_a_bracket_that_was_never_opened_has_no_age():
    assert fired(decided(bracket(opened_at_ms=0), mark(BID))) is None


# --- deference --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-TICK, 0, TICK])
@pytest.mark.parametrize("source", [TRAILING, SIGNAL, TAKE_PROFIT, TIME])
def test_a_rule_is_left_to_a_take_profit_at_its_level(source, offset):
    level = {TRAILING: 6_500, TAKE_PROFIT: 5_900}.get(source, BID) + offset
    legs = Legs(take_profit=RestingLeg(level, 1_000))
    decision = decided(due(source), mark(BID), legs)
    assert fired(decision) is None
    assert (decision.deferred.source, decision.deferred.leg) == (source, LegName.TAKE_PROFIT)


@pytest.mark.parametrize("offset", [-2 * TICK, 2 * TICK])
@pytest.mark.parametrize("source", [TRAILING, SIGNAL, TAKE_PROFIT, TIME])
def test_a_take_profit_at_another_level_is_overridden_and_that_is_said(source, offset):
    level = {TRAILING: 6_500, TAKE_PROFIT: 5_900}.get(source, BID) + offset
    decision = decided(due(source), mark(BID), Legs(take_profit=RestingLeg(level, 1_000)))
    assert fired(decision) is source
    assert f"overrides the take profit resting at 0.{level}" in decision.exit.reason


@pytest.mark.parametrize(("offset", "defers"), [(-15, True), (15, True), (-16, False), (16, False)])
def test_the_tolerance_is_half_a_percent_where_a_tick_is_less(offset, defers):
    """Level 0.3000 on a grid of 0.0001: 0.0015 is within 0.5 %, 0.0016 is not."""
    fine = structs.replace(MARKET, bands=(structs.replace(MARKET.bands[0], step=1),))
    levels = Levels(take_profit=9_000, stop=3_000, soft_stop=3_000, hard_stop=1_000)
    decision = decided(bracket(levels=levels), mark(2_950), Legs(stop=NativeStop(3_000 + offset)), market=fine)
    assert (fired(decision) is None) == defers


@pytest.mark.parametrize("source", [ARMED, SOFT, TRAILING])
def test_a_stop_is_left_to_a_native_stop_at_its_level(source):
    level = {ARMED: 6_300, SOFT: 6_200, TRAILING: 6_500}[source]
    decision = decided(due(source), mark(BID), Legs(stop=NativeStop(level + TICK)))
    assert (fired(decision), decision.deferred.leg) == (None, LegName.STOP)
    decision = decided(due(source), mark(BID), Legs(stop=NativeStop(level - 2 * TICK)))
    assert fired(decision) is source
    assert f"overrides the venue's stop at 0.{level - 2 * TICK}" in decision.exit.reason


@pytest.mark.parametrize("source", [HARD, ARMED, SOFT])
def test_no_stop_is_left_to_a_take_profit(source):
    level = {HARD: 6_100, ARMED: 6_300, SOFT: 6_200}[source]
    assert fired(decided(due(source), mark(BID), Legs(take_profit=RestingLeg(level, 1_000)))) is source


def test_the_hard_stop_overrides_legs_at_its_own_level():
    legs = Legs(RestingLeg(6_100, 1_000), NativeStop(6_100))
    decision = decided(due(HARD), mark(BID), legs)
    assert fired(decision) is HARD
    assert "overrides the venue's stop at 0.6100" in decision.exit.reason


@pytest.mark.parametrize("source", RANKED)
@pytest.mark.parametrize(("ago_ms", "waits"), [(0, True), (4_999, True), (5_000, False)])
def test_a_native_stop_that_triggered_is_left_its_grace_and_no_more(source, ago_ms, waits):
    legs = Legs(stop=NativeStop(4_000, triggered_at_ms=NOW - ago_ms))
    decision = decided(due(source), mark(BID), legs)
    assert fired(decision) is (None if waits else source)
    assert (decision.deferred is not None) == waits


@pytest.mark.parametrize("asked", [MANUAL, FLATTEN])
@pytest.mark.parametrize(
    "legs", [Legs(RestingLeg(BID, 1_000)), Legs(stop=NativeStop(BID)), Legs(stop=NativeStop(BID, NOW - 1))]
)
def test_manual_and_flatten_wait_for_nothing(asked, legs):
    assert fired(decided(due(SIGNAL, asked=asked), mark(BID), legs)) is asked


def test_a_deference_holds_up_the_ranks_below_but_no_other_stop():
    native = Legs(stop=NativeStop(6_300))
    assert fired(decided(due(ARMED, TRAILING, SIGNAL, TIME), mark(BID), native)) is None
    assert fired(decided(due(ARMED, SIGNAL, asked=MANUAL), mark(BID), native)) is MANUAL
    far = structs.replace(due(ARMED, SOFT), levels=structs.replace(due(ARMED, SOFT).levels, soft_stop=6_600))
    assert fired(decided(far, mark(BID), native)) is SOFT


def test_only_what_the_venue_holds_is_deferred_to():
    """A take profit that is gone, or has nothing left, takes no profit."""
    assert fired(decided(due(TAKE_PROFIT), mark(BID), NO_LEGS)) is TAKE_PROFIT
    assert fired(decided(due(TAKE_PROFIT), mark(BID), Legs(RestingLeg(5_900, 0)))) is TAKE_PROFIT


def test_a_rule_that_is_left_to_the_venue_needs_no_price_of_ours():
    decision = decided(due(ARMED), mark(BID, 9_900), Legs(stop=NativeStop(6_300)))
    assert (decision.deferred.leg, decision.blind, decision.stops_blind) == (LegName.STOP, "", False)


# --- traded through ---------------------------------------------------------------------------------------------------

RESTING = Legs(take_profit=RestingLeg(7_000, 1_000))


def test_a_take_profit_that_was_traded_through_is_noted_then_sold_to_the_better_bid():
    first = decided(bracket(), mark(7_300), RESTING)
    assert (fired(first), first.traded_through_at_ms) == (None, NOW)
    seen = bracket(traded_through_at_ms=NOW)
    again = decided(seen, mark(7_300, age_ms=-4_999), RESTING, now_ms=NOW + 4_999)
    assert (fired(again), again.traded_through_at_ms) == (None, NOW)
    last = decided(seen, mark(7_300, age_ms=-5_000), RESTING, now_ms=NOW + 5_000)
    assert (fired(last), last.exit.intended, last.exit.mark) == (TAKE_PROFIT, 7_300, 7_300)
    assert "traded through" in last.exit.reason


@pytest.mark.parametrize(("bid", "seen"), [(3_010, False), (3_090, False), (3_100, True)])
@pytest.mark.parametrize("side", Side)
def test_a_tick_above_a_take_profit_is_the_grids_above_it(side, bid, seen):
    """Steps of 0.001 below 0.30 and of 0.01 above: 0.301 is no price of the market."""
    bands = (PriceBand(0, 3_000, 10), PriceBand(3_000, ONE, 100))
    first = structs.replace(MARKET, bands=bands)
    market = first if side is Side.BUY else seen_as_sold(first)
    of = bracket(levels=Levels(0, 1_000, 1_000, 900), side=side)
    decision = decided(of, mark(bid), Legs(RestingLeg(3_000, 1_000)), market=market)
    assert bool(decision.traded_through_at_ms) == seen


@pytest.mark.parametrize("bid", [6_900, 7_000])
def test_a_bid_that_is_gone_at_the_recheck_was_a_flicker(bid):
    decision = decided(bracket(traded_through_at_ms=NOW - HOUR), mark(bid), RESTING)
    assert (fired(decision), decision.traded_through_at_ms) == (None, 0)


def test_a_price_that_is_not_trusted_neither_confirms_nor_ends_a_sighting():
    for prices in (mark(7_300, 9_900), mark(7_300, None), mark(7_300, age_ms=999_999), mark(None, 7_400)):
        assert decided(bracket(), prices, RESTING).traded_through_at_ms == 0
        later = decided(bracket(traded_through_at_ms=NOW - HOUR), prices, RESTING)
        assert (fired(later), later.traded_through_at_ms) == (None, NOW - HOUR)


def test_a_take_profit_that_is_gone_was_not_traded_through():
    decision = decided(bracket(traded_through_at_ms=NOW - HOUR), mark(6_500), NO_LEGS)
    assert decision.traded_through_at_ms == 0


# --- trailing ---------------------------------------------------------------------------------------------------------

TRAIL = structs.replace(LEVELS, take_profit=0, trailing_activation=6_500, trailing_distance=300)


@pytest.mark.parametrize(
    ("peak", "bid", "fires"),
    [(6_400, 6_100, None), (6_500, 6_300, None), (6_500, 6_200, TRAILING), (8_000, 7_700, TRAILING)],
)
def test_trailing_is_active_from_its_activation_and_fires_at_its_distance(peak, bid, fires):
    assert fired(decided(bracket(levels=TRAIL, peak=peak), mark(bid))) == fires


def test_a_trail_that_is_not_active_yet_does_not_outrank_what_is_due():
    of = bracket(levels=TRAIL, peak=6_400, opened_at_ms=NOW - 24 * HOUR)
    assert fired(decided(of, mark(6_000))) is TIME


def test_the_peak_is_raised_by_trusted_bids_only_and_never_below_the_entry():
    of = bracket(levels=TRAIL, peak=0)
    assert decided(of, mark(5_800)).peak == 6_000
    assert decided(of, mark(6_900)).peak == 6_900
    for prices in (
        mark(6_900, None),
        mark(6_900, 9_900),
        mark(6_900, 6_900),
        mark(6_900, age_ms=60_001),
        mark(None, 1),
    ):
        assert decided(of, prices).peak == 6_000


# --- what is over, flat or under way ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "market",
    [
        structs.replace(MARKET, status=MarketStatus.CLOSED),
        structs.replace(MARKET, status=MarketStatus.SETTLED),
        structs.replace(MARKET, close_at_ms=NOW),
    ],
)
def test_a_market_that_is_over_is_left_to_its_settlement(market):
    decision = decided(due(HARD, SIGNAL, asked=MANUAL), mark(None, None), market=market)
    assert (decision.over, decision.exit, decision.blind) == (True, None, "")


def test_a_pause_does_not_keep_an_exit_from_being_decided():
    assert fired(decided(due(HARD), mark(BID), market=structs.replace(MARKET, status=MarketStatus.PAUSED))) is HARD


def test_nothing_is_decided_where_nothing_is_held():
    assert decided(due(*RANKED), mark(BID), held=0).exit is None
    assert decided(due(*RANKED), mark(BID), held=-100).exit is None
    assert decided(due(*RANKED, state=BracketState.CLOSED), mark(BID)).exit is None


def test_a_bracket_in_attention_is_still_protected():
    assert fired(decided(due(ARMED, state=BracketState.ATTENTION), mark(BID))) is ARMED


def under_way(source, *rules, marked=BID):
    begun = Exit(source, "begun", NOW - 60_000, marked, marked, marked, 1_000)
    return due(*rules, state=BracketState.EXITING, exit=begun)


@pytest.mark.parametrize("source", [TAKE_PROFIT, SIGNAL, ARMED, TIME])
@pytest.mark.parametrize(("rules", "urgent"), [((), False), ((ARMED, SOFT), False), ((HARD,), True)])
def test_an_exit_under_way_keeps_its_source_and_the_hard_stop_hurries_it(source, rules, urgent):
    decision = decided(under_way(source, *rules), mark(BID))
    assert (decision.exit, decision.take_liquidity, decision.marked) == (None, urgent, BID)


def test_a_hard_exit_goes_on_taking_liquidity_when_the_price_is_back():
    assert decided(under_way(HARD), mark(BID)).take_liquidity


@pytest.mark.parametrize(
    ("prices", "marked"),
    [
        (mark(4_000, 4_100), 4_000),  # a market, lower: the floor follows it
        (mark(4_000, 4_900), 4_700),  # our own sales took the levels between: down to where it is offered, no further
        (mark(100, 9_900), None),  # our own sales, or nobody, left 0.01: the floor stays
        (mark(100, 5_900), 4_900),  # offered below the mark: the market is at most there
        (mark(100, None), None),
        (mark(None, 500), None),
        (mark(4_000, 4_100, age_ms=60_001), None),
    ],
)
def test_the_mark_of_an_exit_follows_prices_that_can_be_trusted(prices, marked):
    assert decided(under_way(ARMED), prices).marked == marked


def test_an_exit_under_way_is_blind_without_a_price():
    decision = decided(under_way(ARMED), mark(None, 500))
    assert (decision.stops_blind, decision.take_liquidity) == (True, False)
    assert decision.blind.startswith("no_bid")
    assert decided(under_way(ARMED, HARD), mark(100, 9_900)).blind.startswith("wide")
