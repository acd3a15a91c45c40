"""What is worth a mail: queues, functions, absent ticks, and what the functions say of positions and venues."""

from collections.abc import Iterator
from math import isqrt

from aws_cdk import aws_cloudwatch as cloudwatch
from msgspec import Struct

from holdfast.core.bracket import NakedClass
from holdfast.deployed import JOBS, QUEUES, Function, dead_letter_queue_name, function_name, queue_name
from infra.measures import FIVE_MINUTES, MINUTE, Measures
from infra.settings import Deployment

BUCKETS = ("read", "write", "redeem")
# These pass by themselves: a leg is being placed, an exit is on its way.
PASSING = (NakedClass.PLACING, NakedClass.EXITING)
STAYING = tuple(cause for cause in NakedClass if cause not in PASSING)
# Ticks of a few schedules' period that CloudWatch may count in the next one.
UNEVEN = 4
# A tick says what it finds, and what it does not find is not said. With 15 minutes between ticks, which the switches
# allow, there is one such minute in fifteen.
LONGEST_INTERVAL_MINUTES = 15


class Watched(Struct, frozen=True):
    """One alarm: raised once the metric is at or above `threshold` (below it, where `absent`) for `periods` running, or
    for so many of the last `within`.

    `absent`: that nothing comes is what is wrong, so that missing data raises it too. `said_once`: the metric is
    written when it begins and not while it lasts, so that nobody knows when it is over.
    """

    name: str
    why: str
    metric: cloudwatch.IMetric
    threshold: float = 1
    periods: int = 1
    absent: bool = False
    within: int = 0
    said_once: bool = False


def watched(deployment: Deployment, region: str) -> list[Watched]:
    """Every alarm of one region."""
    measures = Measures(deployment.stage)
    functions = (*QUEUES, Function.WEBHOOK) if deployment.webhook_addresses else QUEUES
    return [
        *(one for function in QUEUES for one in _of_queue(measures, deployment.stage, function)),
        *(one for function in functions for one in _of_function(measures, deployment.stage, function)),
        *_of_absence(measures, deployment, len(deployment.accounts_in(region))),
        *_of_positions(measures),
        *_of_venues(measures),
        *_of_ticks(measures),
    ]


def _of_queue(measures: Measures, stage: str, function: Function) -> Iterator[Watched]:
    yield Watched(
        f"{function}-queue-old",
        f"Messages wait for the {function} function, which is too slow, throttled or broken",
        measures.queue("ApproximateAgeOfOldestMessage", queue_name(stage, function), "Maximum"),
        threshold=180,
        periods=2,
    )
    yield Watched(
        f"{function}-dead-letters",
        f"Messages that the {function} function could not use, or that its queue did not take",
        measures.queue("ApproximateNumberOfMessagesVisible", dead_letter_queue_name(stage, function), "Maximum"),
    )


def _of_function(measures: Measures, stage: str, function: Function) -> Iterator[Watched]:
    name = function_name(stage, function)
    yield Watched(
        f"{function}-errors",
        f"The {function} function ended by an error or its time-out: its log group says why",
        measures.function("Errors", name, "Sum"),
    )
    yield Watched(
        f"{function}-throttles",
        f"The {function} function is refused more concurrency: raise the quota, or reserve some",
        measures.function("Throttles", name, "Sum"),
        periods=2,
    )


