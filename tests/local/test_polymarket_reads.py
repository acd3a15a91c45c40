"""What reads show: pages, filters, lag, books and market rules, heartbeats."""

import json
from hashlib import sha1

import pytest

from local.venues.polymarket import EndReason, Geoblock, MarketSpec
from tests.local.polymarket_trader import BTC, FED, running


@pytest.fixture
def venue():
    with running() as found:
        found.book({"0.40": "1000"}, {"0.42": "1000"})
        yield found


def every_page(trader, path):
    cursor, found, pages = "MA==", [], 0
    while cursor != "LTE=":
        page = trader.get(path, next_cursor=cursor).json()
        assert page["count"] == len(page["data"])
        found += [row["id"] for row in page["data"]]
        cursor, pages = page["next_cursor"], pages + 1
    return found, pages


def test_orders_and_trades_come_in_pages_of_a_hundred(venue):
    anna = venue.trader(dollars="1000")
    ids = [anna.rest(FED, "BUY", "0.10", "5") for _ in range(201)]
    assert every_page(anna, "/data/orders") == (list(reversed(ids)), 3)
    for _ in range(101):
        anna.rest(FED, "BUY", "0.42", "5")
    found, pages = every_page(anna, "/data/trades")
    assert (len(set(found)), pages) == (101, 2)
    assert anna.get("/data/orders", next_cursor="LTE=").json()["data"] == []
    assert anna.get("/data/orders", next_cursor="nonsense").status_code == 400


def test_filters(venue):
    anna = venue.trader()
    fed, no, btc = (
        anna.rest(FED, "BUY", "0.10", "5"),
        anna.rest(FED, "BUY", "0.10", "5", outcome=1),
        anna.rest(BTC, "BUY", "0.10", "5"),
    )
    market = venue.exchange.market(FED)
    assert anna.open_ids(market=market.condition_id) == [no, fed]
    assert anna.open_ids(asset_id=market.tokens[1]) == [no]
    anna.cancel(btc)
    assert anna.open_ids() == [no, fed]
    assert anna.open_ids(id=btc) == [btc]  # by id in any status
    anna.rest(FED, "BUY", "0.42", "5")
    second = venue.clock.now_ms() // 1000
    (trade,) = anna.trades()
    assert anna.trades(id=trade["id"]) == anna.trades(market=market.condition_id) == [trade]
    assert anna.trades(asset_id=market.tokens[0], maker_address=anna.wallet) == [trade]
    assert anna.trades(asset_id=market.tokens[1]) == anna.trades(after=second) == anna.trades(before=second) == []
    assert anna.trades(after=second - 1, before=second + 1) == [trade]
    assert anna.get("/data/trades", after="yesterday").json() == {"error": "Invalid trade params payload"}


def test_nobody_sees_anothers_orders(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    order_id = anna.rest(FED, "BUY", "0.10", "5")
    assert (bert.order(order_id), bert.open_ids(), bert.open_ids(id=order_id)) == (None, [], [])


def test_reads_lag_behind_writes(venue):
    anna = venue.trader()
    kept = anna.rest(FED, "BUY", "0.10", "5")
    venue.wait(8_000)
    venue.operator.set_read_lag_ms(8_000)
    fresh = anna.rest(FED, "BUY", "0.11", "5")
    anna.cancel(kept)
    anna.rest(FED, "BUY", "0.42", "5")
    assert (anna.open_ids(), anna.order(fresh), anna.trades()) == ([kept], None, [])
    assert anna.order(kept)["status"] == "LIVE"
    venue.wait(8_000)
    assert (anna.open_ids(), len(anna.trades())) == ([fresh], 1)
    assert anna.order(kept)["status"] == "CANCELED"


def test_books_have_their_best_level_last_and_a_checksum(venue):
    anna = venue.trader()
    venue.book({"0.40": "10", "0.39": "20.5"}, {"0.42": "10", "0.50": "1"})
    book = anna.get("/book", token_id=venue.exchange.market(FED).tokens[0]).json()
    assert [level["price"] for level in book["bids"]] == ["0.39", "0.4"]
    assert [level["price"] for level in book["asks"]] == ["0.5", "0.42"]
    assert (book["timestamp"], book["tick_size"]) == (str(venue.clock.now_ms()), "0.01")
    unsigned = json.dumps({**book, "hash": ""}, separators=(",", ":")).encode()
    assert book["hash"] == sha1(unsigned).hexdigest()  # noqa: S324 - the venue's checksum


def test_prices_of_either_outcome(venue):
    anna = venue.trader()
    yes, no = venue.exchange.market(FED).tokens
    assert anna.get("/price", token_id=yes, side="BUY").json() == {"price": "0.4"}
    assert anna.get("/price", token_id=yes, side="SELL").json() == {"price": "0.42"}
    assert anna.get("/price", token_id=no, side="BUY").json() == {"price": "0.58"}
    assert anna.get("/midpoint", token_id=no).json() == {"mid": "0.59"}
    assert anna.get("/price", token_id=yes, side="HOLD").json() == {"error": "Invalid side"}
    empty = venue.exchange.market(BTC).tokens[0]
    assert anna.get("/price", token_id=empty, side="BUY").json() == {"price": "0"}
    assert anna.get("/midpoint", token_id=empty).status_code == 404
    assert anna.get("/book", token_id="me").json() == {"error": "Invalid token id"}
    unknown = anna.get("/book", token_id="12")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "No orderbook exists for the requested token id"})
    assert anna.send("POST", "/books", [{"token_id": "1"}] * 501).json() == {"error": "Payload exceeds the limit"}
    assert anna.send("POST", "/books", {"token_id": "1"}).json() == {"error": "Invalid payload"}


