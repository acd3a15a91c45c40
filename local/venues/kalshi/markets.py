"""Markets: price grid, life cycle, fees, and the matching engine behind each."""

from collections import deque
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import PriceBand, Side
from holdfast.core.matching import MatchingEngine
from local.venues.kalshi.fees import FeeModel
from local.venues.kalshi.wire import ONE
from local.venues.prices import MinuteSeries

MOST_TRADES = 1_000
STRUCTURES = {
    "linear_cent": (PriceBand(0, ONE, 100),),
    "deci_cent": (PriceBand(0, ONE, 10),),
    "tapered_deci_cent": (PriceBand(0, 1_000, 10), PriceBand(1_000, 9_000, 100), PriceBand(9_000, ONE, 10)),
}


class MarketState(StrEnum):
    """A market's status on the wire; the settlement timer is left out, so `determined` never shows."""

    INITIALIZED = "initialized"
    ACTIVE = "active"
    INACTIVE = "inactive"
    CLOSED = "closed"
    FINALIZED = "finalized"


class Series(Struct, frozen=True):
    """Markets that share fees."""

    ticker: str
    fees: FeeModel
    shard: int


class MarketSpec(Struct, frozen=True):
    """What defines a market. `close_at_ms` 0 means never; `bands` replaces those of `structure` when given.

    `prints_trades`: its tape gives trades, so a shrinking level is no trade (see MatchingEngine).
    """

    ticker: str
    event: str = ""
    series: str = ""
    shard: int = 0
    structure: str = "linear_cent"
    bands: tuple[PriceBand, ...] = ()
    open_at_ms: int = 0
    close_at_ms: int = 0
    fee_type: str = "quadratic"
    fee_multiplier: Decimal = Decimal(1)
    prints_trades: bool = False
    title: str = ""
    outcome: str = ""

    def __post_init__(self) -> None:
        if not self.ticker:
            raise InvalidInputError("ticker", self.ticker, "a non-empty ticker")
        if not self.bands and self.structure not in STRUCTURES:
            raise InvalidInputError(f"structure of {self.ticker}", self.structure, ", ".join(STRUCTURES))


class TradeRow(Struct, frozen=True):
    """One trade on the book between any two, `taker` being the side that came to it. `sequence` counts its market's."""

    ticker: str
    sequence: int
    price: int
    size: int
    taker: Side
    at_ms: int


class Prices:
    """How a market traded and was quoted, minute by minute. An empty side is a bid of 0 or an ask of 1."""

    def __init__(self) -> None:
        self.bid, self.ask, self.traded, self.volume = (MinuteSeries() for _ in range(4))
        self._sold = 0

    def trade(self, price: int, size: int, at_ms: int) -> None:
        """What was traded; `volume` counts it up."""
        self._sold += size
        self.traded.record(at_ms, price)
        self.volume.record(at_ms, self._sold)

    def quote(self, bid: int | None, ask: int | None, at_ms: int) -> None:
        """The best prices from now on."""
        self.bid.record(at_ms, bid or 0)
        self.ask.record(at_ms, ONE if ask is None else ask)


class Market:
    """One market as it is now, its last trades, and how its prices went."""

    def __init__(self, spec: MarketSpec, series: Series, created_at_ms: int) -> None:
        self.ticker, self.shard, self.series = spec.ticker, spec.shard, series
        self.event = spec.event or spec.ticker
        self.title, self.outcome = spec.title or spec.ticker, spec.outcome or spec.ticker
        self.structure = spec.structure
        self.bands = spec.bands or STRUCTURES[spec.structure]
        self.open_at_ms, self.close_at_ms = spec.open_at_ms, spec.close_at_ms
        self.created_at_ms = self.updated_at_ms = created_at_ms
        self.engine = MatchingEngine(spec.ticker, prints_trades=spec.prints_trades)
        self.active = True
        self.result = ""
        self.settled_at_ms = 0
        self.last_price = 0
        self.volume = 0
        self.trades: deque[TradeRow] = deque(maxlen=MOST_TRADES)
        self._trade_count = 0
        self.prices = Prices()
        self.quoted(created_at_ms)

    def state(self, now_ms: int) -> MarketState:
        """Its status at a time."""
        if self.result:
            return MarketState.FINALIZED
        if self.close_at_ms and now_ms >= self.close_at_ms:
            return MarketState.CLOSED
        if now_ms < self.open_at_ms:
            return MarketState.INITIALIZED
        return MarketState.ACTIVE if self.active else MarketState.INACTIVE

    def accepts(self, price: int) -> bool:
        """Whether a price is on the grid and inside (0, 1)."""
        if not 0 < price < ONE:
            return False
        return any(band.low <= price <= band.high and (price - band.low) % band.step == 0 for band in self.bands)

    def traded(self, price: int, size: int) -> None:
        """Remember what was traded."""
        self.last_price = price
        self.volume += size

    def print_trade(self, price: int, size: int, taker: Side, at_ms: int) -> None:
        """Show a trade to everybody, once, however many of its parties trade here."""
        self._trade_count += 1
        self.trades.append(TradeRow(self.ticker, self._trade_count, price, size, taker, at_ms))
        self.prices.trade(price, size, at_ms)

    def quoted(self, at_ms: int) -> None:
        """Remember the best prices, which may have changed."""
        self.prices.quote(self.engine.best_bid, self.engine.best_ask, at_ms)
