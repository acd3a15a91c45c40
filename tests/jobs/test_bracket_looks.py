"""A stop that is under way goes on within its tick although one of the venue's answers is lost or refused."""

import pytest

from holdfast.core.bracket import ExitSource
from holdfast.core.market import Side
from local.venues.kalshi import Fault, FaultKind
from tests.jobs.bracket_life import BOOKS, FILLS, LISTS, life
from tests.jobs.test_bracket_witnesses import held, several
from tests.jobs.world import World, world

POSITIONS, AS_OF = "GET /portfolio/positions", "GET /exchange/user_data_timestamp"
MARKETS, STATUS = "GET /markets", "GET /exchange/status"


def stop_in_slices(made: World) -> None:
    """The stop of M-2 is due, and takes several orders; M-1 was sold by its take profit, and is to be closed."""
    made.exchange.apply_level("M-1", Side.BUY, 6_100, 5_000)
    made.exchange.apply_snapshot("M-2", [(4_000, 50_000)], [(4_200, 50_000)])


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMITED, FaultKind.ERROR_BEFORE, FaultKind.TIMEOUT_BEFORE])
@pytest.mark.parametrize(
    ("endpoint", "skip"), [(LISTS, 1), (FILLS, 1), (AS_OF, 1), (BOOKS, 2), (POSITIONS, 0)], ids=str
)
def test_one_failed_read_leaves_no_position_to_the_next_tick(endpoint: str, skip: int, kind: FaultKind) -> None:
    """Half a minute later: as long as the price is beyond the stop that is what a lost answer cost."""
    with world(markets=2) as made:
        made.switch(max_exit_slice="2")
        first, _ = several(made, "20")
        stop_in_slices(made)
        made.exchange.faults.add(Fault(kind, endpoint, skip=skip))
        report = first.check()
        assert report.ended == ""
        assert report.protecting.exits_sent > 2
        assert held(made) == []
        first.check()
        assert sorted(trade.market for trade in first.trades) == ["M-1", "M-2"]
        made.assert_ledger_is_the_exchanges()


def test_looks_that_go_on_failing_end_with_the_ticks_time() -> None:
    with world(markets=2) as made:
        made.switch(max_exit_slice="2")
        first, _ = several(made, "20")
        stop_in_slices(made)
        made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, LISTS, skip=1, times=0))
        before_ms = made.clock.now_ms()
        report = first.check(after_ms=0)
        assert report.protecting.exits_sent == 1
        assert made.clock.now_ms() - before_ms <= 15_000
        assert len(made.events("LOOK_FAILED")) == report.protecting.passes - 1 > 5
        made.exchange.faults.clear()
        first.check()
        assert held(made) == []


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMITED, FaultKind.ERROR_BEFORE])
@pytest.mark.parametrize("endpoint", [MARKETS, STATUS])
def test_rules_and_status_that_can_not_be_read_again_end_no_tick_with_a_stop_due(
    endpoint: str, kind: FaultKind
) -> None:
    """What is known of them is good enough for a stop, and a 429 of theirs came again every tick."""
    with life() as lived:
        lived.protected()
        lived.made.clock.sleep_ms(700_000)
        lived.made.ports.cache.ticks_until_refresh = 0
        lived.market_at(43, 45)
        lived.fault(kind, endpoint, times=0)
        assert lived.check().ended == ""
        assert lived.held == 0
        assert lived.made.events("UPKEEP_FAILED")
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_exit_that_needs_no_price_goes_out_while_books_are_refused() -> None:
    with life() as lived:
        lived.protected()
        lived.ask_exit()
        lived.fault(FaultKind.RATE_LIMITED, BOOKS, times=0)
        report = lived.check()
        assert report.ended == ""
        assert lived.exits
        lived.made.exchange.faults.clear()
        lived.check()
        lived.assert_over(ExitSource.MANUAL)
