"""Rules, books and status of Kalshi's markets."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec import structs

from holdfast.core.book import OrderBook
from holdfast.core.errors import (
    VenueUnavailableError,
)
from holdfast.core.market import MarketStatus, PriceBand, Side
from holdfast.core.windows import VenueMode
from holdfast.venues.port import VenueStatus
from tests.venues.kalshi_rows import market_row
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

    def status() -> VenueStatus:
        return structs.replace(venue.status(), clock=None)  # the Date of this server is the machine's

    assert status() == VenueStatus(active=True, trading=True)
    assert status() == VenueStatus(
        active=False, trading=False, resumes_at_ms=1_794_997_800_000, mode=VenueMode.DISABLED
    )
    assert status() == VenueStatus(active=True, trading=True, paused_shards=(0,))
