"""holdfast import: take over the positions of a bot that runs already."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from cli.output import say, show, warn
from cli.regions import stage_of
from cli.stage import DEFAULT_STAGE, AccountOption, StageOption
from holdfast.clock import SystemClock
from holdfast.core.errors import InvalidInputError, SwitchesInvalidError
from holdfast.core.importing import ForeignPosition, read_positions
from holdfast.core.requests import instrument_text
from holdfast.core.scale import Scale
from holdfast.jobs.importing import Importing, Takeover, Verdict
from holdfast.state.switch_set import check, read_texts

_COLUMNS = ("market", "verdict", "held", "entry $", "take profit $", "stop $", "hard stop $", "mode", "why")


def import_positions(
    file: Annotated[Path, typer.Argument(help="The bot's positions.json: docs/brackets.md says what it may hold.")],
    account: AccountOption,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without this nothing is written.")] = False,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Book positions that a bot opened, each with a bracket around it. Stop the bot first.

    The venue must hold each of them. What Holdfast knows already is left as it is, so that a second run changes
    nothing. Exit code 1 where one is refused.
    """
    where = stage_of(stage, account)
    record = where.account(account)
    switches, problems = check(read_texts(where.parameters, where.name, record.account_id))
    if switches is None:
        raise SwitchesInvalidError("; ".join(problems))
    data = _decoded(file)
    with where.venue(record) as venue:
        scale = venue.capabilities.scale
        rows = read_positions(data, netting=venue.capabilities.netting)
        unread = [row for row in rows if isinstance(row, InvalidInputError)]
        importing = Importing(venue, where.store, record.account_id, SystemClock(), switches)
        planned = importing.plan([row for row in rows if isinstance(row, ForeignPosition)])
        done = [importing.apply(one) for one in planned] if apply else planned
    _report(done, unread, scale, applied=apply)
    if unread or any(one.verdict is Verdict.REFUSED for one in done):
        raise typer.Exit(1)


def _decoded(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise InvalidInputError("file", str(file), f"a readable JSON file ({error})") from None


def _report(done: Sequence[Takeover], unread: Sequence[InvalidInputError], scale: Scale, *, applied: bool) -> None:
    if done:
        show(_COLUMNS, [_row(one, scale, applied=applied) for one in done], whole=True)
    for problem in unread:
        warn(str(problem))
    count = sum(one.verdict is Verdict.IMPORT for one in done)
    if applied:
        say(f"{count} imported; the next brackets tick places their take profits")
    else:
        say(f"{count} to import; nothing was written: --apply does it")


def _row(one: Takeover, scale: Scale, *, applied: bool) -> tuple[str, ...]:
    name = instrument_text(one.position.market, one.position.side)
    verdict = "imported" if applied and one.verdict is Verdict.IMPORT else one.verdict.value
    if one.bracket is None or one.after is None:
        stated = (one.position.size or "-", one.position.entry_price, "-", "-", "-", "-")
        return name, verdict, *stated, one.why
    levels = one.bracket.levels
    prices = (one.bracket.entry.price, levels.take_profit, levels.stop, levels.hard_stop)
    shown = (scale.price_text(price) if price else "-" for price in prices)
    return name, verdict, scale.size_text(abs(one.after.size)), *shown, one.bracket.mode.value, one.why or "-"
