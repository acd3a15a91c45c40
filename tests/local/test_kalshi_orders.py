"""Order writes on the wire: what is accepted, what is refused with which body, and what an answer proves."""

import json

import pytest

from tests.local.kalshi_member import V2, order

FED, BTC = "KXFED-26DEC", "KXBTC-1"


@pytest.fixture
def member(venue):
    found = venue.member()
    venue.book({40: 100, 39: 50}, {42: 100, 43: 100})
    return found


def only_order(member, **filters):
    (found,) = member.get("/portfolio/orders", **filters).json()["orders"]
    return found


def test_a_resting_order(member):
    answer = member.create(FED, "bid", "0.41", "10.5", "a-1")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["fill_count"], body["remaining_count"], body["client_order_id"]) == ("0.00", "10.50", "a-1")
    assert "average_fill_price" not in body
    shown = only_order(member, status="resting")
    assert shown["order_id"] == body["order_id"]
    assert (shown["book_side"], shown["outcome_side"], shown["yes_price_dollars"]) == ("bid", "yes", "0.4100")


def test_an_order_that_takes_two_levels(member):
    body = member.create(FED, "bid", "0.43", "150", "a-1").json()
    assert (body["fill_count"], body["remaining_count"]) == ("150.00", "0.00")
    assert body["average_fill_price"] == "0.4233"
    prices = [fill["yes_price_dollars"] for fill in member.get("/portfolio/fills").json()["fills"]]
    assert prices == ["0.4300", "0.4200"]


def test_what_was_taken_stays_gone(member):
    member.create(FED, "bid", "0.42", "100", "a-1")
    again = member.create(FED, "bid", "0.42", "5", "a-2", time_in_force="immediate_or_cancel").json()
    assert (again["fill_count"], again["remaining_count"]) == ("0.00", "0.00")
    ends = {row["client_order_id"]: row["status"] for row in member.get("/portfolio/orders").json()["orders"]}
    assert ends == {"a-1": "executed", "a-2": "canceled"}


@pytest.mark.parametrize(
    ("field", "value"), [("count", 10), ("count", 10.5), ("price", 0.41), ("ticker", 5), ("post_only", "yes")]
)
def test_a_wrong_json_type_is_a_flat_bad_request(venue, member, field, value):
    body = {**order(FED, "bid", "0.4100", "10", "a-1"), field: value}
    answer = member.send("POST", V2, json=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"
    assert answer.json()["details"].startswith("json: cannot unmarshal")
    assert f"CreateOrderV2Request.{field}" in answer.json()["details"]
    assert venue.exchange.books("anna").orders == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": "0.415"}, "invalid_price"),
        ({"price": "1.00"}, "invalid_price"),
        ({"price": "0"}, "invalid_price"),
        ({"count": "0"}, "invalid_order_size"),
        ({"count": "1.005"}, "invalid_order_size"),
        ({"count": "-1"}, "invalid_order_size"),
        ({"time_in_force": "GTT"}, "invalid_parameters"),
        ({"side": "yes"}, "invalid_parameters"),
        ({"client_order_id": "a.1"}, "invalid_parameters"),
        ({"subaccount": 64}, "invalid_parameters"),
        ({"reduce_only": True}, "invalid_order"),
        ({"reduce_only": True, "time_in_force": "fill_or_kill"}, "invalid_order"),
        ({"time_in_force": "immediate_or_cancel", "expiration_time": 1_795_700_000}, "invalid_order"),
        ({"expiration_time": 1_795_600_000}, "invalid_order"),
        ({"exchange_index": 2}, "market_not_found"),
        ({"ticker": "KXNONE"}, "market_not_found"),
        ({"ticker": "KXNONE", "exchange_index": -1}, "invalid_parameters"),
    ],
)
def test_an_order_that_can_not_be_meant(venue, member, changes, code):
    answer = member.send("POST", V2, json={**order(FED, "bid", "0.4100", "10", "a-1"), **changes})
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["code"] == code
    assert venue.exchange.books("anna").orders == ()


def test_reduce_only_names_its_reason(member):
    answer = member.create(FED, "ask", "0.4100", "10", reduce_only=True)
    assert answer.json()["error"]["details"] == "reduce_only can only be used with IoC orders"


def test_the_finer_grid_of_another_market(member):
    assert member.create(BTC, "bid", "0.4150", "1").status_code == 201
    assert member.create(BTC, "bid", "0.4155", "1").json()["error"]["code"] == "invalid_price"


def test_a_client_order_id_is_used_up_for_ever(member):
    first = member.create(FED, "bid", "0.4100", "10", "once").json()
    assert member.create(FED, "bid", "0.3000", "1", "once").json()["error"]["code"] == "order_already_exists"
    member.cancel(first["order_id"])
    again = member.create(FED, "bid", "0.4100", "10", "once")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "order_already_exists")


