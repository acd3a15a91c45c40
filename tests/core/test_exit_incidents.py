"""One test for each incident of a peer that a decision about prices prevents; its docstring names the source.

The hashes are commits of the peers' public repositories, whose messages tell the story.
"""

import pytest
from msgspec import structs

from holdfast.core.bracket import BracketState, Entry, Exit, ExitMode, ExitSource, Levels
from holdfast.core.floors import FloorPolicy, floor_of
from holdfast.core.legs import Legs, RestingLeg
from holdfast.core.market import Side
from holdfast.core.marks import NO_MARK, mark_of
from tests.core.exit_world import GRID, HOUR, LEVELS, NOW, ONE, book, bracket, decided, mark

HARD, ARMED, SOFT = ExitSource.POSITION_MONITOR_HARD, ExitSource.ARMED_STOP, ExitSource.POSITION_MONITOR_SOFT
WINNER = Levels(take_profit=0, stop=8_500, soft_stop=8_500, hard_stop=8_000)


def winner(**changes):
    """Bought at 0.92, worth 0.99 by now."""
    return bracket(ExitMode.MONITOR, WINNER, entry=Entry(9_200, 9_200, 1_000, NOW - HOUR), peak=9_900, **changes)


def fired(decision):
    return decision.exit.source if decision.exit else None


@pytest.mark.parametrize(
    "prices",
    [
        mark(100, 9_900),
        mark(100, None),
        mark(100, None, last_trade=9_900, last_trade_at_ms=NOW),
        mark(100, 9_900, last_trade=9_900, last_trade_at_ms=NOW),
        mark(100, 9_900, last_trade=100, last_trade_at_ms=NOW - HOUR),
    ],
)
def test_an_abandoned_bid_does_not_sell_a_winner_and_is_not_passed_over(prices):
    """mnem0nic7/kalshi_bot ccb9b44: "use the bid" sold 0.99 winners to an abandoned bid of 0.01; reverted next day."""
    decision = decided(winner(), prices)
    assert decision.exit is None
    assert decision.stops_blind
    assert "hard stop (0.8000)" in decision.blind


@pytest.mark.parametrize("prices", [mark(400, None), mark(None, 9_900), mark(None, None), NO_MARK])
def test_an_empty_side_is_not_passed_over(prices):
    """mnem0nic7/kalshi_bot e667b72: no asks, so no middle, so positions at -88 % and -96 % were skipped in silence."""
    decision = decided(winner(), prices)
    assert (decision.exit, decision.stops_blind) == (None, True)
    assert decision.blind


@pytest.mark.parametrize(
    ("prices", "source"),
    [
        (mark(2_000, 2_100), HARD),
        (mark(500, 3_000), HARD),  # too wide, but nobody asks more than the stop any more
        (mark(500, 8_000), HARD),
        (mark(500, 8_100), SOFT),  # the ask confirms the soft stop alone
        (mark(7_000, 8_600, last_trade=7_100, last_trade_at_ms=NOW), HARD),
        (mark(7_000, 8_600, last_trade=8_100, last_trade_at_ms=NOW), None),  # a trade far above an abandoned bid
        (mark(7_000, 8_600, last_trade=7_100, last_trade_at_ms=NOW - 60_001), None),
        (mark(500, 8_600), None),
    ],
)
def test_a_real_crash_fires_when_the_ask_or_a_trade_has_come_down_too(prices, source):
    """The other half of kalshi_bot e667b72 and ccb9b44: what tells a crash from an abandoned bid."""
    decision = decided(winner(), prices)
    assert fired(decision) == source
    assert bool(decision.blind) == (source is None)


def test_a_crash_in_a_wide_book_is_not_sold_to_its_lowest_bid():
    """The bid of 0.05 is no market when 0.30 is asked: the floor starts a market's width below the ask."""
    exit = decided(winner(), mark(500, 3_000)).exit
    assert exit.mark == 2_000
    assert "the ask 0.3000 confirms it" in exit.reason


@pytest.mark.parametrize(
    ("bid", "ask", "traded", "sold_from"),
    [(3_000, 5_500, 3_200, 3_200), (3_000, 5_500, 2_900, 3_000), (4_000, 5_400, 4_900, 4_400)],
)
def test_what_a_trade_confirms_is_sold_from_the_trades_price(bid, ask, traded, sold_from):
    """A floor a market's width below an ask of 0.55 takes no bid of 0.30: the exit would be sent for ever."""
    exit = decided(bracket(), mark(bid, ask, last_trade=traded, last_trade_at_ms=NOW)).exit
    assert exit.mark == sold_from
    assert f"the last trade 0.{traded} confirms it" in exit.reason


