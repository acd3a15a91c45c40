"""What the venue holds of a bracket, and when one of our rules leaves an exit to it. Pure; own prices.

A rule is left only to a leg that the venue holds, and only where that leg is within a tolerance (0.5 % of the level, or
one tick) of the price that the rule would sell at. A native stop that has triggered is filling: for a grace every rule
waits for it, whatever its price; after that nobody does.
"""

from enum import StrEnum

from msgspec import Struct


class RestingLeg(Struct, frozen=True, gc=False):
    """A take profit that rests at the venue: own price, what is left of it, and since when (0: not known)."""

    price: int
    remaining: int
    since_ms: int = 0


class NativeStop(Struct, frozen=True, gc=False):
    """A stop that the venue itself holds: own price; `triggered_at_ms` 0 while it waits."""

    price: int
    triggered_at_ms: int = 0


class Legs(Struct, frozen=True):
    """What the venue holds for this bracket now. An order whose outcome is not known counts as held."""

    take_profit: RestingLeg | None = None
    stop: NativeStop | None = None


NO_LEGS = Legs()
"""The venue holds nothing of the bracket."""


class LegName(StrEnum):
    """Which leg a rule leaves the exit to."""

    TAKE_PROFIT = "take_profit"
    STOP = "stop"


def grace_left_ms(legs: Legs, grace_ms: int, now_ms: int) -> int:
    """How long a native stop that has triggered is still left to fill; 0 where none is filling."""
    stop = legs.stop
    if stop is None or not stop.triggered_at_ms:
        return 0
    return max(stop.triggered_at_ms + grace_ms - now_ms, 0)


def leg_at(legs: Legs, level: int, tick: int) -> LegName | None:
    """The leg that rests at a level, within the tolerance; a triggered stop rests no more."""
    stop, take_profit = legs.stop, legs.take_profit
    if stop is not None and not stop.triggered_at_ms and _is_near(stop.price, level, tick):
        return LegName.STOP
    if take_profit is not None and take_profit.remaining > 0 and _is_near(take_profit.price, level, tick):
        return LegName.TAKE_PROFIT
    return None


def _is_near(price: int, level: int, tick: int) -> bool:
    """Whether two prices are at most a tick, or 0.5 % of the level, apart."""
    apart = abs(price - level)
    return apart * 200 <= level or apart <= tick
