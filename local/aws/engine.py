"""What every local AWS engine offers: an endpoint, throw-away credentials, and a stage as the stacks make it.

What is local stops here: tables, parameters and jobs know an engine by its endpoint alone.
"""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

from holdfast.state.aws import AwsClients
from holdfast.state.parameters import SsmParameters
from holdfast.state.port import Table
from holdfast.state.switch_set import EVERYBODY, Switches, parameter_path, text_of
from holdfast.state.tables import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE, TableNames


class AwsEngine(ABC):
    """Starts empty on a free loopback port. Several in one process share nothing."""

    # Throw-away: no engine checks a signature.
    access_key = "holdfast-local"
    secret_key = "holdfast-local"  # noqa: S105

    def __init__(self, region: str = "us-east-1") -> None:
        self.region = region
        self._clients: AwsClients | None = None

    @abstractmethod
    def start(self) -> Self:
        """Serve, empty."""

    @abstractmethod
    def stop(self) -> None:
        """Stop serving. Stopping twice is no error."""

    @property
    @abstractmethod
    def endpoint_url(self) -> str:
        """For AWS_ENDPOINT_URL. Raises RuntimeError where it does not run."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def clients(self) -> AwsClients:
        """Clients of this engine, whatever the environment says."""
        if self._clients is None:
            self._clients = AwsClients(
                self.region, self.endpoint_url, access_key=self.access_key, secret_key=self.secret_key
            )
        return self._clients

    def environment(self) -> dict[str, str]:
        """Environment variables that point any AWS program at this engine."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def create_stage(self, stage: str) -> None:
        """The tables of one stage and its switches for every account, as the stacks make them."""
        self.create_tables(stage)
        parameters = SsmParameters(self.clients().ssm)
        for name, value in Switches():
            parameters.write(f"{parameter_path(stage, EVERYBODY)}/{name}", text_of(value))

    def create_tables(self, stage: str) -> None:
        """The tables of one stage alone."""
        names = TableNames(stage)
        for table in Table:
            _create_table(self.clients().dynamodb, names.of(table))


def _create_table(client: Any, name: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": PARTITION_KEY, "KeyType": "HASH"},
            {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": PARTITION_KEY, "AttributeType": "S"},
            {"AttributeName": SORT_KEY, "AttributeType": "S"},
        ],
    )
    client.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )
