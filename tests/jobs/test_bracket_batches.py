"""Several positions at once: one request for many orders, and one that fails holds up no other."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.market import Side
from holdfast.state.port import Put
from local.venues.kalshi import Fault, FaultKind
from tests.jobs.bracket_world import Protected
from tests.jobs.world import World, world

PLACES = "POST /portfolio/events/orders/batched"
CANCELS = "DELETE /portfolio/events/orders/batched"
MARKETS = 5


@contextmanager
def positions() -> Iterator[tuple[World, Protected, list[Protected]]]:
    """Five markets with a position of 20 each at 51, all protected."""
    with world(markets=MARKETS) as made:
        for market in made.markets:
            made.configs.remove(market)
        lives = [Protected(made, market) for market in made.markets]
        for number, one in enumerate(lives):
            one._asked = 100 * number
            one.ask(size="20")
        made.tick(after_ms=1_000)
        lives[0].check()
        assert all(one.bracket.state is BracketState.PROTECTED for one in lives)
        assert [left for _, _, left in made.resting()] == [2_000] * MARKETS
        yield made, lives[0], lives


def crash(made: World) -> None:
    for market in made.markets:
        made.book(market, 43, 45)


def assert_all_sold_once(made: World) -> None:
    assert made.resting() == []
    assert not any(holding.size for holding in made.books.positions)
    sold = {market: 0 for market in made.markets}
    for order in made.books.orders:
        if "-x-" in order.client_order_id:
            sold[order.ticker] += order.initial
    assert set(sold.values()) == {2_000}
    made.assert_ledger_is_the_exchanges()


def test_all_positions_leave_in_one_tick_with_one_request_each_way() -> None:
    with positions() as (made, job, lives):
        before = made.exchange.calls.copy()
        crash(made)
        job.check()
        assert_all_sold_once(made)
        asked = made.exchange.calls - before
        assert (asked[CANCELS], asked[PLACES]) == (1, 1)
        assert [trade.source for trade in lives[0].trades] == [ExitSource.ARMED_STOP] * MARKETS


@pytest.mark.parametrize("endpoint", [CANCELS, PLACES])
@pytest.mark.parametrize(
    "kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED]
)
@pytest.mark.parametrize("lag_ms", [0, 4_000])
def test_batch_whose_answer_is_lost_sells_each_position_once(endpoint: str, kind: FaultKind, lag_ms: int) -> None:
    with positions() as (made, job, _):
        made.exchange.set_read_lag_ms(lag_ms)
        made.exchange.faults.add(Fault(kind, endpoint))
        crash(made)
        for _ in range(5):
            job.check()
        assert_all_sold_once(made)


def test_answers_in_another_order_are_told_apart() -> None:
    """A batch's answers come in no order that anybody promised; here they never come in the request's."""
    with positions() as (made, job, _):
        made.exchange.set_batch_order_kept(False)
        made.exchange.apply_level("M-2", Side.BUY, 6_100, 700)
        made.exchange.apply_level("M-2", Side.BUY, 6_100, 0)
        crash(made)
        for _ in range(3):
            job.check()
        sold = {o.ticker: o.initial for o in made.books.orders if "-x-" in o.client_order_id}
        assert sold["M-2"] == 1_300
        assert {size for market, size in sold.items() if market != "M-2"} == {2_000}
        assert not any(holding.size for holding in made.books.positions)
        made.assert_ledger_is_the_exchanges()


def test_one_market_that_is_refused_holds_up_no_other() -> None:
    with positions() as (made, job, lives):
        crash(made)
        made.exchange.pause_market("M-3")
        job.check()
        held = {holding.ticker: holding.size for holding in made.books.positions if holding.size}
        assert held == {"M-3": 2_000}
        made.exchange.activate_market("M-3")
        for _ in range(3):
            job.check()
        assert not any(holding.size for holding in made.books.positions)
        assert len(lives[0].trades) == MARKETS


def test_one_bracket_in_another_writers_hands_holds_up_no_other() -> None:
    """The claim of one is lost; the others of the same batch go out in the same pass."""
    with positions() as (made, job, lives):
        crash(made)
        write = made.store.transact

        def lost_once(writes: object) -> object:
            for one in writes:  # type: ignore[attr-defined]
                if isinstance(one, Put) and one.item.get("sk") == "M-4" and "bracket" in one.item:
                    made.store.transact = write  # type: ignore[method-assign]
                    theirs = lives[3].bracket
                    lives[3].brackets.save(theirs)
            return write(writes)  # type: ignore[arg-type]

        made.store.transact = lost_once  # type: ignore[assignment, method-assign]
        job.check()
        for _ in range(2):
            job.check()
        assert_all_sold_once(made)
        assert len(lives[0].trades) == MARKETS
