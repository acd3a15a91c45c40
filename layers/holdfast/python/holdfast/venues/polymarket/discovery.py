"""Market discovery on Polymarket: Gamma's keyset lists, GET /markets/keyset and GET /events/keyset.

Sources: docs.polymarket.com, list-markets-keyset-pagination (`offset` is refused, the last page has no cursor), and
the official SDK 0.14.0, `_internal/actions/gamma.py` (parameters; without `version` only v1 is listed). Pages are cut
to 100 rows whatever is asked for, and `closed` is false unless stated (third parties, measured 2026-09). Which
outcome's price `lastTradePrice` is, is not documented: it is taken as the first's, like the best bid and ask.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import InvalidInputError, VenueUnavailableError
from holdfast.core.market import MarketStatus
from holdfast.venues.moments import time_ms, time_text
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.client import Endpoint, PolymarketClient
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.polymarket.wire import decode, gain_units, rounded_units
from holdfast.venues.polymarket.wire_gamma import (
    EventRef,
    GammaEventPage,
    GammaMarket,
    GammaMarketPage,
    words_of,
)

_PAGE_SIZE = 100
_VERSIONS = ("v1", "v2")
_LIVE = (MarketStatus.OPEN, MarketStatus.PAUSED)
_MARKETS = msgspec.json.Decoder(GammaMarketPage)
_EVENTS = msgspec.json.Decoder(GammaEventPage)

Filters = Mapping[str, str | int | Sequence[str]]


class Page(Protocol):
    """One page of a list."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next page starts; None on the last."""
        ...


P = TypeVar("P", bound=Page)


def discover(client: PolymarketClient, query: MarketQuery) -> list[ListedMarket]:
    """See the port. One entry per outcome token; markets without an order book are left out.

    `closes_at_ms` is the announced end, after which a market may trade on until it is resolved; `volume_24h` and
    `liquidity` are those of the whole market. A closed market has no quotes: Gamma goes on to show its last ones.
    Raises InvalidInputError for a series.
    """
    if query.series:
        raise InvalidInputError("series", query.series, "none on Polymarket: its markets are filed by event and tag")
    found: dict[str, ListedMarket] = {}
    for market, event in _markets(client, query):
        for listed in _listed(market, event):
            if query.matches(listed):
                found[listed.market] = listed
                if len(found) == query.limit:
                    return list(found.values())
    return list(found.values())


def _markets(client: PolymarketClient, query: MarketQuery) -> Iterator[tuple[GammaMarket, EventRef | None]]:
    """Every market that the venue's own filters let through, with its event."""
    if query.event or query.tag:
        # An event is closed once all its markets are.
        for closed in ("false",) if query.status in _LIVE else ("false", "true"):
            for events in _pages(client, api.EVENT_LIST, _EVENTS, _event_filters(query) | {"closed": closed}):
                for event in events.events:
                    named = EventRef(event.id, event.slug, event.title)
                    yield from ((market, named) for market in event.markets or ())
        return
    flags = {None: ("false", "true"), MarketStatus.OPEN: ("false",), MarketStatus.PAUSED: ("false",)}
    for closed in flags.get(query.status, ("true",)):
        for page in _pages(client, api.MARKET_LIST, _MARKETS, _market_filters(query) | {"closed": closed}):
            yield from ((market, market.events[0] if market.events else None) for market in page.markets)


def closed_markets(client: PolymarketClient, filters: Filters) -> Iterator[GammaMarket]:
    """Every closed market that these filters of Gamma's own let through. Raises a VenueError."""
    for page in _pages(client, api.MARKET_LIST, _MARKETS, {**filters, "closed": "true"}):
        yield from page.markets


def tokens_of(row: GammaMarket) -> list[str]:
    """A market's tokens. Which ids they are goes by its version; both may be there (facts polymarket section 7)."""
    ids = {"v1": row.clob_token_ids, "v2": row.position_ids}.get(row.version or "v1")
    return words_of(ids, "market tokens")


def is_resolved(row: GammaMarket) -> bool:
    """Whether its result is final: closed is not resolved."""
    return bool(row.closed) and "resolved" in (row.uma_resolution_status, row.resolution_status)


