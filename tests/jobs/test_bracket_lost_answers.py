"""Answers that never come: no exit before the fills are known, no order twice, and somebody finishes it."""

import pytest

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.orders import Purpose
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import BOOKS, CANCEL, FILLS, LISTS, PLACE, Life, life

LOST_PLACES = pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.TIMEOUT_BEFORE, 503),
        (FaultKind.TIMEOUT_AFTER, 503),
        (FaultKind.ERROR_BEFORE, 503),
        (FaultKind.ERROR_AFTER, 503),
        (FaultKind.MALFORMED, 503),
    ],
)
LOST_CANCELS = pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.TIMEOUT_BEFORE, 503),
        (FaultKind.TIMEOUT_AFTER, 503),
        (FaultKind.ERROR_BEFORE, 503),
        (FaultKind.ERROR_AFTER, 503),
        (FaultKind.ERROR_BEFORE, 404),
        (FaultKind.ERROR_AFTER, 404),
        (FaultKind.MALFORMED, 503),
    ],
)


def ticks_until_flat(lived: Life, most: int = 8) -> int:
    for number in range(1, most + 1):
        lived.check()
        if not lived.held:
            lived.check()
            return number
    raise AssertionError("still not flat")


@LOST_CANCELS
@pytest.mark.parametrize("lag_ms", [0, 4_000])
def test_cancel_of_the_take_profit_whose_answer_is_lost(kind: FaultKind, status: int, lag_ms: int) -> None:
    """Sixty had filled when it was cancelled: the exit waits until that is known, and sells forty."""
    with life() as lived:
        lived.protected()
        lived.made.exchange.set_read_lag_ms(lag_ms)
        lived.fault(kind, CANCEL, status=status)
        lived.made.clock.sleep_ms(25_000)
        lived.taken(61, 60)
        lived.market_at(43, 45)
        lived.check(after_ms=5_000)
        assert [sent for sent, _ in lived.exits] in ([], [40])
        assert ticks_until_flat(lived) <= 2, "the next tick finishes it"
        assert lived.exits == [(40, 40)]
        lived.assert_over(ExitSource.ARMED_STOP)


@LOST_CANCELS
def test_lost_cancel_is_finished_by_another_writer(kind: FaultKind, status: int) -> None:
    with life() as lived:
        lived.protected()
        lived.fault(kind, CANCEL, status=status)
        lived.market_at(43, 45)
        lived.check()
        lived.check(ports=lived.made.writer("w2"))
        lived.check(ports=lived.made.writer("w3"))
        assert [sent for sent, _ in lived.exits] == [100]
        lived.assert_over(ExitSource.ARMED_STOP)


def test_cancels_that_are_all_lost_are_not_sent_without_bound() -> None:
    """A peer sent 14,000 cancels in 20 hours, because a refused cancel counted as "alive"."""
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, CANCEL, times=0, status=404)
        lived.market_at(43, 45)
        for _ in range(20):
            lived.check()
        assert (lived.held, lived.exits) == (100, [])
        assert lived.bracket.state is BracketState.ATTENTION, "a person is called"
        sent = sum(count for name, count in lived.made.exchange.calls.items() if name.startswith("DELETE"))
        assert sent <= 4 * 20
        lived.made.exchange.faults.clear()
        ticks_until_flat(lived)
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.TIMEOUT_BEFORE, FaultKind.MALFORMED])
def test_no_exit_goes_out_beside_a_take_profit_whose_cancels_are_all_unanswered(kind: FaultKind) -> None:
    """It may still rest, and here a second sale opens the other outcome: no time that has passed proves anything."""
    with life() as lived:
        lived.protected()
        lived.fault(kind, CANCEL, times=0, status=503)
        lived.market_at(43, 45)
        for _ in range(4):
            lived.check()
            if lived.resting:
                assert (lived.held, lived.exits) == (100, [])
        lived.made.exchange.faults.clear()
        ticks_until_flat(lived)
        lived.assert_over(ExitSource.ARMED_STOP)


@LOST_PLACES
@pytest.mark.parametrize("lag_ms", [0, 4_000])
def test_exit_whose_answer_is_lost_is_one_exit(kind: FaultKind, status: int, lag_ms: int) -> None:
    with life() as lived:
        lived.protected()
        lived.made.exchange.set_read_lag_ms(lag_ms)
        lived.fault(kind, PLACE, status=status)
        lived.market_at(43, 45)
        ticks_until_flat(lived)
        lived.check()
        assert lived.exits == [(100, 100)]
        assert len({order.client_order_id for order in lived.orders("x")}) == 1
        lived.assert_over(ExitSource.ARMED_STOP)


def test_exit_in_doubt_goes_out_again_under_its_identity() -> None:
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.TIMEOUT_BEFORE, PLACE, times=2)
        lived.market_at(43, 45)
        lived.check()
        (entry,) = [entry for entry in lived.made.journal.live() if entry.purpose is Purpose.EXIT]
        ticks_until_flat(lived)
        (order,) = lived.orders("x")
        assert order.client_order_id == entry.items[0].client_order_id
        assert lived.made.exchange.calls[PLACE] == 5, "entry, take profit, and the exit three times"
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.TIMEOUT_BEFORE])
def test_exit_in_doubt_is_not_followed_by_another_before_the_fills_could_show_it(kind: FaultKind) -> None:
    """Ticks every second, by two processes, while reads show the account as it was eight seconds ago."""
    with life() as lived:
        lived.protected()
        lived.made.clock.sleep_ms(30_000)
        lived.made.exchange.set_read_lag_ms(8_000)
        lived.fault(kind, PLACE)
        lived.market_at(43, 45)
        second = lived.made.writer("w2")
        for number in range(40):
            lived.check(after_ms=1_000, ports=second if number % 2 else None)
        assert lived.exits == [(100, 100)]
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("endpoint", [LISTS, FILLS, BOOKS, "GET /exchange/user_data_timestamp", "GET /exchange/status"])
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_one_failed_look_up_during_a_stop_makes_no_second_one(endpoint: str, skip: int) -> None:
    """Freqtrade created a second stop when it could not look up its first."""
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, endpoint, skip=skip)
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        lived.bids((43, 500), asks=((45, 500),))
        ticks_until_flat(lived)
        assert sum(sent for sent, _ in lived.exits) == 100
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("endpoint", [LISTS, FILLS])
def test_unreadable_orders_place_nothing_twice(endpoint: str) -> None:
    """poly-maker emptied its books on a 503 and placed everything again. An error is no empty list."""
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, endpoint, times=4)
        for _ in range(4):
            report = lived.check()
            assert report.ended
            assert lived.resting == [(61, 100)]
        for _ in range(3):
            lived.check()
        assert len(lived.orders("t")) == 1
        assert lived.held == 100


