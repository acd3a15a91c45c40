"""Pauses, closes and the tape meanwhile: what is refused, what survives, what is cancelled (facts kalshi 6 and 9)."""

import pytest

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from local.venues.kalshi import EndReason, MarketSpec
from tests.local.kalshi_member import START_MS, V2, order

FED, BTC = "KXFED-26DEC", "KXBTC-1"


@pytest.fixture
def member(venue):
    return venue.member()


def amend(member, order_id, price):
    body = {"ticker": FED, "side": "bid", "price": price, "count": "10"}
    return member.send("POST", f"{V2}/{order_id}/amend", json=body)


def test_a_trading_pause_stops_places_and_amends_but_not_cancels(venue, member):
    order_id = member.create(FED, "bid", "0.40", "10", "before").json()["order_id"]
    venue.exchange.pause_trading()
    for refused in (member.create(FED, "bid", "0.40", "1", "during"), amend(member, order_id, "0.41")):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "trading_is_paused")
    (item,) = member.batch(order(FED, "bid", "0.40", "1", "during")).json()["orders"]
    assert item["error"]["code"] == "trading_is_paused"
    assert member.get("/exchange/status").json()["trading_active"] is False
    assert member.cancel(order_id).json()["reduced_by"] == "10.00"
    venue.exchange.resume()
    assert member.create(FED, "bid", "0.40", "1", "during").status_code == 201


def test_an_exchange_pause_stops_cancels_too(venue, member):
    order_id = member.create(FED, "bid", "0.40", "10").json()["order_id"]
    venue.exchange.pause_exchange()
    for refused in (member.create(FED, "bid", "0.40", "1"), member.cancel(order_id)):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "exchange_is_paused")
    (item,) = member.cancel_batch({"order_id": order_id}).json()["orders"]
    assert (item["reduced_by"], item["error"]["code"]) == ("0.00", "exchange_is_paused")
    status = member.get("/exchange/status")
    assert (status.status_code, status.json()["exchange_active"]) == (503, False)
    venue.exchange.resume()
    assert member.cancel(order_id).status_code == 200
    assert member.get("/exchange/status").status_code == 200


def test_a_pause_of_one_shard_leaves_the_others(venue, member):
    venue.exchange.pause_trading(2, resumes_at_ms=START_MS + 60_000)
    assert member.create(FED, "bid", "0.40", "1").status_code == 201
    assert member.create(BTC, "bid", "0.40", "1").json()["error"]["code"] == "trading_is_paused"
    status = member.get("/exchange/status").json()
    assert status["trading_active"] is True
    assert [shard["trading_active"] for shard in status["exchange_index_statuses"]] == [True, True, False, True]
    assert status["exchange_estimated_resume_time"].startswith("2026-11-25T09:47:40")


def test_a_pause_cancels_only_orders_that_asked_for_it(venue, member):
    member.create(FED, "bid", "0.40", "1", "stays")
    member.create(FED, "bid", "0.40", "1", "goes", cancel_order_on_pause=True)
    venue.exchange.pause_trading()
    ends = {order.client_order_id: order.end for order in venue.exchange.books("anna").orders}
    assert ends == {"stays": None, "goes": EndReason.HALT}


def test_reactivating_a_market_cancels_what_rests_in_it(venue, member):
    order_id = member.create(FED, "bid", "0.40", "1").json()["order_id"]
    other = member.create(BTC, "bid", "0.40", "1").json()["order_id"]
    venue.exchange.pause_market(FED)
    assert member.get(f"/markets/{FED}").json()["market"]["status"] == "inactive"
    assert member.create(FED, "bid", "0.40", "1").json()["error"]["code"] == "trading_is_paused"
    venue.exchange.activate_market(FED)
    resting = [order.order_id for order in venue.exchange.books("anna").open_orders]
    assert resting == [other]
    assert member.cancel(order_id).status_code == 404
    assert venue.exchange.misses[-1].cause == "ended_by_exchange"


