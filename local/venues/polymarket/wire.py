"""Numbers, errors and cursors as Polymarket's CLOB writes them (facts polymarket sections 2.2 and 2.3).

Sizes are micro shares, prices ten-thousandths and money their product, so nothing is rounded here. The wire counts
balances in micro units, rounded down.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from typing import Any

from holdfast.core.scale import Scale, format_units
from local.venues.http import Response, answer

SCALE = Scale(price_decimals=4, size_decimals=6)
ONE = SCALE.one
FIRST_CURSOR = "MA=="
LAST_CURSOR = "LTE="


class ApiError(Exception):
    """A refusal on the wire: {"error": words}. `extra` are further fields of the body.

    `retry_after_s` goes into the Retry-After header where it is above 0; `headers` are sent as they are.
    """

    def __init__(
        self,
        status: int,
        words: str,
        *,
        extra: dict[str, Any] | None = None,
        retry_after_s: int = 0,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.status, self.words, self.extra = status, words, extra or {}
        self.headers = ((("Retry-After", str(retry_after_s)),) if retry_after_s else ()) + headers
        super().__init__(f"{status} {words}")

    def response(self) -> Response:
        """The answer to the whole request."""
        found = answer({"error": self.words, **self.extra}, self.status)
        return Response(found.status, found.body, found.content_type, self.headers)


class TickError(ApiError):
    """A price off the grid. In a batch it refuses every order (facts polymarket section 2)."""


def plain(units: int, decimals: int) -> str:
    """Units as a decimal without trailing zeros: 4500 at 4 is "0.45"."""
    text = format_units(units, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


@lru_cache(1 << 14)
def price_text(price: int) -> str:
    """Price units as dollars."""
    return plain(price, SCALE.price_decimals)


@lru_cache(1 << 14)
def size_text(size: int) -> str:
    """Size units as shares."""
    return plain(size, SCALE.size_decimals)


def money_text(amount: int) -> str:
    """Money units as dollars."""
    return plain(amount, SCALE.money_decimals)


def micro(amount: int) -> int:
    """Money units as micro dollars, rounded down."""
    return amount // ONE


def cursor_of(offset: int) -> str:
    """The cursor of a page that starts at `offset`."""
    return b64encode(str(offset).encode()).decode()


def offset_of(cursor: str | None) -> int:
    """Where the page of a cursor starts; -1 for the cursor behind the last page. Raises the 400."""
    try:
        offset = int(b64decode(cursor, validate=True)) if cursor else 0
    except (Base64Error, ValueError):
        offset = -2
    if offset < -1:
        raise ApiError(400, "invalid next_cursor")
    return offset
