"""The scanner: what a list may suggest, and that fresh books alone choose."""

import random

import pytest
from msgspec import structs

from holdfast.core.book import OrderBook
from holdfast.core.discovery import ListedMarket
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketStatus, Side
from holdfast.core.requests import Origin
from holdfast.core.scanner import ScanCriteria, best, candidates, scanned
from tests.core.entry_world import NOW, ONE, SCALE

BUY, SELL = Side.BUY, Side.SELL
MINUTE = 60_000
CRITERIA = ScanCriteria(min_price=3_000, max_price=7_000, max_spread=500)


def listed(market="A", bid=4_000, ask=4_200, **changes):
    found = ListedMarket(market, "Will it?", "Yes", MarketStatus.OPEN, bid=bid, ask=ask)
    return structs.replace(found, **{"closes_at_ms": NOW + 90 * MINUTE, "volume_24h": SCALE.money("500"), **changes})


def criteria(**changes):
    return structs.replace(CRITERIA, **changes)


def found(markets, one=ONE, within=CRITERIA, **more):
    return [(each.market, each.side) for each in candidates(markets, within, now_ms=NOW, one=one, **more)]


def book(market="A", bid=4_000, ask=4_200, bid_size=10_000, ask_size=10_000, at_ms=NOW):
    return OrderBook(market, [(bid, bid_size)], [(ask, ask_size)], at_ms)


def chosen(listing, books, within=CRITERIA, one=ONE):
    ranked = candidates(listing, within, now_ms=NOW, one=one)
    return best(ranked, {each.market: each for each in books}, within, now_ms=NOW, stale_after_ms=5_000, one=one)


@pytest.mark.parametrize(
    ("changes", "within"),
    [
        ({"bid": 2_800, "ask": 2_999}, {}),
        ({"bid": 6_900, "ask": 7_001}, {}),
        ({"bid": 3_699}, {}),
        ({"bid": 4_200}, {}),
        ({"bid": None}, {}),
        ({"ask": None}, {}),
        ({"status": MarketStatus.PAUSED}, {}),
        ({"status": MarketStatus.CLOSED}, {}),
        ({"volume_24h": SCALE.money("99.99")}, {"min_volume_24h": SCALE.money("100")}),
        ({"volume_24h": None}, {"min_volume_24h": 1}),
        ({"closes_at_ms": NOW}, {}),
        ({"closes_at_ms": NOW + 30 * MINUTE - 1}, {"min_minutes_to_close": 30}),
        ({"closes_at_ms": NOW + 60 * MINUTE + 1}, {"max_minutes_to_close": 60}),
        ({"closes_at_ms": 0}, {"max_minutes_to_close": 60}),
    ],
)
def test_each_criterion_leaves_a_market_out(changes, within):
    fits = criteria(**within)
    assert found([listed(**changes)], within=fits) == []
    at_the_edge = {"closes_at_ms": NOW + 60 * MINUTE, "volume_24h": SCALE.money("100")}
    assert found([listed(bid=6_500, ask=7_000, **at_the_edge)], within=fits) == [("A", BUY)]


def test_what_is_not_asked_about_need_not_be_stated():
    assert found([listed(volume_24h=None, closes_at_ms=0)]) == [("A", BUY)]


def test_excluded_markets_are_never_candidates():
    assert found([listed("A"), listed("B")], excluded={"A"}) == [("B", BUY)]


def test_the_tightest_spread_is_looked_at_first_then_the_greatest_volume():
    markets = [
        listed("wide", bid=3_900),
        listed("quiet", volume_24h=1),
        listed("busy"),
        listed("unstated", volume_24h=None),
    ]
    assert [market for market, _ in found(markets)] == ["busy", "quiet", "unstated", "wide"]


def test_the_second_outcome_is_judged_by_its_own_price():
    both = criteria(both_outcomes=True)
    assert found([listed(bid=4_000, ask=4_200)], within=both) == [("A", BUY), ("A", SELL)]
    assert found([listed(bid=8_000, ask=8_200)], within=both) == []  # own ask 0.20
    assert found([listed(bid=6_900, ask=7_100)], within=both) == [("A", SELL)]  # own ask 0.31
    assert found([listed()], one=None, within=both) == [("A", BUY)], "where nothing nets there is none"


