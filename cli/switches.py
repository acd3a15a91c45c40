"""holdfast switches: list, set, unset, sync. Nothing is written that would leave an account without a valid set.

Everybody's values are in each region in use, and are written in every one.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.output import say, show, warn
from cli.regions import CONTEXT, read_each, say_failed, stage_of, stages
from cli.stage import DEFAULT_STAGE, Stage, StageOption, assignments
from holdfast.clock import SystemClock
from holdfast.core.errors import HoldfastError, StoreError, SwitchesInvalidError
from holdfast.state.aws import AwsClients
from holdfast.state.halts import Halting
from holdfast.state.parameters import SsmParameters
from holdfast.state.switch_fields import BOOLEANS
from holdfast.state.switch_set import (
    EVERYBODY,
    NAMES,
    Switches,
    SwitchTexts,
    allowed,
    asks_halt,
    check,
    parameter_path,
    read_texts,
    text_of,
)
from infra.settings import read as read_deployment

app = typer.Typer(help="Switches: limits, halt, dry run; for one account or for all.", no_args_is_help=True)

# A new stage plans and logs, until its owner says that it may send.
_FIRST = {"dry_run": "true"}
_ATTEMPTS = 4

ScopeOption = Annotated[str, typer.Option("--account", help=f"Which account; without it, {EVERYBODY} of them.")]


@app.command("list")
def list_switches(account: ScopeOption = EVERYBODY, stage: StageOption = DEFAULT_STAGE) -> None:
    """Show every switch: its value, whose it is, and what it does. Exit code 1 if the set can't be used.

    Where everybody's value is not the same in each region in use, it says so; switches set makes it the same.
    """
    found, failed = read_each(_scope(stage, account), lambda one: _read(one, account))
    rows = []
    for name in NAMES:
        field = Switches.model_fields[name]
        value = _in_regions(found, partial(_value, name=name))
        source = _in_regions(found, partial(SwitchTexts.source, name=name))
        rows.append((name, value, source, f"{field.description} ({allowed(name)})"))
        if len({_value(texts, name) for _, texts in found}) > 1:
            warn(f"{name} is not the same in each region: {value}; holdfast switches set {name}=... makes it so")
    if found:
        show(("switch", "value", "source", "what it does"), rows)
    problems = [(one.region, problem) for one, texts in found for problem in check(texts)[1]]
    for region, problem in problems:
        warn(f"{region}: {problem}" if len(found) > 1 else problem)
    say_failed(failed)
    if problems:
        raise typer.Exit(1)


@app.command("set")
def set_switches(
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="One or more switches.")],
    account: ScopeOption = EVERYBODY,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Set switches, if every account's whole set is valid with them."""
    _change(_scope(stage, account), account, dict(assignments(values, "switch")))


@app.command("unset")
def unset_switches(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="One or more switches.")],
    account: ScopeOption = EVERYBODY,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Take an account's own values back (or everybody's, then the defaults hold)."""
    _change(_scope(stage, account), account, dict.fromkeys(names))


@app.command("sync")
def sync_switches(
    deployment: Annotated[Path, typer.Option("--deployment", help="The cdk.json that was deployed.")] = CONTEXT,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """After a deploy: make everybody's switches that are not there yet, in each region. What is there stays."""
    for region in read_deployment(deployment, stage=stage).regions:
        parameters = SsmParameters(AwsClients(region).ssm)
        made = [name for name in NAMES if _is_made(parameters, stage, name)]
        say(f"{region}: {len(made)} switches made, {len(NAMES) - len(made)} left as they are")


def _is_made(parameters: SsmParameters, stage: str, name: str) -> bool:
    """Make one switch with its first value, unless it is there. Parameter Store takes a few of these a second."""
    field = Switches.model_fields[name]
    parameter, text = f"{parameter_path(stage, EVERYBODY)}/{name}", _FIRST.get(name, text_of(field.default))
    for attempt in range(_ATTEMPTS):
        try:
            return parameters.create(parameter, text, f"{field.description} Allowed: {allowed(name)}")
        except StoreError:
            if attempt == _ATTEMPTS - 1:
                raise
            SystemClock().sleep_ms(1_000 << attempt)
    return False


def _read(stage: Stage, account: str) -> SwitchTexts:
    if account != EVERYBODY:
        return read_texts(stage.parameters, stage.name, stage.account(account).account_id)
    everybody = stage.parameters.read(parameter_path(stage.name, EVERYBODY))
    return SwitchTexts(stage.name, EVERYBODY, {}, everybody)


def _value(texts: SwitchTexts, name: str) -> str:
    return texts.merged.get(name, text_of(Switches.model_fields[name].default))


