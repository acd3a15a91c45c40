"""Control from another process, on the same loopback listener, outside the trade API: faults, lag, pauses, counters."""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from local.venues.faults import Fault
from local.venues.http import Request, Response, answer
from local.venues.kalshi.exchange import KalshiExchange
from local.venues.serving import CONTROL_PREFIX


class ClockBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/clock. `skew_ms`: how far the exchange's clock is ahead of the machine's; behind: negative."""

    skew_ms: int


class LagBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/read_lag."""

    lag_ms: int
    jitter_ms: int = 0


class PauseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/pause. `scope`: trading, exchange or market; a market needs its ticker, a shard may be named.

    `resumes_at_ms`: when the exchange says that it will trade again, 0 for nothing said; it resumes only when told to.
    """

    scope: str
    active: bool = False
    shard: int | None = None
    ticker: str = ""
    resumes_at_ms: int = 0


class AttestationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/attestation. `until_ms`: UTC, 0 for never attested."""

    user: str
    until_ms: int


class Control:
    """The operator's requests."""

    def __init__(self, exchange: KalshiExchange) -> None:
        self._exchange = exchange
        self._handlers: dict[tuple[str, str], Callable[[bytes], Response]] = {
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "clock"): self._set_clock,
            ("POST", "read_lag"): self._set_lag,
            ("POST", "pause"): self._pause,
            ("POST", "attestation"): self._attest,
            ("GET", "calls"): self._calls,
        }

    def handle(self, request: Request) -> Response:
        """Answer a control request; what is wrong with it comes back as text."""
        handler = self._handlers.get((request.method, request.path.removeprefix(CONTROL_PREFIX)))
        if handler is None:
            return _refused(404, "no such control")
        try:
            return handler(request.body)
        except (msgspec.DecodeError, InvalidInputError) as error:
            return _refused(400, str(error))

    def _add_fault(self, body: bytes) -> Response:
        self._exchange.faults.add(msgspec.json.decode(body, type=Fault))
        return Response(204)

    def _clear_faults(self, _: bytes) -> Response:
        self._exchange.faults.clear()
        return Response(204)

    def _set_clock(self, body: bytes) -> Response:
        self._exchange.set_clock_skew_ms(msgspec.json.decode(body, type=ClockBody).skew_ms)
        return Response(204)

    def _set_lag(self, body: bytes) -> Response:
        lag = msgspec.json.decode(body, type=LagBody)
        self._exchange.set_read_lag_ms(lag.lag_ms, lag.jitter_ms)
        return Response(204)

    def _pause(self, body: bytes) -> Response:
        wanted = msgspec.json.decode(body, type=PauseBody)
        if wanted.scope == "market":
            change = self._exchange.activate_market if wanted.active else self._exchange.pause_market
            change(wanted.ticker)
        elif wanted.scope not in ("trading", "exchange"):
            raise InvalidInputError("scope", wanted.scope, "trading, exchange or market")
        elif wanted.active:
            self._exchange.resume(wanted.shard)
        elif wanted.scope == "exchange":
            self._exchange.pause_exchange(wanted.shard, resumes_at_ms=wanted.resumes_at_ms)
        else:
            self._exchange.pause_trading(wanted.shard, resumes_at_ms=wanted.resumes_at_ms)
        return Response(204)

    def _attest(self, body: bytes) -> Response:
        wanted = msgspec.json.decode(body, type=AttestationBody)
        self._exchange.set_attested_until(wanted.user, wanted.until_ms)
        return Response(204)

    def _calls(self, _: bytes) -> Response:
        return answer({"calls": dict(self._exchange.calls), "rate_limited": dict(self._exchange.rate_limited)})


def _refused(status: int, words: str) -> Response:
    return Response(status, f"{words}\n".encode(), "text/plain; charset=utf-8")
