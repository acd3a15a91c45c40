"""Which handler answers which path (facts polymarket section 2)."""

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from local.venues.http import Response
from local.venues.polymarket import gamma, heartbeats, public, reads, relayer, site, writes
from local.venues.polymarket.call import Call

Handler = Callable[[Call], Response]


class Level(StrEnum):
    """Whether a route needs the HMAC of an API key. Handlers of the other levels check for themselves."""

    OPEN = "open"
    L2 = "l2"


class Route(Struct, frozen=True):
    """One endpoint."""

    method: str
    template: str
    handler: Handler
    level: Level = Level.L2

    @property
    def endpoint(self) -> str:
        """How counters, faults and limits call it."""
        return f"{self.method} {self.template}"


def _open(template: str, handler: Handler, method: str = "GET") -> Route:
    return Route(method, template, handler, Level.OPEN)


ROUTES = (
    Route("POST", "/order", writes.post_order),
    Route("POST", "/orders", writes.post_orders),
    Route("DELETE", "/order", writes.delete_order),
    Route("DELETE", "/orders", writes.delete_orders),
    Route("DELETE", "/cancel-all", writes.cancel_all),
    Route("DELETE", "/cancel-market-orders", writes.cancel_market_orders),
    Route("POST", "/v1/heartbeats", heartbeats.beat),
    Route("GET", "/data/order/{order_id}", reads.get_order),
    Route("GET", "/data/orders", reads.list_orders),
    Route("GET", "/data/trades", reads.list_trades),
    Route("GET", "/balance-allowance", reads.get_balance),
    Route("GET", "/balance-allowance/update", reads.update_balance),
    Route("GET", "/auth/ban-status/closed-only", reads.closed_only),
    Route("GET", "/auth/api-keys", reads.list_keys),
    Route("DELETE", "/auth/api-key", reads.delete_key),
    _open("/auth/api-key", reads.create_key, "POST"),
    _open("/auth/derive-api-key", reads.derive_key),
    _open("/time", public.get_time),
    _open("/version", public.get_version),
    _open("/ok", public.get_ok),
    _open("/book", public.get_book),
    _open("/books", public.list_books, "POST"),
    _open("/price", public.get_price),
    _open("/midpoint", public.get_midpoint),
    _open("/last-trade-price", public.get_last_price),
    _open("/prices-history", public.get_price_history),
    _open("/tick-size", public.get_tick_size),
    _open("/tick-size/{token_id}", public.get_tick_size),
    _open("/neg-risk", public.get_neg_risk),
    _open("/neg-risk/{token_id}", public.get_neg_risk),
    _open("/fee-rate", public.get_fee_rate),
    _open("/fee-rate/{token_id}", public.get_fee_rate),
    _open("/clob-markets/{condition_id}", public.get_clob_market),
    _open("/markets-by-token/{token_id}", public.get_market_by_token),
    _open("/gamma/markets", site.list_markets),
    _open("/gamma/markets/keyset", gamma.list_markets),
    _open("/gamma/events/keyset", gamma.list_events),
    _open("/data-api/v2/positions", site.list_positions),
    _open("/relayer/submit", relayer.submit, "POST"),
    _open("/relayer/transactions", relayer.list_transactions),
    _open("/relayer/v1/account/transactions/params", relayer.get_nonce),
    _open("/relayer/v1/account/transactions/{transaction_id}", relayer.get_transaction),
    _open("/relayer/deployed", relayer.get_deployed),
    _open("/site/api/geoblock", site.get_geoblock),
)

_PARTS = [(route, route.template.split("/")) for route in ROUTES if "{" in route.template]
_EXACT = {(route.method, route.template): route for route in ROUTES if "{" not in route.template}


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route for a path, with the names in its template filled in; the exact ones first."""
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
