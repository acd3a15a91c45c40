"""Reads of a user's data (facts polymarket sections 2 and 2.2).

Orders and trades lag together. Whether the venue's look-up by hash lags as its lists do is not known: here it does.
"""

from collections.abc import Iterator
from typing import Any

from local.venues.history import History
from local.venues.http import Response, answer
from local.venues.polymarket import messages, shapes
from local.venues.polymarket.accounts import Balance
from local.venues.polymarket.call import Call
from local.venues.polymarket.records import Order, Trade
from local.venues.polymarket.wire import ApiError, micro

_UNLIMITED = (1 << 256) - 1
_ASSETS = ("COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2")


def get_order(call: Call) -> Response:
    """GET /data/order/{order_id}: any status. What the venue does not show is null, not 404 (facts section 2)."""
    history = call.user.seen_orders.get(messages.order_id(call.names["order_id"]))
    order = history.at(call.state.read_as_of()) if history else None
    return answer(None if order is None else shapes.order(call.state, order))


def list_orders(call: Call) -> Response:
    """GET /data/orders: what rests, newest first; by id an order of any status."""
    as_of_ms = call.state.read_as_of()
    wanted = call.parameter("id")
    if wanted:
        history = call.user.seen_orders.get(wanted.lower())
        found = [order for order in [history.at(as_of_ms) if history else None] if order is not None]
    else:
        found = [order for order in _resting(call, as_of_ms) if _matches(call, order)]
    rows, around = call.page(found)
    return answer({**around, "data": [shapes.order(call.state, row) for row in rows]})


def list_trades(call: Call) -> Response:
    """GET /data/trades, newest first. `after` and `before` exclude the second that they name."""
    as_of_ms = call.state.read_as_of()
    found = [trade for trade in _since(call, as_of_ms) if _trade_matches(call, trade)]
    rows, around = call.page(found)
    return answer({**around, "data": [shapes.trade(call.state, call.user, row) for row in rows]})


def get_balance(call: Call) -> Response:
    """GET /balance-allowance: what the CLOB believes, in micro units."""
    return answer(_balance_answer(call, _asset(call)))


def update_balance(call: Call) -> Response:
    """GET /balance-allowance/update: bring the CLOB's copy up to the chain. The venue's own answer is not recorded."""
    balance = _asset(call)
    balance.refresh()
    return answer(_balance_answer(call, balance))


def closed_only(call: Call) -> Response:
    """GET /auth/ban-status/closed-only."""
    return answer({"closed_only": call.user.closed_only})


def create_key(call: Call) -> Response:
    """POST /auth/api-key, level 1."""
    user, nonce = call.keys.attested(call.request, call.arrived_ms)
    return answer(shapes.credentials(call.keys.create(user, nonce)))


def derive_key(call: Call) -> Response:
    """GET /auth/derive-api-key, level 1."""
    user, nonce = call.keys.attested(call.request, call.arrived_ms)
    known = user.keys.get(nonce)
    if known is None:
        raise ApiError(400, "Could not derive api key!")
    return answer(shapes.credentials(known))


def list_keys(call: Call) -> Response:
    """GET /auth/api-keys."""
    return answer({"apiKeys": [known.api_key for known in call.user.keys.values()]})


def delete_key(call: Call) -> Response:
    """DELETE /auth/api-key."""
    call.keys.drop(call.api_key)
    return answer("OK")


def _resting(call: Call, as_of_ms: int) -> list[Order]:
    seen = (history.at(as_of_ms) for history in call.user.lately_open(call.state.now_ms))
    return [order for order in seen if order is not None and order.end is None]


def _matches(call: Call, order: Order) -> bool:
    market = call.state.markets[order.market]
    return call.parameter("market").lower() in ("", market.condition_id) and call.parameter("asset_id") in (
        "",
        order.token_id,
    )


def _since(call: Call, as_of_ms: int) -> Iterator[Trade]:
    """Trades as they were, newest first, back to the second that `after` excludes."""
    after = call.seconds("after")
    histories: list[History[Trade]] = list(call.user.seen_trades.values())
    for history in reversed(histories):
        if after is not None and history.latest.matched_at_ms // 1_000 <= after:
            return
        trade = history.at(as_of_ms)
        if trade is not None:
            yield trade


def _trade_matches(call: Call, trade: Trade) -> bool:
    market = call.state.markets[trade.market]
    second = trade.matched_at_ms // 1_000
    before = call.seconds("before")
    mine = {part.token_id for part in trade.parts if part.user == call.user.name}
    return (
        call.parameter("id") in ("", trade.trade_id)
        and call.parameter("market").lower() in ("", market.condition_id)
        and (not call.parameter("asset_id") or call.parameter("asset_id") in mine)
        and call.parameter("maker_address").lower() in ("", call.user.wallet)
        and (before is None or second < before)
    )


def _asset(call: Call) -> Balance:
    kind = call.parameter("asset_type")
    if kind not in _ASSETS:
        raise ApiError(400, "Invalid asset type")
    if call.parameter("signature_type") not in ("", str(call.user.signature_type)):
        raise ApiError(400, "Invalid signature_type")
    if kind == "COLLATERAL":
        return call.user.cash
    market, outcome = call.token()
    if (market.spec.version == "v2") != (kind == "CONDITIONAL-V2"):
        raise ApiError(400, "Invalid asset type")
    return call.user.balance_of(market.tokens[outcome])


def _balance_answer(call: Call, balance: Balance) -> dict[str, Any]:
    shown = micro(balance.cached) if balance is call.user.cash else balance.cached
    spenders = shapes.spenders()
    return {
        "balance": str(max(shown, 0)),
        "allowances": {
            spender: "0" if spender.lower() in call.user.revoked else str(_UNLIMITED) for spender in spenders
        },
    }
