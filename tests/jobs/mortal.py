"""A process that dies at one chosen input or output, and leaves to the next one what store and venue have by then."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from holdfast.core.errors import ConditionFailedError
from holdfast.state.parameters import Parameters
from holdfast.state.port import Delete, Item, Key, Put, Store, Table, Write
from holdfast.venues.transport import HttpAnswer
from local.simulation.watch import Watch
from local.venues.http import Request, Response

T = TypeVar("T")


class Died(BaseException):
    """The process is gone: nothing of it runs any more, not even what stands in its `finally` blocks."""


class Lifeline:
    """Counts a process's inputs and outputs. It dies at number `at` (from 0): before its effect, or right after it."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self._at, self._after = at, after
        self._dead = False
        self.names: list[str] = []
        self.writes: list[bool] = []

    def go(self, name: str, call: Callable[[], T], *, writes: bool) -> T:
        """One input or output."""
        if self._dead:
            raise Died
        is_last = len(self.names) == self._at
        self.names.append(name)
        self.writes.append(writes)
        if is_last and not self._after:
            self._die()
        try:
            return call()
        finally:
            if is_last:
                self._die()

    def _die(self) -> None:
        self._dead = True
        raise Died


class MortalStore:
    """The store port of one process; `watch` sees what took effect."""

    def __init__(self, shared: Store, lifeline: Lifeline, watch: Watch, writer: str) -> None:
        self._shared, self._lifeline, self._watch, self._writer = shared, lifeline, watch, writer

    def get(self, key: Key) -> Item | None:
        return self._lifeline.go(f"get {key.pk}", lambda: self._shared.get(key), writes=False)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        self._watch.read(self._writer, keys)
        return self._lifeline.go("get many", lambda: self._shared.get_many(keys), writes=False)

    def query(self, table: Table, pk: str, prefix: str = "") -> list[Item]:
        return self._lifeline.go(f"query {pk}", lambda: self._shared.query(table, pk, prefix), writes=False)

    def write(self, write: Put | Delete) -> None:
        self._written([write], lambda: self._shared.write(write))

    def transact(self, writes: Sequence[Write]) -> None:
        self._written(writes, lambda: self._shared.transact(writes))

    def _written(self, writes: Sequence[Write], call: Callable[[], None]) -> None:
        def effect() -> ConditionFailedError | None:
            try:
                call()
            except ConditionFailedError as lost:
                return lost
            self._watch.stored(self._writer, writes)
            return None

        lost = self._lifeline.go(f"write {type(writes[0]).__name__} of {len(writes)}", effect, writes=True)
        if lost is not None:
            raise lost


class MortalParameters:
    """The parameters port of one process."""

    def __init__(self, shared: Parameters, lifeline: Lifeline) -> None:
        self._shared, self._lifeline = shared, lifeline

    def read(self, path: str) -> dict[str, str]:
        return self._lifeline.go(f"parameters {path}", lambda: self._shared.read(path), writes=False)

    def write(self, name: str, text: str) -> None:
        self._shared.write(name, text)

    def remove(self, name: str) -> None:
        self._shared.remove(name)


class MortalTransport:
    """The way of one process to the venue."""

    def __init__(self, exchange: Callable[[Request], Response], lifeline: Lifeline, watch: Watch, writer: str) -> None:
        self._exchange, self._lifeline, self._watch, self._writer = exchange, lifeline, watch, writer

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        parts = urlsplit(url)
        request = Request(method, parts.path, parts.query, headers, body)

        def effect() -> Response:
            response = self._exchange(request)
            self._watch.requested(self._writer, request, response)
            return response

        writes = method == "DELETE" or parts.path.endswith(("/orders", "/batched", "/order", "/decrease", "/amend"))
        response = self._lifeline.go(f"{method} {parts.path}", effect, writes=method != "GET" and writes)
        return HttpAnswer(response.status, response.headers, response.body)
