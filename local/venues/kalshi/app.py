"""From request to answer: fault, signature, tokens, handler. One lock guards the exchange."""

from threading import RLock
from urllib.parse import unquote

from msgspec import structs

from holdfast.clock import Clock
from local.venues.faults import ConnectionDropped, Fault, FaultKind, Faults
from local.venues.http import Request, Response, dated
from local.venues.kalshi.auth import KEY, KeyRing
from local.venues.kalshi.call import Call
from local.venues.kalshi.lifecycle import Tape, advance
from local.venues.kalshi.routes import Route, find_route
from local.venues.kalshi.state import ExchangeState
from local.venues.kalshi.wire import PREFIX, ApiError, Shape

_UNKNOWN = "unknown"
_BEFORE = (FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE, FaultKind.RATE_LIMITED)


class App:
    """The API of one exchange."""

    def __init__(self, state: ExchangeState, keys: KeyRing, faults: Faults, tape: Tape, clock: Clock) -> None:
        self._state, self._keys, self._faults, self._tape, self._clock = state, keys, faults, tape, clock
        self.lock = RLock()

    def handle(self, request: Request) -> Response:
        """Answer a request. Raises ConnectionDropped where a fault keeps the answer back."""
        route, names = _find(request)
        endpoint = route.endpoint if route else _UNKNOWN
        with self.lock:
            arrived_ms = self._state.tick()
            self._state.calls[endpoint] += 1
            fault = self._faults.draw(endpoint)
        if fault is not None and fault.kind is FaultKind.SLOW:
            self._clock.sleep_ms(fault.wait_ms)
        if fault is not None and fault.kind in _BEFORE:
            return self._struck(fault, endpoint, None)
        with self.lock:
            response = dated(self._answer(request, route, names, arrived_ms), self._state.now_ms)
            if response.status == 429:
                self._state.rate_limited[endpoint] += 1
        return response if fault is None else self._struck(fault, endpoint, response)

    def _answer(self, request: Request, route: Route | None, names: dict[str, str], arrived_ms: int) -> Response:
        """A slow request is signed in time if it was so when it arrived."""
        state = self._state
        advance(state)
        self._tape.resume()
        if route is None:
            return ApiError(404, "not_found", "404 page not found\n", shape=Shape.TEXT).response()
        try:
            user = self._keys.user_of(request, arrived_ms) if route.signed or KEY in request.headers else None
            if user is not None and route.method == "GET":
                user.allowance.read(route.cost, state.now_ms)
            return route.handler(Call(state, request, user, names))
        except ApiError as error:
            return error.response()

    def _struck(self, fault: Fault, endpoint: str, response: Response | None) -> Response:
        """What the client gets; `response` None: nothing was done."""
        if fault.kind in (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER):
            raise ConnectionDropped(processed=response is not None, wait_ms=fault.wait_ms)
        if fault.kind is FaultKind.RATE_LIMITED:
            with self.lock:
                self._state.rate_limited[endpoint] += 1
            return ApiError(429, "too many requests", shape=Shape.STRING).response()
        if response is None or fault.kind is FaultKind.ERROR_AFTER:
            return ApiError(fault.status, "service_unavailable", "service unavailable").response()
        if fault.kind is FaultKind.MALFORMED:
            return structs.replace(response, body=response.body[: max(len(response.body) // 2, 1)])
        return response


def _find(request: Request) -> tuple[Route | None, dict[str, str]]:
    if not request.path.startswith(PREFIX + "/"):
        return None, {}
    found = find_route(request.method, request.path.removeprefix(PREFIX))
    if found is None:
        return None, {}
    route, names = found
    return route, {name: unquote(value) for name, value in names.items()}
