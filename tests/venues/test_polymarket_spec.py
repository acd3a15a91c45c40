"""The published spec as tests use it, and the local server's answers beside what was recorded of the venue."""

import json

import pytest

from tests.local.polymarket_trader import FED, running
from tests.shared import shared_path
from tests.venues.polymarket_spec import load_spec

RECORDED = "fixtures/polymarket/Endpoints__Clob__Trading__"


def recorded(name):
    """Method, path, whether it was signed, then the body."""
    method, path, _, body = shared_path(f"{RECORDED}{name}.txt").read_text().split("\n", 3)
    return method, path, json.loads(body)


@pytest.fixture
def anna():
    with running() as venue:
        yield venue.trader()


def test_the_spec_accepts_a_good_order_and_refuses_misspelt_fields(anna):
    spec = load_spec()
    body = anna.signed(FED, "BUY", "0.40", "10", kind="GTD", expiration=1_900_000_000, post_only=True)
    spec.check_request("POST", "/order", json.dumps(body).encode())
    spec.check_request("POST", "/orders", json.dumps([body, body]).encode())
    for broken in ({**body, "postonly": True}, {**body, "orderType": "IOC"}, {"order": body["order"]}):
        with pytest.raises(AssertionError):
            spec.check_request("POST", "/order", json.dumps(broken).encode())
    with pytest.raises(AssertionError):
        spec.check_request("GET", "/data/orders?token=1", None)
    with pytest.raises(AssertionError):
        spec.check_request("POST", "/order/amend", json.dumps(body).encode())


def test_the_spec_refuses_wrong_answers():
    spec = load_spec()
    good = {"success": True, "errorMsg": "", "orderID": "0x" + "1" * 64, "status": "live"}
    spec.check_answer("POST", "/order", 200, json.dumps(good).encode())
    for broken in ({**good, "status": "resting"}, {**good, "order_id": "1"}, {"success": True}):
        with pytest.raises(AssertionError):
            spec.check_answer("POST", "/order", 200, json.dumps(broken).encode())
    spec.check_answer("POST", "/order", 425, b'{"error": "service not ready"}')
    with pytest.raises(AssertionError):
        spec.check_answer("POST", "/order", 425, b'{"message": "service not ready"}')


def test_the_servers_answers_have_the_fields_that_were_recorded(anna):
    method, path, placed = recorded("PlaceOrder")
    ours = anna.place(FED, "BUY", "0.40", "10").json()
    assert (method, path) == ("POST", "/order")
    # Trade ids and hashes came later than the recording (facts polymarket section 2.2).
    assert placed.keys() <= ours.keys() == placed.keys() | {"transactionsHashes", "tradeIDs"}
    assert {name: type(value) for name, value in placed.items()} == {name: type(ours[name]) for name in placed}
    _, path, shown = recorded("GetOrder")
    row = anna.order(ours["orderID"])
    assert path == "/data/order/123"
    assert {name: type(value) for name, value in shown.items()} == {name: type(value) for name, value in row.items()}
    method, path, canceled = recorded("CancelOrder")
    assert (method, path) == ("DELETE", "/order")
    assert anna.cancel(ours["orderID"]).json().keys() == canceled.keys()
