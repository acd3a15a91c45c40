"""A position that was sold twice is bought back at a market's price, not at an abandoned one."""

import pytest

from holdfast.core.bracket import BracketState
from tests.jobs.bracket_life import life
from tests.jobs.test_bracket_legs import sold_by_hand


@pytest.mark.parametrize("no", [False, True])
def test_flip_is_not_undone_at_an_abandoned_price(no: bool) -> None:
    with life(no=no) as lived:
        lived.may_flip = True
        lived.protected()
        sold_by_hand(lived, 60)
        lived.taken(61, 100)
        assert lived.held == -60
        lived.bids((5, 500), asks=((95, 500),))
        lived.look()
        for _ in range(3):
            lived.check()
        assert lived.bracket.state is BracketState.ATTENTION
        assert lived.held == -60, "it would have cost 0.95 for what is worth half of it"
        lived.market_at(49, 51)
        for _ in range(2):
            lived.check()
        assert lived.held == 0
