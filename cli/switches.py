"""holdfast switches: list, set, unset, sync. Nothing is written that would leave an account without a valid set."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import say, show, warn
from cli.stage import DEFAULT_STAGE, Stage, StageOption, assignments
from holdfast.clock import SystemClock
from holdfast.core.errors import StoreError, SwitchesInvalidError
from holdfast.state.aws import AwsClients
from holdfast.state.halts import Halting
from holdfast.state.parameters import SsmParameters
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
    """Show every switch: its value, whose it is, and what it does. Exit code 1 if the set can't be used."""
    texts = _read(Stage(stage), account)
    rows = []
    for name in NAMES:
        field = Switches.model_fields[name]
        value = texts.merged.get(name, text_of(field.default))
        rows.append((name, value, texts.source(name), f"{field.description} ({allowed(name)})"))
    show(("switch", "value", "source", "what it does"), rows)
    problems = check(texts)[1]
    for problem in problems:
        warn(problem)
    if problems:
        raise typer.Exit(1)


@app.command("set")
def set_switches(
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="One or more switches.")],
    account: ScopeOption = EVERYBODY,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Set switches, if every account's whole set is valid with them."""
    _change(Stage(stage), account, dict(assignments(values, "switch")))


@app.command("unset")
def unset_switches(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="One or more switches.")],
    account: ScopeOption = EVERYBODY,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Take an account's own values back (or everybody's, then the defaults hold)."""
    _change(Stage(stage), account, dict.fromkeys(names))


@app.command("sync")
def sync_switches(
    deployment: Annotated[Path, typer.Option("--deployment", help="The cdk.json that was deployed.")] = Path(
        "cdk.json"
    ),
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


def _change(stage: Stage, account: str, changes: dict[str, str | None]) -> None:
    before = _read(stage, account)
    at_scope = before.everybody if account == EVERYBODY else before.own
    for name, text in changes.items():
        # A name that is unknown can be taken back: that is how it is repaired.
        if text is not None or name not in at_scope:
            allowed(name)
    affected = [before]
    if account == EVERYBODY:
        affected += [read_texts(stage.parameters, stage.name, one.account_id) for one in stage.accounts.list()]
    _require_valid(affected, account, changes)
    _write(stage, before, account, changes)
    for texts in affected:
        if "halt" in changes and texts.account != EVERYBODY:
            # The next tick reads it with its lease, up to a minute before it reads the switches again.
            Halting(stage.store, texts.account).mirror(asks_halt(texts.changed(account, changes)))
    after = before.changed(account, changes)
    for name in changes:
        if name in NAMES:
            value = after.merged.get(name, text_of(Switches.model_fields[name].default))
            say(f"{name} = {value} (from {after.source(name)})")
        else:
            say(f"{name} removed")


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
