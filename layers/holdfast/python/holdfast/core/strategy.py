"""What a quoting strategy is: a class that turns one market's view into target orders, purely."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from holdfast.core.book import BookState, OrderBook
from holdfast.core.market import MarketRules, MarketStatus
from holdfast.core.orders import TargetOrder
from holdfast.core.positions import Position
from holdfast.core.scale import Scale


class MarketView(Struct, frozen=True):
    """What a strategy sees of one market. Prices and sizes in units of `scale`, times in UTC ms.

    `book` is net of our own orders and `book_state` its state. `one` is the price of 1 where selling beyond the
    holding opens the other outcome, None where it can't. `quote_expires_at_ms`, `decision_id` and `priority` are
    for the targets to carry.
    """

    market: str
    rules: MarketRules
    book: OrderBook
    book_state: BookState
    now_ms: int
    one: int | None
    scale: Scale
    quote_expires_at_ms: int
    decision_id: str
    priority: int = 0


class Strategy(Protocol):
    """What a market's config names. Made once without arguments; it may cache, but decides from its arguments alone.

    `Config` is the frozen Struct of its parameters; it raises InvalidInputError for values that can't be used.
    """

    Config: ClassVar[type[Struct]]

    def compute_targets(self, view: MarketView, position: Position, config: Any) -> Sequence[TargetOrder]:
        """The orders that should rest in this market; none to be quiet. An error cancels this market's quotes only."""
        ...

    def quiet_reason(self, view: MarketView, config: Any) -> str | None:
        """Why nothing is quoted in this view, one word for the log; None where something may be."""
        ...


def quiet_reason(view: MarketView, quiet_before_close_ms: int) -> str | None:
    """Why no strategy should quote: the market is not open or closes soon, or its book can't be trusted."""
    if view.rules.status is not MarketStatus.OPEN:
        return f"market_{view.rules.status}"
    if view.rules.close_at_ms and view.now_ms >= view.rules.close_at_ms - quiet_before_close_ms:
        return "closing"
    return None if view.book_state is BookState.OK else f"book_{view.book_state}"
