"""What a tick leaves unread, on the local Kalshi exchange: what would cost money is seen within the stated time."""

from collections import Counter
from collections.abc import Callable

import pytest

from holdfast.core.bracket import ExitSource
from holdfast.core.risk import DAY_MS
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.reading import DECIDE_AGAIN_MS, LOOK_AGAIN_MS
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig
from local.venues.kalshi import FaultKind
from tests.jobs.account_world import PARAMETERS
from tests.jobs.bracket_life import BOOKS, FILLS, LISTS, PLACE, Life, life
from tests.jobs.world import foreign_member, world

AS_OF = "GET /exchange/user_data_timestamp"


def asked(lived: Life, act: Callable[[], object]) -> Counter[str]:
    """What the exchange was asked meanwhile."""
    before = Counter(lived.made.exchange.calls)
    act()
    return lived.made.exchange.calls - before


def settled(lived: Life) -> None:
    """Entered, protected, and looked at once with nothing in flight any more."""
    lived.protected()
    lived.check()


@pytest.mark.parametrize("concurrent", ["true", "false"])
def test_tick_with_nothing_to_do_asks_for_all_books_once_and_for_the_account_only_now_and_then(concurrent: str) -> None:
    with life() as lived:
        lived.made.switch(use_concurrent_orders=concurrent)
        settled(lived)
        assert asked(lived, lived.check) == {BOOKS: 1}
        calls = asked(lived, lambda: [lived.check() for _ in range(40)])
        looks = 40 * 30_000 // LOOK_AGAIN_MS
        assert calls[BOOKS] == 40
        assert calls[LISTS] == calls[FILLS] == calls[AS_OF] == looks


def test_fill_of_a_take_profit_is_seen_in_the_books_by_the_next_tick() -> None:
    with life() as lived:
        settled(lived)
        lived.taken(61, 100)
        lived.check()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


def test_part_of_a_take_profit_that_filled_is_seen_by_the_next_tick() -> None:
    with life() as lived:
        settled(lived)
        lived.taken(61, 30)
        lived.check()
        assert lived.made.ledger.position("M-1").position.size == 7_000