def _in_regions(found: Sequence[tuple[Stage, SwitchTexts]], show_one: Callable[[SwitchTexts], str]) -> str:
    """What all regions have, or what each has."""
    shown = [(stage, show_one(texts)) for stage, texts in found]
    if len({text for _, text in shown}) == 1:
        return shown[0][1]
    return ", ".join(f"{text} in {stage.region}" for stage, text in shown)


def _scope(stage: str, account: str) -> Sequence[Stage]:
    """Where the switches are: one account's in its region, everybody's in each."""
    return stages(stage) if account == EVERYBODY else (stage_of(stage, account),)


class _Changing:
    """A change of switches in one region."""

    def __init__(self, stage: Stage, account: str, changes: dict[str, str | None]) -> None:
        self.stage, self._account, self._changes = stage, account, changes
        self.before = _read(stage, account)
        self.affected = [self.before]
        if account == EVERYBODY:
            self.affected += [
                read_texts(stage.parameters, stage.name, account_id) for account_id in stage.accounts.ids()
            ]

    @property
    def known(self) -> set[str]:
        """The names that have a value of this scope."""
        return set(self.before.everybody if self._account == EVERYBODY else self.before.own)

    @property
    def after(self) -> SwitchTexts:
        """What it leads to."""
        return self.before.changed(self._account, self._changes)

    def write(self, *, alone: bool) -> str:
        """Write them, unless that fails: then a line on it. With one region in use (`alone`) the error is raised."""
        try:
            self._write()
        except HoldfastError as error:
            if alone:
                raise
            return f"{self.stage.region} was not changed, or not whole: {error}; set it again"
        return ""

    def _write(self) -> None:
        """The parameters; a halt also where the next tick reads it."""
        _write(self.stage, self.before, self._account, self._changes)
        for texts in self.affected:
            if "halt" in self._changes and texts.account != EVERYBODY:
                # The next tick reads it with its lease, up to a minute before it reads the switches again.
                Halting(self.stage.store, texts.account).mirror(asks_halt(texts.changed(self._account, self._changes)))


def _change(where: Sequence[Stage], account: str, changes: dict[str, str | None]) -> None:
    """Change them in every region, or, where one can't be read or would not be valid then, in none.

    A halt alone is set wherever it can be: a region that is down holds up no other's.
    """
    found, failed = read_each(where, lambda one: _Changing(one, account, changes))
    if failed and not _is_halt(changes):
        raise StoreError(f"nothing was changed. {'; '.join(failed)}")
    planned = [changing for _, changing in found]
    for name, text in changes.items():
        # A name that is unknown can be taken back: that is how it is repaired.
        if text is not None or not any(name in changing.known for changing in planned):
            allowed(name)
    _require_valid([texts for changing in planned for texts in changing.affected], account, changes)
    unwritten = [line for changing in planned if (line := changing.write(alone=len(where) == 1))]
    for name in changes if planned else ():
        _say_after(planned[0].after, name, [changing.stage for changing in planned])
    say_failed([*failed, *unwritten])


def _say_after(after: SwitchTexts, name: str, where: Sequence[Stage]) -> None:
    regions = f" in {', '.join(stage.region for stage in where)}" if len(where) > 1 else ""
    if name in NAMES:
        say(f"{name} = {_value(after, name)} (from {after.source(name)}){regions}")
    else:
        say(f"{name} removed{regions}")


def _is_halt(changes: dict[str, str | None]) -> bool:
    return set(changes) == {"halt"} and BOOLEANS.get((changes["halt"] or "").strip().lower(), False)


def _require_valid(affected: list[SwitchTexts], scope: str, changes: dict[str, str | None]) -> None:
    """Refuse what would leave an account's set unusable, unless every problem was there before."""
    for texts in affected:
        problems = set(check(texts.changed(scope, changes))[1]) - set(check(texts)[1])
        if problems:
            raise SwitchesInvalidError(f"nothing was changed. {'; '.join(sorted(problems))}")


def _write(stage: Stage, texts: SwitchTexts, scope: str, changes: dict[str, str | None]) -> None:
    """One parameter after another, by an order in which the set stays valid all the way if there is one."""
    left = dict(changes)
    while left:
        name = next((one for one in left if check(texts.changed(scope, {one: left[one]}))[0]), next(iter(left)))
        text = left.pop(name)
        parameter = f"{parameter_path(stage.name, scope)}/{name}"
        if text is None:
            stage.parameters.remove(parameter)
        else:
            stage.parameters.write(parameter, text)
        texts = texts.changed(scope, {name: text})
