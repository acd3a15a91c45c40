"""What the ticks did, added up: writes and what they would have been one by one, endings, refusals, events."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.journal import JournalEntry, Operation
from holdfast.core.outcomes import Canceled, Refusal, Refused
from holdfast.core.positions import LedgerKind
from holdfast.jobs.tick import TickReport
from holdfast.telemetry.memory import Event, MemoryTelemetry
from holdfast.telemetry.port import Level


@dataclass(slots=True)
class Tally:
    """Sums over ticks. `operations` is how many requests the same plans take one by one, `requests` what was sent.

    `wasted_cancels` holds the orders whose cancel was answered "not found" although their end had been acknowledged
    before: by an answer to a cancel, or by fills that were booked. It must stay empty. `most_held` is each market's
    largest position, either way, in size units.
    """

    ticks: int = 0
    operations: int = 0
    requests: int = 0
    placed: int = 0
    kept: int = 0
    canceled: int = 0
    changed: int = 0
    unknown: int = 0
    left: int = 0
    waited_ms: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    halts: Counter[str] = field(default_factory=Counter)
    events: Counter[tuple[str, Level]] = field(default_factory=Counter)
    ended_early: Counter[str] = field(default_factory=Counter)
    wasted_cancels: list[str] = field(default_factory=list)
    most_held: dict[str, int] = field(default_factory=dict)
    _booked: Counter[str] = field(default_factory=Counter)
    _canceled: set[str] = field(default_factory=set)
    _judged: set[tuple[str, str]] = field(default_factory=set)

    def add(
        self,
        report: TickReport,
        telemetry: MemoryTelemetry,
        journal: Sequence[JournalEntry],
        executed_size: Callable[[str], int],
    ) -> None:
        """Add one tick.

        Takes its events out of `telemetry`. `journal` is what is live after it, oldest first; `executed_size` what
        the exchange executed of an order that ended so, else 0.
        """
        done = report.execution
        self.ticks += 1
        self.operations += done.operations
        self.requests += done.calls
        self.placed += done.placed
        self.kept += report.kept
        self.canceled += done.canceled
        self.changed += done.changed
        self.unknown += done.unknown
        self.left += done.left
        self.waited_ms += report.waited_ms
        self.refused += done.refused
        self.halts.update(report.halted)
        if report.ended or report.skipped:
            self.ended_early[report.ended or f"skipped: {report.skipped}"] += 1
        while telemetry.events:
            self._note_event(telemetry.events.popleft())
        for entry in journal:
            if entry.operation is Operation.CANCEL:
                self._judge_cancel(entry, executed_size)

    def _note_event(self, event: Event) -> None:
        self.events[event.name, event.level] += 1
        if event.name == "LEDGER_LINE":
            line: Any = event.fields
            self._booked[line["order_id"]] += -line["size"] if line["kind"] == LedgerKind.REVERSAL else line["size"]
            self.most_held[line["market"]] = max(self.most_held.get(line["market"], 0), abs(line["position"]))

    def _judge_cancel(self, entry: JournalEntry, executed_size: Callable[[str], int]) -> None:
        """Note what this write ended, and where it had ended before. Its tick had booked its fills first."""
        for item in entry.items:
            if item.is_unknown or (entry.entry_id, item.order_id) in self._judged:
                continue
            self._judged.add((entry.entry_id, item.order_id))
            if isinstance(item.outcome, Canceled):
                self._canceled.add(item.order_id)
            elif isinstance(item.outcome, Refused) and item.outcome.reason is Refusal.NOT_FOUND:
                executed = executed_size(item.order_id)
                if item.order_id in self._canceled or 0 < executed <= self._booked[item.order_id]:
                    self.wasted_cancels.append(item.order_id)
