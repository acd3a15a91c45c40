"""Ctrl-C and SIGTERM as a fact that the demo looks at between ticks, so that no request is cut in half."""

import signal
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered: the first signal is remembered, a second one has its usual effect."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[signal.Signals, signal.Handlers] = {}

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that the signal ended; 0 where none came."""
        return 128 + self.signal if self.signal is not None else 0

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self.note)  # type: ignore[assignment]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def note(self, number: int, frame: FrameType | None = None) -> None:
        """Remember a signal."""
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
