"""One signed, metered request at a time. Never retries: what an answer means is decided above."""

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from urllib.parse import quote

from msgspec import Struct

from holdfast.clock import Clock
from holdfast.venues.kalshi.auth import Signer
from holdfast.venues.kalshi.errors import read_failure
from holdfast.venues.kalshi.hosts import API_PREFIX
from holdfast.venues.metered import MeteredHttp
from holdfast.venues.port import Meter
from holdfast.venues.transport import HttpAnswer, Transport

DEFAULT_COST = 10  # tokens a request, until the venue has said (facts kalshi section 8)
READ_BUCKET = "read"
WRITE_BUCKET = "write"


class Endpoint(Struct, frozen=True):
    """One operation. `path` is a template below the API prefix; `name` is how metrics and costs call it."""

    method: str
    path: str
    name: str

    def path_of(self, order_id: str) -> str:
        """The path with the order's id filled in."""
        return self.path.replace("{order_id}", quote(order_id, safe=""))


def _endpoint(method: str, path: str) -> Endpoint:
    return Endpoint(method, path, f"{method} {path}")


LIMITS = _endpoint("GET", "/account/limits")
COSTS = _endpoint("GET", "/account/endpoint_costs")
STATUS = _endpoint("GET", "/exchange/status")
AS_OF = _endpoint("GET", "/exchange/user_data_timestamp")
MARKETS = _endpoint("GET", "/markets")
BOOKS = _endpoint("GET", "/markets/orderbooks")
TRADES = _endpoint("GET", "/markets/trades")
CANDLES = _endpoint("GET", "/markets/candlesticks")
ORDERS = _endpoint("GET", "/portfolio/orders")
ORDER = _endpoint("GET", "/portfolio/orders/{order_id}")
FILLS = _endpoint("GET", "/portfolio/fills")
POSITIONS = _endpoint("GET", "/portfolio/positions")
SETTLEMENTS = _endpoint("GET", "/portfolio/settlements")
BALANCE = _endpoint("GET", "/portfolio/balance")
API_KEYS = _endpoint("GET", "/api_keys")
CREATE = _endpoint("POST", "/portfolio/events/orders")
CREATE_BATCH = _endpoint("POST", "/portfolio/events/orders/batched")
CANCEL = _endpoint("DELETE", "/portfolio/events/orders/{order_id}")
CANCEL_BATCH = _endpoint("DELETE", "/portfolio/events/orders/batched")
AMEND = _endpoint("POST", "/portfolio/events/orders/{order_id}/amend")
DECREASE = _endpoint("POST", "/portfolio/events/orders/{order_id}/decrease")
ALL = (
    *(LIMITS, COSTS, STATUS, AS_OF, MARKETS, BOOKS, ORDERS, ORDER, FILLS, POSITIONS, SETTLEMENTS, BALANCE, API_KEYS),
    *(TRADES, CANDLES, CREATE, CREATE_BATCH, CANCEL, CANCEL_BATCH, AMEND, DECREASE),
)


class KalshiClient:
    """Thin HTTP for one account: signs, sends, and pays for reads.

    `costs` are tokens by endpoint name; an endpoint that is absent costs `default_cost`.
    """

    def __init__(
        self,
        origin: str,
        signer: Signer,
        transport: Transport,
        clock: Clock,
        meter: Meter,
        stopwatch_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self._origin, self._signer, self._clock, self._meter = origin, signer, clock, meter
        self._http = MeteredHttp(transport, clock, meter, stopwatch_ns)
        self.costs: Mapping[str, int] = {}
        self.default_cost = DEFAULT_COST

    def cost(self, endpoint: Endpoint) -> int:
        """Tokens of one call (of one item, for a batch)."""
        return self.costs.get(endpoint.name, self.default_cost)

    def read(self, endpoint: Endpoint, query: str = "", order_id: str = "") -> bytes:
        """The body of a 2xx answer. Raises BudgetExhaustedError before sending, or a VenueError."""
        answer = self.ask(endpoint, query, order_id)
        if 200 <= answer.status < 300:
            return answer.body
        raise read_failure(endpoint.name, answer.status, answer.body)

    def ask(self, endpoint: Endpoint, query: str = "", order_id: str = "") -> HttpAnswer:
        """The answer to a read, whatever its status. Raises VenueUnavailableError where none came."""
        self._meter.spend(READ_BUCKET, self.cost(endpoint), endpoint.name)
        path = endpoint.path_of(order_id) if order_id else endpoint.path
        return self._http.ask(endpoint.name, self._url(path, query), self._headers(endpoint, path))

    def write(
        self, endpoint: Endpoint, body: bytes | None, deadline_ms: int, query: str = "", order_id: str = ""
    ) -> HttpAnswer:
        """The answer to a write, whatever its status. Raises NoAnswerError (see `MeteredHttp.write`)."""
        path = endpoint.path_of(order_id) if order_id else endpoint.path
        headers = self._headers(endpoint, path)
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self._http.write(endpoint.name, self._url(path, query), headers, body, deadline_ms)

    def _headers(self, endpoint: Endpoint, path: str) -> dict[str, str]:
        headers = self._signer.headers(self._clock.now_ms(), endpoint.method, API_PREFIX + path)
        headers["Accept"] = "application/json"
        return headers

    def _url(self, path: str, query: str) -> str:
        return f"{self._origin}{API_PREFIX}{path}" + (f"?{query}" if query else "")
