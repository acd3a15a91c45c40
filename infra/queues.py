"""The queue that a function reads, and the dead-letter queue beside it."""

from typing import NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from holdfast.deployed import JOBS, TICK_TIMEOUT_SECONDS, Function, dead_letter_queue_name, queue_name

SIGNAL_TIMEOUT_SECONDS = 30
# A minute more than its function may run. Six times as long would keep back only what is of no use any more: a message
# that comes a second time because its function was killed or throttled is stale, or its tick has begun already, and
# either is dropped. What no tick can use is in the dead-letter queue after two of these.
TICK_VISIBILITY_SECONDS = TICK_TIMEOUT_SECONDS + 60
# Time for two deliveries; older ticks are of no use.
TICK_RETENTION_SECONDS = 2 * TICK_VISIBILITY_SECONDS + 60
SIGNAL_VISIBILITY_SECONDS = 6 * SIGNAL_TIMEOUT_SECONDS
# A signal expires by its own ttl, an hour at most.
SIGNAL_RETENTION_SECONDS = 7_200


class QueuePair(NamedTuple):
    """A queue, and where its messages go after failed deliveries."""

    queue: sqs.Queue
    dead: sqs.Queue


def add_queues(scope: Construct, stage: str, function: Function) -> QueuePair:
    """Make a function's queues: encrypted, and closed to plain HTTP."""
    is_tick = function in JOBS
    name = function.value.capitalize()
    dead = sqs.Queue(
        scope,
        f"{name}Dead",
        queue_name=dead_letter_queue_name(stage, function),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(14),
    )
    queue = sqs.Queue(
        scope,
        f"{name}Queue",
        queue_name=queue_name(stage, function),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=cdk.Duration.seconds(TICK_RETENTION_SECONDS if is_tick else SIGNAL_RETENTION_SECONDS),
        visibility_timeout=cdk.Duration.seconds(TICK_VISIBILITY_SECONDS if is_tick else SIGNAL_VISIBILITY_SECONDS),
        dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=2 if is_tick else 5, queue=dead),
    )
    return QueuePair(queue, dead)
