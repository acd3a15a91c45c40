"""A job's function as a process of its own, which can be killed, against an AWS stand-in and a local Kalshi.

Its clock, the test's and the exchange's are one: the machine's, so many milliseconds ahead.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.clock import SystemClock
from holdfast.deployed import Function
from local.aws.stand_in import LocalAws

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
LAMBDA = """
import json, sys
from importlib import import_module
from types import SimpleNamespace
from functions.runtime import Runtime
from holdfast.state.aws import AwsClients
from tests.functions.killed import AheadClock
given = json.load(sys.stdin)
handle = import_module(f"functions.{given['function']}.handler").handle
clock = AheadClock(given["ahead_ms"])
handle.runtime = Runtime(handle.job, AwsClients(), given["stage"], given["queue_url"], given["writer"], clock)
print("ANSWER", json.dumps(handle(given["event"], SimpleNamespace(log_stream_name=given["writer"]))))
"""


class AheadClock(SystemClock):
    """The machine's clock, ahead of it: what takes a minute takes a test no time."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


class Process:
    """One function's process, serving one event."""

    def __init__(self, aws: LocalAws, function: Function, event: dict[str, Any], **given: Any) -> None:
        environment = {**aws.environment(), "PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": "holdfast"}
        self._running = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", LAMBDA],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=ROOT,
            text=True,
        )
        assert self._running.stdin is not None
        json.dump({"function": function.value, "event": event, **given}, self._running.stdin)
        self._running.stdin.close()
        self._running.stdin = None

    def kill_once(self, happened: Callable[[], bool]) -> str:
        """SIGKILL it as soon as something has happened. Returns what it said."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not happened() and self._running.poll() is None:
            assert time.monotonic() < until, "it did not happen"
            time.sleep(0.01)
        assert self._running.poll() is None, self._running.communicate()[0][-2_000:]
        self._running.kill()
        return self._running.communicate(timeout=PATIENCE_SECONDS)[0]

    def end(self) -> tuple[list[str], str]:
        """The ids of the messages that failed, and what it said."""
        said = self._running.communicate(timeout=PATIENCE_SECONDS)[0]
        assert self._running.returncode == 0, said[-2_000:]
        answer = next(line for line in said.splitlines() if line.startswith("ANSWER "))
        return [failure["itemIdentifier"] for failure in json.loads(answer[7:])["batchItemFailures"]], said
