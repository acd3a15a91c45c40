"""Credentials in a process as Lambda runs it: read once, kept for minutes, and nowhere that anybody reads.

The functions run in a process of their own, so that all that it prints and its whole environment can be searched.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from moto.secretsmanager.models import SecretsManagerBackend

from holdfast.clock import SystemClock
from holdfast.deployed import QUEUE_URL_VARIABLE, STAGE_VARIABLE, secret_name
from holdfast.jobs.schedule import TickMessage, encode
from holdfast.state.accounts import Account, Accounts
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from local.venues.kalshi import KalshiExchange, KalshiServer
from local.venues.polymarket import PolymarketExchange, PolymarketServer
from tests.local.kalshi_member import ed25519_key, private_pem, public_pem
from tests.local.polymarket_trader import address_of, key_of

ROOT = Path(__file__).parents[2]
ROUNDS = 4
# Everything is logged that the libraries would log of their own, but for botocore, whose debug log is of raw answers.
LAMBDA = """
import json, logging, os, sys
from types import SimpleNamespace
logging.basicConfig(level=logging.DEBUG)
logging.getLogger("botocore").setLevel(logging.INFO)
from functions.brackets.handler import handle as brackets
from functions.execute.handler import handle as execute
context = SimpleNamespace(log_stream_name="stream-1", aws_request_id="r")
for events in json.load(sys.stdin):
    failed = [len(job(events, context)["batchItemFailures"]) for job in (execute, brackets)]
    print("FAILED", json.dumps(failed))
print("ENVIRONMENT", json.dumps(dict(os.environ)))
"""


class Deployment:
    """A stage with an account at each venue, and the secrets of both."""

    def __init__(self, aws: LocalAws, stage: str) -> None:
        self._clients, self._stage, self._aws = aws.clients(), stage, aws
        self.queue_url = self._clients.sqs.create_queue(QueueName=f"holdfast-{stage}-execute")["QueueUrl"]
        self.secrets: dict[str, dict[str, str]] = {}

    def add(self, venue: str, base_url: str, secret: dict[str, str]) -> None:
        name = secret_name(self._stage, venue)
        self._clients.secrets.create_secret(Name=name, SecretString=json.dumps(secret))
        self.secrets[name] = secret
        store = DynamoStore(self._clients.dynamodb, TableNames(self._stage), SystemClock())
        record = Account(account_id=venue, venue=venue, environment="local", secret_name=name, base_url=base_url)
        Accounts(store).save(record)

    def secret(self, venue: str) -> dict[str, str]:
        return self.secrets[secret_name(self._stage, venue)]

    def change(self, venue: str, **fields: str) -> None:
        changed = json.dumps({**self.secret(venue), **fields})
        self._clients.secrets.put_secret_value(SecretId=secret_name(self._stage, venue), SecretString=changed)

    def run(self, rounds: int = ROUNDS) -> str:
        """Ticks of both jobs for both accounts in one process; everything that it wrote, its environment included."""
        given = [{"Records": [_record(venue, number) for venue in self._venues]} for number in range(rounds)]
        environment = {
            **self._aws.environment(),
            STAGE_VARIABLE: self._stage,
            QUEUE_URL_VARIABLE: self.queue_url,
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_FUNCTION_NAME": "holdfast",
            "POWERTOOLS_LOG_LEVEL": "DEBUG",
        }
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", LAMBDA],
            input=json.dumps(given),
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert "ENVIRONMENT" in done.stdout
        return done.stdout + done.stderr

    @property
    def _venues(self) -> list[str]:
        return [name.rpartition("/")[2] for name in self.secrets]

    def shown_in(self, text: str) -> list[str]:
        """Which parts of which secrets a text holds, as they are or as JSON writes them."""
        parts = [line for secret in self.secrets.values() for field in secret.values() for line in field.splitlines()]
        return [part for part in parts if part.strip("-0x") in text and "PRIVATE KEY" not in part]


def _record(venue: str, number: int) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    body = encode(TickMessage(venue, at, follow_up=number > 0))
    return {"messageId": f"{venue}-{number}", "body": body, "eventSource": "aws:sqs", "receiptHandle": "-"}


@pytest.fixture
def deployment(local_aws: LocalAws, stage: str) -> Iterator[Deployment]:
    made = Deployment(local_aws, stage)
    kalshi, key = KalshiExchange(SystemClock(), seed=7), ed25519_key("secrets")
    kalshi.add_user("us", "3f1c8a52-key-of-us", public_pem(key), balances={0: Decimal(100)})
    polymarket = PolymarketExchange(SystemClock(), seed=7)
    polymarket.add_user("us", address_of(key_of("secrets")), dollars=Decimal(100))
    api = polymarket.add_api_key("us")
    with ExitStack() as servers:
        at_kalshi = servers.enter_context(KalshiServer(kalshi)).origin
        at_polymarket = servers.enter_context(PolymarketServer(polymarket)).origin
        made.add("kalshi", at_kalshi, {"key_id": "3f1c8a52-key-of-us", "private_key": private_pem(key)})
        keys = {"api_key": api.api_key, "api_secret": api.secret, "api_passphrase": api.passphrase}
        made.add("polymarket", at_polymarket, {"private_key": "0x" + key_of("secrets").secret.hex(), **keys})
        yield made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which secrets were read, each time, by whatever process."""
    read = SecretsManagerBackend.get_secret_value
    seen: list[str] = []

    def noted(backend: Any, secret_id: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(secret_id)
        return read(backend, secret_id, *args, **kwargs)

    monkeypatch.setattr(SecretsManagerBackend, "get_secret_value", noted)
    return seen


def test_secrets_are_read_once_by_a_process_and_shown_nowhere(deployment: Deployment, reads: list[str]) -> None:
    wrote = deployment.run()
    assert wrote.count("FAILED [0, 0]") == ROUNDS, "every tick ran"
    # Each function keeps its own: on AWS they are processes of their own.
    assert sorted(reads) == sorted([*deployment.secrets] * 2)
    assert deployment.shown_in(wrote) == []


def test_what_is_searched_for_would_be_found(deployment: Deployment) -> None:
    for secret in deployment.secrets.values():
        assert deployment.shown_in(json.dumps(secret))
        assert deployment.shown_in("\n".join(secret.values()))


@pytest.mark.parametrize("fault", ["of the wrong kind", "refused"])
def test_no_failure_shows_them(deployment: Deployment, fault: str) -> None:
    """Either is said: the one fails its messages, the other ends its ticks."""
    if fault == "refused":
        deployment.change("kalshi", key_id="5a7d-somebody")
        deployment.change("polymarket", api_passphrase="a-passphrase-of-somebody")
    else:
        deployment.change("kalshi", private_key=deployment.secret("polymarket")["private_key"])
        deployment.change("polymarket", private_key=deployment.secret("kalshi")["private_key"])
    wrote = deployment.run(rounds=1)
    assert ("FAILED [2, 2]" in wrote) == (fault == "of the wrong kind")
    assert ("TICK_ENDED_EARLY" in wrote) == (fault == "refused")
    assert deployment.shown_in(wrote) == []
