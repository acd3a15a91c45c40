"""Trade fees, exact (facts kalshi section 9; docs.kalshi.com/getting_started/fee_rounding).

A trade fee is m x rate x count x price x (1 - price), rounded up to $0.0001. What is left beyond the member's balance
precision is charged as a rounding fee; per order the roundings add up, and each whole cent of them is given back.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from local.venues.kalshi.wire import ONE

CENT = 10_000
CENTICENT = 100

# Rates are integers of 10^-10; size x price x (1 - price) is in 10^-10 too.
_RATE_DECIMALS = 10
_TAKER_RATE = 7 * 10**8
_MAKER_SHARE = {
    "quadratic": (0, 1),
    "quadratic_with_maker_fees": (1, 4),
    "quadratic_with_combo_maker_fees": (1, 2),
}
_TO_CENTICENTS = 10**16


class Precision(StrEnum):
    """What a member's balance is a multiple of."""

    DIRECT = "direct"
    NON_DIRECT = "non_direct"

    @property
    def step(self) -> int:
        """The precision in money units."""
        return CENTICENT if self is Precision.DIRECT else CENT


class FeeModel(Struct, frozen=True):
    """A series' fees. `multiplier` is the series' fee_multiplier, at most 8 decimals."""

    fee_type: str = "quadratic"
    multiplier: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.fee_type not in _MAKER_SHARE:
            raise InvalidInputError("fee_type", self.fee_type, ", ".join(_MAKER_SHARE))
        if not 0 <= self.multiplier <= 10 or self.multiplier.scaleb(8) % 1:
            raise InvalidInputError("fee_multiplier", self.multiplier, "0 to 10 with at most 8 decimals")

    def trade_fee(self, price: int, size: int, *, is_taker: bool) -> int:
        """The trade fee in money units, rounded up to $0.0001."""
        rate = int(self.multiplier * _TAKER_RATE)
        share, whole = (1, 1) if is_taker else _MAKER_SHARE[self.fee_type]
        exact = rate * size * price * (ONE - price) * share
        return -(-exact // (whole * _TO_CENTICENTS)) * CENTICENT


class Charge(Struct, frozen=True):
    """What one fill costs beside its price. `overpaid` is the order's accumulated rounding after it."""

    fee: int
    overpaid: int


def charge(revenue: int, trade_fee: int, precision: Precision, overpaid: int) -> Charge:
    """The net fee of a fill that moves the balance by `revenue` (negative: paid), money units.

    The rounding fee floors the balance change to the member's precision. While the order's accumulated rounding
    exceeds a cent, a cent is given back, as far as the fee stays at 0 or more.
    """
    rounding = (revenue - trade_fee) % precision.step
    fee = trade_fee + rounding
    overpaid += rounding
    while overpaid > CENT and fee >= CENT:
        overpaid -= CENT
        fee -= CENT
    return Charge(fee, overpaid)
