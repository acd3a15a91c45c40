"""The second engine as a process: what it listens on, what is left when it stops, and what it says when it can't."""

import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from holdfast.clock import SystemClock
from holdfast.jobs.schedule import decode
from local.aws import ministack as module
from local.aws.ministack import Ministack, MinistackError
from local.environments import EnvironmentAbsentError, environment_python
from tests.aws import new_stage

LISTENING = "0A"


def _listeners(process: int) -> set[str]:
    """Addresses, in hexadecimal, on which a process listens."""
    held = {os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir() if each.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in held:
                found.add(fields[1])
    return found


def test_it_listens_on_loopback_alone(ministack: Ministack) -> None:
    if sys.platform != "linux":
        pytest.skip("listeners are read from /proc")
    assert ministack._process is not None
    port = int(ministack.endpoint_url.rpartition(":")[2])
    ministack.clients().sqs.list_queues()
    assert _listeners(ministack._process.pid) == {f"0100007F:{port:04X}"}


def test_environment_alone_leads_a_program_to_it(ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ministack.environment().items():
        monkeypatch.setenv(name, value)
    stage = new_stage(ministack)
    session = boto3.session.Session()
    name = f"holdfast-{stage}-control"
    assert session.client("dynamodb").describe_table(TableName=name)["Table"]["TableName"] == name
    assert session.client("sts").get_caller_identity()["Account"] == ministack.access_key


def test_it_starts_empty_and_leaves_nothing(ministack: Ministack) -> None:
    new_stage(ministack)
    with Ministack("eu-west-1") as other:
        assert other.clients().dynamodb.list_tables()["TableNames"] == []
        log, process = other.log, other._process
        assert process is not None
        with pytest.raises(RuntimeError, match="running already"):
            other.start()
    assert process.poll() is not None
    assert not log.parent.exists()
    other.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = other.endpoint_url


def test_what_it_said_is_in_the_error_where_it_does_not_serve(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = int(ministack.endpoint_url.rpartition(":")[2])
    monkeypatch.setattr(module, "_free_port", lambda: taken)
    second = Ministack()
    with pytest.raises(MinistackError, match="already in use"):
        second.start()
    assert second._process is None


def test_an_environment_that_can_not_be_had_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(EnvironmentAbsentError, match="nowhere"):
        environment_python("odd", [], python="/nowhere/python")
    # A Python whose registry does not know the package.
    python = tmp_path / "python"
    python.write_text(
        """#!/bin/sh
case "$2" in
venv) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
pip) echo "no version of $6 is known" >&2 && exit 1 ;;
*) echo 3.13 ;;
esac
"""
    )
    python.chmod(0o755)
    with pytest.raises(EnvironmentAbsentError, match=r"no version of ministack==1\.5\.33 is known"):
        Ministack(python=str(python)).start()
    assert not list(tmp_path.glob("cache/holdfast/*/bin")), "half an environment would be taken for a whole one"


def test_a_schedule_says_when_it_was_due(ministack: Ministack) -> None:
    """Without the time of its tick no message could be told from a stale one: each went to the dead-letter queue."""
    clients = ministack.clients()
    session = boto3.session.Session(ministack.access_key, ministack.secret_key, region_name=ministack.region)
    scheduler = session.client("scheduler", endpoint_url=ministack.endpoint_url)
    url = clients.sqs.create_queue(QueueName="ticks")["QueueUrl"]
    queue = f"arn:aws:sqs:{ministack.region}:{ministack.access_key}:ticks"
    began_ms = SystemClock().now_ms()
    scheduler.create_schedule(
        Name="soon",
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": queue,
            "RoleArn": "arn:aws:iam::200000000001:role/any",
            "Input": json.dumps({"account": "a", "scheduled_at": "<aws.scheduler.scheduled-time>"}),
        },
    )
    (message,) = clients.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10).get("Messages", [])
    tick = decode(message["Body"])
    assert tick.account == "a"
    assert began_ms - 1_000 <= tick.scheduled_at_ms <= SystemClock().now_ms()


def test_it_ends_with_the_process_that_started_it() -> None:
    code = (
        "import os, sys; from local.aws.ministack import Ministack; m = Ministack().start();"
        " print(m.endpoint_url, flush=True); os.kill(os.getpid(), 9)"
    )
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert started.returncode == -9
    port = int(started.stdout.strip().rpartition(":")[2])
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    pytest.fail("it still listens")


def test_a_template_with_an_alarm_on_metric_math_is_taken_and_the_alarm_never_sounds(ministack: Ministack) -> None:
    """Ours have some; ministack alone refuses the whole stack for one of them."""
    session = boto3.session.Session(ministack.access_key, ministack.secret_key, region_name=ministack.region)
    formation = session.client("cloudformation", endpoint_url=ministack.endpoint_url)
    metric = {"MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}}
    properties = {
        "AlarmName": "math",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "TreatMissingData": "breaching",
        "AlarmActions": ["arn:aws:sns:us-east-1:200000000001:alarms"],
        "Metrics": [
            {"Id": "twice", "Expression": "2 * one"},
            {"Id": "one", "ReturnData": False, **metric},
        ],
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    formation.create_stack(StackName="math", TemplateBody=json.dumps(template))
    formation.get_waiter("stack_create_complete").wait(StackName="math", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    cloudwatch = session.client("cloudwatch", endpoint_url=ministack.endpoint_url)
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["math"])["MetricAlarms"]
    assert (alarm["ActionsEnabled"], alarm["TreatMissingData"]) == (False, "notBreaching")
