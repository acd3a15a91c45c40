"""What an entry is decided on, its limits, and the names of what can forbid it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct, structs

from holdfast.core.book import BookState, OrderBook
from holdfast.core.bracket import Bracket
from holdfast.core.distances import Distance, Unit
from holdfast.core.errors import InvalidInputError
from holdfast.core.fees import FeeRate
from holdfast.core.market import MarketRules
from holdfast.core.orders import OpenOrder, Purpose, TargetOrder
from holdfast.core.positions import Position
from holdfast.core.risk import RiskLimits
from holdfast.core.scale import Scale


class FurtherEntries(StrEnum):
    """What a further entry in a market with a position is: refused, or merged into it on the same outcome."""

    REFUSE = "refuse"
    MERGE = "merge"


class NoEntry(StrEnum):
    """Why an entry is not made."""

    EXPIRED = "expired"
    INVALID = "invalid"
    HALTED = "halted"
    QUOTED_MARKET = "quoted_market"
    QUOTES_RESTING = "quotes_resting"
    DISABLED_MARKET = "disabled_market"
    MARKET_UNKNOWN = "market_unknown"
    MARKET_PAUSED = "market_paused"
    MARKET_OVER = "market_over"
    BLACKLISTED = "blacklisted"
    POSITION_OPEN = "position_open"
    OTHER_OUTCOME_HELD = "other_outcome_held"
    ENTRY_UNDER_WAY = "entry_under_way"
    BOOK = "book"
    CANDLES = "candles"
    PRICE_LIMIT = "price_limit"
    PROTECTION = "protection"
    BELOW_MINIMUM = "below_minimum"
    TRADE_SIZE = "trade_size"
    CAPITAL = "capital"
    MARKET_EXPOSURE = "market_exposure"
    GROSS_EXPOSURE = "gross_exposure"
    OPEN_ORDERS = "open_orders"


# What the next tick may find otherwise: the request stays open for as long as it lasts.
_PASSING = frozenset(
    {
        NoEntry.HALTED,
        NoEntry.QUOTES_RESTING,
        NoEntry.MARKET_UNKNOWN,
        NoEntry.MARKET_PAUSED,
        NoEntry.BOOK,
        NoEntry.CANDLES,
        NoEntry.PRICE_LIMIT,
        NoEntry.OPEN_ORDERS,
    }
)


class EntryRefusal(Struct, frozen=True):
    """Why an entry is not made, by name, and in words with the numbers."""

    reason: NoEntry
    words: str

    @property
    def is_final(self) -> bool:
        """Whether the request is over. Otherwise it stays open until it expires."""
        return self.reason not in _PASSING


class EntryLimits(Struct, frozen=True, kw_only=True):
    """What one entry and all of them may cost, in money units.

    `capital` is what may be at risk in the account's positions and orders in all, `trade` the most for one entry.
    `slippage`: how far beyond the best own ask the order may pay, a price or a percentage of that ask. `fee` is what
    the venue takes for taking; it counts as cost. `least_cost` is the least that the venue takes an immediate buy for.
    """

    capital: int
    trade: int
    risk: RiskLimits
    slippage: Distance
    fee: FeeRate = FeeRate()
    least_cost: int = 0
    further: FurtherEntries = FurtherEntries.REFUSE

    def __post_init__(self) -> None:
        for name, least in (("capital", 1), ("trade", 1), ("least_cost", 0)):
            if getattr(self, name) < least:
                raise InvalidInputError(name, getattr(self, name), f"{least} or more")
        if self.slippage.amount < 0 or self.slippage.unit is Unit.ATR:
            raise InvalidInputError("entry_slippage", str(self.slippage), "0 or more, a price or a percentage")


class EntryMarket(Struct, frozen=True):
    """One market as an entry sees it. `book` is net of our own orders, `book_state` its state now.

    `rules` and `book` are None where the venue did not tell them. `mode` is the config's, "" where there is none: the
    market becomes one of mode protect with its first entry. `blacklisted_until_ms` 0: it is not.
    """

    market: str
    rules: MarketRules | None
    book: OrderBook | None
    book_state: BookState
    mode: str = ""
    enabled: bool = True
    blacklisted_until_ms: int = 0
    priority: int = 0


class EntryAccount(Struct, frozen=True, kw_only=True):
    """The account as an entry sees it. `one` is the price of 1 where the venue nets, else None.

    `orders` are our own open orders, those of unknown outcome among them; `brackets` the open ones by market: what an
    opening one may still buy counts as bought. `halts` are the reasons for which no entry is made at all.
    """

    scale: Scale
    one: int | None
    positions: Mapping[str, Position]
    orders: Sequence[OpenOrder]
    brackets: Mapping[str, Bracket]
    halts: tuple[str, ...] = ()

    def after(self, target: TargetOrder) -> "EntryAccount":
        """The account with this entry on its way: what the next request of the same tick is decided on."""
        order = OpenOrder("", "", target.market, target.side, target.price, target.size, purpose=Purpose.ENTRY)
        return structs.replace(self, orders=(*self.orders, order))
