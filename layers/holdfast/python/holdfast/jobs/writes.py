"""One journaled write to the venue: tokens, journal entry, request, outcomes, in that order, for every lane."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.capabilities import Costs
from holdfast.core.errors import ConditionFailedError
from holdfast.core.journal import JournalEntry, Operation, WriteItem
from holdfast.core.orders import Amendment, Cancellation, Placement, Purpose, Reduction
from holdfast.core.outcomes import CancelOutcome, ChangeOutcome, Outcome, PlaceOutcome, Refusal, Refused, Unknown
from holdfast.jobs.ports import Ports
from holdfast.state.journal import Journal
from holdfast.state.leases import Lease, renew
from holdfast.state.port import Claim

# The longest a request may take; after it nobody waits for the answer.
REQUEST_MS = 10_000
# How much later than its deadline a write could still take effect at the venue.
RESOLVE_SLACK_MS = 2_000
LEASE_MS = 60_000

_NO_ANSWER = Unknown("no answer, and not sent again")

_encoder = msgspec.json.Encoder()
_placements = msgspec.json.Decoder(list[Placement])

SomeOutcome = TypeVar("SomeOutcome", bound=Outcome)


class Writes:
    """The only way a job sends orders. Holds and renews the lease, and numbers this tick's writes. `claimed` are the
    markets whose claims are stored: their writes were journaled, whatever came of them.

    Every method raises BudgetExhaustedError, LeaseLostError, ClaimLostError (where claims come along: they are made in
    the transaction that opens the journal entry) or (placing, where orders are prepared first) a VenueError before
    anything is sent; what the venue did with a request that was sent is in the outcomes, never in an exception.
    """

    def __init__(self, ports: Ports, lease: Lease, clock: Clock) -> None:
        self._ports = ports
        self._clock = clock
        self._sequence = 0
        self.journal = Journal(ports.store, lease.account)
        self.lease = lease
        self.claimed: set[str] = set()

    def place(
        self, batch: Sequence[Placement], decision_id: str, *, exit: bool = False, claims: Sequence[Claim] = ()
    ) -> list[PlaceOutcome]:
        """Place one batch of one purpose. Identities that the venue computes are in the journal before it is sent."""
        batch = self._ports.venue.prepare(batch)
        self._ports.throttle.take("write", self._costs.create * len(batch), exit=exit)
        items = [_placement_item(placement) for placement in batch]
        return self._send(
            Operation.PLACE,
            batch[0].target.purpose,
            items,
            batch,
            decision_id,
            lambda deadline_ms: self._ports.venue.place(batch, deadline_ms),
            claims,
        )

    def cancel(self, batch: Sequence[Cancellation], decision_id: str, *, exit: bool = False) -> list[CancelOutcome]:
        """Cancel one batch."""
        self._ports.throttle.take("write", self._costs.cancel * len(batch), exit=exit)
        items = [WriteItem(o.market, o.side, o.client_order_id, o.order_id, shard=o.shard) for o in batch]
        return self._send(
            Operation.CANCEL,
            Purpose.QUOTE,
            items,
            batch,
            decision_id,
            lambda deadline_ms: self._ports.venue.cancel(batch, deadline_ms),
        )

    def amend(self, order: Amendment, decision_id: str) -> list[ChangeOutcome]:
        """Amend one order; its outcome alone in a list."""
        self._ports.throttle.take("write", self._costs.amend)
        item = WriteItem(
            order.market,
            order.side,
            order.client_order_id,
            order.order_id,
            price=order.price,
            size=order.size,
            expires_at_ms=order.expires_at_ms,
            shard=order.shard,
        )
        return self._send(
            Operation.AMEND,
            Purpose.QUOTE,
            [item],
            [order],
            decision_id,
            lambda deadline_ms: [self._ports.venue.amend(order, deadline_ms)],
        )

    def decrease(self, order: Reduction, decision_id: str) -> list[ChangeOutcome]:
        """Decrease one order; its outcome alone in a list."""
        self._ports.throttle.take("write", self._costs.decrease)
        item = WriteItem(order.market, order.side, order.client_order_id, order.order_id, shard=order.shard)
        return self._send(
            Operation.DECREASE,
            Purpose.QUOTE,
            [item],
            [order],
            decision_id,
            lambda deadline_ms: [self._ports.venue.decrease(order, deadline_ms)],
        )

    def resend(self, entry: JournalEntry, indices: Sequence[int]) -> list[PlaceOutcome]:
        """Send these items of an unresolved place again, byte for byte, under their old identities.

        Accepted, or refused because it exists: either proves the item. Another refusal says nothing about the first
        send, so the item stays unknown, and the first send's time counts on: it can be presumed absent although every
        further one is refused. The journal keeps one record of all sends.
        """
        placements = _placements.decode(entry.body)
        batch = [placements[index] for index in indices]
        self._ports.throttle.take("write", self._costs.create * len(batch), exit=True)
        self._keep_lease()
        now_ms = self._clock.now_ms()
        again = structs.replace(
            entry,
            fence=self.lease.fence,
            deadline_ms=now_ms + REQUEST_MS,
            resolvable_at_ms=now_ms + REQUEST_MS + RESOLVE_SLACK_MS,
            resent_at_ms=now_ms,
            clean_reads=0,
            version=entry.version + 1,
        )
        self.journal.reopen(again, self.lease)
        outcomes = self._ports.venue.place(batch, again.deadline_ms)
        told: dict[int, Outcome] = dict(zip(indices, map(_proof, outcomes), strict=True))
        items = enumerate(entry.items)
        if all(isinstance(outcome, Refused) for outcome in outcomes):
            again = structs.replace(
                again,
                resolvable_at_ms=entry.resolvable_at_ms,
                resent_at_ms=entry.resent_at_ms,
                clean_reads=entry.clean_reads,
            )
        self._close(again, [told.get(index) or item.outcome or _NO_ANSWER for index, item in items])
        self._heed(outcomes)
        return outcomes

    @property
    def _costs(self) -> Costs:
        return self._ports.venue.capabilities.costs

    def _send(
        self,
        operation: Operation,
        purpose: Purpose,
        items: Sequence[WriteItem],
        batch: Sequence[object],
        decision_id: str,
        call: Callable[[int], list[SomeOutcome]],
        claims: Sequence[Claim] = (),
    ) -> list[SomeOutcome]:
        self._keep_lease()
        now_ms = self._clock.now_ms()
        self._sequence += 1
        entry = JournalEntry(
            entry_id=f"{self.lease.job}-{self.lease.fence:012d}-{self._sequence:04d}",
            account=self.lease.account,
            operation=operation,
            purpose=purpose,
            items=tuple(items),
            body=_encoder.encode(batch).decode(),
            decision_id=decision_id,
            fence=self.lease.fence,
            sent_at_ms=now_ms,
            deadline_ms=now_ms + REQUEST_MS,
            resolvable_at_ms=now_ms + REQUEST_MS + RESOLVE_SLACK_MS,
        )
        self.journal.open(entry, self.lease, claims)
        self.claimed |= {claim.market for claim in claims}
        outcomes = call(entry.deadline_ms)
        self._close(entry, outcomes)
        self._heed(outcomes)
        return outcomes

    def _close(self, entry: JournalEntry, outcomes: Sequence[Outcome]) -> None:
        """Record the outcomes."""
        now_ms = self._clock.now_ms()
        closed = entry.acknowledged(tuple(outcomes), now_ms)
        try:
            self.journal.close(closed, now_ms)
        except ConditionFailedError:
            # Another writer took over and resolved it from the venue itself: its word stands, ours agrees.
            self._ports.telemetry.event("JOURNAL_TAKEN_OVER", entry=entry.entry_id, decision_id=entry.decision_id)

    def _heed(self, outcomes: Sequence[Outcome]) -> None:
        """Tell the throttle what the outcomes say of the rate; no answer says nothing."""
        if any(isinstance(outcome, Refused) and outcome.reason is Refusal.RATE_LIMITED for outcome in outcomes):
            self._ports.throttle.refused("write")
        elif any(_is_answer(outcome) for outcome in outcomes):
            self._ports.throttle.succeeded("write")

    def _keep_lease(self) -> None:
        """Renew the lease when less than two requests' time is left on it."""
        if self.lease.expires_at_ms - self._clock.now_ms() < 2 * REQUEST_MS:
            self.lease = renew(self._ports.store, self.lease, self._clock.now_ms(), LEASE_MS)


def _placement_item(placement: Placement) -> WriteItem:
    target = placement.target
    return WriteItem(
        market=target.market,
        side=target.side,
        client_order_id=placement.client_order_id,
        order_id=placement.order_id,
        price=target.price,
        size=target.size,
        expires_at_ms=target.expires_at_ms,
        shard=placement.shard,
    )


def _is_answer(outcome: Outcome) -> bool:
    """Whether the venue itself said this."""
    silent = isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and outcome.reason is Refusal.NOT_SENT)
    return not silent


def _proof(outcome: PlaceOutcome) -> PlaceOutcome:
    """What the answer to a second send proves of the item."""
    if isinstance(outcome, Refused) and outcome.reason is not Refusal.DUPLICATE:
        return Unknown(f"sent again, and refused: {outcome.reason.value}")
    return outcome
