"""Lambda handler of bracket-status: one tick per SQS message, partial batch responses."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.messages import serve_each
from functions.runtime import Job, Runtime
from holdfast.jobs.brackets import JOB as NAME
from holdfast.jobs.brackets import check_brackets

JOB = Job(NAME, check_brackets, lambda switches: switches.order_check_interval_seconds)
_runtime: Runtime | None = None


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run one tick for each message. A message that can't be used goes to the dead-letter queue by itself."""
    runtime = _current_runtime(context)
    try:
        return serve_each(event, context, runtime.telemetry, lambda record: runtime.serve(record.body))
    finally:
        runtime.telemetry.flush()


def _current_runtime(context: LambdaContext) -> Runtime:
    global _runtime
    if _runtime is None:
        _runtime = Runtime.from_environment(JOB, writer=context.log_stream_name)
    return _runtime
