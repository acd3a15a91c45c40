"""Webhooks: who knows the secret and sends from a known address has one signal queued; nobody else learns anything."""

import json
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from functions.webhook import handler
from functions.webhook.gate import MOST_BYTES, Gate
from holdfast.clock import SystemClock
from holdfast.core.signals import SignalAction, decode
from holdfast.deployed import Function, queue_name, webhook_secret_name
from local.aws.stand_in import LocalAws
from tests.functions.deployed import CONTEXT, Queue
from tests.functions.permitted import permitted

SIGNAL = {"id": "tv-1", "account": "kalshi-1", "instrument": "M-1:NO", "action": "enter", "ttl": 300}


@dataclass
class Webhooks:
    """The webhook function as it is called by API Gateway."""

    queue: Queue
    secret: str

    def post(self, body: object, source: str = "192.0.2.7", *, base64: bool = False) -> tuple[int, str]:
        """Status and what the sender is told."""
        text = body if isinstance(body, str) else json.dumps(body)
        event: dict[str, Any] = {
            "version": "2.0",
            # Anybody can write these; only the connection's address counts.
            "headers": {"x-forwarded-for": "192.0.2.7"},
            "requestContext": {"http": {"method": "POST", "path": "/signals", "sourceIp": source}},
            "body": b64encode(text.encode()).decode() if base64 else text,
            "isBase64Encoded": base64,
        }
        answer = handler.handle(event, CONTEXT)  # type: ignore[arg-type]
        return answer["statusCode"], json.loads(answer["body"])["message"]


@pytest.fixture
def webhooks(local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch) -> Webhooks:
    clients = local_aws.clients()
    queue, secret = Queue(clients, queue_name(stage, Function.SIGNALS)), secrets.token_urlsafe(24)
    clients.secrets.create_secret(Name=webhook_secret_name(stage), SecretString=json.dumps({"secret": secret}))
    allowed = permitted(local_aws, Function.WEBHOOK, stage, {Function.SIGNALS: queue.url})
    gate = Gate(allowed, stage, queue.url, webhook_secret_name(stage), "192.0.2.7,198.51.100.0/24", SystemClock())
    monkeypatch.setattr(handler, "_gate", gate)
    return Webhooks(queue, secret)


@pytest.mark.parametrize("source", ["192.0.2.7", "198.51.100.200"])
@pytest.mark.parametrize("base64", [False, True])
def test_a_known_sender_has_his_signal_queued_without_the_secret(webhooks: Webhooks, source: str, base64: bool) -> None:
    assert webhooks.post({"secret": webhooks.secret, **SIGNAL}, source, base64=base64) == (202, "taken")
    (body,) = webhooks.queue.bodies()
    signal = decode(body)
    assert (signal.id, signal.account, signal.instrument) == ("tv-1", "kalshi-1", "M-1:NO")
    assert (signal.action, signal.ttl) == (SignalAction.ENTER, 300)
    assert webhooks.secret not in body


@pytest.mark.parametrize("source", ["192.0.2.8", "203.0.113.1", "2001:db8::1"])
def test_no_other_address_gets_in_even_with_the_secret(webhooks: Webhooks, source: str) -> None:
    assert webhooks.post({"secret": webhooks.secret, **SIGNAL}, source) == (403, "not for you")
    assert webhooks.queue.bodies() == []


@pytest.mark.parametrize(
    "body",
    [
        *("", "buy!", "[]", "[" * 4_000, SIGNAL),
        *({"secret": secret, **SIGNAL} for secret in ("", ["x"], None, "\ud800", "x" * 3_000)),
    ],
)
def test_who_does_not_know_the_secret_learns_nothing(webhooks: Webhooks, body: object) -> None:
    assert webhooks.post(body) == (403, "not for you")
    assert webhooks.queue.bodies() == []


@pytest.mark.parametrize("change", [lambda known: known[:-1], lambda known: f"{known}x", lambda known: known.upper()])
def test_nearly_the_secret_is_not_the_secret(webhooks: Webhooks, change: Callable[[str], str]) -> None:
    assert webhooks.post({"secret": change(webhooks.secret), **SIGNAL})[0] == 403
    assert webhooks.queue.bodies() == []


def test_an_empty_secret_lets_nobody_in(webhooks: Webhooks, local_aws: LocalAws, stage: str) -> None:
    local_aws.clients().secrets.put_secret_value(
        SecretId=webhook_secret_name(stage), SecretString=json.dumps({"secret": ""})
    )
    assert webhooks.post({"secret": "", **SIGNAL})[0] == 403


@pytest.mark.parametrize("changes", [{"action": "short"}, {"ttl": 0}, {"instrument": ""}, {"size": "5"}])
def test_a_signal_that_can_not_be_used_is_refused_with_words(webhooks: Webhooks, changes: dict[str, object]) -> None:
    status, words = webhooks.post({"secret": webhooks.secret, **SIGNAL, **changes})
    assert status == 400
    assert "not allowed" in words
    assert webhooks.secret not in words
    assert webhooks.queue.bodies() == []


def test_more_than_a_signal_can_be_is_not_even_read(webhooks: Webhooks) -> None:
    assert webhooks.post({"secret": webhooks.secret, **SIGNAL, "id": "x" * MOST_BYTES})[0] == 413


def test_a_queue_that_does_not_take_it_is_said(webhooks: Webhooks, local_aws: LocalAws) -> None:
    local_aws.clients().sqs.delete_queue(QueueUrl=webhooks.queue.url)
    assert webhooks.post({"secret": webhooks.secret, **SIGNAL}) == (503, "try again")


def test_log_and_metrics_say_who_and_why_but_not_the_secret(
    webhooks: Webhooks, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    webhooks.post({"secret": webhooks.secret, **SIGNAL})
    webhooks.post({"secret": f"{webhooks.secret}!", **SIGNAL})
    refused = next(record for record in caplog.records if record.message == "WEBHOOK_REFUSED")
    assert (vars(refused)["source"], vars(refused)["reason"]) == ("192.0.2.7", "secret")
    printed = capsys.readouterr().out
    assert '"WebhooksTaken"' in printed
    assert '"reason":"secret"' in printed
    assert webhooks.secret not in printed + caplog.text + "".join(str(vars(record)) for record in caplog.records)
