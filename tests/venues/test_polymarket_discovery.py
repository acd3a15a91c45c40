"""Market discovery on Polymarket: what is asked of Gamma, and how its markets are read.

The rows have the fields and the oddities of markets recorded in 2026: JSON inside strings, numbers with many digits, a
closed market that still shows quotes and accepts orders, an open one past its end.
"""

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import InvalidInputError, VenueRefusedError, VenueUnavailableError
from holdfast.core.market import MarketStatus
from holdfast.venues.polymarket.settings import GAMMA_HOST, PolymarketSettings
from tests.venues.kalshi_scripted import CountingMeter, Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import venue_at

YES, NO, NEW_YES, NEW_NO = "111", "222", "333", "444"


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "559652",
        "question": "Will it rain in Galway?",
        "conditionId": "0x" + "ab" * 32,
        "slug": "rain-in-galway",
        "endDate": "2028-11-07T00:00:00Z",
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.2325", "0.7675"]',
        "active": True,
        "closed": False,
        "enableOrderBook": True,
        "orderPriceMinTickSize": 0.001,
        "orderMinSize": 5,
        "volume24hr": 9066.547418000006,
        "clobTokenIds": f'["{YES}", "{NO}"]',
        "liquidityClob": 230438.22824,
        "acceptingOrders": True,
        "negRisk": True,
        "events": [{"id": "30829", "slug": "galway", "title": "Weather in Galway", "volume": 1196404731.1335425}],
        "umaResolutionStatuses": "[]",
        "lastTradePrice": 0.232,
        "bestBid": 0.232,
        "bestAsk": 0.233,
        "feeSchedule": {"exponent": 1, "rate": 0.04, "takerOnly": True, "rebateRate": 0.25},
        **changes,
    }


def page(*rows: dict[str, Any], **cursor: Any) -> Reply:
    return Reply(body={"$schema": "MarketsKeysetListResponse.json", "markets": list(rows), **cursor})


def asked(server: ScriptedServer) -> list[tuple[str, dict[str, list[str]]]]:
    parts = [urlsplit(request.target) for request in server.asked]
    return [(part.path, parse_qs(part.query)) for part in parts]


def listed(server: ScriptedServer, *rows: dict[str, Any], **query: Any) -> list[ListedMarket]:
    server.script(page(*rows))
    found: list[ListedMarket] = venue_at(server.url).discover(MarketQuery(**query))
    return found


def test_each_token_is_read_whole_and_the_second_mirrors_the_first(server: ScriptedServer):
    first, second = listed(server, row())
    assert first == ListedMarket(
        market=YES,
        title="Will it rain in Galway?",
        outcome="Yes",
        status=MarketStatus.OPEN,
        event="galway",
        event_title="Weather in Galway",
        closes_at_ms=1_857_168_000_000,
        bid=2_320,
        ask=2_330,
        last_price=2_320,
        volume_24h=int(Decimal("9066.5474180000") * 10**10),
        liquidity=int(Decimal("230438.22824") * 10**10),
        tick=10,
        min_size=5_000_000,
        neg_risk=True,
        version="v1",
    )
    assert (second.market, second.outcome) == (NO, "No")
    assert (second.bid, second.ask, second.last_price, second.spread) == (7_670, 7_680, 7_680, 10)


@pytest.mark.parametrize(("version", "tokens"), [("v1", [YES, NO]), ("v2", [NEW_YES, NEW_NO]), (None, [YES, NO])])
def test_the_version_says_which_ids_trade_also_where_both_are_there(server, version: Any, tokens: list[str]):
    found = listed(server, row(version=version, positionIds=f'["{NEW_YES}", "{NEW_NO}"]'))
    assert [one.market for one in found] == tokens
    assert {one.version for one in found} == {version or "v1"}


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "v9"},
        {"clobTokenIds": None},
        {"clobTokenIds": "[]"},
        {"enableOrderBook": False},
        {"outcomes": '["A", "B", "C"]'},
        {"version": "v2"},
    ],
)
def test_what_cannot_be_traded_is_left_out(server: ScriptedServer, changes: dict[str, Any]):
    assert [one.market for one in listed(server, row(**changes), row(clobTokenIds='["5", "6"]'))] == ["5", "6"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"closed": True, "umaResolutionStatus": "resolved"}, MarketStatus.SETTLED),
        ({"closed": True, "resolutionStatus": "resolved"}, MarketStatus.SETTLED),
        ({"closed": True, "closedTime": "2026-05-09 02:07:01+00"}, MarketStatus.CLOSED),
        ({"acceptingOrders": False}, MarketStatus.PAUSED),
        ({"active": False}, MarketStatus.PAUSED),
        ({"acceptingOrders": None}, MarketStatus.OPEN),
        ({"endDate": "2020-01-01T00:00:00Z"}, MarketStatus.OPEN),
    ],
)
def test_status(server: ScriptedServer, changes: dict[str, Any], status: MarketStatus):
    """Closed comes first, whatever else is said; an end that has passed closes nothing."""
    server.script(page(row(**changes)), page())
    found = venue_at(server.url).discover(MarketQuery(status=None))
    assert {one.status for one in found} == {status}
    closed = status in (MarketStatus.SETTLED, MarketStatus.CLOSED)
    assert found[0].bid == (None if closed else 2_320)


