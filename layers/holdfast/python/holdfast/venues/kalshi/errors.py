"""Kalshi's four error bodies, read by code, as refusals (facts kalshi section 6)."""

from typing import Any

import msgspec
from msgspec import Struct

from holdfast.core.errors import (
    VenueAuthError,
    VenueError,
    VenueRateLimitedError,
    VenueRefusedError,
    VenueUnavailableError,
)
from holdfast.core.outcomes import Refusal, Refused, Unknown

_WORDS_KEPT = 300

_BY_CODE = {
    "order_already_exists": Refusal.DUPLICATE,
    "trading_is_paused": Refusal.TRADING_PAUSED,
    "exchange_is_paused": Refusal.TRADING_PAUSED,
    "insufficient_balance": Refusal.INSUFFICIENT_BALANCE,
    "available_balance_too_low": Refusal.INSUFFICIENT_BALANCE,
    "user_not_found": Refusal.UNFUNDED_SHARD,
    "invalid_price": Refusal.OFF_GRID,
    "invalid_order_size": Refusal.INVALID_SIZE,
    "not_found": Refusal.NOT_FOUND,
    "order_not_found": Refusal.NOT_FOUND,
    "market_inactive": Refusal.MARKET_CLOSED,
    "market_closed": Refusal.MARKET_CLOSED,
    "market_is_closed": Refusal.MARKET_CLOSED,
    "market_not_active": Refusal.MARKET_CLOSED,
    "too_many_requests": Refusal.RATE_LIMITED,
    "rate_limited": Refusal.RATE_LIMITED,
    "bad_request": Refusal.MALFORMED,
    "invalid_parameters": Refusal.MALFORMED,
    "invalid_uuid": Refusal.MALFORMED,
    "order_id_and_client_order_id_mismatch": Refusal.MALFORMED,
    "order_side_mismatch": Refusal.MALFORMED,
    "order_ticker_mismatch": Refusal.MALFORMED,
}
_BY_STATUS = {
    401: Refusal.UNAUTHORIZED,
    403: Refusal.UNAUTHORIZED,
    404: Refusal.NOT_FOUND,
    429: Refusal.RATE_LIMITED,
}
# Codes of a failed item in a batch that say that the venue broke down, not that it decided.
_BROKEN = frozenset(
    {"internal_error", "internal_server_error", "service_unavailable", "timeout", "gateway_timeout", "unavailable"}
)
# A time-out or "too early" may come from a gateway after the request went on to the exchange.
_UNDECIDED_STATUSES = frozenset({408, 425})
_CONFLICT = 409


class ErrorBody(Struct, frozen=True):
    """What an error body said. `parsed` False: it had none of the known shapes; `message` holds its start."""

    code: str = ""
    message: str = ""
    details: str = ""
    parsed: bool = True

    @property
    def words(self) -> str:
        """Message and details, for people."""
        return " / ".join(dict.fromkeys(part for part in (self.message, self.details) if part))


def parse_body(body: bytes) -> ErrorBody:
    """Read an error body of any shape. Never raises."""
    try:
        return parse_error(msgspec.json.decode(body))
    except msgspec.DecodeError:
        return ErrorBody(message=body[:_WORDS_KEPT].decode("utf-8", "replace"), parsed=False)


def parse_error(value: Any) -> ErrorBody:
    """Read a decoded error: nested {"error": {...}}, flat {"code": ...}, {"msg": ...} or {"error": "text"}."""
    inner = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(inner, str):
        return ErrorBody(code=_normal(inner), message=inner[:_WORDS_KEPT])
    if not isinstance(inner, dict) or not inner.keys() & {"code", "message", "details", "msg"}:
        return ErrorBody(message=str(value)[:_WORDS_KEPT], parsed=False)
    message = inner.get("message") or inner.get("msg")
    return ErrorBody(
        code=_text(inner.get("code")),
        message=_text(message),
        details=_text(inner.get("details")),
    )


def refusal(status: int, error: ErrorBody) -> Refused:
    """Why a write was refused. `status` is 0 for an item of a batch. The code and the words are kept for people."""
    return Refused(_reason(status, error), error.code, error.words)


def write_failure(status: int, body: bytes) -> Refused | Unknown:
    """What a whole write that was not answered with 2xx came to.

    5xx, redirects and answers that a gateway may have given for the exchange are unknown: only a 4xx decides, and
    a 409 only with its code, since it can mean "exists" as well as "paused".
    """
    error = parse_body(body)
    decided = 400 <= status < 500 and status not in _UNDECIDED_STATUSES
    if decided and (error.code or status != _CONFLICT):
        return refusal(status, error)
    return Unknown(f"HTTP {status} {error.code} {error.words}".rstrip())


def item_failure(value: Any) -> Refused | Unknown:
    """What the `error` of one item in a batch means. One of no known shape decides nothing."""
    error = parse_error(value)
    if not error.parsed or _normal(error.code) in _BROKEN:
        return Unknown(f"the venue failed: {error.code} {error.words}".rstrip())
    return refusal(0, error)


def read_failure(endpoint: str, status: int, body: bytes) -> VenueError:
    """The exception for a read that was not answered with 2xx."""
    error = parse_body(body)
    said = f"{endpoint}: HTTP {status} {error.code} {error.words}".rstrip()
    if status == 429:
        return VenueRateLimitedError(said)
    if status in (401, 403):
        return VenueAuthError(said)
    if 400 <= status < 500:
        return VenueRefusedError(status, error.code, f"{endpoint}: {error.words}")
    return VenueUnavailableError(said)


def _reason(status: int, error: ErrorBody) -> Refusal:
    if status in (401, 403, 429):
        return _BY_STATUS[status]
    everything = _normal(f"{error.code} {error.message} {error.details}")
    if "post_only_cross" in everything or "postonlycross" in everything:
        return Refusal.POST_ONLY_CROSS
    by_code = _BY_CODE.get(_normal(error.code))
    if by_code is not None:
        return by_code
    if "reduce_only" in everything or "reduceonly" in everything:
        return Refusal.REDUCE_ONLY
    if status == 400 and not error.code and error.parsed:
        return Refusal.MALFORMED
    return _BY_STATUS.get(status, Refusal.OTHER) if not error.code else Refusal.OTHER


def _normal(text: str) -> str:
    return text.strip().lower().replace(" ", "_").replace("-", "_")


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_WORDS_KEPT]
