"""Brackets, books and rules of a one-cent market for the tests of the exit decision; prices at 4 decimals."""

from typing import Any

from msgspec import structs

from holdfast.core.book import LastTrade, OrderBook
from holdfast.core.bracket import Bracket, BracketState, Entry, ExitMode, Levels
from holdfast.core.exits import Decision, ExitRules, decide
from holdfast.core.grid import OwnGrid
from holdfast.core.legs import NO_LEGS, Legs
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.marks import Mark
from holdfast.core.scale import Scale

NOW = 1_700_000_000_000
ONE = 10_000
TICK = 100
HOUR = 3_600_000
RULES = ExitRules(
    scale=Scale(4, 2), stale_after_ms=60_000, max_spread=1_000, one=ONE, max_position_ms=24 * HOUR, grace_ms=5_000
)
MARKET = MarketRules("M", (PriceBand(0, ONE, TICK),), min_size=100, size_step=100, status=MarketStatus.OPEN)
GRID = OwnGrid(MARKET, Side.BUY, RULES.scale, ONE)
LEVELS = Levels(take_profit=7_000, stop=5_300, soft_stop=5_300, hard_stop=5_000)


def seen_as_sold(market: MarketRules) -> MarketRules:
    """The same market with its price bands as those of the other outcome."""
    bands = tuple(PriceBand(ONE - band.high, ONE - band.low, band.step) for band in reversed(market.bands))
    return structs.replace(market, bands=bands)


def bracket(mode: ExitMode = ExitMode.LIMIT_ORDERS, levels: Levels = LEVELS, **changes: Any) -> Bracket:
    """Ten bought at 0.60 an hour ago: take profit 0.70, stops 0.53, hard stop 0.50."""
    made = Bracket(
        bracket_id="b",
        market="M",
        side=Side.BUY,
        mode=mode,
        entry=Entry(price=6_000, limit=6_000, asked=1_000, requested_at_ms=NOW - HOUR),
        levels=levels,
        state=BracketState.PROTECTED,
        opened_at_ms=NOW - HOUR,
        peak=6_000,
    )
    return structs.replace(made, **changes)


def mark(bid: int | None, ask: int | None = -1, *, age_ms: int = 0, **changes: Any) -> Mark:
    """Prices of now; the ask is one tick above the bid where none is given."""
    asked = (bid or 0) + TICK if ask == -1 else ask
    return structs.replace(Mark(bid, asked, 0 if bid is None else 1_000, NOW - age_ms), **changes)


def decided(
    of: Bracket,
    prices: Mark,
    legs: Legs = NO_LEGS,
    rules: ExitRules = RULES,
    market: MarketRules = MARKET,
    now_ms: int = NOW,
    held: int = 1_000,
) -> Decision:
    """What is decided now."""
    return decide(of, prices, legs, rules, market, now_ms, held)


def book(
    bids: dict[int, int], asks: dict[int, int], at_ms: int = NOW, traded: int | None = None, mirror: str = ""
) -> OrderBook:
    """A market's book of now, last traded now."""
    trade = LastTrade(traded, NOW) if traded is not None else None
    return OrderBook("M", bids.items(), asks.items(), at_ms, mirror=mirror, one=ONE, last_trade=trade)
