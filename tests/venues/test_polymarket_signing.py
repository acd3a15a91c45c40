"""Our orders, signatures, ids and headers are those of Polymarket's official SDKs, byte for byte."""

import json
import os

import pytest

from holdfast.venues.polymarket.headers import ApiCredentials, login_headers
from holdfast.venues.polymarket.signer import LocalSigner
from tests.venues.polymarket_random import KEY, OWNER, EnvironmentAbsentError, ask_sdk, builders, ours, random_orders

# 10,000 take half a minute; the default keeps the test run short.
COUNT = int(os.environ.get("HOLDFAST_SIGNED_ORDERS", "1000"))
SECRET, PASSPHRASE = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LS1fXw", "pass-phrase"


def told(name, orders, **more):
    try:
        return ask_sdk(name, orders, **more)
    except EnvironmentAbsentError as absent:
        pytest.skip(f"the official SDKs can't be installed here: {absent}")


def test_orders_are_those_of_the_unified_sdk():
    orders, made = random_orders(COUNT), builders()
    refused = 0
    for order, said in zip(orders, told("unified", orders)["orders"], strict=True):
        mine = ours(order, made)
        if said is None or mine is None:
            assert said is mine is None, order
            refused += 1
            continue
        signature, order_id, body = said
        assert (mine.order_id, mine.body) == (order_id, body), order
        assert f'"signature":"{signature}"' in mine.body, order
    assert refused < COUNT // 100


def test_orders_are_those_of_the_v2_sdk():
    """This SDK writes the same body with its keys in another order, and postOnly also where it is false. It signs
    tiny immediate buys whose rounding we (and the unified SDK) refuse."""
    orders, made = random_orders(COUNT, seed=7), builders()
    refused = 0
    for order, (signature, order_id, body) in zip(orders, told("v2", orders)["orders"], strict=True):
        mine = ours(order, made)
        if mine is None:
            refused += 1
            continue
        assert mine.order_id == order_id, order
        assert {"postOnly": False, **json.loads(mine.body)} == json.loads(body), order
        assert f'"signature":"{signature}"' in mine.body, order
    assert refused < COUNT // 100


def test_headers_are_those_of_the_sdk():
    body = '[{"orderID":"0x1"}]'
    given = {"nonce": 3, "timestamp_s": 1_795_000_000, "secret": SECRET + "==", "passphrase": PASSPHRASE, "body": body}
    said = told("headers", [], **given)
    signer = LocalSigner(KEY)
    credentials = ApiCredentials(OWNER, SECRET, PASSPHRASE)
    assert login_headers(signer, 1_795_000_000, 137, nonce=3) == said["l1"]
    assert credentials.headers(signer.address, 1_795_000_000, "POST", "/orders", body) == said["l2"]
