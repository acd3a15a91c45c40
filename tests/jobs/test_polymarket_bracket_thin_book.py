"""Exits and entries in books that hold little: nothing matched, a part matched, nobody there for an hour."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.orders import Placement, Purpose
from holdfast.core.outcomes import PlaceOutcome
from local.venues.polymarket import SCALE, FaultKind, FeeSchedule, MarketSpec
from tests.jobs.polymarket_life import CENT, LISTS, MARKET, PLACE, SHARE, TRADES, TokenLife, token_life


def test_exit_sells_what_there_is_and_goes_on_until_flat() -> None:
    with token_life() as lived:
        lived.protected()
        lived.bids((43, 40), asks=((45, 500),))
        lived.check()
        assert lived.exits == [(40, 40)]
        assert lived.shares == 63
        lived.bids((42, 30), asks=((45, 500),))
        lived.check()
        assert lived.exits[1] == (30, 30)
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits[2:] == [(33, 33)]
        lived.until_over()
        assert lived.assert_over(ExitSource.ARMED_STOP).slippage > 0


def test_nobody_buys_for_an_hour_and_nothing_is_given_away_or_forgotten() -> None:
    """400 "no orders found to match with FAK order" is an answer: it sold nothing, and the next one may."""
    with token_life() as lived:
        lived.protected()
        lived.bids((43, 40), asks=((45, 500),))
        lived.check()
        for _ in range(120):
            lived.check()
        assert lived.exits == [(40, 40)], "the exchange keeps no order that found nothing"
        exit = lived.bracket.exit
        assert exit is not None
        assert exit.failures > 100
        assert lived.bracket.state is BracketState.ATTENTION
        lived.bids((1, 500), asks=((99, 500),))
        lived.check()
        assert lived.shares == 63, "an abandoned bid of 0.01 is no market"
        lived.market_at(42, 44)
        lived.check()
        lived.until_over()
        assert lived.assert_over(ExitSource.ARMED_STOP).naked_ms >= 3_600_000


def before_the_next_order(lived: TokenLife, happens: Callable[[], None]) -> None:
    """Something happens at the exchange between the decision and the order that follows from it."""
    venue = lived.made.ports.venue
    send = venue.place

    def place(batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        vars(venue).pop("place")
        happens()
        return send(batch, deadline_ms)

    vars(venue)["place"] = place


def test_bids_that_are_gone_when_the_exit_arrives_cost_nothing_but_a_second() -> None:
    with token_life() as lived:
        lived.made.switch(use_concurrent_orders="false")
        lived.made.clock.sleep_ms(61_000)
        lived.market_at(49, 51)
        lived.protected()
        lived.market_at(43, 45)
        before_the_next_order(lived, lambda: lived.bids(asks=((45, 500),)))
        lived.check()
        assert lived.exits == []
        assert lived.made.exchange.calls[PLACE] > 1
        exit = lived.bracket.exit
        assert exit is not None
        assert exit.failures >= 1
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(103, 103)]
        lived.until_over()
        lived.assert_over(ExitSource.POSITION_MONITOR_SOFT)


def test_our_own_order_on_the_other_token_is_no_bid_to_sell_to() -> None:
    """A sale of the second token at 61 shows as a bid of 39 for the first: it is no price, and nobody buys there."""
    with token_life() as first:
        second = TokenLife(first.made, outcome=1)
        first.enter(size="60")
        second._asked = first._asked
        second.enter(size="60")
        first.check()
        first.check()
        assert second.resting == [(61, 62)]
        first.bids((43, 20), asks=((45, 500),))
        first.check()
        assert first.shares == 42
        exit = first.bracket.exit
        assert exit is not None
        assert exit.mark == 4_300, "the mark is what others paid, not our own 39"
        for _ in range(5):
            first.check()
        assert first.bracket.state is BracketState.ATTENTION, "accepted and nothing sold is a failure, and is said"
        assert {sent for sent, sold in first.exits if not sold} <= {5}, "no more than the smallest order is tried"
        first.market_at(43, 45)
        first.check()
        first.until_over()
        first.assert_over(ExitSource.ARMED_STOP)
        assert second.resting == [(61, 62)]


def test_entry_that_finds_nothing_leaves_no_bracket() -> None:
    """The offers are gone between the read and the order."""
    with token_life() as lived:
        before_the_next_order(lived, lambda: lived.bids((49, 500)))
        lived.enter()
        lived.until_over()
        assert lived.made.exchange.calls[PLACE] == 1
        assert lived.trades == []
        assert lived.held == 0
        lived.assert_ledger()


def test_entry_that_fills_in_part_is_protected_for_that_part() -> None:
    with token_life() as lived:
        lived.bids((49, 500), asks=((51, 30), (60, 500)))
        lived.enter()
        assert lived.shares == 30
        lived.check()
        assert lived.resting == [(61, 30)]
        lived.market_at(43, 45)
        lived.check()
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED])
def test_entry_whose_answer_never_came_is_protected_by_its_fills(kind: FaultKind) -> None:
    with token_life() as lived:
        lived.fault(kind, PLACE)
        lived.enter()
        assert lived.shares == 103
        assert lived.bracket.state is BracketState.OPENING
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(103, 103)], "nobody waits for the answer to sell what is held"
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)
        assert len(lived.orders(Purpose.ENTRY)) == 1


def test_entry_that_never_arrived_buys_nothing_later_either() -> None:
    with token_life() as lived:
        lived.fault(FaultKind.TIMEOUT_BEFORE, PLACE)
        lived.enter()
        for _ in range(5):
            lived.made.tick(after_ms=30_000)
        lived.until_over()
        assert lived.made.exchange.calls[PLACE] == 1
        assert (lived.held, lived.trades) == (0, [])
        assert lived.made.events("ENTRY_EMPTY")


@pytest.mark.parametrize("endpoint", [LISTS, TRADES])
def test_lists_that_answer_503_are_no_empty_lists(endpoint: str) -> None:
    with token_life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, endpoint, times=2)
        lived.market_at(43, 45)
        assert "VenueUnavailableError" in lived.check().ended
        assert "VenueUnavailableError" in lived.check().ended
        assert lived.resting == [(61, 103)]
        lived.check()
        lived.until_over()
        assert lived.exits == [(103, 103)]
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("theirs", [0, 200])
@pytest.mark.parametrize("delay_ms", [150, 3_000, 10_000])
def test_exit_that_the_venue_holds_back_is_waited_for(delay_ms: int, theirs: int) -> None:
    """Some markets hold takers back, and such an order can't be cancelled (facts polymarket section 4)."""
    spec = MarketSpec(MARKET, fees=FeeSchedule(Decimal("0.04")), taker_delay_ms=delay_ms)
    with token_life(spec=spec) as lived:
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(theirs))
        lived.enter()
        for _ in range(3):
            lived.check()
        assert lived.resting == [(61, 103)]
        lived.bids((43, 50), asks=((45, 500),))
        lived.check()
        lived.market_at(43, 45)
        for _ in range(4):
            lived.check()
        assert sum(sold for _, sold in lived.exits) == 103
        assert lived.made.books.position(lived.token) // SHARE == theirs


def test_tick_that_became_coarser_costs_one_refusal_and_not_the_minutes_until_rules_are_read_again() -> None:
    with token_life(spec=MarketSpec(MARKET, fees=FeeSchedule(Decimal("0.04")), tick=10)) as lived:
        lived.protected()
        lived.made.exchange.operator.set_tick(MARKET, 100)
        bid = SCALE.price("0.3315")
        lived.made.exchange.apply_snapshot(MARKET, [(bid, 500 * SHARE)], [(bid + 2 * CENT, 500 * SHARE)])
        lived.check()
        assert lived.exits == [(103, 103)]
        refused = [event["reason"] for event in lived.made.events("BATCH_PLACE_FAILED")]
        assert refused.count("off_grid") == 1
        lived.until_over()
        lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
