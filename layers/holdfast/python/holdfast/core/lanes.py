"""The lanes of a plan: what goes first, what would trade with our own orders, what would sell more than is held."""

from collections.abc import Iterable, Mapping, Sequence, Set

from msgspec import structs

from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, TargetOrder, split_reducing

_BUY = Side.BUY


def inner_first(targets: Iterable[TargetOrder]) -> list[TargetOrder]:
    """Highest priority first; then the levels nearest to the opposite side, of every market and both sides."""
    ordered = sorted(targets, key=_by_level)
    passed: dict[tuple[str, Side], int] = {}
    levels = []
    for index, target in enumerate(ordered):
        key = (target.market, target.side)
        level = passed.get(key, 0)
        passed[key] = level + 1
        levels.append((-target.priority, level, index))
    levels.sort()
    return [ordered[index] for _, _, index in levels]


def _by_level(target: TargetOrder) -> tuple[str, Side, int, int, str, int]:
    inwards = -target.price if target.side is _BUY else target.price
    return target.market, target.side, -target.priority, inwards, target.leg, target.size


def abandoned_first(cancels: Sequence[OpenOrder], targets: Iterable[TargetOrder]) -> list[OpenOrder]:
    """Cancels in markets without any target first (nobody vouches for them), then by their market's priority."""
    if not cancels:
        return []
    ranks: dict[str, int | None] = dict.fromkeys((order.market for order in cancels), None)
    for target in targets:
        market = target.market
        if market in ranks:
            rank = ranks[market]
            if rank is None or -target.priority < rank:
                ranks[market] = -target.priority

    def place(order: OpenOrder) -> tuple[bool, int, str, int, str]:
        rank = ranks[order.market]
        return rank is not None, rank or 0, order.market, order.price, order.order_id

    return sorted(cancels, key=place)


def without_crossings(
    places: Sequence[TargetOrder], standing: Iterable[OpenOrder]
) -> tuple[list[TargetOrder], list[TargetOrder]]:
    """Split into places that can't trade with a standing order of this account or an earlier place, and the rest."""
    bids, asks = _best_prices(standing, {target.market for target in places})
    clear: list[TargetOrder] = []
    crossing: list[TargetOrder] = []
    for target in places:
        market, price = target.market, target.price
        if target.side is _BUY:
            crosses = price >= asks.get(market, price + 1)
            if not crosses and price > bids.get(market, price - 1):
                bids[market] = price
        else:
            crosses = price <= bids.get(market, price - 1)
            if not crosses and price < asks.get(market, price + 1):
                asks[market] = price
        (crossing if crosses else clear).append(target)
    return clear, crossing


def _best_prices(orders: Iterable[OpenOrder], markets: Set[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Highest bid and lowest ask of these orders by market."""
    bids: dict[str, int] = {}
    asks: dict[str, int] = {}
    for order in orders:
        market = order.market
        if market in markets:
            price = order.price
            if order.side is _BUY:
                if price > bids.get(market, price - 1):
                    bids[market] = price
            elif price < asks.get(market, price + 1):
                asks[market] = price
    return bids, asks


def within_position(
    targets: Iterable[TargetOrder], obstacles: Iterable[OpenOrder], positions: Mapping[str, int]
) -> tuple[list[TargetOrder], list[TargetOrder]]:
    """Cut targets, in their order, to what is held net of live orders on their side; returns (whole or cut, cut off).

    `positions` are signed sizes by market, absent: flat. Sizes of both lists add up to the sizes that came in.
    """
    wanted = list(targets)
    taken = {(target.market, target.side): 0 for target in wanted}
    for order in obstacles:
        key = (order.market, order.side)
        if key in taken:
            taken[key] += order.remaining
    within: list[TargetOrder] = []
    beyond: list[TargetOrder] = []
    for target in wanted:
        key, size = (target.market, target.side), target.size
        reducing, _ = split_reducing(target.side, taken[key] + size, positions.get(target.market, 0))
        allowed = max(reducing - taken[key], 0)
        taken[key] += allowed
        if allowed == size:
            within.append(target)
            continue
        if allowed:
            within.append(structs.replace(target, size=allowed))
        beyond.append(structs.replace(target, size=size - allowed))
    return within, beyond
