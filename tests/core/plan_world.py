"""Builders for plan tests, and a model venue that applies a plan step by step in lane order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import structs

from holdfast.core.capabilities import Bucket, CancelAck, Capabilities, Costs, Replace
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose, TargetOrder
from holdfast.core.plan import Plan, PlanPolicy, plan
from holdfast.core.scale import Scale

NOW = 1_000_000
POLICY = PlanPolicy(renew_before_ms=30_000)
FRESH = NOW + 100_000
CAPABILITIES = Capabilities(
    scale=Scale(4, 2),
    netting=True,
    post_only=True,
    batch_create=20,
    batch_cancel=20,
    write_bucket=Bucket("write", 100, 100),
    read_bucket=Bucket("read", 200, 600),
    costs=Costs(create=10, cancel=2, amend=10, decrease=10, read=10),
    cancel_ack=CancelAck.FINAL_WITH_FILLS,
    replace=Replace.AMEND,
    decrease=True,
    reserves_sells=False,
    native_bracket=False,
    states_as_of=True,
    as_of_slack_ms=1_000,
    read_lag_ms=2_000,
    books_per_call=100,
)
MANAGED = (Purpose.QUOTE, Purpose.ENTRY)


def bid(price: int = 40, size: int = 10, **fields: Any) -> TargetOrder:
    return target(Side.BUY, price, size, **fields)


def ask(price: int = 60, size: int = 10, **fields: Any) -> TargetOrder:
    return target(Side.SELL, price, size, **fields)


def target(side: Side, price: int, size: int, **fields: Any) -> TargetOrder:
    defaults: dict[str, Any] = {
        "market": "M",
        "purpose": Purpose.QUOTE,
        "leg": f"{side}-{price}",
        "expires_at_ms": FRESH,
    }
    return TargetOrder(side=side, price=price, size=size, **{**defaults, **fields})


def resting(of: TargetOrder, order_id: str = "o1", **fields: Any) -> OpenOrder:
    """An open order as its target wants it, but for `fields`."""
    defaults: dict[str, Any] = {
        "order_id": order_id,
        "client_order_id": f"c-{order_id}",
        "market": of.market,
        "side": of.side,
        "price": of.price,
        "remaining": of.size,
        "purpose": of.purpose,
        "expires_at_ms": of.expires_at_ms,
        "created_at_ms": NOW - 5_000,
    }
    return OpenOrder(**{**defaults, **fields})


def make_plan(orders: Sequence[OpenOrder], targets: Sequence[TargetOrder], **options: Any) -> Plan:
    defaults: dict[str, Any] = {"now_ms": NOW, "capabilities": CAPABILITIES, "policy": POLICY}
    return plan(orders, targets, **{**defaults, **options})


class NotAllowedError(AssertionError):
    """The model venue was asked for something that must not be asked."""


def crosses(one: OpenOrder | TargetOrder, other: OpenOrder | TargetOrder) -> bool:
    if one.market != other.market or one.side is other.side:
        return False
    buy, sell = (one, other) if one.side is Side.BUY else (other, one)
    return buy.price >= sell.price


class ModelVenue:
    """Resting orders by id. Every step is checked: only known orders of ours change, nothing placed trades with us."""

    def __init__(self, orders: Iterable[OpenOrder], now_ms: int = NOW) -> None:
        self.live = {
            order.order_id: order for order in orders if order.remaining > 0 and not 0 < order.expires_at_ms <= now_ms
        }

    def apply(self, made: Plan, keep_alive: frozenset[str] = frozenset()) -> Iterator[OpenOrder | TargetOrder]:
        """Apply lane by lane, yielding what was just sent. Cancels of `keep_alive` are not acknowledged."""
        for order in made.exit_cancels:
            yield self._cancel(order, keep_alive)
        yield from made.exits
        for order in made.cancels:
            yield self._cancel(order, keep_alive)
        for renewal in made.renewals:
            order = self._ours(renewal.order_id)
            if (renewal.price, renewal.side, renewal.market) != (order.price, order.side, order.market):
                raise NotAllowedError(f"{renewal} changes more than size and expiry of {order}")
            self._set(order, remaining=renewal.size - order.filled, expires_at_ms=renewal.expires_at_ms)
            yield order
        for reduction in made.reductions:
            order = self._ours(reduction.order_id)
            self._set(order, remaining=reduction.remaining)
            yield order
        for lane in (made.entries, made.places):
            for wanted in lane:
                self.place(wanted)
                yield wanted

    def place(self, wanted: TargetOrder) -> None:
        for order in self.live.values():
            if crosses(wanted, order):
                raise NotAllowedError(f"{wanted} would trade with {order}")
        order_id = f"new-{wanted.market}-{wanted.leg}-{len(self.live)}"
        self.live[order_id] = resting(wanted, order_id, created_at_ms=NOW)

    def sells(self, market: str) -> int:
        return sum(o.remaining for o in self.live.values() if o.market == market and o.side is Side.SELL)

    def _cancel(self, order: OpenOrder, keep_alive: frozenset[str]) -> OpenOrder:
        self._ours(order.order_id)
        if order.order_id not in keep_alive:
            del self.live[order.order_id]
        return order

    def _ours(self, order_id: str) -> OpenOrder:
        order = self.live.get(order_id)
        if order is None or order.purpose not in MANAGED:
            raise NotAllowedError(f"{order_id} is not live, or not ours to change: {order}")
        return order

    def _set(self, order: OpenOrder, *, remaining: int, expires_at_ms: int | None = None) -> None:
        if not 0 < remaining <= order.remaining:
            raise NotAllowedError(f"{order} would grow or vanish: {remaining}")
        expiry = order.expires_at_ms if expires_at_ms is None else expires_at_ms
        self.live[order.order_id] = structs.replace(order, remaining=remaining, expires_at_ms=expiry)


def pursued(targets: Sequence[TargetOrder], made: Plan) -> list[TargetOrder]:
    """Quote and entry targets without what the plan dropped, cut sizes taken off."""
    size_of = {id(wanted): wanted.size for wanted in targets}
    for drop in made.dropped:
        for wanted in targets:
            same = (wanted.market, wanted.leg, wanted.purpose) == (
                drop.target.market,
                drop.target.leg,
                drop.target.purpose,
            )
            if same and size_of[id(wanted)] >= drop.target.size:
                size_of[id(wanted)] -= drop.target.size
                break
        else:
            raise AssertionError(f"{drop} is of no target")
    return [
        structs.replace(wanted, size=size_of[id(wanted)])
        for wanted in targets
        if wanted.purpose in MANAGED and size_of[id(wanted)] > 0
    ]


def held_on(side: Side, positions: Mapping[str, int], market: str) -> int:
    """What an order on this side could reduce."""
    position = positions.get(market, 0)
    return max(position if side is Side.SELL else -position, 0)
