"""A bracket that needs a person: what waits for him, and what goes on once he has looked."""

from decimal import Decimal

from holdfast.core.bracket import BracketState, resumed
from holdfast.core.oversale import hand_over
from tests.jobs.bracket_world import Protected, protected_world
from tests.jobs.polymarket_life import SHARE, token_life
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


def test_shares_of_a_person_that_were_sold_as_ours_are_handed_over_and_the_account_trades_on() -> None:
    """The trade that bought ours failed after the take profit had sold as many of his in the same wallet."""
    with token_life() as lived:
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(200))
        lived.made.exchange.operator.set_settlement(mined_after_ms=70_000)
        lived.made.exchange.operator.fail_trades(1)
        lived.enter()
        lived.may_sell_others = True
        lived.taken(61, 104)
        for _ in range(8):
            lived.check()
        stored = lived.made.ledger.position(lived.token)
        sold = -stored.position.size
        assert sold > 100 * SHARE
        now_ms = lived.made.clock.now_ms()
        after, line = hand_over(stored.position, lived.bracket.before, "oversale#1", now_ms, "command")
        lived.made.ledger.book(stored, after, [line])
        lived.brackets.save(resumed(lived.bracket, "command", foreign=lived.made.books.position(lived.token)))
        lived.check()
        assert lived.brackets.open() == {}
        assert lived.trades == [], "nothing of ours was bought or sold"
        lines = lived.made.ledger.lines()
        assert sum(entry.realized - entry.fee for entry in lines) == 0, "his shares are no profit of ours"
        assert sum(entry.cash for entry in lines) == 0
        assert after.cash == 0
