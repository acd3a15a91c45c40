"""One position's life at the local Kalshi exchange, judged by the exchange's own books after every tick."""

from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.core.bracket import ExitSource
from holdfast.core.market import Side
from holdfast.core.trade import Trade
from holdfast.jobs.brackets import BracketsReport
from holdfast.jobs.ports import Ports
from holdfast.jobs.reading import LOOK_AGAIN_MS
from holdfast.jobs.tick import TickReport
from local.venues.kalshi import EndReason, Fault, FaultKind
from local.venues.kalshi.records import Order
from tests.jobs.bracket_world import CHECK_MS, Protected
from tests.jobs.world import World, world

PLACE = "POST /portfolio/events/orders"
CANCEL = "DELETE /portfolio/events/orders/*"
LISTS = "GET /portfolio/orders"
FILLS = "GET /portfolio/fills"
BOOKS = "GET /markets/orderbooks"
LAST_TRADES = "GET /markets/trades"


class Life(Protected):
    """A position in M-1 of either outcome. `no` holds the second one: every price given here is the held outcome's.

    Cents and contracts. After every tick the exchange's books must show that nothing was oversold.
    """

    def __init__(self, made: World, *, no: bool = False) -> None:
        super().__init__(made, "M-1")
        self.made, self.no = made, no
        self.may_flip = False

    # The market, in prices of the held outcome.

    def market_at(self, bid: int, ask: int, size: int = 500) -> None:
        """Three levels a side, a cent apart."""
        bid, ask = (100 - ask, 100 - bid) if self.no else (bid, ask)
        self.made.book("M-1", bid, ask, size)

    def bids(self, *levels: tuple[int, int], asks: tuple[tuple[int, int], ...] = ()) -> None:
        """Exactly these bids and asks, (price, size) each."""
        own_bids, own_asks = [(p * 100, s * 100) for p, s in levels], [(p * 100, s * 100) for p, s in asks]
        if self.no:
            own_bids, own_asks = ([(10_000 - p, s) for p, s in side] for side in (own_asks, own_bids))
        self.made.exchange.apply_snapshot("M-1", own_bids, own_asks)

    def taken(self, price: int, size: int) -> None:
        """Somebody buys this much of the held outcome at a price, and is gone again."""
        side = Side.BUY if not self.no else Side.SELL
        at = price if not self.no else 100 - price
        self.made.exchange.apply_level("M-1", side, at * 100, size * 100)
        self.made.exchange.apply_level("M-1", side, at * 100, 0)

    def sold_by_others(self, price: int, size: int = 1) -> None:
        """A trade between others, the held outcome sold at a price."""
        side, at = (Side.BUY, 100 - price) if self.no else (Side.SELL, price)
        self.made.exchange.apply_trade("M-1", at * 100, size * 100, side)

    def fault(self, kind: FaultKind, endpoint: str, **given: int) -> None:
        """Let a fault wait at the exchange."""
        self.made.exchange.faults.add(Fault(kind, endpoint, **given))

    # Ticks.

    def enter(self, **given: object) -> TickReport:
        """Ask for an entry of the held outcome, and let execute's next tick make it."""
        report = super().enter(side=Side.SELL if self.no else Side.BUY, **given)
        self.assert_sound()
        return report

    def check(self, after_ms: int = CHECK_MS, ports: Ports | None = None) -> BracketsReport:
        """One tick of the brackets job, and nothing oversold by it."""
        report = super().check(after_ms, ports)
        self.assert_sound()
        return report

    def look(self) -> None:
        """A tick by which the account was looked at anew, whatever its books show."""
        self.check(after_ms=LOOK_AGAIN_MS + 1_000)

    def protected(self, **given: object) -> None:
        """Entered, and found in order by a tick of the brackets job after that."""
        self.enter(**given)
        self.check()

    # What the exchange has in its books.

    @property
    def held(self) -> int:
        """Contracts of the held outcome; negative where the other one is held."""
        size = sum(holding.size for holding in self.made.books.positions if holding.ticker == "M-1")
        return (-size if self.no else size) // 100

    @property
    def resting(self) -> list[tuple[int, int]]:
        """(own price, remaining) of every order of the account that rests in the market."""
        orders = [order for order in self.made.books.open_orders if order.ticker == "M-1"]
        return sorted((self.own(order.price), order.remaining // 100) for order in orders)

    def orders(self, mark: str) -> list[Order]:
        """Every order of one purpose that reached the exchange: "e" entries, "x" exits, "t" take profits."""
        return [order for order in self.made.books.orders if f"-{mark}-" in order.client_order_id]

    @property
    def exits(self) -> list[tuple[int, int]]:
        """(sent, sold) of every exit that reached the exchange."""
        return [(order.initial // 100, order.filled // 100) for order in self.orders("x")]

    @property
    def trade(self) -> Trade:
        (trade,) = self.trades
        return trade

    # Judgement.

    def assert_sound(self) -> None:
        """never-oversell, by the exchange's books: at no fill, and by nothing that rests now."""
        books = self.made.books
        net = 0
        for fill in sorted(books.fills, key=lambda fill: fill.sequence):
            net += fill.size if (fill.side is Side.BUY) is not self.no else -fill.size
            assert net >= 0 or self.may_flip, f"more was sold than held: {net}"
        leaving = Side.BUY if self.no else Side.SELL
        offered = sum(order.remaining for order in books.open_orders if order.side is leaving and _ours(order))
        assert offered <= max(net, 0), f"{offered} rest to be sold, {net} are held"
        sizes = {order.order_id: order.initial for order in books.orders}
        for event in self.made.events("ORDER_PLACED"):
            asked, taken = event["size"], sizes[str(event["order_id"])]
            assert asked == taken or self.may_flip, f"{asked} were sent, the exchange cut them to {taken}"
        saved = [
            order for order in books.orders if order.end is EndReason.REDUCE_ONLY or order.end is EndReason.SELF_TRADE
        ]
        assert not saved or self.may_flip, "the exchange had to keep us from selling more than is held"
        assert books.imbalances() == []

    def assert_over(self, source: ExitSource) -> Trade:
        """Flat, nothing rests, one trade with one source, and our ledger is the exchange's to the unit."""
        assert self.held == 0
        assert self.resting == []
        assert self.brackets.open() == {}
        trade = self.trade
        assert trade.source is source
        assert [event["source"] for event in self.made.events("EXIT_SOURCE")] == [source.value]
        self.made.assert_ledger_is_the_exchanges()
        assert trade.realized - trade.fees == self.made.books.profit
        return trade

    def own(self, price: int) -> int:
        """Cents of the held outcome, from a price of the exchange's one book."""
        return (10_000 - price if self.no else price) // 100


def _ours(order: Order) -> bool:
    return order.client_order_id.startswith("hf")


@contextmanager
def life(*, no: bool = False, close_at_ms: int = 0, tier: str = "advanced") -> Iterator[Life]:
    """Kalshi, M-1 at 49 to 51 cents of the held outcome, nothing quoted."""
    with world(markets=1, tier=tier, close_at_ms=close_at_ms) as made:
        made.configs.remove("M-1")
        made.switch(max_trade_size="100")
        lived = Life(made, no=no)
        yield lived
        lived.assert_sound()
