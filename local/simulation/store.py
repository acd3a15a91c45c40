"""The store as one process reaches it: every call gives way before and after its effect, and may fail."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from holdfast.core.errors import ConditionFailedError, StoreError
from holdfast.state.items import key_of
from holdfast.state.port import Check, Delete, Item, Key, Put, Store, Table, Write
from local.simulation.hazards import Hazards
from local.simulation.process import Process

_LATENCY_MS = (0, 6)

T = TypeVar("T")


class StoreWatcher(Protocol):
    """Who looks at the store calls of all processes."""

    def read(self, writer: str, keys: Sequence[Key]) -> None:
        """These items have been read together."""
        ...

    def stored(self, writer: str, writes: Sequence[Write]) -> None:
        """These writes have taken effect."""
        ...


class SimulatedStore:
    """The store port of one process over the store that all processes share."""

    def __init__(self, shared: Store, process: Process, hazards: Hazards, watcher: StoreWatcher) -> None:
        self._shared = shared
        self._process = process
        self._hazards = hazards
        self._watcher = watcher

    def get(self, key: Key) -> Item | None:
        """See the port."""
        return self._read(f"get {_place(key)}", lambda: self._shared.get(key))

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """See the port."""

        def call() -> dict[Key, Item]:
            found = self._shared.get_many(keys)
            self._watcher.read(self._process.name, keys)
            return found

        return self._read(f"get {len(keys)} items", call)

    def query(self, table: Table, pk: str, prefix: str = "") -> list[Item]:
        """See the port."""
        return self._read(
            f"query {pk if table is Table.CONTROL else table}", lambda: self._shared.query(table, pk, prefix)
        )

    def write(self, write: Put | Delete) -> None:
        """See the port."""
        self._write([write], lambda: self._shared.write(write))

    def transact(self, writes: Sequence[Write]) -> None:
        """See the port."""
        self._write(writes, lambda: self._shared.transact(writes))

    def _read(self, what: str, call: Callable[[], T]) -> T:
        self._process.step(what, self._latency())
        if self._hazards.store_fails():
            self._process.note(what, "STORE ERROR")
            raise StoreError(f"simulated failure of {what}")
        found = call()
        self._process.note(what, "ok")
        self._process.step(what, self._latency())
        return found

    def _write(self, writes: Sequence[Write], call: Callable[[], None]) -> None:
        what = ", ".join(_words(write) for write in writes[:3]) + (f" and {len(writes) - 3}" if len(writes) > 3 else "")
        # Between its decision and its write is where a writer that stands still does most harm.
        self._process.step(what, self._latency(), pauses=6)
        fails = self._hazards.store_fails()
        if fails and not self._hazards.effect_first():
            self._process.note(what, "STORE ERROR before the effect")
            raise StoreError(f"simulated failure of {what}")
        try:
            call()
        except ConditionFailedError as lost:
            self._process.note(what, f"condition failed {lost.failed}")
            self._process.step(what, self._latency())
            raise
        self._process.note(what, "STORE ERROR after the effect" if fails else "ok")
        self._watcher.stored(self._process.name, writes)
        self._process.step(what, self._latency())
        if fails:
            raise StoreError(f"simulated failure of {what}")

    def _latency(self) -> int:
        return self._hazards.between(*_LATENCY_MS)


def _words(write: Write) -> str:
    verb = "check" if isinstance(write, Check) else "put" if isinstance(write, Put) else "delete"
    return f"{verb} {_place(key_of(write))}"


def _place(key: Key) -> str:
    return f"{key.pk if key.table is Table.CONTROL else key.table.value}/{key.sk}"
