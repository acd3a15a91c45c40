"""When a token's last trade was, as far as our own looks tell: the venue says its price alone."""

from typing import Any

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.book import LastTrade
from holdfast.venues.polymarket.adapter import PolymarketVenue
from tests.venues.kalshi_scripted import NOW_MS, Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import NO, RULES, YES, venue_at

TICK_MS = 30_000


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def book(token: str, **changes: Any) -> dict[str, Any]:
    """A wide book, as the venue sends it."""
    row = {
        "asset_id": token,
        "timestamp": "1000",
        "tick_size": "0.01",
        "bids": [{"price": "0.30", "size": "100"}],
        "asks": [{"price": "0.55", "size": "100"}],
        "last_trade_price": "0.52",
    }
    return row | changes


def looks(server: ScriptedServer, *rows: dict[str, Any]) -> list[LastTrade | None]:
    """What a venue makes of one book after another, a tick apart, from `NOW_MS` on."""
    clock = VirtualClock(NOW_MS)
    venue = venue_at(server.url, clock=clock)
    found = []
    for number, row in enumerate(rows):
        server.script(Reply(200, [book(YES, timestamp=str(1_000 + number)) | row]))
        found.append(venue.books([YES])[YES].last_trade)
        clock.sleep_ms(TICK_MS)
    return found


def at(tick: int, price: int) -> LastTrade:
    return LastTrade(price, NOW_MS + tick * TICK_MS)


def test_a_new_price_was_made_after_the_look_before(server: ScriptedServer):
    prices = ["0.52", "0.52", "0.32", "0.32", "0.31"]
    found = looks(server, *({"last_trade_price": price} for price in prices))
    assert found == [LastTrade(5_200), LastTrade(5_200), at(1, 3_200), at(1, 3_200), at(3, 3_100)]


def test_the_first_look_of_a_process_proves_nothing(server: ScriptedServer):
    """The price may be hours old; the position was bought long before."""
    assert looks(server, {"last_trade_price": "0.32"}) == [LastTrade(3_200, 0)]


def test_two_copies_of_a_book_do_not_make_an_old_trade_new(server: ScriptedServer):
    """One copy lags: its prices come and go between the newer ones."""
    old = {"last_trade_price": "0.52", "timestamp": "900"}
    new = {"last_trade_price": "0.32", "timestamp": "5000"}
    assert looks(server, old, new, old, new, old, new) == [
        LastTrade(5_200),
        at(0, 3_200),
        LastTrade(5_200),
        at(0, 3_200),
        LastTrade(5_200),
        at(0, 3_200),
    ]


@pytest.mark.parametrize("odd", ["", "x", None, "0", "1", "-0.3", "1.2", "NaN", [], {"price": "0.3"}, True])
def test_a_price_that_can_not_be_read_leaves_the_book_as_it_is(server: ScriptedServer, odd: object):
    """Every stop of an account needs the books: an odd field must not take them away."""
    found = looks(server, {}, {"last_trade_price": odd}, {"last_trade_price": "0.32"})
    assert found == [LastTrade(5_200), None, at(0, 3_200)]


def test_a_book_without_these_fields_is_a_book(server: ScriptedServer):
    row = book(YES)
    del row["last_trade_price"], row["timestamp"]
    server.script(Reply(200, [row]))
    read = venue_at(server.url).books([YES])[YES]
    assert (read.best_bid, read.last_trade) == (3_000, None)


@pytest.mark.parametrize("price", [0.32, "0.3200", "0.32000000004"])
def test_a_price_may_come_as_a_number_and_finer_than_ours(server: ScriptedServer, price: object):
    assert looks(server, {"last_trade_price": price}) == [LastTrade(3_200)]


def venue_that_knows(server: ScriptedServer) -> PolymarketVenue:
    server.script(*RULES)
    venue = venue_at(server.url)
    venue.market_rules([YES])
    return venue


def test_both_tokens_books_come_from_one_request(server: ScriptedServer):
    venue = venue_that_knows(server)
    other = book(NO, bids=[{"price": "0.45", "size": "1"}], asks=[{"price": "0.46", "size": "9"}])
    server.script(Reply(200, [book(YES), other]))
    found = dict(venue.price_evidence([YES], NOW_MS))
    assert len(server.asked) == len(RULES) + 1
    assert set(found) == {YES}
    evidence = found[YES]
    assert evidence.last_trade == LastTrade(5_200)
    assert evidence.book is not None
    assert evidence.mirror is not None
    assert (evidence.book.best_bid, evidence.mirror.best_ask) == (3_000, 4_600)


def test_a_token_whose_other_one_is_missing_has_no_second_book(server: ScriptedServer):
    venue = venue_that_knows(server)
    server.script(Reply(200, [book(YES)]), Reply(200, [book(NO)]))
    evidence = dict(venue.price_evidence([YES], NOW_MS))[YES]
    assert evidence.mirror is None
    assert evidence.book is not None
    assert evidence.book.mirror == NO
    assert dict(venue.price_evidence([YES], NOW_MS)) == {}
