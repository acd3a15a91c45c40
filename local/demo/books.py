"""What an exchange's own books say of our account, whichever venue it is, instrument by instrument."""

from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from holdfast.core.market import Side
from holdfast.core.positions import Position


class MarketBooks(Struct, frozen=True):
    """One instrument as one side's books have it. Money and size units; `size` is signed, `cost` that of the open size.

    `cash` is what the instrument changed the balance by, `paid_out` the part of it that the market's result paid.
    """

    fills: int = 0
    volume: int = 0
    cash: int = 0
    fees: int = 0
    realized: int = 0
    paid_out: int = 0
    size: int = 0
    cost: int = 0


class RestingOrder(Struct, frozen=True):
    """An order of ours that rests at the exchange."""

    market: str
    side: Side
    price: int
    remaining: int


class ExchangeBooks(Struct, frozen=True):
    """The exchange's own books of our account, exact and never lagging. Units of the venue's scale.

    `markets` has every instrument that was traded. `profit` is the money beyond the deposits, with `unredeemed`: what
    the winning shares that are still in the wallet are worth. `failed` fills were matched and never settled: no other
    figure has them. `imbalances` say, in words, where the books don't add up. `dust` is what was left out of all other
    figures (`without_dust`), at what the results paid for it.
    """

    markets: Mapping[str, MarketBooks]
    open_orders: tuple[RestingOrder, ...]
    profit: int
    unredeemed: int
    failed: int
    imbalances: tuple[str, ...]
    dust: int = 0


def without_dust(
    books: ExchangeBooks,
    dust: Mapping[str, int],
    positions: Mapping[str, Position],
    worth: Callable[[str, int], int | None],
) -> ExchangeBooks:
    """The books as if what our ledger wrote off had been given away: so they can be compared with it.

    `dust` are signed sizes by market, too little for an order each, which the exchange goes on holding; `worth` says
    what a signed size was paid by the market's result, None before it. How much of what was spent is the cost of what
    is still held depends on when it was given away: there `positions`, our ledger's, are followed.
    """
    markets, paid = dict(books.markets), 0
    for market, size in dust.items():
        of_market, value = books.markets[market], worth(market, size)
        if value is None:
            cost = positions[market].cost
            realized = of_market.cash + of_market.fees + cost
            markets[market] = structs.replace(of_market, size=of_market.size - size, cost=cost, realized=realized)
            continue
        paid += value
        markets[market] = structs.replace(
            of_market,
            cash=of_market.cash - value,
            realized=of_market.realized - value,
            paid_out=of_market.paid_out - value,
        )
    unredeemed = max(books.unredeemed - paid, 0)
    return structs.replace(books, markets=markets, profit=books.profit - paid, unredeemed=unredeemed, dust=paid)
