"""Requests and answers of the local venue servers, apart from any socket."""

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Request:
    """One HTTP request. `path` is the full path from the root; `query` maps each name to its values in order."""

    __slots__ = ("body", "headers", "method", "path", "query")

    def __init__(
        self,
        method: str,
        path: str,
        query: Mapping[str, list[str]] | Iterable[tuple[str, str]] | str = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        self.method, self.path, self.body = method, path, body or b""
        self.query = _query(query)
        self.headers = {name.upper(): value for name, value in (headers or {}).items()}

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter; None where it is absent or empty."""
        values = self.query.get(name)
        return values[0] or None if values else None


class Response(Struct, frozen=True):
    """One HTTP answer. `extra` are headers beside the one that tells the body's type."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """Every header but those of the connection."""
        own = {"Content-Type": self.content_type} if self.body else {}
        return {**own, **dict(self.extra)}


def dated(response: Response, now_ms: int) -> Response:
    """The answer with its Date header: the exchange's time, which is not the machine's."""
    date = formatdate(now_ms // 1000, usegmt=True)
    return Response(response.status, response.body, response.content_type, (*response.extra, ("Date", date)))


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, _encode(value))


def _query(query: Mapping[str, list[str]] | Iterable[tuple[str, str]] | str) -> dict[str, list[str]]:
    if isinstance(query, Mapping):
        return dict(query)
    pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else query
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
