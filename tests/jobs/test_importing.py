"""Positions of another program, taken over at the local Kalshi exchange: protected, exited once, and counted once."""

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.importing import IMPORTED, ForeignPosition
from holdfast.core.market import Side
from holdfast.core.positions import LedgerKind
from holdfast.jobs.importing import Importing, Takeover, Verdict
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig
from tests.jobs.bracket_world import Protected, protected_world
from tests.jobs.world import World, foreign_member

SIZE = 4_000


def bought(world: World) -> None:
    """40 contracts at 51 cents, by a bot with the same keys, before Holdfast's first tick."""
    assert foreign_member(world).create("M-1", "bid", "0.5100", "40.00", "bot-1").status_code == 201
    world.ports.venue.connect()
    world.ports.throttle.configure(world.ports.venue.capabilities)


def importing(world: World) -> Importing:
    switches = world.ports.switches.refresh().switches
    return Importing(world.ports.venue, world.store, world.account.account_id, world.clock, switches)


def take_over(world: World, **given: str) -> Takeover:
    position = ForeignPosition(**{"market": "M-1", "side": Side.BUY, "entry_price": "0.51"} | given)  # type: ignore[arg-type]
    (planned,) = importing(world).plan([position])
    return importing(world).apply(planned)


def test_what_is_taken_over_is_protected_and_its_purchase_counts_once() -> None:
    with protected_world() as (world, held):
        bought(world)
        assert take_over(world, size="40").verdict is Verdict.IMPORT
        held.check()
        assert held.bracket.state is BracketState.PROTECTED
        assert held.bracket.entry.origin == IMPORTED
        assert world.resting() == [("sell", 6_100, SIZE)]
        world.book("M-1", 43, 45)
        held.check()
        (trade,) = held.trades
        assert trade.source is ExitSource.ARMED_STOP
        assert (trade.size, trade.entry_price, trade.exit_price) == (SIZE, 5_100, 4_300)
        assert trade.realized == SIZE * (4_300 - 5_100)
        lines = world.ledger.lines()
        kinds = [line.kind for line in lines]
        assert kinds.count(LedgerKind.IMPORT) == 1
        assert sum(line.realized for line in lines) == trade.realized
        proceeds = sum(line.cash for line in lines)
        assert proceeds == SIZE * 4_300 - trade.fees, "the purchase left the balance before our books began"
        purchase = [fill for fill in world.books.fills if fill.side is Side.BUY]
        spent = sum(fill.price * fill.size + fill.fee for fill in purchase)
        assert world.books.profit == proceeds - spent


def test_twice_changes_nothing_and_a_plan_alone_writes_nothing() -> None:
    with protected_world() as (world, held):
        bought(world)
        position = ForeignPosition("M-1", Side.BUY, "0.51")
        assert importing(world).plan([position])[0].verdict is Verdict.IMPORT
        assert held.brackets.open() == {}
        assert world.ledger.lines() == []
        take_over(world)
        once = (held.bracket, world.ledger.lines(), world.ledger.positions())
        again = take_over(world, entry_price="0.40")
        assert again.verdict is Verdict.KNOWN
        assert (held.bracket, world.ledger.lines(), world.ledger.positions()) == once


def test_two_imports_at_once_book_one() -> None:
    with protected_world() as (world, held):
        bought(world)
        position = ForeignPosition("M-1", Side.BUY, "0.51")
        first, second = (importing(world).plan([position])[0] for _ in range(2))
        assert importing(world).apply(first).verdict is Verdict.IMPORT
        assert importing(world).apply(second).verdict is Verdict.REFUSED
        assert world.ledger.position("M-1").position.size == SIZE
        assert held.bracket.version == 1


def test_what_it_lost_before_is_no_loss_of_today() -> None:
    """Bought at 90 cents, worth 49: $16.40 were lost before Holdfast knew of it, and the day may lose $10."""
    with protected_world() as (world, held):
        world.switch(max_daily_loss="10")
        world.tick()
        bought(world)
        take_over(world, entry_price="0.90")
        for _ in range(3):
            world.tick()
        assert world.events("HALTED") == []
        assert held.bracket.levels.stop < 4_900, "nor is it sold for it"


def refused(held: Protected, said: str, **given: str) -> None:
    result = take_over(held.world, **given)  # type: ignore[arg-type]
    assert (result.verdict, result.bracket) == (Verdict.REFUSED, None)
    assert said in result.why
    assert held.brackets.open() == {}
    assert held.world.ledger.lines() == []


def test_what_the_venue_does_not_hold_so_is_refused_with_the_reason() -> None:
    with protected_world() as (world, held):
        world.ports.venue.connect()
        world.ports.throttle.configure(world.ports.venue.capabilities)
        refused(held, "no position")
        bought(world)
        refused(held, "40.00 of the other outcome", side=Side.SELL)
        refused(held, "the file says 41, the venue shows 40.00", size="41")
        refused(held, "does not know", market="M-9")
        refused(held, "entry_price", entry_price="51")
        refused(held, "stop_loss", stop_loss="0.49")


def test_orders_that_rest_there_would_sell_it_a_second_time() -> None:
    with protected_world() as (world, held):
        bought(world)
        assert foreign_member(world).create("M-1", "ask", "0.6000", "40.00", "bot-2").status_code == 201
        refused(held, "cancel them first")


def test_a_quoted_market_is_refused() -> None:
    with protected_world() as (world, held):
        bought(world)
        world.configs.save(MarketConfig(market="M-1", strategy=DEFAULT_STRATEGY, parameters={}))
        refused(held, "quoted")


def test_its_market_becomes_one_that_is_protected() -> None:
    with protected_world() as (world, _):
        bought(world)
        take_over(world)
        assert [(config.market, config.mode) for config in world.configs.list()] == [("M-1", "protect")]


def test_a_crash_between_two_positions_leaves_each_whole_or_not_at_all() -> None:
    with protected_world() as (world, held):
        bought(world)
        (planned,) = importing(world).plan([ForeignPosition("M-1", Side.BUY, "0.51")])
        held.brackets.save(planned.bracket)  # type: ignore[arg-type]
        assert importing(world).apply(planned).verdict is Verdict.REFUSED
        assert world.ledger.lines() == []
        assert world.ledger.position("M-1").position.size == 0


def test_distance_in_atr_does_not_keep_a_position_from_being_protected() -> None:
    with protected_world() as (world, held):
        bought(world)
        world.switch(stop_loss="1.8atr", take_profit="3atr", hard_stop="3atr", soft_stop="1.8atr")
        taken = take_over(world)
        assert (taken.verdict, taken.why) == (Verdict.IMPORT, "a distance is in ATR: protected with the defaults")
        levels = held.bracket.levels
        assert (levels.take_profit, levels.stop, levels.hard_stop) == (6_100, 4_400, 4_100)
