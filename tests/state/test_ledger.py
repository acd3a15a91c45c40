"""Fill-once: whoever books a fill, and however often it is read, it moves the position exactly once."""

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.errors import ConditionFailedError
from holdfast.core.market import Side
from holdfast.core.orders import Fill, Purpose
from holdfast.core.positions import LedgerLine, Position, apply_fill
from holdfast.state.ledger import Ledger, StoredPosition, Watermark
from holdfast.state.memory import MemoryStore

FILL = Fill("f1", "o1", "M", Side.BUY, 4_000, 300, 1_500, False, 9_000)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(MemoryStore(VirtualClock(1_000_000)), "a")


def applied(stored: StoredPosition, fill: Fill = FILL) -> tuple[Position, tuple[LedgerLine, ...]]:
    return apply_fill(stored.position, fill, 10_000, purpose=Purpose.QUOTE, decision_id="d1")


def test_a_fill_booked_twice_moves_the_position_once(ledger: Ledger) -> None:
    flat = ledger.position("M")
    after = ledger.book(flat, *applied(flat))
    with pytest.raises(ConditionFailedError) as lost:
        ledger.book(after, *applied(after))
    assert 0 in lost.value.failed
    assert ledger.position("M").position.size == 300
    assert len(ledger.lines()) == 1


def test_writer_with_an_old_position_loses_and_nothing_of_its_booking_stays(ledger: Ledger) -> None:
    flat = ledger.position("M")
    ledger.book(flat, *applied(flat))
    other = Fill("f2", "o2", "M", Side.SELL, 4_100, 100, 0, False, 9_100)
    with pytest.raises(ConditionFailedError) as lost:
        ledger.book(flat, *applied(flat, other))
    assert lost.value.failed == (1,)
    assert [line.key for line in ledger.lines()] == ["f1#o1"]


def test_lines_come_back_as_they_were_put(ledger: Ledger) -> None:
    flat = ledger.position("M")
    position, lines = applied(flat)
    ledger.book(flat, position, lines)
    assert tuple(ledger.lines()) == lines
    assert ledger.positions() == {"M": StoredPosition(position, 1)}
    assert ledger.known(["f1#o1", "f9#o9"]) == {"f1#o1"}


def test_watermark_survives(ledger: Ledger) -> None:
    assert ledger.watermark() == Watermark()
    ledger.advance(Watermark(9_000, ("f1#o1",)))
    assert ledger.watermark() == Watermark(9_000, ("f1#o1",))
