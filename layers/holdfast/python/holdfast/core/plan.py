"""The plan: what turns an account's open orders into its target orders, for all markets at once.

One pass over each input, linear in their number. An order that already matches its target is kept, because its
place in the queue is worth money; everything else goes into lanes (design section 5, steps 6 and 7).
"""

from collections.abc import Mapping, Sequence, Set
from itertools import chain
from types import MappingProxyType

from msgspec import Struct

from holdfast.core.capabilities import Capabilities, Replace
from holdfast.core.draft import Draft, Dropped, DropReason, Rules
from holdfast.core.errors import InvalidInputError
from holdfast.core.lanes import abandoned_first, inner_first, within_position, without_crossings
from holdfast.core.market import Side
from holdfast.core.orders import Amendment, OpenOrder, Purpose, Reduction, TargetOrder, TimeInForce

__all__ = ["DropReason", "Dropped", "Plan", "PlanPolicy", "plan"]

_FLAT: Mapping[str, int] = MappingProxyType({})
_BUY, _QUOTE, _ENTRY, _EXIT = Side.BUY, Purpose.QUOTE, Purpose.ENTRY, Purpose.EXIT


class PlanPolicy(Struct, frozen=True, kw_only=True):
    """How much an open order may differ from its target and still be kept.

    `keep_percent`: a partly filled order stays while at least this much of the target's size remains.
    `renew_before_ms`: an order whose expiry is nearer than this is renewed; a few execution intervals.
    """

    renew_before_ms: int
    keep_percent: int = 50

    def __post_init__(self) -> None:
        if not 0 <= self.keep_percent <= 100:
            raise InvalidInputError("keep_percent", self.keep_percent, "0 to 100")
        if self.renew_before_ms < 0:
            raise InvalidInputError("renew_before_ms", self.renew_before_ms, "0 or more milliseconds")


