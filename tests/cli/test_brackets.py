"""holdfast brackets: what a person is shown, and what he may change."""

import pytest
from msgspec import structs

from holdfast.clock import SystemClock
from holdfast.core.blacklist import BlacklistPolicy
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
)
from holdfast.core.market import Side
from holdfast.core.positions import Position
from holdfast.core.trade import trade_of
from holdfast.state.blacklist import Blacklist
from holdfast.state.brackets import Brackets
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.ledger import Ledger
from holdfast.state.port import Put, Table
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast

STOP = Exit(ExitSource.ARMED_STOP, "the bid of 0.43 is at the stop", 1_000_000, 4_300, 4_400, 4_300, 4_000, 2, 1)


@pytest.fixture
def store(local_aws: LocalAws, stage: str) -> DynamoStore:
    return DynamoStore(local_aws.clients().dynamodb, TableNames(stage), SystemClock())


@pytest.fixture
def brackets(store: DynamoStore, account: str) -> Brackets:
    return Brackets(store, account)


def bracket(market: str = "KXFED-26", **given: object) -> Bracket:
    fields: dict[str, object] = {
        "bracket_id": f"b-{market}",
        "market": market,
        "side": Side.BUY,
        "mode": ExitMode.LIMIT_ORDERS,
        "entry": Entry(price=5_100, limit=5_300, asked=4_000, requested_at_ms=1, origin="signal"),
        "levels": Levels(6_100, 4_400, 4_400, 4_100),
        "state": BracketState.PROTECTED,
        "opened_at_ms": 1_000_000,
    }
    return Bracket(**(fields | given))  # type: ignore[arg-type]


def test_open_brackets_say_what_is_held_where_it_exits_and_what_is_wrong(
    holdfast: Holdfast, store: DynamoStore, brackets: Brackets
) -> None:
    ledger = Ledger(store, "kalshi-1")
    ledger.book(ledger.position("KXFED-26"), Position("KXFED-26", size=-4_000, cost=1), ())
    since_ms = SystemClock().now_ms() - 90_000
    brackets.save(
        bracket(
            side=Side.SELL,
            state=BracketState.ATTENTION,
            exit=STOP,
            naked=Naked(since_ms, NakedClass.BLIND),
            fallback="refused: price",
            disputed="our books are flat, the venue shows 5",
        )
    )
    shown = holdfast("brackets list --account kalshi-1")
    assert shown.code == 0, shown.err
    for word in ("KXFED-26:NO", "attention", "0.51", "0.61", "0.44", "0.41", "watched: refused: price", "blind, 9"):
        assert word in shown.out
    assert "held contracts" in shown.out
    assert " 40 " in shown.out, "held in contracts, as a positive number of what is held"
    assert "ARMED_STOP" in shown.out
    assert "2 sent, 1 failed, last price $0.43" in shown.out
    assert "the venue shows 5" in shown.out


def test_closed_trades_come_with_their_source_slippage_and_naked_time(holdfast: Holdfast, brackets: Brackets) -> None:
    closing = brackets.save(bracket(state=BracketState.EXITING, exit=STOP, naked=Naked(total_ms=2_500)))
    position = Position("KXFED-26", realized=-4_000 * 900, fees=123_400, entered=4_000, spent=4_000 * 5_100)
    brackets.close(closing, trade_of(closing, position, ExitSource.ARMED_STOP, one=10_000, now_ms=2_000_000))
    shown = holdfast("brackets trades --account kalshi-1").out
    for word in ("ARMED_STOP", "0.51", "0.42", "0.02", "-3.60", "0.1234", "2.5", "limit_orders", "immediate", "signal"):
        assert word in shown
    assert "the bid of 0.43 is at the stop" in shown
    assert "no bracket is open" in holdfast("brackets list --account kalshi-1").out


@pytest.mark.parametrize(
    ("exit", "after"), [(None, BracketState.PROTECTED), (structs.replace(STOP, alarmed=True), BracketState.EXITING)]
)
def test_what_a_person_has_looked_at_goes_on_and_an_exit_is_never_forgotten(
    holdfast: Holdfast, brackets: Brackets, exit: Exit | None, after: BracketState
) -> None:
    brackets.save(bracket(side=Side.SELL, state=BracketState.ATTENTION, exit=exit, disputed="both legs filled"))
    done = holdfast("brackets resume --account kalshi-1 KXFED-26:NO")
    assert done.code == 0, done.err
    stored = brackets.get("KXFED-26")
    assert stored is not None
    assert (stored.state, stored.disputed, stored.exit) == (after, "", exit)


