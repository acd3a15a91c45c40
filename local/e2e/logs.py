"""What the deployed functions say: their events, as CloudWatch Logs has them."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from holdfast.deployed import QUEUES, Function, log_group_name
from local.e2e.deployment import STAGE, LocalDeployment

# A line is there once its invocation has ended, dated when it was written.
_LOOK_BACK_MS = 60_000
_SHOWN = 100


class Event(NamedTuple):
    """One structured line of a function."""

    at_ms: int
    function: Function
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """What happened."""
        return str(self.fields["event"])

    @property
    def account(self) -> str:
        """Whose event it is; "" where it is nobody's."""
        return str(self.fields.get("account", ""))

    @property
    def why(self) -> str:
        """Its reason, in a word or a few; "" where it says none."""
        return str(self.fields.get("reason") or self.fields.get("cause") or self.fields.get("error", ""))[:_SHOWN]


class FunctionLogs:
    """Follows the logs of every function in these regions. `events` are all so far, `killed` those that timed out."""

    def __init__(self, deployment: LocalDeployment, since_ms: int) -> None:
        regions = deployment.wanted.regions
        self._groups = [
            (deployment.client("logs", region), region, function) for region in regions for function in QUEUES
        ]
        self._since_ms = dict.fromkeys(((region, function) for _, region, function in self._groups), since_ms)
        self._seen: set[tuple[str, Function, int, str]] = set()
        self.events: list[Event] = []
        self.killed: list[tuple[str, Function]] = []

    def poll(self) -> list[Event]:
        """What is new since the last time."""
        new = []
        for client, region, function in self._groups:
            for at_ms, line in self._lines(client, region, function):
                if "Task timed out" in line:
                    self.killed.append((region, function))
                fields = _fields(line)
                if "event" in fields:
                    new.append(Event(at_ms, function, fields))
        self.events += new
        return new

    def _lines(self, client: Any, region: str, function: Function) -> Iterator[tuple[int, str]]:
        """Lines that were not seen before."""
        given = {
            "logGroupName": log_group_name(STAGE, function),
            "startTime": self._since_ms[region, function] - _LOOK_BACK_MS,
        }
        latest_ms = self._since_ms[region, function]
        while True:
            try:
                answer = client.filter_log_events(**given)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                return
            for found in answer["events"]:
                at_ms, line = int(found["timestamp"]), str(found["message"])
                key = (region, function, at_ms, line)
                if key not in self._seen:
                    self._seen.add(key)
                    latest_ms = max(latest_ms, at_ms)
                    yield at_ms, line
            if "nextToken" not in answer:
                break
            given["nextToken"] = answer["nextToken"]
        self._since_ms[region, function] = latest_ms


def _fields(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
