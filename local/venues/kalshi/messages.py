"""Bodies of order requests: read as strictly as the venue reads them, and turned into exact tickets (facts kalshi 4.1).

A wrong JSON type is a flat 400 in the words of Go's decoder; a missing or unknown word is 400 invalid_parameters; both
refuse a whole batch. What is wrong with one order's values is that order's own error.
"""

import re
from typing import TypeVar

import msgspec
from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import TimeInForce
from local.venues.kalshi.records import Prevention
from local.venues.kalshi.wire import SCALE, ApiError, Shape, invalid_parameters

_SIDES = {"bid": Side.BUY, "ask": Side.SELL}
_LIFETIMES = {
    "good_till_canceled": TimeInForce.RESTING,
    "immediate_or_cancel": TimeInForce.IMMEDIATE,
    "fill_or_kill": TimeInForce.ALL_OR_NOTHING,
}
_HIGHEST_SUBACCOUNT = 63
_LAST_SECOND = 253_402_300_799  # of the year 9999
_COUNT = re.compile(r"\d{1,12}(\.\d{1,2})?")
_PRICE = re.compile(r"\d{1,6}(\.\d{1,4})?")
_TYPE_ERROR = re.compile(r"Expected `(?P<want>[^`]+)`, got `(?P<got>[^`]+)`(?: - at `\$(?P<path>[^`]*)`)?")
_GO_KINDS = {"int": "number", "float": "number", "str": "string", "object": "object", "array": "array", "bool": "bool"}
_GO_TYPES = {"str": "string", "int": "int64", "bool": "bool", "array": "[]", "object": "struct"}

T = TypeVar("T")


class CreateBody(Struct, frozen=True, rename={"lifetime": "time_in_force", "prevention": "self_trade_prevention_type"}):
    """CreateOrderV2Request."""

    ticker: str | None = None
    client_order_id: str | None = None
    side: str | None = None
    count: str | None = None
    price: str | None = None
    lifetime: str | None = None
    prevention: str | None = None
    expiration_time: int | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    cancel_order_on_pause: bool | None = None
    subaccount: int | None = None
    order_group_id: str | None = None
    exchange_index: int | None = None


class BatchCreateBody(Struct, frozen=True):
    """BatchCreateOrdersV2Request."""

    orders: list[CreateBody] | None = None


class CancelBody(Struct, frozen=True):
    """One entry of BatchCancelOrdersV2Request."""

    order_id: str | None = None
    subaccount: int | None = None
    exchange_index: int | None = None
    market_ticker: str | None = None


class BatchCancelBody(Struct, frozen=True):
    """BatchCancelOrdersV2Request."""

    orders: list[CancelBody] | None = None


class AmendBody(Struct, frozen=True):
    """AmendOrderV2Request. `expiration_time` absent keeps the expiry, 0 clears it."""

    ticker: str | None = None
    side: str | None = None
    price: str | None = None
    count: str | None = None
    client_order_id: str | None = None
    updated_client_order_id: str | None = None
    expiration_time: int | None = None
    exchange_index: int | None = None


class DecreaseBody(Struct, frozen=True):
    """DecreaseOrderV2Request."""

    reduce_by: str | None = None
    reduce_to: str | None = None
    exchange_index: int | None = None
    market_ticker: str | None = None


class Ticket(Struct, frozen=True):
    """A new order, exact. `expires_at_ms` 0 means never."""

    ticker: str
    client_order_id: str
    side: Side
    price: int
    size: int
    lifetime: TimeInForce
    prevention: Prevention
    expires_at_ms: int
    post_only: bool
    reduce_only: bool
    cancel_on_pause: bool
    subaccount: int


class Change(Struct, frozen=True):
    """What an amend asks for, exact. `size` is the total count; `expires_at_ms` None keeps the expiry, 0 clears it."""

    ticker: str
    side: Side
    price: int
    size: int
    client_order_id: str
    new_client_order_id: str
    expires_at_ms: int | None


