"""Exits while Polymarket does not take everything: restarts, post-only and cancel-only windows, limits, blocks."""

from holdfast.core.bracket import BracketState, ExitSource, NakedClass
from holdfast.core.market import Side
from holdfast.core.orders import Placement, Purpose, TargetOrder
from holdfast.core.outcomes import Placed
from local.venues.polymarket import Geoblock, LimiterMode
from tests.jobs.polymarket_life import CENT, PLACE, SHARE, TokenLife, token_life


def drain_order_tokens(lived: TokenLife) -> None:
    """Another program of the same signer uses its 60 orders up."""
    venue, now_ms = lived.made.ports.venue, lived.made.clock.now_ms()
    for number in range(0, 60, 15):
        targets = [
            TargetOrder(lived.token, Side.BUY, CENT, 5 * SHARE, Purpose.QUOTE, f"drain-{number}-{one}")
            for one in range(15)
        ]
        batch = venue.prepare([Placement(target, target.leg) for target in targets])
        assert all(isinstance(outcome, Placed) for outcome in venue.place(batch, now_ms + 10_000))


def test_exit_in_a_restart_waits_then_rests_post_only_then_takes_liquidity() -> None:
    with token_life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.made.exchange.operator.restart_engine(duration_ms=90_000, post_only_ms=120_000)
        lived.check(after_ms=1_000)
        assert lived.resting == [(61, 103)], "the take profit stays: nothing else can be sent"
        assert lived.bracket.naked.cause is NakedClass.WINDOW
        assert lived.made.events("EXIT_DELAYED")
        lived.check()
        lived.check()
        assert lived.resting == [(61, 103)]
        lived.check()
        assert lived.resting == [(44, 103)], "one tick above the best bid, and never across it"
        lived.market_at(40, 43)
        lived.check()
        assert lived.resting == [(41, 103)], "priced anew"
        assert lived.exits[-1] == (103, 0)
        lived.check(after_ms=55_000)
        trade_ms = max(fill.at_ms for fill in lived.made.books.fills)
        lived.check()
        lived.until_over()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.naked_ms >= 120_000
        assert trade.order_type == "immediate"
        assert trade_ms


def test_exit_that_filled_while_it_rested_post_only_is_recorded_as_a_limit_order() -> None:
    with token_life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.made.exchange.operator.restart_engine(duration_ms=1_000, post_only_ms=600_000)
        lived.check(after_ms=1_000)
        lived.check()
        assert lived.resting == [(44, 103)]
        lived.market_at(46, 48)
        lived.until_over()
        assert lived.assert_over(ExitSource.ARMED_STOP).order_type == "limit"


def test_exit_of_unknown_outcome_from_before_a_restart_does_not_hold_up_the_post_only_one() -> None:
    """Nothing rests (monitor), so the exit itself meets the 425: its bytes are no order for a post-only window."""
    with token_life() as lived:
        lived.made.switch(use_concurrent_orders="false")
        lived.made.clock.sleep_ms(61_000)
        lived.protected()
        assert lived.resting == []
        lived.market_at(43, 45)
        lived.made.exchange.operator.restart_engine(duration_ms=90_000, post_only_ms=120_000)
        lived.check(after_ms=1_000)
        for _ in range(4):
            lived.check()
        assert lived.resting == [(44, 103)]
        for _ in range(4):
            lived.check()
        lived.until_over()
        assert [sold for _, sold in lived.exits if sold] == [103]
        lived.assert_over(ExitSource.POSITION_MONITOR_SOFT)


def test_first_second_of_trading_is_not_missed() -> None:
    """A window whose end is known and near is waited for within the tick."""
    with token_life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.made.exchange.operator.restart_engine(duration_ms=0, post_only_ms=120_000)
        ends_ms = lived.made.clock.now_ms() + 120_000
        for _ in range(3):
            lived.check()
        assert lived.resting == [(44, 103)]
        lived.check(after_ms=ends_ms - 8_000 - lived.made.clock.now_ms())
        assert lived.resting == []
        sold_ms = max(fill.at_ms for fill in lived.made.books.fills)
        assert ends_ms <= sold_ms <= ends_ms + 1_500


def test_place_refused_for_the_mode_right_after_the_cancel_rests_post_only_at_once() -> None:
    """Nobody told us of the restart: the first refusal does, when the take profit is gone already."""
    with token_life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.made.exchange.operator.restart_engine(duration_ms=0, post_only_ms=120_000)
        lived.check(after_ms=1_000)
        assert lived.resting == [(44, 103)]
        assert lived.exits == [(103, 0)]


def test_cancel_only_leaves_the_other_take_profits_alone() -> None:
    with token_life() as first:
        second = TokenLife(first.made, outcome=1)
        first.enter(size="60")
        second._asked = first._asked
        second.enter(size="60")
        first.check()
        first.check()
        first.made.exchange.operator.set_mode(cancel_only=True)
        first._asked = second._asked
        first.ask_exit()
        first.check()
        assert first.resting == [], "nobody can know before the first refusal"
        second._asked = first._asked
        second.ask_exit()
        second.check(after_ms=10_000)
        assert second.resting == [(61, 62)], "the venue is known to take no exit now: the take profit stays"
        assert second.bracket.naked.cause is NakedClass.WINDOW
        first.made.exchange.operator.set_mode()
        first.until_over()
        second.until_over()
        first.assert_over(ExitSource.MANUAL)
        second.assert_over(ExitSource.MANUAL)


def test_disabled_venue_keeps_everything_and_is_tried_until_it_trades() -> None:
    with token_life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.made.exchange.operator.set_mode(disabled=True)
        for _ in range(10):
            lived.check()
        assert lived.resting == [(61, 103)]
        assert lived.bracket.exit is not None
        lived.made.exchange.operator.set_mode()
        lived.check()
        lived.check()
        lived.until_over()
        assert lived.exits == [(103, 103)]
        lived.assert_over(ExitSource.ARMED_STOP)


def test_signer_limit_delays_an_exit_by_its_back_off_and_no_longer() -> None:
    with token_life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.made.clock.sleep_ms(30_000)
        drain_order_tokens(lived)
        lived.check(after_ms=0)
        assert lived.made.exchange.rate_limited[PLACE] == 1
        assert lived.exits == [(103, 103)]
        assert lived.made.events("RATE_LIMIT_BACKOFF")
        lived.made.exchange.operator.set_limiter("us", LimiterMode.OFF)


def test_blocked_place_stops_entries_and_no_exit() -> None:
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_geoblock(Geoblock(blocked=True, country="US"))
        lived.made.tick(after_ms=3_600_000)
        second = TokenLife(lived.made, outcome=1)
        second._asked = lived._asked
        second.enter(size="20")
        assert second.held == 0
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(103, 103)]
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)
        assert lived.brackets.open() == {}


def test_attention_is_no_reason_to_stop_selling() -> None:
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_approved("us", "v2", False)
        lived.market_at(43, 45)
        for _ in range(120):
            lived.check()
        exit = lived.bracket.exit
        assert exit is not None
        assert (lived.bracket.state, exit.alarmed) == (BracketState.ATTENTION, True)
        assert exit.failures > 100
        assert lived.shares == 103
        lived.made.exchange.operator.set_approved("us", "v2", True)
        lived.check()
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)