def test_shares_of_somebody_else_can_be_named(holdfast: Holdfast, brackets: Brackets) -> None:
    brackets.save(bracket(state=BracketState.ATTENTION, disputed="our books are flat, the venue shows 5.00"))
    assert holdfast("brackets resume --account kalshi-1 KXFED-26 --foreign 5").code == 0
    stored = brackets.get("KXFED-26")
    assert stored is not None
    assert stored.foreign == 500


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("resume KXFED-26", "needs nobody"),
        ("resume KXFED-99", "KXFED-26"),
        ("resume KXFED-26 --foreign -1", "--foreign"),
        ("lift KXFED-26", "blacklist"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    holdfast: Holdfast, brackets: Brackets, words: str, said: str
) -> None:
    before = brackets.save(bracket())
    refused = holdfast(f"brackets {words} --account kalshi-1")
    assert refused.code == 2
    assert said in refused.error_line
    assert brackets.get("KXFED-26") == before


def test_what_was_sold_beyond_ours_leaves_the_ledger_with_what_it_brought_once_a_person_says_so(
    holdfast: Holdfast, store: DynamoStore
) -> None:
    """Polymarket, 1,000,000 units a share: 104 were sold at 0.61, and the trade that bought them had failed."""
    assert holdfast("accounts add poly-1 --venue polymarket --environment production --secret keys").code == 0
    brackets, ledger = Brackets(store, "poly-1"), Ledger(store, "poly-1")
    sold = Position("7", size=-104 * 10**6, cost=-104 * 10**6 * 6_100, fees=70)
    ledger.book(ledger.position("7"), sold, ())
    brackets.save(bracket("7", state=BracketState.ATTENTION, disputed="more was sold than was held"))
    refused = holdfast("brackets resume --account poly-1 7")
    assert refused.code == 2
    assert "104.000000" in refused.error_line
    assert ledger.position("7").position == sold
    assert holdfast("brackets resume --account poly-1 7 --foreign 104").code == 0
    after, (line,) = ledger.position("7").position, ledger.lines()
    assert (after.size, after.cost, after.realized, after.cash) == (0, 0, 0, -70)
    assert (line.kind.value, line.cash, line.realized) == ("foreign", -104 * 10**6 * 6_100, 0)
    stored = brackets.get("7")
    assert stored is not None
    assert (stored.state, stored.disputed) == (BracketState.PROTECTED, "")


def test_blacklist_is_shown_and_lifted(holdfast: Holdfast, store: DynamoStore, account: str) -> None:
    blacklist, now_ms = Blacklist(store, account), SystemClock().now_ms()
    for number in range(2):
        store.write(blacklist.stop_loss("KXFED-26", f"b-{number}", now_ms, BlacklistPolicy(3, 2)))
    store.write(blacklist.stop_loss("KXCPI-26", "b-9", now_ms, BlacklistPolicy(3, 2)))
    shown = holdfast("brackets blacklist --account kalshi-1").out
    assert "KXFED-26" in shown
    assert "KXCPI-26" not in shown, "one stop loss bars nothing"
    assert "2 stop losses forgotten" in holdfast("brackets lift --account kalshi-1 KXFED-26").out
    assert "no market is refused" in holdfast("brackets blacklist --account kalshi-1").out


def test_bracket_that_can_not_be_read_is_named_beside_the_others(
    holdfast: Holdfast, store: DynamoStore, brackets: Brackets
) -> None:
    brackets.save(bracket())
    store.write(Put(Table.BRACKETS, {**brackets.claim(bracket("KXODD-1")).item, "bracket": "{"}))
    shown = holdfast("brackets list --account kalshi-1")
    assert shown.code == 0, shown.err
    assert "KXFED-26" in shown.out
    assert "bracket KXODD-1 can't be read" in shown.out
    refused = holdfast("brackets resume --account kalshi-1 KXODD-1")
    assert refused.code != 0
    assert "bracket KXODD-1 can't be read" in refused.err
    assert "Traceback" not in refused.err
