"""Values as they were: what a read that lags behind the exchange shows."""

from bisect import bisect_right
from typing import Generic, TypeVar

# The oldest state that a read can ask for.
LONGEST_LAG_MS = 60_000
_PRUNE_AT = 16

T = TypeVar("T")


class History(Generic[T]):
    """The versions of one value, each with the time from which it was true (UTC ms, never going back)."""

    __slots__ = ("_since", "_versions")

    def __init__(self, at_ms: int, value: T) -> None:
        self._since = [at_ms]
        self._versions = [value]

    def record(self, at_ms: int, value: T) -> None:
        """A new version. Two at one time leave the later; versions that no read can reach are dropped."""
        if at_ms <= self._since[-1] and len(self._since) > 1:
            self._versions[-1] = value
            return
        self._since.append(at_ms)
        self._versions.append(value)
        if len(self._since) > _PRUNE_AT:
            reachable = max(bisect_right(self._since, at_ms - LONGEST_LAG_MS) - 1, 0)
            del self._since[:reachable], self._versions[:reachable]

    def at(self, as_of_ms: int) -> T | None:
        """The version that was true then; None where there was none yet."""
        if self._since[-1] <= as_of_ms:
            return self._versions[-1]
        index = bisect_right(self._since, as_of_ms)
        return self._versions[index - 1] if index else None

    @property
    def latest(self) -> T:
        """The version that is true now."""
        return self._versions[-1]
