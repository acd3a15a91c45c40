"""The two things on each side of the book: the tape's levels, and our orders."""

from collections.abc import Iterable, Iterator

from holdfast.core.book import Level
from holdfast.core.market import Side
from holdfast.core.matching.records import RestingOrder

LevelChange = tuple[int, int, int]  # price, old size, new size
Piece = tuple[RestingOrder | None, int]  # who gives (None: the tape), size


class TapeSide:
    """One side of the tape's book, and what we took from each level since the tape last changed that level."""

    __slots__ = ("_best", "_best_known", "_pick", "_taken", "sizes")

    def __init__(self, side: Side) -> None:
        self.sizes: dict[int, int] = {}
        self._taken: dict[int, int] = {}
        self._pick = max if side is Side.BUY else min
        self._best: int | None = None
        self._best_known = True

    def replace(self, levels: Iterable[Level]) -> list[LevelChange]:
        """Take over a whole side; returns the levels that changed. Levels of size zero or less are left out."""
        old, new = self.sizes, {price: size for price, size in levels if size > 0}
        if new == old:
            return []
        self.sizes = new
        prices = {price for price, _ in new.items() ^ old.items()}
        self._forget(prices)
        return [(price, old.get(price, 0), new.get(price, 0)) for price in sorted(prices)]

    def update(self, levels: Iterable[Level]) -> list[LevelChange]:
        """Set the sizes of some levels, zero or less removing them; returns the levels that changed."""
        changes: list[LevelChange] = []
        for price, size in levels:
            old, new = self.sizes.get(price, 0), max(size, 0)
            if old == new:
                continue
            if new:
                self.sizes[price] = new
            else:
                del self.sizes[price]
            self._forget((price,))
            changes.append((price, old, new))
        return changes

    def available(self, price: int) -> int:
        """What the tape shows at a price less what we took of it."""
        return self.sizes.get(price, 0) - self._taken.get(price, 0)

    def take(self, price: int, size: int) -> None:
        """Remove liquidity until the tape changes the level; `size` is at most what is available."""
        self._taken[price] = self._taken.get(price, 0) + size
        self._best_known = False

    @property
    def best(self) -> int | None:
        """The best price with something available."""
        if not self._best_known:
            left: Iterable[int] = [price for price, _ in self.levels()] if self._taken else self.sizes
            self._best = self._pick(left, default=None)
            self._best_known = True
        return self._best

    def is_touch(self, price: int) -> bool:
        """Whether the tape shows nothing better than `price` on this side."""
        return self._pick(price, self._pick(self.sizes, default=price)) == price

    def levels(self) -> Iterator[Level]:
        """What is available, by price, in no order."""
        taken = self._taken
        return ((price, size - taken.get(price, 0)) for price, size in self.sizes.items() if size > taken.get(price, 0))

    def _forget(self, prices: Iterable[int]) -> None:
        self._best_known = False
        if self._taken:
            for price in prices:
                self._taken.pop(price, None)


class OrderSide:
    """Our resting orders on one side: by price, first come first served."""

    __slots__ = ("_is_buy", "levels")

    def __init__(self, side: Side) -> None:
        self.levels: dict[int, list[RestingOrder]] = {}
        self._is_buy = side is Side.BUY

    def add(self, order: RestingOrder) -> None:
        """Put an order at the back of its price."""
        self.levels.setdefault(order.price, []).append(order)

    def remove(self, order: RestingOrder) -> None:
        """Take an order out."""
        orders = self.levels[order.price]
        orders.remove(order)
        if not orders:
            del self.levels[order.price]

    @property
    def best(self) -> int | None:
        """The best price with an order of ours."""
        return (max if self._is_buy else min)(self.levels, default=None)

    def prices(self) -> list[int]:
        """Prices with orders of ours, best first."""
        return sorted(self.levels, reverse=self._is_buy)


def take_turns(orders: list[RestingOrder], budget: int, stop_owner: str | None = None) -> tuple[list[Piece], bool]:
    """Let `budget` run through the queue of one price in time priority, changing `queue_ahead` but no remaining size.

    Before each of our orders comes the tape's size that stood ahead of it. Returns who gives how much, in order, and
    whether it stopped because the next order to match belongs to `stop_owner`. What is left of the budget met the
    end of our orders; the tape's size behind them is the caller's business.
    """
    pieces: list[Piece] = []
    passed, stopped = 0, False
    for order in orders:
        ahead = min(max(order.queue_ahead - passed, 0), budget)
        if ahead:
            pieces.append((None, ahead))
            passed += ahead
            budget -= ahead
        if not budget:
            break
        if order.owner == stop_owner:
            stopped = True
            break
        size = min(order.remaining, budget)
        pieces.append((order, size))
        budget -= size
    if passed:
        for order in orders:
            order.queue_ahead = max(order.queue_ahead - passed, 0)
    return pieces, stopped


class MergedBook:
    """Both sides of the tape and of our orders, as the public sees them together."""

    __slots__ = ("own", "tape")

    def __init__(self) -> None:
        self.tape = {side: TapeSide(side) for side in Side}
        self.own = {side: OrderSide(side) for side in Side}

    def best(self, side: Side) -> int | None:
        """The best price of the tape less what we took, and of our orders."""
        tape, own = self.tape[side].best, self.own[side].best
        if tape is None or own is None:
            return own if tape is None else tape
        return max(tape, own) if side is Side.BUY else min(tape, own)

    def reachable(self, side: Side, limit: int) -> int | None:
        """The other side's best price if an order on `side` at `limit` reaches it."""
        best = self.best(side.opposite)
        return None if best is None or is_better(side, best, limit) else best

    def ladder(self, side: Side) -> list[Level]:
        """What is available by price, best first."""
        sizes = dict(self.tape[side].levels())
        for price, orders in self.own[side].levels.items():
            sizes[price] = sizes.get(price, 0) + sum(order.remaining for order in orders)
        return sorted(sizes.items(), reverse=side is Side.BUY)

    def depth_within(self, side: Side, limit: int) -> int:
        """What an order on `side` at `limit` could take at most."""
        return sum(size for price, size in self.ladder(side.opposite) if not is_better(side, price, limit))


def is_better(side: Side, price: int, than: int) -> bool:
    """Whether a price is better to rest at on `side`: a higher bid, a lower ask."""
    return price > than if side is Side.BUY else price < than
