"""The order operations on exact values: place and cancel (facts polymarket sections 2.3, 4 and 5).

Each refuses with ApiError and then has changed nothing.
"""

from msgspec import Struct

from holdfast.core.market import Side
from holdfast.core.matching import Submission
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Refusal
from local.venues.polymarket import permissions
from local.venues.polymarket.accounts import User
from local.venues.polymarket.booking import book, cancel_resting, end, record
from local.venues.polymarket.markets import Market, stated_on
from local.venues.polymarket.messages import SendBody, signed_order, terms
from local.venues.polymarket.records import EndReason, Miss, MissCause, Order, OrderType, Trade, cause_of
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import ONE, ApiError, micro, money_text, size_text

_EARLIEST_EXPIRY_MS = 180_000
_EXPIRY_LEAD_MS = 60_000
_LEAST_MARKETABLE = ONE * 10**6  # $1 in money units
_LATEST_EXPIRY_MS = 1 << 53
_UNFILLED = {
    OrderType.FOK: "order couldn't be fully filled. FOK orders are fully filled or killed.",
    OrderType.FAK: "no orders found to match with FAK order. "
    "FAK orders are partially filled or killed if no match is found.",
}
_NOT_CANCELED = "order can't be found - already canceled or matched"


class Placed(Struct, frozen=True):
    """An order after it was placed, and the trades that this caused."""

    order: Order
    trades: list[Trade]


class Draft(Struct, frozen=True):
    """A signed order that is who it says it is, with its terms, before it is checked against the book."""

    order: Order
    market: Market


def draft(state: ExchangeState, user: User, api_key: str, body: SendBody) -> Draft:
    """Read an order and check everything that does not depend on the book. Raises ApiError."""
    market, outcome = permissions.market_of(state, body.order.token_id)
    signed = signed_order(body.order)
    identity = "0x" + signed.order_hash(market.domain).hex()
    state.sent[identity] += 1
    permissions.require_signature(user, api_key, body, signed, market)
    asked = terms(body, market, identity)
    order = Order(
        order_id=identity,
        user=user.name,
        api_key=api_key,
        maker=body.order.maker,
        market=market.name,
        outcome=outcome,
        token_id=body.order.token_id,
        side=asked.side,
        price=asked.price,
        size=asked.size,
        order_type=OrderType(body.order_type),
        sequence=state.next_sequence(),
        created_at_ms=state.now_ms,
        updated_at_ms=state.now_ms,
        budget=asked.budget,
        expiration_s=int(body.order.expiration),
        post_only=body.post_only,
    )
    return Draft(order, market)


def place(state: ExchangeState, user: User, drafted: Draft) -> Placed:
    """Check an order against book and balances, and match it."""
    order, market = drafted.order, drafted.market
    permissions.require_open(state, user, market, order)
    _require_size(market, order)
    _require_expiry(order, state.now_ms)
    if order.order_id in state.orders:
        raise ApiError(400, f"order {order.order_id} is invalid. Duplicated.")
    marketable = _is_marketable(market, order)
    if marketable and order.post_only:
        raise ApiError(400, "invalid post-only order: order crosses book")
    if marketable and order.side is Side.BUY and _cost(order) < _LEAST_MARKETABLE:
        raise ApiError(400, f"invalid amount for a marketable BUY order (${money_text(_cost(order))}), min size: $1")
    _require_balance(user, market, order)
    if marketable and market.spec.taker_delay_ms:
        return _hold_back(state, market, order)
    _require_fill(market, order)
    return Placed(order, _execute(state, market, order))


