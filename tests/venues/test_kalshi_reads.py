"""A read that failed is never an empty list, and a list is all of its pages."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.core.errors import (
    BudgetExhaustedError,
    VenueAuthError,
    VenueError,
    VenueRateLimitedError,
    VenueRefusedError,
    VenueUnavailableError,
)
from tests.venues.kalshi_rows import AS_OF, COSTS, LIMITS, fill_row, order_row
from tests.venues.kalshi_scripted import (
    NOW_MS,
    CountingMeter,
    Reply,
    ScriptedServer,
    scripted_server,
    venue_at,
)


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def test_limits_and_costs_become_capabilities(server: ScriptedServer):
    meter = CountingMeter()
    venue = venue_at(server.url, meter=meter)
    with pytest.raises(VenueUnavailableError, match="connect"):
        _ = venue.capabilities
    server.script(Reply(body=LIMITS), Reply(body=COSTS))
    venue.connect()
    able = venue.capabilities
    assert (able.batch_create, able.batch_cancel) == (10, 50)
    assert (able.costs.create, able.costs.cancel, able.costs.amend) == (10, 2, 10)
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


@pytest.mark.parametrize("dear", ["/portfolio/events/orders", "/portfolio/events/orders/batched"])
def test_a_create_costs_the_dearer_of_alone_and_in_a_batch(server: ScriptedServer, dear: str):
    """The executor takes tokens before it knows which of the two endpoints the adapter chooses."""
    costs = {"default_cost": 10, "endpoint_costs": [{"method": "POST", "path": dear, "cost": 25}]}
    server.script(Reply(body=LIMITS), Reply(body=costs))
    venue = venue_at(server.url)
    venue.connect()
    assert (venue.capabilities.costs.create, venue.capabilities.batch_create) == (25, 4)


def test_a_bucket_without_budget_is_an_error(server: ScriptedServer):
    server.script(Reply(body=LIMITS | {"write": {"refill_rate": 0, "bucket_capacity": 0}}), Reply(body=COSTS))
    with pytest.raises(VenueUnavailableError, match="write has no budget"):
        venue_at(server.url).connect()


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


def test_open_orders_of_no_known_time_are_an_error(server: ScriptedServer):
    """Which of our writes such a list shows could not be told."""
    server.script(Reply(body={"as_of_time": ""}))
    with pytest.raises(VenueUnavailableError, match="as_of_time"):
        venue_at(server.url).open_orders()
    assert len(server.asked) == 1


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
