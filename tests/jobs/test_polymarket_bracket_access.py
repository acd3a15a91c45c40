"""A place that Polymarket takes no orders from: a state of the access, no failure of the exit, which is tried on."""

from holdfast.core.bracket import BracketState, ExitSource, NakedClass
from local.venues.polymarket import Geoblock
from tests.jobs.polymarket_life import PLACE, REFRESH, token_life

BLOCKED = Geoblock(blocked=True, country="US", region="NY")


def test_exit_from_a_blocked_place_is_tried_on_alarmed_by_name_and_no_failure() -> None:
    with token_life() as lived:
        lived.made.switch(exit_alarm_after="2", exit_widen_seconds="1")
        lived.protected()
        made = lived.made
        made.exchange.operator.set_geoblock(BLOCKED, sells_too=True)
        lived.market_at(43, 45)
        placed, refreshed = made.exchange.calls[PLACE], made.exchange.calls[REFRESH]
        for _ in range(6):
            lived.check()
        exit = lived.bracket.exit
        assert exit is not None
        assert (exit.failures, exit.alarmed) == (0, False)
        assert lived.bracket.state is BracketState.EXITING
        assert lived.bracket.naked.cause is NakedClass.EXITING
        assert made.exchange.calls[REFRESH] == refreshed, "nothing is wrong with the balance"
        assert 6 <= made.exchange.calls[PLACE] - placed <= 16, "tried on, with a back-off"
        assert len(made.events("ACCESS_BLOCKED")) == made.telemetry.total("AccessBlocked") == 1
        delayed = made.events("EXIT_DELAYED")
        assert {event["mode"] for event in delayed} == {"geoblocked"}
        assert 3 <= len(delayed) <= 4, "at once and every minute"
        assert made.tick().halted == ("geoblocked",), "nothing new is entered"
        made.exchange.operator.set_geoblock(Geoblock())
        lived.until_over()
        assert lived.shares == 0
        (trade,) = lived.trades
        assert trade.source is ExitSource.ARMED_STOP
        lived.check(after_ms=600_000)
        assert len(made.events("ACCESS_CLEARED")) == 1


def test_hard_stop_from_a_blocked_place_waits_its_back_off_in_a_tick_that_comes_early() -> None:
    """It goes at once the first time, not each time that somebody looks."""
    with token_life() as lived:
        lived.protected()
        made = lived.made
        made.exchange.operator.set_geoblock(BLOCKED, sells_too=True)
        lived.market_at(38, 40)
        placed = made.exchange.calls[PLACE]
        lived.check()
        first = made.exchange.calls[PLACE] - placed
        exit = lived.bracket.exit
        assert exit is not None
        assert exit.source is ExitSource.POSITION_MONITOR_HARD
        assert exit.retry_at_ms - made.clock.now_ms() > 5_000
        lived.check(after_ms=0)
        assert made.exchange.calls[PLACE] - placed - first == 1, "when its time has come, and not at once, too"


def test_entry_from_a_blocked_place_halts_entries_at_once_and_pauses_no_market() -> None:
    """The hourly question has not shown it yet."""
    with token_life() as lived:
        lived.made.tick()
        lived.made.exchange.operator.set_geoblock(BLOCKED)
        lived.enter()
        assert len(lived.made.events("ACCESS_BLOCKED")) == 1
        lived.ask()
        placed = lived.made.exchange.calls[PLACE]
        assert lived.made.tick().halted == ("geoblocked",)
        assert lived.made.exchange.calls[PLACE] == placed
        assert not lived.made.events("MARKET_PAUSED")
