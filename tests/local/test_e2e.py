"""The deployed system end to end, where it is asked for: it takes minutes of real time. Its reading of logs, always."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from holdfast.clock import SystemClock
from holdfast.deployed import QUEUES, Function, log_group_name
from local.aws.stand_in import LocalAws
from local.e2e.deployment import STAGE
from local.e2e.logs import FunctionLogs

ROOT = Path(__file__).parents[2]
SWITCH = "HOLDFAST_E2E"
MOST_SECONDS = 900


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get(SWITCH) != "1", reason=f"takes minutes (set {SWITCH}=1, or run make e2e)")
def test_deployed_stacks_open_protect_and_exit_positions() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.e2e"], cwd=ROOT, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_line_is_read_once_and_one_that_a_function_says_twice_twice(local_aws: LocalAws) -> None:
    """A second EXIT_SOURCE of one millisecond must not look like the first."""
    session = boto3.session.Session("local", "local", region_name="us-east-1")
    client: Any = session.client("logs", endpoint_url=local_aws.endpoint_url)
    for function in QUEUES:
        client.create_log_group(logGroupName=log_group_name(STAGE, function))
    group = log_group_name(STAGE, Function.BRACKETS)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    now_ms = SystemClock().now_ms()

    def say(*lines: str) -> None:
        events = [{"timestamp": now_ms, "message": line} for line in lines]
        client.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    deployment: Any = SimpleNamespace(
        wanted=SimpleNamespace(regions=("us-east-1",)), client=lambda service, region: client
    )
    logs = FunctionLogs(deployment, now_ms)
    exit_line = json.dumps({"event": "EXIT_SOURCE", "account": "a", "bracket": "b"})
    say("START", exit_line, exit_line, '{"_aws": {}}')
    assert [(event.name, event.function) for event in logs.poll()] == [("EXIT_SOURCE", Function.BRACKETS)] * 2
    assert logs.poll() == []
    say("Task timed out after 8.00 seconds", exit_line)
    assert len(logs.poll()) == 1
    assert (len(logs.events), logs.killed) == (3, [("us-east-1", Function.BRACKETS)])
