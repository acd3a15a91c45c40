"""The journal's records: one entry per HTTP write, opened before the write and closed by what became of it.

An entry lives from the write until no read of the venue can be older than it (design section 5, journal). While it
is live it says what the venue's lists may not show yet.
"""

from enum import StrEnum

from msgspec import Struct, structs

from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.outcomes import Outcome, Refused, Unknown


class Operation(StrEnum):
    """What a write asked the venue to do."""

    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"
    DECREASE = "decrease"


class EntryState(StrEnum):
    """Where a journal entry is. `sent`: the outcome is unknown. `acknowledged`: every item's outcome is known."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"


class WriteItem(Struct, frozen=True):
    """One order inside a write: its identity, what was asked, and the outcome once known.

    `price`, `size` and `expires_at_ms` are what the order has if the write took effect; for a cancel they are 0.
    """

    market: str
    side: Side
    client_order_id: str
    order_id: str = ""
    price: int = 0
    size: int = 0
    expires_at_ms: int = 0
    shard: int = 0
    outcome: Outcome | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether this item may or may not have taken effect."""
        return self.outcome is None or isinstance(self.outcome, Unknown)

    @property
    def took_effect(self) -> bool:
        """Whether the venue said yes."""
        return not self.is_unknown and not isinstance(self.outcome, Refused)


class JournalEntry(Struct, frozen=True):
    """One HTTP write. Times in UTC ms.

    `deadline_ms`: the writer gives up waiting for an answer (and never starts sending after it); nobody resolves the
    entry before `resolvable_at_ms`. `acknowledged_at_ms` is when the known outcomes became known, on the venue's clock
    where its answers carry a time.
    `clean_reads` counts reads of orders and fills, later than resolvable_at_ms, that showed no trace of the write.
    `resent_at_ms`: when items of unknown outcome were last sent again, 0 where they never were.
    """

    entry_id: str
    account: str
    operation: Operation
    purpose: Purpose
    items: tuple[WriteItem, ...]
    body: str
    decision_id: str
    fence: int
    sent_at_ms: int
    deadline_ms: int
    resolvable_at_ms: int
    state: EntryState = EntryState.SENT
    acknowledged_at_ms: int = 0
    clean_reads: int = 0
    version: int = 1
    resent_at_ms: int = 0

    def decision_of(self, market: str) -> str:
        """The decision that led to this write's orders in one market."""
        return f"{self.decision_id}-{market}"

    def acknowledged(self, outcomes: tuple[Outcome, ...], now_ms: int) -> "JournalEntry":
        """The entry with its items' outcomes. It stays `sent` while any of them is unknown.

        An item keeps the order id that it was sent for: a list from before an amend still shows that one, also where
        the amend's answer names another.
        """
        items = tuple(
            structs.replace(item, outcome=outcome, order_id=item.order_id or getattr(outcome, "order_id", ""))
            for item, outcome in zip(self.items, outcomes, strict=True)
        )
        known = not any(item.is_unknown for item in items)
        stamps = [getattr(outcome, "at_ms", 0) for outcome in outcomes]
        return structs.replace(
            self,
            items=items,
            state=EntryState.ACKNOWLEDGED if known else EntryState.SENT,
            acknowledged_at_ms=max([now_ms, *stamps]),
            version=self.version + 1,
        )
