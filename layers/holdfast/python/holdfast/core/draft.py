"""A plan in the making: each open order is kept, renewed, reduced or cancelled, each target met, placed or dropped."""

from collections.abc import Sequence, Set
from enum import StrEnum

from msgspec import Struct

from holdfast.core.market import Side
from holdfast.core.orders import Amendment, OpenOrder, Reduction, TargetOrder
from holdfast.core.pairing import by_price, pair


class DropReason(StrEnum):
    """Why a target is not pursued this tick.

    `frozen`: a write on that market and side has an unknown outcome. `paused`: the venue takes no such order there
    now, or keeps refusing the market. `exiting`: the market is being exited. `self_cross`: it would trade with an order
    of this account that stays, or with a better ranked target. `oversell`: nothing is held that it could sell.
    `duplicate`: another target has its market, leg and purpose, and would have its identity. `not_planned`: its purpose
    is another job's. `no_size`: its size is zero or less. `cancel_unfinished`: a write that must come first is not
    finally acknowledged.
    """

    FROZEN = "frozen"
    PAUSED = "paused"
    EXITING = "exiting"
    SELF_CROSS = "self_cross"
    OVERSELL = "oversell"
    DUPLICATE = "duplicate"
    NOT_PLANNED = "not_planned"
    NO_SIZE = "no_size"
    CANCEL_UNFINISHED = "cancel_unfinished"
    CLAIM_LOST = "claim_lost"


class Dropped(Struct, frozen=True):
    """A target, or the part of one (by `target.size`), that is not pursued this tick."""

    target: TargetOrder
    reason: DropReason


class Rules(Struct, frozen=True):
    """What may be done to an order that stays."""

    renew_until_ms: int
    keep_percent: int
    amends: bool
    decreases: bool
    frozen: Set[tuple[str, Side]]
    paused: Set[str]

    def silence(self, market: str, side: Side) -> DropReason | None:
        """Why nothing but cancels may be sent for one side of a market; None where anything may."""
        if (market, side) in self.frozen:
            return DropReason.FROZEN
        return DropReason.PAUSED if market in self.paused else None

    def suits_partly(self, order: OpenOrder, target: TargetOrder) -> bool:
        """Whether a partly filled order still serves a target of its size or more."""
        enough = order.remaining * 100 >= target.size * self.keep_percent
        return order.filled > 0 and enough and order.remaining <= target.size

    def suits_reduced(self, order: OpenOrder, target: TargetOrder) -> bool:
        """Whether the order can be made to suit by taking size off it."""
        return self.decreases and order.remaining > target.size

    def is_ending(self, order: OpenOrder, target: TargetOrder) -> bool:
        """Whether the order would expire soon while its target goes on."""
        if not 0 < order.expires_at_ms <= self.renew_until_ms:
            return False
        return target.expires_at_ms == 0 or target.expires_at_ms > order.expires_at_ms


class Draft:
    """A plan in the making."""

    __slots__ = ("cancels", "changed", "dropped", "kept", "obstacles", "places", "reductions", "renewals", "rules")

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.kept: list[OpenOrder] = []
        self.changed: list[OpenOrder] = []
        self.obstacles: list[OpenOrder] = []
        self.cancels: list[OpenOrder] = []
        self.renewals: list[tuple[OpenOrder, Amendment]] = []
        self.reductions: list[Reduction] = []
        self.places: list[TargetOrder] = []
        self.dropped: list[Dropped] = []

    def drop(self, target: TargetOrder, reason: DropReason) -> None:
        """Leave a target out, and say so."""
        self.dropped.append(Dropped(target, reason))

    def is_silenced(self, target: TargetOrder) -> bool:
        """Drop a target whose side takes nothing but cancels, and say whether it was dropped."""
        reason = self.rules.silence(target.market, target.side)
        if reason is not None:
            self.drop(target, reason)
        return reason is not None

    def match(self, ours: Sequence[OpenOrder], wanted: Sequence[TargetOrder]) -> None:
        """Pair open orders with targets of the same market, side, price and purpose, one to one."""
        if self._match_singles(ours, wanted):
            return
        have, further_orders = by_price(ours)
        want, further_targets = by_price(wanted)
        for key in {**further_orders, **further_targets}:
            orders = [have.pop(key), *further_orders.get(key, ())] if key in have else []
            targets = [want.pop(key), *further_targets.get(key, ())] if key in want else []
            self._match_crowd(orders, targets)
        for key, target in want.items():
            order = have.pop(key, None)
            if order is None:
                self.places.append(target)
            else:
                self._settle(order, target)
        self.cancels.extend(have.values())

    def _match_singles(self, ours: Sequence[OpenOrder], wanted: Sequence[TargetOrder]) -> bool:
        """The usual case, made fast: no two orders and no two targets of one order share a price. False: they do."""
        index = {(order.market, order.side, order.price, order.purpose): order for order in ours}
        if len(index) < len(ours):
            return False
        unmatched = index.copy()
        kept: list[OpenOrder] = []
        missing: list[TargetOrder] = []
        differing: list[tuple[OpenOrder, TargetOrder]] = []
        until = self.rules.renew_until_ms
        for target in wanted:
            key = (target.market, target.side, target.price, target.purpose)
            order = unmatched.pop(key, None)
            if order is None:
                if key in index:
                    return False
                missing.append(target)
            elif order.remaining == target.size and not 0 < order.expires_at_ms <= until:
                kept.append(order)
            else:
                differing.append((order, target))
        self.kept, self.places, self.cancels = kept, missing, list(unmatched.values())
        for order, target in differing:
            self._settle(order, target)
        return True

    def _match_crowd(self, orders: list[OpenOrder], targets: list[TargetOrder]) -> None:
        """The same where several orders or targets share one price: the best suiting pairs first."""
        pairs, spare_orders, spare_targets = pair(orders, targets, self.rules.suits_partly, self.rules.suits_reduced)
        for order, target in pairs:
            self._settle(order, target)
        self.cancels.extend(spare_orders)
        self.places.extend(spare_targets)

    def _settle(self, order: OpenOrder, target: TargetOrder) -> None:
        """Keep, renew, reduce or replace an order whose price is right."""
        rules = self.rules
        silent = rules.silence(order.market, order.side) is not None
        fits = order.remaining == target.size or rules.suits_partly(order, target)
        ending = rules.is_ending(order, target)
        if fits and (silent or not ending):
            self.kept.append(order)
        elif silent or not (fits or rules.suits_reduced(order, target)) or (ending and not rules.amends):
            self.cancels.append(order)
            self.places.append(target)
        else:
            self._change(order, target, ending)

    def _change(self, order: OpenOrder, target: TargetOrder, ending: bool) -> None:
        """Renew or reduce an order in place. Where both are due the amend does both."""
        self.changed.append(order)
        remaining = min(order.remaining, target.size)
        ids = (order.order_id, order.client_order_id)
        if ending:
            fillable = order.filled + remaining
            amendment = Amendment(
                *ids, order.market, order.side, order.price, fillable, target.expires_at_ms, order.shard
            )
            self.renewals.append((order, amendment))
        else:
            self.reductions.append(Reduction(ids[0], order.market, order.side, remaining, order.shard, ids[1]))
