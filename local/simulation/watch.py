"""Invariants of design section 1 that must hold at every step, checked as writes take effect."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from holdfast.core.journal import EntryState, JournalEntry, Operation
from holdfast.core.market import MarketRules, Side
from holdfast.core.orders import Placement, Purpose, purpose_of
from holdfast.core.outcomes import Canceled, Changed, Placed
from holdfast.core.positions import LedgerKind
from holdfast.state.port import Check, Delete, Key, Put, Table, Write
from local.simulation.protection_watch import ProtectionWatch
from local.simulation.trace import Trace
from local.simulation.venue import BookOrder, SimulatedVenue
from local.venues.http import Request, Response

_entries = msgspec.json.Decoder(JournalEntry)
_placements = msgspec.json.Decoder(list[Placement])


class Violation(Struct, frozen=True):
    """An invariant that did not hold: its name, and what was seen."""

    invariant: str
    seen: str
    at_ms: int


class Bounds(Struct, frozen=True):
    """What one market side may show at most: `size` in size units, in `orders` orders."""

    size: int
    orders: int


class Held(Struct):
    """The lease of one job as it is held now."""

    fence: int = 0
    owner: str = ""
    began_at_ms: int = 0


class Watch:
    """Looks at every effect on the store and at the venue; `violations` is what it found, in order.

    `protected` are the rules of the markets whose positions have brackets.
    """

    def __init__(
        self,
        venue: SimulatedVenue,
        now_ms: Callable[[], int],
        bounds: Bounds,
        trace: Trace,
        protected: Mapping[str, MarketRules] | None = None,
        *,
        may_vanish: bool = False,
    ) -> None:
        self._venue, self._account = venue, venue.account.account_id
        self._now_ms, self._bounds, self._trace = now_ms, bounds, trace
        self.violations: list[Violation] = []
        self.foreign_orders: set[str] = set()
        self.entries: dict[str, JournalEntry] = {}
        self.leg_of: dict[str, str] = {}
        self._client_id_of: dict[str, str] = {}
        self._exits: dict[str, tuple[str, Side]] = {}
        self._leases: dict[str, Held] = {}
        self._over: dict[tuple[str, str], str] = {}
        self._filled: Counter[str] = Counter()
        self._sizes: dict[str, int] = {}
        self._lines: set[str] = set()
        self._retired_through_ms = 0
        self._halted_since_ms: int | None = None
        self._began_at_ms: dict[str, int] = {}
        self.protections = ProtectionWatch(
            venue,
            self.entries,
            self.purpose,
            self.client_id,
            self.report,
            now_ms,
            protected or {},
            may_vanish=may_vanish,
        )

    def report(self, invariant: str, seen: str) -> None:
        """Note that an invariant did not hold."""
        self.violations.append(Violation(invariant, seen, self._now_ms()))
        self._trace.add(self._now_ms(), "BROKEN", invariant, seen)

    def client_id(self, order: BookOrder) -> str:
        """The client order id of an order: the venue's, or the journal's where the venue keeps none."""
        return order.client_order_id or self._client_id_of.get(order.order_id, "")

    def purpose(self, order: BookOrder) -> Purpose | None:
        """Why an order of ours exists; None for one that is not ours."""
        return purpose_of(self.client_id(order), self._account)

    # The store.

    def halt(self, since_ms: int | None) -> None:
        """From this time on every tick that begins must see the halt; None: not any more."""
        self._halted_since_ms = since_ms

    def read(self, writer: str, keys: Sequence[Key]) -> None:
        """Look at a read of several items: a tick begins with one of its lease and halts."""
        if any(key.pk.startswith("LEASE#") for key in keys):
            self._began_at_ms[writer] = self._now_ms()

    def stored(self, writer: str, writes: Sequence[Write]) -> None:
        """Look at the writes that took effect."""
        for write in writes:
            if isinstance(write, Check):
                continue
            if isinstance(write, Put) and write.table is Table.LEDGER:
                self._booked(writer, write)
            elif isinstance(write, Put) and write.table is Table.CONTROL:
                self._controlled(writer, write)
            elif isinstance(write, Put) and write.table is Table.BRACKETS:
                self.protections.stored(write.item)
            elif isinstance(write, Delete) and write.key.table is Table.BRACKETS:
                self.protections.removed(write.key.sk)
            elif isinstance(write, Delete) and write.key.pk.startswith("INTENT#"):
                self._retired(write.key.sk)

    def _controlled(self, writer: str, put: Put) -> None:
        kind = put.item["pk"].partition("#")[0]
        if kind == "LEASE":
            self._leased(put)
        elif kind == "INTENT":
            self._journaled(writer, _entries.decode(put.item["entry"]))
        elif kind == "WATERMARK" and put.item["sk"] == "orders":
            through_ms = put.item["retired_through_ms"]
            if through_ms < self._retired_through_ms:
                self.report("read-your-writes", f"the watermark of retired writes went back, by {writer}")
            self._retired_through_ms = through_ms

    def _leased(self, put: Put) -> None:
        fence, owner = put.item["fence"], put.item["owner"]
        held = self._leases.setdefault(put.item["pk"].rpartition("#")[2], Held())
        if fence not in (held.fence, held.fence + 1) or (fence == held.fence and owner != held.owner):
            self.report("lease fences strictly increase", f"{put.item} after fence {held.fence} of {held.owner}")
        if fence != held.fence:
            held.began_at_ms = self._began_at_ms[owner]
        held.fence, held.owner = fence, owner

    def _journaled(self, writer: str, entry: JournalEntry) -> None:
        known = self.entries.get(entry.entry_id)
        if known is None or entry.sent_at_ms != known.sent_at_ms or entry.deadline_ms != known.deadline_ms:
            self._opened(entry, again=known is not None)
        self.entries[entry.entry_id] = entry
        for item in entry.items:
            match item.outcome:
                case Canceled(order_id=order_id):
                    self._learned(writer, order_id, f"cancelled by {entry.entry_id}")
                case Placed(order_id=order_id, remaining=0) | Changed(order_id=order_id, remaining=0):
                    self._learned(writer, order_id, f"without remainder since {entry.entry_id}")
                case Placed(order_id=order_id):
                    self._sizes.setdefault(order_id, item.size)

    def _opened(self, entry: JournalEntry, *, again: bool) -> None:
        job = _job(entry)
        held = self._leases.get(job, Held())
        if entry.fence != held.fence:
            self.report("lease fences strictly increase", f"{entry.entry_id} opened while fence {held.fence} is held")
        if entry.operation is not Operation.PLACE:
            for item in entry.items:
                over = self._over.get((job, item.order_id))
                if over and not self.protections.goes_by_older_lists(item.market):
                    self.report("read-your-writes", f"{entry.operation} of {item.order_id}: {over}")
            return
        halted = self._halted_since_ms is not None and self._halted_since_ms <= held.began_at_ms
        if halted and entry.purpose in (Purpose.QUOTE, Purpose.ENTRY):
            self.report("halt", f"{entry.entry_id} places {entry.purpose} orders in a tick that began under a halt")
        if not again:
            legs = [placement.target.leg for placement in _placements.decode(entry.body)]
            for item, leg in zip(entry.items, legs, strict=True):
                if item.order_id:
                    self._client_id_of[item.order_id] = item.client_order_id
                if entry.purpose is Purpose.EXIT:
                    self._exits[item.order_id or item.client_order_id] = item.market, item.side
                self._placing(entry, item.market, leg, item.client_order_id)
            self.protections.opened(entry)

    def _placing(self, entry: JournalEntry, market: str, leg: str, client_id: str) -> None:
        """A new identity for a leg must not meet an earlier one whose outcome is unknown."""
        if client_id in self.leg_of:
            self.report("same-identity", f"{client_id} is used a second time, by {entry.entry_id}")
        self.leg_of[client_id] = leg
        for other in self.entries.values():
            if other.operation is not Operation.PLACE:
                continue
            for item in other.items:
                if item.is_unknown and item.market == market and self.leg_of[item.client_order_id] == leg:
                    self.report(
                        "same-identity", f"{entry.entry_id} places {market} {leg} while {other.entry_id} is open"
                    )

    def _retired(self, entry_id: str) -> None:
        entry = self.entries.pop(entry_id, None)
        if entry is not None and entry.state is not EntryState.ACKNOWLEDGED:
            self.report("same-identity", f"{entry_id} was forgotten although its outcome is unknown")

    def _booked(self, writer: str, put: Put) -> None:
        key, order_id = put.item["sk"], put.item["order_id"]
        if put.item["kind"] == LedgerKind.DUST:
            sells = put.item["side"] == Side.SELL
            self.protections.wrote_off(put.item["market"], put.item["size"] if sells else -put.item["size"])
        if key in self._lines:
            self.report("fill-once", f"ledger line {key} was written twice")
        self._lines.add(key)
        if put.item["kind"] == LedgerKind.REVERSAL:
            return
        self._filled[order_id] += put.item["size"]
        # A quote's fill is no write of ours: an older copy that is read next may not show it, and a cancel of what has
        # filled finds nothing. Until a newer list it counts as resting: too little is offered, never too much.
        is_quote = put.item["purpose"] == Purpose.QUOTE
        if not is_quote and self._filled[order_id] >= self._sizes.get(order_id, 1 << 62):
            self._learned(writer, order_id, f"filled, says ledger line {key}")

    def _learned(self, writer: str, order_id: str, words: str) -> None:
        """An order is over, and a writer knows it: so do the jobs whose leases it holds. The other job's tick may have
        read the journal before."""
        for job, held in self._leases.items():
            if held.owner == writer:
                self._over.setdefault((job, order_id), words)

    # The venue.

    def requested(self, writer: str, request: Request, response: Response) -> None:
        """Look at a request that took effect."""
        if request.method == "GET":
            return
        text = request.path.encode() + request.body
        for order_id in self.foreign_orders:
            if order_id.encode() in text:
                self.report("foreign-orders-are-not-ours", f"{writer} sent {request.method} {request.path}")
        self.protections.requested()
        if request.method == "POST" and response.status < 300:
            self._check_resting(writer)
            self._check_exit(request, response)

    def _check_exit(self, request: Request, response: Response) -> None:
        """An exit must not meet a quote of ours on its side: both could fill, and the position would turn over."""
        told = request.body + response.body
        exits = {place for identity, place in self._exits.items() if identity.encode() in told}
        if not exits:
            return
        for other in self._venue.open_orders():
            purpose = self.purpose(other)
            if self.protections.watches(other.market):
                continue
            if purpose is not None and purpose is not Purpose.EXIT and (other.market, other.side) in exits:
                self.report("never-oversell", f"{other.order_id} rests beside the exit of {other.market}")

    def _check_resting(self, writer: str) -> None:
        """With the fence and the journal a side never shows more than its targets, whatever is in doubt."""
        sizes: Counter[tuple[str, str]] = Counter()
        orders: Counter[tuple[str, str]] = Counter()
        exits: Counter[tuple[str, str]] = Counter()
        for order in self._venue.open_orders():
            client_id = self.client_id(order)
            if order.order_id in self.foreign_orders or (client_id and self.purpose(order) is None):
                continue
            if client_id not in self.leg_of:
                self.report("same-identity", f"{client_id or order.order_id} of {writer} rests without a journal entry")
            if self.protections.watches(order.market):
                continue
            if client_id and self.purpose(order) is Purpose.EXIT:
                exits[order.market, order.side] += 1
                continue
            sizes[order.market, order.side] += order.remaining
            orders[order.market, order.side] += 1
        for side, count in exits.items():
            if count > 1 or orders[side]:
                self.report("one-exit", f"{count} exits and {orders[side]} other orders of ours rest at {side}")
        for side, size in sizes.items():
            if size > self._bounds.size or orders[side] > self._bounds.orders:
                self.report("no two orders for one target", f"{orders[side]} orders, {size} in all, rest at {side}")


def _job(entry: JournalEntry) -> str:
    """The job whose lease an entry was opened under."""
    return entry.entry_id.partition("-")[0]
