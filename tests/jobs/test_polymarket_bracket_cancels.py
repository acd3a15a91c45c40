"""What Polymarket leaves open: cancels that say nothing of fills, refusals that prove nothing, lost answers."""

from decimal import Decimal

import pytest

from holdfast.core.bracket import ExitSource
from holdfast.core.orders import Cancellation, Purpose
from local.venues.polymarket import FaultKind, MissCause
from tests.jobs.polymarket_life import CANCEL, PLACE, SHARE, TokenLife, token_life

LAG_MS = 6_000


def cancel_by_hand(lived: TokenLife) -> None:
    """A person cancels the take profit on the venue's site."""
    (order,) = lived.made.ports.venue.open_orders().orders
    request = Cancellation(order.order_id, order.market, order.side)
    lived.made.ports.venue.cancel([request], lived.made.clock.now_ms() + 10_000)


def misses(lived: TokenLife) -> set[MissCause]:
    return {miss.cause for miss in lived.made.exchange.misses}


def test_stop_sells_exactly_what_the_take_profit_left() -> None:
    """The cancel does not say that 60 were sold: they are read after it, before anything is sent."""
    with token_life() as lived:
        lived.protected()
        lived.taken(61, 60)
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(43, 43)]
        lived.until_over()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.attempts == 1


def test_fills_that_reads_show_late_are_sold_by_nobody_twice() -> None:
    """The exit of 103 is refused, for the venue keeps what it matched: the refusal is information."""
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_read_lag_ms(LAG_MS)
        lived.made.clock.sleep_ms(30_000)
        lived.taken(61, 60)
        lived.market_at(43, 45)
        lived.check(after_ms=1_000)
        lived.until_over()
        assert lived.exits == [(43, 43)]
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("lag_ms", [2_000, LAG_MS])
def test_shares_of_somebody_else_in_the_wallet_are_never_sold_for_fills_that_reads_lack(lag_ms: int) -> None:
    """The venue keeps what the wallet holds, not what is ours: it would have taken the exit of 103, 60 of them his."""
    with token_life() as lived:
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(200))
        lived.protected()
        lived.made.exchange.operator.set_read_lag_ms(lag_ms)
        lived.made.clock.sleep_ms(30_000)
        lived.taken(61, 60)
        lived.market_at(43, 45)
        lived.check(after_ms=500)
        lived.check()
        assert lived.exits == [(43, 43)]
        assert lived.made.books.position(lived.token) // SHARE == 200


def test_take_profit_that_filled_whole_before_the_cancel_closes_the_position_alone() -> None:
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_read_lag_ms(LAG_MS)
        lived.made.clock.sleep_ms(30_000)
        lived.taken(61, 104)
        lived.market_at(43, 45)
        lived.check(after_ms=1_000)
        lived.until_over()
        assert misses(lived) == {MissCause.MATCHED}
        assert lived.exits == []
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


