"""What every handler gets: the request, who sent it, and its parameters."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from local.venues.http import Request
from local.venues.kalshi.accounts import User
from local.venues.kalshi.state import ExchangeState
from local.venues.kalshi.wire import ApiError, bad_query

_LARGEST_PAGE = 1_000
_DEFAULT_PAGE = 100
_INTEGER = re.compile(r"-?\d{1,18}")

T = TypeVar("T")


class Call:
    """One request on its way through a handler. `names` are the parts of the path that the route left open."""

    __slots__ = ("_user", "names", "request", "state")

    def __init__(self, state: ExchangeState, request: Request, user: User | None, names: dict[str, str]) -> None:
        self.state, self.request, self._user, self.names = state, request, user, names

    @property
    def user(self) -> User:
        """Who signed it; routes without signature must not ask."""
        if self._user is None:
            raise ApiError(401, "signature_is_missing_from_headers")
        return self._user

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int | None:
        """A query parameter as an integer, None where it is absent. Raises the 400."""
        text = self.request.parameter(name)
        if text is None:
            return None
        value = int(text) if _INTEGER.fullmatch(text) else None
        if value is None or (low is not None and value < low) or (high is not None and value > high):
            raise bad_query(f"{name}={text}")
        return value

    def words(self, name: str, most: int) -> frozenset[str]:
        """A comma-separated query parameter. Raises the 400 for too many."""
        text = self.request.parameter(name)
        found = frozenset(text.split(",")) if text else frozenset()
        if len(found) > most:
            raise bad_query(f"{name}: at most {most}")
        return found

    def choice(self, name: str, allowed: Iterable[str]) -> str | None:
        """A query parameter with few values. Raises the 400 for any other."""
        text = self.request.parameter(name)
        if text is not None and text not in allowed:
            raise bad_query(f"{name}={text}")
        return text

    def after(self) -> str:
        """Where the page before this one ended; empty for the first page and for a cursor that is none of ours."""
        cursor = self.request.parameter("cursor")
        if cursor is None:
            return ""
        try:
            kind, _, key = urlsafe_b64decode(cursor.encode()).decode().partition(":")
        except (Base64Error, ValueError):
            return ""
        return key if kind == "after" else ""

    def page(self, rows: Iterable[tuple[str, T]]) -> tuple[list[T], str]:
        """One page of keyed rows and the cursor behind it, empty on the last page."""
        limit = self.integer("limit", 1, _LARGEST_PAGE) or _DEFAULT_PAGE
        found = list(islice(rows, limit + 1))
        cursor = urlsafe_b64encode(f"after:{found[limit - 1][0]}".encode()).decode() if len(found) > limit else ""
        return [row for _, row in found[:limit]], cursor
