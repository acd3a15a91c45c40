"""A list of orders that went back in time shows no take profit that rests, or fills come later than the list that their
order is gone from: an exit beside it would sell twice."""

from dataclasses import replace
from typing import Any

from holdfast.core.bracket import ExitSource
from holdfast.core.orders import Cancellation
from tests.jobs.bracket_world import Protected, protected_world
from tests.jobs.test_bracket_writers import Interrupting
from tests.jobs.world import World, orders_of, world

# Older than everything that happens here.
LAG_MS = 60_000


def _protected_and_forgotten(world: World, held: Protected) -> None:
    """A take profit rests, the journal has retired it, and from now on lists are from before all of that."""
    held.enter()
    held.check(after_ms=5_000)
    world.tick(after_ms=8_000)
    assert world.resting() == [("sell", 6_100, 10_000)]
    assert not any(entry.purpose == "take_profit" for entry in world.journal.live())
    world.exchange.set_read_lag_ms(LAG_MS)
    world.book("M-1", 43, 45)


def test_an_exit_waits_for_a_list_that_shows_what_rests() -> None:
    with protected_world() as (world, held):
        _protected_and_forgotten(world, held)
        held.check(after_ms=1_000)
        assert world.events("LIST_STALE")
        assert world.resting() == [("sell", 6_100, 10_000)]
        assert [position.size for position in world.books.positions] == [10_000], "nothing was sold beside it"
        assert held.bracket.exit is not None
        world.exchange.set_read_lag_ms(0)
        held.check(after_ms=1_000)
        (trade,) = held.trades
        assert trade.source is ExitSource.ARMED_STOP
        assert world.resting() == []
        world.assert_ledger_is_the_exchanges()


def test_an_exit_does_not_wait_for_ever() -> None:
    """The venue itself keeps it from selling more than is held; what rests is cancelled once a list shows it."""
    with protected_world() as (world, held):
        _protected_and_forgotten(world, held)
        held.check(after_ms=1_000)
        held.check(after_ms=25_000)
        assert [position.size for position in world.books.positions] == [0]
        world.exchange.set_read_lag_ms(0)
        held.check()
        assert world.resting() == []
        held.check()
        assert held.brackets.open() == {}


def test_a_flat_bracket_cancels_nothing_that_only_an_older_list_shows() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check(after_ms=5_000)
        world.tick(after_ms=8_000)
        world.exchange.set_read_lag_ms(8_000)
        held.ask_exit()
        held.check(after_ms=1_000)
        assert [position.size for position in world.books.positions] == [0]
        assert held.bracket.exit is not None, "no read shows the sale yet"
        world.exchange.set_read_lag_ms(0)
        world.tick(after_ms=5_000)
        assert world.journal.live() == []
        world.exchange.set_read_lag_ms(20_000)
        held.check(after_ms=1_000)
        assert world.events("LIST_STALE")
        assert world.misses() == 0, "its take profit was cancelled before the sale"
        world.exchange.set_read_lag_ms(0)
        held.check(after_ms=1_000)
        assert len(held.trades) == 1
        world.assert_ledger_is_the_exchanges()


def test_a_take_profit_that_is_gone_from_the_list_is_not_sold_again_before_its_fills_are_seen() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check(after_ms=5_000)
        world.tick(after_ms=8_000)
        world.book("M-1", 62, 64)
        assert [position.size for position in world.books.positions] == [0]
        late = Interrupting(world.ports.venue, "fills", 1, lambda: world.exchange.set_read_lag_ms(2_500))
        held.check(after_ms=1_000, ports=replace(world.ports, venue=late))
        assert late.happened
        assert len(world.books.orders) == 2, "the entry and its take profit: nothing was sold a second time"
        world.exchange.set_read_lag_ms(0)
        held.check(after_ms=5_000)
        (trade,) = held.trades
        assert trade.source is ExitSource.EXCHANGE_BRACKET_TP
        world.assert_ledger_is_the_exchanges()


def test_a_take_profit_that_somebody_cancelled_is_sold_once_no_fill_of_it_can_be_late() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check(after_ms=5_000)
        world.tick(after_ms=8_000)
        (ours,) = orders_of(world)
        by_hand = Cancellation(ours.order_id, "M-1", ours.side, ours.shard)
        world.ports.venue.cancel([by_hand], world.clock.now_ms() + 1_000)
        assert world.resting() == []
        world.book("M-1", 62, 64)
        held.check(after_ms=1_000)
        (trade,) = held.trades
        assert trade.source is ExitSource.POSITION_MONITOR_TP


def test_a_first_take_profit_that_waits_for_a_newer_list_says_so() -> None:
    """What another market's orders taught of the list holds for all of it: nothing may be placed on its strength."""
    with world(markets=2) as made:
        for market in made.markets:
            made.configs.remove(market)
        made.switch(max_trade_size="100")
        first, second = Protected(made, "M-2"), Protected(made, "M-1")
        second._asked = 100
        first.enter(size="20")
        first.check(after_ms=5_000)
        made.tick(after_ms=8_000)
        prepare = made.ports.venue.prepare

        def from_now_on_late(batch: Any) -> Any:
            made.exchange.set_read_lag_ms(LAG_MS)
            return prepare(batch)

        made.ports.venue.prepare = from_now_on_late  # type: ignore[method-assign,assignment]
        second.enter(size="20")
        assert second.bracket.fallback == "waits for a newer list of our orders"
        assert first.bracket.fallback == "", "it was sent, and may rest all the same"
        made.exchange.set_read_lag_ms(0)
        second.check()
        assert second.bracket.fallback == ""
        assert ("sell", 6_100, 2_000) in made.resting("M-1")
