"""What executions and endings do to orders, trades and balances. Everything here is exact; nothing here can refuse.

A trade has one taker at one price and the makers it met there. It moves nothing on the chain until it is mined, and
nothing at all when it fails (facts polymarket section 4). A failed trade does not bring its orders back.
"""

from collections.abc import Iterable, Sequence

from msgspec import structs

from holdfast.core.market import Side
from holdfast.core.matching import Execution
from local.venues.polymarket.accounts import User
from local.venues.polymarket.markets import Market, stated_on
from local.venues.polymarket.records import EndReason, Order, Part, Redemption, Trade, TradeStatus
from local.venues.polymarket.state import ExchangeState

# The rest of the world, which the tape speaks for.
OTHERS_KEY = "00000000-0000-0000-0000-000000000000"
OTHERS_ADDRESS = "0x000000000000000000000000000000000000dEaD"

_Match = tuple[Execution, Execution | None]  # one of ours, and the other side where that is ours too


def book(state: ExchangeState, market: Market, executions: Sequence[Execution], at_ms: int) -> list[Trade]:
    """Book executions in the order of matching; orders that they complete are over. Returns the trades."""
    trades = [_trade(state, market, matches, at_ms) for matches in _grouped(executions)]
    changed = {execution.order_id: state.orders[execution.order_id] for execution in executions}
    for order in changed.values():
        if not order.remaining:
            order.end = EndReason.TRADE
    record(state, changed.values(), at_ms)
    for name in {order.user for order in changed.values()}:
        cover(state, state.users[name], at_ms)
    return trades


def end(state: ExchangeState, orders: Iterable[Order], reason: EndReason, at_ms: int) -> None:
    """End orders that the engine no longer holds."""
    over = list(orders)
    for order in over:
        order.end = reason
    record(state, over, at_ms)


def cancel_resting(state: ExchangeState, order: Order, reason: EndReason, at_ms: int) -> None:
    """Take an order off the book."""
    market = state.markets[order.market]
    if market.engine.resting(order.order_id) is not None:
        market.engine.cancel(order.order_id)
    end(state, [order], reason, at_ms)


def record(state: ExchangeState, orders: Iterable[Order], at_ms: int) -> None:
    """Keep versions of changed orders for reads, and what their markets are quoted at now."""
    for order in orders:
        order.updated_at_ms = at_ms
        state.users[order.user].record_order(order, at_ms)
        state.markets[order.market].quoted(at_ms)


def cover(state: ExchangeState, user: User, at_ms: int) -> None:
    """Cancel the youngest orders of a user that its balances no longer cover (facts polymarket section 5)."""
    for name, orders in list(user.open.items()):
        for token_id, side in {(order.token_id, order.side) for order in orders.values()}:
            while user.room(name, token_id, side).free < 0:
                sharing = [
                    o for o in orders.values() if o.side is side and (side is Side.BUY or o.token_id == token_id)
                ]
                if not sharing:
                    break
                cancel_resting(state, max(sharing, key=lambda order: order.sequence), EndReason.BALANCE, at_ms)


def redeem(
    state: ExchangeState, user: User, market: Market, at_ms: int, wanted: tuple[int, int] | None = None
) -> Redemption | None:
    """Turn the tokens of a resolved market, or `wanted` of them, into money; None where the wallet holds none on the
    chain.

    What trades have matched but not yet settled can't be redeemed.
    """
    sizes = wanted or tuple(user.balance_of(token).settled for token in market.tokens)
    if market.winner is None or not any(sizes):
        return None
    redemption_id = state.new_id()
    payout = sum(size * market.payout(outcome) for outcome, size in enumerate(sizes))
    changes = [(user.cash, payout)]
    changes += [(user.balance_of(token), -size) for token, size in zip(market.tokens, sizes, strict=True)]
    for balance, change in changes:
        balance.expect(redemption_id, change)
        balance.settle(redemption_id)
    state.plan(at_ms + state.settlement.cached_after_ms, lambda _: _refresh([user], redemption_id))
    found = Redemption(market.name, (sizes[0], sizes[1]), payout, at_ms)
    user.redemptions.append(found)
    return found


