"""Positions that only the venue shows: said with what to do, once an hour, and never taken over in silence."""

from decimal import Decimal

from holdfast.core.bracket import BracketState
from holdfast.core.importing import ForeignPosition
from holdfast.core.market import Side
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.importing import Importing
from local.venues.faults import Fault, FaultKind
from tests.jobs.bracket_world import protected_world
from tests.jobs.polymarket_world import polymarket_world
from tests.jobs.world import World, foreign_member

HOUR = 120


def buy(world: World) -> None:
    assert foreign_member(world).create("M-1", "bid", "0.5100", "40.00", "bot-1").status_code == 201


def test_it_is_said_after_a_second_look_and_once_an_hour_and_nothing_is_sent() -> None:
    with protected_world() as (world, held):
        buy(world)
        for _ in range(HOUR):
            held.check()
        (said,) = world.events("POSITION_UNPROTECTED")
        assert (said["market"], said["size"]) == ("M-1", 4_000)
        assert "holdfast import" in str(said["why"])
        for _ in range(HOUR + 5):
            held.check()
        assert len(world.events("POSITION_UNPROTECTED")) == 2
        assert held.brackets.open() == {}
        assert world.resting() == []


def test_it_costs_one_read_an_hour_where_there_is_none() -> None:
    with protected_world() as (_, held):
        reads = 0
        for _ in range(2 * HOUR):
            reads += sum(n for (endpoint, _), n in held.check().calls.items() if endpoint == "GET /portfolio/positions")
        assert reads == 2


def test_our_own_positions_and_those_that_were_imported_are_not_foreign() -> None:
    with protected_world() as (world, held):
        buy(world)
        world.ports.venue.connect()
        world.ports.throttle.configure(world.ports.venue.capabilities)
        switches = world.ports.switches.read().switches
        importing = Importing(world.ports.venue, world.store, world.account.account_id, world.clock, switches)
        (planned,) = importing.plan([ForeignPosition("M-1", Side.BUY, "0.51")])
        importing.apply(planned)
        for _ in range(HOUR):
            held.check()
        assert world.events("POSITION_UNPROTECTED") == []


def test_a_list_that_fails_is_said_and_ends_no_tick() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check()
        world.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, "GET /portfolio/positions"))
        report = held.check(after_ms=3_600_000)
        assert not report.ended
        assert [event["what"] for event in world.events("UPKEEP_FAILED")] == ["foreign positions"]
        assert held.bracket.state is BracketState.PROTECTED


def test_what_resolved_needs_no_protection_and_what_did_not_does() -> None:
    """Wallets are full of tokens that lost and were never redeemed."""
    with polymarket_world() as made:
        for config in made.configs.list():
            made.configs.remove(config.market)
        for token in made.tokens:
            made.exchange.deposit_shares("us", token, Decimal(40))
        made.exchange.resolve("m-1", winner=1)
        for _ in range(10):
            made.clock.sleep_ms(30_000)
            check_brackets(made.account, made.ports, made.clock)
        assert [event["market"] for event in made.events("POSITION_UNPROTECTED")] == [made.tokens[1]]
