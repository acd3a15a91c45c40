"""holdfast brackets: what protects an account's positions, what closed them, and what a person has to decide."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.output import say, show
from cli.regions import each_account, stage_of
from cli.stage import DEFAULT_STAGE, AccountOption, ListedAccountOption, Stage, StageOption
from holdfast.assembly import nets_outcomes, price_terms
from holdfast.clock import SystemClock
from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.bracket import Bracket, held_size, resumed
from holdfast.core.errors import InvalidInputError, SwitchesInvalidError
from holdfast.core.oversale import hand_over
from holdfast.core.requests import instrument, instrument_text
from holdfast.core.scale import Scale
from holdfast.core.trade import Trade
from holdfast.state.accounts import Account
from holdfast.state.blacklist import Blacklist
from holdfast.state.brackets import Brackets
from holdfast.state.ledger import Ledger
from holdfast.state.port import Write
from holdfast.state.records import Unreadable
from holdfast.state.switch_set import check, read_texts

app = typer.Typer(
    help="Protected positions: open ones, closed ones, and those that need a person.", no_args_is_help=True
)

MarketArgument = Annotated[str, typer.Argument(help="The market, as holdfast brackets list shows it.")]

_OPEN = (
    *("market", "state", "mode", "held {unit}", "entry $", "take profit $", "stop $", "soft stop $", "hard stop $"),
    *("trailing $", "naked", "exit under way", "opened (UTC)", "needs"),
)
_CLOSED = (
    *("closed (UTC)", "source", "market", "{unit}", "entry $", "exit $", "slippage $", "realized $", "fees $"),
    *("naked s", "mode", "order", "opened by", "reason"),
)


@app.command("list")
def list_brackets(account: ListedAccountOption = "", stage: StageOption = DEFAULT_STAGE) -> None:
    """Show the open brackets: what is held, where it exits, and what is wrong. Prices are those of what is held."""
    for where, record in each_account(stage, account):
        _show_open(where, record)


def _show_open(where: Stage, record: Account) -> None:
    scale, _ = price_terms(record)
    positions = Ledger(where.store, record.account_id).positions()
    brackets, unreadable = Brackets(where.store, record.account_id).read()
    now_ms = SystemClock().now_ms()
    rows = []
    for market, bracket in sorted(brackets.items()):
        stored = positions.get(market)
        held = held_size(stored.position.size, bracket.side) if stored else 0
        rows.append(_open_row(bracket, held, scale, now_ms))
    if rows:
        show(_titles(_OPEN, record), rows, whole=True)
    elif not unreadable:
        say("no bracket is open")
    _say_unreadable(unreadable)


@app.command("trades")
def list_trades(
    account: ListedAccountOption = "",
    limit: Annotated[int, typer.Option(min=1, help="Show the latest so many.")] = 50,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Show the closed positions, latest first: which layer closed each, at what price, and what it brought."""
    for where, record in each_account(stage, account):
        _show_closed(where, record, limit)


def _show_closed(where: Stage, record: Account, limit: int) -> None:
    scale, _ = price_terms(record)
    trades = Brackets(where.store, record.account_id).trades()
    if not trades:
        say("no position was closed yet")
        return
    show(_titles(_CLOSED, record), [_closed_row(trade, scale) for trade in reversed(trades[-limit:])], whole=True)
    if len(trades) > limit:
        say(f"the latest {limit} of {len(trades)}; --limit shows more")


