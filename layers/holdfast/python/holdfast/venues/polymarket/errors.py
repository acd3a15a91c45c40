"""What Polymarket's refusals mean. It answers in sentences, not in codes (facts polymarket section 2.3)."""

from collections.abc import Iterable
from typing import TypeVar

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
from holdfast.core.windows import VenueMode, Window
from holdfast.venues.transport import HttpAnswer

T = TypeVar("T")

_WORDS_KEPT = 300
# Until when a restriction is believed that does not say how long it lasts.
_WINDOW_MS = 30_000
# And the longest that one is believed: that it ended early shows only in an order, and exits wait for it.
_LONGEST_WINDOW_MS = 600_000
_RESTARTING, _BUSY = 425, 503
_TOO_MANY = 429
_SIGNER_LIMIT = "poly-ratelimit-"
# Only these decide; whatever else is not 2xx may come from in front of the exchange or after it took effect.
_DECIDED = frozenset({400, 401, 403, 404})

_MODES = (
    ("post-only mode", VenueMode.POST_ONLY),
    ("post_only_mode", VenueMode.POST_ONLY),
    ("cancel-only", VenueMode.CANCEL_ONLY),
    ("cancel_only", VenueMode.CANCEL_ONLY),
    ("trading is currently disabled", VenueMode.DISABLED),
)
# The venue broke down over the order or put it off: it may live all the same.
_UNDECIDED = (
    "could not run the execution",
    "could not insert order",
    "there are no matching orders",
    "the trade contains rounding issues",
    "order match delayed",
    "execution_error",
    "order_delayed",
    "delaying_order_error",
)
# An immediate order that found nothing: it was valid, and it is over.
_UNFILLED = ("fok orders are fully filled or killed", "no orders found to match with fak", "fok_order_not_filled")
_REASONS = (
    ("not enough balance", Refusal.INSUFFICIENT_BALANCE),
    ("not_enough_balance", Refusal.INSUFFICIENT_BALANCE),
    ("post-only order", Refusal.POST_ONLY_CROSS),
    ("invalid_post_only_order", Refusal.POST_ONLY_CROSS),
    ("crosses the book", Refusal.POST_ONLY_CROSS),
    ("minimum tick size", Refusal.OFF_GRID),
    ("min_tick_size", Refusal.OFF_GRID),
    ("lower than the minimum", Refusal.INVALID_SIZE),
    ("min size", Refusal.INVALID_SIZE),
    ("min_size", Refusal.INVALID_SIZE),
    ("invalid amount", Refusal.INVALID_SIZE),
    ("duplicated", Refusal.DUPLICATE),
    ("post-only mode", Refusal.TRADING_PAUSED),
    ("cancel-only", Refusal.TRADING_PAUSED),
    ("currently disabled", Refusal.TRADING_PAUSED),
    ("not yet ready to process", Refusal.MARKET_CLOSED),
    ("market_not_ready", Refusal.MARKET_CLOSED),
    ("does not exist", Refusal.MARKET_CLOSED),
    ("invalid token id", Refusal.MARKET_CLOSED),
    ("address banned", Refusal.UNAUTHORIZED),
    ("closed only mode", Refusal.UNAUTHORIZED),
    ("maker address not allowed", Refusal.UNAUTHORIZED),
    ("of the api key", Refusal.UNAUTHORIZED),
    ("unauthorized", Refusal.UNAUTHORIZED),
    ("order_version_mismatch", Refusal.MALFORMED),
    ("invalid order version", Refusal.MALFORMED),
    ("invalid order payload", Refusal.MALFORMED),
    ("invalid expiration", Refusal.MALFORMED),
    ("invalid signature", Refusal.MALFORMED),
    ("too many orders", Refusal.MALFORMED),
    ("not found", Refusal.NOT_FOUND),
    ("can't be found", Refusal.NOT_FOUND),
    ("already canceled", Refusal.NOT_FOUND),
    ("already matched", Refusal.NOT_FOUND),
)
# Of the place that the order came from, whatever it was (facts polymarket section 2: rejected from a blocked address).
# The words are known, their status is not verified.
_GEOBLOCKED = ("restricted in your region", "geoblock")
_BY_STATUS = {401: Refusal.UNAUTHORIZED, 403: Refusal.UNAUTHORIZED, 404: Refusal.NOT_FOUND}


