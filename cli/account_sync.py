"""holdfast accounts sync: the accounts' records in the tables are made what the deployment's context says.

Each region's jobs serve the accounts of that region's control table. What an account holds, its brackets, markets and
own switches are in the same region; a record that came to stand in another one would leave them without ticks, and a
second set of jobs would trade the account without knowing of them. So an account that has anything stays where it is.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct, structs

from cli.deployed_regions import deployed_regions
from cli.holdings import holdings
from cli.output import say, warn
from cli.regions import CONTEXT, read_each, regions
from cli.stage import DEFAULT_STAGE, Stage, StageOption
from holdfast.core.errors import InvalidInputError, StoreError
from holdfast.state.accounts import Account
from infra.settings import read_accounts

# What says whose money it is: another value is another account, to which open positions would not belong.
_IDENTITY = ("venue:", "environment:", "subaccount:", "wallet:", "kms_key:")


class Records(Struct):
    """One region's records by account; None where one can't be used."""

    stage: Stage
    accounts: dict[str, Account | None]


def sync_accounts(
    deployment: Annotated[Path, typer.Option("--deployment", help="The cdk.json that is deployed.")] = CONTEXT,
    check: Annotated[bool, typer.Option("--check", help="Change nothing, and say what would be refused.")] = False,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Make the accounts' records what cdk.json says, in each region. Those that it does not name are named, and kept.

    Exit code 1 where an account would part from what it holds: nothing is changed of that one.
    """
    wanted = read_accounts(deployment, stage)
    in_use = {account.region for account in wanted} | {one for one in regions(stage) if one}
    forgotten = _forgotten(stage, in_use)
    every = [Stage(stage, region) for region in sorted(in_use | forgotten)]
    found, failed = read_each(every, _read)
    if failed and not check:
        raise StoreError(f"nothing was changed. {'; '.join(failed)}")
    records = [one for _, one in found]
    refused = {account.account_id: line for account in wanted if (line := _refusal(account, records))}
    parted = list(_left_out(wanted, records))
    if not check:
        for account in wanted:
            if account.account_id not in refused:
                _write(account, records)
    for line in [*refused.values(), *parted]:
        warn(line)
    if refused or parted:
        raise typer.Exit(1)


def _forgotten(stage: str, in_use: set[str]) -> set[str]:
    """Regions that have stacks of the stage and no account in cdk.json any more: their schedules go on."""
    try:
        forgotten = deployed_regions(stage, min(in_use)) - in_use
    except StoreError as error:
        warn(f"regions that cdk.json does not name any more are not looked at: {error}")
        return set()
    for region in sorted(forgotten):
        warn(f"{region} has stacks, but no account in cdk.json: its schedules go on until they are destroyed")
    return forgotten


def _read(stage: Stage) -> Records:
    return Records(stage, {account_id: _record(stage, account_id) for account_id in stage.accounts.ids()})


def _record(stage: Stage, account_id: str) -> Account | None:
    try:
        return stage.account(account_id)
    except InvalidInputError:
        return None


def _refusal(account: Account, records: Sequence[Records]) -> str:
    """Why an account's record must stay as it is; empty where it may become what its line says."""
    name = account.account_id
    for stage in _elsewhere(account, records):
        has = holdings(stage, name)
        if has.open or has.kept:
            why = "its positions would have no ticks there any more" if has.open else "it would leave that behind"
            todo = f"put region {stage.region} back into its line, or give the new line another name"
            held = ", ".join([*has.open, *has.kept])
            return f"{name} is not moved to {account.region}: in {stage.region} it has {held}; {why}; {todo}"
    for here in records:
        known = here.accounts.get(name)
        if here.stage.region != account.region or known is None:
            continue
        changes = [change for change in _changes(known, account) if change.startswith(_IDENTITY)]
        open_there = holdings(here.stage, name).open if changes else ()
        if open_there:
            todo = "undo that until they are closed, or give the new line another name"
            return f"{name} is not changed ({', '.join(changes)}): it has {', '.join(open_there)} as it is; {todo}"
    return ""


def _elsewhere(account: Account, records: Sequence[Records]) -> list[Stage]:
    """The other regions that have a record of it."""
    others = (one for one in records if one.stage.region != account.region)
    return [one.stage for one in others if account.account_id in one.accounts]


def _write(account: Account, records: Sequence[Records]) -> None:
    """Make one account's record what its line says."""
    name, elsewhere = account.account_id, _elsewhere(account, records)
    here = next(one for one in records if one.stage.region == account.region)
    known = here.accounts.get(name)
    for stage in elsewhere:
        stage.accounts.remove(name)
    if known != account:
        here.stage.accounts.save(account, replace=name in here.accounts)
    changes = list(_changes(known, account)) if known is not None else []
    say(f"{account.region}: {name} {_done(here, elsewhere, account, changes)}")


def _changes(known: Account, wanted: Account) -> Iterator[str]:
    """What differs, e.g. "subaccount: 0 -> 3". The secret's name is no secret. A wallet is part of who it is."""
    for field in structs.fields(Account):
        before, after = getattr(known, field.name), getattr(wanted, field.name)
        if field.name != "options" and before != after:
            yield f"{field.name}: {before or 'none'} -> {after or 'none'}"
    for option in sorted(known.options.keys() | wanted.options.keys()):
        texts = known.options.get(option, "none"), wanted.options.get(option, "none")
        if texts[0] != texts[1]:
            yield f"{option}: {texts[0]} -> {texts[1]}"


def _done(here: Records, elsewhere: Sequence[Stage], wanted: Account, changes: Sequence[str]) -> str:
    if elsewhere:
        return f"moved here from {', '.join(stage.region for stage in elsewhere)}, where it had nothing"
    if wanted.account_id not in here.accounts:
        return "added"
    if here.accounts[wanted.account_id] is None:
        return "written again: its record could not be used"
    return f"changed, {'; '.join(changes)}" if changes else "is as it should be"


def _left_out(wanted: Sequence[Account], records: Sequence[Records]) -> Iterator[str]:
    """Name the accounts that the context does not. One with something open is no mere remainder."""
    names = {account.account_id for account in wanted}
    for one in records:
        for name in sorted(one.accounts.keys() - names):
            has = holdings(one.stage, name)
            if has.open:
                todo = "its ticks end when its line is gone: put it back until they are closed"
                yield f"{one.stage.region}: {name} is not in cdk.json, and has {', '.join(has.open)}; {todo}"
            else:
                say(f"{one.stage.region}: {name} is not in cdk.json, so that it has no ticks; its record is kept")
