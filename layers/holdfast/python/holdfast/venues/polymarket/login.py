"""Logging in with the wallet's key (L1): how an API key is had where the official SDK, which wants the private key
itself, can't be used (facts polymarket section 2)."""

import msgspec
from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.polymarket.errors import read_failure
from holdfast.venues.polymarket.headers import login_headers
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import Signer
from holdfast.venues.polymarket.wire import decode
from holdfast.venues.transport import HttpAnswer, NoAnswerError, Transport

DERIVE, CREATE = "GET /auth/derive-api-key", "POST /auth/api-key"
_TIMEOUT_MS = 10_000
# What it answers for a key that was never made is not documented; another refusal is repeated by the creation.
_NONE_YET = (400, 404)


class ApiKeyAnswer(Struct, frozen=True, rename={"api_key": "apiKey"}):
    """An API key of the signing key. Never in repr, errors or logs."""

    api_key: str
    secret: str
    passphrase: str

    def __repr__(self) -> str:
        return f"ApiKeyAnswer(api_key={self.api_key!r})"


_API_KEY = msgspec.json.Decoder(ApiKeyAnswer)


def api_key_of(
    settings: PolymarketSettings, signer: Signer, transport: Transport, clock: Clock, nonce: int = 0
) -> ApiKeyAnswer:
    """The API key of a signing key and a number, created where the venue has none yet. One signature a request.

    Raises a VenueError, or SigningError.
    """
    name, answer = DERIVE, _asked(DERIVE, settings, signer, transport, clock, nonce)
    if answer.status in _NONE_YET:
        name, answer = CREATE, _asked(CREATE, settings, signer, transport, clock, nonce)
    if not 200 <= answer.status < 300:
        raise read_failure(name, answer)
    return decode(_API_KEY, answer.body, name)


def _asked(
    name: str, settings: PolymarketSettings, signer: Signer, transport: Transport, clock: Clock, nonce: int
) -> HttpAnswer:
    method, _, path = name.partition(" ")
    headers = login_headers(signer, clock.now_ms() // 1000, settings.chain_id, nonce)
    headers["Accept"] = "application/json"
    try:
        return transport.send(method, settings.clob_origin + path, headers, None, _TIMEOUT_MS)
    except NoAnswerError as error:
        raise VenueUnavailableError(f"{name}: no answer: {error}") from error
