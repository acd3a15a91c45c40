"""Orders of ours that rest at the exchange and should not: all but the take profits of open brackets."""

from collections.abc import Mapping

from holdfast.core.bracket import Bracket, ExitMode
from holdfast.core.market import Side
from local.demo.books import ExchangeBooks, RestingOrder


def leftovers(books: ExchangeBooks, brackets: Mapping[str, Bracket]) -> list[RestingOrder]:
    """The orders that protect nothing: no open bracket of that market sells on their side, or they sell too much."""
    covered: dict[str, int] = {}
    found = []
    for order in books.open_orders:
        bracket = brackets.get(order.market)
        held = books.markets[order.market].size if order.market in books.markets else 0
        covered[order.market] = covered.get(order.market, 0) + order.remaining
        is_leg = (
            bracket is not None
            and bracket.mode is ExitMode.LIMIT_ORDERS
            and order.side is bracket.exit_side
            and covered[order.market] <= (held if bracket.side is Side.BUY else -held)
        )
        if not is_leg:
            found.append(order)
    return found
