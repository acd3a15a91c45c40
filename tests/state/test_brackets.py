"""Brackets on both stores: one open bracket a market, and whoever loses a version changes nothing."""

import pytest
from msgspec import structs

from holdfast.core.bracket import Bracket, BracketState, Entry, Exit, ExitMode, ExitSource, Levels, moved
from holdfast.core.errors import ClaimLostError, ConditionFailedError, LeaseLostError
from holdfast.core.journal import JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.positions import Position
from holdfast.core.trade import trade_of
from holdfast.state.brackets import Brackets
from holdfast.state.journal import Journal
from holdfast.state.leases import acquire
from holdfast.state.port import Claim, Store

BRACKET = Bracket(
    bracket_id="b-1",
    market="M",
    side=Side.BUY,
    mode=ExitMode.LIMIT_ORDERS,
    entry=Entry(price=4_000, limit=4_200, asked=100, requested_at_ms=1_000, origin="command"),
    levels=Levels(take_profit=5_000, stop=3_300, soft_stop=3_300, hard_stop=3_000),
    opened_at_ms=1_000,
)
EXIT = Exit(ExitSource.ARMED_STOP, "bid 0.33 at the stop 0.33", 5_000, 3_300, 3_300, 3_400, 100)


@pytest.fixture
def brackets(store: Store) -> Brackets:
    return Brackets(store, "a")


def test_two_entries_in_one_market_open_one_bracket(brackets: Brackets) -> None:
    brackets.save(BRACKET)
    with pytest.raises(ConditionFailedError):
        brackets.save(structs.replace(BRACKET, bracket_id="b-2"))
    assert [bracket.bracket_id for bracket in brackets.open().values()] == ["b-1"]


def test_of_two_writers_that_saw_one_version_one_exits(brackets: Brackets) -> None:
    seen = brackets.save(BRACKET)
    protected = brackets.save(moved(seen, BracketState.PROTECTED, "take profit rests", "d1"))
    first = moved(protected, BracketState.EXITING, "armed stop", "d2", exit=EXIT)
    second = moved(protected, BracketState.EXITING, "hard stop", "d3", exit=EXIT)
    kept = brackets.save(first)
    with pytest.raises(ConditionFailedError):
        brackets.save(second)
    assert brackets.get("M") == kept
    assert brackets.open() == {"M": kept}
    assert (kept.decision_id, kept.version) == ("d2", 3)


def test_closing_records_the_trade_once_and_frees_the_market(brackets: Brackets) -> None:
    exiting = brackets.save(moved(BRACKET, BracketState.EXITING, "armed stop", "d2", exit=EXIT))
    flat = Position("M", realized=-70_000, fees=900, entered=100, spent=400_000, reduced_by="exit")
    trade = trade_of(exiting, flat, ExitSource.ARMED_STOP, one=10_000, now_ms=6_000)
    brackets.close(exiting, trade)
    with pytest.raises(ConditionFailedError):
        brackets.close(exiting, trade)
    assert brackets.open() == {}
    assert brackets.trades() == [trade]
    assert (trade.entry_price, trade.exit_price, trade.slippage, trade.realized) == (4_000, 3_300, 0, -70_000)
    brackets.save(structs.replace(BRACKET, bracket_id="b-2"))


def test_a_writer_that_stood_still_touches_no_later_bracket_of_the_market(brackets: Brackets) -> None:
    """Versions begin anew with each bracket: closed by the number alone, what the second one holds would be naked."""
    seen = brackets.save(BRACKET)
    brackets.close(seen, None)
    later = brackets.save(structs.replace(BRACKET, bracket_id="b-2"))
    assert later.version == seen.version
    with pytest.raises(ConditionFailedError):
        brackets.close(seen, None)
    with pytest.raises(ConditionFailedError):
        brackets.save(moved(seen, BracketState.PROTECTED, "take profit rests", "d1"))
    assert brackets.open() == {"M": later}


def test_trades_of_one_market_count_from_their_own_entry(brackets: Brackets) -> None:
    """The position's sums go on over the market's trades: the second one must not show the first one's profit."""
    first = Position("M", realized=50_000, fees=100, entered=100, spent=400_000)
    second = structs.replace(BRACKET, before=structs.replace(BRACKET.before, entered=100, spent=400_000,
                             realized=50_000, fees=100))  # fmt: skip
    flat = structs.replace(first, realized=30_000, fees=300, entered=150, spent=600_000)
    trade = trade_of(
        moved(second, BracketState.EXITING, "x", "d", exit=EXIT), flat, ExitSource.ARMED_STOP, one=10_000, now_ms=9
    )
    assert (trade.size, trade.entry_value, trade.exit_value) == (50, 200_000, 180_000)
    assert (trade.realized, trade.fees) == (-20_000, 200)


def test_other_accounts_brackets_are_not_ours(store: Store, brackets: Brackets) -> None:
    brackets.save(BRACKET)
    assert Brackets(store, "b").open() == {}


def test_order_of_a_claim_that_is_lost_is_never_journaled_so_never_sent(store: Store, brackets: Brackets) -> None:
    """One-exit: of two writers that fire one stop, the second finds its claim gone before it sends a byte."""
    lease = acquire(store, "a", "brackets", "w", 0, 60_000, None)
    assert lease is not None
    seen = brackets.save(BRACKET)
    exiting = moved(seen, BracketState.EXITING, "stop", "d1", exit=EXIT)
    journal = Journal(store, "a")
    item = WriteItem("M", Side.SELL, "c-1", price=3_200, size=100)
    first = JournalEntry(
        "brackets-1-1", "a", Operation.PLACE, Purpose.EXIT, (item,), "", "d1", lease.fence, 0, 10_000, 12_000
    )
    journal.open(first, lease, [Claim("M", (brackets.claim(exiting),))])
    with pytest.raises(ClaimLostError) as lost:
        journal.open(structs.replace(first, entry_id="brackets-1-2"), lease, [Claim("M", (brackets.claim(exiting),))])
    assert lost.value.markets == ("M",)
    assert [entry.entry_id for entry in journal.live()] == ["brackets-1-1"]
    fallen = acquire(store, "a", "brackets", "other", 61_000, 60_000, store.get(lease.key))
    assert fallen is not None
    with pytest.raises(LeaseLostError):
        journal.open(structs.replace(first, entry_id="brackets-1-3"), lease, [])
