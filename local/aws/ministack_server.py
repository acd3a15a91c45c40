"""ministack, with what it lacks for our stacks. Runs in ministack's own environment, so it imports nothing of ours.

EventBridge Scheduler fills in `<aws.scheduler.scheduled-time>` and its like in a target's input; ministack 1.5.33
delivers the words themselves, and looks only every ten seconds whether a schedule is due. Its CloudFormation refuses
alarms on metric math; here they are kept, and never sound.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from threading import Thread
from typing import Any
from uuid import uuid4

from ministack.app import main  # type: ignore[import-not-found]
from ministack.services import eventbridge, scheduler  # type: ignore[import-not-found]
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

_SWEEP_SECONDS = 1


def repair() -> None:
    """Patch ministack, before it starts."""
    scheduler._SCHEDULE_TICK_INTERVAL = _SWEEP_SECONDS
    eventbridge._invoke_target = _filling_in(eventbridge._invoke_target)
    provisioners._cw_metric_alarm_record = _taking_metric_math(provisioners._cw_metric_alarm_record)


def _filling_in(deliver: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(deliver)
    def delivered(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> Any:
        if event.get("Source") == "aws.scheduler" and target.get("Input"):
            target = {**target, "Input": filled_in(target["Input"], event["Time"], rule.get("Arn", ""))}
        return deliver(target, event, rule, view)

    return delivered


def filled_in(text: str, at_s: float, schedule_arn: str) -> str:
    """A target's input as EventBridge Scheduler sends it at a time."""
    attributes = {
        "scheduled-time": datetime.fromtimestamp(int(at_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "schedule-arn": schedule_arn,
        "execution-id": str(uuid4()),
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _taking_metric_math(record: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(record)
    def recorded(name: str, given: dict[str, Any]) -> Any:
        queries = given.get("Metrics")
        if not queries:
            return record(name, given)
        # It evaluates one metric alone, which is not what the expression says.
        stated = next(query["MetricStat"] for query in queries if "MetricStat" in query)
        plain = {key: value for key, value in given.items() if key != "Metrics"}
        return record(name, {**plain, **stated["Metric"], "ActionsEnabled": False, "TreatMissingData": "notBreaching"})

    return recorded


def end_with_whoever_started_it() -> None:
    """Stop once standard input ends: a test run or an end-to-end run that is killed leaves no server behind."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="parent", daemon=True).start()


if __name__ == "__main__":
    repair()
    end_with_whoever_started_it()
    main()
