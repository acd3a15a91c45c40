"""Resolve writes whose outcome nobody knows, from what the venue shows later (design section 5, journal).

Nothing is resolved before `resolvable_at_ms`, nor from a read that could be older than the write's last possible
moment. A place that no read shows is presumed absent only after 60 s and two clean reads. Should it appear after
all, it carries our mark and matches no target, so the next plan cancels it.
"""

from collections.abc import Collection, Mapping

from msgspec import Struct, structs

from holdfast.core.journal import EntryState, JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose, split_reducing
from holdfast.core.outcomes import Canceled, Changed, Outcome, Placed, Refusal, Refused

ABSENT_AFTER_MS = 60_000
CLEAN_READS = 2


class Evidence(Struct, frozen=True):
    """What the venue shows, as of `horizon_ms`.

    `resting`: open orders by venue id. `ours`: every order, open or over, by client order id, with what is left of
    it (0 when it is over), from the open orders and, where they did not show it, a look at recent orders.
    """

    horizon_ms: int
    resting: Mapping[str, OpenOrder]
    ours: Mapping[str, OpenOrder]


def is_resolvable(entry: JournalEntry, horizon_ms: int, now_ms: int) -> bool:
    """Whether reads with this horizon can say what became of the entry."""
    return entry.state is EntryState.SENT and now_ms >= entry.resolvable_at_ms and horizon_ms >= entry.resolvable_at_ms


def resolve(entry: JournalEntry, evidence: Evidence, now_ms: int) -> JournalEntry:
    """The entry with every outcome that the evidence shows; call only where `is_resolvable`.

    The result is ACKNOWLEDGED when nothing is unknown any more, else SENT with one more clean read.
    """
    clean = entry.clean_reads + 1
    sent_at_ms = max(entry.sent_at_ms, entry.resent_at_ms)
    may_presume = clean >= CLEAN_READS and now_ms - sent_at_ms >= ABSENT_AFTER_MS
    items = tuple(
        structs.replace(item, outcome=outcome, order_id=getattr(outcome, "order_id", "") or item.order_id)
        if item.is_unknown and (outcome := _outcome(entry.operation, item, evidence, may_presume)) is not None
        else item
        for item in entry.items
    )
    known = not any(item.is_unknown for item in items)
    return structs.replace(
        entry,
        items=items,
        state=EntryState.ACKNOWLEDGED if known else EntryState.SENT,
        acknowledged_at_ms=evidence.horizon_ms if known else entry.acknowledged_at_ms,
        clean_reads=clean,
        version=entry.version + 1,
    )


def to_resend(
    entry: JournalEntry, wanted: Collection[tuple[str, Side]], positions: Mapping[str, int]
) -> tuple[int, ...]:
    """Which items of an exit that no read shows may be sent again, byte for byte; call after `resolve`.

    Those on a market and side that is still to be exited (`wanted`), and that would sell no more than is held (signed
    sizes by market). The same identity a second time executes or proves the first; what is not wanted any more is left
    to `resolve`.
    """
    if (
        entry.state is not EntryState.SENT
        or entry.operation is not Operation.PLACE
        or entry.purpose is not Purpose.EXIT
    ):
        return ()
    return tuple(
        index
        for index, item in enumerate(entry.items)
        if item.is_unknown
        and (item.market, item.side) in wanted
        and split_reducing(item.side, item.size, positions.get(item.market, 0)) == (item.size, 0)
    )


def _outcome(operation: Operation, item: WriteItem, evidence: Evidence, may_presume: bool) -> Outcome | None:
    at_ms = evidence.horizon_ms
    if operation is Operation.PLACE:
        found = evidence.ours.get(item.client_order_id)
        if found is not None:
            return Placed(found.order_id, item.client_order_id, found.filled, found.remaining, at_ms)
        return Refused(Refusal.NOT_SENT, detail="presumed absent: two clean reads") if may_presume else None
    resting = evidence.resting.get(item.order_id)
    if operation is Operation.CANCEL:
        if resting is None:
            return Canceled(item.order_id, 0, at_ms, says_fills=False)
        return Refused(Refusal.NOT_SENT, detail="the order still rests")
    if resting is None:
        return Refused(Refusal.NOT_FOUND, detail="the order is over")
    return Changed(item.order_id, resting.client_order_id, resting.remaining, at_ms)
