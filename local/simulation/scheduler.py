"""Who runs next and what time it is, from one seeded source: greenlets that give way at every port call."""

from collections.abc import Callable
from random import Random

from greenlet import getcurrent, greenlet

# A step takes up to this long even where nothing is waited for.
_STEP_MS = 2


class Task:
    """One thread of control. `wake_ms`: it does not run before that time."""

    __slots__ = ("name", "thread", "wake_ms")

    def __init__(self, name: str, thread: greenlet, wake_ms: int) -> None:
        self.name, self.thread, self.wake_ms = name, thread, wake_ms


class Scheduler:
    """Runs tasks one at a time on a virtual clock (UTC ms).

    Among the tasks whose time has come the seeded source chooses; where there is none, the clock jumps to the next.
    An exception that leaves a task leaves `run` as well.
    """

    def __init__(self, chance: Random, start_ms: int) -> None:
        self._chance = chance
        self._tasks: list[Task] = []
        self._current: Task | None = None
        self._hub: greenlet | None = None
        self.now_ms = start_ms
        self.switches = 0

    def spawn(self, name: str, run: Callable[[], None], after_ms: int = 0) -> None:
        """Add a task; it starts when it is chosen."""
        self._tasks.append(Task(name, greenlet(run), self.now_ms + after_ms))

    def wait(self, duration_ms: int = 0) -> None:
        """Called inside a task: give way, and go on at some moment once that much time has passed."""
        task = self._current
        if task is None or self._hub is None or task.thread is not getcurrent():
            raise RuntimeError("only a running task can wait")
        task.wake_ms = self.now_ms + duration_ms
        self._hub.switch()

    def run(self) -> None:
        """Run until every task has ended."""
        self._hub = getcurrent()
        while self._tasks:
            ready = [task for task in self._tasks if task.wake_ms <= self.now_ms]
            if not ready:
                self.now_ms = min(task.wake_ms for task in self._tasks)
                continue
            self._resume(ready[self._chance.randrange(len(ready))])

    def _resume(self, task: Task) -> None:
        self.now_ms += self._chance.randrange(_STEP_MS + 1)
        self.switches += 1
        self._current = task
        try:
            task.thread.parent = getcurrent()
            task.thread.switch()
        finally:
            self._current = None
            if task.thread.dead:
                self._tasks.remove(task)
