"""Orders, fills, settlements, positions and balances as Kalshi tells them, exact."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.core.errors import VenueUnavailableError
from holdfast.core.market import Side
from holdfast.core.orders import Purpose, client_order_id
from holdfast.venues.port import Balance, OrderStatus, VenuePosition
from tests.venues.kalshi_rows import AS_OF, fill_row, order_row
from tests.venues.kalshi_scripted import (
    NOW_MS,
    Reply,
    ScriptedServer,
    scripted_server,
    venue_at,
)


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def test_an_order_is_read_exactly(server: ScriptedServer):
    server.script(AS_OF, Reply(body={"orders": [order_row()], "cursor": ""}))
    [order] = venue_at(server.url).open_orders().orders
    assert (order.market, order.side, order.price, order.remaining, order.filled) == ("M", Side.BUY, 4700, 750, 250)
    assert (order.purpose, order.shard) == (Purpose.QUOTE, 2)
    assert (order.expires_at_ms, order.created_at_ms) == (1_794_997_800_000, 1_794_997_599_500)


def test_foreign_orders_have_no_purpose(server: ScriptedServer):
    other = client_order_id("another account", "M", "bid-0", "1", Purpose.QUOTE)
    rows = [
        order_row("o-1", client_order_id=other),
        order_row("o-2", client_order_id=""),
        order_row("o-3", client_order_id=None, book_side="ask", outcome_side="no", exchange_index=None),
    ]
    server.script(AS_OF, Reply(body={"orders": rows, "cursor": ""}))
    orders = venue_at(server.url).open_orders().orders
    assert [order.purpose for order in orders] == [None, None, None]
    assert (orders[2].side, orders[2].shard) == (Side.SELL, -1)  # its cancel is routed by market


def test_orders_of_another_subaccount_are_left_out(server: ScriptedServer):
    rows = [order_row("o-1", subaccount_number=0), order_row("o-2", subaccount_number=7)]
    server.script(AS_OF, Reply(body={"orders": rows, "cursor": ""}))
    found = venue_at(server.url, subaccount=7).open_orders().orders
    assert [order.order_id for order in found] == ["o-2"]
    assert parse_qs(urlsplit(server.asked[1].target).query)["subaccount"] == ["7"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "resting"}, OrderStatus.RESTING),
        ({"status": "canceled", "remaining_count_fp": "0.00"}, OrderStatus.CANCELED),
        ({"status": "executed", "remaining_count_fp": "0.00"}, OrderStatus.FILLED),
        # Words that we don't know: never take for over what may be live.
        ({"status": "pending_review"}, OrderStatus.RESTING),
        ({"status": "done", "remaining_count_fp": "0.00"}, OrderStatus.FILLED),
        ({"status": "done", "remaining_count_fp": "0.00", "fill_count_fp": "0.00"}, OrderStatus.CANCELED),
    ],
)
def test_order_statuses(server: ScriptedServer, changes: dict[str, Any], status: OrderStatus):
    server.script(Reply(body={"order": order_row(**changes)}))
    found = venue_at(server.url).find_order("o-1", "M")
    assert found is not None
    assert found.status is status


def test_an_order_that_the_lookup_does_not_find_is_looked_for_in_the_list(server: ScriptedServer):
    """A look-up of an order on shards 1 to 3 has answered 404 while the order was live."""
    server.script(
        Reply(404, {"error": {"code": "not_found"}}),
        Reply(body={"orders": [order_row("o-8")], "cursor": "2"}),
        Reply(body={"orders": [order_row("o-9")], "cursor": ""}),
    )
    found = venue_at(server.url).find_order("o-9", "M")
    assert found is not None
    assert found.order.order_id == "o-9"
    lookup, listing, _ = server.asked
    assert lookup.target == "/trade-api/v2/portfolio/orders/o-9?market_ticker=M"
    assert parse_qs(urlsplit(listing.target).query)["ticker"] == ["M"]


def test_an_order_that_neither_shows_is_none(server: ScriptedServer):
    server.script(Reply(404, {"error": {"code": "not_found"}}), Reply(body={"orders": [], "cursor": ""}))
    assert venue_at(server.url).find_order("o-9", "M") is None


def test_recent_orders_ask_from_a_second_before(server: ScriptedServer):
    """`min_ts` is whole seconds and exclusive: asking for the exact second could miss the order that was lost."""
    server.script(Reply(body={"orders": [order_row()], "cursor": ""}))
    assert len(venue_at(server.url).recent_orders(NOW_MS)) == 1
    assert parse_qs(urlsplit(server.asked[0].target).query)["min_ts"] == [str(NOW_MS // 1000 - 1)]


def test_fills_are_exact_and_oldest_first(server: ScriptedServer):
    newest_first = [
        fill_row("f-4", created_time="2026-11-18T10:26:41Z"),
        fill_row("f-3", book_side="ask", outcome_side="no", is_taker=False, fee_cost="0"),
        fill_row("f-2", order_id="o-2"),
        fill_row("f-2"),
        fill_row("f-1", created_time=None, ts=1_794_997_590),
    ]
    server.script(
        Reply(body={"fills": newest_first[:3], "cursor": "2"}),
        Reply(body={"fills": newest_first[2:], "cursor": ""}),
    )
    fills = venue_at(server.url).fills(NOW_MS)
    keys = [(fill.fill_id, fill.order_id) for fill in fills]
    assert keys == [("f-1", "o-1"), ("f-2", "o-1"), ("f-2", "o-2"), ("f-3", "o-1"), ("f-4", "o-1")]
    bought, sold = fills[1], fills[3]
    assert (bought.side, bought.price, bought.size, bought.fee) == (Side.BUY, 5200, 100, 17_500)
    assert (bought.is_taker, bought.at_ms) == (True, 1_794_997_600_123)
    assert (sold.side, sold.fee, sold.is_taker) == (Side.SELL, 0, False)


def test_a_fee_finer_than_our_money_is_rounded_up(server: ScriptedServer):
    server.script(Reply(body={"fills": [fill_row("f", fee_cost="0.01750001")], "cursor": ""}))
    assert venue_at(server.url).fills(NOW_MS)[0].fee == 17_501


@pytest.mark.parametrize("fee", ["NaN", "-Infinity", "1e999999", "", "0,02"])
def test_a_fee_that_is_no_amount_is_an_error_of_the_read(server: ScriptedServer, fee: str):
    server.script(Reply(body={"fills": [fill_row("f", fee_cost=fee)], "cursor": ""}))
    with pytest.raises(VenueUnavailableError, match="fee_cost"):
        venue_at(server.url).fills(NOW_MS)


def test_a_settlement_does_not_count_the_fees_of_its_fills_again(server: ScriptedServer):
    """`fee_cost` of a settlement is the sum of the market's fill fees, which the ledger has."""
    row = {
        "ticker": "M",
        "market_result": "no",
        "yes_count_fp": "3.00",
        "no_count_fp": "10.50",
        "revenue": 750,
        "settled_time": "2026-11-18T10:26:40Z",
        "fee_cost": "0.3400",
    }
    older = row | {"ticker": "L", "market_result": "scalar_void", "settled_time": "2026-11-17T10:26:40Z"}
    server.script(Reply(body={"settlements": [row, older], "cursor": ""}))
    first, second = venue_at(server.url).settlements(NOW_MS)
    assert (first.market, first.result) == ("L", "scalar_void")
    assert (second.market, second.size, second.payout, second.fee) == ("M", -750, 7_500_000, 0)