def test_a_refused_order_does_not_use_up_its_id(member):
    assert member.create(FED, "bid", "0.4200", "1", "later", post_only=True).status_code == 400
    assert member.create(FED, "bid", "0.4100", "1", "later", post_only=True).status_code == 201


def test_post_only_that_crosses(venue, member):
    answer = member.create(FED, "bid", "0.4200", "10", "a-1", post_only=True)
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["details"]) == ("invalid_order", "post only cross")
    assert venue.exchange.books("anna").fills == ()


def test_self_cross_is_accepted_with_nothing_left(venue, member):
    resting = member.create(FED, "ask", "0.4100", "10", "mine").json()["order_id"]
    answer = member.create(FED, "bid", "0.4100", "10", "cross")
    assert answer.status_code == 201
    assert (answer.json()["fill_count"], answer.json()["remaining_count"]) == ("0.00", "0.00")
    assert only_order(member, status="canceled")["client_order_id"] == "cross"
    assert only_order(member, status="resting")["order_id"] == resting
    assert venue.exchange.books("anna").fills == ()


def test_self_cross_that_cancels_the_maker_goes_on(member):
    mine = member.create(FED, "ask", "0.4100", "10", "mine").json()["order_id"]
    body = member.create(FED, "bid", "0.4200", "20", "cross", self_trade_prevention_type="maker").json()
    assert (body["fill_count"], body["remaining_count"]) == ("20.00", "0.00")
    assert only_order(member, status="canceled")["order_id"] == mine


def test_fill_or_kill_takes_all_or_nothing(member):
    short = member.create(FED, "bid", "0.4200", "101", "a-1", time_in_force="fill_or_kill").json()
    assert (short["fill_count"], short["remaining_count"]) == ("0.00", "0.00")
    whole = member.create(FED, "bid", "0.4200", "100", "a-2", time_in_force="fill_or_kill").json()
    assert whole["fill_count"] == "100.00"


def test_reduce_only_sells_what_is_held_and_no_more(venue, member):
    member.create(FED, "bid", "0.4200", "10", "entry")
    exit = member.create(FED, "ask", "0.4000", "50", "exit", time_in_force="immediate_or_cancel", reduce_only=True)
    assert exit.json()["fill_count"] == "10.00"
    none = member.create(FED, "ask", "0.4000", "50", "more", time_in_force="immediate_or_cancel", reduce_only=True)
    assert (none.status_code, none.json()["fill_count"], none.json()["remaining_count"]) == (201, "0.00", "0.00")
    assert [holding.size for holding in venue.exchange.books("anna").positions] == [0]


def test_cancel_says_what_was_left(venue, member):
    order_id = member.create(FED, "bid", "0.4100", "10", "a-1").json()["order_id"]
    venue.book({40: 100}, {41: 4})
    answer = member.cancel(order_id)
    assert (answer.status_code, answer.json()["reduced_by"]) == (200, "6.00")
    shown = only_order(member)
    assert (shown["status"], shown["fill_count_fp"], shown["remaining_count_fp"]) == ("canceled", "4.00", "0.00")


def test_not_found_hides_its_cause_but_the_exchange_knows_it(venue, member):
    canceled = member.create(FED, "bid", "0.4100", "1", "a-1").json()["order_id"]
    member.cancel(canceled)
    executed = member.create(FED, "bid", "0.4200", "1", "a-2").json()["order_id"]
    expired = member.create(FED, "bid", "0.4100", "1", "a-3", expiration_time=1_795_600_001).json()["order_id"]
    sharded = member.create(BTC, "bid", "0.4100", "1", "a-4").json()["order_id"]
    venue.clock.sleep_ms(1_000)
    never = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    answers = [member.cancel(order_id) for order_id in (canceled, executed, expired, sharded, never)]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, b'{"error":{"code":"not_found","message":"not found"}}')
    }
    causes = [(miss.order_id, miss.cause.value) for miss in venue.exchange.misses]
    assert causes == [
        (canceled, "already_canceled"),
        (executed, "executed"),
        (expired, "expired"),
        (sharded, "wrong_shard"),
        (never, "never_existed"),
    ]


@pytest.mark.parametrize(
    "place", [{"market_ticker": BTC}, {"exchange_index": 2}, {"market_ticker": BTC, "exchange_index": -1}]
)
def test_a_routed_cancel_finds_its_shard(member, place):
    order_id = member.create(BTC, "bid", "0.4100", "1", "a-1").json()["order_id"]
    assert member.cancel(order_id).status_code == 404
    assert only_order(member, status="resting")["order_id"] == order_id
    assert member.cancel(order_id, **place).status_code == 200


