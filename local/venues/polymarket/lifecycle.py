"""Tape and operators: what happens to markets and resting orders without a request of a user."""

from collections.abc import Callable, Iterable

from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.matching import Execution
from local.venues.polymarket.booking import book, end
from local.venues.polymarket.markets import SPLIT, Market
from local.venues.polymarket.records import EndReason
from local.venues.polymarket.state import ExchangeState

Change = Callable[[int], list[Execution]]


class Tape:
    """The rest of the world's orders, stated on each market's first token.

    While nothing can match, books are kept and trades dropped; what the books have become applies when matching
    resumes. After a market's end nothing applies.
    """

    def __init__(self, state: ExchangeState) -> None:
        self._state = state
        self._held: dict[str, list[Change]] = {}

    def snapshot(self, name: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """The full book."""
        market = market_named(self._state, name)
        bids, asks = list(bids), list(asks)
        return self._book_change(market, lambda at_ms: market.engine.apply_snapshot(bids, asks, at_ms), whole=True)

    def changes(self, name: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """Absolute sizes of several levels at once; zero removes one."""
        market = market_named(self._state, name)
        bids, asks = list(bids), list(asks)
        return self._book_change(market, lambda at_ms: market.engine.apply_changes(bids, asks, at_ms))

    def level(self, name: str, side: Side, price: int, size: int) -> list[Execution]:
        """The absolute size of one level; zero removes it."""
        market = market_named(self._state, name)
        return self._book_change(market, lambda at_ms: market.engine.apply_level(side, price, size, at_ms))

    def trade(self, name: str, price: int, size: int, aggressor: Side) -> list[Execution]:
        """A trade between others that the tape printed."""
        market = market_named(self._state, name)
        now_ms = self._state.advance()
        if not self._matches(market, now_ms):
            return []
        market.last_price = price
        market.volume += size
        market.turnover += size * price
        executions = market.engine.apply_trade(price, size, aggressor, now_ms)
        market.quoted(now_ms)
        book(self._state, market, executions, now_ms)
        return executions

    def resume(self) -> None:
        """Apply what was held back for the markets that match again."""
        now_ms = self._state.advance()
        for name in list(self._held):
            market = self._state.markets[name]
            if self._matches(market, now_ms):
                for change in self._held.pop(name):
                    book(self._state, market, change(now_ms), now_ms)
                market.quoted(now_ms)

    def _book_change(self, market: Market, change: Change, *, whole: bool = False) -> list[Execution]:
        now_ms = self._state.advance()
        if self._matches(market, now_ms):
            executions = change(now_ms)
            market.quoted(now_ms)
            if executions:
                book(self._state, market, executions, now_ms)
            return executions
        if market.winner is None and not (market.close_at_ms and now_ms >= market.close_at_ms):
            held = self._held.setdefault(market.name, [])
            if whole:
                held.clear()
            held.append(change)
        return []

    def _matches(self, market: Market, now_ms: int) -> bool:
        return market.is_open(now_ms) and self._state.modes.matches(now_ms)


def market_named(state: ExchangeState, name: str) -> Market:
    """A market by name. Raises InvalidInputError."""
    market = state.markets.get(name)
    if market is None:
        raise InvalidInputError("market", name, "a market of this exchange")
    return market


def close(state: ExchangeState, market: Market, reason: EndReason, at_ms: int) -> None:
    """Cancel every resting order of a market."""
    over = market.engine.close()
    end(state, [state.orders[order.order_id] for order in over], reason, at_ms)


def resolve(state: ExchangeState, market: Market, winner: int) -> None:
    """Give a market its result: trading ends, what rests is cancelled, winners can redeem $1 a share, or both $0.50."""
    if winner not in (0, 1, SPLIT):
        raise InvalidInputError(f"winner of {market.name}", winner, f"0, 1 or {SPLIT} for half to each")
    if market.winner is not None:
        raise InvalidInputError(f"winner of {market.name}", winner, f"none: {market.winner} won")
    now_ms = state.advance()
    market.winner, market.resolved_at_ms, market.changed_at_ms = winner, now_ms, now_ms
    close(state, market, EndReason.RESOLUTION, now_ms)
    if not market.close_at_ms or market.close_at_ms > now_ms:
        market.close_at_ms = now_ms
