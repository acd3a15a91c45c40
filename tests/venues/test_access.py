"""Whether we may trade, as each venue words it; what is missing or odd is unknown, never a permission or a ban."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.core.errors import VenueAuthError, VenueRateLimitedError, VenueUnavailableError
from holdfast.venues.port import Access
from local.venues.polymarket import Fault, FaultKind
from tests.venues.kalshi_scripted import Reply, ScriptedServer, scripted_server, venue_at
from tests.venues.kalshi_spec import has_spec, load_spec
from tests.venues.polymarket_world import FED, World, polymarket_world

LAPSES_S = 1_795_000_000


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def world() -> Iterator[World]:
    with polymarket_world() as running:
        yield running


def _key(key_id: str = "key-1", scopes: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "api_key_id": key_id,
        "name": "bot",
        "scopes": ["read", "write::trade"] if scopes is None else scopes,
        **more,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"api_keys": [_key()], "api_key_region_expiration_ts": LAPSES_S}, (LAPSES_S * 1000, True)),
        ({"api_keys": [_key()], "api_key_region_expiration_ts": None}, (0, True)),
        ({"api_keys": [_key()]}, (0, True)),
        ({"api_keys": []}, (0, None)),
        ({"api_keys": [_key("another", ["read"])]}, (0, None)),
        ({"api_keys": [_key("another", ["read"]), _key(scopes=["write"])]}, (0, True)),
        ({"api_keys": [_key(scopes=["read"])]}, (0, False)),
        ({"api_keys": [_key(scopes=["read", "write::transfer"])]}, (0, False)),
        ({"api_keys": [_key(subaccount=None)]}, (0, True)),
        ({"api_keys": [_key(subaccount=3)]}, (0, False)),
    ],
)
def test_kalshi_states_the_attestation_and_the_scopes_of_the_key_in_use(
    server: ScriptedServer, body: dict[str, Any], expected: tuple[int, bool | None]
):
    if has_spec():
        load_spec().check_answer("GET", "http://x/trade-api/v2/api_keys", 200, json.dumps(body).encode())
    server.script(Reply(body=body))
    expires_at_ms, may_trade = expected
    assert venue_at(server.url).access() == Access(None, "", expires_at_ms, may_trade)


def test_a_kalshi_key_of_a_subaccount_may_trade_there(server: ScriptedServer):
    server.script(Reply(body={"api_keys": [_key(subaccount=3)]}))
    assert venue_at(server.url, subaccount=3).access().key_may_trade is True


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(403, {"error": {"code": "forbidden", "message": "scope"}}), VenueAuthError),
        (Reply(429, {"error": "too many requests"}), VenueRateLimitedError),
        (Reply(body={"api_key_region_expiration_ts": "soon", "api_keys": []}), VenueUnavailableError),
    ],
)
def test_what_kalshi_refuses_to_say_is_an_error(server: ScriptedServer, reply: Reply, error: type[Exception]):
    server.script(reply)
    with pytest.raises(error):
        venue_at(server.url).access()


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMITED, FaultKind.ERROR_BEFORE, FaultKind.MALFORMED])
def test_trouble_of_polymarkets_site_is_none_of_the_accounts(world: World, kind: FaultKind):
    """A 429 of the site would else end the tick and empty the shared bucket; a 503 would look like a maintenance."""
    world.exchange.faults.add(Fault(kind, "GET /site/api/geoblock"))
    with pytest.raises(VenueUnavailableError):
        world.venue.access()
    assert world.venue.status().trading
    assert world.venue.books([world.token(FED)])
