"""What the ticks did, added up: writes and what they would have been one by one, endings, refusals, events, exits."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.journal import JournalEntry, Operation
from holdfast.core.market import Side
from holdfast.core.outcomes import Canceled, Refusal, Refused
from holdfast.core.positions import LedgerKind
from holdfast.jobs.brackets import BracketsReport
from holdfast.jobs.tick import TickReport
from holdfast.telemetry.memory import Event, MemoryTelemetry
from holdfast.telemetry.port import Level


@dataclass(slots=True)
class Tally:
    """Sums over ticks. `operations` is how many requests the same plans take one by one, `requests` what was sent;
    `checks`, `check_calls` and the `protective_` ones are the brackets job's: its ticks (those at the end of an execute
    tick too), all its requests, and its writes.

    `wasted_cancels` holds the orders whose cancel was answered "not found" although their end had been acknowledged
    before: by an answer to a cancel, or by fills that were booked. It must stay empty. `most_held` is each market's
    largest position, either way, in size units. `exits` counts EXIT_SOURCE events by bracket, `entered` entry orders
    that went out; `dust` is what the ledger wrote off, signed size units by market.
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
    entered: int = 0
    checks: int = 0
    check_calls: int = 0
    protective_operations: int = 0
    protective_requests: int = 0
    protective_changes: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    halts: Counter[str] = field(default_factory=Counter)
    events: Counter[tuple[str, Level]] = field(default_factory=Counter)
    ended_early: Counter[str] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)
    wasted_cancels: list[str] = field(default_factory=list)
    most_held: dict[str, int] = field(default_factory=dict)
    dust: Counter[str] = field(default_factory=Counter)
    _booked: Counter[str] = field(default_factory=Counter)
    _booked_when_missed: dict[str, int] = field(default_factory=dict)
    _resolved: set[object] = field(default_factory=set)
    _canceled: set[str] = field(default_factory=set)
    _judged: set[tuple[str, str]] = field(default_factory=set)

    def add(
        self,
        report: TickReport,
        telemetry: MemoryTelemetry,
        journal: Sequence[JournalEntry],
        executed_size: Callable[[str], int],
    ) -> None:
        """Add one execute tick, with the brackets tick at its end where there was one.

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
        self.entered += len(done.answers)
        self.refused += done.refused
        self.halts.update(report.halted)
        self._note_end("", report.ended, report.skipped)
        if report.protection is not None:
            self._note_check(report.protection)
        self._drain(telemetry, journal, executed_size)

    def add_check(
        self,
        report: BracketsReport,
        telemetry: MemoryTelemetry,
        journal: Sequence[JournalEntry],
        executed_size: Callable[[str], int],
    ) -> None:
        """Add one tick of the brackets job, like an execute tick."""
        self._note_check(report)
        self._drain(telemetry, journal, executed_size)

    def _note_check(self, report: BracketsReport) -> None:
        done = report.protecting.execution
        self.checks += 1
        self.check_calls += report.calls.total()
        self.protective_operations += done.operations
        self.protective_requests += done.calls
        self.protective_changes += done.changed
        self.unknown += done.unknown
        self.refused += done.refused
        self._note_end("brackets: ", report.ended, report.skipped)

    def _note_end(self, job: str, ended: str, skipped: str) -> None:
        if ended or skipped:
            self.ended_early[job + (ended or f"skipped: {skipped}")] += 1

    def _drain(
        self, telemetry: MemoryTelemetry, journal: Sequence[JournalEntry], executed_size: Callable[[str], int]
    ) -> None:
        self._booked_when_missed.clear()
        self._resolved.clear()
        while telemetry.events:
            self._note_event(telemetry.events.popleft())
        late = []
        for entry in journal:
            if entry.operation is Operation.CANCEL:
                late += self._judge_cancel(entry, executed_size)
        self._canceled.update(late)

    def _note_event(self, event: Event) -> None:
        self.events[event.name, event.level] += 1
        fields: Any = event.fields
        if event.name == "LEDGER_LINE":
            size = fields["size"]
            self._booked[fields["order_id"]] += -size if fields["kind"] == LedgerKind.REVERSAL else size
            market, held = fields["market"], abs(fields["position"])
            if fields["kind"] == LedgerKind.DUST:
                self.dust[market] += size if fields["side"] == Side.SELL else -size
            self.most_held[market] = max(self.most_held.get(market, 0), held)
        elif event.name == "BATCH_CANCEL_FAILED":
            # A tick with several passes books what a cancel missed before it ends: what counts is what was known then.
            self._booked_when_missed[fields["order_id"]] = self._booked[fields["order_id"]]
        elif event.name == "OUTCOME_RESOLVED":
            self._resolved.add(fields["entry"])
        elif event.name == "EXIT_SOURCE":
            self.exits[fields["bracket"]] += 1

    def _judge_cancel(self, entry: JournalEntry, executed_size: Callable[[str], int]) -> list[str]:
        """Note what this write ended, and where it had ended before. Returns what was learnt only afterwards: the
        orders of a cancel whose answer was lost, so that a second one may have been sent in between."""
        late = []
        for item in entry.items:
            if item.is_unknown or (entry.entry_id, item.order_id) in self._judged:
                continue
            self._judged.add((entry.entry_id, item.order_id))
            if isinstance(item.outcome, Canceled):
                if entry.entry_id in self._resolved:
                    late.append(item.order_id)
                else:
                    self._canceled.add(item.order_id)
            elif isinstance(item.outcome, Refused) and item.outcome.reason is Refusal.NOT_FOUND:
                executed = executed_size(item.order_id)
                booked = self._booked_when_missed.get(item.order_id, self._booked[item.order_id])
                if item.order_id in self._canceled or 0 < executed <= booked:
                    self.wasted_cancels.append(item.order_id)
        return late
