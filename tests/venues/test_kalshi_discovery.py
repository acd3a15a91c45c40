"""Market discovery on Kalshi: what is asked for, and how rows are read, recorded ones among them."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import VenueUnavailableError
from holdfast.core.market import MarketStatus
from tests.shared import shared_path
from tests.venues.kalshi_rows import market_row
from tests.venues.kalshi_scripted import NOW_MS, Reply, ScriptedServer, scripted_server, venue_at

SECOND = NOW_MS // 1000


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def row(ticker: str = "KXM-1", **changes: Any) -> dict[str, Any]:
    listed = {
        "event_ticker": "KXM",
        "title": "Will it?",
        "yes_sub_title": "It will",
        "yes_bid_dollars": "0.410000",
        "yes_ask_dollars": "0.4300",
        "yes_bid_size_fp": "7.00",
        "yes_ask_size_fp": "2.50",
        "last_price_dollars": "0.4200",
        "volume_24h_fp": "12.50",
    }
    return market_row(ticker, **listed) | changes


def page(*rows: dict[str, Any], cursor: str = "") -> Reply:
    return Reply(body={"markets": list(rows), "cursor": cursor})


def asked(server: ScriptedServer) -> list[dict[str, str]]:
    parts = [urlsplit(request.target) for request in server.asked]
    assert {part.path for part in parts} == {"/trade-api/v2/markets"}
    return [{name: values[0] for name, values in parse_qs(part.query).items()} for part in parts]


def test_a_row_is_read_whole(server: ScriptedServer):
    server.script(page(row()))
    [found] = venue_at(server.url).discover(MarketQuery())
    assert found == ListedMarket(
        market="KXM-1",
        title="Will it?",
        outcome="It will",
        status=MarketStatus.OPEN,
        event="KXM",
        closes_at_ms=1_795_003_200_000,
        bid=4_100,
        ask=4_300,
        bid_size=700,
        ask_size=250,
        last_price=4_200,
        volume_24h=12_500_000,
        tick=10,
        min_size=1,
    )
    assert found.spread == 200


def test_an_empty_side_and_what_is_not_stated_are_none_and_not_a_price(server: ScriptedServer):
    missing = ("yes_bid_size_fp", "volume_24h_fp", "last_price_dollars", "title", "price_ranges")
    bare = {name: value for name, value in row(yes_ask_dollars="1.0000").items() if name not in missing}
    server.script(page(row(yes_bid_dollars="0.0000", last_price_dollars="0.0000"), bare | {"ticker": "KXM-2"}))
    first, second = venue_at(server.url).discover(MarketQuery())
    assert (first.bid, first.bid_size, first.ask, first.spread, first.last_price) == (None, None, 4_300, None, None)
    assert (second.ask, second.ask_size, second.volume_24h, second.last_price) == (None, None, None, None)
    assert (second.title, second.tick) == ("It will", None)


@pytest.mark.parametrize(
    ("status", "filters"),
    [
        (MarketStatus.OPEN, ["open"]),
        (MarketStatus.PAUSED, ["unopened", "paused"]),
        (MarketStatus.CLOSED, ["closed", "settled"]),
        (MarketStatus.SETTLED, ["settled"]),
        (None, [None]),
    ],
)
def test_the_status_is_asked_for_in_the_venues_words(server: ScriptedServer, status: Any, filters: list[Any]):
    server.script(*(page(row(status="disputed"), row("KXM-2"), row("KXM-3", status="new word")) for _ in filters))
    found = venue_at(server.url).discover(MarketQuery(status=status, event="KXM", series="KXS"))
    wanted = {
        "KXM-1": MarketStatus.CLOSED,
        "KXM-2": MarketStatus.OPEN,
        "KXM-3": MarketStatus.PAUSED,
    }
    assert {one.market: one.status for one in found} == {m: s for m, s in wanted.items() if status in (None, s)}
    sent = asked(server)
    assert [request.get("status") for request in sent] == filters
    for request in sent:
        assert (request["mve_filter"], request["limit"]) == ("exclude", "1000")
        assert (request["event_ticker"], request["series_ticker"]) == ("KXM", "KXS")


@pytest.mark.parametrize(
    ("status", "after", "first"),
    [
        (MarketStatus.OPEN, 0, SECOND - 1),
        (MarketStatus.OPEN, SECOND + 60, SECOND + 59),
        (MarketStatus.SETTLED, SECOND - 60, SECOND - 61),
        (MarketStatus.SETTLED, 0, None),
    ],
)
def test_close_times_go_without_a_status(server: ScriptedServer, status: MarketStatus, after: int, first: int | None):
    """The specification allows none beside most statuses. Open markets close in the future, which bounds the list."""
    server.script(page(row(), row("KXM-2", status="finalized")))
    query = MarketQuery(status=status, closes_after_ms=after * 1000, closes_before_ms=NOW_MS + 7_200_000)
    found = venue_at(server.url).discover(query)
    assert [one.market for one in found] == ["KXM-1" if status is MarketStatus.OPEN else "KXM-2"]
    [sent] = asked(server)
    assert "status" not in sent
    assert sent.get("min_close_ts") == (None if first is None else str(first))
    assert sent["max_close_ts"] == str(SECOND + 7_201)


def test_a_cursor_that_comes_back_is_an_error(server: ScriptedServer):
    """The venue answers a cursor that it does not know with the first page."""
    server.script(page(row(), cursor="c"), page(row(), cursor="c"))
    with pytest.raises(VenueUnavailableError, match="second time"):
        venue_at(server.url).discover(MarketQuery())


def test_a_row_that_moves_to_the_next_page_is_listed_once(server: ScriptedServer):
    server.script(page(row(), row("KXM-2"), cursor="c"), page(row("KXM-2"), row("KXM-3")))
    assert [one.market for one in venue_at(server.url).discover(MarketQuery())] == ["KXM-1", "KXM-2", "KXM-3"]
    assert asked(server)[1]["cursor"] == "c"


def test_a_row_that_cannot_be_read_is_an_error(server: ScriptedServer):
    for broken in ({"yes_ask_dollars": "cheap"}, {"close_time": "soon"}, {"ticker": None}):
        server.script(page(row() | broken))
        with pytest.raises(VenueUnavailableError):
            venue_at(server.url).discover(MarketQuery())


def test_recorded_markets_are_read_without_loss(server: ScriptedServer):
    """Of January 2026: without volumes and sizes of the schema since March, with all the rest."""
    recorded = json.loads(shared_path("fixtures/kalshi/golden_2026-01/markets_list_response.json").read_text())
    rows = recorded["response"]["markets"]
    server.script(Reply(body=recorded["response"] | {"cursor": ""}))
    found = venue_at(server.url).discover(MarketQuery())
    assert [one.market for one in found] == [each["ticker"] for each in rows]
    assert [one.title for one in found] == [each["title"] for each in rows]
    assert [one.event for one in found] == [each["event_ticker"] for each in rows]
    assert {one.tick for one in found} == {10}
    for one, each in zip(found, rows, strict=True):
        for price, text in ((one.bid, each["yes_bid_dollars"]), (one.ask, each["yes_ask_dollars"])):
            assert price == (None if text in ("0.0000", "1.0000") else round(float(text) * 10_000))
        assert one.closes_at_ms > 0
        assert one.volume_24h is None
