"""The stage that a command works on, in one region: tables and parameters, at AWS or where AWS_ENDPOINT_URL says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import typer

from holdfast.assembly import open_venue, system_jitter
from holdfast.clock import SystemClock
from holdfast.core.errors import BudgetExhaustedError, HoldfastError, InvalidInputError, VenueRateLimitedError
from holdfast.jobs.throttle import Throttle
from holdfast.state.accounts import Account, Accounts, SecretsManager
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.parameters import SsmParameters
from holdfast.state.tables import TableNames
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.venues.port import Venue

StageOption = Annotated[str, typer.Option("--stage", envvar="HOLDFAST_STAGE", help="Which deployment.")]
AccountOption = Annotated[str, typer.Option("--account", help="Which account.")]
ListedAccountOption = Annotated[str, typer.Option("--account", help="Which account; without it, every one.")]
DEFAULT_STAGE = "dev"
_LONGEST_WAIT_MS = 60_000  # for rate-limit tokens, in all


@dataclass(frozen=True)
class Stage:
    """One deployment in one region. Credentials come from the environment, as for any AWS program; so does the region
    unless one is named."""

    name: str
    in_region: str = ""

    @property
    def region(self) -> str:
        """The region's name. Raises InvalidInputError where neither it nor the environment says one."""
        return self.clients.region

    @cached_property
    def store(self) -> DynamoStore:
        """The tables."""
        return DynamoStore(self.clients.dynamodb, TableNames(self.name), SystemClock())

    @cached_property
    def parameters(self) -> SsmParameters:
        """The switches' parameters."""
        return SsmParameters(self.clients.ssm)

    @cached_property
    def secrets(self) -> SecretsManager:
        """The venues' credentials."""
        return SecretsManager(self.clients.secrets, SystemClock())

    @property
    def accounts(self) -> Accounts:
        """The accounts."""
        return Accounts(self.store)

    def account(self, account_id: str) -> Account:
        """One account. Raises InvalidInputError where there is none of that id."""
        return self.accounts.get(account_id)

    @contextmanager
    def venue(self, account: Account) -> Iterator[Venue]:
        """The account's venue, connected; its reads are paid from the budget that the account's jobs share.

        Raises HoldfastError inside where that budget does not last, within a minute's wait.
        """
        clock = SystemClock()
        throttle = Throttle(self.store, account.account_id, clock, MemoryTelemetry(), system_jitter)
        venue = open_venue(account, self.secrets, clock, throttle)
        try:
            venue.connect()
            throttle.configure(venue.capabilities)
            throttle.begin_tick(_LONGEST_WAIT_MS)
            yield venue
        except VenueRateLimitedError:
            throttle.refused("read")
            raise
        except BudgetExhaustedError as error:
            seconds = -(-error.wait_ms // 1000)
            words = f"the reads that {account.account_id} may send are used up"
            raise HoldfastError(f"{words}; ask for less, or again in {seconds} s") from error

    @cached_property
    def clients(self) -> AwsClients:
        """AWS clients of the region."""
        return AwsClients(self.in_region)


def assignments(texts: list[str], what: str) -> dict[str, str]:
    """NAME=VALUE arguments. Raises InvalidInputError for one that is none, or a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals) or name in values:
            raise InvalidInputError(what, text, "NAME=VALUE, each name once")
        values[name] = value
    return values
