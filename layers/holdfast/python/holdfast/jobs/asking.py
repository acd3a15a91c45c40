"""Exits that somebody asked for: a signal, or a person at the command line. Each is told to its bracket once."""

from collections.abc import Mapping

from msgspec import structs

from holdfast.core.bracket import Bracket, ExitSource
from holdfast.core.errors import ConditionFailedError
from holdfast.core.exit_rules import AT_ONCE
from holdfast.core.requests import ExitRequest, Origin
from holdfast.jobs.ports import Ports
from holdfast.jobs.unreadable import say_unreadable
from holdfast.state.brackets import Brackets
from holdfast.state.requests import Requests, StoredRequest
from holdfast.telemetry.port import Level


def tell_brackets(
    ports: Ports, account: str, brackets: Brackets, known: Mapping[str, Bracket], now_ms: int, *, use_signal: bool
) -> dict[str, Bracket]:
    """The open brackets, those that are asked to exit changed. A request without a position is refused, and so is a
    signal without its switch: it would sell by surprise once that is on again. An old one expires; all are said."""
    requests = Requests(ports.store, account)
    told = dict(known)
    found, unreadable = requests.read()
    say_unreadable(ports, unreadable, now_ms)
    for stored in found:
        if isinstance(stored.request, ExitRequest):
            _tell(ports, requests, brackets, stored, stored.request, told, now_ms, use_signal=use_signal)
    return told


def is_exit_asked(ports: Ports, account: str) -> bool:
    """Whether somebody asks for an exit that no bracket was told of yet; a request that can't be read may do so."""
    found, unreadable = Requests(ports.store, account).read()
    return bool(unreadable) or any(isinstance(stored.request, ExitRequest) for stored in found)


def _tell(
    ports: Ports,
    requests: Requests,
    brackets: Brackets,
    stored: StoredRequest,
    request: ExitRequest,
    told: dict[str, Bracket],
    now_ms: int,
    *,
    use_signal: bool,
) -> None:
    bracket = told.get(request.market)
    if now_ms >= request.expires_at_ms:
        if requests.expire(stored, now_ms):
            ports.telemetry.event("REQUEST_EXPIRED", Level.WARNING, market=request.market, request=request.request_id)
            ports.telemetry.metric("RequestsExpired", 1, origin=request.origin.value)
        return
    if bracket is None or (request.side is not None and request.side is not bracket.side):
        _refuse(ports, requests, request, now_ms, "nothing_held", f"no position in {request.market} to exit")
        return
    source = ExitSource.MANUAL if request.origin is Origin.COMMAND else ExitSource.POSITION_MONITOR_SIGNAL
    if source is ExitSource.POSITION_MONITOR_SIGNAL and not use_signal:
        _refuse(ports, requests, request, now_ms, "signals_off", "use_signal_exit is off")
        return
    # A signal takes nothing from what a person asked for: that needs no price and waits for no leg.
    asked = structs.replace(bracket, exit_asked=bracket.exit_asked if bracket.exit_asked in AT_ONCE else source)
    try:
        ports.store.transact([brackets.claim(asked), *requests.taking(request, now_ms, f"told {bracket.bracket_id}")])
    except ConditionFailedError:
        # Another writer changed the bracket or took the request: the next pass sees which.
        return
    told[request.market] = structs.replace(asked, version=bracket.version + 1)
    ports.telemetry.event("EXIT_ASKED", market=request.market, source=source.value, request=request.request_id)


def _refuse(ports: Ports, requests: Requests, request: ExitRequest, now_ms: int, reason: str, words: str) -> None:
    if requests.refuse(request, now_ms, reason, words):
        ports.telemetry.event(
            "REQUEST_REFUSED", Level.WARNING, market=request.market, request=request.request_id, reason=reason
        )
