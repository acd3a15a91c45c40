"""Trim an account's quotes to its risk limits before they are planned, most important markets first.

A halt is for what has already gone too far; admission keeps it from getting there: what would rest, if all of it
filled, stays within the limits of one market, of the account, and of the number of open orders.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, TargetOrder
from holdfast.core.positions import Position
from holdfast.core.risk import RiskLimits, exposure_of


class Admission(Struct, frozen=True):
    """Targets that may be planned, and those that the limits leave no room for."""

    admitted: tuple[TargetOrder, ...]
    refused: tuple[TargetOrder, ...]


def admit(
    targets: Mapping[str, Sequence[TargetOrder]],
    positions: Mapping[str, Position],
    limits: RiskLimits,
    one: int | None,
) -> Admission:
    """Admit quotes by market, highest priority first; within a market inner levels first.

    What positions cost already counts against the account's limit, whether or not their market is quoted.
    """
    held = sum(abs(position.cost) for position in positions.values())
    if _all_fit(targets, positions, limits, one, held):
        return Admission(tuple(target for of_market in targets.values() for target in of_market), ())
    admitted: list[TargetOrder] = []
    refused: list[TargetOrder] = []
    gross_left = limits.gross_exposure - held
    for market in sorted(targets, key=lambda name: (-max((t.priority for t in targets[name]), default=0), name)):
        position = positions.get(market) or Position(market)
        cost = abs(position.cost)
        wanted = list(targets[market])
        fits = _fitting(
            wanted[: max(limits.open_orders - len(admitted), 0)],
            position,
            min(limits.market_exposure, gross_left + cost),
            one,
        )
        admitted += fits
        refused += [target for target in wanted if target not in fits]
        gross_left -= max(_worst(fits, position, one) - cost, 0)
    return Admission(tuple(admitted), tuple(refused))


def _all_fit(
    targets: Mapping[str, Sequence[TargetOrder]],
    positions: Mapping[str, Position],
    limits: RiskLimits,
    one: int | None,
    held: int,
) -> bool:
    """Whether even without any netting everything is within the limits: the usual case, and cheap to see."""
    total, count = held, 0
    for market, of_market in targets.items():
        position = positions.get(market)
        cost = sum(_cost(target, one) for target in of_market)
        if cost + (abs(position.cost) if position else 0) > limits.market_exposure:
            return False
        total += cost
        count += len(of_market)
    return total <= limits.gross_exposure and count <= limits.open_orders


def _fitting(wanted: list[TargetOrder], position: Position, room: int, one: int | None) -> list[TargetOrder]:
    """Drop outer levels, the side that adds to the position first, until the rest fits."""
    while wanted and _worst(wanted, position, one) > room:
        adding = Side.BUY if position.size >= 0 else Side.SELL
        last = max(range(len(wanted)), key=lambda index: (wanted[index].side is adding, index))
        wanted = wanted[:last] + wanted[last + 1 :]
    return wanted


def _cost(target: TargetOrder, one: int | None) -> int:
    """What a target costs at most if it only opens."""
    if target.side is Side.BUY:
        return target.price * target.size
    return (one - target.price) * target.size if one is not None else 0


def _worst(targets: Sequence[TargetOrder], position: Position, one: int | None) -> int:
    orders = [OpenOrder("", "", target.market, target.side, target.price, target.size) for target in targets]
    return exposure_of([position], orders, one, 0).gross
