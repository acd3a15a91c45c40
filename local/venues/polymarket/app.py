"""From request to answer: fault, limits, signature, handler. One lock guards the exchange."""

from threading import RLock

from msgspec import structs

from holdfast.clock import Clock
from local.venues.faults import ConnectionDropped, Fault, FaultKind, Faults
from local.venues.http import Request, Response, answer, dated
from local.venues.polymarket.auth import KeyRing
from local.venues.polymarket.call import Call
from local.venues.polymarket.lifecycle import Tape
from local.venues.polymarket.limits import IpWindows
from local.venues.polymarket.routes import Level, Route, find_route
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import ApiError

_UNKNOWN = "unknown"
_BEFORE = (FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE, FaultKind.RATE_LIMITED)
_WORDS = {425: "service not ready", 500: "could not run the execution"}


class App:
    """The APIs of one exchange."""

    def __init__(self, state: ExchangeState, keys: KeyRing, faults: Faults, tape: Tape, clock: Clock) -> None:
        self._state, self._keys, self._faults, self._tape, self._clock = state, keys, faults, tape, clock
        self.windows = IpWindows()
        self.lock = RLock()

    def handle(self, request: Request) -> Response:
        """Answer a request. Raises ConnectionDropped where a fault keeps the answer back."""
        route, names = find_route(request.method, request.path) or (None, {})
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
            self._state.rate_limited[endpoint] += response.status == 429
        return response if fault is None else self._struck(fault, endpoint, response)

    def _answer(self, request: Request, route: Route | None, names: dict[str, str], arrived_ms: int) -> Response:
        """A slow request is signed in time if it was so when it arrived."""
        state = self._state
        now_ms = state.advance()
        self._tape.resume()
        if route is None:
            return ApiError(404, "404 page not found").response()
        if not self.windows.admit(route.endpoint, now_ms):
            return _edge_limited()
        try:
            signed = self._keys.user_of(request, arrived_ms) if route.level is Level.L2 else None
            return route.handler(Call(state, self._keys, request, names, signed, arrived_ms))
        except ApiError as error:
            return error.response()

    def _struck(self, fault: Fault, endpoint: str, response: Response | None) -> Response:
        """What the client gets; `response` None: nothing was done."""
        if fault.kind in (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER):
            raise ConnectionDropped(processed=response is not None, wait_ms=fault.wait_ms)
        if fault.kind is FaultKind.RATE_LIMITED:
            with self.lock:
                self._state.rate_limited[endpoint] += 1
            return _edge_limited()
        if response is None or fault.kind is FaultKind.ERROR_AFTER:
            return answer({"error": _WORDS.get(fault.status, "service unavailable")}, fault.status)
        if fault.kind is FaultKind.MALFORMED:
            return structs.replace(response, body=response.body[: max(len(response.body) // 2, 1)])
        return response


def _edge_limited() -> Response:
    """The IP limit of the edge: no word of what became of the request, and none of the signer's headers."""
    return Response(429, b"error code: 1015", "text/plain; charset=UTF-8", (("Retry-After", "10"),))
