"""The sides of a market and its rules: price bands, minimum sizes, status, close time."""

import re
from enum import StrEnum

from msgspec import Struct

from holdfast.core.errors import InvalidInputError

_MARKET = re.compile(r"[A-Za-z0-9._:/@+-]{1,128}")


def checked_market(market: str) -> str:
    """A venue's market id, if it can travel in keys, paths and lists that commas part. Raises InvalidInputError."""
    if not _MARKET.fullmatch(market):
        raise InvalidInputError(
            "market", market[:200], "a venue's market id: 1 to 128 letters, digits and . _ : / @ + -"
        )
    return market


class Side(StrEnum):
    """Direction of an order in its market's one book.

    On a netting venue every order is stated on the market's first outcome: buying the second outcome at 1 - a
    is selling the first at a (design section 3).
    """

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class MarketStatus(StrEnum):
    """Whether a market takes orders now."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    SETTLED = "settled"


class PriceBand(Struct, frozen=True):
    """Prices from `low` to `high`, both ends included, move in steps of `step` (price units)."""

    low: int
    high: int
    step: int


class Snapped(Struct, frozen=True):
    """A price on the grid. `asked` differs from `price` where it had to be moved."""

    price: int
    asked: int

    @property
    def moved(self) -> bool:
        """Whether the asked price was off the grid."""
        return self.price != self.asked


class MarketRules(Struct, frozen=True):
    """What a venue accepts in one market. Prices and sizes in units of the venue's Scale, times in UTC ms.

    `shard` is the venue's partition that the market lives on (0 where it has none); collateral and routing are per
    shard. `bands` ascend and touch: the end of one is the start of the next. `min_size` is that of every order;
    `least_sale` that of an immediate sale where a venue takes smaller ones of those, else 0.
    """

    market: str
    bands: tuple[PriceBand, ...]
    min_size: int
    size_step: int
    status: MarketStatus
    shard: int = 0
    close_at_ms: int = 0
    least_sale: int = 0

    def __post_init__(self) -> None:
        if not self.bands:
            raise InvalidInputError(f"bands of {self.market}", self.bands, "at least one price band")
        start = self.bands[0].low
        for band in self.bands:
            if band.step <= 0 or not 0 <= band.low < band.high or (band.high - band.low) % band.step:
                raise InvalidInputError(f"bands of {self.market}", band, "0 <= low < high in whole steps > 0")
            if band.low != start:
                raise InvalidInputError(f"bands of {self.market}", band, f"a band that starts at {start}")
            start = band.high
        if self.min_size <= 0 or self.size_step <= 0:
            raise InvalidInputError(f"sizes of {self.market}", (self.min_size, self.size_step), "above 0")

    @property
    def lowest(self) -> int:
        """The lowest price an order may have: one step above the first band's start."""
        return self.bands[0].low + self.bands[0].step if self.bands[0].low == 0 else self.bands[0].low

    @property
    def highest(self) -> int:
        """The highest price an order may have: one step below the last band's end where that end pays in full."""
        last = self.bands[-1]
        return last.high - last.step

    def is_over(self, now_ms: int) -> bool:
        """Whether the market takes no more orders or cancels: closed, settled, or past its close."""
        return self.status in (MarketStatus.CLOSED, MarketStatus.SETTLED) or 0 < self.close_at_ms <= now_ms

    def tick_at(self, price: int, side: Side = Side.BUY) -> int:
        """The step from `price` away from the market: downwards for a buy, upwards for a sell."""
        for band in self.bands:
            if price < band.high or (side is Side.BUY and price == band.high):
                return band.step
        return self.bands[-1].step

    def snap(self, price: int, side: Side) -> Snapped:
        """Move a price onto the grid in the direction that can't cost more than asked: buys down, sells up.

        A price beyond the market's range is moved to its end; a buy below the lowest price (or a sell above the
        highest) has no safe place on the grid and raises InvalidInputError.
        """
        if (side is Side.BUY and price < self.lowest) or (side is Side.SELL and price > self.highest):
            raise InvalidInputError(f"price of {self.market}", price, f"{self.lowest} to {self.highest}")
        inside = min(max(price, self.lowest), self.highest)
        for band in self.bands:
            if inside <= band.high:
                steps, rest = divmod(inside - band.low, band.step)
                if rest and side is Side.SELL:
                    steps += 1
                return Snapped(price=min(band.low + steps * band.step, band.high), asked=price)
        raise InvalidInputError(f"price of {self.market}", price, f"{self.lowest} to {self.highest}")

    def snap_size(self, size: int) -> int:
        """The largest acceptable size not above `size`; 0 where that is below the minimum."""
        whole = size - size % self.size_step
        return whole if whole >= self.min_size else 0

    def snap_sale(self, size: int) -> int:
        """The largest acceptable size of an immediate sale not above `size`; 0 where that is below its minimum."""
        whole = size - size % self.size_step
        return whole if whole >= (self.least_sale or self.min_size) else 0
