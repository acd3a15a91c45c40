"""Who may do what: signatures, keys and clocks (facts kalshi section 3)."""

import pytest

from tests.local.kalshi_member import API, Member, ed25519_key, rsa_key

BALANCE = "/portfolio/balance"


@pytest.mark.parametrize("key", [ed25519_key, rsa_key])
def test_both_kinds_of_keys_sign(venue, key):
    member = venue.member(key=key())
    assert member.get(BALANCE).status_code == 200
    assert member.get("/portfolio/orders", limit=5, status="resting").status_code == 200


@pytest.mark.parametrize("skew_ms", [-5_000, 5_000])
def test_a_clock_five_seconds_off_is_accepted(venue, skew_ms):
    member = venue.member()
    assert member.send("GET", BALANCE, headers=member.headers("GET", API + BALANCE, skew_ms)).status_code == 200


@pytest.mark.parametrize("skew_ms", [-30_000, -5_001, 5_001, 300_000])
def test_a_clock_further_off_is_refused(venue, skew_ms):
    member = venue.member()
    answer = member.send("GET", BALANCE, headers=member.headers("GET", API + BALANCE, skew_ms))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "header_timestamp_expired"


def test_a_signature_over_the_query_is_refused(venue):
    member = venue.member()
    headers = member.headers("GET", f"{API}{BALANCE}?subaccount=0")
    answer = member.send("GET", BALANCE, headers=headers, params={"subaccount": 0})
    assert answer.status_code == 401
    assert answer.json()["error"]["details"] == "INCORRECT_API_KEY_SIGNATURE"


def test_a_signature_of_another_key_is_refused(venue):
    venue.member()
    thief = Member(venue.server.origin, venue.clock, "key-of-anna", ed25519_key("thief"))
    answer = thief.create("KXFED-26DEC", "bid", "0.4000", "1", "stolen")
    assert answer.status_code == 401
    assert answer.json()["error"]["details"] == "INCORRECT_API_KEY_SIGNATURE"
    assert venue.exchange.books("anna").client_order_ids == {}


def test_an_unknown_key_is_refused(venue):
    stranger = Member(venue.server.origin, venue.clock, "nobody", ed25519_key())
    answer = stranger.get(BALANCE)
    assert (answer.status_code, answer.json()["error"]["details"]) == (401, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", BALANCE),
        ("GET", "/portfolio/orders"),
        ("GET", "/account/limits"),
        ("POST", "/portfolio/events/orders"),
        ("DELETE", "/portfolio/events/orders/batched"),
    ],
)
def test_without_headers_nothing_private_answers(venue, method, path):
    member = venue.member()
    answer = member.send(method, path, headers={})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "signature_is_missing_from_headers"


def test_market_data_needs_no_signature(venue):
    member = venue.member()
    for path in ("/markets", "/markets/KXFED-26DEC", "/markets/KXFED-26DEC/orderbook", "/exchange/status"):
        assert member.send("GET", path, headers={}).status_code == 200
