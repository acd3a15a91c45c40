"""Order endpoints on the wire: bodies in, tokens paid, operations run, answers out (facts kalshi sections 4 and 8)."""

from typing import Any

from local.venues.http import Response, answer
from local.venues.kalshi import messages, orders
from local.venues.kalshi.call import Call
from local.venues.kalshi.limits import DEFAULT_COST
from local.venues.kalshi.messages import (
    AmendBody,
    BatchCancelBody,
    BatchCreateBody,
    CancelBody,
    CreateBody,
    DecreaseBody,
    check_words,
    decode,
    size_units,
    subaccount_of,
    ticket,
)
from local.venues.kalshi.orders import Traded, Where
from local.venues.kalshi.records import EndReason, Order
from local.venues.kalshi.wire import ApiError, average_price, count, invalid_parameters

CREATE_COST = AMEND_COST = DECREASE_COST = DEFAULT_COST
CANCEL_COST = 2


def create_order(call: Call) -> Response:
    """POST /portfolio/events/orders."""
    body = decode(call.request.body, CreateBody, "CreateOrderV2Request")
    check_words(body)
    call.user.allowance.write_routed(CREATE_COST, body.exchange_index, call.state.now_ms)
    return answer(_create(call, body), 201)


def create_batch(call: Call) -> Response:
    """POST /portfolio/events/orders/batched: every order for itself, the tokens for all."""
    bodies = decode(call.request.body, BatchCreateBody, "BatchCreateOrdersV2Request").orders
    if not bodies:
        raise invalid_parameters("orders is required")
    for body in bodies:
        check_words(body)
    call.user.allowance.write_unscoped(CREATE_COST * len(bodies), call.state.now_ms)
    return answer({"orders": call.state.arranged([_create_item(call, body) for body in bodies])}, 201)


def cancel_order(call: Call) -> Response:
    """DELETE /portfolio/events/orders/{order_id}."""
    exchange_index = call.integer("exchange_index", -1)
    call.user.allowance.write_routed(CANCEL_COST, exchange_index, call.state.now_ms)
    entry = CancelBody(
        order_id=call.names["order_id"],
        subaccount=call.integer("subaccount", 0),
        exchange_index=exchange_index,
        market_ticker=call.request.parameter("market_ticker"),
    )
    return answer(_cancel(call, entry))


def cancel_batch(call: Call) -> Response:
    """DELETE /portfolio/events/orders/batched, with a JSON body."""
    entries = decode(call.request.body, BatchCancelBody, "BatchCancelOrdersV2Request").orders
    if not entries or not all(entry.order_id for entry in entries):
        raise invalid_parameters("orders with order_id are required")
    call.user.allowance.write_unscoped(CANCEL_COST * len(entries), call.state.now_ms)
    return answer({"orders": call.state.arranged([_cancel_item(call, entry) for entry in entries])})


def cancel_all(call: Call) -> Response:
    """DELETE /portfolio/events/orders: what rests now, on every shard that is not paused.

    The venue may also cancel orders placed in the minute after it; here it does not.
    """
    wanted = call.integer("subaccount", 0)
    call.user.allowance.write_unscoped(CANCEL_COST, call.state.now_ms)
    for order in list(call.user.orders.values()):
        active = call.state.shards[order.shard].exchange_active
        if order.end is None and active and wanted in (None, order.subaccount):
            orders.cancel(call.state, call.user, order.order_id, Where(order.subaccount, order.shard))
    return Response(204)


def amend_order(call: Call) -> Response:
    """POST /portfolio/events/orders/{order_id}/amend."""
    body = decode(call.request.body, AmendBody, "AmendOrderV2Request")
    call.user.allowance.write_routed(AMEND_COST, body.exchange_index, call.state.now_ms)
    order_id = call.names["order_id"]
    known = call.user.orders.get(order_id)
    before = known.remaining if known else 0
    where = _where(call, call.integer("subaccount", 0), body.exchange_index, body.ticker)
    traded = orders.amend(call.state, call.user, order_id, where, messages.change(body, call.state.now_ms))
    return answer(_amended(call, traded, before))


