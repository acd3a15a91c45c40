"""Invariants of brackets that must hold at every step, checked against the exchange's own books.

Held is what the exchange says, less what was written off as dust; offered is what rests there to reduce it, and what
was sent for that and may still arrive.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from holdfast.core.bracket import Bracket, ExitSource
from holdfast.core.exiting import LONGEST_STALE_MS
from holdfast.core.journal import JournalEntry, Operation
from holdfast.core.market import MarketRules
from holdfast.core.orders import Purpose
from holdfast.core.trade import Trade
from local.simulation.venue import BookOrder, SimulatedVenue

REDUCING = frozenset({Purpose.TAKE_PROFIT, Purpose.STOP, Purpose.EXIT})

_brackets = msgspec.json.Decoder(Bracket)
_trades = msgspec.json.Decoder(Trade)

Report = Callable[[str, str], None]


class ProtectionWatch:
    """Looks at protected markets, by the `rules` that their exchange has for them.

    What it buys in an immediate sale is to be protected or sold, also where it is too little to rest; the rest is dust.
    `entries` are the live journal entries. `may_vanish`: what was bought can be taken back by the exchange in this run,
    so that what is on offer can come to exceed what is held without any fault of ours.
    """

    def __init__(
        self,
        venue: SimulatedVenue,
        entries: Mapping[str, JournalEntry],
        purpose: Callable[[BookOrder], Purpose | None],
        client_id: Callable[[BookOrder], str],
        report: Report,
        now_ms: Callable[[], int],
        rules: Mapping[str, MarketRules],
        *,
        may_vanish: bool = False,
    ) -> None:
        self._venue, self._entries = venue, entries
        self._purpose, self._client_id = purpose, client_id
        self._report, self._now_ms = report, now_ms
        self._rules = rules
        self._may_vanish = may_vanish
        self.dust: Counter[str] = Counter()
        self._seen: set[str] = set()
        self.open: dict[str, Bracket] = {}
        self.said_unprotected: set[str] = set()
        self.trades: list[Trade] = []

    def watches(self, market: str) -> bool:
        """Whether positions of this market have brackets."""
        return market in self._rules

    def is_sellable(self, market: str, size: int) -> bool:
        """Whether so much, signed, is more than dust."""
        return self._rules[market].snap_sale(abs(size)) > 0

    def can_rest(self, market: str, size: int) -> bool:
        """Whether so much is enough for an order that rests."""
        return self._rules[market].snap_size(size) > 0

    def goes_by_older_lists(self, market: str) -> bool:
        """Whether an exit has waited so long that it no longer waits for a list as new as what is known."""
        exit = self.open[market].exit if market in self.open else None
        return exit is not None and self._now_ms() - exit.decided_at_ms >= LONGEST_STALE_MS

    def held(self) -> Counter[str]:
        """Signed size of every protected market that has not ended, by the exchange's books."""
        books = self._venue.books()
        purposes = {order.order_id: self._purpose(order) for order in books.orders if self.watches(order.market)}
        held = Counter({market: -size for market, size in self.dust.items()})
        for fill in books.fills:
            if not fill.void and purposes.get(fill.order_id) is not None:
                held[fill.market] += fill.signed
        for market in books.settled:
            held.pop(market, None)
        return held

    def wrote_off(self, market: str, signed: int) -> None:
        """Dust of this signed size has left the ledger."""
        self.dust[market] += signed

    def stored(self, item: Mapping[str, object]) -> None:
        """A bracket or a trade was stored."""
        if "trade" in item:
            trade = _trades.decode(str(item["trade"]))
            self.trades.append(trade)
            if trade.source is ExitSource.UNKNOWN:
                self._report("one named exit source", f"{trade.bracket_id} of {trade.market}: {trade.reason}")
            return
        bracket = _brackets.decode(str(item["bracket"]))
        self.open[bracket.market] = bracket

    def removed(self, market: str) -> None:
        """armed-until-flat: a bracket is closed when the exchange shows nothing any more that it would protect."""
        bracket = self.open.pop(market)
        held, name = self.held()[market], bracket.bracket_id
        if self.is_sellable(market, held):
            self._report("armed-until-flat", f"{name} was closed while {held} of {market} is held")
        for order in self._reducing(market):
            self._report("armed-until-flat", f"{name} was closed while {order.order_id} of {market} rests")
        for client_id in self._on_the_way(market, REDUCING | {Purpose.ENTRY}):
            self._report("armed-until-flat", f"{name} was closed while {client_id} may still arrive in {market}")

    def opened(self, entry: JournalEntry) -> None:
        """never-oversell and one-exit, at the moment when a reducing order becomes possible: its journal entry.

        Where the exchange keeps a sale from selling twice, an exit may go out before all is known: it would be refused.
        """
        if entry.operation is not Operation.PLACE or entry.purpose not in REDUCING:
            return
        asked: Counter[str] = Counter()
        for item in entry.items:
            asked[item.market] += item.size
        held, ended = self.held(), self._venue.books().settled
        for market, size in asked.items():
            if not self.watches(market) or market in ended:
                continue
            waiting = self._on_the_way(market, REDUCING, besides=entry.entry_id)
            resting = self._reducing(market)
            self._check_one_exit(entry, market, waiting, resting)
            if entry.purpose is Purpose.EXIT and self._venue.one is None:
                continue
            offered = size + sum(waiting.values()) + sum(order.remaining for order in resting)
            if offered > abs(held[market]) and not self._may_vanish:
                words = f"{size} now, {dict(waiting)} on the way, {[o.remaining for o in resting]} resting"
                self._report("never-oversell", f"{entry.entry_id} in {market}: {words}, {held[market]} held")

    def requested(self) -> None:
        """A write has taken effect: what is new sells no more than was held, and nothing that is held is naked."""
        held = self.held()
        fresh = [order for order in self._venue.books().orders if order.order_id not in self._seen]
        self._seen.update(order.order_id for order in fresh)
        for market in sorted({order.market for order in fresh if self.watches(order.market)}):
            new = {order.order_id: order for order in fresh if order.market == market and self._purpose(order)}
            self._check_sizes(market, new, held[market])
        self.check_covered(held)

    def check_covered(self, held: Mapping[str, int]) -> None:
        """never-naked-silently: what is held has a bracket in the store."""
        for market, size in held.items():
            if self.is_sellable(market, size) and market not in self.open and not self._may_vanish:
                self._report("never-naked-silently", f"{size} of {market} is held without a bracket")

    def _check_sizes(self, market: str, new: Mapping[str, BookOrder], held: int) -> None:
        traded = sum(fill.signed for fill in self._venue.books().fills if fill.order_id in new and not fill.void)
        before = held - traded
        reducing = [order for order in new.values() if self._purpose(order) in REDUCING]
        asked = sum(order.size for order in reducing)
        resting = sum(order.remaining for order in self._reducing(market) if order.order_id not in new)
        if asked and asked + resting > abs(before) and not self._may_vanish:
            words = f"{[order.order_id for order in reducing]} for {asked} beside {resting} that rest"
            self._report("never-oversell", f"{words}, {before} of {market} held")

    def _check_one_exit(
        self, entry: JournalEntry, market: str, waiting: Mapping[str, int], resting: list[BookOrder]
    ) -> None:
        if entry.purpose is not Purpose.EXIT:
            return
        unknown = [
            other.entry_id
            for other in self._entries.values()
            if other.entry_id != entry.entry_id and other.operation is Operation.PLACE
            if other.purpose is Purpose.EXIT and any(i.market == market and i.is_unknown for i in other.items)
        ]
        live = [order.order_id for order in resting if self._purpose(order) is Purpose.EXIT]
        if unknown or live:
            self._report("one-exit", f"{entry.entry_id} in {market} beside {unknown} unknown, {live} live")

    def _reducing(self, market: str) -> list[BookOrder]:
        """What rests to reduce the position."""
        orders = [order for order in self._venue.open_orders() if order.market == market]
        return [order for order in orders if self._purpose(order) in REDUCING]

    def _on_the_way(self, market: str, purposes: frozenset[Purpose], besides: str = "") -> dict[str, int]:
        """Sizes by client order id of places that the exchange does not know yet and may still get."""
        arrived = {self._client_id(order) for order in self._venue.books().orders if order.market == market}
        return {
            item.client_order_id: item.size
            for entry in self._entries.values()
            if entry.operation is Operation.PLACE and entry.purpose in purposes and entry.entry_id != besides
            if self._now_ms() < entry.resolvable_at_ms
            for item in entry.items
            if item.market == market and item.is_unknown and item.client_order_id not in arrived
        }
