"""Market discovery on Kalshi: GET /markets (facts kalshi section 4.4; the published API specification, GetMarkets).

A market nets, so it is listed once, on YES. Combos are left out (`mve_filter=exclude`): there are many, short-lived
ones. The venue takes no close times together with most statuses, and which status its filter files a determined or
disputed market under is not documented: what it may send too much is dropped here.
"""

from collections.abc import Iterator

import msgspec

from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import InvalidInputError, VenueUnavailableError
from holdfast.core.market import MarketStatus
from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.market_reads import MIN_SIZE, STATUSES, bands_of
from holdfast.venues.kalshi.pages import rows
from holdfast.venues.kalshi.wire import SCALE, price_units, size_units
from holdfast.venues.kalshi.wire_reads import ListedPage, ListedRow
from holdfast.venues.moments import time_ms

_FILTERS: dict[MarketStatus | None, tuple[str, ...]] = {
    None: ("",),
    MarketStatus.OPEN: ("open",),
    MarketStatus.PAUSED: ("unopened", "paused"),
    MarketStatus.CLOSED: ("closed", "settled"),
    MarketStatus.SETTLED: ("settled",),
}
_PAGES = msgspec.json.Decoder(ListedPage)


def discover(client: KalshiClient, query: MarketQuery, now_ms: int) -> list[ListedMarket]:
    """See the port. `volume_24h` is contracts at the dollar that each may pay; liquidity is not stated.

    Raises InvalidInputError for a tag, which the venue's markets have none of.
    """
    if query.tag:
        raise InvalidInputError("tag", query.tag, "none on Kalshi: its markets are filed under events and series")
    found: dict[str, ListedMarket] = {}
    for row in _rows(client, query, now_ms):
        listed = _listed(row)
        if query.matches(listed):
            found[listed.market] = listed
            if len(found) == query.limit:
                break
    return list(found.values())


def _rows(client: KalshiClient, query: MarketQuery, now_ms: int) -> Iterator[ListedRow]:
    base: dict[str, str | int] = {"mve_filter": "exclude"}
    if query.event:
        base["event_ticker"] = query.event
    if query.series:
        base["series_ticker"] = query.series
    if query.by_close:
        yield from rows(client, api.MARKETS, _PAGES, lambda page: page.markets, base | _close_times(query, now_ms))
        return
    for status in _FILTERS[query.status]:
        filters = {**base, "status": status} if status else base
        yield from rows(client, api.MARKETS, _PAGES, lambda page: page.markets, filters)


def _close_times(query: MarketQuery, now_ms: int) -> dict[str, str | int]:
    """Whole seconds around what is asked for. Open and paused markets close in the future: that keeps the list short
    where the status can't be asked for."""
    first_ms = query.closes_after_ms
    if query.status in (MarketStatus.OPEN, MarketStatus.PAUSED):
        first_ms = max(first_ms, now_ms)
    found: dict[str, str | int] = {}
    if first_ms:
        found["min_close_ts"] = first_ms // 1000 - 1
    if query.closes_before_ms:
        found["max_close_ts"] = query.closes_before_ms // 1000 + 1
    return found


def _listed(row: ListedRow) -> ListedMarket:
    bid, ask = _price(row.yes_bid_dollars, "yes_bid_dollars"), _price(row.yes_ask_dollars, "yes_ask_dollars")
    volume = _size(row.volume_24h_fp, "volume_24h_fp")
    return ListedMarket(
        market=row.ticker,
        title=row.title or row.yes_sub_title,
        outcome=row.yes_sub_title,
        status=STATUSES.get(row.status, MarketStatus.PAUSED),
        event=row.event_ticker,
        closes_at_ms=time_ms(row.close_time, "market.close_time"),
        bid=bid,
        ask=ask,
        bid_size=None if bid is None else _size(row.yes_bid_size_fp, "yes_bid_size_fp"),
        ask_size=None if ask is None else _size(row.yes_ask_size_fp, "yes_ask_size_fp"),
        last_price=_price(row.last_price_dollars, "last_price_dollars"),
        volume_24h=None if volume is None else volume * SCALE.one,
        tick=_finest_step(row),
        min_size=MIN_SIZE,
    )


def _price(text: str | None, field: str) -> int | None:
    """None for an empty side, which the venue writes as 0 or 1 (recorded 2026-01), and where nothing is stated."""
    price = price_units(text, f"market.{field}") if text else 0
    return price if 0 < price < SCALE.one else None


def _size(text: str | None, field: str) -> int | None:
    return size_units(text, f"market.{field}") if text else None


def _finest_step(row: ListedRow) -> int | None:
    """One market with an odd grid hides no other."""
    try:
        return min((band.step for band in bands_of(row)), default=None)
    except VenueUnavailableError:
        return None