@app.command("resume")
def resume(
    market: MarketArgument,
    account: AccountOption,
    foreign: Annotated[
        str, typer.Option(help="So much of what the venue shows, or of what was sold too much, is not Holdfast's.")
    ] = "",
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Say that a person has looked at a bracket that needs attention: an exit goes on, entries are made again.

    Where the reason is still there, the next tick calls again.
    """
    where = stage_of(stage, account)
    record = where.account(account)
    scale, _ = price_terms(record)
    beside = scale.size(foreign, "--foreign") if foreign else 0
    if beside < 0:
        raise InvalidInputError("--foreign", foreign, "a size, 0 or more")
    brackets = Brackets(where.store, record.account_id)
    name, _ = instrument(market)
    bracket = brackets.get(name)
    if bracket is None:
        known = ", ".join(sorted(brackets.open())) or "none is open"
        raise InvalidInputError("market", market, f"one with an open bracket: {known}")
    after = resumed(bracket, f"{record.account_id}-command", foreign=beside)
    writes: list[Write] = [brackets.claim(after)]
    if not nets_outcomes(record):
        writes += _handed_over(Ledger(where.store, record.account_id), after, scale, beside)
    where.store.transact(writes)
    say(f"bracket {after.bracket_id} in {name}: {bracket.state.value} -> {after.state.value}")


@app.command("blacklist")
def list_blacklist(account: AccountOption, stage: StageOption = DEFAULT_STAGE) -> None:
    """Show the markets that are refused after their stop losses, and until when."""
    where = stage_of(stage, account)
    record = where.account(account)
    switches, problems = check(read_texts(where.parameters, where.name, record.account_id))
    if switches is None:
        raise SwitchesInvalidError("; ".join(problems))
    policy = BlacklistPolicy(switches.blacklist_days, switches.blacklist_attempts)
    refused, unreadable = Blacklist(where.store, record.account_id).read(policy, SystemClock().now_ms())
    if refused:
        show(("market", "refused until (UTC)"), [(m, _time(ms)) for m, ms in sorted(refused.items())], whole=True)
    elif not unreadable:
        say("no market is refused")
    _say_unreadable(unreadable)


@app.command("lift")
def lift(market: MarketArgument, account: AccountOption, stage: StageOption = DEFAULT_STAGE) -> None:
    """Forget the stop losses of a market: it may be entered again."""
    where = stage_of(stage, account)
    name, _ = instrument(market)
    forgotten = Blacklist(where.store, where.account(account).account_id).lift(name)
    if not forgotten:
        raise InvalidInputError("market", market, "one with a stop loss: see holdfast brackets blacklist")
    say(f"{name}: {forgotten} stop loss{'es' if forgotten > 1 else ''} forgotten")


def _say_unreadable(unreadable: Sequence[Unreadable]) -> None:
    for one in unreadable:
        say(f"{one.record} {one.key} can't be read: {one.why}")


def _titles(columns: Sequence[str], account: Account) -> list[str]:
    unit = "contracts" if nets_outcomes(account) else "shares"
    return [column.format(unit=unit) for column in columns]


def _handed_over(ledger: Ledger, bracket: Bracket, scale: Scale, foreign: int) -> list[Write]:
    """The writes that take what was sold beyond our own out of the ledger; none where there is no such thing.

    Raises InvalidInputError unless the person says that exactly so much was his: it is his money.
    """
    stored = ledger.position(bracket.market)
    sold = -stored.position.size
    if sold <= 0:
        return []
    if foreign != sold:
        allowed = f"{scale.size_text(sold)}: so much was sold beyond what Holdfast held, say that it was not Holdfast's"
        raise InvalidInputError("--foreign", scale.size_text(foreign), allowed)
    key = f"oversale#{bracket.market}#{stored.version}"
    now_ms = SystemClock().now_ms()
    after, line = hand_over(stored.position, bracket.before, key, now_ms, bracket.decision_id)
    return ledger.booking(stored, after, [line])


def _open_row(bracket: Bracket, held: int, scale: Scale, now_ms: int) -> tuple[str, ...]:
    levels = bracket.levels
    trailing = "-"
    if levels.trailing_distance:
        trailing = f"{_price(levels.trailing_distance, scale)} below, from {_price(levels.trailing_activation, scale)}"
    return (
        instrument_text(bracket.market, bracket.side),
        bracket.state.value,
        f"{bracket.mode.value}, watched: {bracket.fallback}" if bracket.fallback else bracket.mode.value,
        _number(scale.size_text(held)),
        _price(bracket.entry.price, scale),
        *(_price(level, scale) for level in (levels.take_profit, levels.stop, levels.soft_stop, levels.hard_stop)),
        trailing,
        f"{bracket.naked.cause.value}, {(now_ms - bracket.naked.since_ms) // 1000} s" if bracket.naked.cause else "-",
        _exit(bracket, scale),
        _time(bracket.opened_at_ms),
        bracket.disputed or (bracket.reason if bracket.state.value == "attention" else "-"),
    )


def _exit(bracket: Bracket, scale: Scale) -> str:
    """What is under way, e.g. "ARMED_STOP since 2026-11-21 14:03:10, 2 sent, 1 failed, last price $0.43"."""
    if bracket.exit is None:
        return f"asked for: {bracket.exit_asked.value}" if bracket.exit_asked else "-"
    under_way = bracket.exit
    words = [f"{under_way.source.value} since {_time(under_way.decided_at_ms)}", f"{under_way.sends} sent"]
    if under_way.failures:
        words.append(f"{under_way.failures} failed")
    if under_way.shut_out_since_ms:
        words.append(f"kept by rate or access since {_time(under_way.shut_out_since_ms)}")
    return ", ".join([*words, f"last price ${_price(under_way.mark, scale)}"])


def _closed_row(trade: Trade, scale: Scale) -> tuple[str, ...]:
    return (
        _time(trade.closed_at_ms),
        trade.source.value,
        instrument_text(trade.market, trade.side),
        _number(scale.size_text(trade.size)),
        _price(trade.entry_price, scale),
        _price(trade.exit_price, scale),
        _price(trade.slippage, scale) if trade.intended else "-",
        _money(trade.realized, scale),
        _money(trade.fees, scale),
        f"{trade.naked_ms / 1000:.1f}",
        trade.mode.value,
        trade.order_type,
        trade.origin or "-",
        trade.reason or "-",
    )


def _price(units: int, scale: Scale) -> str:
    """Cents as they are, finer digits where there are any; "-" for none."""
    if not units:
        return "-"
    whole, _, digits = scale.price_text(units).partition(".")
    return f"{whole}.{digits.rstrip('0').ljust(2, '0')}"


def _money(units: int, scale: Scale) -> str:
    whole, _, digits = scale.money_text(units).partition(".")
    return f"{whole}.{digits.rstrip('0').ljust(2, '0')}"


def _number(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
