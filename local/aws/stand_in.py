"""The AWS stand-in of one process: DynamoDB, SSM, Secrets Manager and what else moto answers, over real HTTP."""

from itertools import count
from types import TracebackType
from typing import Any, Self

from holdfast.state.aws import AwsClients
from holdfast.state.parameters import SsmParameters
from holdfast.state.port import Table
from holdfast.state.switch_set import EVERYBODY, Switches, parameter_path, text_of
from holdfast.state.tables import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE, TableNames
from local.aws.moto_repairs import serialised_app
from local.aws.serving import ServerThread

# Throw-away: the stand-in checks no signature.
_ACCESS_KEY = "holdfast-local"
_SECRET_KEY = "holdfast-local"  # noqa: S105


_account_ids = count(100_000_000_001)


class LocalAws:
    """Starts empty on a free loopback port. Several in one process share nothing."""

    def __init__(self, region: str = "us-east-1") -> None:
        self.region = region
        self._server: ServerThread | None = None
        self._clients: AwsClients | None = None

    def start(self) -> Self:
        """Serve, empty."""
        if self._server is not None:
            raise RuntimeError("the AWS stand-in is running already")
        self._server = ServerThread(serialised_app(str(next(_account_ids))), "local-aws")
        return self

    def stop(self) -> None:
        """Stop serving. Stopping twice is no error."""
        if self._server is not None:
            self._server.close()
            self._server = self._clients = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """For AWS_ENDPOINT_URL."""
        if self._server is None:
            raise RuntimeError("the AWS stand-in is not running")
        return self._server.url

    def clients(self) -> AwsClients:
        """Clients of this stand-in, whatever the environment says."""
        if self._clients is None:
            self._clients = AwsClients(self.region, self.endpoint_url, access_key=_ACCESS_KEY, secret_key=_SECRET_KEY)
        return self._clients

    def environment(self) -> dict[str, str]:
        """Environment variables that point any AWS program at this stand-in."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def create_stage(self, stage: str) -> None:
        """The tables of one stage and its switches for every account, as the stacks make them."""
        clients = self.clients()
        names = TableNames(stage)
        for table in Table:
            _create_table(clients.dynamodb, names.of(table))
        parameters = SsmParameters(clients.ssm)
        for name, value in Switches():
            parameters.write(f"{parameter_path(stage, EVERYBODY)}/{name}", text_of(value))


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
