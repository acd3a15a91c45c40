"""The matching engine, rule by rule. A wrong rule makes the demo's and the simulation's P&L a lie."""

import pytest

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.matching import Execution, MatchingEngine
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Refusal

BIDS = [(48, 100), (47, 200), (46, 300)]
ASKS = [(50, 100), (51, 200), (52, 300)]


def engine(*, prints_trades: bool = False) -> MatchingEngine:
    made = MatchingEngine("M", prints_trades=prints_trades)
    assert made.apply_snapshot(BIDS, ASKS, 0) == []
    return made


def brief(executions) -> list[tuple[str, int, int, bool]]:
    return [(e.order_id, e.price, e.size, e.is_taker) for e in executions]


class TestTaking:
    def test_walks_the_tape_best_first_at_its_prices_and_rests_the_rest_at_its_own(self):
        made = engine()
        answer = made.submit("a", "me", Side.BUY, 51, 350, now_ms=7)
        assert brief(answer.executions) == [("a", 50, 100, True), ("a", 51, 200, True)]
        assert (answer.filled, answer.remaining) == (300, 50)
        assert answer.executions[0] == Execution("a", "me", Side.BUY, 50, 100, is_taker=True, at_ms=7)
        assert made.ladder(Side.SELL) == [(52, 300)]
        assert made.ladder(Side.BUY)[0] == (51, 50)

    def test_what_was_taken_stays_gone_until_the_tape_changes_that_level(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 50, 60, now_ms=1)
        assert made.ladder(Side.SELL)[0] == (50, 40)
        made.apply_snapshot([(48, 90)], ASKS, 2)
        assert made.ladder(Side.SELL)[0] == (50, 40), "another level's change brings nothing back"
        made.apply_level(Side.SELL, 50, 100, 3)
        assert made.ladder(Side.SELL)[0] == (50, 40), "the same size again is no change"
        made.apply_level(Side.SELL, 50, 90, 4)
        assert made.ladder(Side.SELL)[0] == (50, 90)

    def test_immediate_drops_its_rest(self):
        made = engine()
        answer = made.submit("a", "me", Side.SELL, 48, 150, time_in_force=TimeInForce.IMMEDIATE, now_ms=1)
        assert (answer.filled, answer.remaining, answer.refusal) == (100, 0, None)
        assert made.resting("a") is None
        assert made.best_bid == 47

    @pytest.mark.parametrize(("size", "filled"), [(300, 300), (301, 0)])
    def test_all_or_nothing(self, size, filled):
        made = engine()
        answer = made.submit("a", "me", Side.BUY, 51, size, time_in_force=TimeInForce.ALL_OR_NOTHING, now_ms=1)
        assert (answer.filled, answer.remaining, answer.refusal) == (filled, 0, None)
        assert sum(e.size for e in answer.executions) == filled
        assert made.best_ask == (52 if filled else 50)

    def test_another_owner_is_met_in_time_priority_at_his_price(self):
        made = engine()
        made.submit("theirs", "other", Side.SELL, 50, 30, now_ms=1)
        made.apply_level(Side.SELL, 50, 140, 2)
        answer = made.submit("a", "me", Side.BUY, 55, 150, now_ms=3)
        assert brief(answer.executions) == [
            ("a", 50, 100, True),
            ("theirs", 50, 30, False),
            ("a", 50, 30, True),
            ("a", 50, 20, True),
        ]
        assert made.ladder(Side.SELL)[0] == (50, 20)
        assert made.resting("theirs") is None

    def test_taking_from_the_queue_ahead_moves_everyone_behind_it_up(self):
        made = engine()
        made.submit("theirs", "other", Side.SELL, 50, 30, now_ms=1)
        made.submit("a", "me", Side.BUY, 50, 60, now_ms=2)
        assert made.resting("theirs").queue_ahead == 40

    def test_self_cross_cancels_the_takers_rest_and_keeps_what_was_before_it(self):
        made = engine()
        made.submit("mine", "me", Side.SELL, 50, 30, now_ms=1)
        answer = made.submit("a", "me", Side.BUY, 52, 500, now_ms=2)
        assert brief(answer.executions) == [("a", 50, 100, True)]
        assert (answer.filled, answer.remaining, answer.self_crossed) == (100, 0, True)
        assert made.resting("a") is None
        assert made.resting("mine").remaining == 30

    def test_filling_exactly_up_to_the_own_order_is_no_self_cross(self):
        made = engine()
        made.submit("mine", "me", Side.SELL, 50, 30, now_ms=1)
        answer = made.submit("a", "me", Side.BUY, 52, 100, now_ms=2)
        assert (answer.filled, answer.self_crossed) == (100, False)


