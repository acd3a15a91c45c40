"""The adapters' transport without a socket: for lockstep runs on one virtual clock, and for the seeded simulation."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from holdfast.venues.transport import HttpAnswer, NoAnswerError
from local.venues.faults import ConnectionDropped
from local.venues.http import Request
from local.venues.serving import Exchange


class InProcessTransport:
    """Hands requests to an exchange (see holdfast.venues.transport.Transport). Waiting moves the exchange's clock."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """One request. Raises NoAnswerError for a dropped connection and for an answer after `timeout_ms`."""
        parts = urlsplit(url)
        started_ms = self._exchange.clock.now_ms()
        try:
            response = self._exchange.handle(Request(method, parts.path, parts.query, headers, body))
        except ConnectionDropped as dropped:
            self._exchange.clock.sleep_ms(min(dropped.wait_ms, timeout_ms))
            raise NoAnswerError(str(dropped), sent=None) from dropped
        if self._exchange.clock.now_ms() - started_ms >= timeout_ms:
            raise NoAnswerError(f"no answer within {timeout_ms} ms", sent=None)
        return HttpAnswer(response.status, response.headers, response.body)