class Plan(Struct, frozen=True):
    """What to send, in lanes; each lane most important item first.

    `exit_cancels` are our quotes and entries on markets that are exited, and exits that rest no more as they should;
    they come before all else. `renewals` change
    the expiry only, except where the order is also too large: one amend then does both. `reductions` keep the place
    in the queue. `kept` counts orders that stay as they are.
    """

    exit_cancels: tuple[OpenOrder, ...] = ()
    exits: tuple[TargetOrder, ...] = ()
    cancels: tuple[OpenOrder, ...] = ()
    renewals: tuple[Amendment, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    entries: tuple[TargetOrder, ...] = ()
    places: tuple[TargetOrder, ...] = ()
    kept: int = 0
    dropped: tuple[Dropped, ...] = ()

    @property
    def is_noop(self) -> bool:
        """Whether there is nothing to send."""
        return not (
            self.exit_cancels
            or self.exits
            or self.cancels
            or self.renewals
            or self.reductions
            or self.entries
            or self.places
        )


def plan(
    open_orders: Sequence[OpenOrder],
    targets: Sequence[TargetOrder],
    *,
    now_ms: int,
    capabilities: Capabilities,
    policy: PlanPolicy,
    positions: Mapping[str, int] = _FLAT,
    frozen: Set[tuple[str, Side]] = frozenset(),
    paused: Set[str] = frozenset(),
    exit_markets: Set[str] = frozenset(),
) -> Plan:
    """Diff the open orders of an account against its targets.

    `open_orders` holds each order once; those that expired by `now_ms` count as gone. One that expires in a moment
    still counts: changing it may come too late, which costs a refusal and, by `blocked_places`, at most this tick's
    replacement. `positions` are signed sizes by market (absent: flat); they bound exits, and on a venue that does not
    net all sells. `frozen` are the sides of markets with a write of unknown outcome, `paused` the markets that the
    venue keeps refusing, or takes no orders in: there only cancels and, in paused markets, exits are sent.

    Only quotes, entries and, in `exit_markets`, exits are changed: there the targets say which exits should rest, one
    that is no target any more is cancelled, and one that is stays or makes room for its successor first. Orders of
    other purposes, and orders that are not ours, stay; what would trade with them is dropped, except exits: holding on
    to a position for a foreign order's sake would be worse.
    """
    rules = Rules(
        renew_until_ms=now_ms + policy.renew_before_ms,
        keep_percent=policy.keep_percent,
        amends=capabilities.replace is Replace.AMEND,
        decreases=capabilities.decrease,
        frozen=frozen,
        paused=paused,
    )
    draft = Draft(rules)
    wanted, exiting = _admit(targets, draft)
    ours, leaving = _take_stock(open_orders, now_ms, exiting, draft.obstacles)
    exits, superseded, resting = _exits(targets, positions, draft, exit_markets)
    if not capabilities.netting:
        wanted = _sell_only_what_is_held(wanted, positions, draft)
    draft.match(ours, wanted)
    places = _sendable(draft)
    return Plan(
        exit_cancels=tuple(abandoned_first([*leaving, *superseded], targets)),
        exits=tuple(exits),
        cancels=tuple(abandoned_first(draft.cancels, targets)),
        renewals=tuple(amendment for _, amendment in sorted(draft.renewals, key=_soonest)),
        reductions=tuple(sorted(draft.reductions, key=_by_side)),
        entries=tuple(target for target in places if target.purpose is _ENTRY),
        places=tuple(target for target in places if target.purpose is not _ENTRY),
        kept=len(draft.kept) + resting,
        dropped=tuple(draft.dropped),
    )


def _take_stock(
    open_orders: Sequence[OpenOrder], now_ms: int, exiting: Set[str], obstacles: list[OpenOrder]
) -> tuple[list[OpenOrder], list[OpenOrder]]:
    """Live quotes and entries: (those to diff, those that an exit cancels). Other live orders go to `obstacles`."""
    live = [order for order in open_orders if order.remaining > 0 and not 0 < order.expires_at_ms <= now_ms]
    ours = [order for order in live if (purpose := order.purpose) is _QUOTE or purpose is _ENTRY]
    if len(ours) < len(live):
        obstacles.extend(order for order in live if order.purpose is not _QUOTE and order.purpose is not _ENTRY)
    if not exiting:
        return ours, []
    return (
        [order for order in ours if order.market not in exiting],
        [order for order in ours if order.market in exiting],
    )


def _admit(targets: Sequence[TargetOrder], draft: Draft) -> tuple[list[TargetOrder], Set[str]]:
    """The quotes and entries that can be planned for, and the markets that are exited; other targets are dropped."""
    wanted = [
        target for target in targets if ((purpose := target.purpose) is _QUOTE or purpose is _ENTRY) and target.size > 0
    ]
    if len(wanted) == len(targets):
        return _unique(wanted, draft), frozenset()
    exiting = {target.market for target in targets if target.purpose is _EXIT}
    for target in targets:
        if target.purpose is not _QUOTE and target.purpose is not _ENTRY:
            if target.purpose is not _EXIT:
                draft.drop(target, DropReason.NOT_PLANNED)
        elif target.market in exiting:
            draft.drop(target, DropReason.EXITING)
        elif target.size <= 0:
            draft.drop(target, DropReason.NO_SIZE)
    return _unique([target for target in wanted if target.market not in exiting], draft), exiting


def _unique(wanted: list[TargetOrder], draft: Draft) -> list[TargetOrder]:
    """One target per market, leg and purpose: two would get the same client order id."""
    # Hashes, because the garbage collector need not follow them; a collision merely means the exact way below.
    if len({hash((target.market, target.leg, target.purpose)) for target in wanted}) == len(wanted):
        return wanted
    unique: dict[tuple[str, str, Purpose], TargetOrder] = {}
    for target in inner_first(wanted):
        if unique.setdefault((target.market, target.leg, target.purpose), target) is not target:
            draft.drop(target, DropReason.DUPLICATE)
    return list(unique.values())


def _exits(
    targets: Sequence[TargetOrder], positions: Mapping[str, int], draft: Draft, exit_markets: Set[str]
) -> tuple[list[TargetOrder], list[OpenOrder], int]:
    """Exits in order, each no larger than what is held and not already on its way out; the resting ones that must go
    first; and how many stay because they are what is wanted."""
    wanted: list[TargetOrder] = []
    frozen: set[tuple[str, Side]] = set()
    for target in _unique(inner_first(target for target in targets if target.purpose is _EXIT), draft):
        if target.size <= 0:
            draft.drop(target, DropReason.NO_SIZE)
        elif (target.market, target.side) in draft.rules.frozen:
            draft.drop(target, DropReason.FROZEN)
            frozen.add((target.market, target.side))
        else:
            wanted.append(target)
    going: list[OpenOrder] = []
    staying: list[OpenOrder] = []
    for order in draft.obstacles:
        # What can't be replaced now is not cancelled for it either.
        ours = order.purpose is _EXIT and order.market in exit_markets and (order.market, order.side) not in frozen
        (going if ours else staying).append(order)
    exits, beyond = within_position(wanted, staying, positions)
    for target in beyond:
        draft.drop(target, DropReason.OVERSELL)
    kept = [order for order in going if any(_rests_as(order, target) for target in exits)]
    draft.obstacles = [*staying, *kept]
    superseded = [order for order in going if order not in kept]
    return [t for t in exits if not any(_rests_as(order, t) for order in kept)], superseded, len(kept)


def _rests_as(order: OpenOrder, target: TargetOrder) -> bool:
    """Whether a resting exit is what its target asks for already."""
    return target.time_in_force is TimeInForce.RESTING and (
        (order.market, order.side, order.price, order.remaining)
        == (target.market, target.side, target.price, target.size)
    )


def _sell_only_what_is_held(wanted: list[TargetOrder], positions: Mapping[str, int], draft: Draft) -> list[TargetOrder]:
    """Where a venue does not net: sells, best ranked first, only up to the position net of other live sells."""
    buys = [target for target in wanted if target.side is _BUY]
    sells = inner_first(target for target in wanted if target.side is not _BUY)
    within, beyond = within_position(sells, draft.obstacles, positions)
    for target in beyond:
        draft.drop(target, DropReason.OVERSELL)
    return [*buys, *within]


def _sendable(draft: Draft) -> list[TargetOrder]:
    """New orders, entries before quotes, that may be sent and can't trade with this account's own."""
    ordered = inner_first(target for target in draft.places if target.purpose is _ENTRY)
    ordered += inner_first(target for target in draft.places if target.purpose is not _ENTRY)
    if draft.rules.frozen or draft.rules.paused:
        ordered = [target for target in ordered if not draft.is_silenced(target)]
    places, crossing = without_crossings(ordered, chain(draft.kept, draft.changed, draft.obstacles))
    for target in crossing:
        draft.drop(target, DropReason.SELF_CROSS)
    return places


def _soonest(renewal: tuple[OpenOrder, Amendment]) -> tuple[int, str, str]:
    order, _ = renewal
    return order.expires_at_ms, order.market, order.order_id


def _by_side(reduction: Reduction) -> tuple[str, Side, str]:
    return reduction.market, reduction.side, reduction.order_id
