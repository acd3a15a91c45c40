"""Whether an account may trade at Kalshi with the key in use (facts kalshi section 3)."""

import msgspec
from msgspec import Struct

from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.wire import decode
from holdfast.venues.port import Access

_TRADING = frozenset({"write", "write::trade"})


class ApiKeyRow(Struct, frozen=True):
    """ApiKey. A key with a subaccount works on that one alone."""

    api_key_id: str
    scopes: list[str] | None = None
    subaccount: int | None = None


class ApiKeysAnswer(Struct, frozen=True):
    """GetApiKeysResponse. The expiry is that of the account's location attestation, in seconds; null or absent where
    it never attested."""

    api_keys: list[ApiKeyRow] | None = None
    api_key_region_expiration_ts: int | None = None


_ANSWER = msgspec.json.Decoder(ApiKeysAnswer)


def read_access(client: KalshiClient, key_id: str, subaccount: int) -> Access:
    """GET /api_keys. Kalshi does not say where it sees us, so `blocked` and `place` stay unknown.

    Once the attestation has lapsed, API keys can't trade sports, elections and entertainment (changelog of
    2026-08-16). Whether a key sees itself in the list is not recorded: one that is not listed may do what it may.
    """
    answer = decode(_ANSWER, client.read(api.API_KEYS), api.API_KEYS.name)
    row = next((row for row in answer.api_keys or () if row.api_key_id == key_id), None)
    return Access(
        key_expires_at_ms=max(answer.api_key_region_expiration_ts or 0, 0) * 1000,
        key_may_trade=None if row is None else _may_trade(row, subaccount),
    )


def _may_trade(row: ApiKeyRow, subaccount: int) -> bool | None:
    if row.subaccount is not None and row.subaccount != subaccount:
        return False
    return bool(_TRADING & set(row.scopes)) if row.scopes else None
