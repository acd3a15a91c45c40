"""Lambda handler of the signals queue: one request per SQS message, partial batch responses."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.messages import Message, serve_each
from functions.signals.intake import Intake

_intake: Intake | None = None


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Store what each message asks for. A message that can't be used goes to the dead-letter queue by itself."""
    intake = _current_intake()

    def serve(message: Message) -> None:
        intake.serve(message.body, message.sent_at_ms)

    try:
        answer = serve_each(event, intake.telemetry, serve)
        intake.wake()
        return answer
    finally:
        intake.telemetry.flush()


def _current_intake() -> Intake:
    global _intake
    if _intake is None:
        _intake = Intake.from_environment()
    return _intake
