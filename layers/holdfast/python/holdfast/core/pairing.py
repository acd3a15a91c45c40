"""Which open order serves which target: same market, side, price and purpose, one to one."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose, TargetOrder

PriceKey = tuple[str, Side, int, Purpose | None]
Suits = Callable[[OpenOrder, TargetOrder], bool]
Item = TypeVar("Item", OpenOrder, TargetOrder)


def by_price(items: Iterable[Item]) -> tuple[dict[PriceKey, Item], dict[PriceKey, list[Item]]]:
    """Index by market, side, price and purpose: the first item of each key, and the further ones where there are."""
    first: dict[PriceKey, Item] = {}
    further: dict[PriceKey, list[Item]] = {}
    for item in items:
        key = (item.market, item.side, item.price, item.purpose)
        if first.setdefault(key, item) is not item:
            further.setdefault(key, []).append(item)
    return first, further


Pairs = list[tuple[OpenOrder, TargetOrder]]


def pair(
    orders: Iterable[OpenOrder], targets: Iterable[TargetOrder], partly: Suits, reduced: Suits
) -> tuple[Pairs, list[OpenOrder], list[TargetOrder]]:
    """Pair orders and targets that share a price; returns the pairs, the spare orders and the spare targets.

    Equal sizes first, then partly filled orders with the smallest target that they suit, then orders that suit once
    reduced. Among equal orders the oldest, which is ahead in the queue. As fast as sorting.
    """
    ascending = sorted(orders, key=lambda order: (order.remaining, order.created_at_ms, order.order_id))
    wanted = sorted(targets, key=lambda target: (target.size, -target.priority, target.leg, target.expires_at_ms))
    pairs: Pairs = []
    ascending, wanted = _merge(ascending, wanted, 1, _is_equal, pairs)
    ascending, wanted = _merge(ascending, wanted, 1, partly, pairs)
    descending = sorted(ascending, key=lambda order: (-order.remaining, order.created_at_ms, order.order_id))
    spare_orders, spare_targets = _merge(descending, wanted[::-1], -1, reduced, pairs)
    return pairs, spare_orders, spare_targets


def _is_equal(order: OpenOrder, target: TargetOrder) -> bool:
    return order.remaining == target.size


def _merge(
    orders: Sequence[OpenOrder], targets: Sequence[TargetOrder], sign: int, suits: Suits, pairs: Pairs
) -> tuple[list[OpenOrder], list[TargetOrder]]:
    """Walk both lists, sorted alike (`sign` -1: descending), pairing each order with the nearest target not before it.

    A target that is before one order is before every later one, so none is looked at twice.
    """
    spare_orders: list[OpenOrder] = []
    spare_targets: list[TargetOrder] = []
    at = 0
    for order in orders:
        while at < len(targets) and sign * targets[at].size < sign * order.remaining:
            spare_targets.append(targets[at])
            at += 1
        if at < len(targets) and suits(order, targets[at]):
            pairs.append((order, targets[at]))
            at += 1
        else:
            spare_orders.append(order)
    return spare_orders, [*spare_targets, *targets[at:]]
