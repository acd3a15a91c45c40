"""What the simulation found, each with what it would have cost."""

from collections.abc import Iterator, Sequence

import pytest
from msgspec import structs

from holdfast.assembly import assemble
from holdfast.clock import Clock, VirtualClock
from holdfast.core.journal import EntryState, JournalEntry, Operation
from holdfast.core.orders import Purpose
from holdfast.jobs.execute import execute
from holdfast.state.journal import Journal
from holdfast.state.leases import Lease, acquire
from holdfast.state.ledger import Ledger, StoredPosition
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Key, Put, Store, Table, Write
from tests.jobs.account_world import STAGE
from tests.jobs.world import World, world

ACCOUNT = "kalshi-main"


@pytest.fixture
def made() -> Iterator[World]:
    with world() as running:
        yield running


class _Ahead:
    """A clock that runs ahead of the venue's."""

    def __init__(self, clock: Clock, ahead_ms: int) -> None:
        self._clock, self._ahead_ms = clock, ahead_ms

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._ahead_ms

    def sleep_ms(self, duration_ms: int) -> None:
        self._clock.sleep_ms(duration_ms)


class _Interrupted(MemoryStore):
    """A store whose next write is overtaken: `meanwhile` happens just before it."""

    def __init__(self) -> None:
        super().__init__(VirtualClock(0))
        self.meanwhile: list[Put] = []

    def transact(self, writes: Sequence[Write]) -> None:
        overtaking, self.meanwhile = self.meanwhile, []
        for put in overtaking:
            super().transact([put])
        super().transact(writes)


def _entry(entry_id: str, acknowledged_at_ms: int) -> JournalEntry:
    return JournalEntry(
        entry_id=entry_id,
        account=ACCOUNT,
        operation=Operation.CANCEL,
        purpose=Purpose.QUOTE,
        items=(),
        body="[]",
        decision_id="d",
        fence=1,
        sent_at_ms=acknowledged_at_ms - 50,
        deadline_ms=acknowledged_at_ms + 10_000,
        resolvable_at_ms=acknowledged_at_ms + 12_000,
        state=EntryState.ACKNOWLEDGED,
        acknowledged_at_ms=acknowledged_at_ms,
    )


def _held(store: Store) -> Lease:
    lease = acquire(store, ACCOUNT, "execute", "w1", 1_000, 60_000, None)
    assert lease is not None
    return lease


def test_the_watermark_of_retired_writes_never_goes_back() -> None:
    """A writer that stood still while it retired moved the watermark back, behind writes that another had retired.

    A list older than those counted as current then: a cancelled order came back and was cancelled for a 404, and an
    order that the list did not show yet was placed a second time.
    """
    store = _Interrupted()
    journal, lease = Journal(store, ACCOUNT), _held(store)
    journal.open(_entry("1", 5_000), lease)
    item = {"pk": f"WATERMARK#{ACCOUNT}", "sk": "orders", "retired_through_ms": 9_000}
    store.meanwhile = [Put(Table.CONTROL, item)]
    journal.retire([_entry("1", 5_000)])
    assert journal.retired_through_ms() == 9_000
    assert [entry.entry_id for entry in journal.live()] == ["1"]
    journal.retire(journal.live())
    assert journal.retired_through_ms() == 9_000
    assert store.get(Key(Table.CONTROL, f"INTENT#{ACCOUNT}", "1")) is None


def test_a_quote_that_expired_by_our_clock_alone_gets_no_second_one_beside_it(made: World) -> None:
    """A writer whose clock ran 800 ms ahead took quotes for expired that still rested, and placed them again.

    For that long twice the size was for sale.
    """
    made.tick()
    resting = made.resting()
    expires_at_ms = min(order.expires_at_ms for order in made.books.open_orders)
    made.clock.set_ms(expires_at_ms - 400)
    clock = _Ahead(made.clock, 800)
    ports = assemble(
        made.account,
        stage=STAGE,
        store=made.store,
        parameters=made.parameters,
        secrets=made.secrets,
        clock=clock,
        telemetry=made.telemetry,
        writer="ahead",
        jitter=lambda: 0,
    )
    report = execute(made.account, ports, clock)
    assert (report.ended, report.execution.placed) == ("", 0)
    assert made.resting() == resting


def test_an_entry_that_another_writer_has_sent_again_is_not_forgotten() -> None:
    """A writer that stood still took an exit for absent; meanwhile another had sent it again, and nobody knew how
    that ended. Forgotten, its side would have been free for a second exit.
    """
    store = MemoryStore(VirtualClock(0))
    journal, lease = Journal(store, ACCOUNT), _held(store)
    sent = structs.replace(_entry("1", 5_000), state=EntryState.SENT)
    journal.open(sent, lease)
    journal.reopen(structs.replace(sent, version=2), lease)
    journal.retire([structs.replace(sent, state=EntryState.ACKNOWLEDGED)])
    assert [entry.version for entry in journal.live()] == [2]


def test_a_quote_that_expired_after_the_list_was_true_gets_no_successor_before_its_fills_are_known(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that stood still between its reads and its plan took quotes for expired that had filled meanwhile.

    It placed a whole set more on a position that it did not know yet, past the position's limit.
    """
    made.tick()
    expires_at_ms = min(order.expires_at_ms for order in made.books.open_orders)
    made.clock.set_ms(expires_at_ms - 30_000)
    read_positions = Ledger.positions

    def fills_and_stands_still(ledger: Ledger) -> dict[str, StoredPosition]:
        found = read_positions(ledger)
        made.book("M-1", 40, 43)
        made.clock.set_ms(expires_at_ms + 3_000)
        return found

    monkeypatch.setattr(Ledger, "positions", fills_and_stands_still)
    report = execute(made.account, made.ports, made.clock)
    assert report.ended == ""
    assert not [row for row in made.resting("M-1") if row[0] == "buy"]
