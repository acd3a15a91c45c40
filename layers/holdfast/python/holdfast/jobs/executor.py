"""Carry out a plan in lanes: exits (those in doubt first), quote cancels, renewals, reductions, entries, quote places.

Cancels come before places. A place that could meet an order whose cancel is not finally acknowledged is dropped.
One failed item is logged and left to the next tick; when tokens run out, or the venue answers 429, everything but
exits is left to later ticks.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial
from typing import TypeVar

from holdfast.core.blocked import blocked_places, remainders
from holdfast.core.draft import Dropped, DropReason
from holdfast.core.errors import BudgetExhaustedError, ClaimLostError, VenueError
from holdfast.core.exiting import NOT_OF_THE_ORDER
from holdfast.core.journal import JournalEntry
from holdfast.core.market import MarketRules, Side
from holdfast.core.orders import (
    Amendment,
    Cancellation,
    OpenOrder,
    Placement,
    Reduction,
    TargetOrder,
    client_order_id,
)
from holdfast.core.outcomes import Canceled, Changed, Outcome, Placed, PlaceOutcome, Refusal, Refused
from holdfast.core.plan import Plan
from holdfast.jobs.execution import Execution
from holdfast.jobs.execution_events import ExecutionEvents
from holdfast.jobs.ports import Ports
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.jobs.writes import Writes
from holdfast.state.port import Claim
from holdfast.telemetry.port import Level

Item = TypeVar("Item")
SomeOutcome = TypeVar("SomeOutcome", bound=Outcome)
# A journal entry and the claims of its orders, four writes each at most, are one transaction of 100.
MOST_CLAIMED = 24
# An exit in doubt, and which of its items to send again.
Resend = tuple[JournalEntry, tuple[int, ...]]


class Executor:
    """Carries out one plan of one account.

    `batched` False sends one by one: the same plan, one request an order. `dry_run` sends nothing new: no entries,
    quotes or renewals; cancels, reductions and exits of what is live go on. What the venue says of its mode on the way
    is heeded at once: `watch` is asked before every request.
    """

    def __init__(
        self,
        ports: Ports,
        writes: Writes,
        rules: Mapping[str, MarketRules],
        watch: VenueWatch,
        *,
        batched: bool,
        dry_run: bool,
        claims: Mapping[str, Claim] | None = None,
    ) -> None:
        self._ports = ports
        self._writes = writes
        self._rules = rules
        self._watch = watch
        self._batched = batched
        self._dry_run = dry_run
        self._account = writes.lease.account
        self._exhausted = False
        self._claims: Mapping[str, Claim] = claims or {}
        self._unsellable: set[str] = set()
        # Markets with an order that is over, and nobody said how much of it had filled.
        self._unsaid: set[str] = set()
        # Why the venue refused to cancel an order that it knows, by market.
        self.uncanceled: dict[str, Refused] = {}
        # Markets with an exit, or a cancel before one, that rate or access did not let out, and which of them.
        self.shut_out: dict[str, Refusal] = {}
        # What cancelled orders had filled when they ended, beyond what the fills showed.
        self._filled: Counter[tuple[str, Side]] = Counter()
        self._events = ExecutionEvents(ports.telemetry)
        self.done = Execution()

    def carry_out(self, plan: Plan, decision_id: str, resends: Sequence[Resend] = ()) -> Execution:
        """Run every lane. Raises LeaseLostError when another writer took over; what was sent is in the journal.

        `resends` are exits in doubt that go out again, byte for byte, where nothing on their market stands in the way.
        """
        self._events.dropped(plan.dropped)
        unfinished = self._cancel(plan.exit_cancels, decision_id, exit=True)
        held = {order.market for order in unfinished} | {market for market, _ in self._filled}
        for resend in resends:
            self._resend(resend, held)
        exits, sold = remainders(plan.exits, self._filled)
        ready, blocked = blocked_places(exits, unfinished)
        self._events.dropped([*sold, *blocked])
        self._place(ready, "exits", decision_id, exit=True)
        unfinished += self._cancel(plan.cancels, decision_id)
        self._renew(plan.renewals, decision_id)
        pending = self._reduce(plan.reductions, decision_id)
        for lane, targets in (("entries", plan.entries), ("quotes", plan.places)):
            ready, blocked = blocked_places(targets, unfinished, pending)
            self._events.dropped(blocked)
            if self._dry_run:
                self._events.dry(ready, lane)
            else:
                self._place(ready, lane, decision_id)
        self._make_sellable(self._unsellable, decision_id)
        return self.done

    def _make_sellable(self, markets: Set[str], decision_id: str) -> None:
        """Have the venue read balances again that it said are too small for a sell: freshly bought shares lag.

        The next attempt is made from what is held then, and sells no more than the venue says there is.
        """
        sellable = self._ports.cache.sellable
        for market in sorted(markets):
            sellable.pop(market, None)
            try:
                size = self._ports.venue.refresh_holding(market)
            except (VenueError, BudgetExhaustedError) as error:
                self._events.say("NOT_SELLABLE", decision_id, Level.WARNING, market=market, refresh=str(error))
                return
            if size is not None:
                sellable[market] = size
            self._events.say(
                "NOT_SELLABLE", decision_id, Level.WARNING, market=market, refresh="asked for", sellable=size
            )

    def _resend(self, resend: Resend, held: Set[str]) -> None:
        entry, indices = resend
        indices = tuple(index for index in indices if entry.items[index].market not in held)
        if not indices:
            return
        outcomes = self._try(len(indices), partial(self._writes.resend, entry, indices), True)
        if outcomes is not None:
            self._events.say(
                "EXIT_RESENT",
                entry.decision_id,
                Level.WARNING,
                entry=entry.entry_id,
                markets=[entry.items[index].market for index in indices],
                outcomes=[type(outcome).__name__ for outcome in outcomes],
            )

    def _cancel(self, orders: Sequence[OpenOrder], decision_id: str, *, exit: bool = False) -> list[OpenOrder]:
        """Cancel in batches; returns the orders whose end is not acknowledged."""
        if not orders:
            return []
        capabilities = self._ports.venue.capabilities
        unfinished: list[OpenOrder] = []
        before = (self.done.canceled, self.done.failed, self.done.calls)
        for some in self._batches(orders, capabilities.batch_cancel, capabilities.costs.cancel, exit=exit):
            batch = [order for order in some if self._watch.takes_cancel(order.market)]
            unfinished += [order for order in some if order not in batch]
            if not batch:
                continue
            requests = [
                Cancellation(order.order_id, order.market, order.side, order.shard, order.client_order_id)
                for order in batch
            ]
            outcomes = self._try(len(batch), partial(self._writes.cancel, requests, decision_id, exit=exit), exit)
            self._note_shut_out(batch, outcomes, exit=exit)
            if outcomes is None:
                unfinished += batch
                continue
            for order, outcome in zip(batch, outcomes, strict=True):
                if not isinstance(outcome, Canceled):
                    unfinished.append(order)
                    if isinstance(outcome, Refused) and outcome.reason is not Refusal.NOT_FOUND:
                        self.uncanceled[order.market] = outcome
                elif not outcome.says_fills:
                    self._unsaid.add(order.market)
                elif outcome.reduced_by < order.remaining:
                    self._filled[order.market, order.side] += order.remaining - outcome.reduced_by
            self._events.say("BATCH_CANCEL", decision_id, orders=len(batch), exit=exit)
            self._events.failed("BATCH_CANCEL_FAILED", batch, outcomes, decision_id)
        after = (self.done.canceled, self.done.failed, self.done.calls)
        self._events.summary("BATCH_CANCEL_SUMMARY", decision_id, len(orders), before, after)
        return unfinished

    def _place(self, targets: Sequence[TargetOrder], lane: str, decision_id: str, *, exit: bool = False) -> None:
        if not targets:
            return
        capabilities = self._ports.venue.capabilities
        before = (self.done.placed, self.done.failed, self.done.calls)
        for some in self._batches(targets, capabilities.batch_create, capabilities.costs.create, exit=exit):
            batch = [target for target in some if self._watch.takes(target)]
            self._events.dropped([Dropped(target, DropReason.PAUSED) for target in some if target not in batch])
            if not batch:
                continue
            placements = [self._placement(target) for target in batch]
            claims = [self._claims[target.leg] for target in batch if target.leg in self._claims]
            send = partial(self._writes.place, placements, decision_id, exit=exit, claims=claims)
            try:
                outcomes = self._try(len(batch), send, exit)
            except ClaimLostError as lost:
                # Another writer has these brackets in hand; the others are not held up by it. A claim of an entry
                # may also rest on a market config that changed.
                self._ports.cache.ticks_until_refresh = 0
                self._events.dropped([Dropped(t, DropReason.CLAIM_LOST) for t in batch if t.market in lost.markets])
                self._place([t for t in batch if t.market not in lost.markets], lane, decision_id, exit=exit)
                continue
            self._note_shut_out(batch, outcomes, exit=exit)
            if outcomes is None:
                continue
            self._watch.heed(batch, outcomes)
            self._events.say("BATCH_PLACE", decision_id, orders=len(batch), lane=lane)
            for target, outcome in zip(batch, outcomes, strict=True):
                self._note_placed(target, outcome)
            self._events.failed("BATCH_PLACE_FAILED", batch, outcomes, decision_id)
        after = (self.done.placed, self.done.failed, self.done.calls)
        self._events.summary("BATCH_PLACE_SUMMARY", decision_id, len(targets), before, after)

    def _renew(self, renewals: Sequence[Amendment], decision_id: str) -> None:
        for renewal in () if self._dry_run else renewals:
            outcomes = self._try(1, partial(self._writes.amend, renewal, decision_id), False)
            if outcomes is not None:
                self._events.failed("RENEWAL_FAILED", [renewal], outcomes, decision_id)

    def _reduce(self, reductions: Sequence[Reduction], decision_id: str) -> list[Reduction]:
        """Reduce one by one; returns those that are not acknowledged."""
        unfinished = []
        for reduction in reductions:
            outcomes = self._try(1, partial(self._writes.decrease, reduction, decision_id), False)
            if outcomes is None or not isinstance(outcomes[0], Changed):
                unfinished.append(reduction)
            if outcomes is not None:
                self._events.failed("REDUCTION_FAILED", [reduction], outcomes, decision_id)
        return unfinished

    def _try(self, size: int, send: Callable[[], Sequence[SomeOutcome]], exit: bool) -> Sequence[SomeOutcome] | None:
        """Send one request; None where the budget did not allow it (and, but for exits, will not this tick)."""
        if self._exhausted and not exit:
            self.done.left += size
            return None
        try:
            outcomes = send()
        except BudgetExhaustedError:
            self._exhausted = True
            self.done.left += size
            return None
        self.done.count(outcomes)
        self._watch.heed_access(outcomes)
        if any(isinstance(outcome, Refused) and outcome.reason is Refusal.RATE_LIMITED for outcome in outcomes):
            self._exhausted = True
        return outcomes

    def _note_shut_out(
        self, batch: Sequence[OpenOrder | TargetOrder], outcomes: Sequence[Outcome] | None, *, exit: bool
    ) -> None:
        said = outcomes or [Refused(Refusal.RATE_LIMITED)] * len(batch)
        for item, outcome in zip(batch, said, strict=True):
            if exit and isinstance(outcome, Refused) and outcome.reason in NOT_OF_THE_ORDER:
                self.shut_out[item.market] = outcome.reason

    def _batches(self, items: Sequence[Item], per_call: int, cost: int, *, exit: bool) -> Iterator[Sequence[Item]]:
        """Slices as large as the venue and the bucket allow when their turn comes."""
        start = 0
        while start < len(items):
            limit = (min(per_call, MOST_CLAIMED) if self._claims else per_call) if self._batched else 1
            size = self._ports.throttle.next_batch("write", cost, limit, exit=exit)
            yield items[start : start + size]
            start += size

    def _placement(self, target: TargetOrder) -> Placement:
        attempt = str(self._writes.lease.fence)
        if target.leg in self._claims:
            # A bracket's leg names its attempt itself: two writers that send the same one send one order.
            attempt = ""
        identity = client_order_id(self._account, target.market, target.leg, attempt, target.purpose)
        rules = self._rules.get(target.market)
        return Placement(target, identity, rules.shard if rules else 0)

    def _note_placed(self, target: TargetOrder, outcome: PlaceOutcome) -> None:
        if target.leg in self._claims:
            self.done.answers[target.leg] = outcome
        match outcome:
            case Placed():
                self.done.accepted_markets.add(target.market)
                self._events.placed(target, outcome)
            case Refused(reason=reason):
                self.done.refusals.setdefault(target.market, reason)
                lacking = reason is Refusal.INSUFFICIENT_BALANCE and target.side is Side.SELL
                if lacking and self._ports.venue.capabilities.reserves_sells:
                    self._unsellable.add(target.market)