def test_batch_create_fails_item_by_item(venue, member):
    member.create(FED, "bid", "0.4100", "1", "used")
    answer = member.batch(
        order(FED, "bid", "0.4000", "10", "good"),
        order(FED, "bid", "0.4200", "10", "crossing", post_only=True),
        order(FED, "bid", "0.4000", "10", "used"),
        order(FED, "bid", "0.4005", "10", "off-grid"),
        order(FED, "bid", "0.3900", "100000", "too-much"),
        order(FED, "bid", "0.3900", "1", "good"),
        order(BTC, "bid", "0.3900", "1", "other-shard"),
    )
    assert answer.status_code == 201
    items = {(item.get("client_order_id"), item.get("error", {}).get("code")) for item in answer.json()["orders"]}
    assert items == {
        ("good", None),
        ("crossing", "invalid order"),
        ("used", "order_already_exists"),
        ("off-grid", "invalid_price"),
        ("too-much", "insufficient_balance"),
        ("good", "order_already_exists"),
        ("other-shard", None),
    }
    failed = [item for item in answer.json()["orders"] if "error" in item]
    assert all("order_id" not in item and "ts_ms" not in item for item in failed)
    assert failed[0]["error"]["details"] == "post only cross"
    assert set(venue.exchange.books("anna").client_order_ids) == {"used", "good", "other-shard"}


def test_a_malformed_item_refuses_the_whole_batch(venue, member):
    good, bad = order(FED, "bid", "0.4000", "10", "good"), {**order(FED, "bid", "0.4", "1", "bad"), "count": 1}
    assert member.batch(good, bad).status_code == 400
    assert member.batch(good, {**good, "client_order_id": "b", "side": "buy"}).status_code == 400
    assert member.batch().status_code == 400
    assert member.send("POST", f"{V2}/batched", data=b"{").json()["code"] == "bad_request"
    assert venue.exchange.books("anna").orders == ()


def test_batch_cancel_fails_item_by_item(member):
    fed = member.create(FED, "bid", "0.4100", "3", "a-1").json()["order_id"]
    btc = member.create(BTC, "bid", "0.4100", "2", "a-2").json()["order_id"]
    unrouted = member.cancel_batch({"order_id": fed}, {"order_id": btc}, {"order_id": fed})
    assert unrouted.status_code == 200
    first, second, third = unrouted.json()["orders"]
    assert (first["order_id"], first["reduced_by"], first["client_order_id"]) == (fed, "3.00", "a-1")
    for item, order_id in ((second, btc), (third, fed)):
        assert (item["order_id"], item["reduced_by"], item["error"]["code"]) == (order_id, "0.00", "not_found")
        assert "ts_ms" not in item
    routed = member.cancel_batch({"order_id": btc, "market_ticker": BTC}).json()["orders"]
    assert [item["reduced_by"] for item in routed] == ["2.00"]


def test_batch_answers_need_not_keep_the_order_of_the_request(venue, member):
    """Who matches them by position does so on the venue's grace (facts kalshi section 4.2)."""
    venue.exchange.set_batch_order_kept(False)
    names = [f"a-{number}" for number in range(20)]
    placed = member.batch(*(order(FED, "bid", "0.4100", "1", name) for name in names)).json()["orders"]
    answered = [item["client_order_id"] for item in placed]
    assert answered != names
    assert sorted(answered) == sorted(names)
    ids = [item["order_id"] for item in placed]
    canceled = member.cancel_batch(*({"order_id": order_id} for order_id in ids)).json()["orders"]
    assert [item["order_id"] for item in canceled] != ids
    assert {item["order_id"] for item in canceled} == set(ids)


def test_cancel_all_reaches_every_shard(member):
    member.create(FED, "bid", "0.4100", "3", "a-1")
    member.create(BTC, "bid", "0.4100", "2", "a-2")
    answer = member.send("DELETE", V2)
    assert (answer.status_code, answer.content) == (204, b"")
    assert member.get("/portfolio/orders", status="resting").json()["orders"] == []


def test_legacy_writes_are_gone(member):
    for method, path in (("POST", "/portfolio/orders"), ("DELETE", "/portfolio/orders/batched")):
        answer = member.send(method, path, json={"anything": 1})
        assert answer.status_code == 410
        assert answer.json()["error"]["code"] == "deprecated_v1_order_endpoint"


def test_the_list_under_the_new_path_does_not_exist(member):
    answer = member.get(V2)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_subaccounts_are_apart(venue, member):
    assert member.create(FED, "bid", "0.4100", "1", subaccount=5).json()["error"]["code"] == "user_not_found"
    venue.exchange.deposit("anna", 0, 10, subaccount=5)
    order_id = member.create(FED, "bid", "0.4100", "1", subaccount=5).json()["order_id"]
    assert member.cancel(order_id).status_code == 404
    assert venue.exchange.misses[-1].cause == "wrong_subaccount"
    assert json.loads(member.get("/portfolio/balance", subaccount=5).content)["balance_dollars"] == "9.5900"
    assert member.cancel(order_id, subaccount=5).status_code == 200
