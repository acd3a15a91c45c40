"""The bracket's states: what may follow what, and what is never forgotten."""

import pytest

from holdfast.core.bracket import (
    Bracket,
    BracketState,
    Entry,
    Exit,
    ExitMode,
    ExitSource,
    Levels,
    Naked,
    NakedClass,
    moved,
    own_price,
)
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side

EXIT = Exit(ExitSource.POSITION_MONITOR_HARD, "why", 1, 2_900, 3_000, 3_000, 100)


def bracket(state: BracketState, exit: Exit | None = None) -> Bracket:
    return Bracket(
        bracket_id="b-1",
        market="M",
        side=Side.BUY,
        mode=ExitMode.LIMIT_ORDERS,
        entry=Entry(4_000, 4_200, 100, 0),
        levels=Levels(5_000, 3_300, 3_300, 3_000),
        state=state,
        exit=exit,
    )


@pytest.mark.parametrize("state", BracketState)
def test_closed_is_the_end(state: BracketState) -> None:
    with pytest.raises(InvalidInputError, match="it is closed"):
        moved(bracket(BracketState.CLOSED), state, "again", "d")


def test_exit_that_was_begun_is_never_taken_back() -> None:
    """A position whose stop fired and failed must not count as protected again: nobody would sell it."""
    with pytest.raises(InvalidInputError, match="state after exiting"):
        moved(bracket(BracketState.EXITING, EXIT), BracketState.PROTECTED, "looks better", "d")
    with pytest.raises(InvalidInputError, match="state after attention"):
        moved(bracket(BracketState.ATTENTION, EXIT), BracketState.PROTECTED, "resumed", "d")
    resumed = moved(bracket(BracketState.ATTENTION, EXIT), BracketState.EXITING, "resumed", "d")
    assert resumed.exit is EXIT


def test_attention_without_an_exit_can_be_protected_again() -> None:
    resumed = moved(bracket(BracketState.ATTENTION), BracketState.PROTECTED, "resumed", "d")
    assert (resumed.state, resumed.reason) == (BracketState.PROTECTED, "resumed")


def test_naked_time_adds_up_over_its_causes() -> None:
    naked = Naked().at(NakedClass.PLACING, 1_000).at(NakedClass.NOT_SELLABLE, 1_400).at(None, 2_000)
    assert (naked.total_ms, naked.measured_ms(9_000)) == (1_000, 1_000)
    assert naked.at(None, 9_000) is naked
    assert naked.at(NakedClass.BLIND, 10_000).measured_ms(10_500) == 1_500


def test_second_outcome_has_its_own_price_only_where_it_shares_the_book() -> None:
    assert own_price(3_800, Side.SELL, 10_000) == 6_200
    assert own_price(own_price(3_800, Side.SELL, 10_000), Side.SELL, 10_000) == 3_800
    with pytest.raises(InvalidInputError, match="no second outcome"):
        own_price(3_800, Side.SELL, None)
