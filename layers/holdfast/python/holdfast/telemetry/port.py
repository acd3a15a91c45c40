"""The telemetry port. A failing metric never stops an exit: adapters catch, count and go on."""

from enum import StrEnum
from typing import Protocol


class Level(StrEnum):
    """How loud an event is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Unit(StrEnum):
    """Units of metrics, CloudWatch's words."""

    COUNT = "Count"
    MILLISECONDS = "Milliseconds"


class Telemetry(Protocol):
    """Where events and metrics go."""

    def event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        """Record one structured event, e.g. BATCH_CANCEL. Fields hold no secrets."""
        ...

    def metric(self, name: str, value: int, unit: Unit = Unit.COUNT, **dimensions: str) -> None:
        """Record one value."""
        ...
