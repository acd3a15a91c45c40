"""Races between two writers of one account that the simulation found, each with what it would have cost."""

from holdfast.clock import VirtualClock
from holdfast.core.journal import EntryState, JournalEntry, Operation
from holdfast.core.orders import Purpose
from holdfast.state.journal import Journal
from holdfast.state.leases import Lease, acquire
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Key, Put, Store, Table

ACCOUNT = "kalshi-main"


class _Interrupted(MemoryStore):
    """A store whose next write is overtaken: `meanwhile` happens just before it."""

    meanwhile: list[Put] = []

    def transact(self, writes):
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
    store = _Interrupted(VirtualClock(0))
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
