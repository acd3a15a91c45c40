"""Requests to open or to close a position: from the scanner, from a signal or from the command line, all one path.

A request is an intent: it is stored once under its id, so delivered twice it buys once. Numbers stay the text that
somebody wrote until a decision is made, because the writer of a request need not know the venue's scale.
"""

import re
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side, checked_market

LONGEST_TTL_SECONDS = 3_600
"""An opinion on a market that is older than an hour is none: it must be given again."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


class Origin(StrEnum):
    """Who asked."""

    SCANNER = "scanner"
    SIGNAL = "signal"
    COMMAND = "command"


class EntryRequest(Struct, frozen=True, kw_only=True, tag_field="action", tag="enter"):
    """Somebody wants a position. Times in UTC ms; numbers are decimal text, "" where they are left to us.

    `side` is the entry's side in the market's one book: sell opens the second outcome where the venue nets. `size` is
    in contracts or shares, `amount` is the most money to spend, fees included: one of them at most; without both the
    account's limits decide. `limit` is the worst price of what is bought. `protection` overrides the account's exits
    by name ("take_profit", "stop_loss"), as text.
    """

    request_id: str
    account: str
    market: str
    side: Side
    origin: Origin
    requested_at_ms: int
    expires_at_ms: int
    size: str = ""
    amount: str = ""
    limit: str = ""
    protection: dict[str, str] = {}

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        checked_market(self.market)
        if self.size and self.amount:
            raise InvalidInputError("amount", self.amount, f"none beside size {self.size}: one of them says how much")


class ExitRequest(Struct, frozen=True, kw_only=True, tag_field="action", tag="exit"):
    """Somebody wants the position of a market closed. `side` is the entry's, None: whichever outcome is held."""

    request_id: str
    account: str
    market: str
    origin: Origin
    requested_at_ms: int
    expires_at_ms: int
    side: Side | None = None

    def __post_init__(self) -> None:
        _check_id(self.request_id)
        checked_market(self.market)


Request: TypeAlias = EntryRequest | ExitRequest


class RequestState(StrEnum):
    """What became of a request.

    `open`: not decided. `taken`: an order of it is journaled, or its bracket was told; never acted on again. `done`:
    `reason` says what came of it. `refused` and `expired`: nothing was sent.
    """

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"


def instrument(text: str) -> tuple[str, Side]:
    """A market and the entry's side from "MARKET" (its first outcome) or "MARKET:NO" (its second).

    The second outcome is in the same book where the venue nets; elsewhere each outcome is a market of its own.
    """
    market, colon, outcome = text.rpartition(":")
    if colon and outcome.upper() in ("NO", "YES"):
        if outcome != "NO":
            raise InvalidInputError("instrument", text, "MARKET for its first outcome or MARKET:NO for its second")
        return checked_market(market), Side.SELL
    return checked_market(text), Side.BUY


def instrument_text(market: str, side: Side) -> str:
    """The text that `instrument` reads."""
    return market if side is Side.BUY else f"{market}:NO"


def _check_id(request_id: str) -> None:
    if not _ID.fullmatch(request_id):
        raise InvalidInputError(
            "id", request_id[:200], "1 to 100 letters, digits and . _ : -, starting with a letter or digit"
        )
