"""Invariants of design section 1 that must hold once a run has healed, against the exchange's own books."""

from collections import Counter
from collections.abc import Sequence

from holdfast.core.market import Side
from holdfast.core.orders import Purpose, purpose_of
from holdfast.core.positions import LedgerKind, LedgerLine
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.port import Store
from local.simulation.watch import Watch
from local.venues.kalshi.audit import Books
from local.venues.kalshi.records import FillRow, Miss, MissCause, Order
from local.venues.kalshi.wire import ONE


class Audit:
    """Compares one account's state with the exchange's books of its user."""

    def __init__(self, store: Store, account: str, books: Books, watch: Watch) -> None:
        self._account = account
        self._books = books
        self._watch = watch
        self._ledger = Ledger(store, account)
        self._journal = Journal(store, account)
        self._order_of = {order.order_id: order for order in books.orders}

    def check_books(self) -> None:
        """fill-once: every fill in the ledger once; positions and money are the exchange's to the last unit."""
        for imbalance in self._books.imbalances():
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
        for fill in self._books.fills:
            before = position[fill.ticker]
            position[fill.ticker] = after = before + _signed(fill)
            if self._purpose(fill) is Purpose.EXIT and (abs(after) > abs(before) or before * after < 0):
                self._watch.report("never-oversell", f"an exit took {fill.ticker} from {before} to {after}")

    def check_limits(self, most: int) -> None:
        """Quotes never take a position further than this, in size units.

        It is the strategy's limit and one set of quotes more: fills may be read from an older copy than the list that
        shows their orders gone.
        """
        position: Counter[str] = Counter()
        for fill in self._books.fills:
            if self._purpose(fill) is not None:
                position[fill.ticker] += _signed(fill)
                if abs(position[fill.ticker]) > most:
                    self._watch.report("position limit", f"{fill.ticker} held {position[fill.ticker]} at {fill.at_ms}")

    def check_resting(self, expected: dict[tuple[str, Side], list[tuple[int, int]]], silent: set[str]) -> None:
        """When all has healed, what rests is what the strategy wants: `expected` prices and sizes by market side.

        In `silent` markets, paused or being exited, nothing is expected.
        """
        resting: dict[tuple[str, Side], list[Order]] = {}
        for order in self._books.open_orders:
            if purpose_of(order.client_order_id, self._account) is not None:
                resting.setdefault((order.ticker, order.side), []).append(order)
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

    def check_strangers(self) -> None:
        """foreign-orders-are-not-ours: their fills are noted, never held as ours."""
        for order_id in sorted(self._watch.foreign_orders):
            if purpose_of(self._order_of[order_id].client_order_id, self._account) is not None:
                self._watch.report("foreign-orders-are-not-ours", f"{order_id} bears our mark")

    def check_misses(self, misses: Sequence[Miss]) -> None:
        """absent-is-not-gone: every 404 is for an order that is over, none for one that was sought in a wrong place."""
        for miss in misses:
            ours = miss.order_id not in self._watch.foreign_orders
            if ours and miss.cause in (MissCause.WRONG_SHARD, MissCause.WRONG_SUBACCOUNT, MissCause.NEVER_EXISTED):
                self._watch.report("absent-is-not-gone", f"{miss.operation} of {miss.order_id} missed: {miss.cause}")

    def _check_fills(self, lines: list[LedgerLine]) -> None:
        fills = {f"{fill.fill_id}#{fill.order_id}": fill for fill in self._books.fills}
        booked: Counter[str] = Counter()
        for line in lines:
            if line.kind is LedgerKind.SETTLEMENT:
                continue
            key = line.key.removesuffix("#open")
            booked[key] += line.size
            fill = fills.get(key)
            if fill is None:
                self._watch.report("fill-once", f"ledger line {line.key} is no fill of the exchange")
            elif (line.kind is LedgerKind.FOREIGN) != (self._purpose(fill) is None):
                self._watch.report("foreign-orders-are-not-ours", f"ledger line {line.key} is booked as {line.kind}")
        for key, fill in fills.items():
            if booked[key] != fill.size:
                self._watch.report("fill-once", f"fill {key}: {booked[key]} of {fill.size} are in the ledger")

    def _check_positions(self) -> None:
        settled = {row.ticker for row in self._books.settlements}
        ours: Counter[str] = Counter()
        for fill in self._books.fills:
            if self._purpose(fill) is not None and fill.ticker not in settled:
                ours[fill.ticker] += _signed(fill)
        held = {market: stored.position.size for market, stored in self._ledger.positions().items()}
        for market in sorted(ours.keys() | held.keys()):
            if ours[market] != held.get(market, 0):
                self._watch.report("fill-once", f"{market}: ledger holds {held.get(market, 0)}, venue {ours[market]}")

    def _check_cash(self, lines: list[LedgerLine]) -> None:
        """Money to the last unit: what our fills and settlements moved, reckoned here from the exchange's rows."""
        flows: Counter[str] = Counter()
        net: Counter[str] = Counter()
        for fill in self._books.fills:
            if self._purpose(fill) is not None:
                flows[fill.ticker] -= _signed(fill) * fill.price + fill.fee
                net[fill.ticker] += _signed(fill)
        results = {row.ticker: row.result for row in self._books.settlements}
        # A short position is paid for at 1 - price, which its cash flow does not show before it is closed or settled.
        pays = {market: size if results.get(market) == "yes" else 0 for market, size in net.items()}
        holds = {market: min(size, 0) if market not in results else 0 for market, size in net.items()}
        moved = sum(flows.values()) + ONE * (sum(pays.values()) + sum(holds.values()))
        ours = sum(line.cash for line in lines)
        if ours != moved:
            self._watch.report("fill-once", f"the ledger's cash moved by {ours}, our fills and settlements by {moved}")
        if not self._watch.foreign_orders and ours != self._books.profit:
            self._watch.report(
                "fill-once", f"the ledger's cash moved by {ours}, the exchange's by {self._books.profit}"
            )

    def _purpose(self, fill: FillRow) -> Purpose | None:
        return purpose_of(self._order_of[fill.order_id].client_order_id, self._account)


def _signed(fill: FillRow) -> int:
    return fill.size if fill.side is Side.BUY else -fill.size
