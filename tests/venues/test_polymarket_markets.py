"""Polymarket's rules, books and windows: what is asked, and what the answers mean."""

import json

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.book import BookState
from holdfast.core.errors import VenueUnavailableError
from holdfast.core.market import MarketStatus, PriceBand, Side
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Refusal, Refused, Unknown
from holdfast.core.skew import ClockReading
from holdfast.core.windows import VenueMode
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.port import VenueStatus
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import DEADLINE, MARKET, NO, RULES, YES, accepted, placement, venue_at

TIME = Reply(200, b"1795000000")
POST_ONLY = Reply(
    503,
    {
        "error": "post-only mode: only post-only orders and cancels are allowed",
        "code": "post_only_mode",
        "retry_after_seconds": 79,
    },
)


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def test_rules_of_both_tokens_come_with_one_market(server: ScriptedServer):
    server.script(*RULES)
    rules = venue_at(server.url).market_rules([YES, NO])
    assert [asked.target.split("/")[1] for asked in server.asked] == ["markets-by-token", "clob-markets"]
    for token in (YES, NO):
        assert rules[token].bands == (PriceBand(0, 10_000, 100),)
        assert (rules[token].lowest, rules[token].highest) == (100, 9_900)
        assert (rules[token].min_size, rules[token].size_step) == (SCALE.size("5"), SCALE.size("0.01"))
        assert rules[token].status is MarketStatus.OPEN


def test_rules_are_read_again_after_a_minute_and_conditions_never(server: ScriptedServer):
    clock = VirtualClock(NOW_MS)
    server.script(*RULES, Reply(200, MARKET | {"mts": "0.001"}))
    venue = venue_at(server.url, clock=clock)
    venue.market_rules([YES])
    clock.sleep_ms(59_999)
    assert venue.market_rules([YES])[YES].bands[0].step == 100
    clock.sleep_ms(1)
    assert venue.market_rules([YES])[YES].bands[0].step == 10
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"c": True}, MarketStatus.CLOSED), ({"ao": False}, MarketStatus.PAUSED), ({"ao": True}, MarketStatus.OPEN)],
)
def test_a_market_may_be_closed_or_paused(server: ScriptedServer, changes, status):
    server.script(RULES[0], Reply(200, MARKET | changes))
    assert venue_at(server.url).market_rules([YES])[YES].status is status


def test_an_unknown_token_is_absent_and_a_failed_read_is_an_error(server: ScriptedServer):
    server.script(Reply(404, {"error": "market not found"}), Reply(500))
    venue = venue_at(server.url)
    assert venue.market_rules([YES]) == {}
    with pytest.raises(VenueUnavailableError):
        venue.market_rules([YES])


@pytest.mark.parametrize("changes", [{"mts": 0}, {"mts": 0.00001}, {"mts": 0.3}, {"mos": "many"}, {"t": None}])
def test_rules_that_make_no_sense_are_an_error(server: ScriptedServer, changes):
    server.script(RULES[0], Reply(200, MARKET | changes))
    with pytest.raises(VenueUnavailableError):
        venue_at(server.url).market_rules([YES])


def book(token, **changes):
    """As the venue sends it: bids ascending and asks descending, the best of both last."""
    row = {
        "market": "0x1",
        "asset_id": token,
        "timestamp": "1",
        "hash": "",
        "tick_size": "0.01",
        "neg_risk": False,
        "bids": [{"price": "0.01", "size": "1000"}, {"price": "0.46", "size": "12.345678"}],
        "asks": [{"price": "0.99", "size": "1000"}, {"price": "0.48", "size": "5"}],
    }
    return row | changes


def test_many_books_come_in_one_call(server: ScriptedServer):
    server.script(Reply(200, [book(YES), book(NO, bids=[], asks=None)]))
    meter = CountingMeter()
    books = venue_at(server.url, meter=meter).books([YES, NO, YES])
    [asked] = server.asked
    assert (asked.method, asked.target) == ("POST", "/books")
    assert json.loads(asked.body) == [{"token_id": YES}, {"token_id": NO}]
    assert (books[YES].best_bid, books[YES].best_ask, books[YES].at_ms) == (4_600, 4_800, NOW_MS)
    assert books[YES].bids[4_600] == 12_345_678
    assert books[NO].state(NOW_MS, 1) is BookState.EMPTY
    assert meter.spent == [("read", 2, "POST /books")]


def test_more_than_a_hundred_books_come_in_several_calls(server: ScriptedServer):
    tokens = [str(number) for number in range(1, 251)]
    server.script(*[Reply(200, [book(token) for token in tokens[start : start + 100]]) for start in (0, 100, 200)])
    assert list(venue_at(server.url).books(tokens)) == tokens


