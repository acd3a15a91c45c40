"""SQS messages of one invocation, each on its own: partial batch responses, and a word on every one that failed.

Powertools' batch utility does the same, at 60 ms of every cold start: it brings the data classes of all events.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from holdfast.telemetry.port import Level, Telemetry


class Message(NamedTuple):
    """One message; `sent_at_ms` is when the queue took it, 0 where the event does not say."""

    message_id: str
    body: str
    sent_at_ms: int


def serve_each(event: dict[str, Any], telemetry: Telemetry, serve: Callable[[Message], None]) -> dict[str, Any]:
    """Serve every message; the answer names those that raised. The queue delivers these again, and what fails every
    time goes to the dead-letter queue by itself."""
    failed = []
    for record in event["Records"]:
        message = _message(record)
        try:
            serve(message)
        except Exception as error:  # noqa: BLE001 - the queue keeps it, and a person must be able to see why
            telemetry.event("MESSAGE_FAILED", Level.ERROR, message_id=message.message_id, error=repr(error))
            telemetry.metric("MessagesFailed", 1)
            failed.append({"itemIdentifier": message.message_id})
    return {"batchItemFailures": failed}


def _message(record: dict[str, Any]) -> Message:
    sent_at_ms = record.get("attributes", {}).get("SentTimestamp", 0)
    return Message(record["messageId"], record["body"], int(sent_at_ms))
