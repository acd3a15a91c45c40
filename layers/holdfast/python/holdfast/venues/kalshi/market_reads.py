"""What Kalshi's markets are: rules, books, and whether the exchange trades (facts kalshi sections 4.4 and 9)."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

import msgspec

from holdfast.clock import Clock
from holdfast.core.book import OrderBook
from holdfast.core.errors import InvalidInputError, VenueUnavailableError
from holdfast.core.market import MarketRules, MarketStatus, PriceBand
from holdfast.core.skew import ClockReading
from holdfast.core.windows import VenueMode
from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.errors import read_failure
from holdfast.venues.kalshi.limits import BOOKS_PER_CALL
from holdfast.venues.kalshi.pages import rows
from holdfast.venues.kalshi.wire import SCALE, book_levels, decode, price_units
from holdfast.venues.kalshi.wire_reads import (
    BooksAnswer,
    BookSides,
    ListedRow,
    MarketPage,
    MarketRow,
    ShardStatus,
    StatusAnswer,
)
from holdfast.venues.moments import time_ms
from holdfast.venues.port import VenueStatus
from holdfast.venues.transport import date_ms

TICKERS_PER_CALL = 100  # keeps the address below the usual 8 kB
MIN_SIZE = SCALE.size("0.01")  # fractional contracts everywhere (facts kalshi section 9)
_WHOLE_CENTS = (PriceBand(low=0, high=SCALE.one, step=SCALE.price("0.01")),)
STATUSES = {
    "initialized": MarketStatus.PAUSED,
    "inactive": MarketStatus.PAUSED,
    "active": MarketStatus.OPEN,
    "closed": MarketStatus.CLOSED,
    "determined": MarketStatus.CLOSED,
    "disputed": MarketStatus.CLOSED,
    "amended": MarketStatus.CLOSED,
    "finalized": MarketStatus.SETTLED,
}
# The venue sends its status with these too.
_STATUS_CODES = frozenset({200, 500, 503, 504})

_MARKETS = msgspec.json.Decoder(MarketPage)
_BOOKS = msgspec.json.Decoder(BooksAnswer)
_STATUS = msgspec.json.Decoder(StatusAnswer)


class MarketReads:
    """The read half of the venue port that concerns markets."""

    def __init__(self, client: KalshiClient, clock: Clock) -> None:
        self._client, self._clock = client, clock

    def status(self) -> VenueStatus:
        """See the port. Trading while any shard trades; the shards that don't are listed.

        No answer of the venue is known to state its clock, but every HTTP answer has a Date, to the second.
        """
        sent_ms = self._clock.now_ms()
        answer = self._client.ask(api.STATUS)
        received_ms = self._clock.now_ms()
        if answer.status not in _STATUS_CODES:
            raise read_failure(api.STATUS.name, answer.status, answer.body)
        status = decode(_STATUS, answer.body, api.STATUS.name)
        shards = status.exchange_index_statuses or []
        parts: Sequence[ShardStatus | StatusAnswer] = shards or [status]
        active, trading = any(part.exchange_active for part in parts), any(_trades(part) for part in parts)
        stopped = VenueMode.CANCEL_ONLY if active else VenueMode.DISABLED
        venue_ms = date_ms(answer.headers)
        return VenueStatus(
            active=active,
            trading=trading,
            mode=VenueMode.TRADING if trading else stopped,
            paused_shards=tuple(shard.exchange_index for shard in shards if not _trades(shard)),
            shut_shards=tuple(shard.exchange_index for shard in shards if not shard.exchange_active),
            clock=ClockReading(venue_ms, sent_ms, received_ms, 1000) if venue_ms else None,
            resumes_at_ms=time_ms(status.exchange_estimated_resume_time, "exchange_estimated_resume_time"),
        )

    def market_rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        """See the port."""
        found: dict[str, MarketRules] = {}
        for some in _chunks(markets, TICKERS_PER_CALL):
            query = {"tickers": ",".join(some)}
            for row in rows(self._client, api.MARKETS, _MARKETS, lambda page: page.markets, query):
                found[row.ticker] = _rules(row)
        return found

    def books(self, markets: Sequence[str]) -> dict[str, OrderBook]:
        """See the port. `at_ms` is our clock before the request: the book is at least as fresh."""
        found: dict[str, OrderBook] = {}
        for some in _chunks(markets, BOOKS_PER_CALL):
            at_ms = self._clock.now_ms()
            body = self._client.read(api.BOOKS, urlencode({"tickers": some}, doseq=True))
            for row in decode(_BOOKS, body, api.BOOKS.name).orderbooks or ():
                found[row.ticker] = _book(row.ticker, row.orderbook_fp, at_ms)
        return found


def _trades(part: ShardStatus | StatusAnswer) -> bool:
    return part.exchange_active and part.trading_active


def _chunks(markets: Sequence[str], size: int) -> Iterator[list[str]]:
    """Each market once, in lists of at most `size`."""
    unique = list(dict.fromkeys(markets))
    return (unique[start : start + size] for start in range(0, len(unique), size))


def _rules(row: MarketRow) -> MarketRules:
    """A status that we don't know takes no orders of ours. Where the price ranges are missing or no grid, whole cents
    hold: they are valid in every structure (facts kalshi section 9), and one odd market stops no other."""
    try:
        return _rules_with(row, bands_of(row))
    except (InvalidInputError, VenueUnavailableError):
        return _rules_with(row, _WHOLE_CENTS)


def _rules_with(row: MarketRow, bands: tuple[PriceBand, ...]) -> MarketRules:
    return MarketRules(
        market=row.ticker,
        bands=bands,
        min_size=MIN_SIZE,
        size_step=MIN_SIZE,
        status=STATUSES.get(row.status, MarketStatus.PAUSED),
        shard=row.exchange_index,
        close_at_ms=time_ms(row.close_time, "market.close_time"),
    )


def bands_of(row: MarketRow | ListedRow) -> tuple[PriceBand, ...]:
    """The price grid, ascending. Raises VenueUnavailableError where it can't be read."""
    bands = (
        PriceBand(
            low=price_units(band.start, "price_ranges.start"),
            high=price_units(band.end, "price_ranges.end"),
            step=price_units(band.step, "price_ranges.step"),
        )
        for band in row.price_ranges or ()
    )
    return tuple(sorted(bands, key=lambda band: band.low))


def _book(market: str, sides: BookSides, at_ms: int) -> OrderBook:
    """A bid for NO at p is an ask for YES at 1 - p."""
    return OrderBook(
        market,
        bids=book_levels(sides.yes_dollars, "yes_dollars"),
        asks=[(SCALE.one - price, size) for price, size in book_levels(sides.no_dollars, "no_dollars")],
        at_ms=at_ms,
    )
