"""What an account's view says of each bracket: what is held, what rests, what is in doubt."""

from collections.abc import Mapping, Sequence

from holdfast.core.book import OrderBook
from holdfast.core.bracket import Bracket, held_size, own_price
from holdfast.core.journal import JournalEntry, Operation
from holdfast.core.legs import Legs, RestingLeg
from holdfast.core.orders import OpenOrder, Purpose
from holdfast.core.outcomes import Refusal, Refused
from holdfast.core.positions import Position
from holdfast.core.protection import Facts
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.ports import Ports
from holdfast.jobs.venue_watch import VenueWatch

_EXITS = frozenset({Purpose.EXIT, Purpose.STOP})


class Account:
    """One look at an account, by market."""

    def __init__(self, ports: Ports, watch: VenueWatch, view: AccountView, now_ms: int, cancel_timeout_ms: int) -> None:
        self._rules = ports.cache.rules
        self._sellable = ports.cache.sellable
        self._watch = watch
        self._now_ms = now_ms
        self.view = view
        self.orders: dict[str, list[OpenOrder]] = {}
        for order in view.open_orders:
            if order.purpose is not None:
                self.orders.setdefault(order.market, []).append(order)
        self._unknown: dict[str, set[Purpose]] = {}
        self._entering: set[str] = {
            order.market for order in view.open_orders if order.purpose is Purpose.ENTRY and order.remaining
        } | view.waiting
        for entry in view.entries:
            if entry.operation is Operation.PLACE:
                self._note(entry)
        self._overdue = view.doubtful - _canceled_since(view.entries, now_ms - cancel_timeout_ms)

    def position(self, market: str) -> Position:
        """A market's position as it is booked."""
        stored = self.view.positions.get(market)
        return stored.position if stored else Position(market)

    def net(self, market: str) -> int:
        """The signed size that is held, with what answers say was filled and no position has yet."""
        return self.position(market).size + self.view.unbooked.get(market, 0)

    def facts(self, bracket: Bracket, books: Mapping[str, OrderBook]) -> Facts:
        """What is known of one bracket. `books` are net of our own orders."""
        market, side = bracket.market, bracket.side
        held = held_size(self.net(market), side)
        unsettled = max(held_size(self.view.unsettled.get(market, 0), side), 0)
        unknown = self._unknown.get(market, set())
        rules = self._rules.get(market)
        return Facts(
            held=held,
            settled=max(held - unsettled, 0),
            unbooked=self.view.unbooked.get(market, 0),
            provisional=market in self.view.provisional,
            fills_lag=market in self.view.fills_lag,
            sellable=self._sellable.get(market),
            ours=tuple(self.orders.get(market, ())),
            doubtful=self.view.doubtful,
            overdue=self._overdue,
            unknown_exit=bool(unknown & _EXITS),
            unknown_leg=Purpose.TAKE_PROFIT in unknown,
            entering=market in self._entering,
            is_over=rules is not None and rules.is_over(self._now_ms),
            mode=self._watch.mode_of(market),
            takes_cancels=self._watch.takes_cancel(market),
            book=books.get(market),
            list_is_stale=not self.view.is_current,
        )

    def legs(self, bracket: Bracket, one: int | None) -> Legs:
        """What the venue holds of the bracket, the order nearest to filling; in doubt counts as held."""
        resting = [o for o in self.orders.get(bracket.market, ()) if o.purpose is Purpose.TAKE_PROFIT and o.remaining]
        if not resting:
            return Legs()
        price = min(own_price(order.price, bracket.side, one) for order in resting)
        since_ms = min(order.created_at_ms for order in resting)
        return Legs(take_profit=RestingLeg(price, sum(order.remaining for order in resting), since_ms))

    def _note(self, entry: JournalEntry) -> None:
        for item in entry.items:
            # A duplicate rests under an id that only a later list shows.
            is_duplicate = isinstance(item.outcome, Refused) and item.outcome.reason is Refusal.DUPLICATE
            if item.is_unknown or is_duplicate:
                self._unknown.setdefault(item.market, set()).add(entry.purpose)
            if entry.purpose is Purpose.ENTRY:
                self._entering.add(item.market)


def _canceled_since(entries: Sequence[JournalEntry], since_ms: int) -> set[str]:
    """Orders whose cancel was sent since then, or was answered: nothing is overdue about those."""
    return {
        item.order_id
        for entry in entries
        if entry.operation is not Operation.PLACE
        for item in entry.items
        if not item.is_unknown or entry.sent_at_ms > since_ms
    }
