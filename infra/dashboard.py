"""The dashboard: positions first, then venues, then the machinery."""

from aws_cdk import aws_cloudwatch as cloudwatch

from holdfast.deployed import QUEUES, Function, dead_letter_queue_name, function_name, queue_name
from infra.measures import FIVE_MINUTES, Measures
from infra.settings import Deployment

COLUMNS = 3
WIDTH = 24 // COLUMNS


def rows(deployment: Deployment) -> list[list[cloudwatch.IWidget]]:
    """The widgets, row by row."""
    measures = Measures(deployment.stage)
    widgets = [*_of_positions(measures), *_of_venues(measures), *_of_machinery(measures, deployment.stage)]
    return [widgets[start : start + COLUMNS] for start in range(0, len(widgets), COLUMNS)]


def _of_positions(measures: Measures) -> list[cloudwatch.IWidget]:
    return [
        _graph("Exits by source", measures.every("Exits"), stacked=True),
        _graph("Positions without protection, by cause", measures.every("NakedPositions", statistic="Maximum")),
        _graph("Writes of unknown outcome", measures.every("UnknownOutcomes", statistic="Maximum")),
        _graph("Entries refused, by reason", measures.every("EntriesRefused"), stacked=True),
        _graph(
            "Orders and cancels, and those that failed",
            measures.every("Operations"),
            measures.every("OperationsFailed"),
        ),
        _graph("Ledger lines", measures.every("LedgerLines")),
    ]


def _of_venues(measures: Measures) -> list[cloudwatch.IWidget]:
    return [
        _graph("Rate-limit tokens taken", measures.every("RateLimitTokens"), stacked=True),
        _graph("429s", measures.every("RateLimitRefusals"), stacked=True),
        _graph("Waited for tokens, ms", measures.every("RateLimitWait")),
        _graph("API calls", measures.every("ApiCalls"), stacked=True),
        _graph("API latency, ms, nine of ten", measures.every("ApiLatency", statistic="p90")),
        _graph("Clock skew, ms", measures.every("ClockSkew", statistic="Maximum")),
    ]


def _of_machinery(measures: Measures, stage: str) -> list[cloudwatch.IWidget]:
    names = {function: queue_name(stage, function) for function in QUEUES}
    return [
        _graph("Time of a tick, ms", measures.every("TickTime", statistic="Maximum")),
        _graph(
            "Ticks skipped, stale, ended early",
            *(measures.every(name) for name in ("TicksSkipped", "TicksStale", "TicksEndedEarly")),
        ),
        _graph("Schedules sent", measures.schedules("InvocationAttemptCount")),
        _graph(
            "Oldest message, s",
            *(
                measures.queue("ApproximateAgeOfOldestMessage", name, "Maximum", FIVE_MINUTES)
                for name in names.values()
            ),
        ),
        _graph(
            "Dead letters",
            *(
                measures.queue(
                    "ApproximateNumberOfMessagesVisible",
                    dead_letter_queue_name(stage, function),
                    "Maximum",
                    FIVE_MINUTES,
                )
                for function in QUEUES
            ),
        ),
        _graph(
            "Functions: errors and throttles",
            *(_function(measures, stage, name, function) for name in ("Errors", "Throttles") for function in QUEUES),
        ),
    ]


def _function(measures: Measures, stage: str, name: str, function: Function) -> cloudwatch.IMetric:
    return measures.function(name, function_name(stage, function), "Sum", FIVE_MINUTES)


def _graph(title: str, *metrics: cloudwatch.IMetric, stacked: bool = False) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH, stacked=stacked)
