"""What Polymarket's answers to writes say of each order (facts polymarket section 2.2)."""

from collections.abc import Sequence

from holdfast.core.market import Side
from holdfast.core.orders import Placement, TimeInForce
from holdfast.core.outcomes import Canceled, CancelOutcome, Placed, PlaceOutcome, Refusal, Refused, Unknown
from holdfast.venues.polymarket.errors import is_unfilled, refusal
from holdfast.venues.polymarket.wire import CanceledAnswer, PlacedRow, amount_units

_WAITING = frozenset({"live", "delayed", "unmatched"})


def place_outcome(item: Placement, row: PlacedRow, refused: Refused | None = None) -> PlaceOutcome:
    """One order's outcome. Accepted is only what has no error and our own order id.

    `refused`: the answer was an error, and what it means unless the words say that an immediate order was killed.
    "unmatched" is placed too: the order went to the book after a delay.
    """
    words = row.errorMsg or ""
    if words or refused is not None:
        if is_unfilled(words):
            return Placed(item.order_id, item.client_order_id, filled=0, remaining=0, at_ms=0)
        return refused or refusal(words)
    if not row.orderID:
        return Unknown("the answer has neither an error nor an order id")
    if row.orderID.lower() != item.order_id.lower():
        return Unknown(f"the answer names another order: {row.orderID}")
    return _accepted(item, row)


def _accepted(item: Placement, row: PlacedRow) -> PlaceOutcome:
    """What filled is in shares: taken by a buy, given by a sale."""
    target = item.target
    bought = target.side is Side.BUY
    text, name = (row.takingAmount, "takingAmount") if bought else (row.makingAmount, "makingAmount")
    filled = amount_units(text, name)
    status = (row.status or "").lower()
    if filled is None and status not in _WAITING:
        return Unknown(f"the order is {status or 'accepted'}, and the answer lacks {name}")
    filled = filled or 0
    rests = target.time_in_force is TimeInForce.RESTING or status in ("delayed", "unmatched")
    remaining = max(target.size - filled, 0) if rests else 0
    return Placed(item.order_id, item.client_order_id, filled, remaining, at_ms=0)


def pair(order_ids: Sequence[str], items: Sequence[PlacedRow]) -> list[PlacedRow | None]:
    """One entry per order of a batch; None where the answer has no certain one.

    A refused item has no id. It belongs to the order at its place only if the answer has as many items as the request
    and every item with an id stands at its own order's place.
    """
    places = {order_id.lower(): place for place, order_id in enumerate(order_ids)}
    found: list[PlacedRow | None] = [None] * len(order_ids)
    in_order = len(items) == len(order_ids)
    for place, item in enumerate(items):
        if item.orderID:
            own = places.get(item.orderID.lower())
            in_order = in_order and own == place
            if own is not None:
                found[own] = item
    if in_order:
        return list(items)
    return found


def cancel_outcomes(order_ids: Sequence[str], answer: CanceledAnswer) -> list[CancelOutcome]:
    """One outcome per order. "Not cancelled" proves nothing of the order, whatever the reason says."""
    canceled = {order_id.lower() for order_id in answer.canceled or ()}
    missed = {order_id.lower(): reason for order_id, reason in (answer.not_canceled or {}).items()}
    outcomes: list[CancelOutcome] = []
    for order_id in order_ids:
        reason = missed.get(order_id.lower())
        if reason is not None:
            outcomes.append(Refused(Refusal.NOT_FOUND, "not_canceled", reason))
        elif order_id.lower() in canceled:
            outcomes.append(Canceled(order_id, reduced_by=0, at_ms=0, says_fills=False))
        else:
            outcomes.append(Unknown("the answer does not mention this order"))
    return outcomes