def test_a_book_with_another_tick_changes_the_rules_at_once(server: ScriptedServer):
    server.script(*RULES, Reply(200, [book(YES, tick_size="0.001")]))
    venue = venue_at(server.url)
    venue.market_rules([YES])
    venue.books([YES])
    [fine] = venue.prepare([placement(price="0.471")])
    assert fine.body


def test_a_level_that_can_not_be_read_is_an_error(server: ScriptedServer):
    server.script(Reply(200, [book(YES, bids=[{"price": "x", "size": "1"}])]))
    with pytest.raises(VenueUnavailableError):
        venue_at(server.url).books([YES])


def test_the_venue_trades_and_says_its_time(server: ScriptedServer):
    server.script(TIME)
    assert venue_at(server.url).status() == VenueStatus(
        True, True, clock=ClockReading(1_795_000_000_000, NOW_MS, NOW_MS, 1_000), states_mode=False
    )


def exit_order():
    return placement("hf-x", side=Side.SELL, post_only=False, time_in_force=TimeInForce.IMMEDIATE)


def test_a_post_only_window_refuses_an_exit_and_is_remembered_until_it_ends(server: ScriptedServer):
    """The exit knows at once that it has to be a post-only order now, and from when on it may take again."""
    clock = VirtualClock(NOW_MS)
    server.script(*RULES, POST_ONLY, TIME, TIME)
    venue = venue_at(server.url, clock=clock)
    [outcome] = venue.place(venue.prepare([exit_order()]), DEADLINE)
    assert outcome == Refused(
        Refusal.TRADING_PAUSED, "post_only", "post-only mode: only post-only orders and cancels are allowed"
    )
    status = venue.status()
    assert (status.mode, status.trading, status.active) == (VenueMode.POST_ONLY, True, True)
    assert status.resumes_at_ms == NOW_MS + 79_000
    clock.sleep_ms(79_000)
    assert venue.status().mode is VenueMode.TRADING


@pytest.mark.parametrize(
    ("reply", "mode", "active", "trading"),
    [
        (Reply(425, {"error": "service not ready"}, headers={"Retry-After": "90"}), VenueMode.RESTARTING, False, False),
        (Reply(503, {"error": "Trading is currently cancel-only."}), VenueMode.CANCEL_ONLY, True, False),
        (Reply(503, {"error": "Trading is currently disabled."}), VenueMode.DISABLED, False, False),
    ],
)
def test_the_venues_windows_are_states_that_jobs_can_see(server: ScriptedServer, reply, mode, active, trading):
    server.script(*RULES, reply, TIME, reply)
    venue = venue_at(server.url)
    venue.place(venue.prepare([exit_order()]), DEADLINE)
    status = venue.status()
    assert (status.mode, status.active, status.trading) == (mode, active, trading)
    assert status.resumes_at_ms == NOW_MS + (90_000 if mode is VenueMode.RESTARTING else 30_000)
    assert venue.status().mode is mode


def test_a_window_of_hours_is_tried_again_after_ten_minutes(server: ScriptedServer):
    """That it ended early shows in an order alone; an exit would wait for the stated end with the venue open."""
    clock = VirtualClock(NOW_MS)
    server.script(*RULES, Reply(425, {"error": "service not ready"}, headers={"Retry-After": "86400"}), TIME, TIME)
    venue = venue_at(server.url, clock=clock)
    venue.place(venue.prepare([exit_order()]), DEADLINE)
    clock.sleep_ms(599_999)
    assert venue.status().mode is VenueMode.RESTARTING
    clock.sleep_ms(1)
    assert venue.status().mode is VenueMode.TRADING


def test_of_a_batch_in_a_window_nobody_knows_what_went_through(server: ScriptedServer):
    server.script(*RULES, POST_ONLY)
    venue = venue_at(server.url)
    outcomes = venue.place(venue.prepare([exit_order(), placement()]), DEADLINE)
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]


def test_an_order_that_takes_ends_a_window_and_a_post_only_one_does_not(server: ScriptedServer):
    server.script(*RULES)
    venue = venue_at(server.url)
    resting, taking = venue.prepare([placement(), exit_order()])
    server.script(POST_ONLY, Reply(200, accepted(resting.order_id)), TIME)
    venue.place([taking], DEADLINE)
    venue.place([resting], DEADLINE)
    assert venue.status().mode is VenueMode.POST_ONLY
    server.script(Reply(200, accepted(taking.order_id, "matched", "10.5", "4.9")), TIME)
    venue.place([taking], DEADLINE)
    assert venue.status().mode is VenueMode.TRADING


def test_a_status_that_can_not_be_read_is_an_error(server: ScriptedServer):
    server.script(Reply(500), Reply(503, b"upstream"), Reply(how="drop"))
    venue = venue_at(server.url)
    for _ in range(3):
        with pytest.raises(VenueUnavailableError):
            venue.status()
