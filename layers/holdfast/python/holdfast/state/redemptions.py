"""Redemptions in the control table: one item per account and condition, which is the redemption's identity."""

from collections.abc import Mapping

import msgspec

from holdfast.core.errors import ConditionFailedError, LeaseLostError
from holdfast.core.redemption import Redemption
from holdfast.state.leases import Lease
from holdfast.state.port import Absent, Equals, Item, Put, Store, Table
from holdfast.state.records import decoded

# Longer than any list could still show what was redeemed.
_KEPT_DAYS = 30

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Redemption)


class Redemptions:
    """One account's redemptions by condition."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._pk = f"REDEMPTION#{account}"

    def all(self) -> Mapping[str, Redemption]:
        """The latest attempt at every condition."""
        items = self._store.query(Table.CONTROL, self._pk)
        return {item["sk"]: decoded("redemption", item, _record) for item in items}

    def open(self, record: Redemption, lease: Lease) -> None:
        """Record an attempt before it is sent. Raises LeaseLostError where lease or record were taken over."""
        condition = Equals("version", record.version - 1) if record.version > 1 else Absent()
        try:
            self._store.transact([Put(Table.CONTROL, self._item(record), condition), lease.check])
        except ConditionFailedError:
            raise LeaseLostError(f"redemption of {record.condition} or its lease is no longer ours") from None

    def close(self, record: Redemption) -> None:
        """Record what became of it. ConditionFailedError: another writer was faster, and read it from the venue."""
        self._store.write(Put(Table.CONTROL, self._item(record), Equals("version", record.version - 1)))

    def _item(self, record: Redemption) -> Item:
        item: Item = {
            "pk": self._pk,
            "sk": record.condition,
            "version": record.version,
            "state": record.state.value,
            "record": _encoder.encode(record).decode(),
        }
        if record.ended_at_ms and not record.is_given_up:
            item["ttl"] = record.ended_at_ms // 1000 + _KEPT_DAYS * 86_400
        return item


def _record(item: Item) -> Redemption:
    return _decoder.decode(item["record"])
