"""Two writers at one position: whoever loses re-reads, and it is exited once."""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.core.bracket import ExitSource
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.ports import Ports
from holdfast.jobs.writes import LEASE_MS
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import CANCEL, PLACE, Life, life


class Interrupting:
    """A port that lets something else happen before its n-th call, once."""

    def __init__(self, port: Any, name: str, number: int, happening: Callable[[], object]) -> None:
        self._port, self._name, self._left, self._happening = port, name, number, happening
        self.happened = False

    def __getattr__(self, name: str) -> Any:
        target = getattr(self._port, name)
        if not callable(target) or (self._name and name != self._name):
            return target

        def call(*args: Any, **given: Any) -> Any:
            self._left -= 1
            if not self._left and not self.happened:
                self.happened = True
                self._happening()
            return target(*args, **given)

        return call


def second_writer(lived: Life) -> Callable[[], object]:
    """The whole tick of another writer, to which the first one's lease has run out."""
    ports: Ports = lived.made.writer("w2")

    def happening() -> None:
        lived.made.clock.sleep_ms(LEASE_MS + 1_000)
        report = check_brackets(lived.made.account, ports, lived.made.clock)
        assert not report.skipped
        lived.assert_sound()

    return happening


def writer_with_a_lease_of_its_own(lived: Life, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """The whole tick of a writer that no lease keeps apart from the first one: claims and identities alone do."""
    ports: Ports = lived.made.writer("w2")

    def happening() -> None:
        with monkeypatch.context() as patched:
            patched.setattr("holdfast.jobs.brackets.JOB", "feed")
            assert not check_brackets(lived.made.account, ports, lived.made.clock).skipped
        lived.assert_sound()

    return happening


@pytest.mark.parametrize("call", ["open_orders", "fills", "books", "cancel", "place", "positions"])
@pytest.mark.parametrize("number", [1, 2])
def test_writer_that_stalls_at_a_call_to_the_venue_exits_nothing_again(call: str, number: int) -> None:
    """It sleeps for a minute; another one takes over and sells everything; then the first one goes on."""
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        slow = lived.made.writer("w1-slow")
        port: Any = Interrupting(slow.venue, call, number, second_writer(lived))
        slow.venue = port
        lived.check(ports=slow)
        assert port.happened or number > 1
        for _ in range(3):
            lived.check()
        assert lived.exits == [(100, 100)]
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("number", range(3, 30))
def test_writer_that_stalls_at_a_call_to_the_store_exits_nothing_again(number: int) -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        slow = lived.made.writer("w1-slow")
        port: Any = Interrupting(slow.store, "", number, second_writer(lived))
        slow.store = port
        lived.check(ports=slow)
        assert port.happened
        for _ in range(3):
            lived.check()
        assert lived.exits == [(100, 100)]
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("lag_ms", [0, 4_000])
@pytest.mark.parametrize("port", ["store", "venue"])
@pytest.mark.parametrize("number", range(2, 30))
def test_two_writers_that_share_no_lease_exit_once(
    monkeypatch: pytest.MonkeyPatch, port: str, number: int, lag_ms: int
) -> None:
    """As the feed and the scheduled job will: each sees the stop due, and both want to send it."""
    with life() as lived:
        lived.protected()
        lived.made.clock.sleep_ms(30_000)
        lived.made.exchange.set_read_lag_ms(lag_ms)
        lived.taken(61, 60)
        lived.market_at(43, 45)
        slow = lived.made.writer("w1-slow")
        happening = writer_with_a_lease_of_its_own(lived, monkeypatch)
        setattr(slow, port, Interrupting(getattr(slow, port), "", number, happening))
        lived.check(ports=slow)
        for _ in range(3):
            lived.check()
        assert lived.exits == [(40, 40)]
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("endpoint", [CANCEL, PLACE])
@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_lost_answer_while_another_writer_takes_over(endpoint: str, kind: FaultKind, number: int) -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.fault(kind, endpoint)
        slow = lived.made.writer("w1-slow")
        port: Any = Interrupting(slow.venue, "open_orders", number, second_writer(lived))
        slow.venue = port
        lived.check(ports=slow)
        for _ in range(4):
            lived.check()
        assert sum(sold for _, sold in lived.exits) == 100
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("number", range(1, 14))
def test_take_profit_is_placed_once_by_two_writers(number: int) -> None:
    """The entry is made; both writers see it unprotected."""
    with life() as lived:
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, skip=1, status=400)
        lived.enter()
        assert lived.resting == []
        slow = lived.made.writer("w1-slow")
        port: Any = Interrupting(slow.store, "", number + 2, second_writer(lived))
        slow.store = port
        lived.check(ports=slow)
        for _ in range(3):
            lived.check()
            assert sum(left for _, left in lived.resting) <= 100
        assert lived.resting == [(61, 100)]


def test_execute_and_brackets_at_once_leave_each_others_orders_alone() -> None:
    with life() as lived:
        lived.protected()
        slow = lived.made.writer("w1-slow")

        def execute() -> None:
            lived.made.tick(after_ms=0)

        port: Any = Interrupting(slow.venue, "cancel", 1, execute)
        slow.venue = port
        lived.market_at(43, 45)
        lived.check(ports=slow)
        assert port.happened
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)
