"""Order ids, signatures and bodies that were taken from the official SDK, and what an order may never be."""

import hashlib

import pytest

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import Placement, Purpose, TargetOrder, TimeInForce
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.order import SCALE, Amounts, OrderBuilder, amounts_of, salt_of
from holdfast.venues.polymarket.signer import LocalSigner, SignatureType
from holdfast.venues.polymarket.typed_data import Exchange, checksum_address, domain_separator, exchange_of
from tests.venues.polymarket_random import BUILDER, KEY, OWNER, builders, ours

BUY, SELL = Side.BUY, Side.SELL
HASHED = "65005972776075224670000681010643899770971589393431405580697019408174847163720"
POSITION = "908073519436343609871618045767294978927755253262779102107580200967571767296"


def order(tick, price, size, side, kind, token, identity, timestamp_ms, signature_type, **more):
    return {
        "tick": tick,
        "price": price,
        "size": size,
        "side": side,
        "type": kind,
        "token": token,
        "identity": identity,
        "timestamp_ms": timestamp_ms,
        "signature_type": signature_type,
        "post_only": False,
        "expiration": 0,
        "neg_risk": False,
        "builder": None,
        **more,
    }


# polymarket-client 0.14.0: order id, SHA-256 of the body, the signature's first 65 bytes.
FROM_THE_SDK = {
    "key, exchange V2, GTD": (
        order(
            *("0.0001", "0.4071", "7235.1", "BUY", "GTD", HASHED, "hf-7ee5f168558d6a20", 1790812129983, 0),
            post_only=True,
            expiration=1797718209,
        ),
        "f630a54ecc6ccd4501a8dd839ae75fb99301720a5a16e84546b9aa050d85ad03",
        "25477278013d93fd16e136e1badaffa2a395587d34efe2bbbc938f690d9d711c",
        "62f3528820c4f1e94c3f4ec9f44160e74b61acad194f9f8a3844ae37fcf15e391bcb748329c9b91baff722fef26085a82"
        "ca02dcfd5f62979f467e3056c8b3a2b1b",
    ),
    "safe, neg-risk, FOK buy of a budget": (
        order(
            *("0.1", "0.1", "14892.65", "BUY", "FOK"),
            "17767056258552259465275826923267725461477168306258795494416101453533300964608",
            *("hf-363d9fc22d0a8f25", 1795248961800, 2),
            neg_risk=True,
        ),
        "8630a1e610a969ba72db56b77dc62cdbd2042cf15b6d98f1b6476fafbdda3932",
        "8811703fc1d1a5f8d9b0aa6b0ae5dfed245e7bcab1c3af44416ffd534ae73293",
        "dd28bd1ebf3f358fb5d1446e71a26c4ee2b369cfb4f261eadaa10d79e1764f0a01353b2f7f9f8c50a4db69268263236a7"
        "81fe2533f244259bf6bdea5ea93900c1c",
    ),
    "deposit wallet, exchange V3": (
        order(
            *("0.0001", "0.3484", "6391.94", "SELL", "GTC", POSITION, "hf-14b062ae88c88ad1", 1793866511089, 3),
            post_only=True,
        ),
        "a2212bb9e94aa152598a3187256bd6630c3e4be351f3c8761c2f239ee4af4df8",
        "d91dd253461379009900912698acbd122770b4e879b0c46f492fe7e506ee5a46",
        "1917a0da9ce5700526c5245703e19c1359ca93dd49f210097e6fe0580cf10e2f206e7d40218dcc08ebbc80d1024c158fa"
        "5c3e1e76b174a33dc727506eed4d37e1b",
    ),
    "deposit wallet, neg-risk, builder": (
        order(
            *("0.01", "0.73", "3945.82", "SELL", "GTD"),
            "101915432882818156052327993428031323861591503572990206494362387781098930948033",
            *("hf-a4c114baeec35112", 1798742837180, 3),
            post_only=True,
            expiration=1798612376,
            neg_risk=True,
            builder="0x" + BUILDER.hex(),
        ),
        "54664834fa3411c0dbaaafc7487d4ded793b6630ebdc38999e3487f8fe0951f9",
        "b86148acf54bf76b7495172c4c19371cf5ff3854287240af56f641b232e5f093",
        "1c485c5a86a5891f94cd3dc657e32a2b7d64edf97b49c1321b347b1482efe971175300166e4faec8e1ee514df6be0fa59"
        "746f06d82f49269fa149eb2f15899491c",
    ),
}


@pytest.mark.parametrize("name", FROM_THE_SDK)
def test_an_order_is_the_sdks_byte_for_byte(name):
    asked, order_id, body_hash, signature = FROM_THE_SDK[name]
    made = ours(asked, builders())
    assert made.order_id == "0x" + order_id
    assert f'"signature":"0x{signature}' in made.body
    assert hashlib.sha256(made.body.encode()).hexdigest() == body_hash


def test_the_same_placement_at_the_same_time_is_the_same_order():
    asked = FROM_THE_SDK["deposit wallet, exchange V3"][0]
    assert ours(asked, builders()) == ours(asked, builders())
    assert ours(asked | {"identity": "hf-other"}, builders()).order_id != ours(asked, builders()).order_id


