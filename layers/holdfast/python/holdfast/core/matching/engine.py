"""The matching engine of one market."""

from collections.abc import Iterable, Sequence

from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.matching.records import Execution, RestingOrder, Submission
from holdfast.core.matching.sides import LevelChange, MergedBook, is_better, take_turns
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Refusal


class MatchingEngine:
    """Price-time priority for our orders of any number of owners; all other liquidity is the tape's.

    The tape says what the rest of the world does, whatever we do:

    - *Taking.* An order of ours that reaches the other side takes the tape's levels and other owners' orders, best
      price first, at their prices. At one price it takes in time priority: what the tape showed before an order of
      ours came, that order, what the tape showed later. What we took of a level stays gone until the tape changes
      that level's size; then the level is what the tape says.
    - *Resting.* An order of ours fills at its own price, never at another:
      when the tape's other side reaches its price, up to what that side offers there (which is then taken);
      when the tape's size at its price on its own side shrinks, after the queue that stood ahead of it; and on trade
      prints at its price or through it, after that queue.
    - *Cancels of others.* A shrinking level does not say whether its size traded or was cancelled. It counts as
      traded only where nothing better is left on that side, because a trade can't pass a better price: it shortens
      the queue, and the rest of it fills us. Anywhere else, and everywhere on a tape that prints its trades
      (`prints_trades`), it counts as cancelled, and by those who came after us as long as there are such: nobody is
      filled, and the queue ahead is only cut to what is left of the level.
    - *Nothing twice.* One shrinking or one print fills at most its size among all our orders at that price. A print
      lowers its level itself; a level that then arrives with just that size has not shrunk again. So a tape must
      give the print before the level.

    Times are UTC ms and only handed through, but callers must call `expire` before anything else at a new time:
    the engine fills whatever rests. The same calls give the same answers.
    """

    def __init__(self, market: str, *, prints_trades: bool = False) -> None:
        self.market = market
        self._prints_trades = prints_trades
        self._book = MergedBook()
        self._orders: dict[str, RestingOrder] = {}
        self._sequence = 0
        self._next_expiry_ms = 0

    # What the tape does.

    def apply_snapshot(self, bids: Iterable[Level], asks: Iterable[Level], at_ms: int) -> list[Execution]:
        """Take over the tape's full book. Returns what it executed of our orders."""
        return self._react(self._book.tape[Side.BUY].replace(bids), self._book.tape[Side.SELL].replace(asks), at_ms)

    def apply_changes(self, bids: Iterable[Level], asks: Iterable[Level], at_ms: int) -> list[Execution]:
        """Set the absolute sizes of several levels of the tape at once; zero removes a level."""
        return self._react(self._book.tape[Side.BUY].update(bids), self._book.tape[Side.SELL].update(asks), at_ms)

    def apply_level(self, side: Side, price: int, size: int, at_ms: int) -> list[Execution]:
        """Set the absolute size of one level of the tape; zero removes it."""
        level = ((price, size),)
        return self.apply_changes(level, (), at_ms) if side is Side.BUY else self.apply_changes((), level, at_ms)

    def apply_trade(self, price: int, size: int, aggressor: Side, at_ms: int) -> list[Execution]:
        """A trade that the tape printed: it reaches our orders at its price or better, then lowers its level.

        Our orders come in price-time priority, each after the queue ahead of it, until the print's size is used up.
        """
        executions: list[Execution] = []
        passive = aggressor.opposite
        budget = size
        own = self._book.own[passive]
        for level in own.prices():
            if not budget or is_better(passive, price, level):
                break
            budget = self._flow(own.levels[level], budget, at_ms, executions)
        lowered = ((price, max(self._book.tape[passive].sizes.get(price, 0) - size, 0)),)
        for level, _, left in self._book.tape[passive].update(lowered):
            self._cut_queue(passive, level, left)
        self._cross(at_ms, executions)
        return executions

    # What our orders do.

    def submit(
        self,
        order_id: str,
        owner: str,
        side: Side,
        price: int,
        size: int,
        *,
        post_only: bool = False,
        time_in_force: TimeInForce = TimeInForce.RESTING,
        expires_at_ms: int = 0,
        now_ms: int,
    ) -> Submission:
        """Match an order at `price` or better and let the rest of it rest.

        `post_only` refuses an order that would match anything, its owner's own orders included. An immediate order's
        rest is dropped. An all-or-nothing order executes only if the book within its price holds its whole size,
        whoever's that is; if part of it turns out to be the owner's own, what matched before stands (facts kalshi
        section 4.1: it then behaves like an immediate one). Raises InvalidInputError for a size or price that is not
        positive and for an id that already rests.
        """
        if size <= 0:
            raise InvalidInputError(f"size of {order_id}", size, "a positive integer")
        if price <= 0:
            raise InvalidInputError(f"price of {order_id}", price, "a positive integer")
        if order_id in self._orders:
            raise InvalidInputError("order_id", order_id, "an id that does not rest yet")
        if post_only and self._book.reachable(side, price) is not None:
            return Submission((), 0, 0, refusal=Refusal.POST_ONLY_CROSS)
        if time_in_force is TimeInForce.ALL_OR_NOTHING and self._book.depth_within(side, price) < size:
            return Submission((), 0, 0)
        self._sequence += 1
        order = RestingOrder(order_id, owner, side, price, size, size, 0, self._sequence, expires_at_ms)
        return self._enter(order, now_ms, rests=time_in_force is TimeInForce.RESTING)

    def cancel(self, order_id: str) -> int:
        """Remove a resting order; returns what was still resting of it. KeyError if it does not rest."""
        order = self._orders[order_id]
        self._remove(order)
        return order.remaining

    def reduce(self, order_id: str, remaining: int) -> None:
        """Lower a resting order's remaining size, keeping its place. KeyError if it does not rest."""
        order = self._orders[order_id]
        if not 0 < remaining <= order.remaining:
            raise InvalidInputError(f"remaining of {order_id}", remaining, f"1 to {order.remaining}")
        order.size -= order.remaining - remaining
        order.remaining = remaining

    def amend(self, order_id: str, *, price: int, remaining: int, expires_at_ms: int, now_ms: int) -> Submission:
        """Change a resting order. KeyError if it does not rest.

        A smaller size or another expiry keeps its place; another price or a larger size puts it at the back of the
        queue of that price, where it may match at once like a new order.
        """
        order = self._orders[order_id]
        if remaining <= 0 or price <= 0:
            raise InvalidInputError(f"price and remaining of {order_id}", (price, remaining), "positive integers")
        if price == order.price and remaining <= order.remaining:
            self.reduce(order_id, remaining)
            order.expires_at_ms = expires_at_ms
            self._watch_expiry(expires_at_ms)
            return Submission((), 0, remaining)
        self._remove(order)
        self._sequence += 1
        order.size += remaining - order.remaining
        order.price, order.remaining, order.expires_at_ms = price, remaining, expires_at_ms
        order.sequence = self._sequence
        return self._enter(order, now_ms, rests=True)

    def expire(self, now_ms: int) -> list[RestingOrder]:
        """Remove and return the orders whose time has come, oldest first."""
        if not self._next_expiry_ms or now_ms < self._next_expiry_ms:
            return []
        over = [order for order in self.orders() if order.expires_at_ms and order.expires_at_ms <= now_ms]
        for order in over:
            self._remove(order)
        self._next_expiry_ms = min((o.expires_at_ms for o in self._orders.values() if o.expires_at_ms), default=0)
        return over

    def close(self) -> list[RestingOrder]:
        """Remove and return every order, oldest first."""
        over = self.orders()
        for order in over:
            self._remove(order)
        return over

    # What can be seen.

    def resting(self, order_id: str) -> RestingOrder | None:
        """A resting order, or None if it does not rest."""
        return self._orders.get(order_id)

    def orders(self, owner: str | None = None) -> list[RestingOrder]:
        """The resting orders, of one owner or all, in time priority."""
        found = [order for order in self._orders.values() if owner is None or order.owner == owner]
        return sorted(found, key=lambda order: order.sequence)

    def ladder(self, side: Side) -> list[Level]:
        """What the public sees of one side, best first: the tape less what we took, plus our resting orders."""
        return self._book.ladder(side)

    @property
    def best_bid(self) -> int | None:
        """The highest public bid, None where there is none."""
        return self._book.best(Side.BUY)

    @property
    def best_ask(self) -> int | None:
        """The lowest public ask, None where there is none."""
        return self._book.best(Side.SELL)

    # The tape reaching our orders.

    def _react(self, bids: Sequence[LevelChange], asks: Sequence[LevelChange], at_ms: int) -> list[Execution]:
        executions: list[Execution] = []
        if self._orders:
            self._shrink(Side.BUY, bids, at_ms, executions)
            self._shrink(Side.SELL, asks, at_ms, executions)
            self._cross(at_ms, executions)
        return executions

    def _shrink(self, side: Side, changes: Sequence[LevelChange], at_ms: int, executions: list[Execution]) -> None:
        own, tape = self._book.own[side], self._book.tape[side]
        for price, old, new in changes:
            if new >= old or price not in own.levels:
                continue
            if not self._prints_trades and tape.is_touch(price):
                self._flow(own.levels[price], old - new, at_ms, executions)
            self._cut_queue(side, price, new)

    def _cut_queue(self, side: Side, price: int, left: int) -> None:
        for order in self._book.own[side].levels.get(price, ()):
            order.queue_ahead = min(order.queue_ahead, left)

    def _flow(self, orders: list[RestingOrder], budget: int, at_ms: int, executions: list[Execution]) -> int:
        """Let traded size run through one of our queues; returns what passed it."""
        pieces, _ = take_turns(orders, budget)
        for order, size in pieces:
            if order is not None:
                executions.append(self._fill(order, size, at_ms))
            budget -= size
        return budget

    def _cross(self, at_ms: int, executions: list[Execution]) -> None:
        """Fill our resting orders from the tape's other side where it reaches their prices."""
        for side in Side:
            own, tape = self._book.own[side], self._book.tape[side.opposite]
            while (price := own.best) is not None and (level := tape.best) is not None:
                if is_better(side, level, price):
                    break
                order = own.levels[price][0]
                size = min(order.remaining, tape.available(level))
                tape.take(level, size)
                executions.append(self._fill(order, size, at_ms))

    # Our orders reaching the book.

    def _enter(self, order: RestingOrder, now_ms: int, *, rests: bool) -> Submission:
        before = order.remaining
        executions: list[Execution] = []
        self_crossed = self._take(order, now_ms, executions)
        filled = before - order.remaining
        if not rests or self_crossed or not order.remaining:
            return Submission(tuple(executions), filled, 0, self_crossed=self_crossed)
        order.queue_ahead = self._book.tape[order.side].available(order.price)
        self._book.own[order.side].add(order)
        self._orders[order.order_id] = order
        self._watch_expiry(order.expires_at_ms)
        return Submission(tuple(executions), filled, order.remaining)

    def _take(self, taker: RestingOrder, now_ms: int, executions: list[Execution]) -> bool:
        """Match a taker as far as its price goes; returns whether it met an order of its own owner."""
        other = taker.side.opposite
        while taker.remaining and (price := self._book.reachable(taker.side, taker.price)) is not None:
            queue = self._book.own[other].levels.get(price, [])
            pieces, stopped = take_turns(queue, taker.remaining, taker.owner)
            for maker, size in pieces:
                if maker is None:
                    self._book.tape[other].take(price, size)
                else:
                    executions.append(self._fill(maker, size, now_ms))
                executions.append(_executed(taker, price, size, now_ms))
            if stopped:
                return True
            behind = min(taker.remaining, self._book.tape[other].available(price))
            if behind:
                self._book.tape[other].take(price, behind)
                executions.append(_executed(taker, price, behind, now_ms))
        return False

    # Bookkeeping.

    def _fill(self, maker: RestingOrder, size: int, at_ms: int) -> Execution:
        maker.remaining -= size
        if not maker.remaining:
            self._remove(maker)
        return Execution(maker.order_id, maker.owner, maker.side, maker.price, size, is_taker=False, at_ms=at_ms)

    def _remove(self, order: RestingOrder) -> None:
        del self._orders[order.order_id]
        self._book.own[order.side].remove(order)

    def _watch_expiry(self, expires_at_ms: int) -> None:
        if expires_at_ms and (not self._next_expiry_ms or expires_at_ms < self._next_expiry_ms):
            self._next_expiry_ms = expires_at_ms


def _executed(taker: RestingOrder, price: int, size: int, at_ms: int) -> Execution:
    taker.remaining -= size
    return Execution(taker.order_id, taker.owner, taker.side, price, size, is_taker=True, at_ms=at_ms)
