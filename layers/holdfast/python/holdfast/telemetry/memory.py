"""Telemetry kept in memory: for the demo's summary, the simulation's trace and the tests."""

from collections import Counter, deque

from msgspec import Struct

from holdfast.telemetry.port import Level, Unit


class Event(Struct, frozen=True):
    """One recorded event."""

    name: str
    level: Level
    fields: dict[str, object]


class MemoryTelemetry:
    """The last `keep` events, how often each name occurred, and the sum of each metric by name and dimensions."""

    def __init__(self, keep: int = 10_000) -> None:
        self.events: deque[Event] = deque(maxlen=keep)
        self.counts: Counter[str] = Counter()
        self.sums: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        """Record one structured event."""
        self.events.append(Event(name, level, fields))
        self.counts[name] += 1

    def metric(self, name: str, value: int, unit: Unit = Unit.COUNT, **dimensions: str) -> None:
        """Add to the metric's sum."""
        self.sums[name, tuple(sorted(dimensions.items()))] += value

    def named(self, name: str) -> list[Event]:
        """The kept events of that name, oldest first."""
        return [event for event in self.events if event.name == name]

    def total(self, name: str) -> int:
        """A metric's sum over all dimensions."""
        return sum(value for (metric, _), value in self.sums.items() if metric == name)
