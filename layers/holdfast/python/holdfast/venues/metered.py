"""HTTP of one account, counted: a read without an answer is an error, a write keeps its deadline. Never retries."""

from collections.abc import Callable, Mapping
from time import perf_counter_ns

from holdfast.clock import Clock
from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.port import Meter
from holdfast.venues.transport import HttpAnswer, NoAnswerError, Transport

READ_TIMEOUT_MS = 5_000
WRITE_TIMEOUT_MS = 10_000


class MeteredHttp:
    """A transport whose requests are recorded. An `endpoint` is how metrics call a request, its method first.

    `stopwatch_ns` measures latency apart from the clock, which may stand still.
    """

    def __init__(
        self, transport: Transport, clock: Clock, meter: Meter, stopwatch_ns: Callable[[], int] = perf_counter_ns
    ) -> None:
        self._transport, self._clock, self._meter, self._stopwatch_ns = transport, clock, meter, stopwatch_ns

    def ask(self, endpoint: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        """The answer to a read, whatever its status. Raises VenueUnavailableError where none came."""
        try:
            return self._send(endpoint, url, headers, body, READ_TIMEOUT_MS)
        except NoAnswerError as error:
            raise VenueUnavailableError(f"{endpoint}: no answer: {error}") from error

    def write(
        self, endpoint: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline_ms: int
    ) -> HttpAnswer:
        """The answer to a write, whatever its status. Raises NoAnswerError; `sent` False past the deadline.

        The clock is read last before sending, and no wait for the venue is longer than what is left until the
        deadline. An answer that trickles can still end after it: whoever resolved the outcome meanwhile has moved the
        journal's version, and that decides.
        """
        left_ms = deadline_ms - self._clock.now_ms()
        if left_ms <= 0:
            raise NoAnswerError(f"{endpoint}: the deadline had passed by {-left_ms} ms", sent=False)
        return self._send(endpoint, url, headers, body, min(WRITE_TIMEOUT_MS, left_ms))

    def _send(
        self, endpoint: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        status, started_ns = 0, self._stopwatch_ns()
        try:
            answer = self._transport.send(endpoint.partition(" ")[0], url, headers, body, timeout_ms)
            status = answer.status
        finally:
            self._meter.record(endpoint, status, (self._stopwatch_ns() - started_ns) // 1_000)
        return answer
