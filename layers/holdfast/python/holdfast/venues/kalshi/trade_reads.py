"""The last trade of a market with its time, from everybody's trades (GET /markets/trades; OpenAPI 3.28.0).

The list of markets says a last price too, for a hundred markets in one call, but not when it was: `updated_time` is of
metadata. Trades say it, one market a call: with no market named the list is of the whole exchange.
"""

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

import msgspec

from holdfast.clock import Clock
from holdfast.core.book import LastTrade
from holdfast.core.errors import VenueRefusedError
from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.wire import decode, price_units
from holdfast.venues.kalshi.wire_reads import TradePage, TradeRow
from holdfast.venues.moments import time_ms
from holdfast.venues.port import PriceEvidence

# A day on which every book is wide must not spend the reads that exits need; the others have their turn next time.
MOST_MARKETS = 20
# The newest come first; more than one a page in case they once don't.
_PAGE = 100

_TRADES = msgspec.json.Decoder(TradePage)


class TradeReads:
    """Reads trades, of at most `MOST_MARKETS` markets at a time: those first that were not asked about for longest."""

    def __init__(self, client: KalshiClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._asked_at_ms: dict[str, int] = {}

    def price_evidence(self, markets: Sequence[str], since_ms: int) -> Iterator[tuple[str, PriceEvidence]]:
        """See the port. A market whose trades the venue refuses to show is left out."""
        waiting = sorted(dict.fromkeys(markets), key=lambda market: self._asked_at_ms.get(market, 0))
        for market in waiting[:MOST_MARKETS]:
            self._asked_at_ms[market] = self._clock.now_ms()
            try:
                trade = self._last_trade(market, since_ms)
            except VenueRefusedError:
                continue
            if trade is not None:
                yield market, PriceEvidence(last_trade=trade)

    def _last_trade(self, market: str, since_ms: int) -> LastTrade | None:
        """The newest trade since then on the book: a block trade is agreed elsewhere, at a price of its own."""
        query = {"ticker": market, "min_ts": since_ms // 1_000, "is_block_trade": "false", "limit": _PAGE}
        page = decode(_TRADES, self._client.read(api.TRADES, urlencode(query)), api.TRADES.name)
        made = [_made(row) for row in page.trades or () if row.ticker == market and not row.is_block_trade]
        return max(made, key=lambda trade: trade.at_ms, default=None)


def _made(row: TradeRow) -> LastTrade:
    price = price_units(row.yes_price_dollars, "yes_price_dollars")
    return LastTrade(price, time_ms(row.created_time, "created_time"))
