"""Holding back what depends on a call that did not end well."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from holdfast.core.draft import Dropped, DropReason
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Reduction, TargetOrder


class Split(NamedTuple):
    """Targets that may be sent now, and those that may not."""

    ready: tuple[TargetOrder, ...]
    blocked: tuple[Dropped, ...]


def blocked_places(
    places: Sequence[TargetOrder],
    unfinished_cancels: Iterable[OpenOrder],
    unfinished_reductions: Iterable[Reduction] = (),
) -> Split:
    """Hold back targets (entries, quotes or exits) that could meet an order whose end is not finally acknowledged.

    On the same market and side always (both could fill); on the other side where the prices cross. A reduction that
    is not acknowledged blocks its side alone: its order stays in any case, so the plan kept crossing targets out.
    """
    cancels = list(unfinished_cancels)
    sides = {(order.market, order.side) for order in cancels}
    sides.update((reduction.market, reduction.side) for reduction in unfinished_reductions)
    if not sides:
        return Split(tuple(places), ())
    bids: dict[str, int] = {}
    asks: dict[str, int] = {}
    for order in cancels:
        if order.side is Side.BUY:
            bids[order.market] = max(bids.get(order.market, order.price), order.price)
        else:
            asks[order.market] = min(asks.get(order.market, order.price), order.price)

    def is_blocked(target: TargetOrder) -> bool:
        if (target.market, target.side) in sides:
            return True
        if target.side is Side.BUY:
            return target.price >= asks.get(target.market, target.price + 1)
        return target.price <= bids.get(target.market, target.price - 1)

    ready: list[TargetOrder] = []
    blocked: list[Dropped] = []
    for target in places:
        if is_blocked(target):
            blocked.append(Dropped(target, DropReason.CANCEL_UNFINISHED))
        else:
            ready.append(target)
    return Split(tuple(ready), tuple(blocked))


def remainders(exits: Sequence[TargetOrder], filled: Mapping[tuple[str, Side], int]) -> Split:
    """Cut exits to what is left to sell: their markets' cancelled orders had filled that much, by market and side."""
    ready: list[TargetOrder] = []
    gone: list[Dropped] = []
    left = dict(filled)
    for target in exits:
        key = (target.market, target.side)
        sold = min(left.get(key, 0), target.size)
        if sold:
            left[key] -= sold
            gone.append(Dropped(structs.replace(target, size=sold), DropReason.OVERSELL))
        if sold < target.size:
            ready.append(structs.replace(target, size=target.size - sold))
    return Split(tuple(ready), tuple(gone))
