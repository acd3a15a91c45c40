"""Taker fees, exact: shares x rate x (p(1 - p))^exponent, to 5 decimals. Makers pay none (facts polymarket 4)."""

from decimal import Decimal

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from local.venues.polymarket.wire import ONE

_RATE_DECIMALS = 6
_STEP = 10**5  # $0.00001 in money units


class FeeSchedule(Struct, frozen=True):
    """A market's fees: `rate` has at most 6 decimals; 0 charges nothing."""

    rate: Decimal = Decimal(0)
    exponent: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1 or self.rate.scaleb(_RATE_DECIMALS) % 1:
            raise InvalidInputError("fee rate", self.rate, "0 to 1 with at most 6 decimals")
        if self.exponent not in (1, 2):
            raise InvalidInputError("fee exponent", self.exponent, "1 or 2")

    def taker_fee(self, price: int, size: int) -> int:
        """Money units, rounded half up to $0.00001; what is smaller is nothing."""
        rate = int(self.rate.scaleb(_RATE_DECIMALS))
        exact: int = rate * size * (price * (ONE - price)) ** self.exponent
        # size x (price/ONE)(1 - price/ONE) x rate, with money at size x ONE.
        scale: int = 10**_RATE_DECIMALS * ONE ** (2 * self.exponent - 1) * _STEP
        return (2 * exact + scale) // (2 * scale) * _STEP
