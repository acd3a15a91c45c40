"""What one attempt of an exit may sell at, how much of it, and when the next one is due. Pure; own prices.

The floor is measured from the last price that could be trusted, never from the last attempt: a bid that our own sales
walk down, or that was abandoned at 0.01, does not take the floor with it (a peer's retries each walked the price down).
"""

from msgspec import Struct

from holdfast.core.bracket import Exit, ExitSource
from holdfast.core.errors import InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.market import MarketRules

FIRST_BACKOFF_MS = 1_000
LONGEST_BACKOFF_MS = 30_000


class FloorPolicy(Struct, frozen=True):
    """How far below the mark an exit may sell, in price units: `first`, then `step` more at a time, at most `most`.

    A step is taken for a failed attempt in a row, and at most one for every `every_ms` since the decision: neither a
    burst of refusals nor an hour in which nothing could be sent gives the position away.
    `alarm_after`: failed attempts in a row after which a person is told.
    """

    first: int
    step: int
    most: int
    every_ms: int
    alarm_after: int

    def __post_init__(self) -> None:
        least = {"first": 0, "step": 1, "most": self.first, "every_ms": 1, "alarm_after": 1}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise InvalidInputError(f"{name} of the floor", getattr(self, name), f"{lowest} or more")

    def steps(self, exit: Exit, now_ms: int) -> int:
        """How many steps have been taken."""
        return min(exit.failures, max(now_ms - exit.decided_at_ms, 0) // self.every_ms)

    def slippage(self, exit: Exit, now_ms: int) -> int:
        """How far below the mark the next attempt may sell."""
        return min(self.first + self.steps(exit, now_ms) * self.step, self.most)


def floor_of(exit: Exit, marked: int | None, policy: FloorPolicy, grid: OwnGrid, now_ms: int) -> int:
    """The lowest own price that the next attempt may sell at, on the grid and inside the market's range.

    `marked` is `Decision.marked` of now (None: the exit's own mark counts); `grid` is that of what is held. A take
    profit asks for its own price until the first step, while the market is still there.
    """
    mark = exit.mark if marked is None else marked
    floor = mark - policy.slippage(exit, now_ms)
    is_profit = exit.source is ExitSource.POSITION_MONITOR_TP and mark >= exit.intended
    if is_profit and not policy.steps(exit, now_ms):
        floor = max(floor, exit.intended)
    return grid.inside(floor)


def is_last_step(exit: Exit, policy: FloorPolicy, now_ms: int) -> bool:
    """Whether the floor is as far below the mark as it ever goes, after attempts that failed."""
    return exit.failures > 0 and policy.slippage(exit, now_ms) == policy.most


def is_alarm_due(exit: Exit, policy: FloorPolicy, now_ms: int) -> bool:
    """Whether a person must be told: too many failures in a row, or the floor at its last step."""
    return exit.failures >= policy.alarm_after or is_last_step(exit, policy, now_ms)


def slice_of(remaining: int, depth: int, price: int, max_slice_money: int, rules: MarketRules) -> int:
    """The size of the next attempt, on the size grid; 0 where `remaining` is dust.

    `depth` is what the book takes at the floor or better (`marks.sellable_depth`), `price` what a unit is worth (the
    mark), `max_slice_money` in money units. At least the smallest order is tried, however thin the book looked and
    however little money a slice may be: the floor holds whatever is there. A slice that would leave dust takes it too.
    """
    sellable = rules.snap_sale(remaining)
    if not sellable:
        return 0
    bounded = min(sellable, depth, max_slice_money // max(price, 1))
    size = rules.snap_size(bounded) or rules.snap_size(rules.min_size + rules.size_step - 1)
    return sellable if not rules.snap_size(remaining - size) else size


def is_dust(remaining: int, rules: MarketRules) -> bool:
    """Whether so little is left that the venue takes no order for it; nothing at all is not less so."""
    return not rules.snap_sale(remaining)


def backoff_ms(failures: int) -> int:
    """How long to wait after this many attempts in a row that sold nothing: 1 s, doubled each time, at most 30 s.

    For ever: there is no number of failures after which an exit is given up.
    """
    return min(FIRST_BACKOFF_MS << min(failures - 1, 10), LONGEST_BACKOFF_MS) if failures > 0 else 0
