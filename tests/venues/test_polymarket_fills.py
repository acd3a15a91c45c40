"""Fills out of Polymarket's trades: whose part it is, what it cost, and whether it stands."""

from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.positions import Position, apply_fill
from holdfast.venues.polymarket.fees import HIGHEST, FeeSchedule
from holdfast.venues.polymarket.order import SCALE
from tests.venues.kalshi_scripted import NOW_MS, Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import (
    CONDITION,
    MARKET,
    NO,
    OWNER,
    WALLET,
    YES,
    page,
    trade_row,
    units,
    venue_at,
)

NOW_S = NOW_MS // 1000


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def query_of(asked):
    return {name: values[0] for name, values in parse_qs(urlsplit(asked.target).query).items()}


def test_a_takers_fill_has_the_trades_price_and_a_computed_fee(server: ScriptedServer):
    server.script(Reply(200, page(trade_row())), Reply(200, MARKET))
    [fill] = venue_at(server.url).fills(NOW_MS - 5_500)
    asked = query_of(server.asked[0])
    assert (asked["maker_address"], asked["after"]) == (WALLET, str((NOW_MS - 5_500) // 1000 - 1))
    assert server.asked[1].target == f"/clob-markets/{CONDITION}"
    assert (fill.fill_id, fill.order_id, fill.market, fill.side) == ("t-1", "0xt", YES, Side.BUY)
    assert (fill.price, fill.size, fill.is_taker) == (4_700, 10_000_000, True)
    assert fill.fee == units("0.12455")  # 10 x 0.05 x 0.47 x 0.53 = 0.12455
    assert fill.at_ms == NOW_S * 1000


def test_a_makers_fills_are_our_own_parts_of_the_trade_without_a_fee(server: ScriptedServer):
    parts = [
        {"order_id": "0xa", "owner": OWNER, "matched_amount": "4", "price": "0.47", "asset_id": YES, "side": "SELL"},
        {"order_id": "0xb", "owner": "x", "matched_amount": "5", "price": "0.46", "asset_id": YES, "side": "SELL"},
        {"order_id": "0xc", "maker_address": WALLET.lower(), "matched_amount": "1", "price": "0.53", "asset_id": NO},
    ]
    server.script(Reply(200, page(trade_row(trader_side="MAKER", maker_orders=parts))))
    first, second = venue_at(server.url).fills(0)
    assert (first.order_id, first.side, first.market, first.price, first.size) == (
        "0xa",
        Side.SELL,
        YES,
        4_700,
        4_000_000,
    )
    # The taker bought YES, so whoever met it on NO bought too, and a pair was minted.
    assert (second.order_id, second.side, second.market, second.price) == ("0xc", Side.BUY, NO, 5_300)
    assert {fill.fee for fill in (first, second)} == {0}
    assert {fill.fill_id for fill in (first, second)} == {"t-1"}


def test_a_trade_with_ourselves_is_two_fills(server: ScriptedServer):
    part = {"order_id": "0xa", "owner": OWNER, "matched_amount": "10", "price": "0.47", "asset_id": YES, "side": "SELL"}
    server.script(Reply(200, page(trade_row(maker_orders=[part]))), Reply(200, MARKET))
    assert [(fill.order_id, fill.side) for fill in venue_at(server.url).fills(0)] == [
        ("0xt", Side.BUY),
        ("0xa", Side.SELL),
    ]


@pytest.mark.parametrize(
    ("status", "final", "void"),
    [
        ("MATCHED", False, False),
        ("MATCHED_NOT_BROADCASTED", False, False),
        ("TRADE_STATUS_MINED", False, False),
        ("RETRYING", False, False),
        ("TRADE_STATUS_CONFIRMED", True, False),
        ("FAILED", True, True),
        ("A_WORD_OF_TOMORROW", False, False),
    ],
)
def test_a_fill_is_final_once_it_is_confirmed_and_void_once_it_failed(server: ScriptedServer, status, final, void):
    server.script(Reply(200, page(trade_row(status=status))), Reply(200, MARKET))
    [fill] = venue_at(server.url).fills(0)
    assert (fill.final, fill.void) == (final, void)


def test_fills_come_oldest_first_from_every_page(server: ScriptedServer):
    server.script(
        Reply(200, page(trade_row("t-3"), trade_row("t-2"), next_cursor="MTAw")),
        Reply(200, page(trade_row("t-1", match_time=str(NOW_S - 9)))),
        Reply(200, MARKET),
    )
    assert [fill.fill_id for fill in venue_at(server.url).fills(0)] == ["t-1", "t-2", "t-3"]


def test_an_average_over_several_makers_is_paid_to_the_unit(server: ScriptedServer):
    """3 shares for 1.42: at 0.4734, the nearest price against us, they would have cost 1.4202."""
    parts = [
        {"order_id": "0xa", "owner": "x", "matched_amount": "1", "price": "0.47", "asset_id": YES, "side": "SELL"},
        {"order_id": "0xb", "owner": "y", "matched_amount": "2", "price": "0.525", "asset_id": NO, "side": "BUY"},
    ]
    row = {"size": "3", "price": "0.47333333333333333", "maker_orders": parts}
    rows = [
        trade_row("t-1", **row),
        trade_row("t-2", **row | {"maker_orders": parts[:1]}),
        trade_row("t-3", **row | {"price": "0.5"}),
        trade_row("t-4", **row | {"side": "SELL"}),
    ]
    server.script(Reply(200, page(*rows)), Reply(200, MARKET))
    fills = {fill.fill_id: fill for fill in venue_at(server.url).fills(0)}
    assert (fills["t-1"].price, fills["t-1"].money) == (4_734, units("1.42"))
    assert fills["t-2"].money == units("1.4202"), "the makers do not come to the trade: rounded against us"
    assert fills["t-3"].money == units("1.5"), "nor are they what it says"
    assert (fills["t-4"].price, fills["t-4"].money) == (4_733, units("1.42"))
    bought, (line,) = apply_fill(Position(YES), fills["t-1"], None, purpose=Purpose.ENTRY)
    assert (bought.cost, line.cash) == (units("1.42"), -units("1.42") - fills["t-1"].fee)
    sold, _ = apply_fill(bought, fills["t-4"], None, purpose=Purpose.EXIT)
    assert (sold.size, sold.cost, sold.realized) == (0, 0, 0)
    taken_back, _ = apply_fill(bought, replace(fills["t-1"], void=True), None, purpose=Purpose.ENTRY)
    assert (taken_back.size, taken_back.cash) == (0, 0)


def test_a_price_finer_than_the_scale_is_rounded_against_us(server: ScriptedServer):
    rows = [trade_row("t-1", price="0.47001"), trade_row("t-2", price="0.47009", side="SELL")]
    server.script(Reply(200, page(*rows)), Reply(200, MARKET))
    assert sorted((fill.side, fill.price) for fill in venue_at(server.url).fills(0)) == [
        (Side.BUY, 4_701),
        (Side.SELL, 4_700),
    ]


@pytest.mark.parametrize(("side", "price"), [("BUY", "0.0030000000012"), ("SELL", "0.0029999999988")])
def test_a_price_that_was_divided_from_whole_millionths_is_the_order_s_price(server: ScriptedServer, side, price):
    """Recorded: shared/fixtures/polymarket, TradeUpdate. A unit of 0.0001 more was 17 cents more on these five dollars,
    and our order was never filled at that price."""
    part = {"order_id": "0xa", "owner": OWNER, "matched_amount": "1666.666666", "price": price, "asset_id": YES}
    rows = [
        trade_row("t-1", trader_side="MAKER", maker_orders=[part | {"side": side}]),
        trade_row("t-2", price=price, size="1666.666666", side=side),
    ]
    server.script(Reply(200, page(*rows)), Reply(200, MARKET))
    assert [fill.price for fill in venue_at(server.url).fills(0)] == [30, 30]


def test_the_fee_of_a_market_that_is_gone_is_not_understated(server: ScriptedServer):
    server.script(Reply(200, page(trade_row())), Reply(404, {"error": "market not found"}))
    [fill] = venue_at(server.url).fills(0)
    assert fill.fee == HIGHEST.taker_fee(4_700, 10_000_000)


def test_the_fees_of_a_market_that_is_gone_are_asked_for_once(server: ScriptedServer):
    """Once a trade instead, a page of a hundred cost a hundred reads of every tick, which then held back its exits."""
    server.script(Reply(200, page(trade_row("t-1"), trade_row("t-2"))), Reply(404, {"error": "market not found"}))
    assert len(venue_at(server.url).fills(0)) == 2
    assert len(server.asked) == 2


@pytest.mark.parametrize(("side", "order_id"), [("", "0xt"), (None, "0xt"), ("MAKER", "0xa"), ("", "0xa")])
def test_a_trade_that_does_not_say_on_which_side_we_were_is_ours_all_the_same(server: ScriptedServer, side, order_id):
    """It was taken for somebody else's: what we had bought was in no position, and nothing protected it."""
    part = {"order_id": "0xa", "owner": OWNER, "matched_amount": "4", "price": "0.47", "asset_id": YES, "side": "SELL"}
    row = trade_row(trader_side=side, maker_orders=[part] if order_id == "0xa" else [])
    if side is None:
        del row["trader_side"]
    server.script(Reply(200, page(row)), Reply(200, MARKET))
    [fill] = venue_at(server.url).fills(0)
    assert (fill.order_id, fill.is_taker) == (order_id, order_id == "0xt")


def test_fills_whose_fees_can_not_be_read_are_there_without_and_their_market_is_asked_once(server: ScriptedServer):
    server.script(Reply(200, page(trade_row("t-1"), trade_row("t-2"))), Reply(500))
    fills = venue_at(server.url).fills(0)
    assert [(fill.size, fill.fee, fill.has_fee, fill.final) for fill in fills] == [(10_000_000, 0, False, False)] * 2
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("rate", "exponent", "price", "size", "fee"),
    [
        ("0.07", "1", "0.5", "100", "1.75"),
        ("0.07", "2", "0.5", "100", "0.4375"),
        ("0.05", "1", "0.01", "5", "0.00248"),  # 0.002475 is rounded at the fifth decimal
        ("0.04", "1", "0.0001", "1", "0.00001"),  # and is one of it at least
        ("0", "1", "0.5", "100", "0"),
    ],
)
def test_the_takers_fee(rate, exponent, price, size, fee):
    schedule = FeeSchedule(Decimal(rate), Decimal(exponent))
    assert schedule.taker_fee(SCALE.price(price), SCALE.size(size)) == units(fee)
