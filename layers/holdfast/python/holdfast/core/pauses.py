"""A market whose orders are refused for the same reason again and again is paused exponentially (design section 5).

Entries and quotes only; exits are never paused.
"""

from msgspec import Struct

from holdfast.core.outcomes import Refusal

TICKS_BEFORE_PAUSE = 3
LONGEST_PAUSE_MS = 3_600_000

# Not the market's fault: a matter of our budget, our clock or a write that exists already.
_NOT_THE_MARKET = frozenset(
    {Refusal.RATE_LIMITED, Refusal.NOT_SENT, Refusal.DUPLICATE, Refusal.UNAUTHORIZED, Refusal.GEOBLOCKED}
)


class MarketPause(Struct, frozen=True):
    """How often in a row a market refused us for one reason, and until when it is left alone (UTC ms, 0: not)."""

    market: str
    reason: Refusal
    ticks: int
    until_ms: int = 0

    def is_active(self, now_ms: int) -> bool:
        """Whether quotes and entries are held back now."""
        return now_ms < self.until_ms


def counts_towards_pause(reason: Refusal) -> bool:
    """Whether this refusal says something about the market."""
    return reason not in _NOT_THE_MARKET


def after_refusal(
    before: MarketPause | None, market: str, reason: Refusal, now_ms: int, interval_ms: int
) -> MarketPause:
    """The pause after one more tick with this refusal: from the third on 2, 4, 8, … intervals, an hour at most."""
    ticks = before.ticks + 1 if before is not None and before.reason is reason else 1
    if ticks < TICKS_BEFORE_PAUSE:
        return MarketPause(market, reason, ticks)
    pause_ms = min(interval_ms << min(ticks - TICKS_BEFORE_PAUSE + 1, 20), LONGEST_PAUSE_MS)
    return MarketPause(market, reason, ticks, now_ms + pause_ms)
