"""The prices that a market accepts, as the prices of what is held: own prices (core/bracket.py).

The grid of the second outcome is the market's mirrored at one, its bands too: own down is the market's up.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from holdfast.core.bracket import own_price
from holdfast.core.market import MarketRules, Side
from holdfast.core.scale import Scale


class OwnGrid(Struct, frozen=True):
    """The own prices of the outcome that an entry of `side` holds.

    `one` is the price of 1 on a venue that nets, None elsewhere: there only a buy holds anything, and another side
    raises InvalidInputError.
    """

    rules: MarketRules
    side: Side
    scale: Scale
    one: int | None

    def __post_init__(self) -> None:
        own_price(0, self.side, self.one)

    @property
    def end(self) -> int:
        """What the market's prices stay below: the price 1 where a contract pays that."""
        return self.rules.bands[-1].high

    @property
    def lowest(self) -> int:
        """The lowest own price that an order may have."""
        return self._mirrored(self.rules.lowest if self.side is Side.BUY else self.rules.highest)

    @property
    def highest(self) -> int:
        """The highest own price that an order may have."""
        return self._mirrored(self.rules.highest if self.side is Side.BUY else self.rules.lowest)

    def tick_below(self, price: int) -> int:
        """The step from an own price downwards."""
        return self.rules.tick_at(self._mirrored(price), self.side)

    def tick_above(self, price: int) -> int:
        """The step from an own price upwards."""
        return self.rules.tick_at(self._mirrored(price), self.side.opposite)

    def floor(self, price: Decimal | int) -> int | None:
        """The highest price of the grid that is not above `price`; None where there is none."""
        units = int(Decimal(price).to_integral_value(ROUND_FLOOR))
        return None if units < self.lowest else self._snapped(units, self.side)

    def ceil(self, price: Decimal | int) -> int | None:
        """The lowest price of the grid that is not below `price`; None where there is none."""
        units = int(Decimal(price).to_integral_value(ROUND_CEILING))
        return None if units > self.highest else self._snapped(units, self.side.opposite)

    def inside(self, price: int) -> int:
        """The lowest price of the grid that is not below `price`; beyond either end of the grid that end."""
        return self._snapped(min(max(price, self.lowest), self.highest), self.side.opposite)

    def _snapped(self, own: int, market_side: Side) -> int:
        # Beyond the other end of the grid its own end is the answer; the market's snap says so too.
        return self._mirrored(self.rules.snap(self._mirrored(own), market_side).price)

    def _mirrored(self, price: int) -> int:
        return own_price(price, self.side, self.one)
