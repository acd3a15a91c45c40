"""What is added to a position follows the levels of its first entry: it is refused where they would sell it at once."""

import pytest

from tests.jobs.bracket_life import Life, life


def added(lived: Life) -> int:
    lived.made.switch(further_entries="merge")
    lived.protected(size="50")
    return lived.held


@pytest.mark.parametrize("no", [False, True])
@pytest.mark.parametrize(("bid", "ask"), [(58, 60), (59, 62)])
def test_nothing_is_added_at_a_price_that_the_take_profit_does_not_pay(no: bool, bid: int, ask: int) -> None:
    with life(no=no) as lived:
        assert added(lived) == 50
        lived.market_at(bid, ask)
        lived.enter(size="40")
        assert lived.held == 50
        (refused,) = lived.made.events("ENTRY_REFUSED")
        assert "take profit of what is held" in str(refused["why"])


def test_what_leaves_room_to_the_take_profit_is_added() -> None:
    with life() as lived:
        assert added(lived) == 50
        lived.market_at(53, 55)
        lived.enter(size="40")
        lived.check()
        assert lived.held == 90
        assert sum(size for _, size in lived.resting) == 90


def test_nothing_is_added_where_the_stop_of_what_is_held_is_due() -> None:
    with life() as lived:
        assert added(lived) == 50
        lived.market_at(44, 46)
        lived.enter(size="40")
        assert len(lived.orders("e")) == 1
