"""Many positions in a crash, and one odd one among them: nobody waits for another."""

from holdfast.core.bracket import ExitSource
from local.venues.kalshi import Fault, FaultKind
from tests.jobs.bracket_life import PLACE
from tests.jobs.test_bracket_batches import MARKETS, assert_all_sold_once, crash, positions


def test_one_429_in_a_crash_delays_the_other_exits_by_seconds_not_by_a_tick() -> None:
    """Whoever comes within half a second of it is held back; in this tick there is time for all of them."""
    with positions() as (made, job, lives):
        made.switch(use_batch_execution="false")
        made.clock.sleep_ms(61_000)
        job.check()
        made.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, PLACE))
        crash(made)
        job.check()
        assert_all_sold_once(made)
        assert [trade.source for trade in lives[0].trades] == [ExitSource.ARMED_STOP] * MARKETS
