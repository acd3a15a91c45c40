"""One odd market among several: what is wrong with it stops the protection of no other."""

from msgspec import structs

from holdfast.core.bracket import ExitSource, NakedClass
from holdfast.core.positions import Position
from holdfast.state.ledger import StoredPosition
from tests.jobs.bracket_life import life
from tests.jobs.polymarket_life import token_life


def test_position_sold_beyond_what_was_held_and_without_a_bracket_holds_up_no_other() -> None:
    with token_life() as lived:
        lived.protected()
        other = lived.made.exchange.market("m-1").tokens[1]
        lived.made.ledger.book(StoredPosition(Position(other)), Position(other, size=-5_000_000, cost=-1), [])
        lived.market_at(43, 45)
        lived.check()
        assert lived.shares == 0
        assert [e["market"] for e in lived.made.events("POSITION_UNPROTECTED")] == [other]


def test_bracket_that_nothing_can_be_worked_out_for_holds_up_no_other() -> None:
    with token_life() as lived:
        lived.protected()
        other = lived.made.exchange.market("m-1").tokens[1]
        lived.brackets.save(structs.replace(lived.bracket, market=other, side=lived.bracket.side.opposite, version=0))
        lived.market_at(43, 45)
        report = lived.check()
        assert lived.shares == 0, report.ended


def test_market_that_the_venue_leaves_out_once_keeps_its_stop() -> None:
    with life() as lived:
        lived.protected()
        venue = lived.made.ports.venue
        asked = venue.market_rules
        venue.market_rules = lambda markets: {}
        lived.made.ports.cache.ticks_until_refresh = 0
        lived.check()
        lived.market_at(43, 45)
        lived.check()
        venue.market_rules = asked
        lived.assert_over(ExitSource.ARMED_STOP)


def test_market_without_any_rules_is_counted_as_naked() -> None:
    with life() as lived:
        lived.protected()
        lived.brackets.save(structs.replace(lived.bracket, rules=None))
        lived.made.ports.cache.rules.clear()
        lived.made.ports.cache.unlisted = frozenset({"M-1"})
        report = lived.check()
        assert report.protecting.naked[NakedClass.REFUSED] == 1
