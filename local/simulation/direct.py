"""A way to an exchange on which nothing gets lost, nothing costs tokens and no time passes."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from holdfast.venues.transport import HttpAnswer
from local.venues.http import Request, Response


class DirectTransport:
    """See holdfast.venues.transport.Transport."""

    def __init__(self, exchange: Callable[[Request], Response]) -> None:
        self._exchange = exchange

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """See the port."""
        parts = urlsplit(url)
        response = self._exchange(Request(method, parts.path, parts.query, headers, body))
        return HttpAnswer(response.status, response.headers, response.body)


class FreeMeter:
    """A meter that costs nothing."""

    def spend(self, bucket: str, tokens: int, endpoint: str) -> None:
        """Pay nothing."""

    def record(self, endpoint: str, status: int, duration_us: int) -> None:
        """Count nothing."""
