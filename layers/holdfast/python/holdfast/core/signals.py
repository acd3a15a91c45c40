"""Signals: messages on the queue by which another program asks for an entry or an exit."""

import re
from enum import StrEnum

import msgspec
from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.requests import LONGEST_TTL_SECONDS, EntryRequest, ExitRequest, Origin, Request, instrument

_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}")


class SignalAction(StrEnum):
    """What a signal asks for."""

    ENTER = "enter"
    EXIT = "exit"


class Signal(Struct, frozen=True, forbid_unknown_fields=True):
    """One message: {"id", "account", "instrument", "action", "ttl"}.

    `id` is the sender's own, 1 to 80 of A-Z, a-z, 0-9 and . _ : -; a second message of one id is a duplicate, whatever
    else it says. `instrument` is MARKET or MARKET:NO, `ttl` whole seconds from when the queue took the message.
    """

    id: str
    account: str
    instrument: str
    action: SignalAction
    ttl: int

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InvalidInputError("id of a signal", self.id[:200], "1 to 80 letters, digits and . _ : -")
        if not self.account:
            raise InvalidInputError(f"account of signal {self.id}", "", "an account's id")
        if not 1 <= self.ttl <= LONGEST_TTL_SECONDS:
            raise InvalidInputError(f"ttl of signal {self.id}", self.ttl, f"1 to {LONGEST_TTL_SECONDS} seconds")
        try:
            instrument(self.instrument)
        except InvalidInputError as error:
            raise InvalidInputError(f"instrument of signal {self.id}", self.instrument[:200], error.allowed) from None


def decode(body: str | bytes) -> Signal:
    """A queue message's body. Raises InvalidInputError for anything else: such a message will never be good."""
    try:
        return msgspec.json.decode(body, type=Signal)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        shown = body if isinstance(body, str) else body.decode(errors="replace")
        raise InvalidInputError("signal", shown[:200], f"id, account, instrument, action and ttl ({error})") from None


def request_of(signal: Signal, sent_at_ms: int, now_ms: int) -> Request:
    """The request that a signal makes. `sent_at_ms` is when the queue took the message: delivered late, it is late.

    The request id holds the signal's id and nothing else, so every delivery makes the same one. An expired request is
    returned like any other; `expires_at_ms` says so.
    """
    market, side = instrument(signal.instrument)
    requested_at_ms = min(sent_at_ms, now_ms)
    expires_at_ms = requested_at_ms + signal.ttl * 1000
    request_id = f"{Origin.SIGNAL}-{signal.id}"
    if signal.action is SignalAction.EXIT:
        return ExitRequest(
            request_id=request_id,
            account=signal.account,
            market=market,
            side=side,
            origin=Origin.SIGNAL,
            requested_at_ms=requested_at_ms,
            expires_at_ms=expires_at_ms,
        )
    return EntryRequest(
        request_id=request_id,
        account=signal.account,
        market=market,
        side=side,
        origin=Origin.SIGNAL,
        requested_at_ms=requested_at_ms,
        expires_at_ms=expires_at_ms,
    )
