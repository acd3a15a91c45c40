"""What Polymarket's markets are: rules, books, and whether the exchange trades (facts polymarket sections 2 and 4).

A market of the port is one outcome token, since each has its own book; two tokens share one condition at the venue.
"""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct, structs

from holdfast.clock import Clock
from holdfast.core.book import OrderBook
from holdfast.core.errors import InvalidInputError, VenueRefusedError, VenueUnavailableError
from holdfast.core.market import MarketRules, MarketStatus, PriceBand
from holdfast.core.skew import ClockReading
from holdfast.core.windows import VenueMode
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.errors import read_failure, window_of
from holdfast.venues.polymarket.fees import HIGHEST, FeeSchedule
from holdfast.venues.polymarket.last_trades import LastTrades
from holdfast.venues.polymarket.order import SCALE, SIZE_STEP
from holdfast.venues.polymarket.settings import BOOKS_PER_CALL
from holdfast.venues.polymarket.wire import (
    BookRow,
    MarketRow,
    Resolved,
    book_levels,
    decode,
    price_units,
    size_units,
    whole_time,
)
from holdfast.venues.port import PriceEvidence, VenueStatus

# Ticks change while a market trades; a book that shows another tick replaces it at once.
RULES_FRESH_MS = 60_000
_NOT_FOUND = frozenset({400, 404})

_MARKET = msgspec.json.Decoder(MarketRow)
_RESOLVED = msgspec.json.Decoder(Resolved)
_BOOKS = msgspec.json.Decoder(list[BookRow])
_TIME = msgspec.json.Decoder(int | str)


class MarketFacts(Struct, frozen=True):
    """One token's market: the rules, which contract settles it, and what a taker pays. `read_at_ms` is our clock."""

    rules: MarketRules
    tick: int
    neg_risk: bool
    fees: FeeSchedule
    read_at_ms: int


