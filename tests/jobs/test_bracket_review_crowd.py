"""A crash of a whole account at once, on the slowest tier: how long until the last position is sold."""

from collections import Counter

from holdfast.core.bracket import BracketState
from tests.jobs.bracket_world import Protected
from tests.jobs.world import world

COUNT = 60


def test_sixty_positions_leave_in_one_tick_although_the_venue_refuses_some_for_the_rate() -> None:
    with world(markets=COUNT, tier="basic") as made:
        for market in made.markets:
            made.configs.remove(market)
        made.switch(capital_total="10000")
        lives = [Protected(made, market) for market in made.markets]
        for number, one in enumerate(lives):
            one._asked = 100 * number
            one.ask(size="5", ttl_ms=3_600_000)
        for _ in range(6):
            made.tick(after_ms=10_000)
        for _ in range(4):
            lives[0].check()
        states = Counter(bracket.state for bracket in lives[0].brackets.open().values())
        assert states == {BracketState.PROTECTED: COUNT}
        for market in made.markets:
            made.book(market, 43, 45)
        made.clock.sleep_ms(30_000)
        began_ms = made.clock.now_ms()
        report = lives[0].check(after_ms=0)
        assert made.events("RATE_LIMIT_BACKOFF"), "else this shows nothing"
        assert not report.ended
        assert not any(holding.size for holding in made.books.positions)
        assert lives[0].brackets.open() == {}
        assert made.clock.now_ms() - began_ms <= 6_000
        made.assert_ledger_is_the_exchanges()
