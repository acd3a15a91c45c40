"""Observe an account: the venue's lists first, then the journal, resolved and merged; new fills booked on the way."""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.capabilities import Identity
from holdfast.core.errors import ConditionFailedError
from holdfast.core.journal import EntryState, JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import Fill, OpenOrder, purpose_of
from holdfast.core.positions import fill_key
from holdfast.core.reconcile import horizon_of, reconcile
from holdfast.core.resolution import Evidence, is_resolvable, resolve
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.bookkeeping import OVERLAP_MS, Bookkeeper
from holdfast.jobs.ports import Ports
from holdfast.jobs.unreadable import say_unreadable
from holdfast.jobs.writes import Writes
from holdfast.state.journal import KnownOrder
from holdfast.state.ledger import Ledger, StoredPosition, Watermark
from holdfast.telemetry.port import Level
from holdfast.venues.port import OpenOrders, OrderRead, OrderStatus

# Single look-ups of orders that no list names, at most, in one tick.
_MOST_LOOK_UPS = 20


class Observer:
    """Reads one account at the start of a tick."""

    def __init__(self, ports: Ports, writes: Writes, clock: Clock) -> None:
        self._ports = ports
        self._writes = writes
        self._clock = clock
        self._account = writes.lease.account
        self._ledger = Ledger(ports.store, self._account)
        self._bookkeeper = Bookkeeper(ports, self._account, ports.venue.capabilities.one)

    def observe(self) -> AccountView:
        """Read, resolve, book and merge. Raises VenueError where the venue can't be read: then nothing is known."""
        watermark = self._ledger.watermark()
        if not watermark.read_to_ms:
            # Set before the first order is sent: its fills must be found however long nobody looks.
            watermark = Watermark(self._clock.now_ms())
            self._ledger.advance(watermark)
        since_ms = watermark.read_to_ms - OVERLAP_MS
        listed = self._ports.venue.open_orders()
        fills = self._ports.venue.fills(max(since_ms, 0))
        journal = self._writes.journal
        entries, unreadable = journal.read()
        say_unreadable(self._ports, unreadable, self._clock.now_ms())
        listed = self._named(listed, entries)
        horizon_ms = horizon_of(listed.as_of_ms, listed.requested_at_ms, self._ports.venue.capabilities)
        entries, in_doubt = self._resolve(entries, listed, horizon_ms)
        positions = self._ledger.positions()
        booked, unnamed, waiting = self._book(fills, watermark, listed.orders, entries, positions)
        filled: Counter[str] = Counter()
        for fill in fills:
            filled[fill.order_id] += 0 if fill.void else fill.size
        for stored in positions.values():
            # Another reader can have booked from a fresher copy: what it booked is no fill that is still to come.
            for order_id, size in stored.position.booked.items():
                filled[order_id] = max(filled[order_id], size)
        # Where the venue itself keeps a sale from selling twice, it also counts trades that fail later.
        counts_hold = not self._ports.venue.capabilities.reserves_sells
        merged = reconcile(listed.orders, entries, horizon_ms=horizon_ms, filled=filled, counts_hold=counts_hold)
        is_current = horizon_ms >= journal.retired_through_ms()
        if merged.retired and is_current:
            journal.retire(merged.retired)
        if not is_current:
            self._event("LIST_STALE", Level.WARNING, horizon_ms=horizon_ms)
        retired = {entry.entry_id for entry in merged.retired}
        unresolved = sum(entry.state is EntryState.SENT for entry in entries)
        self._event(
            "RECONCILED",
            listed=len(listed.orders),
            open=len(merged.open_orders),
            overlaid=len(entries) - len(merged.retired),
            retired=len(merged.retired),
            unresolved=unresolved,
            fills=booked,
        )
        return AccountView(
            open_orders=merged.open_orders,
            frozen=merged.frozen,
            doubtful=merged.doubtful,
            positions=positions,
            unbooked=_with(merged.unbooked, waiting),
            in_doubt=tuple(in_doubt),
            entries=tuple(entry for entry in entries if entry.entry_id not in retired),
            unsettled=_unsettled(fills),
            provisional=frozenset(fill.market for fill in fills if not (fill.final or fill.void))
            | {fill.market for fill in waiting},
            fills_lag=merged.fills_lag,
            is_current=is_current,
            as_of_ms=listed.as_of_ms or listed.requested_at_ms,
            booked=booked,
            unresolved=unresolved,
            unnamed=unnamed,
            unreadable=unreadable,
            waiting=frozenset(fill.market for fill in waiting),
        )

    def _named(self, listed: OpenOrders, entries: Sequence[JournalEntry]) -> OpenOrders:
        """The list with our orders marked as ours by journal and index, where the venue keeps no id of ours."""
        if self._ports.venue.capabilities.identity is not Identity.HASH:
            return listed
        known = self._indexed({order.order_id for order in listed.orders}, entries)
        orders = tuple(
            structs.replace(order, client_order_id=ours.client_order_id, purpose=ours.purpose)
            if (ours := known.get(order.order_id))
            else order
            for order in listed.orders
        )
        return structs.replace(listed, orders=orders)

    def _resolve(
        self, entries: Sequence[JournalEntry], listed: OpenOrders, horizon_ms: int
    ) -> tuple[list[JournalEntry], list[JournalEntry]]:
        """Let the venue's lists say what became of writes in doubt, once they can.

        Returns all entries as they are now, and those that stay in doubt although these lists could have told.
        """
        now_ms = self._clock.now_ms()
        due = [entry for entry in entries if is_resolvable(entry, horizon_ms, now_ms)]
        if not due:
            return list(entries), []
        ours = {order.client_order_id: order for order in listed.orders}
        ours = self._looked_up(_missing(due, ours), due) | ours
        evidence = Evidence(horizon_ms, {order.order_id: order for order in listed.orders}, ours)
        resolved = {entry.entry_id: self._resolve_one(entry, evidence) for entry in due}
        in_doubt = [entry for entry in resolved.values() if entry is not None and entry.state is EntryState.SENT]
        return [resolved.get(entry.entry_id) or entry for entry in entries], in_doubt

    def _looked_up(self, missing: Sequence[WriteItem], due: Sequence[JournalEntry]) -> dict[str, OpenOrder]:
        """What the venue shows, by our id, of places that no list of open orders shows."""
        if not missing:
            return {}
        if self._ports.venue.capabilities.identity is Identity.HASH:
            reads = {item.client_order_id: self._ports.venue.find_order(item.order_id, item.market) for item in missing}
            return {client_order_id: _as_it_is(read) for client_order_id, read in reads.items() if read is not None}
        recent = self._ports.venue.recent_orders(min(entry.sent_at_ms for entry in due) - OVERLAP_MS)
        return {read.order.client_order_id: _as_it_is(read) for read in recent}

    def _resolve_one(self, entry: JournalEntry, evidence: Evidence) -> JournalEntry | None:
        """The entry with what the evidence shows; None where another writer has it in hand: whoever loses re-reads."""
        resolved = resolve(entry, evidence, self._clock.now_ms())
        try:
            self._writes.journal.close(resolved, self._clock.now_ms())
        except ConditionFailedError:
            self._event("JOURNAL_TAKEN_OVER", entry=entry.entry_id, decision_id=entry.decision_id)
            return None
        self._event(
            "OUTCOME_RESOLVED" if resolved.state is EntryState.ACKNOWLEDGED else "OUTCOME_UNKNOWN",
            Level.INFO if resolved.state is EntryState.ACKNOWLEDGED else Level.WARNING,
            entry=entry.entry_id,
            operation=entry.operation.value,
            decision_id=entry.decision_id,
            outcomes=[type(item.outcome).__name__ for item in resolved.items],
        )
        return resolved

    def _book(
        self,
        fills: Sequence[Fill],
        watermark: Watermark,
        listed: Sequence[OpenOrder],
        entries: Sequence[JournalEntry],
        positions: dict[str, StoredPosition],
    ) -> tuple[int, int, list[Fill]]:
        """How many fills were booked, of how many orders nobody could say whose they are, and which fills of ours can't
        be booked before their fee is known."""
        seen = set(watermark.recent)
        fresh = {fill.order_id for fill in fills if fill_key(fill) not in seen}
        if not fresh:
            return 0, 0, []
        known = self._known(fresh, listed, entries, fills)
        waiting = self._bookkeeper.without_fee(fills, watermark)
        booked = self._bookkeeper.book_fills(fills, watermark, known, positions, waiting)
        ours = [fill for fill in waiting if known.get(fill.order_id) is not None]
        return booked, len(fresh - known.keys()), ours

    def _known(
        self, order_ids: set[str], listed: Sequence[OpenOrder], entries: Sequence[JournalEntry], fills: Sequence[Fill]
    ) -> dict[str, KnownOrder | None]:
        """Whose these orders are: ours, or None for foreign; one that nobody can name yet is absent.

        By our index, then the journal, the list, recent orders, and last one by one.
        """
        known: dict[str, KnownOrder | None] = dict(self._indexed(order_ids, entries))
        if self._ports.venue.capabilities.identity is Identity.HASH:
            # An order of ours is in the journal before it is sent, and in the index before the journal forgets it.
            return {order_id: known.get(order_id) for order_id in order_ids}
        decisions = _decisions(entries)
        self._attribute(listed, known, decisions)
        if order_ids - known.keys():
            recent = self._ports.venue.recent_orders(min(fill.at_ms for fill in fills) - OVERLAP_MS)
            self._attribute([read.order for read in recent], known, decisions)
        market_of = {fill.order_id: fill.market for fill in fills}
        for order_id in sorted(order_ids - known.keys())[:_MOST_LOOK_UPS]:
            read = self._ports.venue.find_order(order_id, market_of[order_id])
            self._attribute([read.order] if read else [], known, decisions)
        return {order_id: known[order_id] for order_id in order_ids & known.keys()}

    def _indexed(self, order_ids: set[str], entries: Sequence[JournalEntry]) -> dict[str, KnownOrder]:
        """Which of these orders are ours, by our index and the journal."""
        known = self._writes.journal.known_orders(order_ids)
        for entry in entries:
            for item in entry.items:
                if entry.operation is Operation.PLACE and item.order_id in order_ids:
                    order = KnownOrder(
                        item.order_id, item.client_order_id, entry.purpose, entry.decision_of(item.market)
                    )
                    known.setdefault(item.order_id, order)
        return known

    def _attribute(
        self, orders: Sequence[OpenOrder], known: dict[str, KnownOrder | None], decisions: Mapping[str, str]
    ) -> None:
        """By the mark in an order's client id, with its decision where the journal still knows it."""
        for order in orders:
            client_id = order.client_order_id
            purpose = purpose_of(client_id, self._account)
            ours = KnownOrder(order.order_id, client_id, purpose, decisions.get(client_id, "")) if purpose else None
            known.setdefault(order.order_id, ours)

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)


