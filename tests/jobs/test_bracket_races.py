"""What happens between a look and the order that follows from it: fills, cancels, prices, requests."""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.requests import Origin
from tests.jobs.bracket_life import Life, life
from tests.jobs.test_bracket_writers import Interrupting

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])


def before(lived: Life, call: str, happening: Callable[[], object], number: int = 1) -> Interrupting:
    """Let something happen just before a call to the venue."""
    port = Interrupting(lived.made.ports.venue, call, number, happening)
    venue: Any = port
    lived.made.ports.venue = venue
    return port


@OUTCOMES
def test_take_profit_that_fills_while_the_stop_cancels_it_leaves_nothing_to_sell(no: bool) -> None:
    """The cancel is answered "not found": that proves nothing, the fills do."""
    with life(no=no) as lived:
        lived.protected()
        port = before(lived, "cancel", lambda: lived.taken(61, 100))
        lived.market_at(43, 45)
        for _ in range(3):
            lived.check()
        assert port.happened
        assert lived.exits == []
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


@OUTCOMES
@pytest.mark.parametrize("lag_ms", [0, 4_000])
def test_take_profit_that_fills_in_part_while_the_stop_cancels_it(no: bool, lag_ms: int) -> None:
    with life(no=no) as lived:
        lived.protected()
        lived.made.clock.sleep_ms(20_000)
        lived.made.exchange.set_read_lag_ms(lag_ms)
        before(lived, "cancel", lambda: lived.taken(61, 60))
        lived.market_at(43, 45)
        for _ in range(3):
            lived.check()
        assert lived.exits == [(40, 40)]
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("call", ["open_orders", "fills", "books", "place"])
def test_take_profit_that_fills_at_any_moment_of_a_stop(call: str) -> None:
    with life() as lived:
        lived.protected()
        before(lived, call, lambda: lived.taken(61, 60))
        lived.market_at(43, 45)
        for _ in range(3):
            lived.check()
        assert sum(sold for _, sold in lived.exits) in (40, 100)
        assert lived.held == 0
        lived.made.assert_ledger_is_the_exchanges()
        assert [trade.source for trade in lived.trades] == [ExitSource.ARMED_STOP]


def test_bid_that_is_gone_when_the_exit_arrives_is_no_failure_of_the_floor() -> None:
    """The exit fills nothing at its floor; the next one goes out from what is left."""
    with life() as lived:
        lived.protected()
        before(lived, "place", lambda: lived.bids((20, 500), asks=((45, 500),)))
        lived.market_at(43, 45)
        lived.check()
        assert lived.held == 100
        lived.market_at(42, 44)
        for _ in range(2):
            lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.exit_price == 4_200


def test_price_that_recovers_after_the_stop_fired_changes_neither_source_nor_exit() -> None:
    with life() as lived:
        lived.protected()
        before(lived, "cancel", lambda: lived.market_at(50, 52))
        lived.market_at(43, 45)
        for _ in range(2):
            lived.check()
        assert lived.assert_over(ExitSource.ARMED_STOP).exit_price == 5_000


def test_signal_that_arrives_while_a_stop_is_under_way_adds_nothing() -> None:
    with life() as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        lived.ask_exit(Origin.SIGNAL)
        lived.market_at(42, 44)
        for _ in range(2):
            lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.size == 10_000
        assert lived.requests.open() == []


def test_stop_under_way_takes_liquidity_at_once_when_the_hard_stop_is_reached() -> None:
    with life() as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        assert lived.bracket.state in (BracketState.EXITING, BracketState.ATTENTION)
        lived.market_at(30, 32)
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.exit_value == 30 * 430_000 + 70 * 300_000


def test_entry_and_stop_in_one_minute_book_a_trade_with_everything_in_it() -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert (trade.market, trade.size, trade.entry_price, trade.exit_price) == ("M-1", 10_000, 5_100, 4_300)
        assert (trade.best_bid, trade.best_ask, trade.origin) == (4_900, 5_100, "command")
        assert (trade.intended, trade.slippage, trade.attempts) == (4_400, 100, 1)
        assert trade.mode.value == "limit_orders"
        assert "armed stop: bid 0.4300 at or below 0.4400" in trade.reason
        assert trade.fees == lived.made.books.total_fees > 0
        assert trade.realized == 100 * (430_000 - 510_000)
        assert trade.closed_at_ms - trade.opened_at_ms == 60_000
        assert (trade.odds_range, trade.order_type) == ("0.50-0.60", "immediate")
        assert trade.api_calls == 4, "entry, take profit, its cancel, exit"
