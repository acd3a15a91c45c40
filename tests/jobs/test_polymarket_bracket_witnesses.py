"""A book too wide to be trusted on Polymarket: its last trade has no time, and the other token's book must agree.

The entry cost 0.51, the stop is 0.44, the hard stop 0.41; wider than 0.20 is too wide.
"""

from collections.abc import Sequence

import pytest

from holdfast.core.book import OrderBook
from holdfast.core.bracket import ExitSource, NakedClass
from tests.jobs.polymarket_life import BOOKS, CENT, SHARE, TokenLife, token_life

OUTCOMES = pytest.mark.parametrize("outcome", [0, 1], ids=["first token", "second token"])
WIDE = ((30, 500),)
FAR = ((55, 500),)


def assert_blind(lived: TokenLife, after_ms: int = 30_000, writer: str = "") -> None:
    """Nothing was sold, nothing passed over: it is counted and alarmed."""
    said = len(lived.made.events("PRICE_BLIND"))
    report = lived.check(after_ms, lived.made.writer(writer) if writer else None)
    assert lived.held == lived.bought
    assert lived.bracket.exit is None
    assert report.protecting.naked[NakedClass.BLIND] == 1
    assert len(lived.made.events("PRICE_BLIND")) == said + 1


@OUTCOMES
def test_wide_book_is_sold_to_when_the_last_price_changed_since_the_look_before(outcome: int) -> None:
    with token_life(outcome=outcome) as lived:
        lived.protected()
        lived.bids(*WIDE, asks=FAR)
        lived.sold_by_others(32)
        before = lived.made.exchange.calls[BOOKS]
        lived.check()
        assert lived.shares == 0
        assert lived.made.exchange.calls[BOOKS] > before
        lived.until_over()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
        assert 30 * CENT - 1 <= trade.exit_price <= 30 * CENT
        assert "the last trade 0.3200 confirms it" in trade.reason
        assert lived.made.events("PRICE_BLIND") == []


@OUTCOMES
def test_last_price_that_nobody_dates_is_no_witness(outcome: int) -> None:
    """A process that has just begun knows no look before: the price may be hours old."""
    with token_life(outcome=outcome) as lived:
        lived.protected()
        lived.sold_by_others(32)
        lived.made.clock.sleep_ms(3_600_000)
        lived.bids(*WIDE, asks=FAR)
        assert_blind(lived, writer="w2")
        assert "nobody says when" in str(lived.made.events("PRICE_BLIND")[-1]["reason"])


def test_last_price_that_has_not_changed_for_longer_than_prices_last_is_no_witness() -> None:
    with token_life() as lived:
        lived.protected()
        lived.sold_by_others(32)
        lived.check()
        lived.check()
        lived.bids(*WIDE, asks=FAR)
        assert_blind(lived)
        assert_blind(lived)
        lived.sold_by_others(31)
        lived.check()
        assert lived.shares == 0


def test_two_books_of_one_market_that_say_different_things_fire_nothing() -> None:
    """Ours has lost its bids; by the other token's book somebody still pays 0.50."""
    with token_life() as lived:
        lived.protected()
        venue, other = lived.made.ports.venue, lived.made.exchange.market("m-1").tokens[1]
        reads = vars(venue)["_markets"]
        read = reads.books

        def books(markets: Sequence[str]) -> dict[str, OrderBook]:
            found = read(markets)
            if other in found:
                found[other].apply_snapshot([(45 * CENT, SHARE)], [(50 * CENT, SHARE)], found[other].at_ms)
            return found

        lived.bids(*WIDE, asks=FAR)
        lived.sold_by_others(32)
        vars(reads)["books"] = books
        assert_blind(lived)
        assert "bid by the other outcome's book 0.50" in str(lived.made.events("PRICE_BLIND")[-1]["reason"])
        vars(reads).pop("books")
        lived.check(after_ms=1_000)
        assert lived.shares == 0


@OUTCOMES
def test_no_bid_neither_fires_nor_skips_and_resumes_by_itself(outcome: int) -> None:
    with token_life(outcome=outcome) as lived:
        lived.protected()
        lived.bids(asks=FAR)
        lived.sold_by_others(32)
        assert_blind(lived, after_ms=10_000)
        assert_blind(lived)
        lived.market_at(43, 45)
        lived.check()
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_second_book_is_read_only_where_a_stop_waits_for_a_witness() -> None:
    with token_life() as lived:
        lived.protected()
        lived.check()
        lived.check()
        for _ in range(3):
            before = lived.made.exchange.calls[BOOKS]
            lived.check()
            assert lived.made.exchange.calls[BOOKS] - before == 1
        lived.bids((46, 500), asks=((99, 500),))
        before = lived.made.exchange.calls[BOOKS]
        lived.check()
        assert lived.made.exchange.calls[BOOKS] - before == 1
        lived.bids(*WIDE, asks=FAR)
        before = lived.made.exchange.calls[BOOKS]
        assert_blind(lived)
        assert lived.made.exchange.calls[BOOKS] - before <= 3
