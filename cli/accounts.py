"""holdfast accounts: list, check and add."""

from typing import Annotated

import typer

from cli.output import say, show
from cli.regions import read_each, say_failed, stage_of, stages
from cli.stage import DEFAULT_STAGE, Stage, StageOption, assignments
from holdfast.account_check import Line, check
from holdfast.assembly import check_account
from holdfast.clock import SystemClock
from holdfast.core.errors import InvalidInputError
from holdfast.deployed import default_region
from holdfast.state.accounts import ENVIRONMENTS, VENUES, Account

app = typer.Typer(help="Accounts: where they trade and which secret holds their keys.", no_args_is_help=True)


@app.command("list")
def list_accounts(stage: StageOption = DEFAULT_STAGE) -> None:
    """Show every account, of every region in use."""
    found, failed = read_each(stages(stage), lambda one: one.accounts.list())
    accounts = sorted((account for _, of_region in found for account in of_region), key=lambda one: one.account_id)
    show(
        ("account", "venue", "environment", "subaccount", "region", "secret", "base url", "websocket url"),
        [
            (
                account.account_id,
                account.venue,
                account.environment,
                str(account.subaccount),
                account.region,
                account.secret_name,
                account.base_url or "the venue's",
                account.ws_url or "the venue's",
            )
            for account in accounts
        ],
    )
    say_failed(failed)


@app.command("check")
def check_accounts(
    account_id: Annotated[str, typer.Argument(metavar="[NAME]", help="Which account.", show_default=False)] = "",
    every: Annotated[bool, typer.Option("--all", help="Every account of the stage.")] = False,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Check that accounts can trade: record, secret, venue, clock, credentials, place, key. Exit code 1 if not."""
    if bool(account_id) == every:
        raise InvalidInputError("account", account_id, "the name of one, or --all")
    where = stages(stage) if every else (stage_of(stage, account_id),)
    found, failed = read_each(where, lambda one: one.accounts.ids() if every else (account_id,))
    if not failed and not any(ids for _, ids in found):
        say("no account yet (holdfast accounts add)")
    ready = [_say_checks(opened, name) for opened, ids in found for name in ids]
    say_failed(failed)
    if not all(ready):
        raise typer.Exit(1)


def _say_checks(stage: Stage, account_id: str) -> bool:
    """Print each line when it is known; whether all are ok."""
    ready = True
    for line in check(account_id, stage.store, stage.secrets, SystemClock()):
        say(said(account_id, line))
        ready = ready and line.ok
    return ready


def said(subject: str, line: Line) -> str:
    """One check of an account or a region as it is printed."""
    return f"{subject}  {line.check:<11}  {'ok' if line.ok else 'NOT OK'}: {line.words}"


@app.command("add")
def add_account(
    account_id: Annotated[str, typer.Argument(help="A short name of your choice: a-z, 0-9 and -.")],
    venue: Annotated[str, typer.Option(help=f"One of {', '.join(VENUES)}.")],
    environment: Annotated[str, typer.Option(help=f"One of {', '.join(ENVIRONMENTS)}.")],
    secret: Annotated[str, typer.Option(help="The name of the secret in Secrets Manager; never the key itself.")],
    base_url: Annotated[str, typer.Option(help="Another REST address than the venue's own.")] = "",
    ws_url: Annotated[str, typer.Option(help="Another WebSocket address than the venue's own.")] = "",
    subaccount: Annotated[int, typer.Option(help="The venue's subaccount, 0 for the primary one.")] = 0,
    region: Annotated[
        str, typer.Option(help="The AWS region whose stacks serve this account; else the venue's usual one.")
    ] = "",
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the venue's own settings, e.g. wallet=0x...; repeat it.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an account of this id.")] = False,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Add an account, after checking that its venue can be opened so."""
    where = _stage_for(stage, venue, region)
    account = Account(
        account_id=account_id,
        venue=venue,
        environment=environment,
        secret_name=secret,
        base_url=base_url,
        ws_url=ws_url,
        subaccount=subaccount,
        region=region or where.region,
        options=assignments(option or [], "--option"),
    )
    check_account(account)
    where.accounts.save(account, replace=replace)
    say(f"account {account_id}: {venue} {environment}, keys in secret {secret}")


def _stage_for(stage: str, venue: str, region: str) -> Stage:
    """Where a new account belongs: its own region, the venue's usual one, or the only one in use."""
    every = stages(stage)
    if len(every) == 1:
        return every[0]
    wanted = region or default_region(venue)
    for one in every:
        if one.region == wanted:
            return one
    raise InvalidInputError("--region", region, f"a region in use: {', '.join(one.region for one in every)}")
