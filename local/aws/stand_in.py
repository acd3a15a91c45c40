"""The AWS stand-in of one process: DynamoDB, SSM, Secrets Manager and what else moto answers, over real HTTP."""

from itertools import count
from typing import Self

from local.aws.engine import AwsEngine
from local.aws.moto_repairs import serialised_app
from local.aws.serving import ServerThread

_account_ids = count(100_000_000_001)


class LocalAws(AwsEngine):
    """moto's server in this process, repaired: the default engine."""

    def __init__(self, region: str = "us-east-1") -> None:
        super().__init__(region)
        self._server: ServerThread | None = None

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

    @property
    def endpoint_url(self) -> str:
        """For AWS_ENDPOINT_URL."""
        if self._server is None:
            raise RuntimeError("the AWS stand-in is not running")
        return self._server.url
