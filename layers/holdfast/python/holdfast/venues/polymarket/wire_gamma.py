"""The messages of Gamma, Polymarket's market lists, reduced to the fields that we use.

Sources: the models of the official SDK 0.14.0 (`polymarket/models/gamma/market.py`) and recorded markets of 2026-06.
Lists come as JSON inside strings, numbers as JSON numbers or text. Only what a market can't be named without must be
there; the rest is unverified for every kind of market and may be missing or null.
"""

from decimal import Decimal

import msgspec
from msgspec import Struct

from holdfast.core.errors import VenueUnavailableError

_WORDS = msgspec.json.Decoder(list[str])


class EventRef(Struct, frozen=True):
    """The event that a market belongs to."""

    id: str | int
    slug: str | None = None
    title: str | None = None


class GammaMarket(Struct, frozen=True, rename="camel"):
    """Market. Prices are those of its first outcome; volume and liquidity are dollars, of both outcomes."""

    slug: str
    question: str | None = None
    version: str | None = None
    outcomes: str | list[str] | None = None
    outcome_prices: str | list[str] | None = None
    clob_token_ids: str | list[str] | None = None
    position_ids: str | list[str] | None = None
    active: bool | None = None
    closed: bool | None = None
    accepting_orders: bool | None = None
    enable_order_book: bool | None = None
    neg_risk: bool | None = None
    end_date: str | None = None
    closed_time: str | None = None
    uma_resolution_status: str | None = None
    resolution_status: str | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    last_trade_price: Decimal | None = None
    order_price_min_tick_size: Decimal | None = None
    order_min_size: Decimal | None = None
    volume24hr: Decimal | None = None
    liquidity_clob: Decimal | None = None
    events: list[EventRef] | None = None


class GammaEvent(Struct, frozen=True):
    """Event with its markets, which do not repeat it."""

    id: str | int
    slug: str | None = None
    title: str | None = None
    markets: list[GammaMarket] | None = None


class GammaMarketPage(Struct, frozen=True):
    """GET /markets/keyset. The last page has no cursor."""

    markets: list[GammaMarket]
    next_cursor: str | None = None


class GammaEventPage(Struct, frozen=True):
    """GET /events/keyset."""

    events: list[GammaEvent]
    next_cursor: str | None = None


def words_of(value: str | list[str] | None, field: str) -> list[str]:
    """A list that is JSON inside a string, or a plain one; empty where there is none. Raises VenueUnavailableError."""
    if not value or isinstance(value, list):
        return value or []
    try:
        return _WORDS.decode(value)
    except msgspec.DecodeError as error:
        raise VenueUnavailableError(f"{field}: {value!r} is no list of words: {error}") from None
