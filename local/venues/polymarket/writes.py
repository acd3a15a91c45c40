"""Order endpoints on the wire: bodies in, tokens paid, operations run, answers out (facts polymarket section 2)."""

from typing import Any

from holdfast.core.market import Side
from local.venues.http import Response
from local.venues.polymarket import messages, orders
from local.venues.polymarket.call import Call, with_headers
from local.venues.polymarket.messages import SendBody
from local.venues.polymarket.orders import Draft, Placed
from local.venues.polymarket.permissions import require_engine
from local.venues.polymarket.records import EndReason, Order
from local.venues.polymarket.wire import ApiError, TickError, money_text, size_text


def post_order(call: Call) -> Response:
    """POST /order."""
    require_engine(call.state, placing=True)
    body = messages.send_body(call.request.body)
    headers = call.user.buckets.place(1, call.state.now_ms)
    drafted = orders.draft(call.state, call.user, call.api_key, body)
    return with_headers(_accepted(orders.place(call.state, call.user, drafted)), headers)


def post_orders(call: Call) -> Response:
    """POST /orders: every order for itself, but one price off the grid refuses them all."""
    require_engine(call.state, placing=True)
    bodies = messages.send_bodies(call.request.body)
    headers = call.user.buckets.place(len(bodies), call.state.now_ms)
    drafts = [_draft_item(call, body) for body in bodies]
    return with_headers([_place_item(call, drafted) for drafted in drafts], headers)


def delete_order(call: Call) -> Response:
    """DELETE /order."""
    require_engine(call.state, placing=False)
    order_id = messages.cancel_body(call.request.body)
    headers = call.user.buckets.cancel(1, call.state.now_ms)
    return with_headers(_cancel(call, [order_id]), headers)


def delete_orders(call: Call) -> Response:
    """DELETE /orders."""
    require_engine(call.state, placing=False)
    ids = messages.cancel_bodies(call.request.body)
    headers = call.user.buckets.cancel(len(ids), call.state.now_ms)
    return with_headers(_cancel(call, ids), headers)


def cancel_all(call: Call) -> Response:
    """DELETE /cancel-all."""
    require_engine(call.state, placing=False)
    return _cancel_many(call, _open(call))


def cancel_market_orders(call: Call) -> Response:
    """DELETE /cancel-market-orders: by market, by token, or everything."""
    require_engine(call.state, placing=False)
    wanted = messages.market_cancel_body(call.request.body)
    conditions = {market.name: market.condition_id for market in call.state.markets.values()}
    found = [
        order
        for order in _open(call)
        if wanted.market.lower() in ("", conditions[order.market]) and wanted.asset_id in ("", order.token_id)
    ]
    return _cancel_many(call, found)


def _draft_item(call: Call, body: SendBody) -> Draft | ApiError:
    try:
        return orders.draft(call.state, call.user, call.api_key, body)
    except TickError:
        raise
    except ApiError as error:
        return error


def _place_item(call: Call, drafted: Draft | ApiError) -> dict[str, Any]:
    try:
        if isinstance(drafted, ApiError):
            raise drafted
        return _accepted(orders.place(call.state, call.user, drafted))
    except ApiError as error:
        # `success` stays true (facts polymarket section 2.2).
        refused = {"errorMsg": error.words, "orderID": "", "takingAmount": "", "makingAmount": ""}
        return {**refused, "status": "", "success": True}


def _accepted(placed: Placed) -> dict[str, Any]:
    """`matched` says that something matched, not that everything did."""
    order = placed.order
    parts = [part for trade in placed.trades for part in trade.parts if part.order_id == order.order_id]
    size, value = sum(part.size for part in parts), sum(part.size * part.price for part in parts)
    texts = (money_text(value), size_text(size)) if order.side is Side.BUY else (size_text(size), money_text(value))
    return {
        "errorMsg": "",
        "orderID": order.order_id,
        "makingAmount": texts[0] if parts else "",
        "takingAmount": texts[1] if parts else "",
        "status": _status(order, bool(parts)),
        "success": True,
        "transactionsHashes": [],
        "tradeIDs": [trade.trade_id for trade in placed.trades],
    }


def _status(order: Order, matched: bool) -> str:
    if order.delayed:
        return "delayed"
    if matched:
        return "matched"
    return "unmatched" if order.end is EndReason.SELF_TRADE else "live"


def _open(call: Call) -> list[Order]:
    """Everything of the address that can be canceled, whichever of its keys placed it."""
    return [o for found in call.user.open.values() for o in found.values() if o.end is None and not o.delayed]


def _cancel(call: Call, ids: list[str]) -> dict[str, Any]:
    answers = {order_id: orders.cancel(call.state, call.user, order_id) for order_id in ids}
    return {
        "canceled": [order_id for order_id, words in answers.items() if not words],
        "not_canceled": {order_id: words for order_id, words in answers.items() if words},
    }


def _cancel_many(call: Call, found: list[Order]) -> Response:
    """One token for the request, then one for each order that it hit."""
    now_ms = call.state.now_ms
    call.user.buckets.cancel(1, now_ms)
    answered = _cancel(call, [order.order_id for order in found])
    return with_headers(answered, call.user.buckets.cancelled(len(answered["canceled"]), now_ms))