def schedules_window(schedules: int) -> tuple[int, int]:
    """Over how many minutes the ticks of so many schedules are counted, and the least that come where none is missing.

    Scheduler sends at any second of the minute, so that each of many schedules may have one tick more or less in a
    period: the unevenness grows with their square root, what a missing one leaves out only with the period.
    """
    minutes = max(FIVE_MINUTES // MINUTE, 2 * isqrt(schedules))
    return minutes, schedules * minutes - max(UNEVEN, minutes // 2)


def _of_absence(measures: Measures, deployment: Deployment, accounts: int) -> Iterator[Watched]:
    """From what AWS itself counts, so that no fault of the jobs can hide that they do not run."""
    minutes, least = schedules_window(accounts * len(JOBS))
    # A retry or a second delivery counts too, but follow-ups within the minute do not.
    yield Watched(
        "schedules-absent",
        "An account's schedule does not send its ticks: is it disabled or gone?",
        measures.schedules("InvocationAttemptCount", period=minutes * MINUTE),
        threshold=least,
        periods=3,
        absent=True,
    )
    yield Watched(
        "schedules-dropped",
        "EventBridge Scheduler gave ticks up: the queue refused them, or its role may not send",
        measures.schedules("InvocationDroppedCount"),
    )
    for job in JOBS:
        yield Watched(
            f"{job}-ticks-absent",
            f"No {job} tick was finished for five minutes, so nobody looks after positions and orders",
            measures.queue("NumberOfMessagesDeleted", queue_name(deployment.stage, job), "Sum"),
            periods=5,
            absent=True,
        )


def _of_positions(measures: Measures) -> Iterator[Watched]:
    for name, causes, minutes, within in (
        ("naked-positions", STAYING, 2, LONGEST_INTERVAL_MINUTES + 1),
        ("naked-positions-passing", PASSING, 5, 0),
    ):
        yield Watched(
            name,
            f"Positions without protection in {minutes} minutes ({', '.join(causes)})",
            measures.total("NakedPositions", (Function.BRACKETS,), statistic="Maximum", cause=causes),
            periods=minutes,
            within=within,
        )
    yield Watched(
        "unknown-outcomes",
        "Nobody knows what became of a write, in two of four periods of five minutes",
        measures.own(
            "UnknownOutcomes", Function.EXECUTE, statistic="Maximum", period=FIVE_MINUTES, job=Function.EXECUTE.value
        ),
        periods=2,
        within=LONGEST_INTERVAL_MINUTES * MINUTE // FIVE_MINUTES + 1,
    )
    for name, metric, why, within in (
        ("exits-delayed", "ExitsDelayed", "An exit waits for the venue to take orders again, or goes on failing", 0),
        ("inventory-stop-blind", "InventoryStopBlind", "An inventory stop is due; the book has no price to trust", 0),
        # Looked for once an hour.
        ("foreign-positions", "ForeignPositions", "The venue shows positions that nobody protects", 15),
    ):
        yield Watched(name, why, measures.total(metric, JOBS, period=FIVE_MINUTES), within=within)
    yield Watched(
        "records-unreadable",
        "A stored record can't be read: what it is about is not looked after",
        measures.total("RecordsUnreadable", JOBS, period=FIVE_MINUTES),
    )


def _of_venues(measures: Measures) -> Iterator[Watched]:
    yield Watched(
        "rate-limit-refusals",
        "The venue answers 429 again and again: something else uses the account's limits, or their tier has changed",
        measures.total("RateLimitRefusals", JOBS, period=FIVE_MINUTES, bucket=BUCKETS),
        threshold=5,
    )
    yield Watched(
        "access-blocked",
        "The venue takes no orders from this region: entries stop, exits are still tried",
        measures.total("AccessBlocked", JOBS, period=FIVE_MINUTES),
        said_once=True,
    )
    yield Watched(
        "key-expires",
        "The key's leave to trade lapses soon, or has: only its owner can renew it at the venue",
        measures.total("KeyExpires", JOBS, period=FIVE_MINUTES),
        said_once=True,
    )
    yield Watched(
        "clock-skew",
        "The venue's clock is more than 3 s from ours: entries stop",
        # Read about once a minute, and written only where there is one.
        measures.total("ClockSkew", JOBS, statistic="Maximum", largest=True),
        threshold=3_000,
        periods=3,
        within=10,
    )


def _of_ticks(measures: Measures) -> Iterator[Watched]:
    yield Watched(
        "ticks-ended-early",
        "Ticks end early again and again: the venue or the store does not answer",
        measures.total("TicksEndedEarly", JOBS, period=FIVE_MINUTES, job=[job.value for job in JOBS]),
        threshold=3,
        periods=2,
    )
    yield Watched(
        "ticks-stale",
        "Ticks come so late that they are dropped",
        measures.total("TicksStale", JOBS, period=FIVE_MINUTES),
        threshold=3,
    )
    yield Watched(
        "follow-ups-failed",
        "The minute's further ticks could not be sent",
        measures.total("FollowUpsFailed", JOBS, period=FIVE_MINUTES),
        threshold=3,
    )
    yield Watched(
        "messages-failed",
        "A message can't be used: MESSAGE_FAILED in the function's log says why",
        measures.total("MessagesFailed", QUEUES, period=FIVE_MINUTES),
    )
    yield Watched(
        "switches-invalid",
        "The switches can't be used: the last valid set stays in force, entries stop",
        measures.total("SwitchesInvalid", JOBS, period=FIVE_MINUTES),
    )