def test_nothing_trades_during_a_pause_and_the_book_catches_up(venue, member):
    member.create(FED, "bid", "0.40", "10")
    venue.exchange.pause_trading()
    venue.book({}, {35: 10})
    venue.exchange.apply_trade(FED, 3500, 500, Side.SELL)
    venue.book({}, {39: 4})
    assert venue.exchange.books("anna").fills == ()
    venue.exchange.resume()
    fills = venue.exchange.books("anna").fills
    assert [(fill.price, fill.size) for fill in fills] == [(4000, 400)]


def test_a_market_closes_by_the_clock(venue, member):
    venue.exchange.add_market(MarketSpec("KXSOON-1", close_at_ms=START_MS + 5_000))
    order_id = member.create("KXSOON-1", "bid", "0.40", "1").json()["order_id"]
    venue.clock.sleep_ms(5_000)
    refused = [
        member.create("KXSOON-1", "bid", "0.40", "1"),
        member.cancel(order_id),
        member.send("POST", f"{V2}/{order_id}/decrease", json={"reduce_by": "0.5"}),
    ]
    assert {answer.json()["error"]["code"] for answer in refused} == {"MARKET_INACTIVE"}
    (gone,) = venue.exchange.books("anna").orders
    assert (gone.end, gone.updated_at_ms) == (EndReason.CLOSE, START_MS + 5_000)
    assert str(member.available(exchange_index=0)) == "100.0000"
    assert venue.exchange.apply_level("KXSOON-1", Side.SELL, 4000, 100) == []


def test_a_market_that_has_not_opened_takes_no_orders(venue, member):
    venue.exchange.add_market(MarketSpec("KXLATER-1", open_at_ms=START_MS + 5_000))
    venue.book({30: 5}, {40: 5}, "KXLATER-1")
    assert member.create("KXLATER-1", "bid", "0.40", "1").json()["error"]["code"] == "MARKET_INACTIVE"
    venue.clock.sleep_ms(5_000)
    assert member.create("KXLATER-1", "bid", "0.40", "1").json()["fill_count"] == "1.00"


def test_an_order_expires_by_the_clock(venue, member):
    member.create(FED, "bid", "0.40", "10", expiration_time=START_MS // 1000 + 5)
    venue.clock.sleep_ms(4_999)
    assert len(venue.exchange.books("anna").open_orders) == 1
    venue.clock.sleep_ms(3_000)
    venue.book({}, {40: 10})
    (order,) = venue.exchange.books("anna").orders
    assert (order.end, order.filled, order.updated_at_ms) == (EndReason.EXPIRY, 0, START_MS + 5_000)


def test_a_print_fills_after_the_queue_ahead(venue, member):
    venue.exchange.add_market(MarketSpec("KXTAPE-1", prints_trades=True))
    venue.book({40: 10}, {45: 10}, "KXTAPE-1")
    member.create("KXTAPE-1", "bid", "0.40", "5")
    venue.exchange.apply_trade("KXTAPE-1", 4000, 800, Side.SELL)
    assert venue.exchange.books("anna").fills == ()
    venue.exchange.apply_trade("KXTAPE-1", 4000, 500, Side.SELL)
    (fill,) = venue.exchange.books("anna").fills
    assert (fill.size, fill.is_taker) == (300, False)


def test_what_an_operator_gets_wrong_is_named(venue):
    for wrong in (
        lambda: venue.exchange.settle(FED, "maybe"),
        lambda: venue.exchange.apply_level("KXNONE", Side.BUY, 1, 1),
        lambda: venue.exchange.add_market(MarketSpec(FED)),
        lambda: venue.exchange.add_market(MarketSpec("KXFED-27", series="KXFED", fee_type="quadratic_with_maker_fees")),
        lambda: venue.exchange.add_user("x", "k", "not a key"),
        lambda: venue.exchange.pause_trading(9),
        lambda: venue.exchange.set_read_lag_ms(70_000),
        lambda: venue.exchange.books("nobody"),
    ):
        with pytest.raises(InvalidInputError):
            wrong()
