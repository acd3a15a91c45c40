"""Entries: what was bought is protected at once, bought once, and refused where it must be."""

import pytest

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.market import Side
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import PLACE, Life, life

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])


def stopped_out(lived: Life) -> None:
    """Entered at 51, stopped out at 43, and the market back where it was."""
    lived.protected()
    lived.market_at(43, 45)
    lived.check()
    assert lived.held == 0
    lived.market_at(49, 51)


@OUTCOMES
def test_partial_fill_is_protected_at_once_for_what_is_held(no: bool) -> None:
    with life(no=no) as lived:
        lived.bids((49, 500), asks=((51, 30), (54, 500)))
        lived.enter()
        assert lived.held == 30
        assert lived.resting == [(61, 30)], "thirty, in the tick that bought them"
        lived.check()
        assert lived.bracket.state is BracketState.PROTECTED
        lived.market_at(43, 45)
        lived.check()
        assert lived.assert_over(ExitSource.ARMED_STOP).size == 3_000


@OUTCOMES
def test_entry_that_fills_nothing_is_reported_and_leaves_nothing(no: bool) -> None:
    """Somebody else took the offers between the look and the order."""
    with life(no=no) as lived:
        lived.ask(side=Side.SELL if no else Side.BUY)
        place = lived.made.ports.venue.place

        def after_others(*given: object) -> object:
            lived.bids((49, 500), asks=((55, 500),))
            return place(*given)  # type: ignore[arg-type]

        lived.made.ports.venue.place = after_others  # type: ignore[method-assign]
        lived.made.tick(after_ms=1_000)
        for _ in range(3):
            lived.check()
        assert lived.held == 0
        assert lived.brackets.open() == {}
        assert lived.trades == []
        (event,) = lived.made.events("ENTRY_EMPTY")
        assert event["asked"] == 10_000
        assert not lived.made.events("EXIT_SOURCE")
        assert not lived.made.books.fills


@OUTCOMES
def test_market_buy_never_pays_more_than_the_slippage_bound(no: bool) -> None:
    with life(no=no) as lived:
        lived.bids((49, 500), asks=((51, 10), (53, 10), (54, 500)))
        lived.enter()
        (order,) = lived.orders("e")
        assert lived.own(order.price) == 53
        assert lived.held == 20


def test_slippage_bound_of_an_entry_is_its_switch() -> None:
    with life() as lived:
        lived.made.switch(entry_slippage="0.01")
        lived.bids((49, 500), asks=((51, 10), (53, 500)))
        lived.enter()
        assert lived.held == 10


def test_request_delivered_twice_buys_once() -> None:
    with life() as lived:
        request = lived.ask()
        assert not lived.requests.put(request, lived.made.clock.now_ms())
        lived.made.tick(after_ms=1_000)
        assert not lived.requests.put(request, lived.made.clock.now_ms()), "known after it was carried out, too"
        lived.made.tick(after_ms=1_000)
        assert [order.filled for order in lived.orders("e")] == [10_000]


def test_request_whose_time_is_over_buys_nothing_and_is_counted() -> None:
    with life() as lived:
        lived.ask(ttl_ms=30_000)
        lived.made.tick(after_ms=30_000)
        assert (lived.orders("e"), lived.held) == ([], 0)
        (known,) = lived.requests.known()
        assert known.state.value == "expired"
        assert len(lived.made.events("REQUEST_EXPIRED")) == 1
        assert lived.made.telemetry.total("RequestsExpired") == 1