def cancel(state: ExchangeState, user: User, order_id: str) -> str:
    """Cancel an order; returns why not, empty where it is canceled.

    An ignored cancel is answered like a late one and changes nothing: the venue was seen to do that (facts
    polymarket section 2.2).
    """
    order = user.orders.get(order_id)
    cause = cause_of(order)
    if cause is None and state.ignored_cancels:
        state.ignored_cancels -= 1
        cause = MissCause.IGNORED
    if cause is not None or order is None:
        state.misses.append(Miss(user.name, order_id, cause or MissCause.NEVER_EXISTED, state.now_ms))
        return _NOT_CANCELED
    cancel_resting(state, order, EndReason.CANCEL, state.now_ms)
    return ""


def cancel_key(state: ExchangeState, user: User, api_key: str, reason: EndReason, at_ms: int) -> None:
    """Cancel whatever rests of one API key."""
    for orders in list(user.open.values()):
        for order in list(orders.values()):
            if order.api_key == api_key and not order.delayed:
                cancel_resting(state, order, reason, at_ms)


def _hold_back(state: ExchangeState, market: Market, order: Order) -> Placed:
    """A marketable order waits before it matches and can't be canceled meanwhile (facts polymarket section 4)."""
    order.delayed = True
    _enter(state, order)
    state.plan(state.now_ms + market.spec.taker_delay_ms, lambda at_ms: _release(state, market, order, at_ms))
    return Placed(order, [])


def _release(state: ExchangeState, market: Market, order: Order, at_ms: int) -> None:
    """Match what was held back, unless it can't any more."""
    if order.end is not None:
        return
    order.delayed = False
    try:
        _require_fill(market, order)
    except ApiError:
        end(state, [order], EndReason.UNFILLED, at_ms)
        return
    # Nothing that waited is post-only, so the window after a restart takes none of it either.
    if market.is_open(at_ms) and state.modes.matches(at_ms) and at_ms >= state.modes.post_only_until_ms:
        _match(state, market, order, at_ms)
    else:
        end(state, [order], EndReason.CLOSE, at_ms)


def _execute(state: ExchangeState, market: Market, order: Order) -> list[Trade]:
    _enter(state, order)
    return _match(state, market, order, state.now_ms)


def _enter(state: ExchangeState, order: Order) -> None:
    user = state.users[order.user]
    state.orders[order.order_id] = user.orders[order.order_id] = order
    record(state, [order], order.created_at_ms)


def _match(state: ExchangeState, market: Market, order: Order, at_ms: int) -> list[Trade]:
    """Match and book, and end what neither filled nor rests.

    What happens to an order that meets one of its own user is not known: here the rest of it is cancelled.
    """
    size = _affordable(market, order)[0] if order.budget else order.size
    submission = _submit(market, order, size, at_ms)
    if submission.filled and order.budget:
        order.size, order.budget = submission.filled, 0
    trades = book(state, market, submission.executions, at_ms)
    if order.end is None and not submission.remaining:
        end(state, [order], EndReason.SELF_TRADE if submission.self_crossed else EndReason.UNFILLED, at_ms)
    if order.end is None and order.order_type is OrderType.GTD:
        state.plan(order.expiration_s * 1_000 - _EXPIRY_LEAD_MS, lambda due_ms: _expire(state, order, due_ms))
    return trades


def _submit(market: Market, order: Order, size: int, at_ms: int) -> Submission:
    lifetime = TimeInForce.RESTING if order.order_type.rests else TimeInForce.IMMEDIATE
    if order.order_type is OrderType.FOK:
        lifetime = TimeInForce.ALL_OR_NOTHING
    found = market.engine.submit(
        order.order_id,
        order.user,
        order.side if order.outcome == 0 else order.side.opposite,
        stated_on(order.outcome, order.price),
        size,
        post_only=order.post_only,
        time_in_force=lifetime,
        now_ms=at_ms,
    )
    if found.refusal is Refusal.POST_ONLY_CROSS:
        raise ApiError(400, f"order {order.order_id} crosses the book")
    return found


def _expire(state: ExchangeState, order: Order, at_ms: int) -> None:
    if order.end is None:
        cancel_resting(state, order, EndReason.EXPIRY, at_ms)


