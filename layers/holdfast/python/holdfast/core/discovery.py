"""Looking for markets: what is asked for, and what a venue lists of each one that it found."""

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketStatus

MOST_LISTED = 100_000


class ListedMarket(Struct, frozen=True):
    """One instrument as its venue's list shows it: old by seconds or minutes, so read its book before trading on it.

    `market` is the id that every other call takes. Prices, sizes and money are units of the venue's scale; None is
    what the venue does not state, 0 in `closes_at_ms` a time that it does not. Where trading can go on past that time,
    the adapter says so. `volume_24h` is money, as the venue counts it; `liquidity` is money that rests in the book.
    `tick` is the finest step anywhere on the market's grid; its rules have the whole grid.
    """

    market: str
    title: str
    outcome: str
    status: MarketStatus
    event: str = ""
    event_title: str = ""
    closes_at_ms: int = 0
    bid: int | None = None
    ask: int | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    last_price: int | None = None
    volume_24h: int | None = None
    liquidity: int | None = None
    tick: int | None = None
    min_size: int | None = None
    neg_risk: bool | None = None
    version: str = ""

    @property
    def spread(self) -> int | None:
        """Best ask less best bid; None where a side is empty or not stated."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid

    @property
    def words(self) -> str:
        """All its text and ids, in lower case, to search in."""
        return " ".join((self.title, self.outcome, self.event_title, self.event, self.market)).lower()


class MarketQuery(Struct, frozen=True):
    """Which markets are wanted. Empty text, 0 and None ask for nothing.

    `text`: words that all occur in a market's titles, outcome or ids. `event`, `series` and `tag` are the venue's own
    ids. `min_price` and `max_price` are about the best ask: what one pays to buy now. A market that does not state what
    a filter asks about does not match. At most `limit` markets are read, in the venue's order. Raises InvalidInputError
    for limits that nothing can satisfy.
    """

    text: str = ""
    event: str = ""
    series: str = ""
    tag: str = ""
    status: MarketStatus | None = MarketStatus.OPEN
    closes_after_ms: int = 0
    closes_before_ms: int = 0
    min_price: int | None = None
    max_price: int | None = None
    max_spread: int | None = None
    min_volume_24h: int | None = None
    limit: int = 1_000

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST_LISTED:
            raise InvalidInputError("limit", self.limit, f"1 to {MOST_LISTED}")
        if self.closes_after_ms < 0 or self.closes_before_ms < 0:
            times = (self.closes_after_ms, self.closes_before_ms)
            raise InvalidInputError("closing times", times, "0 or later, UTC ms")
        if 0 < self.closes_before_ms <= self.closes_after_ms:
            raise InvalidInputError("closes_before_ms", self.closes_before_ms, f"later than {self.closes_after_ms}")
        for name in ("min_price", "max_price", "max_spread", "min_volume_24h"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidInputError(name, value, "0 or more")
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise InvalidInputError("min_price", self.min_price, f"at most max_price, {self.max_price}")

    @property
    def by_close(self) -> bool:
        """Whether it asks about closing times."""
        return self.closes_after_ms > 0 or self.closes_before_ms > 0

    def matches(self, found: ListedMarket) -> bool:
        """Whether a market is wanted, as far as text, status, time, price, spread and volume go.

        Event, series and tag are left to the venue, which alone knows what belongs to them.
        """
        return (
            self.status in (None, found.status)
            and self._closes(found.closes_at_ms)
            and _within(found.ask, self.min_price, self.max_price)
            and _within(found.spread, None, self.max_spread)
            and _within(found.volume_24h, self.min_volume_24h, None)
            and (not self.text or all(word in found.words for word in self.text.lower().split()))
        )

    def _closes(self, at_ms: int) -> bool:
        if not self.by_close:
            return True
        return at_ms > self.closes_after_ms and (not self.closes_before_ms or 0 < at_ms < self.closes_before_ms)


def _within(value: int | None, low: int | None, high: int | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)
