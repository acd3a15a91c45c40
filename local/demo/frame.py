"""What the demo shows of one moment: a row for each market, and the sums."""

from collections.abc import Sequence

from msgspec import Struct

from holdfast.core.market import Side
from holdfast.core.positions import Position, unrealized
from local.demo.tally import Tally
from local.demo.world import START_MS, World
from local.tapes.tape import TapeMarket
from local.venues.kalshi.markets import MarketState
from local.venues.kalshi.records import Order
from local.venues.kalshi.wire import ONE


class Quote(Struct, frozen=True):
    """The best of our orders on one side, and how many there are."""

    price: int
    size: int
    orders: int


class Row(Struct, frozen=True):
    """One market. Prices, sizes and money in units of the venue's scale; `pnl` marks the open size at the book.

    `bid` and `ask` are the public best prices, our own quotes included. `state`: why nothing is quoted, or "quoting".
    """

    market: str
    bid: int | None
    ask: int | None
    our_bid: Quote | None
    our_ask: Quote | None
    fills: int
    inventory: int
    pnl: int
    state: str


class Frame(Struct, frozen=True):
    """One moment of the demo. `elapsed_ms` and `duration_ms` are market time."""

    elapsed_ms: int
    duration_ms: int
    ticks: int
    rows: tuple[Row, ...]
    resting: int
    fills: int
    pnl: int
    api_calls: int
    operations: int
    requests: int
    halted: tuple[str, ...]


class FrameMaker:
    """Makes frames of a world."""

    def __init__(self, world: World, tally: Tally) -> None:
        self._world = world
        self._tally = tally

    def frame(self, quiet: dict[str, str], halted: tuple[str, ...]) -> Frame:
        """The moment now. `quiet` and `halted` are what the last tick reported."""
        world, books = self._world, self._world.books()
        orders: dict[str, list[Order]] = {}
        for order in books.open_orders:
            orders.setdefault(order.ticker, []).append(order)
        fills: dict[str, int] = {}
        for fill in books.fills:
            fills[fill.ticker] = fills.get(fill.ticker, 0) + 1
        positions = {market: stored.position for market, stored in world.ledger.positions().items()}
        rows = tuple(
            self._row(
                market,
                orders.get(market.ticker, []),
                fills.get(market.ticker, 0),
                positions.get(market.ticker, Position(market.ticker)),
                "halted" if halted else quiet.get(market.ticker, "quoting"),
            )
            for market in world.tape.markets
        )
        return Frame(
            elapsed_ms=world.clock.now_ms() - START_MS,
            duration_ms=world.tape.duration_ms,
            ticks=self._tally.ticks,
            rows=rows,
            resting=len(books.open_orders),
            fills=len(books.fills),
            pnl=sum(row.pnl for row in rows),
            api_calls=world.exchange.calls.total(),
            operations=self._tally.operations,
            requests=self._tally.requests,
            halted=halted,
        )

    def _row(self, market: TapeMarket, orders: Sequence[Order], fills: int, position: Position, job_state: str) -> Row:
        exchange = self._world.exchange
        bid, ask = exchange.best(market.ticker)
        at = exchange.market_state(market.ticker)
        open_value = unrealized(position, bid, ask, ONE)
        return Row(
            market=market.ticker,
            bid=bid,
            ask=ask,
            our_bid=_best(orders, Side.BUY),
            our_ask=_best(orders, Side.SELL),
            fills=fills,
            inventory=position.size,
            # A side without a price pays nothing for what is open.
            pnl=position.realized - position.fees + (-position.cost if open_value is None else open_value),
            state=_words(market, at) if at is not MarketState.ACTIVE else job_state.replace("_", " "),
        )


def _best(orders: Sequence[Order], side: Side) -> Quote | None:
    ours = [order for order in orders if order.side is side]
    if not ours:
        return None
    best = max(ours, key=lambda order: order.price if side is Side.BUY else -order.price)
    return Quote(best.price, best.remaining, len(ours))


def _words(market: TapeMarket, state: MarketState) -> str:
    return f"settled {market.result}" if state is MarketState.FINALIZED else state.value
