"""Time of the demo: it stands still until somebody moves it, and whoever moves it plays the tape."""

from typing import Protocol

from holdfast.clock import VirtualClock


class Feed(Protocol):
    """What happens in the market as time passes."""

    def due_ms(self) -> int | None:
        """When the next thing happens, UTC ms; None once nothing will."""
        ...

    def step(self) -> None:
        """Let it happen. The clock shows its time."""
        ...


class TapeClock(VirtualClock):
    """The one clock of jobs, signatures, exchange and tape.

    During a tick nothing moves it, so the market stands still; a tick that waits for tokens moves it, and the market
    goes on meanwhile.
    """

    def __init__(self, start_ms: int) -> None:
        super().__init__(start_ms)
        self._feed: Feed | None = None

    def follow(self, feed: Feed) -> None:
        """Play this feed from now on."""
        self._feed = feed

    def stop_tape(self) -> None:
        """From now on time passes without anything happening."""
        self._feed = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self._feed is None or self._feed.due_ms() is None

    def sleep_ms(self, duration_ms: int) -> None:
        """Move on by that much."""
        self.set_ms(self.now_ms() + max(duration_ms, 0))

    def set_ms(self, now_ms: int) -> None:
        """Move to a time, never back, through everything that happens until then, in order."""
        while self._feed is not None and (due_ms := self._feed.due_ms()) is not None and due_ms <= now_ms:
            super().set_ms(due_ms)
            self._feed.step()
        super().set_ms(now_ms)
