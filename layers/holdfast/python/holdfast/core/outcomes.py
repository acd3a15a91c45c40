"""What became of a write: accepted, refused for a named reason, or unknown. Unknown is a state, not an exception."""

from enum import StrEnum

from msgspec import Struct


class Refusal(StrEnum):
    """Why a venue refused a write. Jobs branch on these, never on a venue's words."""

    POST_ONLY_CROSS = "post_only_cross"
    OFF_GRID = "off_grid"
    INVALID_SIZE = "invalid_size"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    UNFUNDED_SHARD = "unfunded_shard"
    REDUCE_ONLY = "reduce_only"
    TRADING_PAUSED = "trading_paused"
    MARKET_CLOSED = "market_closed"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    UNAUTHORIZED = "unauthorized"
    GEOBLOCKED = "geoblocked"
    NOT_SENT = "not_sent"
    MALFORMED = "malformed"
    OTHER = "other"


class Placed(Struct, frozen=True, tag="placed"):
    """The order was accepted. `remaining` may be 0; `at_ms` is the venue's time where it gives one."""

    order_id: str
    client_order_id: str
    filled: int
    remaining: int
    at_ms: int


class Canceled(Struct, frozen=True, tag="canceled"):
    """The order is over. `reduced_by` is what was still resting: filled = size - reduced_by.

    `says_fills` False: the venue did not say how much was still resting; `reduced_by` is 0 and means nothing then.
    """

    order_id: str
    reduced_by: int
    at_ms: int
    says_fills: bool = True


class Changed(Struct, frozen=True, tag="changed"):
    """An amend or decrease was accepted. `remaining` None where the venue did not say (nothing changed in size)."""

    order_id: str
    client_order_id: str
    remaining: int | None
    at_ms: int


class Refused(Struct, frozen=True, tag="refused"):
    """The venue (or our own guard) refused; nothing was done. `detail` is the venue's words, for people."""

    reason: Refusal
    code: str = ""
    detail: str = ""


class Unknown(Struct, frozen=True, tag="unknown"):
    """Nobody knows whether the write took effect: time-out, broken connection, 5xx, malformed 2xx."""

    cause: str


PlaceOutcome = Placed | Refused | Unknown
CancelOutcome = Canceled | Refused | Unknown
ChangeOutcome = Changed | Refused | Unknown
Outcome = Placed | Canceled | Changed | Refused | Unknown
