"""Which handler answers which path, and what it costs (facts kalshi sections 4 and 8)."""

from collections.abc import Callable

from msgspec import Struct

from local.venues.http import Response, answer
from local.venues.kalshi import candles, public, reads, writes
from local.venues.kalshi.call import Call
from local.venues.kalshi.limits import DEFAULT_COST
from local.venues.kalshi.wire import PREFIX

Handler = Callable[[Call], Response]


class Route(Struct, frozen=True):
    """One endpoint. `cost` is stated by GET /account/endpoint_costs; a read is charged it before its handler runs,
    a write charges itself, once it knows its items and its shard. `signed` False: anyone may ask."""

    method: str
    template: str
    handler: Handler
    cost: int = DEFAULT_COST
    signed: bool = True

    @property
    def endpoint(self) -> str:
        """How counters and faults call it."""
        return f"{self.method} {self.template}"


def endpoint_costs(call: Call) -> Response:
    """GET /account/endpoint_costs: the endpoints whose cost is not the default."""
    special = [route for route in ROUTES if route.cost != DEFAULT_COST]
    rows = [{"method": route.method, "path": f"{PREFIX}{route.template}", "cost": route.cost} for route in special]
    return answer({"default_cost": DEFAULT_COST, "endpoint_costs": rows})


_ORDERS = "/portfolio/events/orders"
_LEGACY = "/portfolio/orders"

ROUTES = (
    Route("POST", _ORDERS, writes.create_order),
    Route("POST", f"{_ORDERS}/batched", writes.create_batch),
    Route("DELETE", f"{_ORDERS}/batched", writes.cancel_batch, cost=writes.CANCEL_COST),
    Route("DELETE", f"{_ORDERS}/{{order_id}}", writes.cancel_order, cost=writes.CANCEL_COST),
    Route("DELETE", _ORDERS, writes.cancel_all, cost=writes.CANCEL_COST),
    Route("POST", f"{_ORDERS}/{{order_id}}/amend", writes.amend_order),
    Route("POST", f"{_ORDERS}/{{order_id}}/decrease", writes.decrease_order),
    Route("GET", _ORDERS, writes.no_such_list, signed=False),
    Route("POST", _LEGACY, writes.legacy_order_write),
    Route("POST", f"{_LEGACY}/batched", writes.legacy_order_write),
    Route("DELETE", f"{_LEGACY}/batched", writes.legacy_order_write),
    Route("DELETE", f"{_LEGACY}/{{order_id}}", writes.legacy_order_write),
    Route("POST", f"{_LEGACY}/{{order_id}}/amend", writes.legacy_order_write),
    Route("POST", f"{_LEGACY}/{{order_id}}/decrease", writes.legacy_order_write),
    Route("GET", _LEGACY, reads.list_orders),
    Route("GET", f"{_LEGACY}/queue_positions", reads.list_queue_positions),
    Route("GET", f"{_LEGACY}/{{order_id}}", reads.get_order, cost=2),
    Route("GET", f"{_LEGACY}/{{order_id}}/queue_position", reads.get_queue_position),
    Route("GET", "/portfolio/fills", reads.list_fills),
    Route("GET", "/portfolio/positions", reads.list_positions),
    Route("GET", "/portfolio/balance", reads.get_balance),
    Route("GET", "/portfolio/settlements", reads.list_settlements),
    Route("GET", "/account/limits", reads.get_limits),
    Route("GET", "/api_keys", reads.list_api_keys),
    Route("GET", "/account/endpoint_costs", endpoint_costs, signed=False),
    Route("GET", "/exchange/status", public.get_status, signed=False),
    Route("GET", "/exchange/user_data_timestamp", public.get_user_data_timestamp, signed=False),
    Route("GET", "/markets", public.list_markets, signed=False),
    Route("GET", "/markets/orderbooks", public.list_orderbooks, signed=False),
    Route("GET", "/markets/trades", public.list_trades, signed=False),
    Route("GET", "/markets/candlesticks", candles.list_candlesticks, signed=False),
    Route("GET", "/markets/{ticker}", public.get_market, signed=False),
    Route("GET", "/markets/{ticker}/orderbook", public.get_orderbook, signed=False),
    Route("GET", "/series/{series_ticker}", public.get_series, signed=False),
    Route("GET", "/series/{series_ticker}/markets/{ticker}/candlesticks", candles.get_candlesticks, signed=False),
)

_PARTS = [(route, route.template.split("/")) for route in ROUTES]
_EXACT = {(route.method, route.template): route for route in ROUTES if "{" not in route.template}


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route for a path below the API prefix, with the names in its template filled in; the exact ones first."""
    exact = _EXACT.get((method, path))
    if exact is not None:
        return exact, {}
    given = path.split("/")
    for route, parts in _PARTS:
        if route.method != method or len(parts) != len(given):
            continue
        pairs = list(zip(parts, given, strict=True))
        if all(want == have or (want.startswith("{") and have) for want, have in pairs):
            return route, {want[1:-1]: have for want, have in pairs if want.startswith("{")}
    return None