def decrease_order(call: Call) -> Response:
    """POST /portfolio/events/orders/{order_id}/decrease."""
    body = decode(call.request.body, DecreaseBody, "DecreaseOrderV2Request")
    call.user.allowance.write_routed(DECREASE_COST, body.exchange_index, call.state.now_ms)
    if (body.reduce_by is None) == (body.reduce_to is None):
        raise invalid_parameters("exactly one of reduce_by and reduce_to is required")
    by = None if body.reduce_by is None else size_units(body.reduce_by)
    to = None if body.reduce_to is None else size_units(body.reduce_to, least=0)
    where = _where(call, call.integer("subaccount", 0), body.exchange_index, body.market_ticker)
    order = orders.decrease(call.state, call.user, call.names["order_id"], where, by=by, to=to)
    return answer({**_identity(order), "remaining_count": count(order.remaining), "ts_ms": call.state.now_ms})


def legacy_order_write(call: Call) -> Response:
    """The V1 endpoints for order writes, gone since 2026 (facts kalshi section 1)."""
    raise ApiError(
        410,
        "deprecated_v1_order_endpoint",
        "Please switch to the V2 endpoints",
        "https://docs.kalshi.com/api-reference/orders/create-order-v2",
    )


def no_such_list(call: Call) -> Response:
    """GET /portfolio/events/orders does not exist (facts kalshi section 4)."""
    return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")


def _create(call: Call, body: CreateBody) -> dict[str, Any]:
    state = call.state
    call.user.sent_ids[body.client_order_id or ""] += 1
    shard = state.route(body.ticker, body.exchange_index)
    if body.order_group_id:
        raise ApiError(404, "order_group_not_found", "order group not found")
    return _placed(call, orders.create(state, call.user, ticket(body, state.now_ms), shard))


def _create_item(call: Call, body: CreateBody) -> dict[str, Any]:
    try:
        return _create(call, body)
    except ApiError as error:
        fields = error.fields()
        if error.details == "post only cross":
            fields["code"] = "invalid order"  # as the venue spells it in a batch (facts kalshi section 4.2)
        echo = {"client_order_id": body.client_order_id} if body.client_order_id else {}
        return {**echo, "error": fields}


def _cancel(call: Call, entry: CancelBody) -> dict[str, Any]:
    where = _where(call, entry.subaccount, entry.exchange_index, entry.market_ticker)
    order, reduced_by = orders.cancel(call.state, call.user, entry.order_id or "", where)
    return {**_identity(order), "reduced_by": count(reduced_by), "ts_ms": call.state.now_ms}


def _cancel_item(call: Call, entry: CancelBody) -> dict[str, Any]:
    try:
        return _cancel(call, entry)
    except ApiError as error:
        return {"order_id": entry.order_id, "reduced_by": count(0), "error": error.fields()}


def _where(call: Call, subaccount: int | None, exchange_index: int | None, ticker: str | None) -> Where:
    return Where(subaccount_of(subaccount), call.state.route(ticker, exchange_index))


def _identity(order: Order) -> dict[str, str]:
    found = {"order_id": order.order_id}
    return {**found, "client_order_id": order.client_order_id} if order.client_order_id else found


def _placed(call: Call, traded: Traded) -> dict[str, Any]:
    order = traded.order
    return {
        **_identity(order),
        "fill_count": count(order.filled),
        "remaining_count": count(order.remaining),
        **_averages(traded),
        "ts_ms": call.state.now_ms,
    }


def _amended(call: Call, traded: Traded, before: int) -> dict[str, Any]:
    """Counts are null where the amend caused no fill and changed no size (AmendOrderV2Response)."""
    order = traded.order
    filled = sum(fill.size for fill in traded.fills)
    silent = not filled and order.remaining == before and order.end is not EndReason.SELF_TRADE
    return {
        **_identity(order),
        "remaining_count": None if silent else count(order.remaining),
        "fill_count": None if silent else count(filled),
        **_averages(traded),
        "ts_ms": call.state.now_ms,
    }


def _averages(traded: Traded) -> dict[str, str]:
    size = sum(fill.size for fill in traded.fills)
    if not size:
        return {}
    value = sum(fill.size * fill.price for fill in traded.fills)
    fees = sum(fill.fee for fill in traded.fills)
    return {"average_fill_price": average_price(value, size), "average_fee_paid": average_price(fees, size)}
