"""Invariants of design section 1 that must hold once a run has healed, against the exchange's own books."""

from collections import Counter
from collections.abc import Mapping

from holdfast.core.bracket import Bracket, ExitMode
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.positions import LedgerKind, LedgerLine
from holdfast.state.brackets import Brackets
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.port import Store
from local.simulation.protection_watch import REDUCING
from local.simulation.venue import BookFill, BookOrder, SimulatedVenue
from local.simulation.watch import Watch


class Audit:
    """Compares one account's state with the exchange's books of its user."""

    def __init__(self, store: Store, venue: SimulatedVenue, watch: Watch) -> None:
        self._venue, self._watch = venue, watch
        self._books = venue.books()
        self._ledger = Ledger(store, venue.account.account_id)
        self._journal = Journal(store, venue.account.account_id)
        self._brackets = Brackets(store, venue.account.account_id)
        self._order_of = {order.order_id: order for order in self._books.orders}
        self._standing = [fill for fill in self._books.fills if not fill.void]

    def check_books(self) -> None:
        """fill-once: every fill in the ledger once; positions and money are the exchange's to the last unit."""
        for imbalance in self._books.imbalances:
            self._watch.report("the exchange's own books balance", imbalance)
        lines = self._ledger.lines()
        self._check_fills(lines)
        self._check_positions()
        self._check_cash(lines)

    def check_journal(self) -> None:
        """same-identity: when all has healed, nothing is in doubt."""
        for entry in self._journal.live():
            if any(item.is_unknown for item in entry.items):
                self._watch.report("same-identity", f"{entry.entry_id} is still unresolved: {entry.operation}")

    def check_exits(self) -> None:
        """never-oversell: no exit makes a position larger or turns it over."""
        position: Counter[str] = Counter()
        for fill in self._standing:
            before = position[fill.market]
            position[fill.market] = after = before + fill.signed
            if self._purpose(fill) in REDUCING and (abs(after) > abs(before) or before * after < 0):
                self._watch.report("never-oversell", f"an exit took {fill.market} from {before} to {after}")
            elif self._venue.one is None and after < 0:
                self._watch.report("never-oversell", f"{fill.market} went to {after}")
        for words in self._books.oversold:
            self._watch.report("never-oversell", words)

    def check_limits(self, most: int) -> None:
        """Quotes never take a position further than this, in size units.

        It is the strategy's limit and one set of quotes more: fills may be read from an older copy than the list that
        shows their orders gone.
        """
        position: Counter[str] = Counter()
        for fill in self._standing:
            if self._purpose(fill) is not None and not self._watch.protections.watches(fill.market):
                position[fill.market] += fill.signed
                if abs(position[fill.market]) > most:
                    self._watch.report("position limit", f"{fill.market} held {position[fill.market]} at {fill.at_ms}")

    def check_resting(self, expected: dict[tuple[str, Side], list[tuple[int, int]]], silent: set[str]) -> None:
        """When all has healed, what rests is what the strategy wants: `expected` prices and sizes by market side.

        In `silent` markets, paused or being exited, nothing is expected.
        """
        resting: dict[tuple[str, Side], list[BookOrder]] = {}
        for order in self._venue.open_orders():
            if self._watch.purpose(order) is not None:
                resting.setdefault((order.market, order.side), []).append(order)
        for key in sorted(resting.keys() | expected.keys()):
            if key[0] in silent:
                continue
            have = sorted((order.price, order.remaining, order.filled) for order in resting.get(key, []))
            want = sorted(expected.get(key, []))
            same = len(have) == len(want) and all(
                price == wanted and (remaining == size or (filled and size // 2 <= remaining < size))
                for (price, remaining, filled), (wanted, size) in zip(have, want, strict=True)
            )
            if not same:
                self._watch.report("what rests is what is wanted", f"{key}: {have} rest, wanted {want}")

    def check_protection(self) -> None:
        """When all has healed, everything is flat, or protected as it should be; its trades are the ledger's sums."""
        protections = self._watch.protections
        held = protections.held()
        stored = self._brackets.open()
        if stored.keys() != protections.open.keys():
            self._watch.report("the store's brackets", f"{sorted(stored)}, not {sorted(protections.open)}")
        for market, size in held.items():
            if protections.is_sellable(market, size):
                self._check_covered(market, size, stored.get(market))
        for market, bracket in stored.items():
            if not protections.is_sellable(market, held[market]) and market not in self._books.settled:
                words = f"{bracket.bracket_id} is {bracket.state} ({bracket.reason}), {held[market]} of {market} held"
                self._watch.report("armed-until-flat", words)
        self._check_trades(stored)

    def _check_covered(self, market: str, held: int, bracket: Bracket | None) -> None:
        if bracket is None:
            if market not in self._watch.protections.said_unprotected:
                self._watch.report("never-naked-silently", f"{held} of {market} is held, and nobody said so")
            return
        resting = sum(
            order.remaining
            for order in self._venue.open_orders()
            if order.market == market and self._watch.purpose(order) in REDUCING
        )
        name = f"{bracket.bracket_id} of {market} ({bracket.state}: {bracket.reason})"
        if bracket.exit is not None:
            self._watch.report("an exit goes on until flat", f"{name}: {held} held, {bracket.exit}")
        wants = bracket.mode is ExitMode.LIMIT_ORDERS and not bracket.fallback and not bracket.exit
        lacking = abs(held) - resting
        if wants and (lacking < 0 or self._watch.protections.can_rest(market, lacking)):
            self._watch.report("protected at once", f"{name}: {resting} of {held} rests")

    def _check_trades(self, stored: Mapping[str, Bracket]) -> None:
        """Of every market whose brackets are all closed, the trades are the ledger's sums."""
        trades = self._watch.protections.trades
        for market, found in self._ledger.positions().items():
            mine = [trade for trade in trades if trade.market == market]
            if market in stored or not self._watch.protections.watches(market):
                continue
            told = tuple(sum(getattr(trade, name) for trade in mine) for name in ("size", "realized", "fees"))
            position = found.position
            if told != (position.entered, position.realized, position.fees):
                booked = (position.entered, position.realized, position.fees)
                self._watch.report("trades are the ledger's", f"{market}: {told} in trades, {booked} in the ledger")

    def check_strangers(self) -> None:
        """foreign-orders-are-not-ours: their fills are noted, never held as ours."""
        for order_id in sorted(self._watch.foreign_orders):
            if self._watch.purpose(self._order_of[order_id]) is not None:
                self._watch.report("foreign-orders-are-not-ours", f"{order_id} bears our mark")

    def check_misses(self) -> None:
        """absent-is-not-gone: every miss is of an order that is over, none of one that was sought in a wrong place."""
        for words in self._venue.strays(self._watch.foreign_orders):
            self._watch.report("absent-is-not-gone", words)

    def check_identities(self) -> None:
        """same-identity: no order of ours is twice in the exchange's books."""
        ours = Counter(self._watch.client_id(order) for order in self._books.orders if self._watch.purpose(order))
        for identity, count in ours.items():
            if count > 1:
                self._watch.report("same-identity", f"{identity} is {count} orders")

    def _check_fills(self, lines: list[LedgerLine]) -> None:
        fills = {fill.key: fill for fill in self._books.fills}
        booked: Counter[str] = Counter()
        for line in lines:
            if line.kind in (LedgerKind.SETTLEMENT, LedgerKind.DUST):
                continue
            key = line.key.removesuffix("#open").removesuffix("#void")
            reverses = line.kind is LedgerKind.REVERSAL
            booked[key] += -line.size if reverses else line.size
            fill = fills.get(key)
            if fill is None:
                self._watch.report("fill-once", f"ledger line {line.key} is no fill of the exchange")
            elif (line.kind is LedgerKind.FOREIGN) != (self._purpose(fill) is None):
                self._watch.report("foreign-orders-are-not-ours", f"ledger line {line.key} is booked as {line.kind}")
            elif reverses and not fill.void:
                self._watch.report("fill-once", f"ledger line {line.key} takes back a fill that stands")
        for key, fill in fills.items():
            # What somebody else's failed trade was noted as moves nothing of ours.
            due = 0 if fill.void else fill.size
            if booked[key] != due and not (fill.void and self._purpose(fill) is None):
                self._watch.report("fill-once", f"fill {key}: {booked[key]} of {due} are in the ledger")

    def _check_positions(self) -> None:
        ours: Counter[str] = Counter()
        for fill in self._standing:
            if self._purpose(fill) is not None and fill.market not in self._books.settled:
                ours[fill.market] += fill.signed
        for market, dust in self._watch.protections.dust.items():
            ours[market] -= dust if market not in self._books.settled else 0
        held = {market: stored.position.size for market, stored in self._ledger.positions().items()}
        for market in sorted(ours.keys() | held.keys()):
            if ours[market] != held.get(market, 0):
                self._watch.report("fill-once", f"{market}: ledger holds {held.get(market, 0)}, venue {ours[market]}")

    def _check_cash(self, lines: list[LedgerLine]) -> None:
        """Money to the last unit: what our fills and settlements moved, reckoned here from the exchange's rows."""
        net: Counter[str] = Counter()
        moved = 0
        for fill in self._standing:
            if self._purpose(fill) is not None:
                moved -= fill.signed * fill.price + fill.fee
                net[fill.market] += fill.signed
        for market, size in net.items():
            if market in self._books.settled:
                moved += size * self._books.settled[market]
            elif self._venue.one is not None:
                # A short position is paid for at 1 - price, which its cash flow does not show before it is closed.
                moved += min(size, 0) * self._venue.one
        ours = sum(line.cash for line in lines)
        if ours != moved:
            self._watch.report("fill-once", f"the ledger's cash moved by {ours}, our fills and settlements by {moved}")
        if not self._watch.foreign_orders and ours != self._books.profit:
            self._watch.report(
                "fill-once", f"the ledger's cash moved by {ours}, the exchange's by {self._books.profit}"
            )

    def _purpose(self, fill: BookFill) -> Purpose | None:
        return self._watch.purpose(self._order_of[fill.order_id])