def test_its_own_sales_do_not_walk_an_exits_floor_down_as_last_trades():
    """homerun ef70fea3 in a wide book: what we sold for is the last trade now, and no new price."""
    begun = Exit(HARD, "stop", NOW, 3_000, 5_000, 3_200, 1_000)
    of = bracket(state=BracketState.EXITING, exit=begun)
    assert decided(of, mark(2_500, 5_500, last_trade=2_600, last_trade_at_ms=NOW)).marked is None


@pytest.mark.parametrize(("source", "blind"), [(HARD, False), (SOFT, True)])
def test_a_hard_stop_that_was_confirmed_once_goes_on_without_its_witness(source, blind):
    """The trade is older by the next attempt: that is no new doubt, and nobody is called for it."""
    of = bracket(state=BracketState.EXITING, exit=Exit(source, "stop", NOW, 3_000, 5_000, 3_200, 1_000))
    decision = decided(of, mark(3_000, 5_500))
    assert (bool(decision.blind), decision.take_liquidity) == (blind, source is HARD)


@pytest.mark.parametrize(
    ("mirrored", "source"), [(3_000, HARD), (3_200, HARD), (2_800, HARD), (3_300, None), (5_400, None), (None, None)]
)
def test_two_books_of_one_market_that_say_different_things_fire_nothing(mirrored, source):
    """mnem0nic7/kalshi_bot ccb9b44, its lesson: ask the other side too. Ours lost its bids; there it is worth 0.54."""
    seen = mark(3_000, 5_500, last_trade=3_200, last_trade_at_ms=NOW, mirrors=True, mirrored_bid=mirrored)
    decision = decided(bracket(), seen)
    assert fired(decision) == source
    assert decision.lacks_witness == decision.stops_blind == (source is None)
    assert ("bid by the other outcome's book" in decision.blind) == (source is None and mirrored is not None)


@pytest.mark.parametrize(
    ("made_at_ms", "said"), [(NOW - 60_001, "last trade 0.3200, 60 s ago at most"), (0, "nobody says when")]
)
def test_a_trade_that_may_be_old_proves_nothing_and_is_said(made_at_ms, said):
    decision = decided(bracket(), mark(3_000, 5_500, last_trade=3_200, last_trade_at_ms=made_at_ms))
    assert (decision.exit, decision.lacks_witness) == (None, True)
    assert said in decision.blind


@pytest.mark.parametrize(
    "prices", [mark(3_000, None), mark(None, 5_500), mark(3_000, 5_500, age_ms=60_001), mark(5_400, 7_000), mark(3_000)]
)
def test_nobody_is_asked_where_no_witness_could_help(prices):
    assert not decided(bracket(), prices).lacks_witness


def test_a_price_in_the_middle_is_never_looked_at():
    """polymarket-ai-v2 298fc99: a hard stop fired on a stale middle while the live bid was healthy."""
    assert decided(bracket(), mark(5_400, 5_500, last_trade=100, last_trade_at_ms=NOW)).exit is None
    assert decided(bracket(), mark(5_400, 9_900, last_trade=100, last_trade_at_ms=NOW)).blind == ""


@pytest.mark.parametrize(("age_ms", "source"), [(60_000, HARD), (60_001, None)])
def test_a_stale_mark_is_said_to_be_blind(age_ms, source):
    """homerun 7e66a54c: 0.94 to 0 on a stale mark, and nobody knew."""
    decision = decided(winner(), mark(100, 200, age_ms=age_ms))
    assert fired(decision) == source
    assert decision.stops_blind == (source is None)
    assert ("60001 ms old" in decision.blind) == (source is None)


@pytest.mark.parametrize("bid", [None, 0])
def test_a_missing_price_is_neither_zero_nor_fine(bid):
    """homerun edb8c0da: price 0 or None skipped the stops. BotTrader wrote 0 where it had none: every stop was off."""
    decision = decided(bracket(), mark(bid, 6_000))
    assert (decision.exit, decision.untrusted, decision.stops_blind) == (None, "no_bid", True)


def test_a_crossed_book_is_two_reads_that_do_not_fit():
    """The class of polymarket-ai-v2 298fc99: one side is of another time."""
    decision = decided(winner(), mark(5_000, 4_900))
    assert (decision.exit, decision.untrusted, decision.stops_blind) == (None, "crossed", True)


def test_the_trail_is_anchored_at_the_entry_at_least_and_fires_on_the_way_down():
    """homerun 6e042b69: the trail was anchored to the wrong price, and 0.925 to 0.565 never fired."""
    levels = Levels(0, 1_000, 1_000, 900, trailing_activation=9_000, trailing_distance=500)
    of = bracket(ExitMode.MONITOR, levels, entry=Entry(8_800, 8_800, 1_000, NOW), peak=0)
    sold_at = None
    for bid in (8_900, 9_250, 9_000, 8_800, 8_700, 5_650):
        decision = decided(of, mark(bid))
        if decision.exit is not None:
            sold_at = (bid, decision.exit.source)
            break
        of = structs.replace(of, peak=decision.peak)
    assert sold_at == (8_700, ExitSource.POSITION_MONITOR_TRAILING)


