"""Time, tape and operators: what happens to markets and resting orders without a request of a user."""

from collections.abc import Callable, Iterable

from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.matching import Execution
from local.venues.kalshi.booking import book, end, pay_out
from local.venues.kalshi.markets import Market, MarketState
from local.venues.kalshi.records import EndReason, Order
from local.venues.kalshi.state import ExchangeState

Change = Callable[[int], list[Execution]]


def advance(state: ExchangeState) -> int:
    """Let expiries and closes happen, in the order of their times. Returns now."""
    now_ms = state.tick()
    while (found := state.due()) is not None:
        at_ms, market = found
        over = market.engine.expire(at_ms)
        if over:
            end(state, market, [state.orders[order.order_id] for order in over], EndReason.EXPIRY, at_ms)
        if market.close_at_ms and market.close_at_ms <= at_ms:
            empty(state, market, EndReason.CLOSE, at_ms)
    return now_ms


def empty(state: ExchangeState, market: Market, reason: EndReason, at_ms: int) -> None:
    """Cancel every resting order of a market."""
    over = market.engine.close()
    if over:
        end(state, market, [state.orders[order.order_id] for order in over], reason, at_ms)


class Tape:
    """The rest of the world's orders, one market at a time.

    While a market can't trade its books are kept and its trades dropped; what the books have become applies when
    trading resumes. After its close nothing applies.
    """

    def __init__(self, state: ExchangeState) -> None:
        self._state = state
        self._held: dict[str, list[Change]] = {}

    def snapshot(self, ticker: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """The full book."""
        market = self._market(ticker)
        bids, asks = list(bids), list(asks)
        return self._book_change(market, lambda at_ms: market.engine.apply_snapshot(bids, asks, at_ms), whole=True)

    def changes(self, ticker: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """Absolute sizes of several levels at once; zero removes one."""
        market = self._market(ticker)
        bids, asks = list(bids), list(asks)
        return self._book_change(market, lambda at_ms: market.engine.apply_changes(bids, asks, at_ms))

    def level(self, ticker: str, side: Side, price: int, size: int) -> list[Execution]:
        """The absolute size of one level; zero removes it."""
        market = self._market(ticker)
        return self._book_change(market, lambda at_ms: market.engine.apply_level(side, price, size, at_ms))

    def trade(self, ticker: str, price: int, size: int, aggressor: Side) -> list[Execution]:
        """A trade between others that the tape printed."""
        market = self._market(ticker)
        now_ms = advance(self._state)
        if not trades_now(self._state, market):
            return []
        market.traded(price, size)
        market.print_trade(price, size, aggressor, now_ms)
        executions = market.engine.apply_trade(price, size, aggressor, now_ms)
        book(self._state, market, executions, now_ms, printed=True)
        return executions

    def resume(self) -> None:
        """Apply what was held back for the markets that trade again."""
        now_ms = advance(self._state)
        for ticker in list(self._held):
            market = self._state.markets[ticker]
            if trades_now(self._state, market):
                for change in self._held.pop(ticker):
                    book(self._state, market, change(now_ms), now_ms)
                market.quoted(now_ms)

    def _book_change(self, market: Market, change: Change, *, whole: bool = False) -> list[Execution]:
        now_ms = advance(self._state)
        if trades_now(self._state, market):
            executions = change(now_ms)
            market.quoted(now_ms)
            if executions:
                book(self._state, market, executions, now_ms)
            return executions
        if market.state(now_ms) in (MarketState.INITIALIZED, MarketState.ACTIVE, MarketState.INACTIVE):
            held = self._held.setdefault(market.ticker, [])
            if whole:
                held.clear()
            held.append(change)
        return []

    def _market(self, ticker: str) -> Market:
        return market_of(self._state, ticker)


def trades_now(state: ExchangeState, market: Market) -> bool:
    """Whether orders of a market can match at this moment."""
    shard = state.shards[market.shard]
    return shard.exchange_active and shard.trading_active and market.state(state.now_ms) is MarketState.ACTIVE


def market_of(state: ExchangeState, ticker: str) -> Market:
    """A market by ticker. Raises InvalidInputError."""
    market = state.markets.get(ticker)
    if market is None:
        raise InvalidInputError("ticker", ticker, "a market of this exchange")
    return market


def settle(state: ExchangeState, market: Market, result: str) -> None:
    """Close a market where it is still open, give it its result and pay the winners. Raises InvalidInputError."""
    if result not in ("yes", "no"):
        raise InvalidInputError(f"result of {market.ticker}", result, "yes or no")
    if market.result:
        raise InvalidInputError(f"result of {market.ticker}", result, f"none: it settled as {market.result}")
    now_ms = advance(state)
    empty(state, market, EndReason.CLOSE, now_ms)
    if not market.close_at_ms or market.close_at_ms > now_ms:
        market.close_at_ms = now_ms
    market.result, market.settled_at_ms, market.updated_at_ms = result, now_ms, now_ms
    pay_out(state, market, now_ms)


def cancel_for_pause(state: ExchangeState, shards: Iterable[int]) -> None:
    """Cancel the orders on these shards that asked for it when trading pauses (HaltCancel)."""
    now_ms = advance(state)
    affected = set(shards)
    for market in state.markets.values():
        if market.shard not in affected:
            continue
        resting = [state.orders[order.order_id] for order in market.engine.orders()]
        over: list[Order] = [order for order in resting if order.cancel_on_pause]
        for order in over:
            market.engine.cancel(order.order_id)
        if over:
            end(state, market, over, EndReason.HALT, now_ms)
