"""A market that ends while it is held: MARKET_RESOLVED, nothing sent into it, and the ledger is the exchange's."""

import pytest

from holdfast.core.bracket import ExitSource, NakedClass
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import CANCEL, PLACE, Life, life
from tests.local.kalshi_member import START_MS

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])
RESULTS = pytest.mark.parametrize("result", ["yes", "no"])


def resolved(lived: Life, result: str) -> None:
    lived.made.exchange.settle("M-1", result)
    for _ in range(25):
        lived.check()


def assert_resolved(lived: Life, result: str, size: int = 10_000) -> None:
    trade = lived.assert_over(ExitSource.MARKET_RESOLVED)
    won = (result == "no") is lived.no
    assert (trade.size, trade.order_type, trade.exit_price) == (size, "settlement", 0)
    assert (trade.realized > 0) is won


@OUTCOMES
@RESULTS
def test_market_that_resolves_while_it_is_held(no: bool, result: str) -> None:
    with life(no=no) as lived:
        lived.protected()
        assert lived.resting == [(61, 100)], "the take profit rests when it ends"
        resolved(lived, result)
        assert_resolved(lived, result)


@RESULTS
def test_market_that_resolves_in_monitor_mode(result: str) -> None:
    with life() as lived:
        lived.made.switch(use_concurrent_orders="false")
        lived.protected()
        resolved(lived, result)
        assert_resolved(lived, result)


@RESULTS
def test_market_that_resolves_while_an_exit_is_under_way(result: str) -> None:
    with life() as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        assert lived.held == 70
        resolved(lived, result)
        trade = lived.assert_over(ExitSource.MARKET_RESOLVED)
        assert trade.size == 10_000
        assert lived.exits[0] == (30, 30)


def test_exit_under_way_sends_nothing_more_into_a_market_that_has_closed() -> None:
    with life(close_at_ms=START_MS + 300_000) as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        assert lived.held == 70
        lived.made.clock.sleep_ms(300_000)
        lived.made.exchange.advance()
        lived.check()
        places = lived.made.exchange.calls[PLACE]
        for _ in range(5):
            lived.check()
        assert lived.made.exchange.calls[PLACE] == places
        assert lived.bracket.naked.cause is NakedClass.WINDOW
        resolved(lived, "no")
        lived.assert_over(ExitSource.MARKET_RESOLVED)


@pytest.mark.parametrize("endpoint", [CANCEL, PLACE])
@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER])
def test_market_that_resolves_while_an_answer_is_lost(endpoint: str, kind: FaultKind) -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.fault(kind, endpoint, times=0)
        lived.check()
        lived.made.exchange.faults.clear()
        resolved(lived, "no")
        sold = sum(filled for _, filled in lived.exits)
        source = ExitSource.ARMED_STOP if sold == 100 else ExitSource.MARKET_RESOLVED
        lived.assert_over(source)


def test_market_that_resolves_after_the_take_profit_filled_in_part() -> None:
    with life() as lived:
        lived.protected()
        lived.taken(61, 60)
        resolved(lived, "yes")
        trade = lived.assert_over(ExitSource.MARKET_RESOLVED)
        assert trade.realized == 60 * 100_000 + 40 * 490_000


def test_closed_market_is_left_in_peace_until_it_settles() -> None:
    """Its stop is due and nothing can be sold: no orders into a closed market, and no end of the bracket either."""
    with life(close_at_ms=START_MS + 300_000) as lived:
        lived.protected()
        lived.made.clock.sleep_ms(300_000)
        lived.made.exchange.advance()
        for _ in range(5):
            report = lived.check()
        places = lived.made.exchange.calls[PLACE]
        assert lived.held == 100
        assert lived.brackets.open() != {}
        assert sum(report.protecting.naked.values()) == 1
        for _ in range(5):
            lived.check()
        assert lived.made.exchange.calls[PLACE] == places
        assert not [e for e in lived.made.events("BATCH_PLACE_FAILED") if e["market"] == "M-1"]
        resolved(lived, "no")
        lived.assert_over(ExitSource.MARKET_RESOLVED)


def test_entry_into_a_market_that_is_over_is_refused() -> None:
    with life() as lived:
        lived.made.exchange.settle("M-1", "yes")
        lived.enter()
        assert lived.orders("e") == []
        assert lived.brackets.open() == {}
