"""Marks: own prices of either outcome, what confirms a bid, and depth at a floor."""

import pytest
from msgspec import structs

from holdfast.core.book import LastTrade, without_ours
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.marks import NO_MARK, least_worth, mark_of, sellable_depth, untrusted, witness
from holdfast.core.orders import OpenOrder, Purpose
from tests.core.exit_world import NOW, ONE, book, mark


def test_the_mark_of_a_long_is_its_books_top():
    made = mark_of(book({5_300: 400, 5_200: 900}, {5_500: 100}, traded=5_400), Side.BUY, ONE)
    assert (made.bid, made.ask, made.bid_size, made.at_ms) == (5_300, 5_500, 400, NOW)
    assert (made.last_trade, made.last_trade_at_ms) == (5_400, NOW)
    untraded = mark_of(book({5_300: 400}, {}), Side.BUY, ONE)
    assert (untraded.last_trade, untraded.last_trade_at_ms, untraded.mirrors) == (None, 0, False)


def test_the_other_outcomes_ask_is_our_bid_the_other_way_round():
    ours, other = book({5_300: 400}, {5_500: 100}, mirror="N"), book({4_500: 100}, {4_800: 400}, mirror="M")
    made = mark_of(ours, Side.BUY, None, other)
    assert (made.mirrors, made.mirrored_bid) == (True, 5_200)
    assert mark_of(ours, Side.SELL, ONE, other).mirrored_bid == 4_500
    unread = mark_of(ours, Side.BUY, None)
    assert (unread.mirrors, unread.mirrored_bid) == (True, None)
    assert mark_of(ours, Side.BUY, None, book({4_500: 100}, {})).mirrored_bid is None


def test_a_book_without_our_orders_keeps_its_last_trade():
    ours = OpenOrder("o", "c", "M", Side.BUY, 5_300, 400, 0, Purpose.ENTRY)
    net = without_ours({"M": book({5_300: 400, 5_200: 1}, {5_500: 100}, traded=5_400)}, [ours])["M"]
    assert (net.best_bid, net.last_trade) == (5_200, LastTrade(5_400, NOW))


def test_an_empty_side_is_none_and_not_zero():
    assert mark_of(book({}, {5_500: 1}), Side.BUY, ONE).bid is None
    assert mark_of(book({5_500: 1}, {}), Side.SELL, ONE).bid is None
    assert mark_of(book({5_500: 1}, {}), Side.SELL, ONE).ask == 4_500
    assert mark_of(None, Side.BUY, ONE) == NO_MARK
    assert untrusted(NO_MARK, NOW, 60_000, 1_000) == "stale"


def test_a_venue_without_a_second_outcome_holds_none():
    with pytest.raises(InvalidInputError):
        mark_of(book({5_300: 1}, {5_500: 1}), Side.SELL, None)


def test_depth_counts_what_the_floor_takes_for_either_outcome():
    made = book({5_300: 400, 5_200: 900, 100: 9_999}, {5_500: 100, 5_600: 200, 5_700: 300})
    assert sellable_depth(made, Side.BUY, ONE, 5_200) == 1_300
    assert sellable_depth(made, Side.BUY, ONE, 5_201) == 400
    assert sellable_depth(made, Side.SELL, ONE, 4_400) == 300
    assert sellable_depth(made, Side.SELL, ONE, 4_401) == 100


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        (mark(5_000, 6_000), ""),
        (mark(5_000, 6_001), "wide"),
        (mark(5_000, None), "one_sided"),
        (mark(None, 6_000), "no_bid"),
        (mark(0, 100), "no_bid"),
        (mark(5_000, 5_000), "crossed"),
        (mark(5_000, 5_100, age_ms=60_000), ""),
        (mark(5_000, 5_100, age_ms=60_001), "stale"),
        (mark(None, None, age_ms=60_001), "stale"),
    ],
)
def test_why_a_bid_is_not_trusted(prices, why):
    assert untrusted(prices, NOW, 60_000, 1_000) == why


@pytest.mark.parametrize(
    ("bid", "ask", "trade", "traded_ms_ago", "seen"),
    [
        (500, 5_000, None, 0, "ask"),
        (500, 5_001, None, 0, ""),
        (4_500, 5_600, 5_000, 60_000, "last trade"),
        (4_500, 5_600, 5_000, 60_001, ""),
        (4_500, 5_600, 5_001, 0, ""),
        (4_000, 5_600, 5_000, 0, "last trade"),
        (3_999, 5_600, 5_000, 0, ""),
        (5_001, 5_600, 5_000, 0, ""),
        (500, None, 500, 0, ""),
        (None, 500, 500, 0, ""),
    ],
)
def test_what_confirms_a_level_of_0_5_in_a_wide_book(bid, ask, trade, traded_ms_ago, seen):
    made = mark(bid, ask, last_trade=trade, last_trade_at_ms=NOW - traded_ms_ago)
    assert witness(made, 5_000, NOW, 60_000, 1_000, 200) == seen


@pytest.mark.parametrize(
    ("mirrored", "seen"),
    [(4_500, "last trade"), (4_300, "last trade"), (4_700, "last trade"), (4_299, ""), (4_701, ""), (None, "")],
)
def test_a_second_book_must_have_our_bid_within_two_ticks(mirrored, seen):
    made = mark(4_500, 5_600, last_trade=5_000, last_trade_at_ms=NOW, mirrors=True, mirrored_bid=mirrored)
    assert witness(made, 5_000, NOW, 60_000, 1_000, 200) == seen
    assert witness(structs.replace(made, ask=5_000), 5_000, NOW, 60_000, 1_000, 200) == "ask"
    assert witness(structs.replace(made, last_trade=None), 5_000, NOW, 60_000, 1_000, 200) == ""


@pytest.mark.parametrize(
    ("prices", "worth"),
    [
        (mark(100, 9_900), 8_900),
        (mark(5_000, 5_100), 5_000),
        (mark(100, None, last_trade=9_900), 9_900),
        (mark(100, None), 6_000),
        (mark(7_000, None), 7_000),
        (NO_MARK, 6_000),
        (mark(None, 500), 0),
    ],
)
def test_what_a_unit_is_worth_at_least_where_the_bid_is_not_trusted(prices, worth):
    assert least_worth(prices, 1_000, 6_000) == worth
