"""Candles: how far a price went within equal spans of time, and how they are formed where a venue gives single prices.

Formed candles, or bars, know the price at their points alone: how far it went between two of them is not seen, so an
ATR of bars is rather too small than too large. A bar of few points would show too little of it, and a stop would stand
too near: it is left out, like a span without any.
"""

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from holdfast.core.errors import InvalidInputError


class Candle(Struct, frozen=True, gc=False):
    """One candle that is closed: prices in price units, from `start_at_ms` to `end_at_ms`, UTC ms."""

    start_at_ms: int
    end_at_ms: int
    open: int
    high: int
    low: int
    close: int

    def __post_init__(self) -> None:
        if self.start_at_ms >= self.end_at_ms:
            raise InvalidInputError(f"end of the candle of {self.start_at_ms}", self.end_at_ms, "later than its start")
        if not 0 < self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            prices = (self.open, self.high, self.low, self.close)
            raise InvalidInputError(f"candle of {self.start_at_ms}", prices, "0 < low <= open, close <= high")

    def mirrored(self, one: int) -> "Candle":
        """The candle of the market's other outcome, whose price is `one` less this one's."""
        return Candle(
            self.start_at_ms,
            self.end_at_ms,
            open=one - self.open,
            high=one - self.low,
            low=one - self.high,
            close=one - self.close,
        )


class PricePoint(Struct, frozen=True, gc=False):
    """A market's price at a moment: price units, UTC ms."""

    at_ms: int
    price: int


def bars_of(points: Sequence[PricePoint], bar_ms: int, step_ms: int, from_ms: int, until_ms: int) -> list[Candle]:
    """The whole bars from `from_ms` to `until_ms`, oldest first, of points that were asked for every `step_ms`.

    Bars are the multiples of `bar_ms` since 1970: one of an hour begins at the full hour. A bar opens and closes at its
    first and last point, and its high and low are those of its points; one with fewer than half of the points that
    belong into it is left out. Raises InvalidInputError for a bar shorter than a step, and for a price that is none.
    """
    if not 0 < step_ms <= bar_ms:
        raise InvalidInputError("step of price points", step_ms, f"1 to {bar_ms} ms, the length of a bar")
    least = -(-bar_ms // (2 * step_ms))
    found = []
    for number, group in groupby(sorted(points, key=lambda point: point.at_ms), lambda point: point.at_ms // bar_ms):
        prices = [point.price for point in group]
        start_ms = number * bar_ms
        if len(prices) >= least and from_ms <= start_ms and start_ms + bar_ms <= until_ms:
            first, last = prices[0], prices[-1]
            found.append(Candle(start_ms, start_ms + bar_ms, first, max(prices), min(prices), last))
    return found
