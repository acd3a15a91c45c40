"""Clients for AWS: one session, one region, short time-outs.

The endpoint is AWS's own unless AWS_ENDPOINT_URL (read by botocore) or an argument names another.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader

from holdfast.core.errors import InvalidInputError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

# Services' models, parsed once a process: a second region's clients cost a sixth of the first's.
_MODELS = create_loader()
_TIMEOUTS = {"connect_timeout": 2, "read_timeout": 4, "tcp_keepalive": True, "max_pool_connections": 16}
# The store retries by itself: botocore would also repeat a conditional write whose answer was lost, and that repeat
# loses against its own first try.
_STORE = Config(retries={"mode": "standard", "total_max_attempts": 1}, **_TIMEOUTS)  # type: ignore[arg-type]
# A stop waits for its signature: two short tries. The first that fails ends a batch, the next pass begins anew.
_SIGNING = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    **_TIMEOUTS | {"connect_timeout": 1, "read_timeout": 2},  # type: ignore[arg-type]
)
_READERS = Config(retries={"mode": "standard", "total_max_attempts": 3}, **_TIMEOUTS)  # type: ignore[arg-type]


class AwsClients:
    """The clients of one region, made when first used.

    `access_key` and `secret_key` are for the local stand-in's throw-away pair; on AWS the environment provides.
    """

    def __init__(
        self, region: str = "", endpoint_url: str | None = None, *, access_key: str = "", secret_key: str = ""
    ) -> None:
        parsed = botocore.session.get_session()
        parsed.register_component("data_loader", _MODELS)
        self._session = boto3.session.Session(
            botocore_session=parsed,
            # boto3 itself reads AWS_DEFAULT_REGION alone.
            region_name=region or os.environ.get("AWS_REGION") or None,
            aws_access_key_id=access_key or None,
            aws_secret_access_key=secret_key or None,
        )
        if not self._session.region_name:
            raise InvalidInputError("AWS region", "", "a region such as us-east-1, also by AWS_REGION")
        self._endpoint_url = endpoint_url
        self._others: dict[tuple[str, int], Any] = {}

    @property
    def region(self) -> str:
        """The region of every client."""
        return str(self._session.region_name)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """For DynamoStore: it does not retry."""
        return self._client("dynamodb", _STORE)  # type: ignore[no-any-return]

    @cached_property
    def ssm(self) -> "SSMClient":
        """For the switches."""
        return self._client("ssm", _READERS)  # type: ignore[no-any-return]

    @cached_property
    def sqs(self) -> "SQSClient":
        """For the jobs' queues."""
        return self._client("sqs", _READERS)  # type: ignore[no-any-return]

    @cached_property
    def secrets(self) -> Any:
        """For the venues' credentials: a Secrets Manager client."""
        return self._client("secretsmanager", _READERS)

    @cached_property
    def kms(self) -> Any:
        """For wallets' keys: a KMS client."""
        return self._client("kms", _SIGNING)

    def of(self, service: str, *, read_seconds: int = 4) -> Any:
        """A client of another service, by botocore's name, which tries once: for the command line."""
        if (service, read_seconds) not in self._others:
            once = Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                **_TIMEOUTS | {"read_timeout": read_seconds},  # type: ignore[arg-type]
            )
            self._others[service, read_seconds] = self._client(service, once)
        return self._others[service, read_seconds]

    def _client(self, service: str, config: Config) -> Any:
        client: Any = self._session.client
        try:
            return client(service, endpoint_url=self._endpoint_url, config=config)
        except ValueError as error:
            raise InvalidInputError("AWS endpoint", str(error), "a URL such as http://127.0.0.1:4566") from None
