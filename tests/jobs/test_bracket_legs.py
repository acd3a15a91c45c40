"""The legs of a position: what fills in part, what is too small, what should rest and does not."""

from itertools import count
from typing import Any

import pytest
from msgspec import structs

from holdfast.core.book import OrderBook
from holdfast.core.bracket import BracketState, ExitSource, resumed
from holdfast.core.orders import Purpose, client_order_id
from holdfast.core.positions import LedgerKind
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import PLACE, Life, life
from tests.jobs.world import foreign_member

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])


def sold_by_hand(lived: Life, size: int) -> None:
    """A person sells at the market through Holdfast: an order with our mark, of purpose manual."""
    account, market = lived.made.account.account_id, lived.market
    identity = client_order_id(account, market, f"hand-{lived.made.clock.now_ms()}", "", Purpose.MANUAL)
    price = {"price": "0.99", "side": "bid"} if lived.no else {"price": "0.01", "side": "ask"}
    given = {"count": f"{size}.00", "time_in_force": "immediate_or_cancel", "cid": identity}
    answer = foreign_member(lived.made).create(market, **price, **given)
    assert answer.status_code == 201, answer.text


@OUTCOMES
def test_take_profit_that_fills_in_part_keeps_resting_for_the_rest(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        lived.taken(61, 60)
        for _ in range(3):
            lived.check()
        assert lived.resting == [(61, 40)]
        assert len(lived.orders("t")) == 1, "it keeps its place in the queue"
        assert lived.bracket.state is BracketState.PROTECTED
        lived.taken(61, 40)
        lived.check()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


def test_rest_of_a_take_profit_is_sold_where_the_policy_says_so() -> None:
    with life() as lived:
        lived.made.switch(partial_tp_policy="sell", partial_tp_threshold="60")
        lived.protected()
        lived.taken(61, 50)
        lived.market_at(58, 60)
        lived.check()
        assert lived.resting == [(61, 50)], "fifty percent is below the threshold"
        lived.market_at(49, 61)
        lived.taken(61, 20)
        lived.market_at(58, 60)
        lived.look()
        assert [sold for _, sold in lived.exits] == [30]
        assert lived.held == 0
        assert lived.trade.exit_value == 70 * 610_000 + 30 * 580_000
        lived.made.assert_ledger_is_the_exchanges()


@OUTCOMES
def test_take_profit_that_would_fill_at_once_is_watched_and_sold(no: bool) -> None:
    """The market ran to its price before it could be placed: it is sold to the bid, no worse than asked for."""
    with life(no=no) as lived:
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, skip=1, status=400)
        lived.enter()
        assert lived.resting == []
        lived.market_at(63, 65)
        lived.check()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_TP)
        assert trade.exit_price == 6_300


@OUTCOMES
def test_take_profit_that_the_venue_refuses_falls_back_to_the_monitor_and_comes_back(no: bool) -> None:
    with life(no=no) as lived:
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, skip=1, times=2, status=400)
        lived.enter()
        lived.check()
        assert lived.resting == []
        assert lived.bracket.fallback.startswith("refused")
        assert lived.bracket.state is BracketState.PROTECTED, "the stop is armed all the same"
        assert lived.made.events("TAKE_PROFIT_WATCHED")
        for _ in range(2):
            lived.check()
        assert lived.resting == [(61, 100)]
        assert lived.bracket.fallback == ""


@OUTCOMES
def test_take_profit_that_the_rate_keeps_says_what_it_waits_for(no: bool) -> None:
    """Stored as if it rested, nobody would know that only the stop is there."""
    with life(no=no) as lived:
        made, prepare = lived.made, lived.made.ports.venue.prepare
        sends = count()

        def after_the_entry(batch: Any) -> Any:
            """Another writer of the account meets a 429."""
            if next(sends) == 1:
                made.ports.throttle.refused("write")
            return prepare(batch)

        made.ports.venue.prepare = after_the_entry  # type: ignore[method-assign,assignment]
        lived.enter()
        assert (lived.held, lived.resting, lived.bracket.fallback) == (100, [], "waits for the rate limit")
        assert made.events("TAKE_PROFIT_WATCHED")[-1]["why"] == lived.bracket.fallback
        lived.check()
        assert (lived.resting, lived.bracket.fallback) == ([(61, 100)], "")


def test_stop_works_while_the_take_profit_is_refused() -> None:
    with life() as lived:
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, skip=1, times=2, status=400)
        lived.enter()
        lived.market_at(43, 45)
        lived.check()
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_take_profit_that_somebody_cancelled_comes_back() -> None:
    """A person, or the venue, took it away: the position is not left without it."""
    with life() as lived:
        lived.protected()
        lived.made.exchange.pause_market("M-1")
        lived.made.exchange.activate_market("M-1")
        assert lived.resting == []
        for _ in range(2):
            lived.check()
        assert lived.resting == [(61, 100)]


