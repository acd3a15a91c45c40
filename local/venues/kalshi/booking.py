"""What executions and endings do to orders, money and positions. Everything here is exact and leaves a version for
reads; nothing here can refuse."""

from collections.abc import Sequence

from msgspec import structs

from holdfast.core.market import Side
from holdfast.core.matching import Execution
from local.venues.kalshi.accounts import Account, User, traded, unit_cost
from local.venues.kalshi.fees import charge
from local.venues.kalshi.markets import Market
from local.venues.kalshi.records import EndReason, FillRow, Holding, Order, SettlementRow
from local.venues.kalshi.state import ExchangeState
from local.venues.kalshi.wire import ONE


def open_order(state: ExchangeState, order: Order) -> None:
    """Enter an order in the books before it matches."""
    user = state.user_of(order)
    state.orders[order.order_id] = user.orders[order.order_id] = order
    if order.client_order_id:
        user.client_order_ids[order.client_order_id] = order.order_id
    account = state.account_of(order)
    account.orders.setdefault(order.ticker, {})[order.order_id] = order


def book(
    state: ExchangeState, market: Market, executions: Sequence[Execution], at_ms: int, *, printed: bool = False
) -> list[FillRow]:
    """Book executions in the order of matching; orders that they complete are over. Returns their fills.

    `printed`: the trade that they are of is shown already.
    """
    fills = [_fill(state, market, execution, at_ms) for execution in executions]
    if not printed:
        _print(market, fills, at_ms)
    changed = {execution.order_id: state.orders[execution.order_id] for execution in executions}
    for order in changed.values():
        if not order.remaining:
            _retire(state, order, EndReason.TRADE, at_ms)
    settle_versions(state, market, list(changed.values()), at_ms)
    return fills


def end(state: ExchangeState, market: Market, orders: Sequence[Order], reason: EndReason, at_ms: int) -> None:
    """End orders that the engine no longer holds."""
    for order in orders:
        order.remaining = 0
        _retire(state, order, reason, at_ms)
    settle_versions(state, market, orders, at_ms)


def settle_versions(state: ExchangeState, market: Market, orders: Sequence[Order], at_ms: int) -> None:
    """Reckon the reserves after orders of a market changed, and keep their versions and its best prices for reads."""
    for order in orders:
        order.updated_at_ms = at_ms
        state.user_of(order).record_order(order, at_ms)
    accounts = {(order.user_id, order.subaccount): state.account_of(order) for order in orders}
    for account in accounts.values():
        account.update_reserve(market, at_ms)
        _cover(state, account, market.shard, at_ms)
    market.quoted(at_ms)


def pay_out(state: ExchangeState, market: Market, at_ms: int) -> None:
    """Pay $1 a contract of the net position to the winners of a market that has its result."""
    for user in state.users.values():
        for account in user.accounts.values():
            if market.ticker not in account.holdings:
                continue
            holding = account.holding(market, at_ms)
            won = max(holding.size, 0) if market.result == "yes" else max(-holding.size, 0)
            payout = won * ONE
            account.cash[market.shard] += payout
            user.settlements.append(_settlement(user, account, market, holding, payout, at_ms))
            closed = structs.replace(
                holding,
                size=0,
                cost=0,
                realized=holding.realized + payout - holding.cost,
                updated_at_ms=at_ms,
                settled=True,
            )
            account.record_holding(closed, at_ms)
            account.record_balance(market.shard, at_ms)


def _settlement(
    user: User, account: Account, market: Market, holding: Holding, payout: int, at_ms: int
) -> SettlementRow:
    fills = [f for f in user.fills if f.ticker == market.ticker and f.subaccount == account.subaccount]
    yes, no = ([fill for fill in fills if fill.side is side] for side in (Side.BUY, Side.SELL))
    return SettlementRow(
        sequence=len(user.settlements) + 1,
        subaccount=account.subaccount,
        ticker=market.ticker,
        event=market.event,
        shard=market.shard,
        result=market.result,
        size=holding.size,
        yes_bought=sum(fill.size for fill in yes),
        yes_cost=sum(fill.size * unit_cost(fill.side, fill.price) for fill in yes),
        no_bought=sum(fill.size for fill in no),
        no_cost=sum(fill.size * unit_cost(fill.side, fill.price) for fill in no),
        fees=holding.fees,
        payout=payout,
        at_ms=at_ms,
    )


def _fill(state: ExchangeState, market: Market, execution: Execution, at_ms: int) -> FillRow:
    order = state.orders[execution.order_id]
    user, account = state.user_of(order), state.account_of(order)
    price, size, is_taker = execution.price, execution.size, execution.is_taker
    holding, revenue = traded(account.holding(market, at_ms), order.side, price, size, at_ms)
    trade_fee = market.series.fees.trade_fee(price, size, is_taker=is_taker)
    charged = charge(revenue, trade_fee, user.precision, order.overpaid)
    account.cash[market.shard] += revenue - charged.fee
    account.record_holding(structs.replace(holding, fees=holding.fees + charged.fee), at_ms)
    market.traded(price, size)
    order.overpaid = charged.overpaid
    order.remaining -= size
    order.filled += size
    cost = size * unit_cost(order.side, price)
    if is_taker:
        order.taker_cost, order.taker_fees = order.taker_cost + cost, order.taker_fees + charged.fee
    else:
        order.maker_cost, order.maker_fees = order.maker_cost + cost, order.maker_fees + charged.fee
    fill = FillRow(
        fill_id=state.new_id(),
        sequence=len(user.fills) + 1,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        subaccount=order.subaccount,
        ticker=market.ticker,
        shard=market.shard,
        side=order.side,
        price=price,
        size=size,
        revenue=revenue,
        fee=charged.fee,
        is_taker=is_taker,
        at_ms=at_ms,
    )
    user.fills.append(fill)
    return fill


def _print(market: Market, fills: Sequence[FillRow], at_ms: int) -> None:
    """Show what was traded, by its taker: one of ours, or else somebody outside who met resting orders of ours."""
    takers = [fill for fill in fills if fill.is_taker]
    for fill in takers or fills:
        market.print_trade(fill.price, fill.size, fill.side if fill.is_taker else fill.side.opposite, at_ms)


def _retire(state: ExchangeState, order: Order, reason: EndReason, at_ms: int) -> None:
    order.end = reason
    order.updated_at_ms = at_ms
    state.account_of(order).orders[order.ticker].pop(order.order_id, None)


def _cover(state: ExchangeState, account: Account, shard: int, at_ms: int) -> None:
    """Cancel the youngest opening orders of a shard until its balance is not negative (MarginCancel)."""
    while account.available(shard) < 0:
        reserving = [
            order
            for ticker, orders in account.orders.items()
            if state.markets[ticker].shard == shard and account.reserve_of(ticker)
            for order in orders.values()
        ]
        if not reserving:
            return
        youngest = max(reserving, key=lambda order: order.sequence)
        market = state.markets[youngest.ticker]
        if market.engine.resting(youngest.order_id) is not None:
            market.engine.cancel(youngest.order_id)
        youngest.remaining = 0
        _retire(state, youngest, EndReason.MARGIN, at_ms)
        state.user_of(youngest).record_order(youngest, at_ms)
        account.update_reserve(market, at_ms)