def test_positions_are_signed_and_flat_ones_are_left_out(server: ScriptedServer):
    rows = [
        {"ticker": "A", "position_fp": "-12.50", "fees_paid_dollars": "0.0175", "realized_pnl_dollars": "-1.20"},
        {"ticker": "B", "position_fp": "0.00", "fees_paid_dollars": "0", "realized_pnl_dollars": "0"},
    ]
    server.script(Reply(body={"market_positions": rows, "event_positions": [], "cursor": ""}))
    assert venue_at(server.url).positions() == [VenuePosition("A", -1250, 17_500, -1_200_000)]
    query = parse_qs(urlsplit(server.asked[0].target).query)
    assert query == {"count_filter": ["position"], "limit": ["1000"], "subaccount": ["0"]}


def test_balance_is_exact_and_by_shard(server: ScriptedServer):
    shards = [{"exchange_index": 0, "balance": "10.0001"}, {"exchange_index": 2, "balance": "2.345600"}]
    body = {"balance": 1234, "balance_dollars": "12.345700", "portfolio_value": 0, "updated_ts": 1}
    server.script(Reply(body=body | {"balance_breakdown": shards}), Reply(body=body))
    venue = venue_at(server.url)
    assert venue.balance() == Balance(12_345_700, {0: 10_000_100, 2: 2_345_600})
    assert venue.balance() == Balance(12_345_700, {})
