"""What the demo shows of one moment: for each account a row for each quoted instrument and position, and the sums."""

from collections.abc import Sequence

from msgspec import Struct

from holdfast.core.market import Side
from holdfast.core.positions import Position, unrealized
from holdfast.core.scale import Scale
from local.demo.account import DemoAccount
from local.demo.books import RestingOrder
from local.demo.leftovers import leftovers
from local.demo.position_rows import PositionRow, position_rows
from local.demo.venues.venue import DemoVenue, Instrument
from local.demo.world import START_MS, World


class Quote(Struct, frozen=True):
    """The best of our orders on one side, and how many there are."""

    price: int
    size: int
    orders: int


class Row(Struct, frozen=True):
    """One instrument. Prices, sizes and money in units of the venue's scale; `pnl` marks the open size at the book.

    `bid` and `ask` are the public best prices, our own quotes included. `state`: why nothing is quoted, or "quoting".
    """

    label: str
    bid: int | None
    ask: int | None
    our_bid: Quote | None
    our_ask: Quote | None
    fills: int
    inventory: int
    pnl: int
    state: str


class AccountFrame(Struct, frozen=True):
    """One account at one moment. `venue` is its venue's title; money is in units of `scale`.

    `resting` orders are quotes, the take profits of open positions are not counted; `pnl` is that of everything.
    """

    venue: str
    scale: Scale
    rows: tuple[Row, ...]
    positions: tuple[PositionRow, ...]
    resting: int
    fills: int
    pnl: int
    api_calls: int
    operations: int
    requests: int
    exits: int
    halted: tuple[str, ...]


class Frame(Struct, frozen=True):
    """One moment of the demo. `elapsed_ms` and `duration_ms` are market time."""

    elapsed_ms: int
    duration_ms: int
    ticks: int
    accounts: tuple[AccountFrame, ...]


def frame_of(world: World) -> Frame:
    """The moment now, after a tick of every account."""
    return Frame(
        elapsed_ms=world.clock.now_ms() - START_MS,
        duration_ms=world.tape.duration_ms,
        ticks=max(account.tally.ticks for account in world.accounts),
        accounts=tuple(_account_frame(account) for account in world.accounts),
    )


def _account_frame(account: DemoAccount) -> AccountFrame:
    venue, tally, report = account.venue, account.tally, account.report
    books, positions = venue.books(), account.positions()
    orders: dict[str, list[RestingOrder]] = {}
    for order in books.open_orders:
        orders.setdefault(order.market, []).append(order)
    rows = []
    for instrument in account.quoted:
        market = instrument.market
        fills = books.markets[market].fills if market in books.markets else 0
        position = positions.get(market, Position(market))
        job_state = "halted" if report.halted else report.quiet.get(market, "quoting")
        rows.append(_row(venue, instrument, orders.get(market, []), fills, position, job_state))
    held = position_rows(account, positions)
    return AccountFrame(
        venue=venue.title,
        scale=venue.scale,
        rows=tuple(rows),
        positions=held,
        resting=len(leftovers(books, account.brackets)),
        fills=sum(of.fills for of in books.markets.values()),
        pnl=sum(row.pnl for row in (*rows, *held)),
        api_calls=venue.calls().total,
        operations=tally.operations,
        requests=tally.requests,
        exits=len(account.trades),
        halted=report.halted,
    )


def _row(
    venue: DemoVenue,
    instrument: Instrument,
    orders: Sequence[RestingOrder],
    fills: int,
    position: Position,
    job_state: str,
) -> Row:
    bid, ask = venue.best(instrument.market)
    open_value = unrealized(position, bid, ask, venue.one)
    return Row(
        label=instrument.label,
        bid=bid,
        ask=ask,
        our_bid=_best(orders, Side.BUY),
        our_ask=_best(orders, Side.SELL),
        fills=fills,
        inventory=position.size,
        # A side without a price pays nothing for what is open.
        pnl=position.realized - position.fees + (-position.cost if open_value is None else open_value),
        state=venue.ending(instrument.market) or job_state.replace("_", " "),
    )


def _best(orders: Sequence[RestingOrder], side: Side) -> Quote | None:
    ours = [order for order in orders if order.side is side]
    if not ours:
        return None
    best = max(ours, key=lambda order: order.price if side is Side.BUY else -order.price)
    return Quote(best.price, best.remaining, len(ours))