def _with(unbooked: Mapping[str, int], waiting: Sequence[Fill]) -> dict[str, int]:
    """Signed sizes by market that are in no position yet, with those of fills that wait to be booked."""
    sizes = Counter(unbooked)
    for fill in waiting:
        sizes[fill.market] += fill.size if (fill.side is Side.BUY) is not fill.void else -fill.size
    return dict(sizes)


def _unsettled(fills: Sequence[Fill]) -> dict[str, int]:
    """Signed sizes by market of fills that are not final yet."""
    sizes: Counter[str] = Counter()
    for fill in fills:
        if not fill.final and not fill.void:
            sizes[fill.market] += fill.size if fill.side is Side.BUY else -fill.size
    return dict(sizes)


def _decisions(entries: Sequence[JournalEntry]) -> dict[str, str]:
    """The decisions that led to the journal's places, by client order id."""
    places = [entry for entry in entries if entry.operation is Operation.PLACE]
    return {item.client_order_id: entry.decision_of(item.market) for entry in places for item in entry.items}


def _as_it_is(read: OrderRead) -> OpenOrder:
    """The order with what still rests of it: nothing once it is over."""
    return read.order if read.status is OrderStatus.RESTING else structs.replace(read.order, remaining=0)


def _missing(due: Sequence[JournalEntry], ours: dict[str, OpenOrder]) -> list[WriteItem]:
    """The places in doubt that `ours` does not show."""
    return [
        item
        for entry in due
        if entry.operation is Operation.PLACE
        for item in entry.items
        if item.is_unknown and item.client_order_id not in ours
    ]
