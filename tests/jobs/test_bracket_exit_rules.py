"""Why a position is left, each with its switch: signal, person, time, trailing, monitor; prices that prove nothing."""

import pytest

from holdfast.core.bracket import BracketState, ExitMode, ExitSource, NakedClass
from holdfast.core.market import Side
from holdfast.core.requests import Origin
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import BOOKS, Life, life

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])


@OUTCOMES
def test_signal_sells_at_the_market_and_takes_the_take_profit_with_it(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        lived.ask_exit(Origin.SIGNAL)
        lived.check()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_SIGNAL)
        assert (trade.exit_price, trade.order_type) == (4_900, "immediate")
        assert lived.made.events("EXIT_ASKED")


def test_signal_is_not_heeded_while_its_switch_is_off() -> None:
    with life() as lived:
        lived.made.switch(use_signal_exit="false")
        lived.protected()
        lived.ask_exit(Origin.SIGNAL)
        for _ in range(3):
            lived.check()
        assert lived.held == 100
        assert lived.resting == [(61, 100)]
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_manual_exit_needs_no_switch() -> None:
    with life() as lived:
        lived.made.switch(use_signal_exit="false")
        lived.protected()
        lived.ask_exit(Origin.COMMAND)
        lived.check()
        lived.assert_over(ExitSource.MANUAL)


def test_exit_asked_for_twice_sells_once() -> None:
    with life() as lived:
        lived.protected()
        lived.ask_exit(Origin.SIGNAL)
        lived.ask_exit(Origin.COMMAND)
        for _ in range(3):
            lived.check()
        assert lived.exits == [(100, 100)]
        assert lived.held == 0
        assert lived.brackets.open() == {}
        assert [one.request.request_id for one in lived.requests.open()] == []


def test_exit_asked_for_whose_time_is_over_sells_nothing_and_is_counted() -> None:
    with life() as lived:
        lived.protected()
        lived.ask_exit(Origin.SIGNAL)
        for _ in range(2):
            lived.check(after_ms=601_000)
        assert (lived.exits, lived.held) == ([], 100)
        assert len(lived.made.events("REQUEST_EXPIRED")) == 1
        assert lived.made.telemetry.total("RequestsExpired") == 1


def test_exit_of_nothing_is_refused() -> None:
    with life() as lived:
        lived.ask_exit()
        lived.check()
        (known,) = lived.requests.known()
        assert (known.state.value, known.reason) == ("refused", "nothing_held")
        (said,) = lived.made.events("REQUEST_REFUSED")
        assert said["reason"] == "nothing_held"


@OUTCOMES
def test_time_limit_sells_a_position_that_is_too_old(no: bool) -> None:
    with life(no=no) as lived:
        lived.made.switch(max_position_hours="1")
        lived.protected()
        for _ in range(10):
            lived.check(after_ms=300_000)
        assert lived.held == 100
        lived.check(after_ms=700_000)
        lived.assert_over(ExitSource.TIME_LIMIT)


@OUTCOMES
def test_take_profit_that_rests_for_an_hour_is_given_up_for_the_market(no: bool) -> None:
    with life(no=no) as lived:
        lived.made.switch(max_limit_minutes="60")
        lived.protected()
        lived.taken(61, 10)
        for _ in range(11):
            lived.check(after_ms=300_000)
        assert lived.held == 90
        lived.check(after_ms=300_000)
        trade = lived.assert_over(ExitSource.TIME_LIMIT)
        assert "resting for 60 min" in trade.reason


def test_time_limit_is_not_heeded_while_its_switch_is_off() -> None:
    with life() as lived:
        lived.made.switch(max_position_hours="1", use_time_exit="false")
        lived.protected()
        lived.check(after_ms=2 * 3_600_000)
        lived.check()
        assert lived.held == 100


@OUTCOMES
def test_trailing_stop_follows_up_and_sells_on_the_way_back(no: bool) -> None:
    with life(no=no) as lived:
        lived.made.switch(use_trailing_exit="true")
        lived.protected()
        for bid in (56, 59, 57):
            lived.market_at(bid, bid + 2)
            lived.check()
            assert lived.held == 100
        lived.market_at(55, 57)
        lived.check()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_TRAILING)
        assert trade.exit_price == 5_500, "four cents below the best bid of 59"


def test_trailing_stop_sleeps_while_its_switch_is_off() -> None:
    with life() as lived:
        lived.protected()
        for bid in (59, 54, 47):
            lived.market_at(bid, bid + 2)
            lived.check()
        assert lived.held == 100


def test_trailing_stop_is_asleep_before_its_activation() -> None:
    with life() as lived:
        lived.made.switch(use_trailing_exit="true")
        lived.protected()
        for bid in (54, 49, 46):
            lived.market_at(bid, bid + 2)
            lived.check()
        assert lived.held == 100


def test_peak_of_the_trailing_stop_survives_a_new_process() -> None:
    with life() as lived:
        lived.made.switch(use_trailing_exit="true")
        lived.protected()
        lived.market_at(59, 61)
        lived.check()
        lived.market_at(55, 57)
        lived.check(ports=lived.made.writer("w2"))
        lived.assert_over(ExitSource.POSITION_MONITOR_TRAILING)