class MarketReads:
    """The read half of the venue port that concerns markets. Remembers rules for a minute, conditions for good."""

    def __init__(self, client: PolymarketClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._conditions: dict[str, str] = {}
        self._mirrors: dict[str, str] = {}
        self._facts: dict[str, MarketFacts] = {}
        self._fees: dict[str, FeeSchedule] = {}
        self._trades = LastTrades()

    def status(self) -> VenueStatus:
        """See the port. A restriction shows in the answers to orders only, so the last one stated is remembered until
        it should be over, or until the venue takes an order. What is asked for is the venue's clock (GET /time)."""
        sent_ms = self._clock.now_ms()
        answer = self._client.ask(api.TIME)
        received_ms = self._clock.now_ms()
        clock = None
        if 200 <= answer.status < 300:
            venue_ms = whole_time(decode(_TIME, answer.body, api.TIME.name), "time") * 1000
            clock = ClockReading(venue_ms, sent_ms, received_ms, 1000)
        elif window_of(answer, received_ms) is None:
            raise read_failure(api.TIME.name, answer)
        window = self._client.window
        return VenueStatus(
            active=window.mode.takes_cancels,
            trading=window.mode in (VenueMode.TRADING, VenueMode.POST_ONLY),
            resumes_at_ms=window.until_ms,
            mode=window.mode,
            clock=clock,
            states_mode=False,
        )

    def market_rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        """See the port."""
        return {market: facts.rules for market, facts in self.facts(markets).items()}

    def facts(self, markets: Sequence[str]) -> dict[str, MarketFacts]:
        """What is known of these tokens, read where it is unknown or old. A token unknown to the venue is absent."""
        for market in dict.fromkeys(markets):
            if not self._is_fresh(market):
                condition = self._condition_of(market)
                if condition is not None:
                    self._read_condition(condition)
        return {market: self._facts[market] for market in markets if self._is_fresh(market)}

    def known(self, market: str) -> MarketFacts | None:
        """What was last read of a token, however long ago; None where nothing was. Sends nothing."""
        return self._facts.get(market)

    def forget(self, market: str) -> None:
        """Read this token's rules again before they are used: the venue contradicted them."""
        self._facts.pop(market, None)

    def fees_of(self, condition: str) -> FeeSchedule:
        """The fees of one condition; of one that the venue does not show any more the highest there are, until it is
        read again for its rules: a list of its trades asks once, not once a trade."""
        if condition not in self._fees:
            self._read_condition(condition)
        return self._fees.setdefault(condition, HIGHEST)

    def books(self, markets: Sequence[str]) -> dict[str, OrderBook]:
        """See the port. `at_ms` is our clock before the request: the book is at least as fresh.

        The two tokens of a condition share one book: a sale of one is a purchase of the other, by minting or merging
        pairs (facts polymarket section 5).
        """
        found: dict[str, OrderBook] = {}
        for some in _chunks(markets, BOOKS_PER_CALL):
            at_ms = self._clock.now_ms()
            asked = msgspec.json.encode([{"token_id": market} for market in some])
            for row in decode(_BOOKS, self._client.read(api.BOOKS, body=asked), api.BOOKS.name):
                found[row.asset_id] = OrderBook(
                    row.asset_id,
                    book_levels(row.bids, "bids"),
                    book_levels(row.asks, "asks"),
                    at_ms,
                    mirror=self._mirrors.get(row.asset_id, ""),
                    one=SCALE.one,
                    last_trade=self._trades.seen(row.asset_id, row.last_trade_price, row.timestamp, at_ms),
                )
                self._heed_tick(row)
        return found

    def price_evidence(self, markets: Sequence[str]) -> Iterator[tuple[str, PriceEvidence]]:
        """The books of these tokens again, each with that of its condition's other token from the same request."""
        tokens = [token for market in markets for token in (market, self._mirrors.get(market, "")) if token]
        books = self.books(tokens)
        for market in markets:
            if market in books:
                book = books[market]
                yield market, PriceEvidence(book.last_trade, book, books.get(book.mirror))

    def _is_fresh(self, market: str) -> bool:
        facts = self._facts.get(market)
        return facts is not None and self._clock.now_ms() - facts.read_at_ms < RULES_FRESH_MS

    def _condition_of(self, market: str) -> str | None:
        if market not in self._conditions:
            try:
                body = self._client.read(api.MARKET_BY_TOKEN, item=market)
            except VenueRefusedError as error:
                if error.status not in _NOT_FOUND:
                    raise
                return None
            self._conditions[market] = decode(_RESOLVED, body, api.MARKET_BY_TOKEN.name).condition_id
        return self._conditions[market]

    def _read_condition(self, condition: str) -> None:
        at_ms = self._clock.now_ms()
        try:
            row = decode(_MARKET, self._client.read(api.MARKET, item=condition), api.MARKET.name)
        except VenueRefusedError as error:
            if error.status not in _NOT_FOUND:
                raise
            return
        fees = FeeSchedule()
        if row.fd is not None and row.fd.r is not None:
            fees = FeeSchedule(row.fd.r, fees.exponent if row.fd.e is None else row.fd.e)
        self._fees[condition] = fees
        if len(row.t) == 2:
            first, second = (token.t for token in row.t)
            self._mirrors |= {first: second, second: first}
        for token in row.t:
            self._conditions[token.t] = condition
            self._facts[token.t] = _facts(token.t, row, fees, at_ms)

    def _heed_tick(self, row: BookRow) -> None:
        facts = self._facts.get(row.asset_id)
        if facts is None or row.tick_size is None:
            return
        tick = price_units(row.tick_size, "tick_size")
        if tick != facts.tick:
            rules = structs.replace(facts.rules, bands=_bands(tick))
            self._facts[row.asset_id] = structs.replace(facts, rules=rules, tick=tick)


def _facts(market: str, row: MarketRow, fees: FeeSchedule, at_ms: int) -> MarketFacts:
    tick = price_units(row.mts, "market.mts")
    status = MarketStatus.OPEN
    if row.c:
        status = MarketStatus.CLOSED
    elif row.ao is False:
        status = MarketStatus.PAUSED
    try:
        rules = MarketRules(
            market=market,
            bands=_bands(tick),
            min_size=max(size_units(row.mos, "market.mos"), SIZE_STEP),
            size_step=SIZE_STEP,
            status=status,
            # The minimum is one of orders that may rest [verify]: see writes.
            least_sale=SIZE_STEP,
        )
    except InvalidInputError as error:
        raise VenueUnavailableError(f"{api.MARKET.name}: {error}") from None
    return MarketFacts(rules, tick, bool(row.nr), fees, at_ms)


def _bands(tick: int) -> tuple[PriceBand, ...]:
    return (PriceBand(low=0, high=SCALE.one, step=tick),)


def _chunks(markets: Sequence[str], size: int) -> Iterator[list[str]]:
    """Each market once, in lists of at most `size`."""
    unique = list(dict.fromkeys(markets))
    return (unique[start : start + size] for start in range(0, len(unique), size))
