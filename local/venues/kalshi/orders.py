"""The order operations on exact values: create, cancel, amend, decrease (facts kalshi sections 4 to 6).

Each refuses with ApiError and then has changed nothing.
"""

from msgspec import Struct, structs

from holdfast.core.market import Side
from holdfast.core.matching import Submission
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Refusal
from local.venues.kalshi.accounts import Account, User, collateral
from local.venues.kalshi.booking import book, end, open_order, settle_versions
from local.venues.kalshi.markets import Market, MarketState
from local.venues.kalshi.messages import Change, Ticket
from local.venues.kalshi.records import EndReason, FillRow, Order, Prevention
from local.venues.kalshi.state import ExchangeState
from local.venues.kalshi.wire import ApiError, not_found


class Traded(Struct, frozen=True):
    """An order after a write, and the fills of its own that the write caused."""

    order: Order
    fills: list[FillRow]


class Where(Struct, frozen=True):
    """How a write names the place of an order."""

    subaccount: int
    shard: int


def create(state: ExchangeState, user: User, ticket: Ticket, shard: int) -> Traded:
    """Place an order on a shard."""
    market = state.markets.get(ticket.ticker)
    if market is None or market.shard != shard:
        raise ApiError(404, "market_not_found", "market not found")
    require_trading(state, market)
    account = _funded(user, ticket.subaccount, shard)
    if not market.accepts(ticket.price):
        raise ApiError(400, "invalid_price", details="price is not on the market's price ranges")
    _require_new_id(user, ticket.client_order_id)
    order = _new_order(state, user, market, ticket)
    if ticket.reduce_only:
        held = account.position(market.ticker)
        capped = min(ticket.size, max(held if ticket.side is Side.SELL else -held, 0))
        order.remaining, order.initial = capped, capped or ticket.size
    if not order.remaining:
        open_order(state, order)
        end(state, market, [order], EndReason.REDUCE_ONLY, state.now_ms)
        return Traded(order, [])
    _require_collateral(account, market, order)
    return _execute(state, market, order, ticket)


def cancel(state: ExchangeState, user: User, order_id: str, where: Where) -> tuple[Order, int]:
    """Cancel an order; returns it and what was still resting of it."""
    _require_exchange(state, where.shard)
    _require_open_market(state, user, order_id)
    order = state.resting_order("cancel", user, order_id, where.subaccount, where.shard)
    if order is None:
        raise not_found()
    market = state.markets[order.ticker]
    reduced_by = market.engine.cancel(order_id)
    end(state, market, [order], EndReason.CANCEL, state.now_ms)
    return order, reduced_by


def amend(state: ExchangeState, user: User, order_id: str, where: Where, change: Change) -> Traded:
    """Change price, total count or expiry of an order. `change.size` counts what has filled."""
    market = state.markets.get(change.ticker)
    if market is None:
        raise not_found()
    require_trading(state, market)
    order = state.resting_order("amend", user, order_id, where.subaccount, where.shard)
    if order is None:
        raise not_found()
    _require_match(order, change)
    if change.new_client_order_id != order.client_order_id:
        _require_new_id(user, change.new_client_order_id)
    if not market.accepts(change.price):
        raise ApiError(400, "invalid_price", details="price is not on the market's price ranges")
    remaining = change.size - order.filled
    if remaining <= 0:
        raise ApiError(400, "invalid_order_size", details="count must exceed the filled count")
    wanted = structs.replace(order, price=change.price, remaining=remaining)
    if order.post_only and _crosses(market, wanted):
        raise post_only_cross()
    _require_collateral(state.account_of(order), market, wanted)
    if change.expires_at_ms is not None:
        wanted.expires_at_ms = change.expires_at_ms
    return _amend_now(state, market, order, wanted, change.new_client_order_id)


