"""What a venue takes of one unit that trades, as a curve over its price."""

from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

from holdfast.core.errors import InvalidInputError


class FeeRate(Struct, frozen=True):
    """The fee of one unit at a price p: `of_value` x p + `of_odds` x p x (1 - p); no fee where both are 0."""

    of_value: Decimal = Decimal(0)
    of_odds: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            rate = getattr(self, name)
            if not (rate.is_finite() and 0 <= rate < 1):
                raise InvalidInputError(f"fee rate {name}", rate, "from 0 to less than 1, e.g. 0.07")

    def at(self, price: int, one: int) -> int:
        """The fee of one unit in price units, rounded up; `one` is the price 1."""
        exact = self.of_value * price + self.of_odds * price * max(one - price, 0) / one
        return int(exact.to_integral_value(ROUND_CEILING))


class FeeRates(Struct, frozen=True):
    """An account's fees: `taker` for what trades at once, `maker` for what rested."""

    taker: FeeRate = FeeRate()
    maker: FeeRate = FeeRate()
