"""What one attempt of an exit may sell at, how much of it, and when the next one is due. Pure; own prices.

The floor is measured from the last price that could be trusted, not from the last attempt: a bid that our own sells or
nobody's quotes walk down does not take the floor with it.
"""

from msgspec import Struct

from holdfast.core.bracket import Exit
from holdfast.core.market import MarketRules


class FloorPolicy(Struct, frozen=True):
    """How far below the mark an exit may sell, in price units: `first`, then `step` more every `every_ms`, up to `most`.

    `alarm_after`: failed attempts in a row after which a person is told.
    """

    first: int
    step: int
    most: int
    every_ms: int
    alarm_after: int


def floor_of(exit: Exit, marked: int | None, policy: FloorPolicy, own: MarketRules, now_ms: int) -> int:
    """The lowest own price that the next attempt may sell at, on the grid.

    `marked` is `Decision.marked` of now (None: the exit's own mark counts); `own` are the market's rules in own prices
    (`marks.own_rules`).
    """
    raise NotImplementedError


def is_last_step(exit: Exit, policy: FloorPolicy, now_ms: int) -> bool:
    """Whether the floor is as low as it ever goes."""
    raise NotImplementedError


def is_alarm_due(exit: Exit, policy: FloorPolicy, now_ms: int) -> bool:
    """Whether a person must be told: too many failures in a row, or the floor at its last step."""
    raise NotImplementedError


def slice_of(remaining: int, depth: int, price: int, max_slice_money: int, rules: MarketRules) -> int:
    """The size of the next attempt, on the size grid; 0 where `remaining` is dust.

    `depth` is what the book takes at the floor or better (`marks.sellable_depth`), `price` what a unit is worth at most
    (the mark).
    """
    raise NotImplementedError


def is_dust(remaining: int, rules: MarketRules) -> bool:
    """Whether so little is left that the venue takes no order for it."""
    raise NotImplementedError


def backoff_ms(failures: int) -> int:
    """How long to wait after this many attempts in a row that sold nothing: 1 s, doubled each time, at most 30 s."""
    raise NotImplementedError
