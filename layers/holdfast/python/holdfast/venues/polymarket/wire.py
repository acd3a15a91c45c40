"""Polymarket's JSON as exact values, reduced to the fields that we use (facts polymarket sections 2.1, 2.2).

Numbers come as text or as JSON numbers; Decimal takes both exactly. A missing or unreadable field that money depends on
raises VenueUnavailableError with its name; there are no plausible defaults.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError, VenueUnavailableError
from holdfast.core.market import Side
from holdfast.venues.polymarket.order import SCALE

_REMEMBERED_NUMBERS = 1 << 15
_MILLIONTHS_OFF = Decimal("0.000002")  # dollars: one of rounding and one to spare
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

NO_FIELD = Raw(b"")

T = TypeVar("T")


class PlacedRow(Struct, frozen=True):
    """SendOrderResponse. `success` stays true on a refused item of a batch, so it is not read."""

    errorMsg: str | None = None  # noqa: N815 - the venue's name
    orderID: str | None = None  # noqa: N815
    status: str | None = None
    makingAmount: str | None = None  # noqa: N815
    takingAmount: str | None = None  # noqa: N815


class CanceledAnswer(Struct, frozen=True):
    """Which orders are over, and why the others were not cancelled. Either may be null."""

    canceled: list[str] | None = None
    not_canceled: dict[str, str] | None = None


class OrderRow(Struct, frozen=True, gc=False):
    """OpenOrder. Sizes are shares; times are seconds."""

    id: str
    status: str
    asset_id: str
    side: str
    original_size: Decimal
    size_matched: Decimal
    price: Decimal
    expiration: int | str | None = None
    created_at: int | str | None = None


class OrderPage(Struct, frozen=True):
    """OrdersResponse."""

    data: list[OrderRow] | None
    next_cursor: str | None = None


class MakerPart(Struct, frozen=True):
    """MakerOrder: one resting order's part of a trade."""

    order_id: str
    matched_amount: Decimal
    price: Decimal
    asset_id: str
    owner: str = ""
    maker_address: str = ""
    side: str | None = None


class TradeRow(Struct, frozen=True):
    """Trade. Side, size and price are the taker's; `market` is the condition id."""

    id: str
    taker_order_id: str
    market: str
    asset_id: str
    side: str
    size: Decimal
    price: Decimal
    status: str
    match_time: int | str
    match_time_nano: int | str | None = None
    trader_side: str = ""
    maker_orders: list[MakerPart] | None = None


class TradePage(Struct, frozen=True):
    """TradesResponse."""

    data: list[TradeRow] | None
    next_cursor: str | None = None


class Resolved(Struct, frozen=True):
    """MarketByTokenResponse."""

    condition_id: str


class TokenRow(Struct, frozen=True):
    """ClobToken."""

    t: str


class FeeRow(Struct, frozen=True):
    """FeeDetails."""

    r: Decimal | None = None
    e: Decimal | None = None


class MarketRow(Struct, frozen=True):
    """ClobMarketDetails: tokens, tick, least size, neg-risk, fees; `c` and `ao` are not documented."""

    t: list[TokenRow]
    mts: Decimal
    mos: Decimal
    nr: bool | None = None
    fd: FeeRow | None = None
    c: bool | None = None
    ao: bool | None = None


class LevelRow(Struct, frozen=True, gc=False):
    """OrderSummary."""

    price: str
    size: str


class BookRow(Struct, frozen=True):
    """OrderBookSummary. The best bid and the best ask come last; `timestamp` is ms."""

    asset_id: str
    bids: list[LevelRow] | None
    asks: list[LevelRow] | None
    tick_size: Decimal | None = None
    timestamp: Raw = NO_FIELD
    last_trade_price: Raw = NO_FIELD


class BalanceAnswer(Struct, frozen=True):
    """Balance in millionths, of pUSD or of shares. `allowances`: by contract, how much of it that may take; for people,
    so that no form of it holds a balance up."""

    balance: Decimal
    allowances: Any = None


class HoldingRow(Struct, frozen=True):
    """Position of the data API. Amounts are shares and dollars. P&L and fees are for people: no decision needs them."""

    token_id: str
    current_size: Decimal
    current_price: Decimal
    redeemable: bool
    status: str = ""
    condition_id: str = ""
    negative_risk: bool = False
    realized_pnl: Decimal = Decimal(0)
    entry_fees_usdc: Decimal = Decimal(0)
    last_event_at: int | str | None = None


