"""The lanes of brackets: what must end before an exit, exits, then the legs of protected positions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.core.blocked import blocked_places, remainders
from holdfast.core.draft import Dropped, DropReason
from holdfast.core.orders import OpenOrder, Reduction, TargetOrder
from holdfast.jobs.execution import Execution
from holdfast.jobs.executor import Executor, Resend
from holdfast.state.port import Claim


@dataclass(slots=True)
class ProtectiveWork:
    """What a pass over an account's brackets sends. `cancels` are what must end before the exits of their markets.

    `unsellable` are markets whose take profit was refused because the venue did not have the shares yet. `claims` are
    the conditional writes of the brackets that orders are for, by the orders' legs.
    """

    cancels: list[OpenOrder] = field(default_factory=list)
    resends: list[Resend] = field(default_factory=list)
    exits: list[TargetOrder] = field(default_factory=list)
    excess: list[OpenOrder] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    take_profits: list[TargetOrder] = field(default_factory=list)
    unsellable: set[str] = field(default_factory=set)
    claims: dict[str, Claim] = field(default_factory=dict)


class ProtectiveExecutor(Executor):
    """Carries out the work of brackets. `held_back`: markets whose exits wait for an end or its fills to be known."""

    held_back: frozenset[str] = frozenset()

    @property
    def ended_silently(self) -> frozenset[str]:
        """Markets with an order that is over, and nobody said how much of it had filled: the fills tell."""
        return frozenset(self._unsaid)

    def protect(self, work: ProtectiveWork, decision_id: str) -> Execution:
        """Run every lane. An exit whose cancels are not over, or whose fills nobody said, waits for the next pass.

        Raises LeaseLostError when another writer took over; what was sent is in the journal.
        """
        self._claims = work.claims
        unfinished = self._cancel(work.cancels, decision_id, exit=True)
        waiting = {order.market for order in unfinished} | self._unsaid
        for resend in work.resends:
            self._resend(resend, waiting | {market for market, _ in self._filled})
        exits, sold = remainders([target for target in work.exits if target.market not in waiting], self._filled)
        self.held_back = frozenset(target.market for target in work.exits if target.market in waiting)
        self._events.dropped(sold)
        self._events.dropped(_waiting(work.exits, waiting))
        self._place(exits, "exits", decision_id, exit=True)
        unfinished += self._cancel(work.excess, decision_id)
        pending = self._reduce(work.reductions, decision_id)
        ready, blocked = blocked_places(work.take_profits, unfinished, pending)
        self._events.dropped(blocked)
        # A take profit that is refused now is offered again after a while: at once the chain has no more to tell.
        again = work.unsellable & {target.market for target in ready}
        self._make_sellable(self._unsellable | again, decision_id)
        self._place(ready, "legs", decision_id)
        return self.done


def _waiting(exits: Sequence[TargetOrder], waiting: set[str]) -> list[Dropped]:
    return [Dropped(target, DropReason.CANCEL_UNFINISHED) for target in exits if target.market in waiting]