# Monitor mode.


@pytest.mark.parametrize(
    ("bid", "source"),
    [
        (62, ExitSource.POSITION_MONITOR_TP),
        (43, ExitSource.POSITION_MONITOR_SOFT),
        (35, ExitSource.POSITION_MONITOR_HARD),
    ],
)
@OUTCOMES
def test_nothing_rests_in_monitor_mode_and_we_watch_and_sell(bid: int, source: ExitSource, no: bool) -> None:
    with life(no=no) as lived:
        lived.made.switch(use_concurrent_orders="false")
        lived.protected()
        assert lived.bracket.mode is ExitMode.MONITOR
        assert lived.resting == []
        lived.market_at(bid, bid + 2)
        lived.check()
        trade = lived.assert_over(source)
        assert trade.exit_price == bid * 100
        assert lived.orders("t") == []


def test_flipping_the_mode_changes_nothing_for_positions_that_are_open() -> None:
    with life() as lived:
        lived.protected()
        lived.made.switch(use_concurrent_orders="false")
        lived.made.clock.sleep_ms(61_000)
        for _ in range(3):
            lived.check()
        assert lived.bracket.mode is ExitMode.LIMIT_ORDERS
        assert lived.resting == [(61, 100)]
        lived.taken(61, 100)
        lived.check()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


def test_ab_share_splits_positions_by_a_hash_that_is_the_same_every_time() -> None:
    modes = []
    for _ in range(2):
        with life() as lived:
            lived.made.switch(ab_concurrent_share="0.5")
            drawn = []
            for _ in range(8):
                lived.protected()
                mode = lived.bracket.mode
                assert len(lived.resting) == (mode is ExitMode.LIMIT_ORDERS)
                drawn.append(mode)
                lived.ask_exit()
                lived.check()
                assert lived.held == 0
            modes.append(drawn)
    assert modes[0] == modes[1]
    assert set(modes[0]) == set(ExitMode)


# Prices that prove nothing.


@OUTCOMES
@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        pytest.param((), ((65, 100),), id="nobody bids"),
        pytest.param((), (), id="empty"),
        pytest.param(((1, 100),), (), id="abandoned bid alone"),
        pytest.param(((1, 100),), ((99, 100),), id="abandoned bid below a winner's ask"),
        pytest.param(((30, 100),), ((70, 100),), id="too wide"),
    ],
)
def test_book_that_proves_nothing_neither_fires_nor_skips(
    no: bool, bids: tuple[tuple[int, int], ...], asks: tuple[tuple[int, int], ...]
) -> None:
    """A peer sold winners at an abandoned 0.01, and had skipped positions at -96 % the day before."""
    with life(no=no) as lived:
        lived.protected()
        lived.bids(*bids, asks=asks)
        report = lived.check()
        assert lived.held == 100
        assert lived.bracket.exit is None
        assert report.protecting.naked[NakedClass.BLIND] == 1
        assert lived.made.events("PRICE_BLIND")
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_wide_book_whose_ask_is_below_the_stop_fires() -> None:
    with life() as lived:
        lived.protected()
        lived.bids((10, 500), asks=((40, 500),))
        lived.check()
        assert lived.bracket.exit is not None
        lived.bids((38, 500), asks=((40, 500),))
        lived.check()
        lived.assert_over(ExitSource.POSITION_MONITOR_HARD)


def test_unreadable_books_are_blind_not_zero() -> None:
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, BOOKS, times=0)
        lived.market_at(35, 37)
        for _ in range(3):
            report = lived.check()
            assert lived.held == 100
            assert report.protecting.naked[NakedClass.BLIND] == 1
        lived.made.exchange.faults.clear()
        lived.check()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
        assert trade.naked_ms >= 90_000


def test_last_trade_alone_is_no_market() -> None:
    with life() as lived:
        lived.protected()
        lived.bids((1, 100))
        lived.made.exchange.apply_trade("M-1", 100, 1, Side.SELL)
        lived.check()
        assert lived.held == 100


def test_exit_survives_a_new_process_under_its_first_named_source() -> None:
    with life() as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        assert lived.bracket.state in (BracketState.EXITING, BracketState.ATTENTION)
        lived.market_at(55, 57)
        lived.check(ports=lived.made.writer("w2"))
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.size == 10_000


def asked(lived: Life) -> int:
    return sum(count for name, count in lived.made.exchange.calls.items() if name.startswith("GET /portfolio/orders/"))


def test_no_order_or_position_is_looked_up_by_itself() -> None:
    with life() as lived:
        lived.protected()
        before = lived.made.exchange.calls.copy()
        for _ in range(10):
            lived.check()
        made = lived.made.exchange.calls - before
        assert asked(lived) == 0
        assert 0 < made["GET /portfolio/orders"] <= 10
        assert made["GET /portfolio/fills"] <= 10
        assert made["GET /markets/orderbooks"] == 10, "one call for all prices, in every tick"
        assert made["GET /portfolio/positions"] == 0
