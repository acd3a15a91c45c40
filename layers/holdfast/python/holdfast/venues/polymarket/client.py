"""One signed, metered request at a time. Never retries: what an answer means is decided above."""

from collections.abc import Callable
from enum import StrEnum
from time import perf_counter_ns

from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.windows import TRADING, Window
from holdfast.venues.metered import MeteredHttp
from holdfast.venues.polymarket.errors import read_failure, window_of
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.settings import (
    BALANCE_COST,
    LIST_COST,
    MARKET_LIST_COST,
    READ_BUCKET,
    READ_COST,
    REFRESH_COST,
    PolymarketSettings,
)
from holdfast.venues.port import Meter
from holdfast.venues.transport import HttpAnswer, Transport


class Host(StrEnum):
    """Which of the venue's hosts answers: orders and books, positions, market lists, or the website."""

    CLOB = "clob"
    DATA = "data"
    GAMMA = "gamma"
    SITE = "site"


class Endpoint(Struct, frozen=True):
    """One operation. `path` may end in a {} for an id; `cost` is in tokens of the read bucket, 0 for writes."""

    method: str
    path: str
    cost: int = 0
    signed: bool = True
    host: Host = Host.CLOB

    @property
    def name(self) -> str:
        """How metrics call it."""
        return f"{self.method} {self.path}"


TIME = Endpoint("GET", "/time", READ_COST, signed=False)
MARKET_BY_TOKEN = Endpoint("GET", "/markets-by-token/{}", READ_COST, signed=False)
MARKET = Endpoint("GET", "/clob-markets/{}", READ_COST, signed=False)
BOOKS = Endpoint("POST", "/books", LIST_COST, signed=False)
PRICE_HISTORY = Endpoint("GET", "/prices-history", READ_COST, signed=False)
ORDERS = Endpoint("GET", "/data/orders", LIST_COST)
ORDER = Endpoint("GET", "/data/order/{}", LIST_COST)
TRADES = Endpoint("GET", "/data/trades", LIST_COST)
BALANCE = Endpoint("GET", "/balance-allowance", BALANCE_COST)
REFRESH = Endpoint("GET", "/balance-allowance/update", REFRESH_COST)
POSITIONS = Endpoint("GET", "/v2/positions", BALANCE_COST, signed=False, host=Host.DATA)
MARKET_LIST = Endpoint("GET", "/markets/keyset", MARKET_LIST_COST, signed=False, host=Host.GAMMA)
EVENT_LIST = Endpoint("GET", "/events/keyset", MARKET_LIST_COST, signed=False, host=Host.GAMMA)
GEOBLOCK = Endpoint("GET", "/api/geoblock", READ_COST, signed=False, host=Host.SITE)
PLACE = Endpoint("POST", "/order")
PLACE_BATCH = Endpoint("POST", "/orders")
CANCEL = Endpoint("DELETE", "/order")
CANCEL_BATCH = Endpoint("DELETE", "/orders")
HEARTBEAT = Endpoint("POST", "/v1/heartbeats")


class PolymarketClient:
    """Thin HTTP for one account: signs, sends, and pays for reads.

    `window` is the restriction that the venue stated last, until it should be over or the venue takes an order.
    """

    def __init__(
        self,
        settings: PolymarketSettings,
        address: str,
        credentials: ApiCredentials,
        transport: Transport,
        clock: Clock,
        meter: Meter,
        stopwatch_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self._origins = {
            Host.CLOB: settings.clob_origin,
            Host.DATA: settings.data_origin,
            Host.GAMMA: settings.gamma_origin,
            Host.SITE: settings.site_origin,
        }
        self._address, self._credentials = address, credentials
        self._clock, self._meter = clock, meter
        self._http = MeteredHttp(transport, clock, meter, stopwatch_ns)
        self._window = TRADING

    @property
    def window(self) -> Window:
        """See above; TRADING where there is none."""
        return self._window if self._clock.now_ms() < self._window.until_ms else TRADING

    def clear_window(self) -> None:
        """The venue took an order that it refuses in every window."""
        self._window = TRADING

    def read(self, endpoint: Endpoint, query: str = "", item: str = "", body: bytes | None = None) -> bytes:
        """The body of a 2xx answer. Raises BudgetExhaustedError before sending, or a VenueError."""
        answer = self.ask(endpoint, query, item, body)
        if 200 <= answer.status < 300:
            return answer.body
        raise read_failure(endpoint.name, answer)

    def ask(self, endpoint: Endpoint, query: str = "", item: str = "", body: bytes | None = None) -> HttpAnswer:
        """The answer to a read, whatever its status. Raises VenueUnavailableError where none came."""
        self._meter.spend(READ_BUCKET, endpoint.cost, endpoint.name)
        path = endpoint.path.replace("{}", item)
        url, headers = self._url(endpoint, path, query), self._headers(endpoint, path, body)
        return self._heeded(endpoint, self._http.ask(endpoint.name, url, headers, body))

    def write(self, endpoint: Endpoint, body: bytes, deadline_ms: int) -> HttpAnswer:
        """The answer to a write, whatever its status. Raises NoAnswerError (see `MeteredHttp.write`)."""
        url, headers = self._url(endpoint, endpoint.path), self._headers(endpoint, endpoint.path, body)
        return self._heeded(endpoint, self._http.write(endpoint.name, url, headers, body, deadline_ms))

    def _headers(self, endpoint: Endpoint, path: str, body: bytes | None) -> dict[str, str]:
        headers = {}
        if endpoint.signed:
            now_s = self._clock.now_ms() // 1000
            text = body.decode() if body is not None else ""
            headers = self._credentials.headers(self._address, now_s, endpoint.method, path, text)
        headers["Accept"] = "application/json"
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _url(self, endpoint: Endpoint, path: str, query: str = "") -> str:
        return f"{self._origins[endpoint.host]}{path}" + (f"?{query}" if query else "")

    def _heeded(self, endpoint: Endpoint, answer: HttpAnswer) -> HttpAnswer:
        stated = window_of(answer, self._clock.now_ms())
        if stated is not None and endpoint.host is Host.CLOB:
            self._window = stated
        return answer
