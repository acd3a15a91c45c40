"""One running writer: it gives way at every port call, may stand still there for long, and may die there."""

from holdfast.clock import Clock
from local.simulation.hazards import Hazards
from local.simulation.scheduler import Scheduler
from local.simulation.trace import Trace


class Crashed(BaseException):
    """The process is dead: it does nothing more, not even what stands in its `finally` blocks."""


class Process:
    """One writer's process, whose clock is off by `skew_ms`. Once dead, every further port call raises Crashed."""

    def __init__(self, name: str, scheduler: Scheduler, hazards: Hazards, trace: Trace, skew_ms: int = 0) -> None:
        self.name = name
        self.skew_ms = skew_ms
        self._scheduler = scheduler
        self._hazards = hazards
        self._trace = trace
        self._dead = False

    def now_ms(self) -> int:
        """The shared time."""
        return self._scheduler.now_ms

    def step(self, what: str, latency_ms: int, *, pauses: int = 1) -> None:
        """Give way for at least that long. Here the process may die or, so many times as likely, stand still."""
        self._check()
        if self._hazards.crashes():
            self.note(what, "CRASH")
            self._dead = True
            raise Crashed
        pause_ms = self._hazards.pause_ms(pauses)
        if pause_ms:
            self.note(what, f"PAUSED {pause_ms} ms")
        self._scheduler.wait(latency_ms + pause_ms)
        self._check()

    def note(self, what: str, outcome: object) -> None:
        """Add a line to the trace."""
        self._trace.add(self._scheduler.now_ms, self.name, what, outcome)

    def _check(self) -> None:
        if self._dead:
            raise Crashed


class ProcessClock(Clock):
    """The time as one process's clock shows it. Sleeping is a port call like any other."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._process.now_ms() + self._process.skew_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Give way until that much time has passed."""
        self._process.step(f"sleep {duration_ms} ms", max(duration_ms, 0))
