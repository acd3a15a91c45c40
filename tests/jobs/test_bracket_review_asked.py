"""What was asked for long ago is not carried out by surprise."""

from holdfast.core.bracket import ExitSource
from holdfast.core.requests import Origin
from tests.jobs.bracket_life import life


def test_signal_that_came_while_signals_were_off_sells_nothing_when_they_are_on_again() -> None:
    with life() as lived:
        lived.protected()
        lived.made.switch(use_signal_exit="false")
        lived.made.clock.sleep_ms(61_000)
        lived.ask_exit(Origin.SIGNAL)
        lived.check()
        assert lived.held == 100
        lived.check(after_ms=86_400_000)
        lived.made.switch(use_signal_exit="true")
        for _ in range(3):
            lived.check(after_ms=61_000)
        assert lived.held == 100


def test_signal_after_a_person_asked_takes_nothing_from_what_he_asked_for() -> None:
    """He needs no price: nobody bids that could be trusted, and a signal alone would wait."""
    with life() as lived:
        lived.protected()
        lived.ask_exit(Origin.COMMAND)
        lived.made.clock.sleep_ms(1)
        lived.ask_exit(Origin.SIGNAL)
        lived.bids((49, 500))
        for _ in range(3):
            lived.check()
        lived.assert_over(ExitSource.MANUAL)
