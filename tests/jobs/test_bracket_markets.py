"""Markets of other kinds: ends of the price range, finer ticks, our own quotes in the way, hours without a tick."""

from functools import partial

import pytest

from holdfast.core.bracket import ExitSource
from holdfast.core.orders import Purpose, client_order_id
from local.venues.kalshi import FaultKind, MarketSpec
from tests.jobs.bracket_life import CANCEL, Life, life
from tests.jobs.test_bracket_legs import sold_by_hand
from tests.jobs.world import foreign_member

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])


@OUTCOMES
def test_take_profit_of_a_favourite_is_the_highest_price_there_is(no: bool) -> None:
    with life(no=no) as lived:
        lived.market_at(93, 95)
        lived.protected()
        assert lived.resting == [(99, 100)]
        lived.taken(99, 100)
        lived.check()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


@OUTCOMES
def test_long_shot_whose_stops_fit_nowhere_is_refused(no: bool) -> None:
    """Two ticks and the spread below 0.03 there is no price for a stop and a hard stop: it could not be protected."""
    with life(no=no) as lived:
        lived.bids((2, 500), asks=((3, 500),))
        lived.enter(limit="0.03")
        assert lived.orders("e") == []
        assert lived.made.events("ENTRY_REFUSED")[0]["reason"] == "protection"


@OUTCOMES
def test_cheap_outcome_is_stopped_out_on_the_lowest_prices(no: bool) -> None:
    with life(no=no) as lived:
        lived.bids((7, 500), asks=((8, 500),))
        lived.protected()
        levels = lived.bracket.levels
        assert 100 <= levels.hard_stop < levels.stop < 700
        lived.bids((1, 500), asks=((2, 500),))
        lived.check()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
        assert trade.exit_price == 100


@OUTCOMES
def test_life_on_ticks_of_a_tenth_of_a_cent(no: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders off a market's grid are refused: levels and floors follow the grid that the venue states."""
    monkeypatch.setattr("tests.jobs.world.MarketSpec", partial(MarketSpec, structure="deci_cent"))
    with life(no=no) as lived:
        lived.made.switch(take_profit="0.1004", stop_loss="0.0696", soft_stop="0.0696", hard_stop="0.0997")
        lived.protected()
        levels = lived.bracket.levels
        assert (levels.take_profit, levels.stop, levels.hard_stop) == (6_110, 4_410, 4_110)
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)
        assert not lived.made.events("BATCH_PLACE_FAILED")


def test_quote_of_ours_in_the_way_of_an_exit_is_cancelled_first() -> None:
    """A sale that meets an order of one's own is answered "accepted" and sells nothing."""
    with life() as lived:
        lived.protected()
        identity = client_order_id(lived.made.account.account_id, "M-1", "left-over", "", Purpose.QUOTE)
        lived.bids((42, 500), asks=((45, 500),))
        answer = foreign_member(lived.made).create("M-1", "bid", "0.43", "50.00", identity)
        assert answer.status_code == 201, answer.text
        lived.look()
        lived.check()
        assert lived.assert_over(ExitSource.ARMED_STOP).exit_price == 4_200


def test_orders_one_by_one_where_batches_are_switched_off() -> None:
    with life() as lived:
        lived.made.switch(use_batch_execution="false")
        lived.protected()
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


@OUTCOMES
def test_take_profit_that_filled_while_nobody_ticked_for_two_days(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        lived.taken(61, 100)
        lived.market_at(20, 22)
        lived.made.clock.sleep_ms(2 * 86_400_000)
        lived.check(ports=lived.made.writer("w9"))
        assert lived.exits == []
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


@OUTCOMES
def test_stop_is_the_first_act_of_a_process_that_starts_after_an_outage(no: bool) -> None:
    """Peers come back without a stop (hummingbot-api#243): what is open is in the store, not in a process."""
    with life(no=no) as lived:
        lived.protected()
        lived.market_at(35, 37)
        lived.made.clock.sleep_ms(7_200_000)
        lived.check(ports=lived.made.writer("w9"))
        lived.assert_over(ExitSource.POSITION_MONITOR_HARD)


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_AFTER])
def test_take_profit_is_made_smaller_although_the_answer_is_lost(kind: FaultKind) -> None:
    with life() as lived:
        lived.protected()
        sold_by_hand(lived, 30)
        lived.fault(kind, "POST /portfolio/events/orders/*/decrease")
        lived.look()
        assert lived.resting == [(61, 70)], "in the tick that found it too large"
        for _ in range(3):
            lived.check()
        assert lived.resting == [(61, 70)]
        assert len(lived.orders("t")) == 1


def test_wrong_leg_that_the_venue_does_not_cancel_is_not_asked_for_every_second() -> None:
    with life() as lived:
        lived.protected()
        identity = client_order_id(lived.made.account.account_id, "M-1", "left-over", "", Purpose.TAKE_PROFIT)
        lived.may_flip = True
        answer = foreign_member(lived.made).create("M-1", "ask", "0.80", "5.00", identity)
        assert answer.status_code == 201, answer.text
        lived.fault(FaultKind.ERROR_BEFORE, CANCEL, times=0, status=400)
        before = lived.made.exchange.calls.copy()
        with pytest.raises(AssertionError, match="rest to be sold"):
            lived.look()
        for _ in range(9):
            with pytest.raises(AssertionError, match="rest to be sold"):
                lived.check()
        sent = sum(n for name, n in (lived.made.exchange.calls - before).items() if name.startswith("DELETE"))
        assert sent <= 2 * 10
        lived.made.exchange.faults.clear()
        lived.check()
        assert lived.resting == [(61, 100)]


def fallen(lived: Life, bid: int) -> None:
    lived.market_at(bid, bid + 2)
    lived.check()


def test_position_that_was_adopted_far_below_its_cost_is_protected_from_there() -> None:
    """Nobody asked for it to be sold: its stops are measured from what it fetches now."""
    with life() as lived:
        lived.may_flip = True
        lived.made.switch(adopt_unprotected="flag")
        lived.protected()
        lived.brackets.close(lived.bracket, None)
        fallen(lived, 30)
        lived.made.switch(adopt_unprotected="adopt")
        lived.made.clock.sleep_ms(61_000)
        fallen(lived, 30)
        fallen(lived, 29)
        assert lived.held == 100
        assert lived.bracket.levels.stop < 2_900
        fallen(lived, 18)
        fallen(lived, 18)
        assert lived.held == 0