def decrease(state: ExchangeState, user: User, order_id: str, where: Where, *, by: int | None, to: int | None) -> Order:
    """Reduce what rests of an order, keeping its place; to nothing means cancel."""
    _require_exchange(state, where.shard)
    known = user.orders.get(order_id)
    if known is not None:
        require_trading(state, state.markets[known.ticker])
    order = state.resting_order("decrease", user, order_id, where.subaccount, where.shard)
    if order is None:
        raise not_found()
    left = order.remaining - by if by is not None else to or 0
    if left >= order.remaining:
        raise ApiError(400, "invalid_order_size", details="the count must decrease")
    market = state.markets[order.ticker]
    if left <= 0:
        market.engine.cancel(order_id)
        end(state, market, [order], EndReason.DECREASE, state.now_ms)
        return order
    market.engine.reduce(order_id, left)
    order.remaining = left
    settle_versions(state, market, [order], state.now_ms)
    return order


def require_trading(state: ExchangeState, market: Market) -> None:
    """Raise where orders of this market can't be placed or changed now."""
    _require_exchange(state, market.shard)
    status = market.state(state.now_ms)
    if status in (MarketState.CLOSED, MarketState.FINALIZED, MarketState.INITIALIZED):
        raise market_inactive()
    if not state.shards[market.shard].trading_active or status is MarketState.INACTIVE:
        raise ApiError(409, "trading_is_paused", "trading is paused")


def market_inactive() -> ApiError:
    """Every order operation after the close, cancels included. Status and shape are unverified (facts kalshi 13)."""
    return ApiError(409, "MARKET_INACTIVE")


def post_only_cross() -> ApiError:
    """The refusal of a post-only order that would trade."""
    return ApiError(400, "invalid_order", "invalid order", "post only cross")


def _execute(state: ExchangeState, market: Market, order: Order, ticket: Ticket) -> Traded:
    """Match and book. A trade with oneself ends the arriving order, or under `maker` the resting one."""
    submission = _submit(market, order, ticket.lifetime)
    if submission.refusal is Refusal.POST_ONLY_CROSS:
        raise post_only_cross()
    open_order(state, order)
    fills = book(state, market, submission.executions, state.now_ms)
    while submission.self_crossed and order.prevention is Prevention.MAKER and order.end is None:
        _cancel_met(state, market, order)
        lifetime = TimeInForce.RESTING if ticket.lifetime is TimeInForce.RESTING else TimeInForce.IMMEDIATE
        submission = _submit(market, order, lifetime)
        fills += book(state, market, submission.executions, state.now_ms)
    _conclude(state, market, order, submission)
    state.remind(order.expires_at_ms if order.end is None else 0, market.ticker)
    return Traded(order, [fill for fill in fills if fill.order_id == order.order_id])


def _amend_now(state: ExchangeState, market: Market, order: Order, wanted: Order, new_id: str) -> Traded:
    order.price, order.remaining, order.expires_at_ms = wanted.price, wanted.remaining, wanted.expires_at_ms
    order.initial = order.filled + wanted.remaining
    if new_id:
        order.client_order_id = new_id
        state.user_of(order).client_order_ids[new_id] = order.order_id
    submission = market.engine.amend(
        order.order_id,
        price=wanted.price,
        remaining=wanted.remaining,
        expires_at_ms=wanted.expires_at_ms,
        now_ms=state.now_ms,
    )
    fills = book(state, market, submission.executions, state.now_ms)
    _conclude(state, market, order, submission)
    state.remind(wanted.expires_at_ms if order.end is None else 0, market.ticker)
    return Traded(order, [fill for fill in fills if fill.order_id == order.order_id])


def _conclude(state: ExchangeState, market: Market, order: Order, submission: Submission) -> None:
    """End what neither filled nor rests, and keep the order's version."""
    if order.end is not None:
        return
    if submission.remaining:
        settle_versions(state, market, [order], state.now_ms)
        return
    reason = EndReason.SELF_TRADE if submission.self_crossed else EndReason.UNFILLED
    end(state, market, [order], reason, state.now_ms)


