"""Metrics by name: the functions' own, from the list that they are written by, and those that AWS writes about them."""

from collections.abc import Sequence
from itertools import product

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from holdfast.core.errors import InvalidInputError
from holdfast.deployed import Function, metrics_namespace, schedule_group_name
from holdfast.telemetry.metrics import METRICS, SERVICE

MINUTE = 60
FIVE_MINUTES = 300


class Measures:
    """The metrics of one stage in one region."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._namespace = metrics_namespace(stage)

    def own(
        self, name: str, function: Function, *, statistic: str = "Sum", period: int = MINUTE, **dimensions: str
    ) -> cloudwatch.Metric:
        """One metric that a function writes. Raises InvalidInputError for one that none writes."""
        _check(name, tuple(dimensions))
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map={SERVICE: function.value, **dimensions},
            statistic=statistic,
            period=cdk.Duration.seconds(period),
        )

    def total(
        self,
        name: str,
        functions: Sequence[Function],
        *,
        statistic: str = "Sum",
        period: int = MINUTE,
        largest: bool = False,
        **dimensions: Sequence[str],
    ) -> cloudwatch.IMetric:
        """A metric's sum over functions and the given values of its dimensions; where nothing was written it is 0.

        `largest`: not the sum but the largest of them, for what is measured and not counted.
        """
        parts = [
            self.own(name, function, statistic=statistic, period=period, **dict(zip(dimensions, values, strict=True)))
            for function in functions
            for values in product(*dimensions.values())
        ]
        if len(parts) == 1:
            return parts[0]
        named = {f"m{number}": part for number, part in enumerate(parts)}
        filled = [f"FILL({key}, 0)" for key in named]
        return cloudwatch.MathExpression(
            expression=f"MAX([{', '.join(filled)}])" if largest else " + ".join(filled),
            using_metrics=named,
            label=name,
            period=cdk.Duration.seconds(period),
        )

    def every(self, name: str, *, statistic: str = "Sum", period: int = FIVE_MINUTES) -> cloudwatch.MathExpression:
        """One line for each function and value of its dimensions, whichever there are; for dashboards only."""
        schema = ",".join(('"' + self._namespace + '"', SERVICE, *METRICS[name]))
        return cloudwatch.MathExpression(
            expression=f"SEARCH('{{{schema}}} MetricName=\"{name}\"', '{statistic}', {period})",
            label="",
            using_metrics={},
            period=cdk.Duration.seconds(period),
        )

    def queue(self, name: str, queue_name: str, statistic: str, period: int = MINUTE) -> cloudwatch.Metric:
        """What SQS says of a queue."""
        return _aws("AWS/SQS", name, {"QueueName": queue_name}, statistic, period)

    def function(self, name: str, function_name: str, statistic: str, period: int = MINUTE) -> cloudwatch.Metric:
        """What Lambda says of a function."""
        return _aws("AWS/Lambda", name, {"FunctionName": function_name}, statistic, period)

    def schedules(self, name: str, period: int = FIVE_MINUTES) -> cloudwatch.Metric:
        """What EventBridge Scheduler says of the stage's schedules."""
        return _aws("AWS/Scheduler", name, {"ScheduleGroup": schedule_group_name(self._stage)}, "Sum", period)


def _aws(namespace: str, name: str, dimensions: dict[str, str], statistic: str, period: int) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=cdk.Duration.seconds(period),
    )


def _check(name: str, dimensions: tuple[str, ...]) -> None:
    if name not in METRICS or sorted(METRICS[name]) != sorted(dimensions):
        known = METRICS.get(name)
        allowed = f"dimensions {known}" if known is not None else ", ".join(METRICS)
        raise InvalidInputError("metric", f"{name} {dimensions}", allowed)
