"""A function as it is deployed: its handler, queues with dead-letter queues, tables and parameters of the AWS stand-in,
and the local venue, on the venue's clock."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from functions.runtime import Runtime
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, Origin
from holdfast.deployed import Function, queue_name, secret_name
from holdfast.jobs.execute import execute
from holdfast.jobs.schedule import TickMessage, encode
from holdfast.state.accounts import Account, Accounts
from holdfast.state.aws import AwsClients
from holdfast.state.brackets import Brackets
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.requests import Requests
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.functions.permitted import permitted
from tests.jobs.world import ACCOUNT, World, world
from tests.local.kalshi_member import ed25519_key, private_pem

CONTEXT = SimpleNamespace(log_stream_name="stream-1", aws_request_id="r")


class Queue:
    """A queue with a dead-letter queue, where a message goes after two failed deliveries."""

    def __init__(self, clients: AwsClients, name: str) -> None:
        self._sqs = clients.sqs
        self.dead_url = self._sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        dead = self._sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["QueueArn"])["Attributes"]
        redrive = {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 2}
        self.url = self._sqs.create_queue(
            QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"}
        )["QueueUrl"]

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self._sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def deliver(self, handler: ModuleType, sent_at_ms: int = 0) -> int:
        """One delivery, as Lambda's event source mapping does it: what did not fail is deleted. Returns how many came.

        `sent_at_ms` takes the place of the queue's own time, where the function lives on a virtual clock.
        """
        received = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"]).get(
            "Messages", []
        )
        records = [
            {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "attributes": message["Attributes"] | ({"SentTimestamp": str(sent_at_ms)} if sent_at_ms else {}),
                "receiptHandle": message["ReceiptHandle"],
                "eventSource": "aws:sqs",
            }
            for message in received
        ]
        answer: dict[str, Any] = handler.handle({"Records": records}, CONTEXT) if records else {"batchItemFailures": []}
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in received:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return len(received)

    def bodies(self) -> list[str]:
        """What can be received now; it stays in the queue."""
        return self._bodies(self.url)

    def dead(self) -> list[str]:
        """What is in the dead-letter queue."""
        return self._bodies(self.dead_url)

    def _bodies(self, url: str) -> list[str]:
        answer = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]


class Deployed:
    """A job's function against the AWS stand-in and the local venue."""

    def __init__(self, handler: ModuleType, made: World, clients: AwsClients, stage: str, queue_url: str) -> None:
        self.handler = handler
        self.made, self.clients, self.stage, self.queue_url = made, clients, stage, queue_url
        self.store = DynamoStore(clients.dynamodb, TableNames(stage), made.clock)

    def invoke(self, *bodies: str, sent_at_ms: int = 0) -> list[str]:
        """Returns the ids of the failed messages. `sent_at_ms`: when their queue took them, if it says so."""
        attributes = {"SentTimestamp": str(sent_at_ms)} if sent_at_ms else {}
        records = [
            {"messageId": f"m{number}", "body": body, "eventSource": "aws:sqs", "attributes": attributes}
            for number, body in enumerate(bodies)
        ]
        answer: dict[str, Any] = self.handler.handle({"Records": records}, CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def message(self, late_ms: int = 0, account: str = ACCOUNT, follow_up: bool = False) -> str:
        at = datetime.fromtimestamp((self.made.clock.now_ms() - late_ms) / 1000, UTC)
        return encode(TickMessage(account, at.isoformat(), follow_up))

    def enter(self) -> None:
        """A position of 40 contracts of M-1 at 51 cents, opened by execute on the same tables."""
        now_ms = self.made.clock.now_ms()
        request = EntryRequest(
            request_id="r1",
            account=ACCOUNT,
            market="M-1",
            side=Side.BUY,
            origin=Origin.COMMAND,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + 60_000,
            size="40",
        )
        assert Requests(self.store, ACCOUNT).put(request, now_ms)
        account, ports = self.handler.handle.runtime._account(ACCOUNT)
        # What the other job does, which may more.
        execute(account, replace(ports, store=self.store), self.made.clock)
        assert Brackets(self.store, ACCOUNT).open().keys() == {"M-1"}

    def switch(self, **values: str) -> None:
        for name, text in values.items():
            self.clients.ssm.put_parameter(
                Name=f"/holdfast/{self.stage}/{ACCOUNT}/{name}", Value=text, Type="String", Overwrite=True
            )

    def queued(self) -> list[str]:
        """How many messages are delayed, and how many can be received now."""
        found: Any = self.clients.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["All"])
        counts = found["Attributes"]
        return [counts["ApproximateNumberOfMessagesDelayed"], counts["ApproximateNumberOfMessages"]]


@contextmanager
def deployed_job(
    handler: Any, local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch, **given: Any
) -> Iterator[Deployed]:
    """A job's function with one account; no market has a config yet."""
    clients = local_aws.clients()
    queue_url = clients.sqs.create_queue(QueueName=queue_name(stage, handler.handle.job.name))["QueueUrl"]
    with world(**given) as made:
        function = Function(handler.handle.job.name)
        allowed = permitted(local_aws, function, stage, {function: queue_url})
        runtime = Runtime(handler.handle.job, allowed, stage, queue_url, "stream-1", made.clock)
        monkeypatch.setattr(handler.handle, "runtime", runtime)
        ready = Deployed(handler, made, clients, stage, queue_url)
        secret = {"key_id": "key-of-us", "private_key": private_pem(ed25519_key("us"))}
        clients.secrets.create_secret(Name=secret_name(stage, ACCOUNT), SecretString=json.dumps(secret))
        Accounts(ready.store).save(
            Account(
                account_id=ACCOUNT,
                venue="kalshi",
                environment="local",
                secret_name=secret_name(stage, ACCOUNT),
                base_url=made.server.origin,
            )
        )
        yield ready
