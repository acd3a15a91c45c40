"""The store in memory: conditions, transactions and order as DynamoDB has them. For tests and simulation."""

from collections.abc import Sequence
from threading import Lock

from holdfast.clock import Clock
from holdfast.core.errors import ConditionFailedError
from holdfast.state.items import check_transaction, checked, holds, is_expired, key_of, unshared
from holdfast.state.port import Check, Delete, Item, Key, Put, Table, Write

Partition = dict[str, Item]


class MemoryStore:
    """Five tables in dicts. Items are copied in and out, so no caller shares one; safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._partitions: dict[tuple[Table, str], Partition] = {}
        self._lock = Lock()

    def get(self, key: Key) -> Item | None:
        """One item or None."""
        with self._lock:
            item = self._live(key)
        return None if item is None else unshared(item)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """The items that exist among these keys; any number of keys."""
        with self._lock:
            found = {key: self._live(key) for key in keys}
        return {key: unshared(item) for key, item in found.items() if item is not None}

    def query(self, table: Table, pk: str, prefix: str = "") -> list[Item]:
        """Every item of a partition whose sk starts with `prefix`, in order of sk."""
        now_ms = self._clock.now_ms()
        with self._lock:
            partition = self._partitions.get((table, pk), {})
            # Order by code point is order by UTF-8 bytes, which is DynamoDB's.
            items = [partition[sk] for sk in sorted(partition) if sk.startswith(prefix)]
        return [unshared(item) for item in items if not is_expired(item, now_ms)]

    def write(self, write: Put | Delete) -> None:
        """One conditional write."""
        prepared = _prepared(write)
        with self._lock:
            if not holds(prepared, self._live(key_of(prepared))):
                raise ConditionFailedError
            self._apply(prepared)

    def transact(self, writes: Sequence[Write]) -> None:
        """All of these writes or none, 1 to 100, no key twice. ConditionFailedError.failed says which ones lost."""
        prepared = [_prepared(write) for write in writes]
        check_transaction(prepared)
        with self._lock:
            failed = tuple(index for index, write in enumerate(prepared) if not holds(write, self._live(key_of(write))))
            if failed:
                raise ConditionFailedError(failed)
            for write in prepared:
                self._apply(write)

    def _live(self, key: Key) -> Item | None:
        partition = self._partitions.get((key.table, key.pk))
        item = partition.get(key.sk) if partition else None
        return None if item is None or is_expired(item, self._clock.now_ms()) else item

    def _apply(self, write: Write) -> None:
        if isinstance(write, Check):
            return
        key = key_of(write)
        place = (key.table, key.pk)
        if isinstance(write, Put):
            # A stored item is replaced as a whole and never changed, so a read may copy it after the lock.
            self._partitions.setdefault(place, {})[key.sk] = write.item
        elif partition := self._partitions.get(place):
            partition.pop(key.sk, None)
            if not partition:
                del self._partitions[place]


def _prepared(write: Write) -> Write:
    """The write with an item of its own."""
    return Put(write.table, checked(write.item), write.condition) if isinstance(write, Put) else write
