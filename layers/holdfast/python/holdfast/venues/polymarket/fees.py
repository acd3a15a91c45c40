"""What a taker pays (facts polymarket section 4): shares x rate x (p(1 - p))^exponent, in dollars. Makers pay nothing.

Computed, because trades carry no fee. Whether the venue rounds the fifth decimal as we do is not verified; balances are
what decides.
"""

from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from holdfast.core.fees import FeeRate, FeeRates
from holdfast.venues.polymarket.order import SCALE

_STEP = Decimal("0.00001")  # fees have five decimals, and a fee that is not zero is at least one of them


class FeeSchedule(Struct, frozen=True):
    """A market's fee curve."""

    rate: Decimal = Decimal(0)
    exponent: Decimal = Decimal(1)

    def taker_fee(self, price: int, size: int) -> int:
        """The fee of one fill in money units."""
        if not self.rate:
            return 0
        odds = Decimal(price * (SCALE.one - price)).scaleb(-2 * SCALE.price_decimals)
        shares = Decimal(size).scaleb(-SCALE.size_decimals)
        fee = shares * self.rate * odds**self.exponent
        return SCALE.money(max(fee.quantize(_STEP, ROUND_HALF_UP), _STEP)) if fee else 0


# The highest that the venue's fee page lists: for a market that the venue does not show any more, so that what we paid
# is never understated.
HIGHEST = FeeSchedule(Decimal("0.07"))
HIGHEST_RATES = FeeRates(taker=FeeRate(of_odds=HIGHEST.rate))
