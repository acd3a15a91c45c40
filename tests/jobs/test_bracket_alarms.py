"""What is said of brackets is stored; what the rate holds up is no failure; who does not act is called again."""

from typing import Any

import pytest
from msgspec import structs

from holdfast.core.bracket import CALL_AGAIN_MS, BracketState, ExitSource, moved
from holdfast.jobs.executor import Executor
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import CANCEL, PLACE, Life, life
from tests.jobs.test_bracket_legs import sold_by_hand


def heard(lived: Life, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states that were said; each is compared with the store at that moment."""
    said: list[str] = []
    event = lived.made.telemetry.event

    def compared(name: str, *level: Any, **fields: Any) -> None:
        if name == "BRACKET_MOVED":
            assert lived.bracket.state.value == fields["after"], "it is not so in the store"
            said.append(fields["after"])
        elif name == "NAKED":
            assert (lived.bracket.naked.cause or "") == fields["cause"], "it is not so in the store"
        event(name, *level, **fields)

    monkeypatch.setattr(lived.made.telemetry, "event", compared)
    return said


def test_move_is_said_when_its_transaction_went_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with life() as lived:
        lived.made.switch(use_concurrent_orders="false")
        lived.protected()
        said = heard(lived, monkeypatch)
        lived.market_at(43, 45)
        lived.check()
        assert said == ["exiting"]
        lived.assert_over(ExitSource.POSITION_MONITOR_SOFT)


def test_move_that_another_writer_forestalled_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with life() as lived:
        lived.made.switch(use_concurrent_orders="false")
        lived.protected()
        said = heard(lived, monkeypatch)
        lived.market_at(43, 45)
        venue = lived.made.ports.venue
        prepare, changes = venue.prepare, [1]

        def after_another_writer(batch: Any) -> Any:
            if changes:
                changes.pop()
                lived.brackets.save(structs.replace(lived.bracket, api_calls=99))
            return prepare(batch)

        monkeypatch.setattr(venue, "prepare", after_another_writer)
        lived.check()
        assert not changes, "it happened"
        assert said == ["exiting"], "once, although two passes decided it"


def test_exit_that_could_not_be_sent_stays_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket's back-off keeps it: what was said of it is stored without an order."""
    with life() as lived:
        lived.made.switch(use_concurrent_orders="false")
        lived.protected()
        said = heard(lived, monkeypatch)
        lived.market_at(43, 45)
        lived.made.clock.sleep_ms(30_000)
        send = Executor._try
        monkeypatch.setattr(Executor, "_try", lambda self, *given: None)
        lived.check(after_ms=0)
        assert said == ["exiting"]
        assert lived.bracket.exit is not None
        assert lived.bracket.exit.failures == lived.bracket.exit.sends == 0
        monkeypatch.setattr(Executor, "_try", send)
        lived.market_at(49, 51)
        lived.check()
        assert said == ["exiting"]
        lived.assert_over(ExitSource.POSITION_MONITOR_SOFT)


@pytest.mark.parametrize("endpoint", [PLACE, CANCEL])
def test_exit_that_the_venue_refuses_for_the_rate_is_no_failed_attempt(endpoint: str) -> None:
    """It neither calls a person for the market nor widens the floor; that it takes long is said."""
    with life() as lived:
        lived.made.switch(exit_alarm_after="2", exit_widen_seconds="1")
        lived.protected()
        lived.market_at(43, 45)
        lived.fault(FaultKind.RATE_LIMITED, endpoint, times=0)
        lived.check()
        calls = len(lived.exits)
        for _ in range(3):
            lived.check()
        exit = lived.bracket.exit
        assert exit is not None
        assert (exit.failures, exit.alarmed) == (0, False)
        assert exit.shut_out_since_ms
        assert lived.bracket.state is BracketState.EXITING
        delayed = lived.made.events("EXIT_DELAYED")
        assert {event["mode"] for event in delayed} == {"rate_limited"}
        assert 2 <= len(delayed) <= 3, "once it takes long, then every minute"
        assert len(lived.exits) == calls == 0
        lived.made.exchange.faults.clear()
        lived.check()
        prices = {lived.own(order.price) for order in lived.orders("x")}
        assert prices == {40}, "exit_slippage below the bid, as at first"
        lived.assert_over(ExitSource.ARMED_STOP)


def test_flip_that_the_venue_does_not_let_undo_is_tried_with_a_back_off_and_alarmed() -> None:
    with life() as lived:
        lived.may_flip = True
        lived.made.switch(exit_alarm_after="4")
        lived.protected()
        sold_by_hand(lived, 60)
        lived.taken(61, 100)
        assert lived.held == -60
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, times=0, status=400)
        lived.look()
        refused = lived.made.events("BATCH_PLACE_FAILED")
        assert 3 <= len(refused) <= 5, "1, 2 and 4 seconds between them"
        before_ms = lived.made.clock.now_ms()
        lived.check(after_ms=500)
        assert lived.made.clock.now_ms() - before_ms > 3_000, "a tick that comes early waits, too"
        for _ in range(8):
            lived.check()
        assert 8 <= len(refused := lived.made.events("BATCH_PLACE_FAILED")) <= 14
        called = [str(event["reason"]) for event in lived.made.events("BRACKET_ATTENTION")]
        assert len(called) == 2
        assert "4 attempts in a row" in called[1]
        lived.made.exchange.faults.clear()
        for _ in range(2):
            lived.check()
        assert lived.held == 0
        assert lived.bracket.undoing.failures == 0


def test_person_who_does_not_act_is_called_again_every_hour_by_one_writer() -> None:
    with life() as lived:
        lived.protected()
        lived.brackets.save(moved(lived.bracket, BracketState.ATTENTION, "look", "d", disputed="look", called_at_ms=1))
        writers = [lived.made.writer("w2"), lived.made.writer("w3")]
        for number in range(2 * CALL_AGAIN_MS // 60_000 + 2):
            lived.check(after_ms=60_000, ports=writers[number % 2])
        called = lived.made.events("BRACKET_ATTENTION")
        assert [event["again"] for event in called] == [True] * 3, "at once, since nobody was for long, and every hour"
        lived.assert_sound()
