"""Reconcile: the venue's list of open orders merged with our own writes that it may not show yet.

The bug this kills: a list fetched before our cancel re-adds the cancelled order, and the next tick cancels it again
for a 404. One number decides: the list's `horizon_ms`, up to which every effect is in it. Writes acknowledged later
override the list; writes acknowledged earlier are in it and their journal entries can be retired.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from holdfast.core.capabilities import Capabilities
from holdfast.core.journal import EntryState, JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose
from holdfast.core.outcomes import Canceled, Changed, Placed, Refusal, Refused

# Added to a venue's read lag where it states no as-of time (design section 5, step 3).
LAG_SLACK_MS = 2_000


class Reconciled(Struct, frozen=True):
    """What is open at the venue as far as anyone can know.

    `frozen`: market sides on which a write may or may not have taken effect; nothing new may be placed there.
    `doubtful`: orders that the list shows although they may be over (a cancel's outcome is unknown, or a write did
    not find them); they are not cancelled again until a later list still shows them. `retired`: journal entries
    that are no longer needed. `unbooked`: signed size by market that answers to our places and cancels say was filled
    and the fills do not show yet, so no position holds it. `fills_lag`: markets with an order that we cancelled, whose
    cancel did not say what had filled, and that the list still shows: fills read with it can't say that either.
    """

    open_orders: tuple[OpenOrder, ...]
    frozen: frozenset[tuple[str, Side]]
    doubtful: frozenset[str]
    retired: tuple[JournalEntry, ...]
    unbooked: dict[str, int]
    fills_lag: frozenset[str] = frozenset()


def horizon_of(as_of_ms: int, requested_at_ms: int, capabilities: Capabilities) -> int:
    """The time up to which every effect is in a list: the venue's as-of time less its slack, or our age rule."""
    if capabilities.states_as_of:
        return as_of_ms - capabilities.as_of_slack_ms
    return requested_at_ms - capabilities.read_lag_ms - LAG_SLACK_MS


def reconcile(
    listed: Sequence[OpenOrder],
    entries: Sequence[JournalEntry],
    *,
    horizon_ms: int,
    filled: Mapping[str, int],
    counts_hold: bool = False,
) -> Reconciled:
    """Merge a list with the live journal (read after it). `filled`: size filled by order id, from the fills read.

    `counts_hold`: what the list says an order has filled is never taken back, so it counts where the fills, read from
    another copy, do not show it yet; quotes apart, whose fills may be older than any that are read.
    Each job's entries are applied oldest first. Two jobs' entries come in no order, and need none: they change no order
    of each other's, and what either of them cancelled is over for good. So are orders whose fills cover their size.
    """
    open_orders = {order.order_id: order for order in listed}
    frozen: set[tuple[str, Side]] = set()
    doubtful: set[str] = set()
    canceled: dict[str, Canceled] = {}
    retired: list[JournalEntry] = []
    shown_ids = {order.order_id for order in listed}
    fills_lag: set[str] = set()
    said = _Said(filled, listed if counts_hold else ())
    for entry in entries:
        shown = entry.acknowledged_at_ms <= horizon_ms
        if shown and entry.state is EntryState.ACKNOWLEDGED:
            retired.append(entry)
            continue
        for item in entry.items:
            if item.is_unknown or not shown:
                _overlay(entry, item, open_orders, filled, frozen, doubtful)
                match item.outcome:
                    case Placed(order_id=order_id, filled=size):
                        said.filled(order_id, item.market, item.side, size)
                    case Canceled(order_id=order_id) as over:
                        canceled[order_id] = over
    for order_id, over in canceled.items():
        order = open_orders.pop(order_id, None)
        if order is not None and over.says_fills:
            size = order.remaining + order.filled - over.reduced_by
            said.filled(order_id, order.market, order.side, size)
        elif order is not None and order_id in shown_ids:
            fills_lag.add(order.market)
    live = _less_fills(open_orders, filled)
    return Reconciled(
        live,
        frozenset(frozen),
        frozenset(doubtful & open_orders.keys()),
        tuple(retired),
        {market: size for market, size in said.unbooked.items() if size},
        frozenset(fills_lag),
    )


