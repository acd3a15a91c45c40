"""Bars of a token's price: the venue has points of it, no candles (GET /prices-history; CLOB OpenAPI of 2026-05-03).

A bar is formed of the points whose times are in it (core/candles.py). Bars of up to an hour are formed of points that
are a minute apart, longer ones of sixty points; so one of a minute has a single point, and how far the price went
within it is not seen. Which price a point is, that of a trade or the middle of the book, is not documented, nor how
far back points of a minute go.

One question may span fifteen days, however far apart its points are: others measured in August and September 2026 that
15 days are answered, and 16 refused with "'startTs' and 'endTs' interval is too long". The documents don't say so.
"""

from decimal import Decimal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.candles import Candle, PricePoint, bars_of
from holdfast.core.errors import InvalidInputError, VenueUnavailableError
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.polymarket.wire import decode, nearest_price

_POINTS_A_BAR = 60
_MINUTE_MS = 60_000
_LONGEST_SPAN_MS = 14 * 86_400_000


class PointRow(Struct, frozen=True, gc=False):
    """MarketPrice: seconds, and the price."""

    t: int
    p: Decimal


class HistoryAnswer(Struct, frozen=True):
    """PricesHistoryResponse, in no documented order."""

    history: list[PointRow] | None


_ANSWER = msgspec.json.Decoder(HistoryAnswer)


def read_bars(client: PolymarketClient, clock: Clock, market: str, minutes: int, count: int) -> list[Candle]:
    """See the port. Raises InvalidInputError for a length below a minute.

    Whole bars alone: asked for is from the beginning of the first one until the end of the last that is over, one read
    for each span of two weeks. Whether the bounds are inclusive is not documented: a point outside is not used, and one
    that two spans have counts once.
    """
    if minutes < 1:
        raise InvalidInputError("minutes of a candle", minutes, "1 or more")
    bar_ms, step = minutes * _MINUTE_MS, max(minutes // _POINTS_A_BAR, 1)
    until_ms = clock.now_ms() // bar_ms * bar_ms
    from_ms = until_ms - count * bar_ms
    prices: dict[int, int] = {}
    for start_ms in range(from_ms, until_ms, _LONGEST_SPAN_MS):
        prices |= _points(client, market, start_ms, min(start_ms + _LONGEST_SPAN_MS, until_ms), step)
    points = [PricePoint(at_ms, price) for at_ms, price in prices.items()]
    return bars_of(points, bar_ms, step * _MINUTE_MS, from_ms, until_ms)


def _points(client: PolymarketClient, market: str, from_ms: int, until_ms: int, step: int) -> dict[int, int]:
    """Price units by UTC ms."""
    query = {"market": market, "startTs": from_ms // 1_000 - 1, "endTs": until_ms // 1_000, "fidelity": step}
    answer = decode(_ANSWER, client.read(api.PRICE_HISTORY, urlencode(query)), api.PRICE_HISTORY.name)
    return {row.t * 1_000: _price(row.p) for row in answer.history or ()}


def _price(value: Decimal) -> int:
    """Price units. Raises VenueUnavailableError for what is no price: a history of anything else says nothing."""
    price = nearest_price(value, "history.p")
    if not 0 < price < SCALE.one:
        raise VenueUnavailableError(f"{api.PRICE_HISTORY.name}: a price of {value}")
    return price