def test_the_score_is_what_goes_in_and_out_for_each_price_of_the_spread():
    candidate = chosen([listed()], [book(bid_size=7_000, ask_size=9_000)])
    # $28 is bid and $37.80 offered, at a spread of 0.02.
    assert (candidate.depth, candidate.score) == (7_000 * 4_000, 7_000 * 4_000 // 200)


def test_the_side_that_one_must_sell_into_counts_as_much_as_the_offer():
    books = [book("A", bid_size=100, ask_size=1_000_000), book("B", bid_size=5_000, ask_size=5_000)]
    assert chosen([listed("A"), listed("B")], books).market == "B"


def test_size_far_from_the_best_price_is_no_depth():
    far = OrderBook("A", [(4_000, 100), (3_499, 1_000_000)], [(4_200, 100), (4_701, 1_000_000)], NOW)
    near = OrderBook("A", [(4_000, 100), (3_500, 1_000)], [(4_200, 100), (4_700, 1_000)], NOW)
    assert chosen([listed()], [far]).depth == 100 * 4_000
    assert chosen([listed()], [near]).depth == 100 * 4_000 + 1_000 * 3_500


@pytest.mark.parametrize(
    "fresh",
    [
        book(at_ms=NOW - 5_001),
        book(bid=4_200),
        book(bid=3_600),
        book(bid=7_000, ask=7_100),
        OrderBook("A", [], [(4_200, 1)], NOW),
        book("B"),
        book(bid_size=99),
    ],
    ids=["stale", "crossed", "wide", "dear", "one-sided", "missing", "thin"],
)
def test_a_book_that_no_longer_fits_is_not_entered(fresh):
    thin = criteria(min_depth=SCALE.money("0.40"))
    assert chosen([listed()], [book(bid_size=100)], thin) is not None
    assert chosen([listed()], [fresh], thin) is None


def test_the_second_outcome_scores_by_its_own_prices():
    """Seen from the other outcome the same book gives the same score: a bid of 0.40 is an offer at 0.60 there."""
    both = criteria(both_outcomes=True)
    first = chosen([listed()], [book(bid_size=7_000, ask_size=9_000)])
    beyond = criteria(both_outcomes=True, max_price=5_000)  # the first outcome at 0.60 is too dear
    mirror = book(bid=5_800, ask=6_000, bid_size=9_000, ask_size=7_000)
    second = chosen([listed(bid=5_800, ask=6_000)], [mirror], beyond)
    assert (second.side, second.ask, second.score) == (SELL, first.ask, first.score)
    # Of the two outcomes of one market the one with more money behind it.
    assert chosen([listed()], [book(bid_size=7_000, ask_size=9_000)], both).side is SELL


def test_equals_are_told_apart_by_volume_then_close_then_id_whatever_their_order():
    def pick(*markets):
        listing = list(markets)
        picks = set()
        for seed in range(10):
            random.Random(seed).shuffle(listing)
            picks.add(chosen(listing, [book(each.market) for each in listing]).market)
        (only,) = picks
        return only

    assert pick(listed("A"), listed("B", volume_24h=SCALE.money("501")), listed("C")) == "B"
    assert pick(listed("A"), listed("B", closes_at_ms=NOW + 89 * MINUTE), listed("C", closes_at_ms=0)) == "B"
    assert pick(listed("C"), listed("B"), listed("D")) == "B"


def test_one_scan_makes_one_request():
    candidate = chosen([listed()], [book()])
    asked = scanned(candidate, "main", "main-7", NOW, 60_000)
    assert (asked.request_id, asked.market, asked.side, asked.origin) == ("scanner-main-7", "A", BUY, Origin.SCANNER)
    assert (asked.requested_at_ms, asked.expires_at_ms) == (NOW, NOW + 60_000)
    assert asked == scanned(candidate, "main", "main-7", NOW, 60_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"min_price": 0},
        {"min_price": 7_001},
        {"max_spread": 0},
        {"min_depth": -1},
        {"min_minutes_to_close": 60, "max_minutes_to_close": 60},
    ],
)
def test_criteria_that_nothing_can_meet_are_refused(changes):
    with pytest.raises(InvalidInputError, match="scan"):
        criteria(**changes)
