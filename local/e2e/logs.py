"""What the deployed functions say: their events, as CloudWatch Logs has them."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

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
        self._seen: Counter[tuple[str, Function, int, str]] = Counter()
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
        """Lines that were not seen before. They have no ids, and the same one can be there twice."""
        since_ms = self._since_ms[region, function]
        here = Counter(_read(client, log_group_name(STAGE, function), since_ms - _LOOK_BACK_MS))
        for at_ms, line in here:
            key = (region, function, at_ms, line)
            for _ in range(here[at_ms, line] - self._seen[key]):
                yield at_ms, line
            self._seen[key] = here[at_ms, line]
        self._since_ms[region, function] = max([since_ms, *(at_ms for at_ms, _ in here)])


def _read(client: Any, group: str, since_ms: int) -> Iterator[tuple[int, str]]:
    """Every line of a function since then; none before its first invocation."""
    given = {"logGroupName": group, "startTime": since_ms}
    while True:
        answer = client.filter_log_events(**given)
        yield from ((int(found["timestamp"]), str(found["message"])) for found in answer["events"])
        if "nextToken" not in answer:
            return
        given["nextToken"] = answer["nextToken"]


def _fields(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
