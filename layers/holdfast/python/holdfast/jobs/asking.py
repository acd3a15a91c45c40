"""Exits that somebody asked for: a signal, or a person at the command line. Each is told to its bracket once."""

from collections.abc import Mapping

from msgspec import structs

from holdfast.core.bracket import Bracket, ExitSource
from holdfast.core.errors import ConditionFailedError
from holdfast.core.requests import ExitRequest, Origin
from holdfast.jobs.ports import Ports
from holdfast.state.brackets import Brackets
from holdfast.state.requests import Requests, StoredRequest
from holdfast.telemetry.port import Level


def tell_brackets(
    ports: Ports, account: str, brackets: Brackets, known: Mapping[str, Bracket], now_ms: int
) -> dict[str, Bracket]:
    """The open brackets, those that are asked to exit changed. A request without a position is refused, an old one
    expires; both are said."""
    requests = Requests(ports.store, account)
    told = dict(known)
    for stored in requests.open():
        if isinstance(stored.request, ExitRequest):
            _tell(ports, requests, brackets, stored, stored.request, told, now_ms)
    return told


def is_exit_asked(ports: Ports, account: str) -> bool:
    """Whether somebody asks for an exit that no bracket was told of yet."""
    return any(isinstance(stored.request, ExitRequest) for stored in Requests(ports.store, account).open())


def _tell(
    ports: Ports,
    requests: Requests,
    brackets: Brackets,
    stored: StoredRequest,
    request: ExitRequest,
    told: dict[str, Bracket],
    now_ms: int,
) -> None:
    bracket = told.get(request.market)
    if now_ms >= request.expires_at_ms:
        if requests.expire(stored, now_ms):
            ports.telemetry.event("REQUEST_EXPIRED", Level.WARNING, market=request.market, request=request.request_id)
            ports.telemetry.metric("RequestsExpired", 1, origin=request.origin.value)
        return
    if bracket is None or (request.side is not None and request.side is not bracket.side):
        if requests.refuse(request, now_ms, "nothing_held", f"no position in {request.market} to exit"):
            ports.telemetry.event("REQUEST_REFUSED", Level.WARNING, market=request.market, request=request.request_id)
        return
    source = ExitSource.MANUAL if request.origin is Origin.COMMAND else ExitSource.POSITION_MONITOR_SIGNAL
    asked = structs.replace(bracket, exit_asked=source)
    try:
        ports.store.transact([brackets.claim(asked), *requests.taking(request, now_ms, f"told {bracket.bracket_id}")])
    except ConditionFailedError:
        # Another writer changed the bracket or took the request: the next pass sees which.
        return
    told[request.market] = structs.replace(asked, version=bracket.version + 1)
    ports.telemetry.event("EXIT_ASKED", market=request.market, source=source.value, request=request.request_id)
