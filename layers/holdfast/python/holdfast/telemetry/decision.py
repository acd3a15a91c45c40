"""Telemetry of one decision: every event carries the account and the decision id."""

from holdfast.telemetry.port import Level, Telemetry, Unit


class DecisionTelemetry:
    """Hands on to `telemetry`, and adds these fields to events that do not state them themselves."""

    def __init__(self, telemetry: Telemetry, account: str, decision_id: str) -> None:
        self._telemetry = telemetry
        self._fields = {"account": account, "decision_id": decision_id}

    def event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        """Record one structured event of this decision."""
        self._telemetry.event(name, level, **{**self._fields, **fields})

    def metric(self, name: str, value: int, unit: Unit = Unit.COUNT, **dimensions: str) -> None:
        """Record one value; a decision is no dimension."""
        self._telemetry.metric(name, value, unit, **dimensions)
