"""Markets that lost too often: no entry there for some days."""

from collections.abc import Iterable

from msgspec import Struct

from holdfast.core.errors import InvalidInputError

_DAY_MS = 86_400_000


class BlacklistPolicy(Struct, frozen=True):
    """When a market is refused: `attempts` positions stopped out, each within `days` of the latest of them.

    It stays refused until `days` after the latest one. attempts 1: every stop loss bars its market.
    """

    days: int = 3
    attempts: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 365:
            raise InvalidInputError("blacklist_days", self.days, "1 to 365")
        if not 1 <= self.attempts <= 100:
            raise InvalidInputError("blacklist_attempts", self.attempts, "1 to 100")

    @property
    def window_ms(self) -> int:
        """The days in milliseconds."""
        return self.days * _DAY_MS

    def until_ms(self, stop_losses: Iterable[int], now_ms: int) -> int:
        """Until when a market with stop losses at these times is refused; 0 where it is not refused now."""
        times = sorted(stop_losses)
        if not times:
            return 0
        latest = times[-1]
        counted = sum(1 for at_ms in times if latest - at_ms < self.window_ms)
        until_ms = latest + self.window_ms
        return until_ms if counted >= self.attempts and now_ms < until_ms else 0
