"""Order book of one market: snapshots, deltas, best prices, depth, and whether it can be trusted."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct, structs

from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder

Level = tuple[int, int]  # price, size


class BookState(StrEnum):
    """What a book is good for."""

    OK = "ok"
    EMPTY = "empty"
    ONE_SIDED = "one_sided"
    CROSSED = "crossed"
    STALE = "stale"


class LastTrade(Struct, frozen=True, gc=False):
    """The last trade of a market's book: its price, and when it was made or the earliest time that it can have been.

    `at_ms` 0 where nobody says: that proves nothing of now.
    """

    price: int
    at_ms: int = 0


class OrderBook:
    """Resting size by price. Prices and sizes are units of the venue's Scale; `at_ms` is when it was last true.

    `mirror` is the market, if any, that shares this book the other way round: an order there at p rests here too, on
    the other side at `one` - p (two outcomes of one question that are bought and sold in pairs). `last_trade` is None
    where the book was read without one.
    """

    __slots__ = ("_best_ask", "_best_bid", "asks", "at_ms", "bids", "last_trade", "market", "mirror", "one")

    def __init__(
        self,
        market: str,
        bids: Iterable[Level] = (),
        asks: Iterable[Level] = (),
        at_ms: int = 0,
        *,
        mirror: str = "",
        one: int = 0,
        last_trade: LastTrade | None = None,
    ) -> None:
        self.market, self.mirror, self.one, self.last_trade = market, mirror, one, last_trade
        self.apply_snapshot(bids, asks, at_ms)

    def apply_snapshot(self, bids: Iterable[Level], asks: Iterable[Level], at_ms: int) -> None:
        """Replace the whole book. Levels of size zero or less are left out."""
        self.bids = {price: size for price, size in bids if size > 0}
        self.asks = {price: size for price, size in asks if size > 0}
        self.at_ms = at_ms
        self._best_bid: int | None = max(self.bids, default=None)
        self._best_ask: int | None = min(self.asks, default=None)

    def apply_delta(self, side: Side, price: int, change: int, at_ms: int) -> None:
        """Add a signed change to one level; a level at or below zero is gone."""
        levels = self.bids if side is Side.BUY else self.asks
        self.set_level(side, price, levels.get(price, 0) + change, at_ms)

    def set_level(self, side: Side, price: int, size: int, at_ms: int) -> None:
        """Set one level's size; zero or less removes it."""
        self.at_ms = max(self.at_ms, at_ms)
        if side is Side.BUY:
            if size > 0:
                self.bids[price] = size
                if self._best_bid is None or price > self._best_bid:
                    self._best_bid = price
            elif self.bids.pop(price, None) is not None and price == self._best_bid:
                self._best_bid = max(self.bids, default=None)
        elif size > 0:
            self.asks[price] = size
            if self._best_ask is None or price < self._best_ask:
                self._best_ask = price
        elif self.asks.pop(price, None) is not None and price == self._best_ask:
            self._best_ask = min(self.asks, default=None)

    @property
    def best_bid(self) -> int | None:
        """Highest bid, None where there is none."""
        return self._best_bid

    @property
    def best_ask(self) -> int | None:
        """Lowest ask, None where there is none."""
        return self._best_ask

    def ladder(self, side: Side) -> list[Level]:
        """One side's levels, best first."""
        levels = self.bids if side is Side.BUY else self.asks
        return sorted(levels.items(), reverse=side is Side.BUY)

    def depth(self, side: Side, worst_price: int) -> int:
        """Size on one side that is at least as good as `worst_price`."""
        if side is Side.BUY:
            return sum(size for price, size in self.bids.items() if price >= worst_price)
        return sum(size for price, size in self.asks.items() if price <= worst_price)

    def state(self, now_ms: int, stale_after_ms: int) -> BookState:
        """Whether decisions may rest on this book at `now_ms`. Staleness comes before shape."""
        if now_ms - self.at_ms > stale_after_ms:
            return BookState.STALE
        bid, ask = self._best_bid, self._best_ask
        if bid is None and ask is None:
            return BookState.EMPTY
        if bid is None or ask is None:
            return BookState.ONE_SIDED
        return BookState.CROSSED if bid >= ask else BookState.OK

    def without(self, orders: Iterable[OpenOrder]) -> "OrderBook":
        """A copy net of these orders' remaining sizes: what the market is without us."""
        net = OrderBook(
            self.market,
            self.bids.items(),
            self.asks.items(),
            self.at_ms,
            mirror=self.mirror,
            one=self.one,
            last_trade=self.last_trade,
        )
        for order in orders:
            net.apply_delta(order.side, order.price, -order.remaining, self.at_ms)
        return net


class Top(Struct, frozen=True):
    """Best prices of a market."""

    bid: int | None
    ask: int | None


def without_ours(books: Mapping[str, OrderBook], orders: Iterable[OpenOrder]) -> dict[str, OrderBook]:
    """The books by market net of our own orders; foreign ones stay in, they trade with us like anybody's."""
    by_market: dict[str, list[OpenOrder]] = {}
    for order in orders:
        if order.purpose is not None:
            by_market.setdefault(order.market, []).append(order)
    net = {}
    for market, book in books.items():
        mine = by_market.get(market, [])
        if book.mirror in by_market:
            mine = [*mine, *(_mirrored(order, book) for order in by_market[book.mirror])]
        net[market] = book.without(mine) if mine else book
    return net


def _mirrored(order: OpenOrder, book: OrderBook) -> OpenOrder:
    """An order of the mirror's market as it shows in this book."""
    return structs.replace(order, market=book.market, side=order.side.opposite, price=book.one - order.price)
