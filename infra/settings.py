"""What an owner says about a deployment: the context of cdk.json, checked before anything is made of it.

The stacks are made from it, and the command line writes the accounts' records from the same lines.
"""

import json
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from holdfast.assembly import KMS_KEY, check_account, price_terms
from holdfast.core.errors import InvalidInputError
from holdfast.deployed import default_region, secret_name
from holdfast.state.accounts import ENVIRONMENTS, VENUES, Account
from holdfast.state.tables import checked_stage

MOST_ACCOUNTS = 200
"""In one region: each has two schedules, and CloudFormation takes 500 resources in a stack."""

MOST_WALLETS = 90
"""In one region: a role names each key that it may sign with, and its policies take 10,240 characters."""

KEYS = ("stage", "email", "timezone", "accounts", "reserved_concurrency", "webhook_addresses", "build_for")
BUILDS = ("lambda", "this-machine")
_OURS = re.compile(r"[a-z_]+")  # the CDK's own keys have other characters, too
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_DISPOSABLE = re.compile(r"dev(-.*)?")


class AccountLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account's line of context; its name is the key. The secret's name and the region follow from the rest."""

    venue: str
    environment: str
    region: str = ""
    subaccount: int = 0
    base_url: str = ""
    ws_url: str = ""
    options: dict[str, str] = {}


class Deployment(Struct, frozen=True, kw_only=True):
    """One stage as it is to be. `accounts` are in order of id; each has the region whose stacks serve it.

    `reserved_concurrency`: how many ticks of a job may run at once, kept free for it; 0 reserves none (an AWS account
    that is new has ten in all and refuses). `webhook_addresses`: from where webhooks come; none: no ingress.
    `build_for`: "this-machine" where a stand-in for AWS runs the functions on it.
    """

    stage: str
    email: str
    timezone: str
    accounts: tuple[Account, ...]
    reserved_concurrency: int
    webhook_addresses: tuple[str, ...]
    build_for: str = BUILDS[0]

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region in use, in order."""
        return tuple(sorted({account.region for account in self.accounts}))

    @property
    def is_disposable(self) -> bool:
        """Whether tables, logs and keys go when the stacks go: stage "dev", and those named "dev-..."."""
        return is_disposable(self.stage)

    def accounts_in(self, region: str) -> tuple[Account, ...]:
        """The accounts that this region serves."""
        return tuple(account for account in self.accounts if account.region == region)


def is_disposable(stage: str) -> bool:
    """Whether a stage of this name is destroyed with all that it holds."""
    return bool(_DISPOSABLE.fullmatch(stage))


def read(path: Path, **given: object) -> Deployment:
    """The deployment that a cdk.json says, with `given` keys instead of its own, as `cdk -c` has it.

    Raises InvalidInputError, also where there is no such file.
    """
    return deployment({**_context(path), **given})


def read_accounts(path: Path, stage: str) -> tuple[Account, ...]:
    """The accounts alone that a cdk.json says for a stage, in order of id, whatever else may be missing there.

    Raises InvalidInputError.
    """
    return _accounts(checked_stage(stage), _context(path).get("accounts"))


def names_accounts(path: Path) -> bool:
    """Whether there is a file that says, or means to say, which accounts there are."""
    return path.is_file() and '"accounts"' in path.read_text(errors="replace")


