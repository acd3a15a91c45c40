"""The token buckets that all writers of an account share, one item each in the control table."""

import msgspec

from holdfast.core.limits import BucketState
from holdfast.state.port import Absent, Equals, Key, Put, Store, Table


class StoredBucket(msgspec.Struct, frozen=True):
    """A bucket's state as read, with the version that a write must name."""

    state: BucketState
    version: int


class Rates:
    """One account's buckets."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._pk = f"RATE#{account}"

    def read(self, bucket: str) -> StoredBucket | None:
        """The bucket's state; None where no writer used it yet."""
        item = self._store.get(Key(Table.CONTROL, self._pk, bucket))
        if item is None:
            return None
        state = {name: item[name] for name in BucketState.__struct_fields__}
        return StoredBucket(msgspec.convert(state, BucketState), item["version"])

    def write(self, bucket: str, state: BucketState, version: int) -> StoredBucket:
        """Replace version `version` (0: there was none). ConditionFailedError: another writer was faster."""
        item = {"pk": self._pk, "sk": bucket, "version": version + 1, **msgspec.to_builtins(state)}
        self._store.write(Put(Table.CONTROL, item, Equals("version", version) if version else Absent()))
        return StoredBucket(state, version + 1)
