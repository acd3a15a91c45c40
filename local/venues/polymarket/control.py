"""Control from another process, on the same loopback listener, outside the venue's APIs."""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from local.venues.faults import Fault
from local.venues.http import Request, Response, answer
from local.venues.polymarket.exchange import PolymarketExchange
from local.venues.polymarket.state import Geoblock
from local.venues.serving import CONTROL_PREFIX


class ClockBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/clock. `skew_ms`: how far the exchange's clock is ahead of the machine's; behind: negative."""

    skew_ms: int


class LagBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/read_lag."""

    lag_ms: int
    jitter_ms: int = 0


class ModeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/mode. `mode`: normal, cancel_only, disabled, post_only or restart; the last two last `duration_ms`,
    and a restart ends in a post-only window of two minutes."""

    mode: str
    duration_ms: int = 90_000


class SettlementBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/settlement; what is left out stays as it is. `fail`: how many of the next trades fail."""

    mined_after_ms: int | None = None
    confirmed_after_ms: int | None = None
    cached_after_ms: int | None = None
    fail: int | None = None


class RelayerBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/relayer; what is left out stays as it is. `failing` and `invalid`: how many of the next fail."""

    mined_after_ms: int | None = None
    confirmed_after_ms: int | None = None
    failing: int | None = None
    invalid: int | None = None


class GeoblockBody(Geoblock, frozen=True, forbid_unknown_fields=True):
    """POST /_local/geoblock. `sells_too`: a blocked place can't sell either."""

    sells_too: bool = False


class CountBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/ignore_cancels."""

    count: int


class ResolveBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_local/resolve. `winner`: 0, 1, or 2 for half a dollar to each."""

    market: str
    winner: int


class Control:
    """The operator's requests."""

    def __init__(self, exchange: PolymarketExchange) -> None:
        self._exchange = exchange
        self._handlers: dict[tuple[str, str], Callable[[bytes], Response]] = {
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "clock"): self._set_clock,
            ("POST", "read_lag"): self._set_lag,
            ("POST", "mode"): self._set_mode,
            ("POST", "settlement"): self._set_settlement,
            ("POST", "relayer"): self._set_relayer,
            ("POST", "ignore_cancels"): self._ignore_cancels,
            ("POST", "resolve"): self._resolve,
            ("POST", "geoblock"): self._set_geoblock,
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
        self._exchange.operator.set_clock_skew_ms(msgspec.json.decode(body, type=ClockBody).skew_ms)
        return Response(204)

    def _set_lag(self, body: bytes) -> Response:
        lag = msgspec.json.decode(body, type=LagBody)
        self._exchange.operator.set_read_lag_ms(lag.lag_ms, lag.jitter_ms)
        return Response(204)

    def _set_mode(self, body: bytes) -> Response:
        wanted = msgspec.json.decode(body, type=ModeBody)
        if wanted.mode not in ("normal", "cancel_only", "disabled", "post_only", "restart"):
            raise InvalidInputError("mode", wanted.mode, "normal, cancel_only, disabled, post_only or restart")
        if wanted.mode == "post_only":
            self._exchange.operator.restart_engine(0, post_only_ms=wanted.duration_ms)
        elif wanted.mode == "restart":
            self._exchange.operator.restart_engine(wanted.duration_ms)
        else:
            cancel_only, disabled = wanted.mode == "cancel_only", wanted.mode == "disabled"
            self._exchange.operator.set_mode(cancel_only=cancel_only, disabled=disabled)
        return Response(204)

    def _set_settlement(self, body: bytes) -> Response:
        wanted = msgspec.json.decode(body, type=SettlementBody)
        given = {name: getattr(wanted, name) for name in wanted.__struct_fields__ if name != "fail"}
        self._exchange.operator.set_settlement(**{name: value for name, value in given.items() if value is not None})
        if wanted.fail is not None:
            self._exchange.operator.fail_trades(wanted.fail)
        return Response(204)

    def _set_relayer(self, body: bytes) -> Response:
        wanted = msgspec.json.decode(body, type=RelayerBody)
        given = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
        self._exchange.operator.set_relaying(**{name: value for name, value in given.items() if value is not None})
        return Response(204)

    def _ignore_cancels(self, body: bytes) -> Response:
        self._exchange.operator.ignore_cancels(msgspec.json.decode(body, type=CountBody).count)
        return Response(204)

    def _resolve(self, body: bytes) -> Response:
        wanted = msgspec.json.decode(body, type=ResolveBody)
        self._exchange.resolve(wanted.market, wanted.winner)
        return Response(204)

    def _set_geoblock(self, body: bytes) -> Response:
        wanted = msgspec.json.decode(body, type=GeoblockBody)
        place = Geoblock(wanted.blocked, wanted.ip, wanted.country, wanted.region)
        self._exchange.operator.set_geoblock(place, sells_too=wanted.sells_too)
        return Response(204)

    def _calls(self, _: bytes) -> Response:
        return answer({"calls": dict(self._exchange.calls), "rate_limited": dict(self._exchange.rate_limited)})


def _refused(status: int, words: str) -> Response:
    return Response(status, f"{words}\n".encode(), "text/plain; charset=utf-8")