def decode(body: bytes, kind: type[T], name: str) -> T:
    """A body of the right types. Raises the flat 400 that the venue's decoder gives."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ApiError(400, "bad_request", "bad request", _go_words(str(error), name), Shape.FLAT) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ApiError(400, "bad_request", "bad request", "invalid character in JSON body", Shape.FLAT) from None


def check_words(body: CreateBody) -> None:
    """Raise invalid_parameters where a required field is missing or an enum has an unknown word."""
    for field in ("ticker", "side", "count", "price"):
        if not getattr(body, field):
            raise invalid_parameters(f"{field} is required")
    if body.side not in _SIDES:
        raise invalid_parameters("side must be one of bid, ask")
    if body.lifetime not in _LIFETIMES:
        raise invalid_parameters(f"time_in_force must be one of {', '.join(_LIFETIMES)}")
    if body.prevention not in list(Prevention):
        raise invalid_parameters(f"self_trade_prevention_type must be one of {', '.join(Prevention)}")
    subaccount_of(body.subaccount)


def ticket(body: CreateBody, now_ms: int) -> Ticket:
    """The order that a checked body means. Raises ApiError for values that can't be ordered."""
    lifetime = _LIFETIMES[body.lifetime or ""]
    if "." in (body.client_order_id or ""):
        raise invalid_parameters("client_order_id must not contain '.'")
    if body.expiration_time is not None:
        if lifetime is not TimeInForce.RESTING:
            raise ApiError(400, "invalid_order", details="expiration_time can only be used with good_till_canceled")
        check_expiry(body.expiration_time, now_ms)
    if body.reduce_only and lifetime is not TimeInForce.IMMEDIATE:
        raise ApiError(400, "invalid_order", details="reduce_only can only be used with IoC orders")
    if body.post_only and lifetime is not TimeInForce.RESTING:
        raise ApiError(400, "invalid_order", details="post_only can only be used with good_till_canceled")
    return Ticket(
        ticker=body.ticker or "",
        client_order_id=body.client_order_id or "",
        side=_SIDES[body.side or ""],
        price=price_units(body.price or ""),
        size=size_units(body.count or ""),
        lifetime=lifetime,
        prevention=Prevention(body.prevention or ""),
        expires_at_ms=(body.expiration_time or 0) * 1000,
        post_only=bool(body.post_only),
        reduce_only=bool(body.reduce_only),
        cancel_on_pause=bool(body.cancel_order_on_pause),
        subaccount=body.subaccount or 0,
    )


def change(body: AmendBody, now_ms: int) -> Change:
    """The change that an amend's body means. Raises ApiError."""
    for field in ("ticker", "side", "price", "count"):
        if not getattr(body, field):
            raise invalid_parameters(f"{field} is required")
    if body.side not in _SIDES:
        raise invalid_parameters("side must be one of bid, ask")
    if body.expiration_time:
        check_expiry(body.expiration_time, now_ms)
    return Change(
        ticker=body.ticker or "",
        side=_SIDES[body.side],
        price=price_units(body.price or ""),
        size=size_units(body.count or ""),
        client_order_id=body.client_order_id or "",
        new_client_order_id=body.updated_client_order_id or "",
        expires_at_ms=None if body.expiration_time is None else body.expiration_time * 1000,
    )


def price_units(text: str) -> int:
    """Dollars with at most 4 decimals. Raises invalid_price; the grid is checked with the market."""
    if not _PRICE.fullmatch(text):
        raise ApiError(400, "invalid_price", details=f"{text!r} is not a price")
    return SCALE.price(text)


def size_units(text: str, *, least: int = 1) -> int:
    """A count with at most 2 decimals. Raises invalid_order_size."""
    try:
        units = SCALE.size(text) if _COUNT.fullmatch(text) else -1
    except InvalidInputError:
        units = -1
    if units < least:
        raise ApiError(400, "invalid_order_size", details=f"{text!r} is not a count of at least {least / 100:.2f}")
    return units


def check_expiry(expiration_time: int, now_ms: int) -> None:
    """Raise where an expiry (unix seconds) is not in the future, or beyond what a date can be."""
    if not now_ms < expiration_time * 1000 <= _LAST_SECOND * 1000:
        raise ApiError(400, "invalid_order", details="expiration_time must be in the future")


def subaccount_of(number: int | None) -> int:
    """A subaccount number, 0 where none is given. Raises invalid_parameters."""
    if not 0 <= (number or 0) <= _HIGHEST_SUBACCOUNT:
        raise invalid_parameters(f"subaccount must be 0 to {_HIGHEST_SUBACCOUNT}")
    return number or 0


def _go_words(words: str, name: str) -> str:
    found = _TYPE_ERROR.match(words)
    if found is None:
        return words
    field = (found["path"] or "").removeprefix(".").replace("[...]", "")
    want, got = found["want"].split(" | ")[0], found["got"].split(" | ")[0]
    place = f"Go struct field {name}.{field}" if field else "Go value"
    return f"json: cannot unmarshal {_GO_KINDS.get(got, got)} into {place} of type {_GO_TYPES.get(want, want)}"