def test_market_rules(venue):
    venue.exchange.add_market(MarketSpec("senate", neg_risk=True, tick=25))
    anna, market = venue.trader(), venue.exchange.market("senate")
    token = market.tokens[1]
    assert anna.get("/tick-size", token_id=token).json() == {"minimum_tick_size": 0.0025}
    assert anna.get(f"/neg-risk/{token}").json() == {"neg_risk": True}
    assert anna.get("/fee-rate", token_id=token).json() == {"base_fee": 0}
    assert anna.get(f"/markets-by-token/{token}").json()["condition_id"] == market.condition_id
    details = anna.get(f"/clob-markets/{market.condition_id}").json()
    assert (details["mts"], details["mos"], details["nr"], details["t"][1]["t"]) == (0.0025, 5, True, token)
    assert anna.get("/clob-markets/0x12").json() == {"error": "market not found"}
    assert anna.get("/version").json() == {"version": 2}
    assert anna.get("/time").json() == venue.clock.now_ms() // 1000


def test_a_tick_change_leaves_resting_orders_alone(venue):
    anna = venue.trader()
    order_id = anna.rest(BTC, "BUY", "0.405", "10")
    venue.operator.set_tick(BTC, 100)
    assert "breaks minimum tick size rule: 0.01" in anna.place(BTC, "BUY", "0.405", "10").json()["error"]
    assert anna.order(order_id)["status"] == "LIVE"


def test_balances_are_asked_for_by_asset(venue):
    anna = venue.trader(dollars="12.345678")
    assert anna.get("/balance-allowance", asset_type="COLLATERAL").json()["balance"] == "12345678"
    token = venue.exchange.market(FED).tokens[0]
    assert anna.get("/balance-allowance", asset_type="GOLD").json() == {"error": "Invalid asset type"}
    assert anna.get("/balance-allowance", asset_type="CONDITIONAL-V2", token_id=token).status_code == 400
    wrong = anna.get("/balance-allowance", asset_type="COLLATERAL", signature_type="2")
    assert wrong.json() == {"error": "Invalid signature_type"}


def beat(trader, heartbeat_id=""):
    return trader.send("POST", "/v1/heartbeats", {"heartbeat_id": heartbeat_id})


def test_whoever_beat_once_must_go_on(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    ids = [anna.rest(FED, "BUY", "0.10", "5"), anna.rest(BTC, "BUY", "0.10", "5")]
    other_key = anna.credentials
    anna.credentials = venue.exchange.add_api_key("anna", nonce=1)
    kept = anna.rest(FED, "BUY", "0.10", "5")
    foreign = bert.rest(FED, "BUY", "0.10", "5")
    anna.credentials = other_key
    current = beat(anna).json()["heartbeat_id"]
    for _ in range(3):
        venue.wait(9_999)
        current = beat(anna, current).json()["heartbeat_id"]
    assert set(ids) < set(anna.open_ids())
    venue.wait(10_000)
    assert anna.open_ids() == [kept]
    assert {order.end for order in anna.books.orders} == {None, EndReason.HEARTBEAT}
    assert bert.open_ids() == [foreign]
    anna.rest(FED, "BUY", "0.10", "5")
    venue.wait(60_000)
    assert len(anna.open_ids()) == 2  # silence disarmed it


def test_a_wrong_heartbeat_is_told_the_right_one_and_does_not_count(venue):
    anna = venue.trader()
    anna.rest(FED, "BUY", "0.10", "5")
    stranger = beat(anna, "x")
    assert (stranger.status_code, stranger.json()) == (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": ""})
    current = beat(anna).json()["heartbeat_id"]
    venue.wait(9_000)
    assert beat(anna).json() == {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": current}
    venue.wait(1_000)
    assert anna.open_ids() == []


def test_blocked_place_buys_nothing_and_some_sell_nothing(venue):
    """Most blocked places are close-only; from a few not even an exit goes through."""
    anna = venue.trader()
    venue.give("anna", FED, "20")
    blocked = Geoblock(blocked=True, country="US", region="NY")
    venue.operator.set_geoblock(blocked)
    refused = anna.place(FED, "BUY", "0.10", "10")
    assert (refused.status_code, refused.json()["error"][:33]) == (403, "Trading restricted in your region")
    resting = anna.rest(FED, "SELL", "0.90", "10")
    venue.operator.set_geoblock(blocked, sells_too=True)
    assert anna.place(FED, "SELL", "0.90", "10").status_code == 403
    assert anna.cancel(resting).json()["canceled"] == [resting]
    venue.operator.set_geoblock(Geoblock())
    assert anna.place(FED, "BUY", "0.10", "10").status_code == 200


def test_the_site_says_where_the_caller_is(venue):
    anna = venue.trader()
    assert anna.get("/site/api/geoblock").json()["blocked"] is False
    venue.operator.set_geoblock(Geoblock(blocked=True, country="US", region="NY"))
    assert anna.get("/site/api/geoblock").json() == {
        "blocked": True,
        "ip": "127.0.0.1",
        "country": "US",
        "region": "NY",
    }


def test_a_deleted_key_is_refused(venue):
    anna = venue.trader()
    assert anna.send("DELETE", "/auth/api-key").json() == "OK"
    assert anna.get("/data/orders").status_code == 401
