"""Lambda handler of reconcile-and-batch-execute: one tick per SQS message, partial batch responses."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.execute.runtime import Runtime
from holdfast.telemetry.port import Level

_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
_runtime: Runtime | None = None


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run one tick for each message. A message that can't be used goes to the dead-letter queue by itself."""
    runtime = _current_runtime(context)
    try:
        return dict(process_partial_response(event, partial(_tick, runtime), _processor, context))
    finally:
        runtime.telemetry.flush()


def _tick(runtime: Runtime, record: SQSRecord) -> None:
    try:
        runtime.serve(record.body)
    except Exception as error:
        # The batch processor only counts it; a person must be able to see why.
        runtime.telemetry.event("MESSAGE_FAILED", Level.ERROR, message_id=record.message_id, error=repr(error))
        runtime.telemetry.metric("MessagesFailed", 1)
        raise


def _current_runtime(context: LambdaContext) -> Runtime:
    global _runtime
    if _runtime is None:
        _runtime = Runtime.from_environment(writer=context.log_stream_name)
    return _runtime
