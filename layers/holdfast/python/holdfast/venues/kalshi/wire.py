"""Kalshi's JSON as exact values: decoding, numbers, times, sides (facts kalshi sections 4.1 to 4.4).

Fields that we don't use are ignored and words that we don't know are kept as text, so that a new field or enum value
at the venue breaks nothing. A missing or unreadable field that money depends on raises VenueUnavailableError with its
name; there are no plausible defaults.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation, Overflow
from functools import lru_cache
from typing import TypeVar

import msgspec

from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError, VenueUnavailableError
from holdfast.core.market import Side
from holdfast.core.scale import Scale

SCALE = Scale(price_decimals=4, size_decimals=2)
# The shard of an order that the venue listed without one: cancels and amends are then routed by market ticker (facts
# kalshi section 4).
AUTO_SHARD = -1

_REMEMBERED_NUMBERS = 1 << 15
# No amount of dollars has more digits than this.
_BOUNDED = Context(prec=60, Emin=-60, Emax=60, traps=[InvalidOperation, Overflow])

T = TypeVar("T")


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes, endpoint: str) -> T:
    """Decode an answer. Raises VenueUnavailableError that names the endpoint and the field."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VenueUnavailableError(f"{endpoint}: the answer could not be read: {error}") from error


def price_units(text: str, field: str) -> int:
    """Dollars of one contract to price units."""
    try:
        return _price(text)
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{field}: {error}") from None


def size_units(text: str, field: str) -> int:
    """A contract count to size units; may be negative."""
    try:
        return _size(text)
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{field}: {error}") from None


def book_levels(levels: list[tuple[str, str]] | None, field: str) -> list[Level]:
    """One side of a book to (price units, size units); thousands of them arrive in one answer."""
    try:
        return [(_price(price), _size(size)) for price, size in levels or ()]
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{field}: {error}") from None


def cost_units(text: str, field: str) -> int:
    """Dollars that we pay to money units. Finer than the scale: rounded up, so that a cost is never understated."""
    return _money(text, field, ROUND_CEILING)


def gain_units(text: str, field: str) -> int:
    """Dollars that we own to money units. Finer than the scale: rounded down, so that it is never overstated."""
    return _money(text, field, ROUND_FLOOR)


def side_of(book_side: str | None, outcome_side: str | None, field: str) -> Side:
    """The direction on the YES book, from either of the two fields that state it."""
    if book_side == "bid" or (book_side is None and outcome_side == "yes"):
        return Side.BUY
    if book_side == "ask" or (book_side is None and outcome_side == "no"):
        return Side.SELL
    raise VenueUnavailableError(f"{field}: side {book_side!r} / {outcome_side!r} is neither bid nor ask")


@lru_cache(_REMEMBERED_NUMBERS)
def _price(text: str) -> int:
    return SCALE.price(text)


@lru_cache(_REMEMBERED_NUMBERS)
def _size(text: str) -> int:
    return SCALE.size(text)


def _money(text: str, field: str, rounding: str) -> int:
    try:
        return int(Decimal(text).scaleb(SCALE.money_decimals, _BOUNDED).to_integral_value(rounding))
    except (ArithmeticError, ValueError):
        raise VenueUnavailableError(f"{field}: {text!r} is not an amount of dollars") from None
