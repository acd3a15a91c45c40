"""A fill whose fee can't be read yet: its position is protected meanwhile, and it is booked with its fee, once."""

import pytest

from holdfast.core.bracket import ExitSource
from local.venues.polymarket import FaultKind
from tests.jobs.polymarket_life import TRADES, TokenLife, token_life

MARKET_INFO = "GET /clob-markets/*"


def bought_unread(lived: TokenLife) -> None:
    """An entry has filled, and its fill was read by nobody."""
    lived.fault(FaultKind.ERROR_BEFORE, TRADES, skip=1, times=0)
    lived.enter()
    assert lived.shares == 103
    assert lived.made.ledger.lines() == []
    lived.made.exchange.faults.clear()


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.TIMEOUT_BEFORE, FaultKind.MALFORMED])
def test_stop_goes_out_although_the_fee_of_its_entry_can_not_be_read(kind: FaultKind) -> None:
    """A process that has just begun does not know the market's fees, and its venue answers 500 for them."""
    with token_life() as lived:
        bought_unread(lived)
        lived.fault(kind, MARKET_INFO, times=1)
        lived.market_at(43, 45)
        begun = lived.made.writer("w2")
        report = lived.check(ports=begun)
        assert (report.ended, lived.shares) == ("", 0)
        assert len(lived.made.events("FILL_WITHOUT_FEE")) == 1
        lived.until_over()
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
        assert trade.size == lived.bought, "by levels around its limit, since no fill was booked"


def test_what_was_bought_stays_known_while_its_fee_can_not_be_read() -> None:
    """It is in no ledger, and neither closed for empty nor said to differ from the venue's positions."""
    with token_life() as lived:
        bought_unread(lived)
        lived.fault(FaultKind.ERROR_BEFORE, MARKET_INFO, times=0)
        begun = lived.made.writer("w2")
        for _ in range(40):
            lived.check(ports=begun)
        assert lived.made.ledger.lines() == []
        assert lived.trades == []
        assert not lived.made.events("ENTRY_EMPTY")
        assert not lived.made.events("POSITION_MISMATCH")
        lived.made.exchange.faults.clear()
        for _ in range(2):
            lived.check(ports=begun)
        assert [line.kind for line in lived.made.ledger.lines()] == ["fill"]
        assert lived.resting == [(61, 103)]
        lived.assert_ledger()
        lived.market_at(43, 45)
        lived.check(ports=begun)
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_fill_that_waited_for_its_fee_is_booked_once() -> None:
    with token_life() as lived:
        bought_unread(lived)
        begun = lived.made.writer("w2")
        lived.fault(FaultKind.ERROR_BEFORE, MARKET_INFO, times=2)
        for _ in range(40):
            lived.check(ports=begun)
        assert [line.kind for line in lived.made.ledger.lines()] == ["fill"]
        lived.assert_ledger()
        lived.check(ports=lived.made.writer("w3"))
        lived.assert_ledger()
