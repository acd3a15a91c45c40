"""SQS messages of one invocation, each on its own: partial batch responses, and a word on every one that failed."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from holdfast.telemetry.port import Level, Telemetry

_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def serve_each(
    event: dict[str, Any], context: LambdaContext, telemetry: Telemetry, serve: Callable[[SQSRecord], None]
) -> dict[str, Any]:
    """Serve every message; the answer names those that raised. The queue delivers these again, and what fails every
    time goes to the dead-letter queue by itself."""

    def one(record: SQSRecord) -> None:
        try:
            serve(record)
        except Exception as error:
            # The batch processor only counts it; a person must be able to see why.
            telemetry.event("MESSAGE_FAILED", Level.ERROR, message_id=record.message_id, error=repr(error))
            telemetry.metric("MessagesFailed", 1)
            raise

    return dict(process_partial_response(event, one, _processor, context))