def test_a_trail_in_effect_does_not_switch_the_stops_off():
    """BotTrader 2178e02: a flag of one branch made the soft stop and the rest unreachable (an elif chain)."""
    trailing = structs.replace(LEVELS, trailing_activation=6_500, trailing_distance=5_000)
    assert fired(decided(bracket(levels=trailing, peak=9_000), mark(5_300))) is ARMED
    assert fired(decided(bracket(levels=trailing, peak=9_000), mark(5_000))) is HARD
    assert fired(decided(bracket(levels=trailing, peak=9_000), mark(7_000))) is ExitSource.POSITION_MONITOR_TP


@pytest.mark.parametrize("resting", [7_000, 5_300, 5_000])
def test_a_resting_take_profit_holds_up_no_stop(resting):
    """BotTrader fcf3375: a stale take profit made the monitor return early, with the stop due."""
    legs = Legs(RestingLeg(resting, 1_000))
    assert fired(decided(bracket(), mark(5_300), legs)) is ARMED
    assert fired(decided(bracket(), mark(4_000), legs)) is HARD


def test_a_trail_that_failed_to_sell_does_not_move():
    """BotTrader: a rejected trailing exit deleted its state; the stop at 107.8 came back at 104."""
    begun = Exit(ExitSource.POSITION_MONITOR_TRAILING, "trail", NOW - 60_000, 7_700, 7_700, 7_700, 1_000, failures=3)
    of = bracket(peak=8_000, state=BracketState.EXITING, exit=begun)
    decision = decided(of, mark(7_600))
    assert (decision.exit, decision.peak) == (None, 8_000)
    assert of.exit is begun


def test_retries_do_not_walk_the_price_down():
    """homerun b59059dd, ef70fea3: each retry measured its limit from the last one."""
    policy = FloorPolicy(first=200, step=100, most=500, every_ms=10_000, alarm_after=3)
    begun = Exit(ARMED, "stop", NOW, 5_300, 5_300, 5_300, 1_000)
    of = bracket(state=BracketState.EXITING, exit=begun)
    floors = []
    for failures, bid in enumerate((5_300, 5_000, 4_700, 4_400, 100, 100, 100)):
        now_ms = NOW + failures * 10_000
        tried = structs.replace(begun, failures=failures)
        # Our sales ate the bids; nobody has lowered an ask.
        seen = decided(structs.replace(of, exit=tried), mark(bid, 6_500, age_ms=NOW - now_ms), now_ms=now_ms)
        floors.append(floor_of(tried, seen.marked, policy, GRID, now_ms))
    assert min(floors) == 4_800


def test_the_prices_of_the_second_outcome_are_its_own():
    """kalshi-ai-trading-bot PR 91: stops of NO in YES prices, and 0.50 where one was missing: 160 trades, 0 wins."""
    of = bracket(side=Side.SELL)
    held = mark_of(book({4_500: 900}, {4_600: 300}, traded=4_600), Side.SELL, ONE)
    assert (held.bid, held.ask, held.bid_size, held.last_trade) == (5_400, 5_500, 300, 5_400)
    assert decided(of, held).exit is None
    assert fired(decided(of, mark_of(book({4_600: 900}, {4_700: 300}), Side.SELL, ONE))) is ARMED
    missing = mark_of(book({4_600: 900}, {}), Side.SELL, ONE)
    assert (missing.bid, decided(of, missing).untrusted) == (None, "no_bid")


@pytest.mark.parametrize("entered", [4_900, 6_000])
def test_a_loss_is_what_a_sale_would_bring_now(entered):
    """BotTrader: profit came from an account number minutes old; stops slept at -60 %."""
    exit = decided(bracket(entry=Entry(entered, entered, 1_000, NOW)), mark(4_000)).exit
    assert f"-0.{entered - 4_000:04d} a unit" in exit.reason
    assert exit.trigger == 4_000


def test_what_the_ledger_no_longer_holds_is_not_sold_again():
    """homerun d7919a59: a ghost position fired sell after sell."""
    assert decided(bracket(), mark(100, 200), held=0).exit is None


def test_the_size_is_what_is_held_now():
    """polymarket-ai-v2 14b365b: a part fill was recorded as full, and the exit sold more than there was."""
    of = bracket(entry=Entry(6_000, 6_000, 1_000, NOW))
    assert decided(of, mark(4_000), held=400).exit.size == 400
