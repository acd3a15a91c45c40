"""What is said of carrying out a plan: orders that rest, what failed, what was not sent, and the sums of a lane."""

from collections.abc import Sequence

from holdfast.core.draft import Dropped
from holdfast.core.orders import Amendment, OpenOrder, Reduction, TargetOrder
from holdfast.core.outcomes import Outcome, Placed, Refused, Unknown
from holdfast.telemetry.port import Level, Telemetry

Counts = tuple[int, int, int]
"""Operations that succeeded, those that failed, and calls, so far in a tick."""


class ExecutionEvents:
    """The events of one executor. `decision_id` ties each to the decision that it carries out."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def say(self, name: str, decision_id: str, level: Level = Level.INFO, **fields: object) -> None:
        """Any event."""
        self._telemetry.event(name, level, decision_id=decision_id, **fields)

    def placed(self, target: TargetOrder, outcome: Placed) -> None:
        """An order that the venue took."""
        self.say(
            "ORDER_PLACED",
            target.decision_id,
            market=target.market,
            side=target.side.value,
            price=target.price,
            size=target.size,
            purpose=target.purpose.value,
            leg=target.leg,
            order_id=outcome.order_id,
            client_order_id=outcome.client_order_id,
            filled=outcome.filled,
        )

    def failed(
        self,
        name: str,
        batch: Sequence[OpenOrder | TargetOrder | Amendment | Reduction],
        outcomes: Sequence[Outcome],
        decision_id: str,
    ) -> None:
        """Each item of a batch that was refused, or whose outcome nobody knows."""
        for item, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Refused):
                why = {"reason": outcome.reason.value, "code": outcome.code, "detail": outcome.detail}
            elif isinstance(outcome, Unknown):
                why = {"reason": "unknown", "detail": outcome.cause}
            else:
                continue
            order_id = getattr(item, "order_id", "")
            self.say(name, decision_id, Level.WARNING, market=item.market, order_id=order_id, **why)

    def dropped(self, dropped: Sequence[Dropped]) -> None:
        """Orders that were not sent, and why."""
        for drop in dropped:
            target = drop.target
            self.say(
                "PLACE_DROPPED", target.decision_id, market=target.market, leg=target.leg, reason=drop.reason.value
            )

    def dry(self, targets: Sequence[TargetOrder], lane: str) -> None:
        """Orders that would have been sent."""
        for target in targets:
            self.say(
                "DRY_RUN_PLACE",
                target.decision_id,
                market=target.market,
                side=target.side.value,
                price=target.price,
                size=target.size,
                lane=lane,
            )

    def summary(self, name: str, decision_id: str, requested: int, before: Counts, after: Counts) -> None:
        """What a lane did, from the counts before and after it."""
        succeeded, failed, calls = (now - then for now, then in zip(after, before, strict=True))
        self.say(name, decision_id, requested=requested, succeeded=succeeded, failed=failed, calls=calls)
