"""Closed candles of a market's trades (GET /markets/candlesticks; OpenAPI 3.28.0, BatchGetMarketCandlesticks).

It is the endpoint for many markets that is asked, because the one for a single market wants its series too, which an
order's ticker does not name for certain. A period without a trade has a candlestick without prices, and none here.
"""

from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.candles import Candle
from holdfast.core.errors import InvalidInputError, VenueUnavailableError
from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.wire import SCALE, decode, price_units

LENGTHS = (1, 60, 1_440)


class TradedPrices(Struct, frozen=True, gc=False):
    """PriceDistribution: null where nothing was traded."""

    open_dollars: str | None = None
    high_dollars: str | None = None
    low_dollars: str | None = None
    close_dollars: str | None = None


class CandleRow(Struct, frozen=True, gc=False):
    """MarketCandlestick. `end_period_ts` is the end of the period, seconds."""

    end_period_ts: int
    price: TradedPrices


class MarketCandles(Struct, frozen=True):
    """MarketCandlesticksResponse."""

    market_ticker: str
    candlesticks: list[CandleRow] | None


class CandlesAnswer(Struct, frozen=True):
    """BatchGetMarketCandlesticksResponse."""

    markets: list[MarketCandles] | None


_ANSWER = msgspec.json.Decoder(CandlesAnswer)


def read_candles(client: KalshiClient, clock: Clock, market: str, minutes: int, count: int) -> list[Candle]:
    """See the port: prices of YES trades. Raises InvalidInputError for a length that the venue does not have.

    Which candlestick of the period under way comes along is not documented, so none is asked for that ends after the
    last whole second, and none is taken. The days of the venue follow New York's clock, and one of 25 hours counts as
    one of 24 that begins later.
    """
    if minutes not in LENGTHS:
        raise InvalidInputError("minutes of a candle", minutes, " or ".join(map(str, LENGTHS)))
    length_s, last_s = minutes * 60, clock.now_ms() // 1_000 - 1
    query = {
        "market_tickers": market,
        "start_ts": last_s - count * length_s + 1,
        "end_ts": last_s,
        "period_interval": minutes,
    }
    answer = decode(_ANSWER, client.read(api.CANDLES, urlencode(query)), api.CANDLES.name)
    rows = [row for one in answer.markets or () if one.market_ticker == market for row in one.candlesticks or ()]
    closed = sorted((row for row in rows if row.end_period_ts <= last_s), key=lambda row: row.end_period_ts)
    return [candle for row in closed[-count:] if (candle := _candle(row, length_s)) is not None]


def _candle(row: CandleRow, length_s: int) -> Candle | None:
    """None where nothing was traded. Raises VenueUnavailableError for prices that can't be."""
    prices = row.price
    stated = (prices.open_dollars, prices.high_dollars, prices.low_dollars, prices.close_dollars)
    if stated == (None, None, None, None):
        return None
    first, high, low, last = (price_units(text or "", "candlestick.price") for text in stated)
    if high >= SCALE.one:
        raise VenueUnavailableError(
            f"{api.CANDLES.name}: a price of {prices.high_dollars}, nothing trades at 1 or more"
        )
    try:
        end_ms = row.end_period_ts * 1_000
        return Candle(end_ms - length_s * 1_000, end_ms, first, high, low, last)
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{api.CANDLES.name}: {error}") from None