def _require_size(market: Market, order: Order) -> None:
    """The minimum in shares is one of orders that may rest; market orders have the minimum in dollars."""
    if order.order_type.rests and order.size < market.min_size:
        least = size_text(market.min_size)
        words = f"order {order.order_id} is invalid. Size ({size_text(order.size)}) lower than the minimum: {least}"
        raise ApiError(400, words)


def _require_expiry(order: Order, now_ms: int) -> None:
    earliest = now_ms + _EARLIEST_EXPIRY_MS
    if order.order_type is OrderType.GTD:
        if not earliest <= order.expiration_s * 1_000 <= _LATEST_EXPIRY_MS:
            raise ApiError(400, "invalid expiration")
    elif order.expiration_s:
        raise ApiError(400, "invalid expiration")


def _require_balance(user: User, market: Market, order: Order) -> None:
    """In the venue's words, with its micro units. A buy needs its taker fee too."""
    room = user.room(market.name, order.token_id, order.side)
    is_buy = order.side is Side.BUY
    needed = _cost(order) + _fee(market, order) if is_buy else order.size
    shown = micro if is_buy else int
    spender = market.domain.contract
    if spender.lower() in user.revoked:
        words = f"the allowance is not enough -> spender: {spender}, allowance: 0, order amount: {shown(needed)}"
        raise ApiError(400, f"not enough balance / allowance: {words}")
    if needed <= room.free:
        return
    sums = [f"balance: {shown(room.balance)}"]
    sums += [f"sum of active orders: {shown(room.active)}"] if room.active else []
    sums += [f"sum of matched orders: {shown(room.matched)}"] if room.matched else []
    name = "order amount (inc. fees)" if len(sums) > 1 else "order amount"
    words = f"the balance is not enough -> {', '.join(sums)}, {name}: {shown(needed)}"
    raise ApiError(400, f"not enough balance / allowance: {words}")


def _require_fill(market: Market, order: Order) -> None:
    """A market order that could not do its part is refused, and leaves nothing behind."""
    if order.order_type.rests:
        return
    if order.budget:
        size, spent = _affordable(market, order)
        filled = spent if order.order_type is OrderType.FOK else size > 0
    else:
        depth = sum(size for price, size in _other_side(market, order))
        filled = depth >= order.size if order.order_type is OrderType.FOK else depth > 0
    if not filled:
        raise ApiError(400, _UNFILLED[order.order_type])


def _affordable(market: Market, order: Order) -> tuple[int, bool]:
    """The shares that a budget buys within the limit price, best first, and whether it is all spent."""
    left, bought = order.budget, 0
    for price, size in _other_side(market, order):
        taken = min(size, left // price)
        bought, left = bought + taken, left - taken * price
        if taken < size or left < price:
            return bought, True
    return bought, left == 0


def _other_side(market: Market, order: Order) -> list[tuple[int, int]]:
    """What an order can reach, in prices of its own token, best first."""
    is_buy = order.side is Side.BUY
    levels = market.ladder(order.outcome, order.side.opposite)
    return [(p, s) for p, s in levels if (p <= order.price if is_buy else p >= order.price)]


def _is_marketable(market: Market, order: Order) -> bool:
    best = market.best(order.outcome, order.side.opposite)
    if best is None:
        return False
    return order.price >= best if order.side is Side.BUY else order.price <= best


def _cost(order: Order) -> int:
    return order.budget or order.size * order.price


def _fee(market: Market, order: Order) -> int:
    """The most that an order can pay as a taker: cheaper shares cost more fee, but less in all."""
    if order.post_only:
        return 0
    if not order.budget:
        return market.fees.taker_fee(order.price, order.size)
    left, fee = order.budget, 0
    for price, size in _other_side(market, order):
        taken = min(size, left // price)
        fee, left = fee + market.fees.taker_fee(price, taken), left - taken * price
    return fee