class _Said:
    """What answers, and the counts of `listed` orders, said of fills beyond what the fills show: signed, by market."""

    def __init__(self, shown: Mapping[str, int], listed: Sequence[OpenOrder]) -> None:
        self._counted = Counter(shown)
        self.unbooked: Counter[str] = Counter()
        for order in listed:
            if order.purpose not in (None, Purpose.QUOTE):
                self.filled(order.order_id, order.market, order.side, order.filled)

    def filled(self, order_id: str, market: str, side: Side, size: int) -> None:
        """An answer said that this much of an order has filled in all."""
        more = max(size - self._counted[order_id], 0)
        self._counted[order_id] += more
        self.unbooked[market] += more if side is Side.BUY else -more


def _overlay(
    entry: JournalEntry,
    item: WriteItem,
    open_orders: dict[str, OpenOrder],
    filled: Mapping[str, int],
    frozen: set[tuple[str, Side]],
    doubtful: set[str],
) -> None:
    """Let one write that the list may not show override it."""
    if item.is_unknown:
        frozen.add((item.market, item.side))
        if entry.operation is Operation.CANCEL:
            doubtful.add(item.order_id)
        return
    match item.outcome:
        case Placed(order_id=order_id) if order_id not in open_orders:
            open_orders[order_id] = _placed_order(entry, item, item.outcome)
        case Changed():
            _change(item, item.outcome, open_orders, filled)
        case Refused(reason=Refusal.NOT_FOUND) if entry.operation is not Operation.PLACE:
            doubtful.add(item.order_id)
            frozen.add((item.market, item.side))
        case Refused(reason=Refusal.DUPLICATE):
            # The order exists under this identity, but its venue id is not known before a later list shows it.
            frozen.add((item.market, item.side))


def _placed_order(entry: JournalEntry, item: WriteItem, placed: Placed) -> OpenOrder:
    return OpenOrder(
        order_id=placed.order_id,
        client_order_id=item.client_order_id,
        market=item.market,
        side=item.side,
        price=item.price,
        remaining=placed.remaining,
        filled=placed.filled,
        purpose=entry.purpose,
        expires_at_ms=item.expires_at_ms,
        created_at_ms=placed.at_ms,
        shard=item.shard,
    )


def _change(
    item: WriteItem, changed: Changed, open_orders: dict[str, OpenOrder], filled_by_id: Mapping[str, int]
) -> None:
    known = open_orders.pop(item.order_id, None) or open_orders.get(changed.order_id)
    if known is None:
        return
    remaining, filled = known.remaining, known.filled
    if changed.remaining is not None and item.size:
        # An amend: `size` is the total fillable, so the rest had filled when the venue answered.
        remaining, filled = changed.remaining, max(item.size - changed.remaining, known.filled)
    elif changed.remaining is not None:
        # A decrease does not say what had filled by then. Every fill known now counts as before it: too much may
        # count as resting until a list shows it, never too little, or the order would be placed a second time.
        filled = max(filled_by_id.get(known.order_id, 0), known.filled)
        remaining = min(changed.remaining, known.remaining - (filled - known.filled))
    open_orders[changed.order_id] = structs.replace(
        known,
        order_id=changed.order_id,
        price=item.price or known.price,
        remaining=remaining,
        filled=filled,
        expires_at_ms=item.expires_at_ms or known.expires_at_ms,
    )


def _less_fills(open_orders: Mapping[str, OpenOrder], filled: Mapping[str, int]) -> tuple[OpenOrder, ...]:
    """Take off what has filled since the list or the acknowledgement; drop what is over."""
    live: list[OpenOrder] = []
    for order in open_orders.values():
        since = filled.get(order.order_id, 0) - order.filled
        if since > 0:
            order = structs.replace(order, remaining=order.remaining - since, filled=order.filled + since)
        if order.remaining > 0:
            live.append(order)
    return tuple(live)