class TestPostOnly:
    @pytest.mark.parametrize(("side", "price"), [(Side.BUY, 50), (Side.BUY, 55), (Side.SELL, 48), (Side.SELL, 1)])
    def test_is_refused_where_it_would_meet_the_tape(self, side, price):
        made = engine()
        answer = made.submit("a", "me", side, price, 10, post_only=True, now_ms=1)
        assert answer.refusal is Refusal.POST_ONLY_CROSS
        assert (answer.executions, answer.filled, answer.remaining) == ((), 0, 0)
        assert made.orders() == []

    @pytest.mark.parametrize("owner", ["me", "other"])
    def test_is_refused_where_it_would_meet_one_of_ours(self, owner):
        made = engine()
        made.submit("inside", owner, Side.SELL, 49, 10, now_ms=1)
        assert made.submit("a", "me", Side.BUY, 49, 10, post_only=True, now_ms=2).refusal is Refusal.POST_ONLY_CROSS

    def test_rests_on_a_level_that_we_have_emptied(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 50, 100, now_ms=1)
        assert made.submit("b", "me", Side.BUY, 50, 10, post_only=True, now_ms=2).remaining == 10


class TestResting:
    def test_fills_at_its_own_price_when_the_tape_reaches_it_and_takes_that_liquidity(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 49, 100, now_ms=1)
        assert brief(made.apply_level(Side.SELL, 47, 30, 2)) == [("a", 49, 30, False)]
        assert made.apply_level(Side.SELL, 47, 30, 3) == []
        assert made.ladder(Side.SELL)[0] == (50, 100)
        assert brief(made.apply_snapshot([], [(49, 200)], 4)) == [("a", 49, 70, False)]
        assert made.ladder(Side.SELL) == [(49, 130)]

    def test_the_better_price_then_the_older_order_is_reached_first(self):
        made = engine()
        made.submit("old", "me", Side.SELL, 49, 40, now_ms=1)
        made.submit("new", "other", Side.SELL, 49, 40, now_ms=2)
        made.apply_snapshot([(46, 1)], [], 3)
        made.submit("best", "me", Side.SELL, 48, 10, now_ms=4)
        executions = made.apply_snapshot([(49, 60)], [], 5)
        assert brief(executions) == [("best", 48, 10, False), ("old", 49, 40, False), ("new", 49, 10, False)]

    def test_a_shrinking_touch_eats_the_queue_ahead_and_then_fills_first_come_first_served(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 48, 10, now_ms=1)
        made.submit("b", "other", Side.BUY, 48, 10, now_ms=2)
        made.apply_level(Side.BUY, 48, 150, 3)
        assert made.apply_level(Side.BUY, 48, 60, 4) == []
        assert made.resting("a").queue_ahead == made.resting("b").queue_ahead == 10
        assert brief(made.apply_level(Side.BUY, 48, 35, 5)) == [("a", 48, 10, False), ("b", 48, 5, False)]

    def test_a_level_that_shrinks_behind_a_better_one_was_cancelled_and_fills_nobody(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 47, 10, now_ms=1)
        made.apply_level(Side.BUY, 47, 260, 2)
        assert made.apply_level(Side.BUY, 47, 220, 3) == []
        assert made.resting("a").queue_ahead == 200, "the cancels came from behind as long as they can"
        assert made.apply_level(Side.BUY, 47, 150, 4) == []
        assert made.resting("a").queue_ahead == 150
        assert made.apply_snapshot([(48, 100)], ASKS, 5) == []
        assert made.resting("a").remaining == 10

    def test_a_level_that_vanishes_because_the_price_ran_away_fills_nobody(self):
        made = engine()
        made.apply_level(Side.BUY, 48, 0, 1)
        made.submit("a", "me", Side.BUY, 48, 10, now_ms=2)
        made.apply_level(Side.BUY, 48, 100, 3)
        assert made.apply_snapshot([(55, 100)], [(56, 100)], 4) == []

    def test_on_a_tape_that_prints_trades_a_shrinking_touch_was_cancelled(self):
        """Others stand behind us, so that a trade of the whole level would have filled us."""
        for prints_trades, filled in ((True, []), (False, [("a", 48, 10, False)])):
            made = engine(prints_trades=prints_trades)
            made.submit("a", "me", Side.BUY, 48, 10, now_ms=1)
            made.apply_level(Side.BUY, 48, 150, 2)
            assert brief(made.apply_level(Side.BUY, 48, 0, 3)) == filled


