"""holdfast validate: whether the protection of an account's new positions can work, before any is opened."""

from typing import Annotated

import typer

from cli.output import say, warn
from cli.regions import read_each, say_failed, stage_of, stages
from cli.stage import DEFAULT_STAGE, StageOption
from holdfast.assembly import price_terms
from holdfast.core.alignment import (
    TYPICAL_PRICE,
    TYPICAL_SPREAD,
    TYPICAL_TICK,
    Alignment,
    Setup,
    alignment_of,
    typical_setup,
)
from holdfast.core.errors import InvalidInputError
from holdfast.state.accounts import Account
from holdfast.state.switch_set import Switches, check, read_texts


def validate(
    account: Annotated[str, typer.Option("--account", help="Which account; without it, every one.")] = "",
    price: Annotated[str, typer.Option(help="The entry price, at the best ask.")] = TYPICAL_PRICE,
    spread: Annotated[str, typer.Option(help="How far below the best bid is.")] = TYPICAL_SPREAD,
    tick: Annotated[str, typer.Option(help="The market's price step.")] = TYPICAL_TICK,
    atr: Annotated[str, typer.Option(help="The market's ATR, where a distance is a multiple of it.")] = "",
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Check that stops, take profit, tick and fees fit each other, and say how many trades must win.

    Exit code 1 where they do not: entries would be refused. The fees are the highest that the venue charges; a market
    may charge less. Slippage is not counted.
    """
    every = (stage_of(stage, account),) if account else stages(stage)
    read, unread = read_each(every, lambda one: [one.account(account)] if account else one.accounts.list())
    if not unread and not any(accounts for _, accounts in read):
        raise InvalidInputError("account", "", "an account that exists: add one with holdfast accounts add")
    failed = False
    for where, one in ((where, one) for where, accounts in read for one in accounts):
        switches, problems = check(read_texts(where.parameters, where.name, one.account_id))
        for problem in problems:
            warn(problem)
        if switches is None:
            failed = True
            continue
        setup = _setup(one, switches, price=price, spread=spread, tick=tick, atr=atr)
        found = alignment_of(setup)
        _show(one, setup, found)
        failed = failed or found.has_errors
    say_failed(unread)
    if failed:
        raise typer.Exit(1)


def _setup(account: Account, switches: Switches, *, price: str, spread: str, tick: str, atr: str) -> Setup:
    scale, fees = price_terms(account)
    rests = switches.use_concurrent_orders and switches.ab_concurrent_share > 0
    return typical_setup(switches.distances, scale, fees, rests=rests, entry=price, spread=spread, tick=tick, atr=atr)


def _show(account: Account, setup: Setup, found: Alignment) -> None:
    text, terms = setup.text, setup.terms
    tick = setup.grid.tick_below(setup.entry)
    say(
        f"{account.account_id} ({account.venue}): bought at {text(setup.entry)}, spread {text(setup.spread)},"
        f" tick {text(tick)}, fee at most {text(terms.fee)}"
    )
    levels = found.levels
    if levels:
        say(
            f"  take profit {_level(setup, levels.take_profit)}, stop {_level(setup, levels.stop)},"
            f" soft stop {_level(setup, levels.soft_stop)}, hard stop {_level(setup, levels.hard_stop)}"
        )
        if levels.trailing_activation:
            trailing = text(levels.trailing_distance)
            say(f"  trailing from {text(levels.trailing_activation)}, {trailing} below the best price since")
    for finding in found.findings:
        say(f"  {finding}")
    if not found.findings:
        say("  nothing to mend")
    if levels and found.break_even is None:
        say("  break-even: never, a take profit loses money after fees")
    elif levels:
        won, lost = text(found.win), text(found.loss)
        say(f"  break-even: {found.break_even} % of trades must win ({won} won or {lost} lost a contract, after fees)")


def _level(setup: Setup, units: int) -> str:
    return setup.text(units) if units else "none"
