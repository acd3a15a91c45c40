"""When the exchange does not trade: an exit is latched and alarmed, the take profit stays, it goes out first thing."""

import pytest

from holdfast.core.bracket import BracketState, ExitSource, NakedClass
from tests.jobs.bracket_life import Life, life

SHARD = 2


def pause(lived: Life, scope: str) -> None:
    exchange = lived.made.exchange
    {
        "trading": exchange.pause_trading,
        "exchange": exchange.pause_exchange,
        "shard": lambda: exchange.pause_trading(SHARD),
        "market": lambda: exchange.pause_market("M-1"),
    }[scope]()


def resume(lived: Life, scope: str) -> None:
    if scope == "market":
        lived.made.exchange.activate_market("M-1")
    else:
        lived.made.exchange.resume()


SCOPES = pytest.mark.parametrize("scope", ["trading", "exchange", "shard", "market"])


@SCOPES
def test_stop_that_falls_due_in_a_pause_is_latched_alarmed_and_sold_in_the_first_second(scope: str) -> None:
    """What the tape did meanwhile shows when trading resumes; no take profit is given up for an exit that waits."""
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        pause(lived, scope)
        for _ in range(6):
            lived.check()
        bracket = lived.bracket
        assert lived.held == 100
        assert bracket.exit is not None
        assert bracket.state in (BracketState.EXITING, BracketState.ATTENTION)
        assert bracket.naked.cause in (NakedClass.WINDOW, NakedClass.REFUSED)
        assert lived.exits == []
        if scope != "market":
            assert lived.resting == [(61, 100)], "the only protection that the venue holds"
            assert 2 <= len(lived.made.events("EXIT_DELAYED")) <= 4, "said at once, and every minute"
        resume(lived, scope)
        lived.check(after_ms=1_000)
        if lived.held:
            lived.check()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.naked_ms >= 149_000


def test_pause_that_the_first_refusal_tells_of_costs_no_second_exit() -> None:
    """The status said "trading" a moment ago; the venue paused between the look and the order."""
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        place = lived.made.ports.venue.place

        def just_paused(*given: object) -> object:
            lived.made.exchange.pause_trading()
            lived.made.ports.venue.place = place  # type: ignore[method-assign]
            return place(*given)  # type: ignore[arg-type]

        lived.made.ports.venue.place = just_paused  # type: ignore[assignment, method-assign]
        for _ in range(4):
            lived.check()
        assert lived.held == 100
        assert lived.exits == []
        assert lived.bracket.exit is not None
        lived.made.exchange.resume()
        for _ in range(2):
            lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_take_profit_is_placed_when_trading_resumes() -> None:
    with life() as lived:
        place = lived.made.ports.venue.place
        placed: list[object] = []

        def paused_after_the_entry(*given: object) -> object:
            outcomes = place(*given)  # type: ignore[arg-type]
            if not placed:
                placed.append(outcomes)
                lived.made.exchange.pause_trading()
            return outcomes

        lived.made.ports.venue.place = paused_after_the_entry  # type: ignore[assignment, method-assign]
        lived.enter()
        for _ in range(2):
            lived.check()
        assert (lived.held, lived.resting) == (100, [])
        assert lived.bracket.fallback
        assert lived.bracket.naked.cause is NakedClass.WINDOW
        lived.made.exchange.resume()
        for _ in range(3):
            lived.check()
        assert lived.resting == [(61, 100)]
        assert lived.bracket.naked.cause is None


def test_exchange_pause_takes_no_cancel_and_is_asked_for_none() -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.made.exchange.pause_exchange()
        before = sum(count for name, count in lived.made.exchange.calls.items() if name.startswith("DELETE"))
        for _ in range(4):
            lived.check()
        after = sum(count for name, count in lived.made.exchange.calls.items() if name.startswith("DELETE"))
        assert after == before


def test_exit_that_was_half_sold_when_trading_paused_leaves_a_take_profit_for_the_rest() -> None:
    """It can't be placed while nothing can; what rests never exceeds what is held."""
    with life() as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        assert lived.held == 70
        lived.made.exchange.pause_trading()
        for _ in range(2):
            lived.check()
        lived.made.exchange.resume()
        lived.market_at(43, 45)
        for _ in range(2):
            lived.check()
        assert lived.assert_over(ExitSource.ARMED_STOP).size == 10_000


def test_entry_waits_for_the_pause_to_end() -> None:
    with life() as lived:
        lived.made.tick()
        lived.made.exchange.pause_trading()
        lived.ask()
        lived.made.tick()
        assert lived.orders("e") == []
        assert lived.brackets.open() == {}
        lived.made.exchange.resume()
        for _ in range(2):
            lived.made.tick()
        assert lived.held == 100