def _submit(market: Market, order: Order, lifetime: TimeInForce) -> Submission:
    return market.engine.submit(
        order.order_id,
        order.user_id,
        order.side,
        order.price,
        order.remaining,
        post_only=order.post_only,
        time_in_force=lifetime,
        expires_at_ms=order.expires_at_ms,
        now_ms=order.updated_at_ms,
    )


def _cancel_met(state: ExchangeState, market: Market, order: Order) -> None:
    """Cancel the resting order of the same user that an arriving one met: its best and oldest."""
    resting = [own for own in market.engine.orders(order.user_id) if own.side is not order.side]
    met = min(resting, key=lambda own: (own.price if own.side is Side.SELL else -own.price, own.sequence))
    market.engine.cancel(met.order_id)
    end(state, market, [state.orders[met.order_id]], EndReason.SELF_TRADE, state.now_ms)


def _new_order(state: ExchangeState, user: User, market: Market, ticket: Ticket) -> Order:
    return Order(
        order_id=state.new_id(),
        user_id=user.user_id,
        subaccount=ticket.subaccount,
        client_order_id=ticket.client_order_id,
        ticker=market.ticker,
        shard=market.shard,
        side=ticket.side,
        price=ticket.price,
        initial=ticket.size,
        remaining=ticket.size,
        sequence=state.next_sequence(),
        created_at_ms=state.now_ms,
        updated_at_ms=state.now_ms,
        expires_at_ms=ticket.expires_at_ms,
        prevention=ticket.prevention,
        post_only=ticket.post_only,
        cancel_on_pause=ticket.cancel_on_pause,
    )


def _require_collateral(account: Account, market: Market, wanted: Order) -> None:
    """Raise insufficient_balance where the account can't pay for what an order would open, at its limit price.

    It counts as matching before the account's other orders where its price says so; a taker's fee comes on top.
    """
    others = [o for o in account.orders.get(market.ticker, {}).values() if o.order_id != wanted.order_id]
    position, fees = account.position(market.ticker), market.series.fees
    need = collateral(position, [*others, wanted], fees) - account.reserve_of(market.ticker)
    if not wanted.post_only:
        covered = max(position if wanted.side is Side.SELL else -position, 0)
        opening = max(wanted.remaining - covered, 0)
        taker_fee = fees.trade_fee(wanted.price, opening, is_taker=True)
        need += max(taker_fee - fees.trade_fee(wanted.price, opening, is_taker=False), 0)
    if need > 0 and need > account.available(market.shard):
        raise ApiError(400, "insufficient_balance", "insufficient balance")


def _funded(user: User, subaccount: int, shard: int) -> Account:
    account = user.accounts.get(subaccount)
    if account is None or shard not in account.cash:
        raise ApiError(404, "user_not_found", "user not found")
    return account


def _require_new_id(user: User, client_order_id: str) -> None:
    if client_order_id and client_order_id in user.client_order_ids:
        raise ApiError(409, "order_already_exists", "order already exists")


def _require_exchange(state: ExchangeState, shard: int) -> None:
    known = state.shards.get(shard)
    if known is not None and not known.exchange_active:
        raise ApiError(409, "exchange_is_paused", "exchange is paused")


def _require_open_market(state: ExchangeState, user: User, order_id: str) -> None:
    known = user.orders.get(order_id)
    if known is None:
        return
    if state.markets[known.ticker].state(state.now_ms) in (MarketState.CLOSED, MarketState.FINALIZED):
        raise market_inactive()


def _require_match(order: Order, change: Change) -> None:
    if change.ticker != order.ticker:
        raise ApiError(400, "order_ticker_mismatch", "order ticker mismatch")
    if change.side is not order.side:
        raise ApiError(400, "order_side_mismatch", "order side mismatch")
    if change.client_order_id and change.client_order_id != order.client_order_id:
        raise ApiError(400, "order_id_and_client_order_id_mismatch", "order id and client order id mismatch")


def _crosses(market: Market, wanted: Order) -> bool:
    best = market.engine.best_ask if wanted.side is Side.BUY else market.engine.best_bid
    if best is None:
        return False
    return wanted.price >= best if wanted.side is Side.BUY else wanted.price <= best