def test_dust_that_is_left_is_written_off_by_name() -> None:
    """Less than the venue's smallest order is held: no zombie, no stop for it, and the ledger says what it was."""
    with life() as lived:
        lived.protected()
        cache = lived.made.ports.cache
        cache.rules["M-1"] = structs.replace(cache.rules["M-1"], size_step=1_000, min_size=1_000)
        lived.taken(61, 95)
        lived.market_at(30, 32)
        for _ in range(3):
            lived.check()
        assert lived.brackets.open() == {}
        assert "exiting" not in [event["after"] for event in lived.made.events("BRACKET_MOVED")]
        assert lived.trade.reason == "the take profit that rested at the venue filled"
        (dust,) = [line for line in lived.made.ledger.lines() if line.kind is LedgerKind.DUST]
        assert dust.size == 500
        assert lived.trade.source is ExitSource.EXCHANGE_BRACKET_TP


@OUTCOMES
def test_partial_exit_by_a_person_shrinks_the_take_profit(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        sold_by_hand(lived, 30)
        lived.look()
        assert lived.held == 70
        assert lived.resting == [(61, 70)]
        assert len(lived.orders("t")) == 1, "made smaller in its place, not cancelled"
        lived.market_at(43, 45)
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert (trade.size, trade.exit_value) == (10_000, 30 * 490_000 + 70 * 430_000)


def test_person_who_sold_everything_is_named_and_the_take_profit_goes() -> None:
    with life() as lived:
        lived.protected()
        sold_by_hand(lived, 100)
        lived.look()
        lived.check()
        lived.assert_over(ExitSource.MANUAL)


@OUTCOMES
def test_both_legs_filled_is_flattened_and_stops_entries_until_a_person_resumes_them(no: bool) -> None:
    """A person sold while the take profit filled: the other outcome is held now, and nobody meant to hold it."""
    with life(no=no) as lived:
        lived.may_flip = True
        lived.protected()
        sold_by_hand(lived, 60)
        lived.taken(61, 100)
        assert lived.held == -60
        lived.market_at(49, 51)
        lived.look()
        lived.check()
        assert lived.held == 0
        assert lived.resting == []
        assert [(sent, sold) for sent, sold in lived.exits] == [(60, 60)]
        bracket = lived.bracket
        assert bracket.state is BracketState.ATTENTION
        assert "both legs" in bracket.disputed
        lived.made.assert_ledger_is_the_exchanges()
        lived.enter(size="10")
        assert lived.held == 0
        (waits,) = lived.made.events("ENTRY_WAITS")
        assert waits["reason"] == "halted"
        lived.brackets.save(resumed(bracket, "a-person"))
        lived.check()
        assert lived.brackets.open() == {}
        lived.made.tick()
        assert lived.held == 10, "resumed by a person"


def test_flip_is_flattened_although_its_first_order_is_lost() -> None:
    with life() as lived:
        lived.may_flip = True
        lived.protected()
        sold_by_hand(lived, 60)
        lived.taken(61, 100)
        lived.market_at(49, 51)
        lived.fault(FaultKind.TIMEOUT_BEFORE, PLACE)
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, status=400)
        lived.look()
        for _ in range(8):
            lived.check()
        assert lived.held == 0
        assert sum(sold for _, sold in lived.exits) == 60
        lived.made.assert_ledger_is_the_exchanges()


def test_take_profit_that_was_traded_through_is_checked_again_and_sold_better() -> None:
    """The venue shows a bid beyond our offer and does not match them: seen once it is noted, seen again it is sold."""
    with life() as lived:
        lived.protected()
        venue = lived.made.ports.venue
        books, cancel = venue.books, venue.cancel

        def beyond(_: object) -> object:
            return {"M-1": OrderBook("M-1", [(6_300, 50_000)], [(6_500, 50_000)], lived.made.clock.now_ms())}

        def then_really_there(*given: object) -> object:
            outcomes = cancel(*given)  # type: ignore[arg-type]
            lived.market_at(63, 65)
            venue.books = books  # type: ignore[method-assign]
            return outcomes

        venue.books, venue.cancel = beyond, then_really_there  # type: ignore[assignment, method-assign]
        lived.check()
        assert lived.resting == [(61, 100)], "left to the leg at the venue at first"
        assert lived.bracket.traded_through_at_ms
        lived.check()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_TP)
        assert trade.exit_price == 6_300
        assert "traded through" in trade.reason


def test_take_profit_traded_through_for_a_moment_is_left_alone() -> None:
    with life() as lived:
        lived.protected()
        venue = lived.made.ports.venue
        books = venue.books

        def beyond(_: object) -> object:
            return {"M-1": OrderBook("M-1", [(6_300, 50_000)], [(6_500, 50_000)], lived.made.clock.now_ms())}

        venue.books = beyond  # type: ignore[assignment, method-assign]
        lived.check()
        venue.books = books  # type: ignore[method-assign]
        for _ in range(3):
            lived.check()
        assert lived.resting == [(61, 100)]
        assert lived.bracket.traded_through_at_ms == 0
