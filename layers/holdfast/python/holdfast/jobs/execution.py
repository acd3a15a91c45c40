"""What carrying out a plan came to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.core.outcomes import Canceled, Changed, Outcome, Placed, PlaceOutcome, Refusal, Refused, Unknown


@dataclass(slots=True)
class Execution:
    """What a plan's writes did. Counts are of orders; `calls` of requests.

    `refusals` holds one refusal per market whose place was refused, for pausing it. `left` operations were not tried.
    `answers` holds what became of each order that was placed under a claim, by its leg.
    """

    placed: int = 0
    canceled: int = 0
    changed: int = 0
    unknown: int = 0
    not_found: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    accepted_markets: set[str] = field(default_factory=set)
    answers: dict[str, PlaceOutcome] = field(default_factory=dict)
    calls: int = 0
    left: int = 0

    @property
    def operations(self) -> int:
        """Operations that were tried."""
        return self.placed + self.canceled + self.changed + self.failed

    @property
    def failed(self) -> int:
        """Operations that did not succeed, unknown ones included."""
        return self.unknown + self.refused.total()

    def add(self, other: "Execution") -> None:
        """Add what another plan of the same tick did; its answers and refusals by market stay its own."""
        for name in ("placed", "canceled", "changed", "unknown", "not_found", "calls", "left"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.refused += other.refused

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add what one request did."""
        self.calls += 1
        for outcome in outcomes:
            match outcome:
                case Placed():
                    self.placed += 1
                case Canceled():
                    self.canceled += 1
                case Changed():
                    self.changed += 1
                case Unknown():
                    self.unknown += 1
                case Refused(reason=reason):
                    self.refused[reason] += 1
                    self.not_found += reason is Refusal.NOT_FOUND
