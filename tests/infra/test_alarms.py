"""Alarms on every queue and function, on ticks that do not come, and on metrics that are really written."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from holdfast.deployed import JOBS, QUEUES, Function, dead_letter_queue_name, function_name, queue_name
from holdfast.telemetry.metrics import METRICS
from tests.infra.templates import Resource, Template

pytestmark = pytest.mark.xdist_group("stacks")

Stacks = dict[str, Template]
Metric = tuple[str, str, frozenset[tuple[str, str]]]


def alarms(stack: Template) -> dict[str, Resource]:
    return {one.properties["AlarmName"]: one for one in stack.all("CloudWatch::Alarm")}


def metrics(alarm: Resource) -> list[Metric]:
    """Namespace, name and dimensions of what an alarm looks at."""
    found = [alarm.properties] if "MetricName" in alarm.properties else []
    found += [one["MetricStat"]["Metric"] for one in alarm.properties.get("Metrics", ()) if "MetricStat" in one]
    return [
        (one["Namespace"], one["MetricName"], frozenset((pair["Name"], pair["Value"]) for pair in one["Dimensions"]))
        for one in found
    ]


@pytest.fixture(scope="module")
def watched(production: Stacks) -> list[Metric]:
    stack = production["holdfast-prod-us-east-1-watch"]
    return [metric for alarm in alarms(stack).values() for metric in metrics(alarm)]


def test_every_queue_of_the_stacks_has_its_alarm(watched: list[Metric], production: Stacks) -> None:
    names = {one.properties["QueueName"] for stack in production.values() for one in stack.all("SQS::Queue")}
    assert names == {f("prod", one) for one in QUEUES for f in (queue_name, dead_letter_queue_name)}
    for function in QUEUES:
        dead, live = dead_letter_queue_name("prod", function), queue_name("prod", function)
        assert ("AWS/SQS", "ApproximateNumberOfMessagesVisible", frozenset({("QueueName", dead)})) in watched
        assert ("AWS/SQS", "ApproximateAgeOfOldestMessage", frozenset({("QueueName", live)})) in watched


def test_every_function_of_the_stacks_has_its_alarms(watched: list[Metric], production: Stacks) -> None:
    names = {one.properties["FunctionName"] for stack in production.values() for one in stack.all("Lambda::Function")}
    assert names == {function_name("prod", function) for function in Function}
    for name in names:
        for metric in ("Errors", "Throttles"):
            assert ("AWS/Lambda", metric, frozenset({("FunctionName", name)})) in watched


def test_metrics_of_ours_are_written_somewhere(production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-watch"]
    ours = [one for alarm in alarms(stack).values() for one in metrics(alarm) if not one[0].startswith("AWS/")]
    assert ours
    for namespace, name, dimensions in ours:
        assert namespace == "Holdfast/prod"
        assert {key for key, _ in dimensions} == {"service", *METRICS[name]}


def test_absent_ticks_raise_alarms_from_what_aws_counts(production: Stacks) -> None:
    found = alarms(production["holdfast-prod-us-east-1-watch"])
    absent = {name: one for name, one in found.items() if name.endswith("-absent")}
    assert set(absent) == {
        "holdfast-prod-schedules-absent",
        *(f"holdfast-prod-{job}-ticks-absent" for job in JOBS),
    }
    for name, alarm in absent.items():
        assert alarm.properties["TreatMissingData"] == "breaching", name
        assert alarm.properties["ComparisonOperator"] == "LessThanThreshold", name
        assert all(namespace.startswith("AWS/") for namespace, _, _ in metrics(alarm)), name
    others = {one.properties["TreatMissingData"] for name, one in found.items() if name not in absent}
    assert others == {"notBreaching"}


@pytest.mark.parametrize(("region", "accounts"), [("us-east-1", 2), ("eu-west-1", 1)])
def test_one_schedule_that_is_missing_is_seen_and_an_uneven_period_is_not(
    region: str, accounts: int, production: Stacks
) -> None:
    alarm = alarms(production[f"holdfast-prod-{region}-watch"])["holdfast-prod-schedules-absent"].properties
    every, minutes = accounts * len(JOBS), alarm["Period"] // 60
    assert (every - 1) * minutes < alarm["Threshold"] <= every * minutes - 4
    assert alarm["Dimensions"] == [{"Name": "ScheduleGroup", "Value": "holdfast-prod"}]


@pytest.mark.parametrize("accounts", [1, 10, 60, 200])
def test_uneven_sending_raises_no_alarm_and_one_missing_schedule_does(accounts: int) -> None:
    """Each tick at any second of its minute, for a day."""
    from infra.alarms import schedules_window

    schedules, rng = accounts * len(JOBS), Random(accounts)
    minutes, least = schedules_window(schedules)
    assert minutes <= 40
    at = [int(minute + rng.random() + rng.random()) for minute in range(1_440) for _ in range(schedules)]
    counted = Counter(second // minutes for second in at)
    windows = [counted[number] for number in range(1, 1_440 // minutes)]
    runs = list(zip(windows, windows[1:], windows[2:], strict=False))
    assert not any(max(run) < least for run in runs)
    assert any(max(run) - minutes < least for run in runs)


def test_what_can_cost_money_unseen_is_watched(production: Stacks) -> None:
    found = alarms(production["holdfast-prod-us-east-1-watch"])
    names = {metric[1] for alarm in found.values() for metric in metrics(alarm)}
    assert names >= {
        "NakedPositions",
        "UnknownOutcomes",
        "RateLimitRefusals",
        "ExitsDelayed",
        "InventoryStopBlind",
        "ForeignPositions",
        "RecordsUnreadable",
        "AccessBlocked",
        "KeyExpires",
        "SwitchesInvalid",
        "MessagesFailed",
        "TicksEndedEarly",
        "TicksStale",
    }
    causes = {
        value for alarm in found.values() for metric in metrics(alarm) for key, value in metric[2] if key == "cause"
    }
    assert causes == {"placing", "not_sellable", "exiting", "window", "blind", "refused"}


def test_every_alarm_mails_its_owner(production: Stacks, dev: Stacks) -> None:
    for region in ("us-east-1", "eu-west-1"):
        stack = production[f"holdfast-prod-{region}-watch"]
        topic = stack.one("SNS::Topic").logical_id
        for alarm in alarms(stack).values():
            assert alarm.properties["AlarmActions"] == [{"Ref": topic}]
            assert alarm.properties.get("OKActions") == (None if is_said_once(alarm) else [{"Ref": topic}])
            assert alarm.properties["AlarmDescription"]
        subscription = stack.one("SNS::Subscription").properties
        assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "owner@example.com")
    assert not dev["holdfast-dev-us-east-1-watch"].all("SNS::Subscription")


def is_said_once(alarm: Resource) -> bool:
    """What is written when it begins, and not while it lasts: that it is not written any more means nothing."""
    return {metric[1] for metric in metrics(alarm)} <= {"AccessBlocked", "KeyExpires"}


@pytest.mark.parametrize("interval", [5, 60, 300, 900])
@pytest.mark.parametrize(("name", "longest_minutes"), [("naked-positions", 30), ("unknown-outcomes", 35)])
def test_what_each_tick_finds_raises_its_alarm_however_seldom_they_are(
    name: str, longest_minutes: int, interval: int, production: Stacks
) -> None:
    """Both intervals are switches, from seconds to a quarter of an hour, and between two ticks nothing is written."""
    found = alarms(production["holdfast-prod-us-east-1-watch"])[f"holdfast-prod-{name}"].properties
    stats = [one["MetricStat"] for one in found.get("Metrics", ()) if "MetricStat" in one]
    (period,) = {one["Period"] for one in stats or [found]}
    # Found by every tick, each a second later than its schedule says.
    written = {(tick * interval + tick) // period for tick in range(longest_minutes * 60 // interval)}
    raised = [
        last
        for last in range(longest_minutes * 60 // period + 1)
        if len(written & set(range(last - found["EvaluationPeriods"] + 1, last + 1))) >= found["DatapointsToAlarm"]
    ]
    assert raised
    # One tick alone raises none.
    assert found["DatapointsToAlarm"] == 2


def test_two_jobs_that_see_one_clock_do_not_add_its_skew_up(production: Stacks) -> None:
    alarm = alarms(production["holdfast-prod-us-east-1-watch"])["holdfast-prod-clock-skew"].properties
    (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    assert expression == "MAX([FILL(m0, 0), FILL(m1, 0)])"


def test_dashboard_shows_exits_by_source_tokens_and_refusals(production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-watch"]
    dashboard = stack.one("CloudWatch::Dashboard").properties
    assert dashboard["DashboardName"] == "holdfast-prod-us-east-1"
    widgets = json.loads(stack.shown(dashboard["DashboardBody"]))["widgets"]
    shown = [
        line[0]["expression"]
        for widget in widgets
        for line in widget["properties"].get("metrics", ())
        if isinstance(line[0], dict)
    ]
    for name in ("Exits", "RateLimitTokens", "RateLimitRefusals", "NakedPositions", "UnknownOutcomes"):
        dimensions = ",".join(("service", *METRICS[name]))
        assert any(f'{{"Holdfast/prod",{dimensions}}} MetricName="{name}"' in search for search in shown), name
    (listed,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    assert len(listed) == len(alarms(stack))


def test_docs_explain_every_alarm(production: Stacks) -> None:
    docs = (Path(__file__).parents[2] / "docs/stacks.md").read_text()
    for name in alarms(production["holdfast-prod-us-east-1-watch"]):
        short = name.removeprefix("holdfast-prod-")
        function, _, kind = short.partition("-")
        assert f"`{short}`" in docs or (function in set(Function) and f"`...-{kind}`" in docs), short


def test_no_alarm_looks_at_more_metrics_than_cloudwatch_takes(production: Stacks) -> None:
    """Ten in one expression: with an eleventh the stack is not deployed."""
    for name, alarm in alarms(production["holdfast-prod-us-east-1-watch"]).items():
        assert len(metrics(alarm)) <= 10, name