def _context(path: Path) -> dict[str, Any]:
    try:
        return {**json.loads(path.read_text())["context"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(str(path), str(error), "a cdk.json with a context") from None


def deployment(context: Mapping[str, object]) -> Deployment:
    """The deployment of a context. Values may be JSON texts, as `cdk -c` gives them. Raises InvalidInputError."""
    unknown = sorted(key for key in context if _OURS.fullmatch(key) and key not in KEYS)
    if unknown:
        raise InvalidInputError("context", unknown[0], ", ".join(KEYS))
    stage = checked_stage(_text(context, "stage"))
    accounts = _accounts(stage, context.get("accounts"))
    build_for = _build_for(context.get("build_for", BUILDS[0]))
    _check_reach(accounts, build_for)
    return Deployment(
        stage=stage,
        email=_email(_text(context, "email"), stage),
        timezone=_timezone(_text(context, "timezone")),
        accounts=accounts,
        reserved_concurrency=_reserved_concurrency(context.get("reserved_concurrency", 0)),
        webhook_addresses=_addresses(context.get("webhook_addresses", [])),
        build_for=build_for,
    )


def _text(context: Mapping[str, object], key: str) -> str:
    value = context.get(key)
    if not isinstance(value, str):
        raise InvalidInputError(key, value, f"a text; say it in cdk.json or by -c {key}=...")
    return value


def _email(value: str, stage: str) -> str:
    if not _EMAIL.fullmatch(value) and not (value == "" and is_disposable(stage)):
        raise InvalidInputError("email", value, "an address, to which alarms go; only a dev stage can be without")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError("timezone", value, "a name such as UTC or Europe/Berlin") from None
    return value


def _reserved_concurrency(value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if number < 0 or number == 1:
        # The queue's poller itself needs two.
        raise InvalidInputError("reserved_concurrency", value, "0 (none) or 2 and more")
    return number


def _build_for(value: object) -> str:
    if value not in BUILDS:
        raise InvalidInputError("build_for", value, " or ".join(BUILDS))
    return str(value)


def _addresses(value: object) -> tuple[str, ...]:
    listed = _parsed("webhook_addresses", value)
    if not isinstance(listed, list):
        raise InvalidInputError("webhook_addresses", value, "a list of IP addresses or networks; [] for no webhooks")
    for address in listed:
        try:
            network = ip_network(msgspec.convert(address, str))
        except ValueError:
            raise InvalidInputError("webhook_addresses", address, "an IP address or network, e.g. 192.0.2.7") from None
        if network.prefixlen == 0:
            raise InvalidInputError("webhook_addresses", address, "the senders' addresses, not everybody's")
    return tuple(listed)


def _accounts(stage: str, value: object) -> tuple[Account, ...]:
    lines = _parsed("accounts", value)
    example = '{"kalshi-main": {"venue": "kalshi", "environment": "demo"}}'
    if not isinstance(lines, dict) or not lines:
        raise InvalidInputError("accounts", value, f"at least one account, e.g. {example}")
    accounts = tuple(_account(stage, account_id, lines[account_id]) for account_id in sorted(lines))
    for region in sorted({account.region for account in accounts}):
        count = sum(account.region == region for account in accounts)
        if count > MOST_ACCOUNTS:
            raise InvalidInputError(f"accounts in {region}", count, f"at most {MOST_ACCOUNTS} in a region of one stage")
        wallets = sum(account.region == region and KMS_KEY in account.options for account in accounts)
        if wallets > MOST_WALLETS:
            raise InvalidInputError(f"accounts with {KMS_KEY} in {region}", wallets, f"at most {MOST_WALLETS}")
    return accounts


def _account(stage: str, account_id: str, value: object) -> Account:
    try:
        line = msgspec.convert(value, AccountLine)
    except msgspec.ValidationError as error:
        fields = ", ".join(AccountLine.__struct_fields__)
        raise InvalidInputError(
            f"accounts: {account_id}",
            value,
            f"{fields}; venue: {'|'.join(VENUES)}; environment: {'|'.join(ENVIRONMENTS)} ({error})",
        ) from None
    account = Account(
        account_id=account_id,
        venue=line.venue,
        environment=line.environment,
        secret_name=secret_name(stage, account_id),
        base_url=line.base_url,
        ws_url=line.ws_url,
        subaccount=line.subaccount,
        region=line.region or default_region(line.venue),
        options=line.options,
    )
    price_terms(account)  # refuses a venue that is not built
    check_account(account)
    return account


def _check_reach(accounts: tuple[Account, ...], build_for: str) -> None:
    """Nothing on the owner's machine can be reached from Lambda."""
    for account in accounts:
        if account.environment == "local" and build_for == BUILDS[0]:
            allowed = "production or demo; local where build_for is this-machine"
            raise InvalidInputError(f"environment of account {account.account_id}", account.environment, allowed)


def _parsed(key: str, value: object) -> Any:
    """A value that cdk.json has as JSON, and `-c` as its text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise InvalidInputError(key, value, "JSON") from None
