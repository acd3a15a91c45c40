"""Exact integers for prices, sizes and money.

A venue's `Scale` says how many decimals a price and a size have at most. Inside core a price is an integer of
10^-price_decimals, a size of 10^-size_decimals and money of 10^-(price_decimals + size_decimals), so that
price x size is money without rounding. Decimal appears only where text comes in or goes out.
"""

from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Subnormal

from msgspec import Struct

from holdfast.core.errors import InvalidInputError

# Rounds nothing: a number with more digits than this is refused, not shortened.
_EXACT = Context(prec=60, Emin=-60, Emax=60, traps=[Clamped, Inexact, InvalidOperation, Overflow, Subnormal])


def parse_units(text: str | int | Decimal, decimals: int, field: str) -> int:
    """Text or Decimal to an integer of 10^-decimals. Raises InvalidInputError where it is no number or finer."""
    try:
        value = Decimal(text).scaleb(decimals, _EXACT)
        units = int(value)
    except (ArithmeticError, ValueError, TypeError):
        raise InvalidInputError(field, text, f"a decimal number with at most {decimals} decimals") from None
    if units != value:
        raise InvalidInputError(field, text, f"a decimal number with at most {decimals} decimals")
    return units


def format_units(units: int, decimals: int) -> str:
    """An integer of 10^-decimals as text with exactly that many decimals, e.g. 4700 at 4 -> "0.4700"."""
    sign, digits = ("-", str(-units)) if units < 0 else ("", str(units))
    if decimals == 0:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


class Scale(Struct, frozen=True):
    """How fine a venue's prices and sizes are."""

    price_decimals: int
    size_decimals: int

    @property
    def money_decimals(self) -> int:
        """Decimals of price x size."""
        return self.price_decimals + self.size_decimals

    @property
    def one(self) -> int:
        """The price 1 in price units: what a winning contract of a prediction market pays."""
        return int(10**self.price_decimals)

    def price(self, text: str | int | Decimal, field: str = "price") -> int:
        """Text to price units."""
        return parse_units(text, self.price_decimals, field)

    def size(self, text: str | int | Decimal, field: str = "size") -> int:
        """Text to size units."""
        return parse_units(text, self.size_decimals, field)

    def money(self, text: str | int | Decimal, field: str = "amount") -> int:
        """Text to money units."""
        return parse_units(text, self.money_decimals, field)

    def price_text(self, units: int) -> str:
        """Price units to text."""
        return format_units(units, self.price_decimals)

    def size_text(self, units: int) -> str:
        """Size units to text."""
        return format_units(units, self.size_decimals)

    def money_text(self, units: int) -> str:
        """Money units to text."""
        return format_units(units, self.money_decimals)

    def money_decimal(self, units: int) -> Decimal:
        """Money units to Decimal."""
        return Decimal(units).scaleb(-self.money_decimals)
