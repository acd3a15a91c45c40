"""What every handler gets: the request, who sent it, and its parameters."""

from collections.abc import Sequence
from typing import Any, TypeVar

from local.venues.http import Request, Response, answer
from local.venues.polymarket.accounts import User
from local.venues.polymarket.auth import KeyRing
from local.venues.polymarket.markets import Market
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import FIRST_CURSOR, LAST_CURSOR, ApiError, cursor_of, offset_of

_PAGE = 100

T = TypeVar("T")


class Call:
    """One request on its way through a handler. `names` are the parts of the path that the route left open."""

    __slots__ = ("_signed", "arrived_ms", "keys", "names", "request", "state")

    def __init__(
        self,
        state: ExchangeState,
        keys: KeyRing,
        request: Request,
        names: dict[str, str],
        signed: tuple[User, str] | None,
        arrived_ms: int,
    ) -> None:
        self.state, self.keys, self.request, self.names = state, keys, request, names
        self._signed, self.arrived_ms = signed, arrived_ms

    @property
    def user(self) -> User:
        """Who signed it; only routes of level 2 may ask."""
        return self._who()[0]

    @property
    def api_key(self) -> str:
        """The key that it was signed with."""
        return self._who()[1]

    def parameter(self, name: str) -> str:
        """A query parameter, empty where it is absent."""
        return self.request.parameter(name) or ""

    def seconds(self, name: str) -> int | None:
        """A query parameter as unix seconds. Raises the 400."""
        text = self.parameter(name)
        if not text:
            return None
        if not text.isdecimal() or len(text) > 12:
            raise ApiError(400, "Invalid trade params payload")
        return int(text)

    def token(self, *, missing: str = "No orderbook exists for the requested token id") -> tuple[Market, int]:
        """The market and outcome of the token that the query or the path names. Raises the 400 or 404."""
        return self.find_token(self.names.get("token_id") or self.parameter("token_id"), missing)

    def find_token(self, token_id: str, missing: str) -> tuple[Market, int]:
        """The market and outcome of a token. Raises the 400 for no token id and the 404 for no market."""
        if not token_id.isdecimal():
            raise ApiError(400, "Invalid token id")
        found = self.state.by_token.get(token_id)
        if found is None:
            raise ApiError(404, missing)
        return found

    def page(self, rows: Sequence[T]) -> tuple[Sequence[T], dict[str, Any]]:
        """One page of rows, and the fields around it. Pages are counted offsets: rows that go move the rest up."""
        cursor = self.parameter("next_cursor") or FIRST_CURSOR
        offset = offset_of(cursor)
        shown = rows[offset : offset + _PAGE] if offset >= 0 else []
        more = offset >= 0 and offset + _PAGE < len(rows)
        following = cursor_of(offset + _PAGE) if more else LAST_CURSOR
        return shown, {"limit": _PAGE, "next_cursor": following, "count": len(shown)}

    def _who(self) -> tuple[User, str]:
        if self._signed is None:
            raise ApiError(401, "Unauthorized/Invalid api key")
        return self._signed


def with_headers(value: Any, headers: tuple[tuple[str, str], ...]) -> Response:
    """A JSON answer with headers."""
    found = answer(value)
    return Response(found.status, found.body, found.content_type, headers)