class TestPrints:
    def test_a_print_fills_after_the_queue_ahead(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 48, 30, now_ms=1)
        assert made.apply_trade(48, 80, Side.SELL, 2) == []
        assert made.resting("a").queue_ahead == 20
        assert brief(made.apply_trade(48, 40, Side.SELL, 3)) == [("a", 48, 20, False)]

    def test_the_level_that_follows_its_print_fills_nobody_again(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 48, 100, now_ms=1)
        made.apply_level(Side.BUY, 48, 200, 2)
        assert brief(made.apply_trade(48, 150, Side.SELL, 3)) == [("a", 48, 50, False)]
        assert made.apply_level(Side.BUY, 48, 50, 3) == []
        assert made.resting("a").remaining == 50

    def test_a_print_through_our_price_reaches_us_first_and_is_used_up(self):
        made = engine()
        made.submit("inside", "me", Side.SELL, 49, 30, now_ms=1)
        made.submit("joined", "me", Side.SELL, 50, 30, now_ms=2)
        assert brief(made.apply_trade(50, 120, Side.BUY, 3)) == [("inside", 49, 30, False)]
        assert made.resting("joined").queue_ahead == 0

    def test_a_print_on_the_other_side_or_at_a_better_price_leaves_us_alone(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 47, 30, now_ms=1)
        assert made.apply_trade(48, 500, Side.SELL, 2) == []
        assert made.apply_trade(47, 500, Side.BUY, 3) == []


class TestChanging:
    def test_cancel_says_what_was_left_once(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 50, 150, now_ms=1)
        assert made.cancel("a") == 50
        with pytest.raises(KeyError):
            made.cancel("a")

    def test_reduce_and_smaller_amend_and_new_expiry_keep_the_place(self):
        made = engine()
        for name in ("a", "b"):
            made.submit(name, "me", Side.BUY, 49, 50, now_ms=1)
        made.reduce("a", 40)
        made.amend("a", price=49, remaining=30, expires_at_ms=0, now_ms=2)
        made.amend("a", price=49, remaining=30, expires_at_ms=99, now_ms=3)
        assert (made.resting("a").remaining, made.resting("a").filled, made.resting("a").expires_at_ms) == (30, 0, 99)
        assert brief(made.apply_level(Side.SELL, 49, 30, 4)) == [("a", 49, 30, False)]

    @pytest.mark.parametrize("change", [{"price": 49, "remaining": 51}, {"price": 49, "remaining": 50}])
    def test_a_larger_size_or_another_price_goes_to_the_back(self, change):
        made = engine()
        made.submit("a", "me", Side.BUY, change["price"] - (change["remaining"] == 50), 50, now_ms=1)
        made.submit("b", "me", Side.BUY, 49, 50, now_ms=2)
        made.amend("a", **change, expires_at_ms=0, now_ms=3)
        assert [order.order_id for order in made.orders()] == ["b", "a"]
        assert brief(made.apply_level(Side.SELL, 49, 50, 4)) == [("b", 49, 50, False)]

    def test_an_amend_across_the_spread_executes_and_keeps_count(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 49, 150, now_ms=1)
        made.apply_level(Side.SELL, 49, 20, 2)
        answer = made.amend("a", price=50, remaining=130, expires_at_ms=0, now_ms=3)
        assert brief(answer.executions) == [("a", 50, 100, True)]
        assert (answer.filled, answer.remaining) == (100, 30)
        assert made.resting("a").filled == 120

    @pytest.mark.parametrize("remaining", [0, -1, 51])
    def test_reduce_refuses_what_is_no_reduction(self, remaining):
        made = engine()
        made.submit("a", "me", Side.BUY, 49, 50, now_ms=1)
        with pytest.raises(InvalidInputError):
            made.reduce("a", remaining)
        assert made.resting("a").remaining == 50

    def test_expire_returns_exactly_those_whose_time_has_come(self):
        made = engine()
        for name, expiry in (("never", 0), ("late", 30), ("soon", 20)):
            made.submit(name, "me", Side.BUY, 40, 10, expires_at_ms=expiry, now_ms=1)
        assert made.expire(19) == []
        assert [order.order_id for order in made.expire(20)] == ["soon"]
        assert [order.order_id for order in made.expire(1000)] == ["late"]
        made.amend("never", price=40, remaining=10, expires_at_ms=2000, now_ms=1001)
        assert [order.order_id for order in made.expire(2000)] == ["never"]

    def test_close_returns_and_removes_all(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 48, 10, now_ms=1)
        made.submit("b", "me", Side.SELL, 50, 10, now_ms=1)
        assert [order.order_id for order in made.close()] == ["a", "b"]
        assert (made.orders(), made.ladder(Side.BUY), made.ladder(Side.SELL)) == ([], BIDS, ASKS)

    def test_an_id_that_rests_or_a_size_that_is_none_is_refused(self):
        made = engine()
        made.submit("a", "me", Side.BUY, 48, 10, now_ms=1)
        with pytest.raises(InvalidInputError):
            made.submit("a", "me", Side.BUY, 48, 10, now_ms=2)
        with pytest.raises(InvalidInputError):
            made.submit("b", "me", Side.BUY, 48, 0, now_ms=2)
