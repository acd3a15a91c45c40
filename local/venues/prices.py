"""How a price went, minute by minute: what the servers make their candles and price points of."""

from bisect import bisect_left

from msgspec import Struct

MINUTE_MS = 60_000


class Span(Struct):
    """How a value went within some time."""

    open: int
    high: int
    low: int
    close: int


class MinuteSeries:
    """The values of one quantity, each true from its time on. Times are UTC ms and never go back."""

    __slots__ = ("_minutes", "_spans")

    def __init__(self) -> None:
        self._minutes: list[int] = []
        self._spans: list[Span] = []

    def record(self, at_ms: int, value: int) -> None:
        """A new value."""
        minute = at_ms // MINUTE_MS
        if not self._minutes or self._minutes[-1] != minute:
            self._minutes.append(minute)
            self._spans.append(Span(value, value, value, value))
            return
        span = self._spans[-1]
        span.high, span.low, span.close = max(span.high, value), min(span.low, value), value

    def before(self, at_ms: int) -> int | None:
        """The value at the beginning of a minute; None where there was none yet."""
        index = bisect_left(self._minutes, at_ms // MINUTE_MS)
        return self._spans[index - 1].close if index else None

    def recorded(self, start_ms: int, end_ms: int) -> Span | None:
        """How the values went that were recorded in whole minutes; None where none was."""
        first, last = (bisect_left(self._minutes, at_ms // MINUTE_MS) for at_ms in (start_ms, end_ms))
        spans = self._spans[first:last]
        if not spans:
            return None
        high, low = max(span.high for span in spans), min(span.low for span in spans)
        return Span(spans[0].open, high, low, spans[-1].close)

    def in_force(self, start_ms: int, end_ms: int) -> Span | None:
        """The same of the values that were true then, the one at the start included."""
        found, at_start = self.recorded(start_ms, end_ms), self.before(start_ms)
        if found is None or at_start is None:
            return found if at_start is None else Span(at_start, at_start, at_start, at_start)
        return Span(at_start, max(found.high, at_start), min(found.low, at_start), found.close)
