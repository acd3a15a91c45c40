"""Polymarket's relayer, which pays the gas of Safes and deposit wallets (facts polymarket section 8). Never retries."""

from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.errors import InvalidInputError, VenueRefusedError, VenueUnavailableError
from holdfast.core.outcomes import Refusal, Refused, Unknown
from holdfast.core.redemption import RedemptionRead, RedemptionStatus, SubmitOutcome, Submitted
from holdfast.venues.metered import MeteredHttp
from holdfast.venues.polymarket.errors import parse_body, read_failure
from holdfast.venues.polymarket.settings import READ_BUCKET, READ_COST
from holdfast.venues.polymarket.wire import decode
from holdfast.venues.port import Meter
from holdfast.venues.transport import HttpAnswer, NoAnswerError, Transport

SUBMIT, LIST = "POST /submit", "GET /transactions"
NONCE, TRANSACTION = "GET /v1/account/transactions/params", "GET /v1/account/transactions/{}"
_TOO_MANY = 429
_STATES = {"STATE_CONFIRMED": RedemptionStatus.CONFIRMED} | dict.fromkeys(
    ("STATE_FAILED", "STATE_INVALID"), RedemptionStatus.FAILED
)
# The wallet's own queue, in the words that the official SDK waits for: one transaction at a time.
_BUSY = ("wallet busy", "in-flight action", "does not match on-chain nonce")
_REASONS = {
    400: Refusal.MALFORMED,
    401: Refusal.UNAUTHORIZED,
    403: Refusal.UNAUTHORIZED,
    404: Refusal.NOT_FOUND,
}


class RelayerKey(Struct, frozen=True):
    """A relayer API key (polymarket.com, Settings, API Keys) and the address that owns it. Never in repr or logs."""

    key: str
    address: str

    def __post_init__(self) -> None:
        if not self.key or not self.address:
            raise InvalidInputError("relayer api key", "(hidden)", "a key and the address that owns it")

    def __repr__(self) -> str:
        return f"RelayerKey(address={self.address!r})"


class NonceAnswer(Struct, frozen=True):
    """What the wallet's next transaction carries."""

    nonce: str


class SubmitAnswer(Struct, frozen=True, rename={"transaction_id": "transactionID"}):
    """The answer to a submit."""

    transaction_id: str


class TransactionRow(Struct, frozen=True):
    """One transaction by its id."""

    state: str
    transaction_id: str = ""
    error_msg: str | None = None


class ListedTransaction(Struct, frozen=True, rename={"transaction_id": "transactionID"}):
    """One transaction of the list, which says what the submit said."""

    transaction_id: str
    state: str
    metadata: str = ""
    signature: str = ""


_NONCE = msgspec.json.Decoder(NonceAnswer)
_SUBMITTED = msgspec.json.Decoder(SubmitAnswer)
_ROW = msgspec.json.Decoder(TransactionRow)
_LISTED = msgspec.json.Decoder(list[ListedTransaction])


class Relayer:
    """The relayer for one key. `address` is the signing key's."""

    def __init__(
        self, origin: str, key: RelayerKey, address: str, transport: Transport, clock: Clock, meter: Meter
    ) -> None:
        self._origin, self._address = origin, address
        self._headers = {"RELAYER_API_KEY": key.key, "RELAYER_API_KEY_ADDRESS": key.address}
        self._headers["Accept"] = "application/json"
        self._meter = meter
        self._http = MeteredHttp(transport, clock, meter)

    def nonce(self, kind: str) -> int:
        """The nonce of the wallet's next transaction; `kind` is WALLET or SAFE. Raises a VenueError."""
        query = urlencode({"address": self._address, "type": kind})
        text = decode(_NONCE, self._read(NONCE, "/v1/account/transactions/params", query), NONCE).nonce
        if not (text.isascii() and text.isdecimal()):
            raise VenueUnavailableError(f"{NONCE}: nonce {text!r} is not a number")
        return int(text)

    def submit(self, body: str, deadline_ms: int) -> SubmitOutcome:
        """Send one signed transaction. Nothing is sent after `deadline_ms`."""
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            answer = self._http.write(SUBMIT, f"{self._origin}/submit", headers, body.encode(), deadline_ms)
        except NoAnswerError as error:
            if error.sent is False:
                return Refused(Refusal.NOT_SENT, "not_sent", error.cause)
            return Unknown(f"{SUBMIT}: no answer: {error.cause}")
        return _submit_outcome(answer)

    def transaction(self, transaction_id: str) -> RedemptionRead:
        """Where a transaction is, by its id. Raises a VenueError."""
        body = self._read(TRANSACTION, f"/v1/account/transactions/{transaction_id}")
        row = decode(_ROW, body, TRANSACTION)
        return RedemptionRead(_status_of(row.state), transaction_id, row.error_msg or row.state)

    def find(self, identity: str, signature: str) -> RedemptionRead | None:
        """A transaction by what its submit said. None proves nothing: the list is of recent ones, and unspecified
        for deposit wallets. Raises a VenueError where the relayer can't be read."""
        try:
            rows = decode(_LISTED, self._read(LIST, "/transactions"), LIST)
        except VenueRefusedError:
            return None
        for row in rows:
            if row.metadata == identity and row.signature.lower() == signature.lower():
                return RedemptionRead(_status_of(row.state), row.transaction_id, row.state)
        return None

    def _read(self, endpoint: str, path: str, query: str = "") -> bytes:
        self._meter.spend(READ_BUCKET, READ_COST, endpoint)
        answer = self._http.ask(endpoint, self._origin + path + (f"?{query}" if query else ""), self._headers)
        if 200 <= answer.status < 300:
            return answer.body
        raise read_failure(endpoint, answer)


def _submit_outcome(answer: HttpAnswer) -> SubmitOutcome:
    """What the relayer answered. Only its own refusals decide; what stands before it may answer after the effect."""
    if 200 <= answer.status < 300:
        try:
            return Submitted(decode(_SUBMITTED, answer.body, SUBMIT).transaction_id)
        except VenueUnavailableError as error:
            return Unknown(str(error))
    words = parse_body(answer.body).words
    if answer.status == _TOO_MANY and "quota" in words.lower():
        return Refused(Refusal.RATE_LIMITED, "429", words)
    if answer.status == 400 and any(busy in words.lower() for busy in _BUSY):
        return Refused(Refusal.TRADING_PAUSED, "busy", words)
    reason = _REASONS.get(answer.status)
    if reason is not None:
        return Refused(reason, str(answer.status), words)
    return Unknown(f"{SUBMIT}: {answer.status} {words}")


def _status_of(state: str) -> RedemptionStatus:
    """A state that we don't know is one that is not final."""
    return _STATES.get(state, RedemptionStatus.PENDING)
