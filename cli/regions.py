"""Which AWS regions a stage is in, and in which of them an account is: each region has tables and jobs of its own."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from cli.output import say, warn
from cli.stage import Stage
from holdfast.core.errors import HoldfastError, InvalidInputError, StoreError
from holdfast.state.accounts import REGION_PATTERN, Account
from infra.settings import names_accounts, read_accounts

REGIONS_VARIABLE = "HOLDFAST_REGIONS"
CONTEXT = Path("cdk.json")
_ENVIRONMENT = ("",)  # the one region that AWS_REGION or the AWS profile names

Answer = TypeVar("Answer")


class _Chosen:
    """What --region or HOLDFAST_REGIONS said for this run of the command line."""

    regions: tuple[str, ...] = ()


def choose(text: str) -> None:
    """Work on these regions alone, e.g. "us-east-1,eu-west-1"; an empty text leaves it to the deployment's context."""
    named = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for region in named:
        if not REGION_PATTERN.fullmatch(region):
            raise InvalidInputError("--region", region, "regions such as us-east-1, with commas between them")
    _Chosen.regions = named


def regions(stage: str) -> tuple[str, ...]:
    """The regions in use: those that were chosen, else those of cdk.json's accounts, else the environment's one ("").

    A local stand-in for AWS (AWS_ENDPOINT_URL) has one region, whatever cdk.json says of the real one. Raises
    InvalidInputError where cdk.json can't be used: to work on a part of the regions unasked would leave the others
    without, say, a halt.
    """
    if _Chosen.regions:
        return _Chosen.regions
    try:
        accounts = wanted_accounts(stage)
    except InvalidInputError as error:
        allowed = f"{error.allowed} (cdk.json says which regions are in use; --region or {REGIONS_VARIABLE} does, too)"
        raise InvalidInputError(error.field, error.value, allowed) from None
    return _ENVIRONMENT if accounts is None else tuple(sorted({account.region for account in accounts}))


def wanted_accounts(stage: str) -> tuple[Account, ...] | None:
    """The accounts of ./cdk.json; None where there is none, or a stand-in for AWS is used. Raises InvalidInputError."""
    return None if is_stand_in() or not names_accounts(CONTEXT) else read_accounts(CONTEXT, stage)


def is_stand_in() -> bool:
    """Whether AWS_ENDPOINT_URL leads to something that stands in for AWS."""
    return bool(os.environ.get("AWS_ENDPOINT_URL"))


def stages(name: str) -> tuple[Stage, ...]:
    """The stage in each region in use."""
    return tuple(Stage(name, region) for region in regions(name))


def stage_of(name: str, account_id: str) -> Stage:
    """The stage in the region where this account is.

    Raises InvalidInputError where it is in none, or in more than one; StoreError where it may be in a region that can't
    be read. One that can be read serves its accounts, whatever is wrong with another.
    """
    every = stages(name)
    if len(every) == 1:
        return every[0]
    found, failed = read_each(every, lambda stage: stage.accounts.ids())
    holders = [stage for stage, ids in found if account_id in ids]
    if len(holders) == 1:
        return holders[0]
    if holders:
        where = " and ".join(stage.region for stage in holders)
        raise InvalidInputError("account", account_id, f"one in a single region; it is in {where}: say --region")
    if failed:
        raise StoreError(f"account {account_id} was not found, and not every region can be read: {'; '.join(failed)}")
    known = ", ".join(sorted({one for _, ids in found for one in ids})) or "none yet (holdfast accounts add)"
    raise InvalidInputError("account", account_id, f"a known account: {known}")


def read_each(
    every: Sequence[Stage], read: Callable[[Stage], Answer]
) -> tuple[list[tuple[Stage, Answer]], tuple[str, ...]]:
    """What each region answers, and a line for each that did not. With one region in use its error is raised."""
    found, failed = [], []
    for stage in every:
        try:
            found.append((stage, read(stage)))
        except HoldfastError as error:
            if len(every) == 1:
                raise
            failed.append(f"{stage.region}: {error}")
    return found, tuple(failed)


def each_account(name: str, account_id: str = "") -> Iterator[tuple[Stage, Account]]:
    """The one account of this id, or every account of every region in use, each named before what is shown of it.

    Where a region can't be read, that is said after the others', and the exit code is 1.
    """
    if account_id:
        where = stage_of(name, account_id)
        yield where, where.account(account_id)
        return
    found, failed = read_each(stages(name), lambda stage: stage.accounts.list())
    listed = [(stage, account) for stage, accounts in found for account in accounts]
    for stage, account in listed:
        say(f"{account.account_id} ({stage.region}):")
        yield stage, account
    if not listed and not failed:
        say("no account yet (holdfast accounts add)")
    say_failed(failed)


def say_failed(failed: Sequence[str]) -> None:
    """Say which regions could not be read; exit code 1 where there is one."""
    for line in failed:
        warn(line)
    if failed:
        raise typer.Exit(1)
