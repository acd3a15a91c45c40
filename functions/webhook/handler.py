"""Lambda handler of the webhooks' HTTP API: one signal per request."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.webhook.gate import Gate

_gate: Gate | None = None


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request: 202 once its signal is in the queue."""
    gate = _current_gate()
    try:
        return gate.answer(event)
    finally:
        gate.telemetry.flush()


def _current_gate() -> Gate:
    global _gate
    if _gate is None:
        _gate = Gate.from_environment()
    return _gate