def _grouped(executions: Sequence[Execution]) -> list[list[_Match]]:
    """Executions as trades: a taker's by price, each with its maker; of the tape's each is its own."""
    found: list[list[_Match]] = []
    waiting: Execution | None = None
    for execution in executions:
        if not execution.is_taker:
            if waiting is not None:
                found.append([(waiting, None)])
            waiting = execution
        elif found and found[-1][0][0].is_taker and found[-1][0][0].price == execution.price:
            found[-1].append((execution, waiting))
            waiting = None
        else:
            found.append([(execution, waiting)])
            waiting = None
    if waiting is not None:
        found.append([(waiting, None)])
    return found


def _trade(state: ExchangeState, market: Market, matches: list[_Match], at_ms: int) -> Trade:
    first = matches[0][0]
    if first.is_taker:
        taker = _part(state, market, first, sum(one.size for one, _ in matches))
        makers = tuple(
            _part(state, market, other, other.size) if other else _others(state, taker, one.size)
            for one, other in matches
        )
    else:
        makers = (_part(state, market, first, first.size),)
        taker = _others(state, makers[0], first.size)
    trade = Trade(
        trade_id=state.new_id(),
        sequence=state.next_sequence(),
        market=market.name,
        taker=taker,
        makers=makers,
        matched_at_ms=at_ms,
        updated_at_ms=at_ms,
        fails=state.fails_next(),
    )
    state.trades[trade.trade_id] = trade
    market.last_price = stated_on(taker.outcome, taker.price)
    market.volume += taker.size
    market.turnover += taker.size * taker.price
    for part in trade.parts:
        if part.user:
            order = state.orders[part.order_id]
            order.matched += part.size
            order.trades = (*order.trades, trade.trade_id)
            state.users[part.user].apply(trade, part)
    _record_trade(state, trade, at_ms)
    state.plan(at_ms + state.settlement.mined_after_ms, lambda due_ms: _mine(state, trade, due_ms))
    return trade


def _part(state: ExchangeState, market: Market, execution: Execution, size: int) -> Part:
    order = state.orders[execution.order_id]
    price = stated_on(order.outcome, execution.price)
    return Part(
        user=order.user,
        order_id=order.order_id,
        api_key=order.api_key,
        maker=order.maker,
        outcome=order.outcome,
        token_id=order.token_id,
        side=order.side,
        price=price,
        size=size,
        fee=market.fees.taker_fee(price, size) if execution.is_taker else 0,
    )


def _others(state: ExchangeState, ours: Part, size: int) -> Part:
    return Part(
        user="",
        order_id=state.new_hash(),
        api_key=OTHERS_KEY,
        maker=OTHERS_ADDRESS,
        outcome=ours.outcome,
        token_id=ours.token_id,
        side=Side.SELL if ours.side is Side.BUY else Side.BUY,
        price=ours.price,
        size=size,
    )


def _mine(state: ExchangeState, trade: Trade, at_ms: int) -> None:
    """The trade reaches the chain, or does not."""
    delays = state.settlement
    if trade.fails:
        trade.status = TradeStatus.RETRYING
        _record_trade(state, trade, at_ms)
        state.plan(at_ms + delays.confirmed_after_ms, lambda due_ms: _fail(state, trade, due_ms))
        return
    trade.status, trade.transaction_hash = TradeStatus.MINED, state.new_hash()
    users = _users(state, trade)
    for user in users:
        for balance in user.balances():
            balance.settle(trade.trade_id)
    _record_trade(state, trade, at_ms)
    state.plan(at_ms + delays.cached_after_ms, lambda _: _refresh(users, trade.trade_id))
    state.plan(at_ms + delays.confirmed_after_ms, lambda due_ms: _confirm(state, trade, due_ms))


def _confirm(state: ExchangeState, trade: Trade, at_ms: int) -> None:
    trade.status = TradeStatus.CONFIRMED
    _record_trade(state, trade, at_ms)


def _fail(state: ExchangeState, trade: Trade, at_ms: int) -> None:
    trade.status = TradeStatus.FAILED
    for user in _users(state, trade):
        for balance in user.balances():
            balance.void(trade.trade_id)
    _record_trade(state, trade, at_ms)


def _refresh(users: Iterable[User], cause_id: str) -> None:
    for user in users:
        for balance in user.balances():
            balance.refresh(cause_id)


def _record_trade(state: ExchangeState, trade: Trade, at_ms: int) -> None:
    trade.updated_at_ms = at_ms
    for user in _users(state, trade):
        user.record_trade(structs.replace(trade), at_ms)


def _users(state: ExchangeState, trade: Trade) -> list[User]:
    names = dict.fromkeys(part.user for part in trade.parts if part.user)
    return [state.users[name] for name in names]