class ErrorBody(Struct, frozen=True):
    """What an error body said. `words` is empty where there were none."""

    words: str = ""
    code: str = ""
    retry_after_s: int = 0


def parse_body(body: bytes) -> ErrorBody:
    """Read {"error": text, "code"?, "retry_after_seconds"?}, or any other body as text. Never raises."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorBody(body[:_WORDS_KEPT].decode("utf-8", "replace"))
    if not isinstance(value, dict):
        return ErrorBody(str(value)[:_WORDS_KEPT])
    words = value.get("error") or value.get("error_msg") or value.get("errorMsg") or value.get("message") or ""
    wait = value.get("retry_after_seconds")
    return ErrorBody(
        words=str(words)[:_WORDS_KEPT],
        code=str(value.get("code") or "")[:_WORDS_KEPT],
        retry_after_s=wait if isinstance(wait, int) and wait > 0 else 0,
    )


def window_of(answer: HttpAnswer, now_ms: int) -> Window | None:
    """The restriction that an answer states: 425 while the engine restarts, 503 with its name otherwise."""
    if answer.status not in (_RESTARTING, _BUSY):
        return None
    error = parse_body(answer.body)
    mode = VenueMode.RESTARTING if answer.status == _RESTARTING else _mode(error)
    if mode is None:
        return None
    wait_s = error.retry_after_s or _retry_after_s(answer)
    return Window(mode, now_ms + min(wait_s * 1000 or _WINDOW_MS, _LONGEST_WINDOW_MS))


def is_unfilled(words: str) -> bool:
    """Whether an immediate order was killed because nothing matched it."""
    return _first(words, ((each, True) for each in _UNFILLED)) or False


def refusal(words: str, code: str = "", status: int = 0) -> Refused | Unknown:
    """Why an order was refused; Unknown where the words leave open whether it lives. The words are kept for people."""
    if _first(words, ((each, True) for each in _UNDECIDED)):
        return Unknown(f"the venue failed: {words}")
    if _first(words, ((each, True) for each in _GEOBLOCKED)):
        return Refused(Refusal.GEOBLOCKED, code, words)
    reason = Refusal.UNAUTHORIZED if status in (401, 403) else _first(words, _REASONS)
    return Refused(reason or _BY_STATUS.get(status, Refusal.OTHER), code, words)


def write_failure(answer: HttpAnswer, *, single: bool) -> Refused | Unknown:
    """What a whole write that was not answered with 2xx came to.

    A 503 that names the venue's mode refuses a `single` order; of a batch nobody knows what went through.
    """
    error = parse_body(answer.body)
    if answer.status == _TOO_MANY and any(name.lower().startswith(_SIGNER_LIMIT) for name in answer.headers):
        return Refused(Refusal.RATE_LIMITED, error.code, error.words)
    if answer.status in _DECIDED:
        return refusal(error.words, error.code, answer.status)
    mode = _mode(error) if answer.status == _BUSY and single else None
    if mode is not None:
        return Refused(Refusal.TRADING_PAUSED, mode.value, error.words)
    return Unknown(f"HTTP {answer.status} {error.code} {error.words}".rstrip())


def read_failure(endpoint: str, answer: HttpAnswer) -> VenueError:
    """The exception for a read that was not answered with 2xx."""
    error = parse_body(answer.body)
    said = f"{endpoint}: HTTP {answer.status} {error.words}".rstrip()
    if answer.status == _TOO_MANY:
        return VenueRateLimitedError(said)
    if answer.status in (401, 403):
        return VenueAuthError(said)
    if 400 <= answer.status < 500 and answer.status not in (408, _RESTARTING):
        return VenueRefusedError(answer.status, error.code, f"{endpoint}: {error.words}")
    return VenueUnavailableError(said)


def _mode(error: ErrorBody) -> VenueMode | None:
    return _first(f"{error.code} {error.words}", _MODES)


def _retry_after_s(answer: HttpAnswer) -> int:
    for name, value in answer.headers.items():
        if name.lower() == "retry-after" and value.isascii() and value.isdecimal():
            return int(value)
    return 0


def _first(words: str, meanings: Iterable[tuple[str, T]]) -> T | None:
    """The meaning of the first phrase that occurs in the words."""
    lower = words.lower()
    return next((meaning for phrase, meaning in meanings if phrase in lower), None)
