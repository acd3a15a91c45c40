"""Who may trade as whom: level 1, level 2, and the signature in every order."""

import pytest

from local.venues.polymarket.eip712 import DOMAINS
from tests.local.polymarket_trader import BTC, FED, Trader, address_of, key_of, running

WALLET = address_of(key_of("some contract wallet"))


@pytest.fixture
def venue():
    with running() as found:
        yield found


def test_keys_are_made_and_derived_by_attestation(venue):
    anna = venue.trader()
    made = anna.send("POST", "/auth/api-key", headers=anna.l1(nonce=7)).json()
    assert anna.send("GET", "/auth/derive-api-key", headers=anna.l1(nonce=7)).json() == made
    again = anna.send("POST", "/auth/api-key", headers=anna.l1(nonce=7))
    assert (again.status_code, again.json()["error"]) == (400, "Could not create api key")
    unknown = anna.send("GET", "/auth/derive-api-key", headers=anna.l1(nonce=8))
    assert (unknown.status_code, unknown.json()["error"]) == (400, "Could not derive api key!")
    assert anna.get("/auth/api-keys").json() == {"apiKeys": [anna.credentials.api_key, made["apiKey"]]}


def test_an_attestation_counts_for_its_own_address_time_and_nonce(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    mixed = {**anna.l1(nonce=3), "POLY_ADDRESS": bert.address}
    other_nonce = {**anna.l1(nonce=3), "POLY_NONCE": "4"}
    for headers in (mixed, other_nonce, anna.l1(nonce=3, skew_s=-60), {**anna.l1(), "POLY_SIGNATURE": "0x12"}):
        answer = anna.send("POST", "/auth/api-key", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "Invalid L1 Request headers")


def test_a_request_counts_only_as_it_was_signed(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    good = anna.l2("GET", "/data/orders")
    assert anna.send("GET", "/data/orders", headers=good, market="0x1").status_code == 200  # the query is not signed
    wrong = [
        {},
        anna.l2("GET", "/data/trades"),
        anna.l2("DELETE", "/data/orders"),
        anna.l2("GET", "/data/orders", b"{}"),
        anna.l2("GET", "/data/orders", skew_s=-60),
        anna.l2("GET", "/data/orders", skew_s=60),
        {**good, "POLY_PASSPHRASE": "x"},
        {**good, "POLY_ADDRESS": bert.address},
        {**good, "POLY_API_KEY": bert.credentials.api_key},
    ]
    for headers in wrong:
        answer = anna.send("GET", "/data/orders", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized/Invalid api key")


def test_a_body_is_signed_to_the_byte(venue):
    anna = venue.trader()
    body = anna.signed(FED, "BUY", "0.40", "5")
    headers = anna.l2("POST", "/order", b'{"other": 1}')
    assert anna.send("POST", "/order", body, headers=headers).status_code == 401
    assert anna.books.orders == ()


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
@pytest.mark.parametrize("market", [FED, BTC])
def test_every_wallet_type_trades_on_every_contract(venue, market, signature_type):
    anna = venue.trader(wallet=WALLET if signature_type else "", signature_type=signature_type)
    order_id = anna.rest(market, "BUY", "0.40", "5")
    assert anna.order(order_id)["maker_address"] == anna.wallet


@pytest.mark.parametrize("signature_type", [0, 2, 3])
def test_a_signature_for_another_contract_is_refused(venue, signature_type):
    anna = venue.trader(wallet=WALLET if signature_type else "", signature_type=signature_type)
    for_v3 = anna.place(FED, "BUY", "0.40", "5", domain=DOMAINS["v3"])
    assert for_v3.json() == {"error": "order_version_mismatch"}
    neg_risk = anna.place(FED, "BUY", "0.40", "5", domain=DOMAINS["v2_neg_risk"])
    assert neg_risk.json() == {"error": "invalid signature"}
    assert anna.books.orders == ()


@pytest.mark.parametrize("field", ["makerAmount", "takerAmount", "salt", "timestamp", "builder"])
def test_a_signed_field_can_not_be_changed_afterwards(venue, field):
    anna = venue.trader()
    body = anna.signed(FED, "BUY", "0.40", "5")
    changed = {"makerAmount": "4000000", "takerAmount": "10000000", "builder": "0x" + "11" * 32}
    body["order"][field] = changed.get(field, body["order"][field])
    if field in ("salt", "timestamp"):
        body["order"][field] = type(body["order"][field])(int(body["order"][field]) + 1)
    assert anna.send("POST", "/order", body).json() == {"error": "invalid signature"}


def test_nobody_signs_for_somebody_else(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    body = anna.signed(FED, "BUY", "0.40", "5")
    stolen = bert.send("POST", "/order", {**body, "owner": bert.credentials.api_key})
    assert stolen.json()["error"] == "the order signer address has to be the address of the API KEY"
    assert bert.send("POST", "/order", body).json()["error"] == "the order owner has to be the owner of the API KEY"
    other_maker = anna.place(FED, "BUY", "0.40", "5", change={"maker": bert.address})
    assert other_maker.json()["error"] == "maker address not allowed, please use the deposit wallet flow"
    forged = bert.signed(FED, "BUY", "0.40", "5", change={"maker": anna.address, "signer": anna.address})
    forged["owner"] = anna.credentials.api_key
    assert anna.send("POST", "/order", forged).json() == {"error": "invalid signature"}


def test_a_deposit_wallets_order_needs_its_wrapping(venue):
    anna = venue.trader(wallet=WALLET, signature_type=3)
    body = anna.signed(FED, "BUY", "0.40", "5")
    plain = Trader(venue, "anna")
    plain.credentials = anna.credentials
    bare = plain.signed(FED, "BUY", "0.40", "5", change={"maker": WALLET, "signer": WALLET})
    for signature in (body["order"]["signature"][:132], bare["order"]["signature"], body["order"]["signature"] + "00"):
        refused = anna.send("POST", "/order", {**body, "order": {**body["order"], "signature": signature}})
        assert refused.json() == {"error": "invalid signature"}
    as_eoa = plain.place(FED, "BUY", "0.40", "5")
    assert as_eoa.json()["error"] == "maker address not allowed, please use the deposit wallet flow"


def test_orders_of_clob_v1_are_told_so(venue):
    anna = venue.trader()
    body = anna.signed(FED, "BUY", "0.40", "5")
    del body["order"]["timestamp"]
    body["order"] |= {"nonce": "0", "taker": "0x" + "0" * 40, "feeRateBps": "0"}
    assert anna.send("POST", "/order", body).json() == {"error": "order_version_mismatch"}


def test_standing(venue):
    anna = venue.trader()
    venue.give("anna", FED, "10")
    venue.operator.set_standing("anna", closed_only=True)
    assert anna.get("/auth/ban-status/closed-only").json() == {"closed_only": True}
    assert anna.place(FED, "BUY", "0.40", "5").json()["error"] == f"'{anna.address}' address in closed only mode"
    assert anna.place(FED, "SELL", "0.60", "5").status_code == 200
    venue.operator.set_standing("anna", banned=True)
    assert anna.place(FED, "SELL", "0.60", "5").json()["error"] == f"'{anna.address}' address banned"


def test_a_malleable_signature_is_refused(venue):
    """(r, n - s) verifies as well, but a contract takes only the lower s."""
    anna = venue.trader()
    body = anna.signed(FED, "BUY", "0.40", "5")
    signature = bytes.fromhex(body["order"]["signature"][2:])
    group = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    upper = (group - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    twin = signature[:32] + upper + bytes([55 - signature[64]])
    refused = anna.send("POST", "/order", {**body, "order": {**body["order"], "signature": "0x" + twin.hex()}})
    assert refused.json() == {"error": "invalid signature"}
    assert anna.send("POST", "/order", body).status_code == 200
