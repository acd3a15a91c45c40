"""Amend and decrease on the wire: what changes, what keeps its place, what is refused (facts kalshi section 4.3)."""

import pytest

from tests.local.kalshi_member import V2

FED, BTC = "KXFED-26DEC", "KXBTC-1"


@pytest.fixture
def member(venue):
    found = venue.member()
    venue.book({40: 100, 39: 50}, {42: 100, 43: 100})
    return found


def only_order(member, **filters):
    (found,) = member.get("/portfolio/orders", **filters).json()["orders"]
    return found


def amend(member, order_id, price="0.4100", count="10", side="bid", ticker=FED, **more):
    body = {"ticker": ticker, "side": side, "price": price, "count": count, **more}
    return member.send("POST", f"{V2}/{order_id}/amend", json=body)


def test_an_expiry_only_amend_changes_nothing_else(member):
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1", expiration_time=1_795_600_010).json()["order_id"]
    answer = amend(member, order_id, expiration_time=1_795_600_100)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["order_id"], body["remaining_count"], body["fill_count"]) == (order_id, None, None)
    shown = only_order(member)
    assert shown["expiration_time"].startswith("2026-11-25T09:48:20")
    amend(member, order_id, count="9")
    assert only_order(member)["expiration_time"] == shown["expiration_time"]
    amend(member, order_id, count="9", expiration_time=0)
    assert only_order(member)["expiration_time"] is None


def test_an_amended_expiry_is_the_one_that_counts(venue, member):
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1", expiration_time=1_795_600_010).json()["order_id"]
    amend(member, order_id, expiration_time=1_795_600_100)
    venue.clock.sleep_ms(10_000)
    assert only_order(member, status="resting")["order_id"] == order_id
    venue.clock.sleep_ms(90_000)
    assert only_order(member, status="canceled")["order_id"] == order_id


def test_the_count_of_an_amend_includes_what_filled(venue, member):
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1").json()["order_id"]
    venue.book({40: 100}, {41: 4})
    venue.book({40: 100}, {42: 100})
    answer = amend(member, order_id, price="0.4100", count="7")
    assert (answer.json()["remaining_count"], answer.json()["fill_count"]) == ("3.00", "0.00")
    assert amend(member, order_id, count="4").json()["error"]["code"] == "invalid_order_size"


def test_an_amend_that_crosses_fills(member):
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1").json()["order_id"]
    body = amend(member, order_id, price="0.4200").json()
    assert (body["order_id"], body["fill_count"], body["remaining_count"]) == (order_id, "10.00", "0.00")
    assert body["average_fill_price"] == "0.4200"
    assert only_order(member)["status"] == "executed"


def test_a_post_only_order_is_not_amended_across(member):
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1", post_only=True).json()["order_id"]
    assert amend(member, order_id, price="0.4200").json()["error"]["details"] == "post only cross"
    assert only_order(member, status="resting")["yes_price_dollars"] == "0.4100"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": "ask", "price": "0.4300"}, "order_side_mismatch"),
        ({"ticker": "KXFED-OTHER"}, "not_found"),
        ({"client_order_id": "wrong"}, "order_id_and_client_order_id_mismatch"),
        ({"price": "0.4150"}, "invalid_price"),
        ({"updated_client_order_id": "a-0"}, "order_already_exists"),
        ({"expiration_time": 1_795_600_000}, "invalid_order"),
        ({"count": "100000"}, "insufficient_balance"),
    ],
)
def test_an_amend_that_is_refused_changes_nothing(member, change, code):
    member.cancel(member.create(FED, "bid", "0.3000", "1", "a-0").json()["order_id"])
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1").json()["order_id"]
    before = only_order(member, status="resting")
    assert amend(member, order_id, **change).json()["error"]["code"] == code
    assert only_order(member, status="resting") == before


def test_decrease_keeps_the_rest(member):
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1").json()["order_id"]
    url = f"{V2}/{order_id}/decrease"
    assert member.send("POST", url, json={"reduce_by": "2.50"}).json()["remaining_count"] == "7.50"
    assert member.send("POST", url, json={"reduce_to": "5"}).json()["remaining_count"] == "5.00"
    for body in ({}, {"reduce_by": "1", "reduce_to": "1"}, {"reduce_to": "6"}, {"reduce_by": "0"}):
        assert member.send("POST", url, json=body).status_code == 400
    assert only_order(member, status="resting")["remaining_count_fp"] == "5.00"
    assert member.send("POST", url, json={"reduce_to": "0"}).json()["remaining_count"] == "0.00"
    assert only_order(member)["status"] == "canceled"


def test_decrease_and_price_time_priority(venue, member):
    first = member.create(FED, "ask", "0.4100", "10", "a-1").json()["order_id"]
    other = venue.member("bert")
    other.create(FED, "ask", "0.4100", "10", "b-1")
    member.send("POST", f"{V2}/{first}/decrease", json={"reduce_to": "4"})
    venue.member("carl").create(FED, "bid", "0.4100", "5", "c-1")
    assert [fill.size for fill in venue.exchange.books("anna").fills] == [400]
    assert [fill.size for fill in venue.exchange.books("bert").fills] == [100]


def test_a_decrease_without_its_market_misses_the_shard(member):
    order_id = member.create(BTC, "bid", "0.4100", "10", "a-1").json()["order_id"]
    url = f"{V2}/{order_id}/decrease"
    assert member.send("POST", url, json={"reduce_by": "1"}).status_code == 404
    assert member.send("POST", url, json={"reduce_by": "1", "market_ticker": BTC}).status_code == 200