def test_take_profit_that_a_person_cancelled_holds_no_exit_up() -> None:
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_read_lag_ms(LAG_MS)
        lived.made.clock.sleep_ms(30_000)
        cancel_by_hand(lived)
        lived.market_at(43, 45)
        lived.check(after_ms=1_000)
        assert misses(lived) == {MissCause.CANCELED}
        assert lived.exits == [(103, 103)], "not cancelled proves nothing; after the time-out the sale goes out anyway"
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_take_profit_that_still_rests_although_its_cancel_was_refused_is_cancelled_again() -> None:
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.ignore_cancels(1)
        lived.market_at(43, 45)
        lived.check()
        lived.check()
        lived.check()
        assert misses(lived) == {MissCause.IGNORED}
        assert lived.exits == [(103, 103)]
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize(
    "kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED]
)
def test_exit_goes_out_though_the_answer_to_the_cancel_never_came(kind: FaultKind) -> None:
    with token_life() as lived:
        lived.protected()
        lived.fault(kind, CANCEL)
        lived.market_at(43, 45)
        lived.check()
        lived.check()
        assert lived.exits == [(103, 103)]
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize(("timeout", "most_ms"), [("2", 4_000), ("5", 7_000)])
def test_exit_waits_no_longer_for_cancels_than_the_switch_says(timeout: str, most_ms: int) -> None:
    """The take profit is gone, and nothing says so. The venue lets nobody sell twice what the wallet holds once."""
    with token_life() as lived:
        lived.made.switch(cancel_timeout_seconds=timeout)
        lived.protected()
        lived.check()
        lived.made.exchange.operator.set_read_lag_ms(30_000)
        lived.fault(FaultKind.ERROR_AFTER, CANCEL, times=0)
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(103, 103)]
        exit, (sent,) = lived.bracket.exit, lived.orders(Purpose.EXIT)
        assert exit is not None
        waited_ms = sent.created_at_ms - exit.decided_at_ms
        assert int(timeout) * 1_000 <= waited_ms <= most_ms
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_exit_beside_a_take_profit_that_still_rests_is_refused_and_goes_out_once_that_is_cancelled() -> None:
    with token_life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, CANCEL, times=0)
        lived.market_at(43, 45)
        lived.check()
        assert (lived.resting, lived.exits) == ([(61, 103)], [])
        assert lived.bracket.exit is not None
        assert lived.bracket.exit.sends, "it was tried, and the refusal is information"
        lived.made.exchange.faults.clear()
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize(
    "kind", [FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED, FaultKind.TIMEOUT_BEFORE]
)
def test_exit_whose_answer_never_came_is_found_by_its_hash_or_sent_again_as_it_was(kind: FaultKind) -> None:
    with token_life() as lived:
        lived.protected()
        lived.fault(kind, PLACE)
        lived.market_at(43, 45)
        lived.check()
        lived.check()
        assert lived.exits == [(103, 103)]
        (order,) = lived.orders(Purpose.EXIT)
        assert lived.made.books.sent_ids[order.order_id] == 1, "before the effect it never arrived"
        lived.until_over()
        assert lived.assert_over(ExitSource.ARMED_STOP).attempts == 1


def test_exit_of_unknown_outcome_that_can_only_be_refused_is_given_up_for_a_new_one() -> None:
    """Sent again it is refused for a reason that says nothing of the first send; two clean reads later it is absent."""
    with token_life() as lived:
        lived.protected()
        lived.fault(FaultKind.TIMEOUT_BEFORE, PLACE)
        lived.market_at(43, 45)
        lived.check()
        lived.made.exchange.operator.set_approved("us", "v2", False)
        for _ in range(4):
            lived.check()
        assert lived.made.events("EXIT_RESENT")
        exit = lived.bracket.exit
        assert exit is not None
        assert exit.sends > 1, "the first is presumed absent; another is tried"
        lived.made.exchange.operator.set_approved("us", "v2", True)
        lived.until_over()
        assert lived.exits == [(103, 103)]
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("every_ms", [5_000, 30_000])
@pytest.mark.parametrize("lag_ms", [3_000, 8_000])
def test_life_is_the_same_when_every_read_is_late(lag_ms: int, every_ms: int) -> None:
    """Lists were seen 8 seconds late (facts polymarket section 1.2)."""
    with token_life() as lived:
        lived.made.exchange.operator.set_read_lag_ms(lag_ms)
        lived.enter()
        for _ in range(3):
            lived.check(every_ms)
        assert lived.resting == [(61, 103)]
        lived.taken(61, 30)
        for _ in range(2):
            lived.check(every_ms)
        assert lived.resting == [(61, 73)], "what a late list still shows whole is not offered twice"
        lived.market_at(43, 45)
        lived.check(every_ms)
        assert lived.exits == [(73, 73)]
        lived.until_over()
        assert lived.assert_over(ExitSource.ARMED_STOP).attempts == 1
