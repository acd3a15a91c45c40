"""A generated tape that looks like a market: drifting odds, books around them, trades, and bursts that know more.

Randomness comes in as a seeded `random.Random`; the same seed gives the same tape. Only the odds behind the prices are
statistics in binary fractions; every price and size that leaves this module is an exact integer.
"""

import math
import random
from bisect import bisect_left, bisect_right
from statistics import NormalDist

from msgspec import Struct

from holdfast.core.book import Level
from holdfast.core.market import PriceBand, Side
from holdfast.core.scale import Scale
from local.tapes.tape import BookSnapshot, LevelChanges, Tape, TapeEvent, TapeMarket, TradePrint

NOTES = (
    "A generated market, not a recorded one: every market's odds wander until its close and end at 0 or 1; it settles "
    "on the side where they end.",
    "A resting order fills when the other side reaches its price, or from a printed trade at its price or through it "
    "after the queue that stood ahead of it; a level that shrinks without a print was cancelled and fills nobody.",
)

DEPTH = 12
STEP_MS = 250
TRADES_PER_SECOND = 1.5
JUMPS_PER_SECOND = 0.02
INFORMED_SHARE = 0.4
DECIDED_SHARE = 0.02  # of the duration: at its end the odds stand at 0 or 1

_normal = NormalDist()


class _Series(Struct, frozen=True):
    """A family of markets as Kalshi has them; shards as in facts kalshi section 7."""

    ticker: str
    title: str
    shard: int
    fine_edges: bool = False


_SERIES = (
    _Series("KXBTC15M", "Bitcoin up or down", 2),
    _Series("KXHIGHNY", "Highest temperature in New York", 0),
    _Series("KXNBAGAME", "Basketball winner", 3),
    _Series("KXINXU", "S&P 500 above", 0, fine_edges=True),
    _Series("KXETHD", "Ethereum above", 2, fine_edges=True),
    _Series("KXMLBGAME", "Baseball winner", 3),
    _Series("KXMVESPORTS", "Combination of games", 1),
    _Series("KXATPMATCH", "Tennis winner", 3),
)


def generate_tape(rng: random.Random, scale: Scale, *, markets: int = 16, duration_ms: int = 300_000) -> Tape:
    """A tape of `markets` markets that open together and close after `duration_ms`."""
    made = [_GeneratedMarket(random.Random(rng.getrandbits(64)), scale, i, duration_ms) for i in range(markets)]
    events = [event for market in made for event in market.run()]
    events.sort(key=lambda event: event.at_ms)
    return Tape(
        name="generated",
        markets=tuple(market.described() for market in made),
        events=events,
        duration_ms=duration_ms,
        notes=NOTES,
        prints_trades=True,
    )


def price_bands(scale: Scale, *, fine_edges: bool) -> tuple[PriceBand, ...]:
    """A grid of whole cents, or with tenths of a cent below 0.10 and above 0.90."""
    cent, one = scale.price("0.01"), scale.one
    if not fine_edges:
        return (PriceBand(0, one, cent),)
    fine = scale.price("0.001")
    return (PriceBand(0, 10 * cent, fine), PriceBand(10 * cent, 90 * cent, cent), PriceBand(90 * cent, one, fine))


class _Odds:
    """The probability of YES: that a random walk, with now and then a jump, ends above zero."""

    def __init__(self, rng: random.Random, duration_ms: int) -> None:
        self._rng = rng
        self._left = duration_ms / 1000 * (1 - DECIDED_SHARE)
        self._level = _normal.inv_cdf(rng.uniform(0.2, 0.8)) * math.sqrt(self._left)

    def move(self, seconds: float) -> None:
        seconds = min(seconds, self._left)
        self._left -= seconds
        self._level += self._rng.gauss(0, math.sqrt(seconds))
        if self._rng.random() < JUMPS_PER_SECOND * seconds:
            self._level += self._rng.gauss(0, math.sqrt(self._left) / 4)

    @property
    def yes(self) -> float:
        if not self._left:
            return 1.0 if self._level > 0 else 0.0
        return _normal.cdf(self._level / math.sqrt(self._left))


