"""How far from the entry a position is left, as people write it: a price, a percentage or a multiple of the ATR."""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, structs

from holdfast.core.errors import InvalidInputError
from holdfast.core.scale import Scale

# With prices of up to 16 digits every product stays within Decimal's 28: nothing is rounded.
_WRITTEN = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(%|atr)?", re.ASCII)
ALLOWED = "above 0: a price (0.07), a percentage of the entry price (8%) or an ATR (1.8atr)"


class Unit(StrEnum):
    """What a distance is measured in."""

    PRICE = ""
    PERCENT = "%"
    ATR = "atr"


class Distance(Struct, frozen=True):
    """A distance from the entry price, e.g. Distance(Decimal("1.8"), Unit.ATR)."""

    amount: Decimal
    unit: Unit

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.amount}{self.unit}"

    def units(self, entry: int, atr: int | None, scale: Scale, field: str = "distance") -> Decimal:
        """The distance in price units, exact. Raises InvalidInputError where it needs an ATR and there is none."""
        if self.unit is Unit.PRICE:
            return self.amount.scaleb(scale.price_decimals)
        if self.unit is Unit.PERCENT:
            return self.amount * entry / 100
        if atr is None or atr <= 0:
            raise InvalidInputError(field, str(self), "a price or a percentage while the market's ATR is not known")
        return self.amount * atr


def parse_distance(text: str, field: str = "distance") -> Distance:
    """A distance from text. Raises InvalidInputError; the most is six digits before and after the point."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None or not Decimal(written[1]):
        raise InvalidInputError(field, text, ALLOWED)
    return Distance(Decimal(written[1]), Unit(written[2] or ""))


class Distances(Struct, frozen=True, kw_only=True):
    """The distances of one bracket. No trailing stop: both trailing ones are None."""

    take_profit: Distance
    stop_loss: Distance
    soft_stop: Distance
    hard_stop: Distance
    trailing_activation: Distance | None = None
    trailing_distance: Distance | None = None

    def __post_init__(self) -> None:
        if (self.trailing_activation is None) is not (self.trailing_distance is None):
            raise InvalidInputError("trailing_distance", self.trailing_distance, "one where there is an activation")

    @property
    def needs_atr(self) -> bool:
        """Whether any of them is a multiple of the ATR."""
        found = (getattr(self, name) for name in self.__struct_fields__)
        return any(distance is not None and distance.unit is Unit.ATR for distance in found)

    def overridden(self, texts: Mapping[str, str]) -> "Distances":
        """These distances with some of them replaced, by name. A stop loss takes the soft stop with it.

        Raises InvalidInputError for a name that there is not, text that is no distance, and a hard stop that would not
        be the last resort: what is measured in different units is compared at a price, by `core.levels`.
        """
        names = self.__struct_fields__
        for name in texts:
            if name not in names:
                raise InvalidInputError("protection", name, f"one of {', '.join(names)}")
        changes = {name: parse_distance(text, name) for name, text in texts.items()}
        if "stop_loss" in changes:
            changes.setdefault("soft_stop", changes["stop_loss"])
        changed = structs.replace(self, **changes)
        for stop in (changed.stop_loss, changed.soft_stop) if changes else ():
            if stop.unit is changed.hard_stop.unit and stop.amount >= changed.hard_stop.amount:
                raise InvalidInputError("hard_stop", str(changed.hard_stop), f"more than the stop at {stop}")
        return changed