def _market_filters(query: MarketQuery) -> dict[str, str | int | Sequence[str]]:
    """Whether the venue's bounds are inclusive is not documented: they are a second wider, and checked here."""
    filters: dict[str, str | int | Sequence[str]] = {}
    if query.closes_after_ms:
        filters["end_date_min"] = time_text(max(query.closes_after_ms - 1_000, 0))
    if query.closes_before_ms:
        filters["end_date_max"] = time_text(query.closes_before_ms + 1_000)
    if query.min_volume_24h:
        # What was ever traded is at least what was traded in a day.
        filters["volume_num_min"] = query.min_volume_24h // 10**SCALE.money_decimals
    return filters


def _event_filters(query: MarketQuery) -> dict[str, str | int | Sequence[str]]:
    filters: dict[str, str | int | Sequence[str]] = {}
    if query.event:
        filters["slug"] = query.event
    if query.tag:
        filters["tag_id" if query.tag.isdecimal() else "tag_slug"] = query.tag
    return filters


def _pages(
    client: PolymarketClient, endpoint: Endpoint, decoder: "msgspec.json.Decoder[P]", filters: Filters
) -> Iterator[P]:
    """Every page, each paid for before it is asked for. Raises VenueUnavailableError where a cursor is empty or comes
    back a second time: the list would be cut short, or repeat without end."""
    asked = {**filters, "version": _VERSIONS, "limit": _PAGE_SIZE}
    seen: set[str] = set()
    while True:
        page = decode(decoder, client.read(endpoint, urlencode(asked, doseq=True)), endpoint.name)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return
        if not cursor or cursor in seen:
            raise VenueUnavailableError(f"{endpoint.name}: the cursor {cursor!r} is empty or came back a second time")
        seen.add(cursor)
        asked["after_cursor"] = cursor


def _listed(row: GammaMarket, event: EventRef | None) -> list[ListedMarket]:
    """One entry per token."""
    version = row.version or "v1"
    tokens, outcomes = tokens_of(row), words_of(row.outcomes, "market.outcomes")
    if row.enable_order_book is False or len(tokens) != len(outcomes):
        return []
    status = _status(row)
    quoted = status in _LIVE and len(tokens) == 2
    bid, ask = (_price(row.best_bid, "bestBid"), _price(row.best_ask, "bestAsk")) if quoted else (None, None)
    last = _price(row.last_trade_price, "lastTradePrice") if len(tokens) == 2 else None
    found = []
    for number, (token, outcome) in enumerate(zip(tokens, outcomes, strict=True)):
        found.append(
            ListedMarket(
                market=token,
                title=row.question or row.slug,
                outcome=outcome,
                status=status,
                event=(event.slug or str(event.id)) if event else "",
                event_title=(event.title or "") if event else "",
                closes_at_ms=time_ms(row.end_date, "market.endDate"),
                bid=bid if number == 0 else _mirrored(ask),
                ask=ask if number == 0 else _mirrored(bid),
                last_price=last if number == 0 else _mirrored(last),
                volume_24h=_money(row.volume24hr, "volume24hr"),
                liquidity=_money(row.liquidity_clob, "liquidityClob"),
                tick=_price(row.order_price_min_tick_size, "orderPriceMinTickSize"),
                min_size=_size(row.order_min_size),
                neg_risk=row.neg_risk,
                version=version,
            )
        )
    return found


def _status(row: GammaMarket) -> MarketStatus:
    """`closed` comes first: a closed market may still say that it accepts orders (recorded 2026-06)."""
    if row.closed:
        return MarketStatus.SETTLED if is_resolved(row) else MarketStatus.CLOSED
    return MarketStatus.PAUSED if False in (row.active, row.accepting_orders) else MarketStatus.OPEN


def _price(value: Decimal | None, field: str) -> int | None:
    """To the nearest unit: Gamma computes some of them, and they only choose. None for 0 and 1, which stand for an
    empty side."""
    if value is None:
        return None
    price = rounded_units(value, SCALE.price_decimals, ROUND_HALF_EVEN, f"market.{field}")
    return price if 0 < price < SCALE.one else None


def _mirrored(price: int | None) -> int | None:
    """A price of the first outcome as one of the second: the two make a pair worth one dollar."""
    return None if price is None else SCALE.one - price


def _money(value: Decimal | None, field: str) -> int | None:
    return None if value is None else gain_units(value, f"market.{field}")


def _size(value: Decimal | None) -> int | None:
    return None if value is None else rounded_units(value, SCALE.size_decimals, ROUND_HALF_EVEN, "market.orderMinSize")