class PageEnd(Struct, frozen=True):
    """Pagination of the data API."""

    next_cursor: str | None
    has_more: bool = False


class HoldingPage(Struct, frozen=True):
    """A page of positions."""

    data: list[HoldingRow]
    pagination: PageEnd


class Beat(Struct, frozen=True):
    """HeartbeatResponse, also of a refused beat: then it is the id that was expected."""

    heartbeat_id: str


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes, endpoint: str) -> T:
    """Decode an answer. Raises VenueUnavailableError that names the endpoint and the field."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VenueUnavailableError(f"{endpoint}: the answer could not be read: {error}") from error


def price_units(value: Decimal, field: str) -> int:
    """A price to price units."""
    try:
        return SCALE.price(value)
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{field}: {error}") from None


def size_units(value: Decimal, field: str) -> int:
    """Shares to size units."""
    try:
        return SCALE.size(value)
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{field}: {error}") from None


def executed_price(value: Decimal, shares: Decimal, side: Side, field: str) -> int:
    """The price of a fill to price units. An average may be finer: it is rounded against us, never for us.

    The venue divides whole millionths of a dollar by shares: a fill at 0.003 was recorded as 0.0030000000012. What such
    a millionth explains is no other price.
    """
    nearest = nearest_price(value, field)
    if abs(value - Decimal(nearest).scaleb(-SCALE.price_decimals)) * shares <= _MILLIONTHS_OFF:
        return nearest
    return rounded_units(value, SCALE.price_decimals, ROUND_CEILING if side is Side.BUY else ROUND_FLOOR, field)


def nearest_price(value: Decimal, field: str) -> int:
    """A price that the venue may have divided from amounts, to the nearest price unit."""
    return rounded_units(value, SCALE.price_decimals, ROUND_HALF_EVEN, field)


def cost_units(value: Decimal, field: str) -> int:
    """Dollars that we pay to money units, rounded up."""
    return rounded_units(value, SCALE.money_decimals, ROUND_CEILING, field)


def gain_units(value: Decimal, field: str) -> int:
    """Dollars that we own to money units, rounded down."""
    return rounded_units(value, SCALE.money_decimals, ROUND_FLOOR, field)


def rounded_units(value: Decimal, decimals: int, rounding: str, field: str) -> int:
    """Any amount to units of 10^-decimals, rounded as said."""
    try:
        return int(value.scaleb(decimals).to_integral_value(rounding))
    except (InvalidOperation, ValueError, OverflowError):
        raise VenueUnavailableError(f"{field}: {value!r} is not an amount") from None


def amount_units(text: str | None, field: str) -> int | None:
    """An amount of an order's answer to millionths; None where the answer has none (an order that rests)."""
    if not text:
        return None
    try:
        return SCALE.size(text)
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{field}: {error}") from None


def whole_time(value: int | str | None, field: str) -> int:
    """A time as the whole number that it is written as; 0 where there is none."""
    if not value:
        return 0
    try:
        return int(value)
    except ValueError:
        raise VenueUnavailableError(f"{field}: {value!r} is not a time") from None


def side_of(word: str, field: str) -> Side:
    """BUY or SELL."""
    side = _SIDES.get(word.upper())
    if side is None:
        raise VenueUnavailableError(f"{field}: {word!r} is neither BUY nor SELL")
    return side


def book_levels(levels: Iterable[LevelRow] | None, field: str) -> list[Level]:
    """One side of a book to (price units, size units)."""
    try:
        return [(_price(level.price), _size(level.size)) for level in levels or ()]
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{field}: {error}") from None


def status_word(status: str) -> str:
    """A status without the prefix that some answers put before it."""
    return status.upper().removeprefix("ORDER_STATUS_").removeprefix("TRADE_STATUS_")


@lru_cache(_REMEMBERED_NUMBERS)
def _price(text: str) -> int:
    return SCALE.price(text)


@lru_cache(_REMEMBERED_NUMBERS)
def _size(text: str) -> int:
    return SCALE.size(text)