@LOST_PLACES
def test_take_profit_whose_answer_is_lost_rests_once(kind: FaultKind, status: int) -> None:
    with life() as lived:
        lived.fault(kind, PLACE, status=status, skip=1)
        lived.enter()
        for _ in range(6):
            lived.check()
        assert lived.resting == [(61, 100)]
        assert sum(1 for order in lived.orders("t") if order.end is None) == 1
        lived.taken(61, 100)
        lived.check()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


def test_young_take_profit_that_no_list_shows_yet_is_not_booked_as_gone() -> None:
    """Freqtrade booked a one-minute-old order as "cancelled due to timeout"."""
    with life() as lived:
        lived.made.exchange.set_read_lag_ms(20_000)
        lived.enter()
        (young,) = lived.resting
        for _ in range(6):
            lived.check(after_ms=2_500)
            assert lived.resting == [young]
            assert len(lived.orders("t")) == 1
        for _ in range(4):
            lived.check()
        assert lived.resting == [(61, 100)], "what was paid on average is known by then"
        lived.taken(61, 100)
        for _ in range(3):
            lived.check()
        lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


@pytest.mark.parametrize("jitter_ms", [3_000, 6_000])
def test_take_profit_follows_what_is_held_though_every_read_is_of_another_time(jitter_ms: int) -> None:
    """The list can show that it has shrunk before any fill says why: what looks lacking then is sold already."""
    with life() as lived:
        lived.protected()
        lived.made.clock.sleep_ms(30_000)
        lived.made.exchange.set_read_lag_ms(500, jitter_ms)
        for _ in range(12):
            lived.taken(61, 5)
            for _ in range(4):
                lived.check(after_ms=1_500)
        assert lived.held == 40
        lived.made.exchange.set_read_lag_ms(0)
        lived.look()
        lived.check()
        assert lived.resting == [(61, 40)]
        assert len(lived.orders("t")) == 1


@pytest.mark.parametrize(("lag_ms", "jitter_ms"), [(3_000, 0), (15_000, 0), (1_000, 6_000)])
def test_reads_that_lag_sell_nothing_twice(lag_ms: int, jitter_ms: int) -> None:
    with life() as lived:
        lived.made.exchange.set_read_lag_ms(lag_ms, jitter_ms)
        lived.enter()
        for _ in range(4):
            lived.check()
        assert lived.resting == [(61, 100)]
        lived.taken(61, 60)
        lived.market_at(43, 45)
        ticks_until_flat(lived)
        assert lived.exits == [(40, 40)]
        for _ in range(2):
            lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_take_profit_at_the_average_price_rests_within_the_tick_that_learns_it() -> None:
    """While the fills lag it rests where the worst price would have put it; thirty seconds without one cost a gain."""
    with life() as lived:
        lived.made.exchange.set_read_lag_ms(3_000)
        lived.enter()
        assert lived.resting == [(63, 100)], "ten cents above the worst price that could have been paid"
        lived.check()
        assert lived.resting == [(61, 100)]


def test_lost_cancel_delays_a_stop_by_seconds() -> None:
    """Nobody waits for the journal's quarter of a minute: the cancel goes out once more, and its answer tells."""
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.TIMEOUT_BEFORE, CANCEL)
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(100, 100)]
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert 5_000 <= trade.naked_ms <= 8_000


def test_positions_that_a_tick_could_not_look_at_count_as_naked() -> None:
    """The list answers 503 at the stop: no exit can go out, and a dashboard that shows nothing naked would be a lie."""
    with life() as lived:
        lived.protected()
        lived.look()
        lived.fault(FaultKind.ERROR_BEFORE, LISTS, status=503)
        lived.market_at(43, 45)
        report = lived.check()
        assert report.ended
        assert lived.made.telemetry.total("NakedPositions") == 1
        assert lived.made.events("POSITIONS_UNSEEN")[0]["brackets"] == 1
        assert ticks_until_flat(lived) == 1


def test_results_that_can_not_be_read_hold_up_no_stop() -> None:
    with life() as lived:
        lived.protected()
        lived.made.clock.sleep_ms(600_000)
        lived.fault(FaultKind.ERROR_BEFORE, "GET /portfolio/settlements", status=429)
        lived.market_at(43, 45)
        lived.check()
        assert lived.held == 0


def test_new_process_that_can_not_read_the_markets_fires_the_stop_all_the_same() -> None:
    """Rules are cached by a process; a cold one that had none evaluated no stop until the venue answered."""
    with life() as lived:
        lived.protected()
        for _ in range(10):
            lived.fault(FaultKind.ERROR_BEFORE, "GET /markets", status=503)
        lived.market_at(43, 45)
        lived.check(ports=lived.made.writer("w2"))
        assert lived.held == 0
