"""One tick at a time; and a writer that lost its lease can't open another write."""

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.errors import LeaseLostError
from holdfast.core.journal import JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.outcomes import Placed, Unknown
from holdfast.state.journal import Journal
from holdfast.state.leases import Lease, acquire, lease_key, release, renew
from holdfast.state.memory import MemoryStore

LIFETIME = 60_000


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(VirtualClock(1_000_000))


def take(store: MemoryStore, owner: str, now_ms: int, scheduled_at_ms: int = 0) -> Lease | None:
    current = store.get(lease_key("a", "execute"))
    return acquire(store, "a", "execute", owner, now_ms, LIFETIME, current, scheduled_at_ms)


def entry(entry_id: str, lease: Lease, **changes: object) -> JournalEntry:
    item = WriteItem("M", Side.BUY, f"c-{entry_id}", price=4_000, size=100)
    fields = {"items": (item,), "sent_at_ms": 5_000} | changes
    return JournalEntry(
        entry_id=entry_id, account="a", operation=Operation.PLACE, purpose=Purpose.QUOTE, body="[]", decision_id="d",
        fence=lease.fence, deadline_ms=15_000, resolvable_at_ms=17_000, **fields,
    )  # fmt: skip


def test_second_writer_waits_until_release_or_expiry(store: MemoryStore) -> None:
    first = take(store, "one", 0)
    assert first is not None
    assert take(store, "two", LIFETIME - 1) is None
    release(store, first)
    second = take(store, "two", 10)
    assert second is not None
    assert second.fence == first.fence + 1
    third = take(store, "three", 10 + LIFETIME)
    assert third is not None
    assert third.fence == second.fence + 1


def test_two_writers_that_read_the_same_free_lease_do_not_both_get_it(store: MemoryStore) -> None:
    first = take(store, "one", 0)
    assert first is not None
    release(store, first)
    seen = store.get(lease_key("a", "execute"))
    taken = [acquire(store, "a", "execute", owner, 1, LIFETIME, seen) for owner in ("two", "three")]
    assert [lease is not None for lease in taken] == [True, False]


def test_paused_writer_can_neither_renew_nor_open_a_write_nor_free_the_new_holders_lease(store: MemoryStore) -> None:
    paused = take(store, "one", 0)
    assert paused is not None
    current = take(store, "two", LIFETIME)
    assert current is not None
    with pytest.raises(LeaseLostError):
        renew(store, paused, LIFETIME + 1, LIFETIME)
    journal = Journal(store, "a")
    with pytest.raises(LeaseLostError):
        journal.open(entry("e1", paused), paused)
    assert journal.live() == []
    release(store, paused)
    assert take(store, "three", LIFETIME + 1) is None


def test_lease_remembers_the_latest_scheduled_tick(store: MemoryStore) -> None:
    first = take(store, "one", 0, scheduled_at_ms=120_000)
    assert first is not None
    release(store, first)
    second = take(store, "one", 1, scheduled_at_ms=60_000)
    assert second is not None
    assert second.scheduled_at_ms == 120_000


def test_answer_is_recorded_though_the_lease_was_lost_meanwhile(store: MemoryStore) -> None:
    """An order that reached the venue must reach the journal, whoever holds the lease by then."""
    first = take(store, "one", 0)
    assert first is not None
    journal = Journal(store, "a")
    opened = entry("e1", first)
    journal.open(opened, first)
    take(store, "two", LIFETIME)
    journal.close(opened.acknowledged((Placed("o1", "c-e1", 0, 100, 6_000),), 6_100), 6_100)
    assert journal.live()[0].items[0].order_id == "o1"
    assert journal.known_orders(["o1", "o2"]).keys() == {"o1"}


def test_unknown_outcome_stays_live_and_is_not_indexed(store: MemoryStore) -> None:
    lease = take(store, "one", 0)
    assert lease is not None
    journal = Journal(store, "a")
    opened = entry("e1", lease)
    journal.open(opened, lease)
    journal.close(opened.acknowledged((Unknown("time-out"),), 6_100), 6_100)
    (live,) = journal.live()
    assert live.items[0].is_unknown
    assert "ttl" not in store.query("control", "INTENT#a")[0], "an unresolved entry never expires"


def test_retired_entries_leave_a_mark_that_only_grows(store: MemoryStore) -> None:
    lease = take(store, "one", 0)
    assert lease is not None
    journal = Journal(store, "a")
    closed = []
    for number, at_ms in ((1, 9_000), (2, 7_000)):
        opened = entry(f"e{number}", lease)
        journal.open(opened, lease)
        done = opened.acknowledged((Placed(f"o{number}", f"c-e{number}", 0, 100, at_ms),), at_ms)
        journal.close(done, at_ms)
        closed.append(done)
    journal.retire(closed[:1])
    journal.retire(closed[1:])
    assert journal.live() == []
    assert journal.retired_through_ms() == 9_000
    assert journal.known_orders(["o1"])["o1"].purpose is Purpose.QUOTE, "fills are attributed long after"


def test_entries_come_in_the_order_of_their_fences_whatever_the_writers_clocks_said(store: MemoryStore) -> None:
    """A cancel by a writer whose clock is behind came before the place that it cancels, and revived the order."""
    first = take(store, "one", 0)
    assert first is not None
    journal = Journal(store, "a")
    journal.open(entry("000000000001-0001", first, sent_at_ms=9_000), first)
    second = take(store, "two", LIFETIME)
    assert second is not None
    journal.open(entry("000000000002-0001", second, sent_at_ms=4_000), second)
    assert [live.fence for live in journal.live()] == [1, 2]
