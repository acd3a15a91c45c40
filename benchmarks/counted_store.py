"""A store that counts its calls, and the request units that DynamoDB would charge for them (facts aws section 4.1).

Reads are strongly consistent: 1 unit for every 4 KB begun, of each item where items are read by key, of the sum where
a partition is queried, and 1 where nothing is found. Writes: 1 for every 1 KB begun of the larger of the old and the
new item, twice that in a transaction, whose checks count like writes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.state.items import key_of
from holdfast.state.port import Delete, Item, Key, Put, Store, Table, Write

READ_UNIT, WRITE_UNIT = 4_096, 1_024
READS = ("get", "get_many", "query")


class CountedStore:
    """`calls` by operation and table (a transaction under the table of its first write), `written` items by kind,
    `reads` and `writes` in request units, and the `partitions` that were touched."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sizes: dict[Key, int] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.written: Counter[str] = Counter()
        self.reads = 0
        self.writes = 0
        self.partitions: set[tuple[str, str]] = set()

    def get(self, key: Key) -> Item | None:
        """See the port."""
        self.calls["get", key.table.value] += 1
        self.partitions.add((key.table.value, key.pk))
        item = self._store.get(key)
        self.reads += _units(item_bytes(item) if item else 0, READ_UNIT)
        return item

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """See the port. DynamoDB takes 100 keys a call."""
        for start in range(0, len(keys), 100):
            self.calls["get_many", keys[start].table.value] += 1
        self.partitions |= {(key.table.value, key.pk) for key in keys}
        found = self._store.get_many(keys)
        self.reads += sum(_units(item_bytes(found[key]) if key in found else 0, READ_UNIT) for key in {*keys})
        return found

    def query(self, table: Table, pk: str, prefix: str = "") -> list[Item]:
        """See the port."""
        self.calls["query", table.value] += 1
        self.partitions.add((table.value, pk))
        items = self._store.query(table, pk, prefix)
        self.reads += _units(sum(map(item_bytes, items)), READ_UNIT)
        return items

    def write(self, write: Put | Delete) -> None:
        """See the port."""
        self._count("write", [write])
        self.writes += self._written(write)
        self._store.write(write)

    def transact(self, writes: Sequence[Write]) -> None:
        """See the port. One write alone is none, as in DynamoStore."""
        self._count("transact", writes)
        self.writes += sum(map(self._written, writes)) * (2 if len(writes) > 1 else 1)
        self._store.transact(writes)

    def clear(self) -> None:
        """Count from nothing."""
        self.calls.clear()
        self.written.clear()
        self.partitions.clear()
        self.reads = self.writes = 0

    def _count(self, operation: str, writes: Sequence[Write]) -> None:
        self.calls[operation, key_of(writes[0]).table.value] += 1
        self.partitions |= {(key_of(write).table.value, key_of(write).pk) for write in writes}
        self.written.update(_kind(key_of(write)) for write in writes if isinstance(write, Put | Delete))

    def _written(self, write: Write) -> int:
        key = key_of(write)
        size = item_bytes(write.item) if isinstance(write, Put) else 0
        before = self._sizes.get(key, 0)
        if isinstance(write, Put):
            self._sizes[key] = size
        return _units(max(size, before), WRITE_UNIT)


def item_bytes(item: Item) -> int:
    """What an item counts: names and texts in UTF-8, a number a byte for two digits and one more, 3 for a list or map
    and 1 for each value in it."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def write_calls(calls: Counter[tuple[str, str]]) -> int:
    """Calls that wrote."""
    return sum(count for (operation, _), count in calls.items() if operation not in READS)


def _value_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int):
        return len(str(abs(value))) // 2 + 2
    parts: Iterable[int]
    if isinstance(value, list):
        parts = (1 + _value_bytes(each) for each in value)
    else:
        parts = (1 + len(name.encode()) + _value_bytes(each) for name, each in value.items())
    return 3 + sum(parts)


def _units(size: int, unit: int) -> int:
    return max(-(-size // unit), 1)


def _kind(key: Key) -> str:
    """What an item is: its table, in the control table the first word of its partition."""
    return key.pk.partition("#")[0] if key.table is Table.CONTROL else key.table.value
