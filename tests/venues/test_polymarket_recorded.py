"""Payloads that were recorded on the venue are read without loss."""

import json

import pytest

from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder
from holdfast.core.outcomes import Canceled, Placed
from holdfast.venues.port import OrderStatus
from tests.shared import shared_path
from tests.venues.kalshi_scripted import Reply, scripted_server
from tests.venues.polymarket_scripted import DEADLINE, OWNER, RULES, cancellation, page, placement, venue_at


def recorded(name, part="Trading"):
    """Method, path, and the answer; whether it is signed stands between them."""
    lines = shared_path(f"fixtures/polymarket/Endpoints__Clob__{part}__{name}.txt").read_text().splitlines()
    return lines[0], lines[1], json.loads("".join(lines[3:]))


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def test_the_recorded_order(server):
    method, path, answer = recorded("GetOrder")
    server.script(Reply(200, answer))
    read = venue_at(server.url).find_order("123", answer["asset_id"])
    assert (server.asked[0].method, server.asked[0].target) == (method, path)
    assert read.status is OrderStatus.RESTING
    assert read.order == OpenOrder(
        *("0x12", "", answer["asset_id"], Side.BUY, 10, 5_000_000), created_at_ms=1_768_900_397_000
    )


def test_the_recorded_acceptance(server):
    """The recorded id was shortened for publication; ours must be the order's own."""
    method, path, answer = recorded("PlaceOrder")
    server.script(*RULES)
    venue = venue_at(server.url)
    [order] = venue.prepare([placement()])
    server.script(Reply(200, answer | {"orderID": order.order_id}))
    [outcome] = venue.place([order], DEADLINE)
    assert (server.asked[-1].method, server.asked[-1].target) == (method, path)
    assert outcome == Placed(order.order_id, "hf-1", 0, 10_500_000, 0)


def test_the_recorded_cancel(server):
    method, path, answer = recorded("CancelOrder")
    server.script(Reply(200, answer))
    assert venue_at(server.url).cancel([cancellation("0x12")], DEADLINE) == [Canceled("0x12", 0, 0, says_fills=False)]
    assert (server.asked[0].method, server.asked[0].target) == (method, path)


def test_the_recorded_trade(server):
    """A trade event has a listed trade's fields. Its price may be an average with more digits than a price has."""
    lines = shared_path("fixtures/polymarket/Subscriptions__Clob__TradeUpdate.txt").read_text().splitlines()
    trade = json.loads("".join(lines[1:]).partition("=")[2])
    [part] = trade["maker_orders"]
    server.script(Reply(200, page(trade)), *RULES[1:])
    [taken] = venue_at(server.url).fills(0)
    told = (taken.fill_id, taken.order_id, taken.market, taken.side, taken.price, taken.size, taken.at_ms)
    assert told == ("123", "0x12", trade["asset_id"], Side.BUY, 30, 1_666_666_666, 1_768_831_171_000)
    assert (taken.is_taker, taken.final, taken.void) == (True, False, False)
    ours = trade | {"trader_side": "MAKER", "maker_orders": [part | {"owner": OWNER}]}
    server.script(Reply(200, page(ours)))
    [made] = venue_at(server.url).fills(0)
    told = (made.fill_id, made.order_id, made.market, made.side, made.price, made.size, made.fee)
    assert told == ("123", "0x12", part["asset_id"], Side.SELL, 30, 1_666_666_666, 0)


def test_the_recorded_books(server):
    method, path, answer = recorded("GetTokenInfos", "ExchangeData")
    server.script(Reply(200, answer))
    books = venue_at(server.url).books(["1234567890"])
    assert (server.asked[0].method, server.asked[0].target) == (method, path)
    [book] = books.values()
    assert book.market == "1234567890"
    assert book.ladder(Side.BUY) == book.ladder(Side.SELL) == [(18_005_000, 10_500_000)]
