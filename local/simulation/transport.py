"""The way to the venue as one process has it: requests take time, get lost before or after their effect, or come late.

The answer to a lost request that is on its way all the same takes effect no later than its time-out plus `SLACK_MS`,
which is what `holdfast.jobs.writes` counts on. A process that `freezes` may also stand still between its last look at
the clock and the request's departure; then nothing but the venue's check of the signature's time protects it.
"""

from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from holdfast.venues.transport import HttpAnswer, NoAnswerError
from local.simulation.hazards import Hazards, Network
from local.simulation.process import Process
from local.simulation.scheduler import Scheduler
from local.venues.http import Request, Response

SLACK_MS = 1_500
_LATENCY_MS = (3, 80)
_SLOW_MS = (1_000, 4_000)

_AFTER = frozenset(
    (
        *(Network.TIMEOUT_AFTER, Network.RESET_AFTER, Network.ERROR_AFTER, Network.GARBLED_AFTER),
        *(Network.PARTIAL_AFTER, Network.TWICE),
    )
)
_SILENT = frozenset((Network.TIMEOUT_BEFORE, Network.TIMEOUT_AFTER, Network.LATE))
_ANSWERS = {
    Network.ERROR_BEFORE: (503, b'{"error":{"code":"service_unavailable","message":"simulated"}}'),
    Network.RATE_LIMITED: (429, b'{"error":"too many requests"}'),
    Network.ERROR_AFTER: (504, b"<html>gateway time-out</html>"),
    Network.GARBLED_AFTER: (200, b'{"orders":[{"order_'),
}

Exchange = Callable[[Request], Response]


class VenueWatcher(Protocol):
    """Who looks at the requests of all processes as they take effect."""

    def requested(self, writer: str, request: Request, response: Response) -> None:
        """The venue has handled a request."""
        ...


class SimulatedTransport:
    """The transport of one process over the exchange that all processes share."""

    def __init__(
        self,
        exchange: Exchange,
        process: Process,
        scheduler: Scheduler,
        hazards: Hazards,
        watcher: VenueWatcher,
        *,
        freezes: bool,
    ) -> None:
        self._exchange = exchange
        self._process = process
        self._scheduler = scheduler
        self._hazards = hazards
        self._watcher = watcher
        self._freezes = freezes

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """See the port."""
        parts = urlsplit(url)
        request = Request(method, parts.path, parts.query, headers, body)
        what = f"{method} {parts.path.rpartition('/v2')[2]}"
        fault = self._hazards.network(writes=method != "GET")
        started_ms = self._process.now_ms()
        self._process.step(
            what, min(self._hazards.between(*_LATENCY_MS), timeout_ms), pauses=20 if self._freezes else 0
        )
        if fault is None or fault is Network.SLOW:
            return self._answered(request, what, started_ms, timeout_ms, slow=fault is not None)
        return self._struck(fault, request, what, started_ms, timeout_ms)

    def _answered(self, request: Request, what: str, started_ms: int, timeout_ms: int, *, slow: bool) -> HttpAnswer:
        response = self._handle(request, what)
        latency_ms = self._hazards.between(*(_SLOW_MS if slow else _LATENCY_MS))
        left_ms = max(started_ms + timeout_ms - self._process.now_ms(), 0)
        self._process.step(what, min(latency_ms, left_ms))
        if latency_ms > left_ms:
            self._process.note(what, "the answer came too late")
            raise NoAnswerError("simulated time-out", sent=None)
        return HttpAnswer(response.status, response.headers, response.body)

    def _struck(self, fault: Network, request: Request, what: str, started_ms: int, timeout_ms: int) -> HttpAnswer:
        self._process.note(what, f"NETWORK {fault}")
        left_ms = max(started_ms + timeout_ms - self._process.now_ms(), 0)
        if fault is Network.NOT_CONNECTED:
            raise NoAnswerError("simulated refusal of the connection", sent=False)
        if fault is Network.LATE:
            after_ms = self._hazards.between(0, left_ms + SLACK_MS)
            self._scheduler.spawn("network", lambda: self._deliver_late(request, what), after_ms)
        response = self._handle(request, what) if fault in _AFTER else None
        if fault is Network.TWICE:
            again = self._handle(request, what)
            # A gateway that is refused for its pace keeps the answer that it has.
            response = response if again.status == 429 else again
        self._process.step(what, left_ms if fault in _SILENT else self._hazards.between(*_LATENCY_MS))
        if fault in _SILENT:
            raise NoAnswerError("simulated time-out", sent=None)
        return self._spoilt(fault, response)

    def _spoilt(self, fault: Network, response: Response | None) -> HttpAnswer:
        """What comes back instead of the venue's answer."""
        if response is not None and fault is Network.TWICE:
            return HttpAnswer(response.status, response.headers, response.body)
        if response is not None and fault is Network.PARTIAL_AFTER:
            return HttpAnswer(response.status, response.headers, self._partly(response.body))
        if fault not in _ANSWERS:
            raise NoAnswerError("simulated broken connection", sent=None)
        status, body = _ANSWERS[fault]
        return HttpAnswer(status, {}, body)

    def _handle(self, request: Request, what: str) -> Response:
        response = self._exchange(request)
        self._process.note(what, f"HTTP {response.status}")
        self._watcher.requested(self._process.name, request, response)
        return response

    def _deliver_late(self, request: Request, what: str) -> None:
        response = self._exchange(request)
        self._process.note(what, f"HTTP {response.status}, arrived late")
        self._watcher.requested(self._process.name, request, response)

    def _partly(self, body: bytes) -> bytes:
        """An answer to a batch without some of its items; any other answer as it is."""
        told = msgspec.json.decode(body)
        if isinstance(told, list):
            return msgspec.json.encode(self._hazards.some_of(told))
        names = ("orders",), ("canceled", "not_canceled")
        if not isinstance(told, dict) or tuple(told) not in names:
            return body
        listed = next(iter(told))
        return msgspec.json.encode({**told, listed: self._hazards.some_of(told[listed])})