@pytest.mark.parametrize(
    ("side", "price", "size", "tick", "budgeted", "maker", "taker"),
    [
        (BUY, "0.47", "10.5", "0.01", False, "4.935", "10.5"),
        (SELL, "0.47", "10.509999", "0.01", False, "10.5", "4.935"),  # more than two decimals are cut, never rounded up
        (BUY, "0.0037", "100.03", "0.0001", False, "0.370111", "100.03"),
        (BUY, "0.33", "10", "0.01", True, "3.3", "10"),
        (BUY, "0.35", "10.01", "0.01", True, "3.5", "10"),  # 3.5035 is cut to whole cents
        (BUY, "0.07", "14.31", "0.01", True, "1", "14.2857"),
        (SELL, "0.07", "14.31", "0.01", True, "14.31", "1.0017"),
    ],
)
def test_amounts_are_exact(side, price, size, tick, budgeted, maker, taker):
    found = amounts_of(side, SCALE.price(price), SCALE.size(size), SCALE.price(tick), budgeted=budgeted)
    assert found == Amounts(SCALE.size(maker), SCALE.size(taker))


def test_an_immediate_buy_whose_rounding_would_raise_its_price_is_refused():
    with pytest.raises(InvalidInputError):
        amounts_of(BUY, SCALE.price("0.9"), SCALE.size("0.02"), SCALE.price("0.1"), budgeted=True)


def test_an_order_for_nothing_is_refused():
    target = TargetOrder(HASHED, SELL, SCALE.price("0.5"), SCALE.size("0.009"), Purpose.EXIT, "exit", False)
    with pytest.raises(InvalidInputError):
        OrderBuilder(LocalSigner(KEY), OWNER).build(Placement(target, "hf-1"), 100, 1, neg_risk=False)


def test_an_immediate_order_is_neither_post_only_nor_expiring():
    target = TargetOrder(HASHED, SELL, 5_000, SCALE.size("5"), Purpose.EXIT, "x", True, 1_800_000_000_000)
    placement = Placement(target, "hf-1")
    builder = OrderBuilder(LocalSigner(KEY), OWNER)
    assert '"postOnly":true' in builder.build(placement, 100, 1, neg_risk=False).body
    immediate = Placement(
        TargetOrder(
            HASHED, SELL, 5_000, SCALE.size("5"), Purpose.EXIT, "x", True, 1_800_000_000_000, TimeInForce.IMMEDIATE
        ),
        "hf-1",
    )
    body = builder.build(immediate, 100, 1, neg_risk=False).body
    assert "postOnly" not in body
    assert '"expiration":"0"' in body
    assert '"orderType":"FAK"' in body


def test_the_token_says_which_contract_an_order_is_for():
    """An order signed for the wrong contract can't be settled: refused at best, its hash is not its id at worst."""
    assert exchange_of(int(POSITION), neg_risk=True) is Exchange.V3
    assert exchange_of(int(HASHED), neg_risk=True) is Exchange.NEG_RISK_V2
    assert exchange_of(int(HASHED), neg_risk=False) is Exchange.V2
    separators = {domain_separator(exchange, chain) for exchange in Exchange for chain in (137, 80002)}
    assert len(separators) == 6
    with pytest.raises(InvalidInputError):
        domain_separator(Exchange.V2, 1)


def test_salts_are_whole_json_numbers_that_every_reader_keeps():
    salts = [salt_of(f"hf-{number}") for number in range(2_000)]
    assert len(set(salts)) == 2_000
    assert all(0 <= salt < 1 << 53 for salt in salts)
    assert max(salts) > 1 << 52


def test_signatures_have_a_low_s():
    half = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
    for number in range(200):
        signature = LocalSigner(KEY).sign_digest(number.to_bytes(32, "big"))
        assert len(signature) == 65
        assert signature[64] in (27, 28)
        assert int.from_bytes(signature[32:64], "big") <= half


@pytest.mark.parametrize("key", ["", "0x12", "zz" * 32, "00" * 32, "ff" * 32, "4f" * 33])
def test_a_bad_key_is_refused_without_being_shown(key):
    with pytest.raises(InvalidInputError) as refused:
        LocalSigner(key)
    assert "'(hidden)'" in str(refused.value)
    assert refused.value.__cause__ is None
    assert not key or key not in str(refused.value)


def test_secrets_are_never_shown():
    signer, credentials = LocalSigner(KEY), ApiCredentials("key-1", "c2VjcmV0LXNlY3JldA==", "a-passphrase")
    assert repr(signer) == "LocalSigner(0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1)"
    assert repr(credentials) == "ApiCredentials(key='key-1')"
    with pytest.raises(InvalidInputError) as refused:
        ApiCredentials("key-1", "c2VjcmV0", "")
    assert "c2VjcmV0" not in str(refused.value)


def test_a_key_of_its_own_holds_its_own_money():
    with pytest.raises(InvalidInputError):
        OrderBuilder(LocalSigner(KEY), OWNER, wallet="0x" + "12" * 20)
    OrderBuilder(LocalSigner(KEY), OWNER, wallet="0x" + "12" * 20, signature_type=SignatureType.SAFE)


@pytest.mark.parametrize("token", ["", "0x12", "-1", "1e5", "007", "٣", str(1 << 256), "9" * 5_000, '1","x":"'])
def test_a_token_id_is_a_plain_number(token):
    target = TargetOrder(token, BUY, 5_000, SCALE.size("5"), Purpose.QUOTE, "bid-0")
    with pytest.raises(InvalidInputError):
        OrderBuilder(LocalSigner(KEY), OWNER).build(Placement(target, "hf-1"), 100, 1, neg_risk=False)


def test_addresses_are_written_in_eip_55_case():
    for address in ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"):
        assert checksum_address(address.lower()) == address
    with pytest.raises(InvalidInputError):
        checksum_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeA")
