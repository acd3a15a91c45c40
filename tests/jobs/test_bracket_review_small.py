"""Less than the smallest resting order is worth money, and can still be sold at once on Polymarket."""

from holdfast.core.bracket import BracketState, ExitSource, NakedClass
from holdfast.core.orders import Purpose
from local.venues.polymarket import FaultKind
from tests.jobs.polymarket_life import PLACE, SHARE, token_life


def test_rest_of_a_take_profit_below_the_smallest_order_stays_at_the_venue() -> None:
    with token_life() as lived:
        lived.protected()
        size = lived.held
        (level,) = [price for price, _ in lived.resting]
        lived.taken(level, size // SHARE - 3)
        for _ in range(4):
            lived.check()
        assert lived.dust == 0
        assert lived.resting == [(level, 3)]
        lived.taken(level, 4)
        lived.until_over()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)
        assert lived.dust < SHARE // 100


def test_entry_that_bought_less_than_the_smallest_order_has_its_stop() -> None:
    with token_life() as lived:
        lived.bids((49, 500), asks=((51, 4),))
        lived.enter()
        lived.market_at(49, 51)
        for _ in range(3):
            lived.check()
        assert lived.bracket.state is BracketState.PROTECTED
        assert lived.dust == 0
        lived.market_at(43, 45)
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)
        assert lived.dust < SHARE // 100


def test_small_rest_that_the_venue_refuses_again_and_again_is_written_off_by_name() -> None:
    with token_life() as lived:
        lived.bids((49, 500), asks=((51, 4),))
        lived.enter()
        lived.market_at(49, 51)
        for _ in range(3):
            lived.check()
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, status=400, times=100)
        lived.market_at(43, 45)
        lived.check()
        assert lived.bracket.naked.cause is NakedClass.REFUSED
        assert lived.dust == 0, "it is tried for minutes"
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)
        assert lived.dust == lived.held
        assert lived.orders(Purpose.EXIT) == []
