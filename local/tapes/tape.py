"""A tape: markets that share a common start, and what happened in their books, in order of time.

Prices and sizes are integers of the Scale that the tape was loaded with. All times are milliseconds of tape time: 0 is
the common start.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from holdfast.core.book import Level
from holdfast.core.market import PriceBand, Side
from holdfast.core.matching import Execution, MatchingEngine


class TapeMarket(Struct, frozen=True):
    """One yes-or-no market of a tape; its book is that of the YES outcome.

    `series` is the ticker's first part, which names a family of markets; `shard` the venue partition it would live
    on. `result` None: the tape does not say who won.
    """

    ticker: str
    series: str
    title: str
    opens_at_ms: int
    closes_at_ms: int
    result: Literal["yes", "no"] | None
    bands: tuple[PriceBand, ...]
    shard: int = 0


class BookSnapshot(Struct, frozen=True, gc=False):
    """The whole book of a market, its first event."""

    at_ms: int
    ticker: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class LevelChanges(Struct, frozen=True, gc=False):
    """Levels that changed at one moment, with their new absolute sizes; 0: the level is gone.

    One message is one event: applied level by level, a book that moves would be crossed in between.
    """

    at_ms: int
    ticker: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class TradePrint(Struct, frozen=True, gc=False):
    """A trade. It comes before the change of its level, as the matching engine wants it."""

    at_ms: int
    ticker: str
    price: int
    size: int
    aggressor: Side


TapeEvent = BookSnapshot | LevelChanges | TradePrint


class Tape(Struct, frozen=True):
    """Markets and their events, sorted by time. Nothing happens at or after a market's close.

    `name` says where it comes from, `notes` are sentences for whoever reads results made on it. `prints_trades`: every
    trade is an event, so the matching engine must not take a shrinking level for one.
    """

    name: str
    markets: tuple[TapeMarket, ...]
    events: Sequence[TapeEvent]
    duration_ms: int
    notes: tuple[str, ...]
    prints_trades: bool


def play(event: TapeEvent, engine: MatchingEngine, at_ms: int) -> list[Execution]:
    """Apply one event to its market's engine, at `at_ms` of the caller's clock."""
    if isinstance(event, LevelChanges):
        return engine.apply_changes(event.bids, event.asks, at_ms)
    if isinstance(event, TradePrint):
        return engine.apply_trade(event.price, event.size, event.aggressor, at_ms)
    return engine.apply_snapshot(event.bids, event.asks, at_ms)
