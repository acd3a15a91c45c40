"""Shares of somebody else that were sold as ours: what they brought is his, what ours brought stays."""

import pytest

from holdfast.core.bracket import Before
from holdfast.core.errors import InvalidInputError
from holdfast.core.oversale import hand_over
from holdfast.core.positions import LedgerKind, Position

BEFORE = Before(entered=50, spent=1_000, realized=300, fees=7)


def test_only_the_share_that_was_never_ours_leaves_the_books() -> None:
    """200 bought at 51 and sold at 61, of which the purchase of 104 turned out void; 50 were traded long before."""
    sold = Position("7", size=-104, cost=-104 * 51, realized=300 + 2_000, fees=7, entered=250, spent=1_000 + 200 * 51)
    after, line = hand_over(sold, BEFORE, "k", 9, "d")
    assert (after.size, after.cost, after.fees) == (0, 0, 7)
    assert (after.realized, after.entered, after.spent) == (300 + 960, 50 + 96, 1_000 + 96 * 51)
    assert (line.kind, line.size, line.cash, line.realized) == (LedgerKind.FOREIGN, 104, -104 * 61, -1_040)
    assert after.cash == sold.cash + line.cash


@pytest.mark.parametrize("size", [0, 5])
def test_what_is_held_is_handed_to_nobody(size: int) -> None:
    with pytest.raises(InvalidInputError):
        hand_over(Position("7", size=size, cost=size), BEFORE, "k", 9, "d")