class _GeneratedMarket:
    """One market. Its levels are kept by their place on the grid, so that a tick is a tick on any grid."""

    def __init__(self, rng: random.Random, scale: Scale, index: int, duration_ms: int) -> None:
        self._rng = rng
        self._scale = scale
        self._series = _SERIES[index % len(_SERIES)]
        self._ticker = f"{self._series.ticker}-GEN{index + 1:02d}"
        self._duration_ms = duration_ms
        self._odds = _Odds(rng, duration_ms)
        self._bands = price_bands(scale, fine_edges=self._series.fine_edges)
        prices = {p for band in self._bands for p in range(band.low, band.high + 1, band.step)}
        self._grid = sorted(prices - {0, scale.one})
        self._half_spread = rng.uniform(0.001, 0.005)
        self._typical_size = rng.uniform(60, 300)
        self._books: dict[Side, dict[int, int]] = {side: {} for side in Side}
        self._events: list[TapeEvent] = []

    def described(self) -> TapeMarket:
        """The market and who won; to be asked after `run`."""
        return TapeMarket(
            ticker=self._ticker,
            series=self._series.ticker,
            title=f"{self._series.title} (generated)",
            opens_at_ms=0,
            closes_at_ms=self._duration_ms,
            result="yes" if self._odds.yes > 0.5 else "no",
            bands=self._bands,
            shard=self._series.shard,
        )

    def run(self) -> list[TapeEvent]:
        """Every event from open to close, in order."""
        bids, asks = self._requote()
        self._events.append(BookSnapshot(0, self._ticker, bids, asks))
        at_ms = 0
        while True:
            wait_ms = max(round(self._rng.expovariate(1 / STEP_MS)), 1)
            if at_ms + wait_ms >= self._duration_ms:
                break
            at_ms += wait_ms
            self._odds.move(wait_ms / 1000)
            self._step(at_ms, wait_ms / 1000)
        self._odds.move((self._duration_ms - at_ms) / 1000)
        return self._events

    def _step(self, at_ms: int, seconds: float) -> None:
        if self._rng.random() < INFORMED_SHARE:
            self._trade_on_news(at_ms)
        if self._rng.random() < TRADES_PER_SECOND * seconds:
            side = self._rng.choice((Side.BUY, Side.SELL))
            self._sweep(at_ms, side, self._draw_size(0.3), levels=2)
        bids, asks = self._requote()
        if bids or asks:
            self._events.append(LevelChanges(at_ms, self._ticker, bids, asks))

    def _trade_on_news(self, at_ms: int) -> None:
        """Whoever knows the odds takes every level that is now on the wrong side of them."""
        fair = self._odds.yes * self._scale.one
        cheap = [i for i in self._books[Side.SELL] if self._grid[i] < fair]
        dear = [i for i in self._books[Side.BUY] if self._grid[i] > fair]
        for side, wrong in ((Side.BUY, cheap), (Side.SELL, dear)):
            if wrong:
                self._sweep(at_ms, side, self._draw_size(1.5) * len(wrong), levels=len(wrong))

    def _sweep(self, at_ms: int, aggressor: Side, size: int, levels: int) -> None:
        """A market order through at most that many levels: per level a print, then the level's new size."""
        passive = aggressor.opposite
        book = self._books[passive]
        for place in sorted(book, reverse=passive is Side.BUY)[:levels]:
            traded = min(size, book[place])
            if not traded:
                return
            size -= traded
            left = book[place] - traded
            self._set(book, place, left)
            price = self._grid[place]
            self._events.append(TradePrint(at_ms, self._ticker, price, traded, aggressor))
            level = ((price, left),)
            bids, asks = (level, ()) if passive is Side.BUY else ((), level)
            self._events.append(LevelChanges(at_ms, self._ticker, bids, asks))

    def _requote(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Makers move their quotes around the odds; returns the levels that changed, bids and asks."""
        one, odds = self._scale.one, self._odds.yes
        best_bid = bisect_right(self._grid, (odds - self._half_spread) * one) - 1
        best_ask = bisect_left(self._grid, (odds + self._half_spread) * one)
        return self._requote_side(Side.BUY, best_bid, -1), self._requote_side(Side.SELL, best_ask, 1)

    def _requote_side(self, side: Side, best: int, away: int) -> tuple[Level, ...]:
        """Levels from `best` away from the market: too good or too far ones go, missing ones come, others breathe."""
        book, rng = self._books[side], self._rng
        before = dict(book)
        for place in list(book):
            distance = (place - best) * away
            if not 0 <= distance < DEPTH + 4:
                self._set(book, place, 0)
            elif rng.random() < 0.12:
                self._set(book, place, self._draw_size(1 + 0.35 * distance))
        for distance in range(DEPTH):
            place = best + distance * away
            if 0 <= place < len(self._grid) and place not in book and (not distance or rng.random() < 0.5):
                self._set(book, place, self._draw_size(1 + 0.35 * distance))
        changed = sorted(place for place, _ in before.items() ^ book.items())
        return tuple((self._grid[place], book.get(place, 0)) for place in dict.fromkeys(changed))

    def _draw_size(self, factor: float) -> int:
        """A size around the market's typical one: whole contracts mostly, with a fraction now and then."""
        contracts = self._typical_size * factor * self._rng.lognormvariate(0, 0.6)
        unit = int(10**self._scale.size_decimals)
        fractional = self._rng.random() < 0.1
        return max(round(contracts * unit) if fractional else round(contracts) * unit, unit)

    @staticmethod
    def _set(book: dict[int, int], place: int, size: int) -> None:
        if size:
            book[place] = size
        else:
            book.pop(place, None)
