"""What we believe of Kalshi's answers to reads: exact numbers, all pages, and never an empty list for an error."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.core.book import OrderBook
from holdfast.core.errors import (
    BudgetExhaustedError,
    VenueAuthError,
    VenueError,
    VenueRateLimitedError,
    VenueRefusedError,
    VenueUnavailableError,
)
from holdfast.core.market import MarketStatus, PriceBand, Side
from holdfast.core.orders import Purpose, client_order_id
from holdfast.venues.port import Balance, OrderStatus, VenuePosition, VenueStatus
from tests.venues.kalshi_scripted import (
    ACCOUNT,
    NOW_MS,
    CountingMeter,
    Reply,
    ScriptedServer,
    scripted_server,
    venue_at,
)

AS_OF = Reply(body={"as_of_time": "2026-11-18T10:26:40.123456Z"})
LIMITS = {
    "usage_tier": "basic",
    "read": {"refill_rate": 200, "bucket_capacity": 600},
    "write": {"refill_rate": 100, "bucket_capacity": 100},
    "grants": [],
}
COSTS = {
    "default_cost": 10,
    "endpoint_costs": [
        {"method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/:order_id", "cost": 2},
        {"method": "DELETE", "path": "/portfolio/events/orders/batched", "cost": 2},
        {"method": "GET", "path": "/trade-api/v2/portfolio/orders/{id}", "cost": 2},
        {"method": "GET", "path": "/trade-api/v2/cfbenchmarks", "cost": 150},
    ],
}


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def order_row(order_id: str = "o-1", **changes: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "user_id": "u-1",
        "client_order_id": client_order_id(ACCOUNT, "M", "bid-0", "1", Purpose.QUOTE),
        "ticker": "M",
        "outcome_side": "yes",
        "book_side": "bid",
        "type": "limit",
        "status": "resting",
        "yes_price_dollars": "0.470000",
        "no_price_dollars": "0.530000",
        "fill_count_fp": "2.50",
        "remaining_count_fp": "7.50",
        "initial_count_fp": "10.00",
        "expiration_time": "2026-11-18T10:30:00Z",
        "created_time": "2026-11-18T10:26:39.5Z",
        "exchange_index": 2,
        **changes,
    }


def fill_row(fill_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "fill_id": fill_id,
        "order_id": "o-1",
        "ticker": "M",
        "outcome_side": "yes",
        "book_side": "bid",
        "count_fp": "1.00",
        "yes_price_dollars": "0.5200",
        "is_taker": True,
        "fee_cost": "0.017500",
        "created_time": "2026-11-18T10:26:40.123456Z",
        **changes,
    }


def market_row(ticker: str, **changes: Any) -> dict[str, Any]:
    ranges = [
        {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
    ]
    return {
        "ticker": ticker,
        "status": "active",
        "exchange_index": 3,
        "close_time": "2026-11-18T12:00:00Z",
        "price_ranges": ranges,
        **changes,
    }


# ---- what the account can do


def test_limits_and_costs_become_capabilities(server: ScriptedServer):
    meter = CountingMeter()
    venue = venue_at(server.url, meter=meter)
    with pytest.raises(VenueUnavailableError, match="connect"):
        _ = venue.capabilities
    server.script(Reply(body=LIMITS), Reply(body=COSTS))
    venue.connect()
    able = venue.capabilities
    assert (able.batch_create, able.batch_cancel) == (10, 50)
    assert (able.costs.create, able.costs.cancel, able.costs.amend, able.costs.order_read) == (10, 2, 10, 2)
    assert (able.write_bucket.refill, able.write_bucket.capacity) == (100, 100)
    assert (able.read_bucket.refill, able.read_bucket.capacity) == (200, 600)
    server.script(Reply(body={"order": order_row()}))
    venue.find_order("o-1", "M")
    assert meter.spent == [
        ("read", 10, "GET /account/limits"),
        ("read", 10, "GET /account/endpoint_costs"),
        ("read", 2, "GET /portfolio/orders/{order_id}"),
    ]


def test_a_batch_is_bounded_on_the_highest_tiers(server: ScriptedServer):
    """Whether the venue caps the number of items besides tokens is not known."""
    write = {"refill_rate": 9_600, "bucket_capacity": 28_800}
    server.script(Reply(body=LIMITS | {"write": write}), Reply(body=COSTS))
    venue = venue_at(server.url)
    venue.connect()
    assert (venue.capabilities.batch_create, venue.capabilities.batch_cancel) == (100, 100)


def test_a_bucket_without_budget_is_an_error(server: ScriptedServer):
    server.script(Reply(body=LIMITS | {"write": {"refill_rate": 0, "bucket_capacity": 0}}), Reply(body=COSTS))
    with pytest.raises(VenueUnavailableError, match="write has no budget"):
        venue_at(server.url).connect()


# ---- errors are never empty lists


def every_read(venue):
    return {
        "connect": venue.connect,
        "status": venue.status,
        "market_rules": lambda: venue.market_rules(["M"]),
        "books": lambda: venue.books(["M"]),
        "open_orders": venue.open_orders,
        "find_order": lambda: venue.find_order("o-1", "M"),
        "recent_orders": lambda: venue.recent_orders(NOW_MS),
        "fills": lambda: venue.fills(NOW_MS),
        "settlements": lambda: venue.settlements(NOW_MS),
        "positions": venue.positions,
        "balance": venue.balance,
    }


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(429, {"error": "too many requests"}), VenueRateLimitedError),
        (Reply(401, {"error": {"code": "authentication_error", "details": "NOT_FOUND"}}), VenueAuthError),
        (Reply(403, b""), VenueAuthError),
        (Reply(400, {"msg": "Parameter validation failed"}), VenueRefusedError),
        (Reply(500, {"error": {"code": "internal_server_error"}}), VenueUnavailableError),
        (Reply(502, b"<html></html>"), VenueUnavailableError),
        (Reply(302, b"", headers={"Location": "/"}), VenueUnavailableError),
        (Reply(200, b"<html>maintenance</html>"), VenueUnavailableError),
        (Reply(200, b"{}"), VenueUnavailableError),
        (Reply(200, b""), VenueUnavailableError),
        (Reply(200, b"[]"), VenueUnavailableError),
        (Reply(how="drop"), VenueUnavailableError),
        (Reply(200, {"cursor": "", "orders": [], "fills": []}, how="cut"), VenueUnavailableError),
    ],
    ids=lambda value: f"{value.status} {value.how}" if isinstance(value, Reply) else value.__name__,
)
def test_a_read_that_failed_raises(server: ScriptedServer, reply: Reply, error: type[VenueError]):
    meter = CountingMeter()
    for name, read in every_read(venue_at(server.url, meter=meter)).items():
        server.script(reply)
        with pytest.raises(error):
            read()
        assert server.replies == [], name
    assert len(meter.spent) == len(meter.recorded) == len(server.asked)


def test_no_venue_at_all_raises():
    for read in every_read(venue_at("http://127.0.0.1:1")).values():
        with pytest.raises(VenueUnavailableError):
            read()


def test_nothing_is_asked_without_budget(server: ScriptedServer):
    for read in every_read(venue_at(server.url, meter=CountingMeter(budget=0))).values():
        with pytest.raises(BudgetExhaustedError):
            read()
    assert server.asked == []


def test_the_venues_words_are_in_the_error(server: ScriptedServer):
    server.script(Reply(401, {"error": {"code": "header_timestamp_expired", "message": "expired"}}))
    with pytest.raises(VenueAuthError, match=r"GET /portfolio/balance: HTTP 401 header_timestamp_expired expired"):
        venue_at(server.url).balance()


@pytest.mark.parametrize(
    ("read", "page", "field"),
    [
        ("recent_orders", {"orders": [order_row(remaining_count_fp=None)], "cursor": ""}, "remaining_count_fp"),
        ("recent_orders", {"orders": [order_row(yes_price_dollars="")], "cursor": ""}, "yes_price_dollars"),
        ("recent_orders", {"orders": [order_row(book_side="long")], "cursor": ""}, "book_side"),
        ("recent_orders", {"cursor": ""}, "orders"),
        ("fills", {"fills": [fill_row("f", fee_cost="free")], "cursor": ""}, "fee_cost"),
        ("fills", {"fills": [fill_row("f", created_time=None)], "cursor": ""}, "created_time"),
        ("fills", {"fills": [fill_row("f", count_fp="NaN")], "cursor": ""}, "count_fp"),
    ],
)
def test_a_missing_or_unreadable_field_is_named(server: ScriptedServer, read: str, page: dict[str, Any], field: str):
    server.script(Reply(body=page))
    with pytest.raises(VenueUnavailableError, match=field):
        getattr(venue_at(server.url), read)(NOW_MS)


# ---- pages


def test_open_orders_are_all_pages_and_the_time_is_read_first(server: ScriptedServer):
    first = {"orders": [order_row("o-1"), order_row("o-2")], "cursor": "next+page/="}
    second = {"orders": [order_row("o-2", remaining_count_fp="5.00"), order_row("o-3")], "cursor": ""}
    server.script(AS_OF, Reply(body=first), Reply(body=second))
    meter = CountingMeter()
    found = venue_at(server.url, meter=meter).open_orders()
    assert [order.order_id for order in found.orders] == ["o-1", "o-2", "o-3"]
    assert found.orders[1].remaining == 500  # the later page is the newer word
    assert (found.as_of_ms, found.requested_at_ms) == (1_794_997_600_123, NOW_MS)
    assert urlsplit(server.asked[0].target).path == "/trade-api/v2/exchange/user_data_timestamp"
    queries = [parse_qs(urlsplit(asked.target).query) for asked in server.asked[1:]]
    assert queries[0] == {"status": ["resting"], "limit": ["1000"], "subaccount": ["0"]}
    assert queries[1] == queries[0] | {"cursor": ["next+page/="]}
    assert [tokens for _, tokens, _ in meter.spent] == [10, 10, 10]


def test_a_cursor_that_comes_back_is_an_error_and_not_an_endless_list(server: ScriptedServer):
    """The venue answers a cursor that it does not know with the first page."""
    server.script(*[Reply(body={"fills": [fill_row("f-1")], "cursor": cursor}) for cursor in ("a", "b", "a")])
    with pytest.raises(VenueUnavailableError, match="cursor"):
        venue_at(server.url).fills(NOW_MS)
    assert len(server.asked) == 3


def test_a_page_that_fails_loses_the_whole_list(server: ScriptedServer):
    """Half of the open orders would look like the other half were gone."""
    server.script(AS_OF, Reply(body={"orders": [order_row("o-1")], "cursor": "2"}), Reply(503, b""))
    with pytest.raises(VenueUnavailableError):
        venue_at(server.url).open_orders()


def test_an_empty_list_may_be_null(server: ScriptedServer):
    venue = venue_at(server.url)
    server.script(AS_OF, Reply(body={"orders": None, "cursor": ""}), Reply(body={"fills": None}))
    assert venue.open_orders().orders == ()
    assert venue.fills(NOW_MS) == []


# ---- orders


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


# ---- money


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


# ---- markets


def test_market_rules_come_in_one_call_with_their_own_price_bands(server: ScriptedServer):
    server.script(Reply(body={"markets": [market_row("A"), market_row("B", price_ranges=[])], "cursor": ""}))
    rules = venue_at(server.url).market_rules(["A", "B", "C", "A"])
    assert set(rules) == {"A", "B"}  # the venue does not know C
    assert rules["A"].bands == (PriceBand(0, 1000, 10), PriceBand(1000, 9000, 100), PriceBand(9000, 10_000, 10))
    assert (rules["A"].lowest, rules["A"].highest) == (10, 9990)
    assert (rules["A"].shard, rules["A"].min_size, rules["A"].status) == (3, 1, MarketStatus.OPEN)
    assert rules["A"].close_at_ms == 1_795_003_200_000
    assert rules["B"].bands == (PriceBand(0, 10_000, 100),)
    assert parse_qs(urlsplit(server.asked[0].target).query) == {"tickers": ["A,B,C"], "limit": ["1000"]}


@pytest.mark.parametrize(
    "ranges",
    [
        None,
        [
            {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
            {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
        ],
        [{"start": "0.0000", "end": "1.0000", "step": "0.0000"}],
        [{"start": "zero", "end": "1.0000", "step": "0.0100"}],
    ],
)
def test_a_market_whose_price_ranges_are_no_grid_trades_in_whole_cents_and_stops_no_other(
    server: ScriptedServer, ranges: Any
):
    server.script(Reply(body={"markets": [market_row("A", price_ranges=ranges), market_row("B")], "cursor": ""}))
    rules = venue_at(server.url).market_rules(["A", "B"])
    assert rules["A"].bands == (PriceBand(0, 10_000, 100),)
    assert len(rules["B"].bands) == 3


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("active", MarketStatus.OPEN),
        ("initialized", MarketStatus.PAUSED),
        ("inactive", MarketStatus.PAUSED),
        ("closed", MarketStatus.CLOSED),
        ("determined", MarketStatus.CLOSED),
        ("finalized", MarketStatus.SETTLED),
        ("a_new_word", MarketStatus.PAUSED),
    ],
)
def test_market_statuses(server: ScriptedServer, word: str, status: MarketStatus):
    server.script(Reply(body={"markets": [market_row("A", status=word)], "cursor": ""}))
    assert venue_at(server.url).market_rules(["A"])["A"].status is status


def test_a_market_without_a_shard_is_an_error(server: ScriptedServer):
    """Money and orders would go to shard 0."""
    row = market_row("A")
    del row["exchange_index"]
    server.script(Reply(body={"markets": [row], "cursor": ""}))
    with pytest.raises(VenueUnavailableError, match="exchange_index"):
        venue_at(server.url).market_rules(["A"])


def test_books_turn_no_bids_into_asks(server: ScriptedServer):
    sides = {"yes_dollars": [["0.4600", "5.00"], ["0.4700", "13.00"]], "no_dollars": [["0.5200", "2.50"]]}
    answer = [{"ticker": "A", "orderbook_fp": sides}, {"ticker": "B", "orderbook_fp": {"yes_dollars": None}}]
    server.script(Reply(body={"orderbooks": answer}))
    books = venue_at(server.url).books(["A", "B", "C"])
    assert set(books) == {"A", "B"}
    book: OrderBook = books["A"]
    assert book.ladder(Side.BUY) == [(4700, 1300), (4600, 500)]
    assert book.ladder(Side.SELL) == [(4800, 250)]
    assert book.at_ms == NOW_MS
    assert books["B"].best_bid is None
    assert parse_qs(urlsplit(server.asked[0].target).query) == {"tickers": ["A", "B", "C"]}


def test_books_are_asked_for_a_hundred_at_a_time(server: ScriptedServer):
    server.script(*[Reply(body={"orderbooks": []})] * 3)
    assert venue_at(server.url).books([f"M{n}" for n in range(250)]) == {}
    asked = [len(parse_qs(urlsplit(asked.target).query)["tickers"]) for asked in server.asked]
    assert asked == [100, 100, 50]


def test_the_exchange_says_that_it_is_paused_also_with_503(server: ScriptedServer):
    shard = {"description": "", "intra_exchange_transfers_active": True}
    shards = [
        {"exchange_index": 0, "exchange_active": True, "trading_active": False, **shard},
        {"exchange_index": 2, "exchange_active": True, "trading_active": True, **shard},
    ]
    paused = {"exchange_active": False, "trading_active": False}
    resume = {"exchange_estimated_resume_time": "2026-11-18T10:30:00Z"}
    server.script(
        Reply(body={"exchange_active": True, "trading_active": True}),
        Reply(503, paused | resume),
        Reply(body={"exchange_active": True, "trading_active": False, "exchange_index_statuses": shards}),
    )
    venue = venue_at(server.url)
    assert venue.status() == VenueStatus(active=True, trading=True)
    assert venue.status() == VenueStatus(active=False, trading=False, resumes_at_ms=1_794_997_800_000)
    assert venue.status() == VenueStatus(active=True, trading=True, paused_shards=(0,))
