"""The journal in the control table: live entries by account, and the index of our orders by venue order id."""

from collections.abc import Iterable, Sequence

import msgspec

from holdfast.core.errors import ClaimLostError, ConditionFailedError, LeaseLostError
from holdfast.core.journal import JournalEntry
from holdfast.core.orders import Purpose
from holdfast.state.leases import Lease
from holdfast.state.port import (
    MAX_TRANSACTION,
    Absent,
    AbsentOrAtMost,
    Claim,
    Delete,
    Equals,
    Item,
    Key,
    Put,
    Store,
    Table,
    Write,
)
from holdfast.state.records import Unreadable, readable

# Longer than any order rests: where the venue keeps no id of ours, the index alone says that an order is ours.
ORDER_INDEX_DAYS = 400

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(JournalEntry)


class KnownOrder(msgspec.Struct, frozen=True):
    """What we know of an order of ours, for attributing its fills long after its journal entry is gone."""

    order_id: str
    client_order_id: str
    purpose: Purpose
    decision_id: str


class Journal:
    """One account's journal."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account
        self._pk = f"INTENT#{account}"
        self._orders_pk = f"ORDER#{account}"
        self._watermark = Key(Table.CONTROL, f"WATERMARK#{account}", "orders")

    def live(self) -> list[JournalEntry]:
        """Every entry that is not retired and can be read, as `read` has them."""
        return self.read()[0]

    def read(self) -> tuple[list[JournalEntry], tuple[Unreadable, ...]]:
        """Every entry that is not retired; each job's oldest first, by fence and number: writers' clocks disagree.
        Beside them those that can't be read."""
        return readable("journal_entry", self._store.query(Table.CONTROL, self._pk), _entry)

    def open(self, entry: JournalEntry, lease: Lease, claims: Sequence[Claim] = ()) -> None:
        """Record a write before it is sent, with the claims of its orders: all of it or nothing.

        Raises ClaimLostError where another writer was faster with one of them, else LeaseLostError where the lease is
        no longer ours.
        """
        owners = [claim.market for claim in claims for _ in claim.writes]
        claimed = [write for claim in claims for write in claim.writes]
        try:
            self._store.transact([Put(Table.CONTROL, self._item(entry), Absent()), lease.check, *claimed])
        except ConditionFailedError as lost:
            taken = {owners[index - 2] for index in lost.failed if index >= 2}
            if taken and not {0, 1} & set(lost.failed):
                raise ClaimLostError(tuple(sorted(taken))) from None
            raise LeaseLostError(f"fence {lease.fence} of {lease.key.pk} is no longer ours") from None

    def reopen(self, entry: JournalEntry, lease: Lease) -> None:
        """Record that an unresolved write is sent again. Raises LeaseLostError where lease or entry were taken over."""
        changed = Put(Table.CONTROL, self._item(entry), Equals("version", entry.version - 1))
        try:
            self._store.transact([changed, lease.check])
        except ConditionFailedError:
            raise LeaseLostError(f"entry {entry.entry_id} or its lease is no longer ours") from None

    def close(self, entry: JournalEntry, now_ms: int) -> None:
        """Record outcomes: `entry` is what `JournalEntry.acknowledged` returned. Indexes the orders it made.

        Needs no lease: the answer is evidence whoever holds the lease now. ConditionFailedError: another writer
        resolved the entry first, which read it from the venue itself.
        """
        writes: list[Write] = [Put(Table.CONTROL, self._item(entry), Equals("version", entry.version - 1))]
        writes += [Put(Table.CONTROL, item) for item in self._index(entry, now_ms)]
        for start in range(0, len(writes), MAX_TRANSACTION):
            self._store.transact(writes[start : start + MAX_TRANSACTION])

    def retire(self, entries: Sequence[JournalEntry]) -> None:
        """Forget acknowledged entries that every later list must show.

        The latest of their times goes to the watermark in the same transaction: a list older than it can't be used.
        The watermark never goes back: where another writer moved it further meanwhile, or changed one of the entries,
        they stay for a later tick.
        """
        for start in range(0, len(entries), MAX_TRANSACTION - 1):
            chunk = entries[start : start + MAX_TRANSACTION - 1]
            through = max([self.retired_through_ms(), *(entry.acknowledged_at_ms for entry in chunk)])
            item = {"pk": self._watermark.pk, "sk": self._watermark.sk, "retired_through_ms": through}
            mark = Put(Table.CONTROL, item, AbsentOrAtMost("retired_through_ms", through))
            deletes = [
                Delete(Key(Table.CONTROL, self._pk, entry.entry_id), Equals("version", entry.version))
                for entry in chunk
            ]
            try:
                self._store.transact([mark, *deletes])
            except ConditionFailedError:
                return

    def retired_through_ms(self) -> int:
        """Every write acknowledged up to then may be missing from the journal."""
        item = self._store.get(self._watermark)
        return int(item["retired_through_ms"]) if item else 0

    def known_orders(self, order_ids: Iterable[str]) -> dict[str, KnownOrder]:
        """What we know of these orders; those that are not ours, or older than the index, are absent."""
        keys = [Key(Table.CONTROL, self._orders_pk, order_id) for order_id in order_ids]
        found = self._store.get_many(keys) if keys else {}
        return {
            item["sk"]: KnownOrder(item["sk"], item["client_order_id"], Purpose(item["purpose"]), item["decision_id"])
            for item in found.values()
        }

    def _item(self, entry: JournalEntry) -> Item:
        return {
            "pk": self._pk,
            "sk": entry.entry_id,
            "version": entry.version,
            "state": entry.state.value,
            "entry": _encoder.encode(entry).decode(),
        }

    def _index(self, entry: JournalEntry, now_ms: int) -> list[Item]:
        """Refused places that have an order id too: where it is the order's hash, one refused as a duplicate rests,
        and one presumed absent may yet appear, and nothing but this index says that it is ours."""
        ttl = now_ms // 1000 + ORDER_INDEX_DAYS * 86_400
        return [
            {
                "pk": self._orders_pk,
                "sk": item.order_id,
                "client_order_id": item.client_order_id,
                "purpose": entry.purpose.value,
                "decision_id": entry.decision_of(item.market),
                "market": item.market,
                "ttl": ttl,
            }
            for item in entry.items
            if item.order_id and not item.is_unknown and entry.operation == "place"
        ]


def _entry(item: Item) -> JournalEntry:
    return _decoder.decode(item["entry"])