def test_quotes_that_stand_for_an_empty_side_are_none(server: ScriptedServer):
    first, second = listed(server, row(bestBid=0, bestAsk=0.233, lastTradePrice=None))
    assert (first.bid, first.ask, first.spread, first.last_price) == (None, 2_330, None, None)
    assert (second.bid, second.ask, second.spread, second.last_price) == (7_670, None, None, None)
    first, _ = listed(server, row(bestBid=None, bestAsk=1, volume24hr=None, liquidityClob=None, events=None))
    assert (first.bid, first.ask, first.volume_24h, first.liquidity, first.event) == (None, None, None, None, "")
    first, _ = listed(server, row(bestBid=0.30000000000000004, endDate=None, negRisk=None))
    assert (first.bid, first.closes_at_ms, first.neg_risk) == (3_000, 0, None)


def test_filters_are_the_venues_own_where_it_has_them(server: ScriptedServer):
    at_ms = 1_857_168_000_000
    times = {"closes_after_ms": at_ms - 3_600_000, "closes_before_ms": at_ms + 3_600_000}
    found = listed(server, row(), row(clobTokenIds='["5", "6"]', volume24hr=1), **times, min_volume_24h=9_000 * 10**10)
    assert [one.market for one in found] == [YES, NO]
    [(path, sent)] = asked(server)
    assert path == "/gamma/markets/keyset"
    assert sent == {
        "closed": ["false"],
        "version": ["v1", "v2"],
        "limit": ["100"],
        "end_date_min": ["2028-11-06T22:59:59Z"],
        "end_date_max": ["2028-11-07T01:00:01Z"],
        "volume_num_min": ["9000"],
    }


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        (MarketStatus.OPEN, ["false"]),
        (MarketStatus.PAUSED, ["false"]),
        (MarketStatus.CLOSED, ["true"]),
        (MarketStatus.SETTLED, ["true"]),
        (None, ["false", "true"]),
    ],
)
def test_closed_is_always_stated(server: ScriptedServer, status: Any, flags: list[str]):
    """Where it is left out, the venue hides what is closed."""
    server.script(*(page() for _ in flags))
    assert venue_at(server.url).discover(MarketQuery(status=status)) == []
    assert [sent["closed"] for _, sent in asked(server)] == [[flag] for flag in flags]


@pytest.mark.parametrize(
    ("query", "sent_as"),
    [
        ({"event": "galway"}, {"slug": ["galway"]}),
        ({"tag": "weather"}, {"tag_slug": ["weather"]}),
        ({"event": "galway", "tag": "84"}, {"slug": ["galway"], "tag_id": ["84"]}),
    ],
)
def test_events_and_tags_are_read_from_the_events_with_all_their_markets(server, query: dict[str, str], sent_as: Any):
    inside = [
        {name: value for name, value in row(**each).items() if name != "events"} for each in ({}, {"closed": True})
    ]
    event = {"id": "30829", "slug": "galway", "title": "Weather in Galway", "closed": False, "markets": inside}
    server.script(Reply(body={"events": [event]}))
    found = venue_at(server.url).discover(MarketQuery(**query))
    assert [(one.market, one.event, one.event_title) for one in found] == [
        (YES, "galway", "Weather in Galway"),
        (NO, "galway", "Weather in Galway"),
    ]
    [(path, sent)] = asked(server)
    assert path == "/gamma/events/keyset"
    assert sent == {"closed": ["false"], "version": ["v1", "v2"], "limit": ["100"], **sent_as}


def test_pages_go_on_by_cursor_and_not_by_length(server: ScriptedServer):
    """The venue cuts pages short whatever is asked for."""
    server.script(page(row(), next_cursor="c1"), page(next_cursor="c2"), page(row(clobTokenIds='["5", "6"]')))
    meter = CountingMeter()
    found = venue_at(server.url, meter=meter).discover(MarketQuery())
    assert [one.market for one in found] == [YES, NO, "5", "6"]
    assert [sent.get("after_cursor") for _, sent in asked(server)] == [None, ["c1"], ["c2"]]
    assert meter.spent == [("read", 4, "GET /markets/keyset")] * 3


@pytest.mark.parametrize("cursor", ["c1", ""])
def test_a_cursor_that_would_cut_the_list_short_or_repeat_it_is_an_error(server: ScriptedServer, cursor: str):
    server.script(page(row(), next_cursor="c1"), page(row(), next_cursor=cursor))
    with pytest.raises(VenueUnavailableError, match="cursor"):
        venue_at(server.url).discover(MarketQuery())


def test_what_cannot_be_read_is_an_error(server: ScriptedServer):
    for broken in ({"clobTokenIds": "111,222"}, {"outcomes": '{"a": 1}'}, {"endDate": "soon"}, {"slug": None}):
        with pytest.raises(VenueUnavailableError):
            listed(server, row(**broken))
    server.script(Reply(body={"data": []}))
    with pytest.raises(VenueUnavailableError):
        venue_at(server.url).discover(MarketQuery())
    server.script(Reply(422, {"type": "validation error", "error": "invalid end_date_min"}))
    with pytest.raises(VenueRefusedError, match="invalid end_date_min"):
        venue_at(server.url).discover(MarketQuery())


def test_trouble_at_gamma_says_nothing_of_the_exchange(server: ScriptedServer):
    server.script(Reply(503, {"error": "Trading is currently disabled"}), Reply(200, 1_795_000_000))
    venue = venue_at(server.url)
    with pytest.raises(VenueUnavailableError):
        venue.discover(MarketQuery())
    assert venue.status().trading


def test_where_gamma_is():
    assert PolymarketSettings("a").gamma_origin == GAMMA_HOST
    assert PolymarketSettings("a", base_url="http://127.0.0.1:1").gamma_origin == "http://127.0.0.1:1/gamma"
    assert PolymarketSettings("a", gamma_url="https://gamma.example").gamma_origin == "https://gamma.example"
    with pytest.raises(InvalidInputError):
        _ = PolymarketSettings("a", gamma_url="http://gamma.example").gamma_origin
