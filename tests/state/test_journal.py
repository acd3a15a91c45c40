"""The index of our orders: where the venue keeps no id of ours, nothing else says whose an order is."""

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.journal import JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.outcomes import Refusal, Refused
from holdfast.state.journal import Journal
from holdfast.state.leases import acquire
from holdfast.state.memory import MemoryStore

HASH = "0xabc"


@pytest.mark.parametrize(
    "outcome",
    [
        Refused(Refusal.DUPLICATE, detail="a gateway sent it twice, and the second answer came back"),
        Refused(Refusal.NOT_SENT, detail="presumed absent, and it appears all the same"),
    ],
    ids=lambda outcome: outcome.reason.value,
)
def test_refused_place_whose_id_is_its_hash_stays_ours_once_the_journal_forgot_it(outcome: Refused) -> None:
    store = MemoryStore(VirtualClock(1_000_000))
    lease = acquire(store, "a", "execute", "w", 0, 60_000, None)
    assert lease is not None
    journal = Journal(store, "a")
    sent = JournalEntry(
        entry_id="e1",
        account="a",
        operation=Operation.PLACE,
        purpose=Purpose.QUOTE,
        items=(WriteItem("m", Side.BUY, "c1", order_id=HASH, price=4_000, size=100),),
        body="[]",
        decision_id="d",
        fence=lease.fence,
        sent_at_ms=5_000,
        deadline_ms=15_000,
        resolvable_at_ms=17_000,
    )
    journal.open(sent, lease)
    closed = sent.acknowledged((outcome,), 6_000)
    journal.close(closed, 6_000)
    journal.retire([closed])
    assert journal.live() == []
    assert journal.known_orders([HASH])[HASH].client_order_id == "c1"
