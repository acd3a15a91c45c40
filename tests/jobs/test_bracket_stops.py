"""Stops that the venue rejects, fills in part or refuses for an hour: tried until flat, never more than is held."""

import pytest

from holdfast.core.bracket import BracketState, ExitSource, NakedClass
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import PLACE, life

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])


@OUTCOMES
def test_life_of_a_position_is_the_same_for_either_outcome(no: bool) -> None:
    with life(no=no) as lived:
        lived.enter()
        assert lived.held == 100
        assert lived.resting == [(61, 100)]
        levels = lived.bracket.levels
        assert (levels.take_profit, levels.stop, levels.hard_stop) == (6_100, 4_400, 4_100)
        lived.check()
        lived.market_at(43, 45)
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert (trade.entry_price, trade.exit_price, trade.slippage) == (5_100, 4_300, 100)


@OUTCOMES
def test_take_profit_of_either_outcome_fills_at_the_venue(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        lived.taken(61, 100)
        lived.check()
        assert lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP).exit_price == 6_100


@OUTCOMES
def test_stop_rejected_after_the_take_profit_was_cancelled_is_sent_until_flat(no: bool) -> None:
    """Nautilus left 100 shares naked here: take profit gone, stop rejected, nothing armed (facts peers section 7)."""
    with life(no=no) as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, times=3, status=400)
        lived.market_at(43, 45)
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.attempts == 4, "rejected three times, sold the fourth"
        assert len(lived.orders("t")) == 1, "no take profit comes back while liquidity is taken"
        assert trade.naked_ms >= 7_000, "a second, two, four: the back-off was without protection and is counted"


@OUTCOMES
def test_stop_sells_what_the_take_profit_left(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        lived.taken(61, 60)
        assert lived.held == 40
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(40, 40)]
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.size == 10_000


def test_stop_sells_what_the_take_profit_left_while_the_fills_lag() -> None:
    """The list and the fills still show a hundred: only the cancel's answer says that sixty are sold."""
    with life() as lived:
        lived.protected()
        lived.made.clock.sleep_ms(30_000)
        lived.made.exchange.set_read_lag_ms(8_000)
        lived.taken(61, 60)
        lived.market_at(43, 45)
        lived.check(after_ms=1_000)
        assert lived.exits == [(40, 40)]
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


@OUTCOMES
def test_stop_that_a_thin_book_filled_in_part_goes_on_for_the_rest(no: bool) -> None:
    """Nautilus left 70 naked here: 30 of 100 filled, the rest killed."""
    with life(no=no) as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        assert lived.exits[0] == (30, 30), "what the book takes at the floor or better, no more"
        assert lived.held == 70
        assert lived.bracket.state in (BracketState.EXITING, BracketState.ATTENTION)
        lived.bids((42, 500), asks=((45, 500),))
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.exit_value == 30 * 430_000 + 70 * 420_000


def test_every_exit_rejected_for_an_hour_is_still_tried_alarmed_and_goes_out() -> None:
    """Hummingbot gave up after its retries, 100 open."""
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, times=0, status=400)
        lived.market_at(43, 45)
        for _ in range(120):
            lived.check()
        bracket = lived.bracket
        assert bracket.state is BracketState.ATTENTION
        assert bracket.exit is not None
        assert bracket.exit.source is ExitSource.ARMED_STOP
        assert bracket.exit.failures >= 120, "at least one attempt a tick, for ever"
        assert bracket.naked.cause is NakedClass.REFUSED
        assert lived.made.exchange.calls[PLACE] <= 4 * 121, "and no storm of them"
        (moved,) = [e for e in lived.made.events("BRACKET_MOVED") if e["after"] == "attention"]
        assert "attempts in a row sold nothing" in str(moved["reason"])
        (alarm,) = lived.made.events("BRACKET_ATTENTION")
        assert (alarm["market"], alarm["reason"]) == ("M-1", moved["reason"])
        lived.made.exchange.faults.clear()
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.naked_ms >= 3_590_000
        assert trade.exit_price == 4_300


def test_abandoned_bid_is_no_market_for_an_exit_that_has_begun() -> None:
    """The floor stays with the last trusted price: 43, not the 0.01 that is left once our own sale took the 43s."""
    with life() as lived:
        lived.protected()
        lived.bids((43, 10), (1, 500), asks=((45, 500),))
        for _ in range(12):
            lived.check()
        assert lived.held == 90, "nothing is sold at 0.01"
        assert lived.bracket.state is BracketState.ATTENTION, "but a person is called"
        lived.bids((30, 500), asks=((45, 500),))
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.exit_value == 10 * 430_000 + 90 * 300_000


@pytest.mark.parametrize(("spread", "held"), [("0.20", 90), ("0.10", 100)])
def test_bid_of_a_book_that_is_wider_than_the_switch_fires_nothing(spread: str, held: int) -> None:
    with life() as lived:
        lived.made.switch(exit_max_spread=spread)
        lived.protected()
        lived.bids((43, 10), asks=((60, 500),))
        lived.check()
        assert lived.held == held


@pytest.mark.parametrize(("after", "called"), [("3", True), ("50", False)])
def test_person_is_called_after_as_many_failures_as_the_switch_says(after: str, called: bool) -> None:
    with life() as lived:
        lived.made.switch(exit_alarm_after=after)
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, times=0, status=400)
        lived.market_at(43, 45)
        lived.check()
        assert lived.bracket.exit is not None
        assert lived.bracket.exit.failures >= 3
        assert bool(lived.made.events("BRACKET_ATTENTION")) is called


@pytest.mark.parametrize(
    ("switches", "held"),
    [
        ({}, 0),
        ({"exit_widen_seconds": "600"}, 90),
        ({"exit_slippage_most": "0.10"}, 90),
        ({"exit_widen_seconds": "200"}, 90),
        ({"exit_widen_seconds": "200", "exit_slippage_step": "0.10"}, 0),
        ({"exit_widen_seconds": "600", "exit_slippage": "0.13"}, 0),
    ],
)
def test_floor_is_widened_as_the_switches_say(switches: dict[str, str], held: int) -> None:
    """From 40, three below the last trusted 43, to 28: what is left of the book is a wide one at 30."""
    with life() as lived:
        lived.made.switch(**switches)
        lived.protected()
        lived.bids((43, 10), (30, 500), asks=((60, 500),))
        for _ in range(9):
            lived.check()
        assert lived.held == held


def test_hard_stop_takes_over_when_the_price_gaps_through_it() -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(35, 37)
        lived.check()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
        assert (trade.intended, trade.exit_price) == (4_100, 3_500)


def test_large_exit_goes_out_in_bounded_slices_until_flat() -> None:
    with life() as lived:
        lived.made.switch(max_exit_slice="10")
        lived.protected()
        lived.market_at(35, 37)
        for _ in range(3):
            lived.check()
        assert len(lived.exits) >= 4
        assert all(sent * 35 <= 1_000 for sent, _ in lived.exits)
        lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
