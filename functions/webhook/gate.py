"""Who may send signals by webhook, and what becomes of one.

A sender such as TradingView sets no header and signs nothing, so the secret is a field of the body: it is compared in
constant time, taken out before anything else looks at the body, and neither logged nor answered.
"""

import json
from base64 import b64decode
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.settings import required
from holdfast.clock import Clock, SystemClock
from holdfast.core.errors import InvalidInputError, StoreError
from holdfast.core.signals import decode
from holdfast.deployed import (
    SIGNALS_QUEUE_URL_VARIABLE,
    SOURCE_ADDRESSES_VARIABLE,
    STAGE_VARIABLE,
    WEBHOOK_SECRET_VARIABLE,
    metrics_namespace,
)
from holdfast.state.accounts import SecretsManager
from holdfast.state.aws import AwsClients
from holdfast.telemetry.port import Level
from holdfast.telemetry.powertools import PowertoolsTelemetry

MOST_BYTES = 4_096
FIELD = "secret"


class RefusedError(Exception):
    """A request that is not let through: its HTTP status, a word for the metric, and what the sender is told."""

    def __init__(self, status: int, reason: str, words: str) -> None:
        self.status, self.reason, self.words = status, reason, words
        super().__init__(reason)


class Gate:
    """Lets signals into their queue. `addresses` are the networks that may send."""

    def __init__(
        self, clients: AwsClients, stage: str, queue_url: str, secret_name: str, addresses: str, clock: Clock
    ) -> None:
        self.telemetry = PowertoolsTelemetry("webhook", metrics_namespace(stage))
        self._clients = clients
        self._queue_url, self._secret_name = queue_url, secret_name
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(one) for one in addresses.split(",")]
        self._secrets = SecretsManager(clients.secrets, clock)

    @classmethod
    def from_environment(cls) -> "Gate":
        """Configured by HOLDFAST_STAGE, _SIGNALS_QUEUE_URL, _WEBHOOK_SECRET and _SOURCE_ADDRESSES.

        Raises InvalidInputError where one is missing.
        """
        stage, queue_url = required(STAGE_VARIABLE), required(SIGNALS_QUEUE_URL_VARIABLE)
        secret_name, addresses = required(WEBHOOK_SECRET_VARIABLE), required(SOURCE_ADDRESSES_VARIABLE)
        return cls(AwsClients(), stage, queue_url, secret_name, addresses, SystemClock())

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """Answer one request of an HTTP API (payload 2.0)."""
        source = str(event["requestContext"]["http"]["sourceIp"])
        try:
            self._check_source(source)
            message = self._checked(_body(event))
            self._send(message)
        except RefusedError as refused:
            self.telemetry.event("WEBHOOK_REFUSED", Level.WARNING, source=source, reason=refused.reason)
            self.telemetry.metric("WebhooksRefused", 1, reason=refused.reason)
            return _answer(refused.status, refused.words)
        self.telemetry.event("WEBHOOK_TAKEN", source=source)
        self.telemetry.metric("WebhooksTaken", 1)
        return _answer(202, "taken")

    def _check_source(self, source: str) -> None:
        """The address is that of the connection, which API Gateway states; no header can change it."""
        address = ip_address(source)
        if not any(address in network for network in self._networks):
            raise RefusedError(403, "address", "not for you")

    def _checked(self, body: bytes) -> str:
        """The signal without the secret, as the queue takes it."""
        if len(body) > MOST_BYTES:
            raise RefusedError(413, "size", f"at most {MOST_BYTES} bytes")
        try:
            fields = json.loads(body)
        except (ValueError, RecursionError):
            fields = None
        given = fields.pop(FIELD, None) if isinstance(fields, dict) else None
        if not isinstance(given, str) or not self._is_secret(given):
            # The same for a body that is none, so that nothing is learnt from the answer.
            raise RefusedError(403, "secret", "not for you")
        message = json.dumps(fields)
        try:
            decode(message)
        except InvalidInputError as error:
            raise RefusedError(400, "signal", str(error)) from None
        return message

    def _is_secret(self, given: str) -> bool:
        try:
            expected = self._secrets.read(self._secret_name).get(FIELD, "")
        except StoreError:
            raise RefusedError(503, "unavailable", "try again") from None
        # JSON can say half a surrogate pair, which no encoding has.
        digest = sha256(given.encode(errors="replace")).digest()
        matches = compare_digest(digest, sha256(expected.encode()).digest())
        return matches and bool(expected)

    def _send(self, message: str) -> None:
        try:
            self._clients.sqs.send_message(QueueUrl=self._queue_url, MessageBody=message)
        except (ClientError, BotoCoreError):
            raise RefusedError(503, "unavailable", "try again") from None


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    return b64decode(text) if event.get("isBase64Encoded") else text.encode()


def _answer(status: int, words: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": words}),
    }
