"""The demo's own judgement: what it must notice, and what it leaves behind when stopped."""

import random
from collections.abc import Iterator

import pytest
from msgspec import structs

from holdfast.clock import VirtualClock
from holdfast.core.errors import InvalidInputError
from holdfast.core.journal import EntryState, JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.outcomes import Canceled, Refusal, Refused
from holdfast.jobs.tick import TickReport
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.venues.kalshi.wire import SCALE
from local.demo.clock import TapeClock
from local.demo.comparison import compare
from local.demo.feed import TapeFeed
from local.demo.frame import Frame
from local.demo.interruption import Interruption
from local.demo.options import DemoOptions, open_tape
from local.demo.session import Session
from local.demo.tally import Tally
from local.demo.world import START_MS, World
from local.tapes.generator import generate_tape


class CountingScreen:
    """Counts frames; interrupts at one of them."""

    def __init__(self, interruption: Interruption, at: int = 0) -> None:
        self.frames: list[Frame] = []
        self._interruption = interruption
        self._at = at

    def show(self, frame: Frame) -> None:
        self.frames.append(frame)
        if len(self.frames) == self._at:
            self._interruption.note(2)

    def note(self, words: str) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def played() -> Iterator[Session]:
    """A demo of two markets, played to its end."""
    options = DemoOptions(minutes=1, markets=4, seed=5)
    with World(options, open_tape(options, SCALE)) as world:
        interruption = Interruption()
        session = Session(world, CountingScreen(interruption), interruption, VirtualClock(0), speed=0)
        session.run()
        yield session


def test_stopped_session_leaves_no_order_and_equal_books_with_positions_open() -> None:
    options = DemoOptions(minutes=5, markets=6, seed=2)
    with World(options, open_tape(options, SCALE)) as world:
        interruption = Interruption()
        screen = CountingScreen(interruption, at=9)
        session = Session(world, screen, interruption, VirtualClock(0), speed=0)
        session.run()
        books, comparison = world.books(), session.comparison()
    assert screen.frames[7].resting > 0
    assert books.open_orders == ()
    assert len(screen.frames) <= 12
    assert any(holding.size for holding in books.positions)
    assert comparison.is_equal


def test_a_missing_ledger_line_is_noticed(played: Session) -> None:
    world = played.world
    lines = world.ledger.lines()
    positions = {market: stored.position for market, stored in world.ledger.positions().items()}
    assert compare(lines, positions, world.books(), []).is_equal
    short = compare(lines[1:], positions, world.books(), [])
    assert not short.is_equal
    assert any(pair.differences for pair in short.pairs)


def test_one_unit_of_fee_is_noticed(played: Session) -> None:
    world = played.world
    lines = world.ledger.lines()
    positions = {market: stored.position for market, stored in world.ledger.positions().items()}
    lines[0] = structs.replace(lines[0], fee=lines[0].fee + 1)
    assert not compare(lines, positions, world.books(), []).is_equal


def cancel_entry(number: int, outcome: Canceled | Refused) -> JournalEntry:
    item = WriteItem("M", Side.BUY, "c", "o", outcome=outcome)
    return JournalEntry(
        entry_id=str(number),
        account="a",
        operation=Operation.CANCEL,
        purpose=Purpose.QUOTE,
        items=(item,),
        body="",
        decision_id="",
        fence=number,
        sent_at_ms=number,
        deadline_ms=number,
        resolvable_at_ms=number,
        state=EntryState.ACKNOWLEDGED,
    )


NOT_FOUND = Refused(Refusal.NOT_FOUND)


def add(tally: Tally, telemetry: MemoryTelemetry, *entries: JournalEntry, executed: int = 0) -> None:
    tally.add(TickReport("a"), telemetry, entries, lambda _: executed)


def test_cancel_of_an_order_whose_cancel_was_acknowledged_is_counted_once() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    first, second = cancel_entry(1, Canceled("o", 100, 1)), cancel_entry(2, NOT_FOUND)
    add(tally, telemetry, first)
    add(tally, telemetry, first, second)
    add(tally, telemetry, second)
    assert tally.wasted_cancels == ["o"]


def test_cancel_of_an_order_whose_fills_were_booked_is_counted() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    telemetry.event("LEDGER_LINE", order_id="o", size=100, market="M", position=100)
    add(tally, telemetry, cancel_entry(1, NOT_FOUND), executed=100)
    assert tally.wasted_cancels == ["o"]


def test_cancel_that_a_fill_beat_is_not_counted() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    telemetry.event("LEDGER_LINE", order_id="o", size=60, market="M", position=60)
    add(tally, telemetry, cancel_entry(1, NOT_FOUND), executed=100)
    assert tally.wasted_cancels == []


def test_waiting_plays_the_tape_up_to_the_new_time() -> None:
    options = DemoOptions(minutes=1, markets=1)
    tape = generate_tape(random.Random(1), SCALE, markets=1, duration_ms=60_000)
    with World(options, tape) as world:
        assert isinstance(world.clock, TapeClock)
        world.clock.set_ms(START_MS)
        opening = world.exchange.best(tape.markets[0].ticker)
        world.clock.sleep_ms(30_000)
        expected = TapeFeed(tape, world.exchange, START_MS)
        assert expected.due_ms() == START_MS
        assert world.clock.now_ms() == START_MS + 30_000
        assert world.exchange.best(tape.markets[0].ticker) != opening


def test_only_the_named_markets_are_left() -> None:
    options = DemoOptions(minutes=1, markets=4)
    tickers = [market.ticker for market in open_tape(options, SCALE).markets]
    left = open_tape(structs.replace(options, only=(tickers[2],)), SCALE)
    assert [market.ticker for market in left.markets] == [tickers[2]]
    assert {event.ticker for event in left.events} == {tickers[2]}


def test_options_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="--minutes"):
        DemoOptions(minutes=0)
    with pytest.raises(InvalidInputError, match="--speed"):
        DemoOptions(speed=-1)