def test_two_execute_writers_take_one_request_once() -> None:
    """Both read it open; one transaction of request, bracket and journal wins."""
    with life() as lived:
        lived.ask()
        made, second = lived.made, lived.made.writer("w2")
        raced: list[object] = []
        transact = made.store.transact

        def racing(writes: object) -> object:
            """The second writer's whole tick happens just before the first one claims."""
            if not raced and any("bracket" in getattr(write, "item", {}) for write in writes):  # type: ignore[attr-defined]
                raced.append(True)
                made.clock.sleep_ms(70_000)
                raced.append(made.tick(second, after_ms=0).execution.placed)
            return transact(writes)  # type: ignore[arg-type]

        made.store.transact = racing  # type: ignore[method-assign]
        made.tick(after_ms=1_000)
        assert raced == [True, 1]
        made.store.transact = transact  # type: ignore[method-assign]
        for _ in range(2):
            lived.check()
        assert lived.held == 100
        assert len(lived.orders("e")) == 1
        assert lived.resting == [(61, 100)]


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_AFTER])
def test_entry_whose_answer_is_lost_is_protected_once_it_is_known(kind: FaultKind) -> None:
    with life() as lived:
        lived.fault(kind, PLACE)
        lived.enter()
        for _ in range(5):
            lived.check()
        bought = kind is not FaultKind.TIMEOUT_BEFORE
        assert lived.held == (100 if bought else 0)
        assert lived.resting == ([(61, 100)] if bought else [])
        assert len(lived.orders("e")) == int(bought), "an entry is never sent again"
        assert (lived.brackets.open() != {}) is bought
        assert len(lived.made.events("ENTRY_EMPTY")) == (not bought)


def test_stop_that_fires_while_the_entry_is_in_doubt_sells_what_is_held() -> None:
    with life() as lived:
        lived.fault(FaultKind.TIMEOUT_AFTER, PLACE)
        lived.enter()
        lived.market_at(35, 37)
        for _ in range(4):
            lived.check()
        lived.assert_over(ExitSource.POSITION_MONITOR_HARD)


def test_entry_whose_stop_would_fire_on_the_current_book_is_refused() -> None:
    with life() as lived:
        lived.bids((40, 500), asks=((51, 500),))
        lived.enter()
        assert lived.orders("e") == []
        (event,) = lived.made.events("ENTRY_REFUSED")
        assert event["reason"] == "protection"
        assert "would fire at once" in str(event["why"])


def test_missing_atr_refuses_the_entry_loudly() -> None:
    with life() as lived:
        lived.made.switch(stop_loss="1.8atr", soft_stop="1.8atr", hard_stop="3atr")
        lived.enter()
        assert lived.orders("e") == []
        assert lived.made.events("ENTRY_WAITS") or lived.made.events("ENTRY_REFUSED")


def test_stop_losses_blacklist_the_market_until_they_are_old() -> None:
    with life() as lived:
        lived.made.switch(max_daily_loss="1000")
        stopped_out(lived)
        assert lived.enter().execution.placed == 1, "one stop loss is no pattern"
        lived.check()
        lived.market_at(43, 45)
        lived.check()
        lived.market_at(49, 51)
        lived.enter()
        (refused,) = lived.made.events("ENTRY_REFUSED")
        assert refused["reason"] == "blacklisted"
        lived.made.clock.sleep_ms(3 * 86_400_000)
        assert lived.enter().execution.placed == 1
        assert lived.held == 100


def test_blacklist_is_as_strict_and_as_long_as_its_switches() -> None:
    with life() as lived:
        lived.made.switch(blacklist_attempts="1", blacklist_days="1")
        stopped_out(lived)
        lived.enter()
        (refused,) = lived.made.events("ENTRY_REFUSED")
        assert refused["reason"] == "blacklisted"
        lived.made.clock.sleep_ms(86_400_000)
        assert lived.enter().execution.placed == 1


def test_take_profits_blacklist_nothing() -> None:
    with life() as lived:
        for _ in range(3):
            lived.protected()
            lived.taken(61, 100)
            lived.check()
            lived.market_at(49, 51)
        assert [trade.source for trade in lived.trades] == [ExitSource.EXCHANGE_BRACKET_TP] * 3


def test_second_entry_in_a_market_with_a_position_is_refused_or_merged_by_a_switch() -> None:
    with life() as lived:
        lived.made.switch(further_entries="refuse")
        lived.protected()
        lived.enter(size="50")
        assert lived.held == 100
        lived.made.switch(further_entries="merge")
        lived.made.clock.sleep_ms(60_000)
        lived.enter(size="50")
        assert lived.held == 150
        for _ in range(2):
            lived.check()
        assert sum(left for _, left in lived.resting) == 150
        lived.market_at(43, 45)
        lived.check()
        assert lived.assert_over(ExitSource.ARMED_STOP).size == 15_000
