"""Time as a port. All waiting goes through it, so that jobs, venue servers and simulation can share one clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """UTC time in milliseconds, and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...

    def sleep_ms(self, duration_ms: int) -> None:
        """Return once that much of this clock's time has passed."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def sleep_ms(self, duration_ms: int) -> None:
        """Block this thread."""
        time.sleep(duration_ms / 1000)


class VirtualClock:
    """A clock that stands still until it is told to move; waiting moves it."""

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Move on by that much."""
        self._now_ms += max(duration_ms, 0)

    def set_ms(self, now_ms: int) -> None:
        """Move to a time; never back."""
        self._now_ms = max(self._now_ms, now_ms)