def test_fill_that_an_equal_order_of_somebody_else_hides_is_seen_by_the_next_look() -> None:
    with life() as lived:
        settled(lived)
        lived.taken(61, 100)
        lived.bids((49, 500), asks=((61, 100),))
        for _ in range(LOOK_AGAIN_MS // 30_000):
            lived.check()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


def test_stop_that_is_due_meanwhile_sells_what_is_left_and_no_more() -> None:
    """The old look shows 100 held and the take profit resting: 60 of it have gone, and another order hides that."""
    with life() as lived:
        settled(lived)
        lived.taken(61, 60)
        lived.bids((43, 500), asks=((45, 500), (61, 100)))
        calls = asked(lived, lived.check)
        assert min(calls[LISTS], calls[FILLS], calls[AS_OF]) >= 1, "nothing is sent on an old look"
        assert [size for size, _ in lived.exits] == [40]
        lived.assert_over(ExitSource.ARMED_STOP)


def test_take_profit_that_somebody_else_cancelled_is_back_after_the_next_tick() -> None:
    with life() as lived:
        settled(lived)
        (order,) = lived.made.books.open_orders
        answer = foreign_member(lived.made).cancel(order.order_id, exchange_index=order.shard)
        assert answer.status_code == 200, answer.text
        assert lived.resting == []
        for _ in range(3):
            lived.check()
        assert lived.resting == [(61, 100)]


def test_order_that_appears_from_nowhere_is_found_by_the_next_look() -> None:
    with life() as lived:
        settled(lived)
        answer = foreign_member(lived.made).create("M-1", "ask", "0.80", "7.00", "theirs")
        assert answer.status_code == 201, answer.text
        calls = asked(lived, lambda: lived.check(LOOK_AGAIN_MS))
        assert calls[LISTS] == 1


def test_what_another_process_sent_ends_the_look() -> None:
    with life() as lived:
        settled(lived)
        assert asked(lived, lived.check) == {BOOKS: 1}
        other = lived.made.writer("w2")
        lived.ask_exit()
        check_brackets(lived.made.account, other, lived.made.clock)
        assert lived.held == 0
        lived.made.clock.sleep_ms(1_000)
        calls = asked(lived, lived.check)
        assert calls[LISTS] == calls[FILLS] == 1


def test_fill_that_another_process_booked_ends_the_look() -> None:
    with life() as lived:
        settled(lived)
        lived.taken(61, 60)
        lived.bids((49, 500), asks=((61, 100),))
        lived.made.tick(lived.made.writer("w2"))
        assert lived.made.ledger.position("M-1").position.size == 4_000
        assert asked(lived, lived.check)[LISTS] == 1


def test_write_in_doubt_is_looked_for_by_every_tick() -> None:
    with life() as lived:
        settled(lived)
        lived.fault(FaultKind.TIMEOUT_AFTER, PLACE)
        lived.ask(size="10")
        lived.made.switch(further_entries="merge")
        lived.made.tick(after_ms=61_000)
        calls = asked(lived, lived.check)
        assert calls[LISTS] >= 1
        assert calls[FILLS] >= 1


def test_exit_that_is_asked_for_goes_out_with_the_next_tick() -> None:
    with life() as lived:
        settled(lived)
        lived.check()
        lived.ask_exit()
        lived.check()
        assert lived.held == 0


def test_unreadable_books_make_a_tick_look_at_the_account() -> None:
    with life() as lived:
        settled(lived)
        lived.bids(asks=((51, 100),))
        assert asked(lived, lived.check)[LISTS] == 1


# The execute job.


def idle(lived: Life) -> None:
    """Protected, and the execute job found nothing to do."""
    settled(lived)
    lived.made.tick()


def test_execute_asks_for_nothing_while_it_has_nothing_to_decide() -> None:
    with life() as lived:
        idle(lived)
        assert asked(lived, lived.made.tick) == {}
        assert lived.made.events("TICK_IDLE")
        calls = asked(lived, lambda: [lived.made.tick() for _ in range(20)])
        assert calls[LISTS] == 20 * 60_000 // DECIDE_AGAIN_MS


def test_execute_enters_in_the_tick_in_which_it_is_asked() -> None:
    with life() as lived:
        idle(lived)
        lived.made.tick()
        lived.made.switch(further_entries="merge")
        lived.made.clock.sleep_ms(61_000)
        lived.ask(size="10")
        lived.made.tick(after_ms=1_000)
        assert lived.held == 110


def test_execute_quotes_in_the_tick_in_which_a_market_is_to_be_quoted() -> None:
    with life() as lived:
        lived.made.tick()
        lived.made.tick()
        assert asked(lived, lived.made.tick) == {}
        lived.made.configs.save(MarketConfig(market="M-1", strategy=DEFAULT_STRATEGY, parameters=PARAMETERS))
        assert asked(lived, lived.made.tick)[LISTS] == 1


def test_execute_does_not_rest_while_its_quotes_rest() -> None:
    with world(markets=1) as made:
        made.tick()
        assert made.resting()
        made.configs.remove("M-1")
        before = Counter(made.exchange.calls)
        made.tick()
        assert (made.exchange.calls - before)[LISTS] == 1


def test_execute_marks_the_start_of_a_day_although_it_has_nothing_else_to_do() -> None:
    """Set when somebody asks for an entry, it would not count what was lost since midnight."""
    with life() as lived:
        idle(lived)
        lived.made.tick()
        now_ms = lived.made.clock.now_ms()
        lived.made.tick(after_ms=DAY_MS - now_ms % DAY_MS - 30_000)
        lived.made.tick(after_ms=1_000)
        assert asked(lived, lambda: lived.made.tick(after_ms=1_000)) == {}
        assert asked(lived, lambda: lived.made.tick(after_ms=30_000))[LISTS] == 1


def test_execute_does_not_rest_while_it_is_halted() -> None:
    with life() as lived:
        lived.made.switch(max_gross_exposure="1")
        idle(lived)
        assert asked(lived, lived.made.tick)[LISTS] == 1
