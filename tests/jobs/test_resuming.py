"""A bracket that needs a person: what waits for him, and what goes on once he has looked."""

from holdfast.core.bracket import BracketState, resumed
from tests.jobs.bracket_world import Protected, protected_world
from tests.jobs.world import World, foreign_member


def disputed(world: World, held: Protected) -> None:
    """Our 100 contracts are stopped out while a person has bought 5 of his own with the same keys."""
    held.enter()
    held.check()
    assert foreign_member(world).create("M-1", "bid", "0.5100", "5.00", "person-1").status_code == 201
    world.book("M-1", 43, 45)
    for _ in range(7):
        held.check()
    assert held.bracket.state is BracketState.ATTENTION
    assert "the venue shows 5.00" in held.bracket.disputed


def test_shares_of_a_person_keep_a_bracket_open_until_he_says_that_they_are_his() -> None:
    with protected_world() as (world, held):
        disputed(world, held)
        held.brackets.save(resumed(held.bracket, "command", foreign=500))
        held.check()
        assert held.brackets.open() == {}
        (trade,) = held.trades
        assert trade.size == 10_000
        (holding,) = [holding for holding in world.books.positions if holding.size]
        assert holding.size == 500, "his own are not touched"


def test_another_size_than_he_named_calls_him_again() -> None:
    with protected_world() as (world, held):
        disputed(world, held)
        held.brackets.save(resumed(held.bracket, "command", foreign=400))
        for _ in range(7):
            held.check()
        assert held.bracket.state is BracketState.ATTENTION
        assert held.trades == []
