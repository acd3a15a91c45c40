"""What is deployed in one region, looked at from outside with the owner's credentials: each line ok or what to do.

It changes nothing, and reads no secret's value.
"""

from collections.abc import Callable, Container, Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from cli.stage import Stage
from holdfast.account_check import Line
from holdfast.clock import Clock
from holdfast.core.errors import StoreError
from holdfast.core.skew import WARN_OVER_MS, ClockReading, SkewVerdict, certain_skew, judge
from holdfast.deployed import (
    JOBS,
    QUEUES,
    Function,
    dead_letter_queue_name,
    function_name,
    log_group_name,
    queue_name,
    schedule_group_name,
    schedule_name,
)
from holdfast.state.port import Table
from holdfast.state.switch_set import EVERYBODY, NAMES, SwitchTexts, check, parameter_path
from holdfast.state.tables import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE, TableNames
from infra.settings import is_disposable

_DEPLOY = "make deploy makes it"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_ABSENT = frozenset({"ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
# Beside one for each account: messages that wait for the moment.
_MOST_WAITING = 10
_LOOKED_BACK = timedelta(hours=1)

Problems = Iterator[str]


class RegionCheck:
    """The checks of one region of a stage. `listed`: the accounts that cdk.json names, None where that is not known.

    What accounts there are (None: the tables can't say), and whether there are jobs, is known once `lines` is through.
    """

    def __init__(self, stage: Stage, clock: Clock, listed: Container[str] | None, *, is_stand_in: bool) -> None:
        self._stage, self._clock, self._listed, self._is_stand_in = stage, clock, listed, is_stand_in
        self._name = stage.name
        self.has_jobs = False
        self.accounts: tuple[str, ...] | None = None

    def lines(self) -> Iterator[Line]:
        """Every check of the region. Where AWS itself does not answer, there is no other line."""
        reached = list(self._aws())
        yield from reached
        if not reached[0].ok:
            return
        tables = list(self._line("tables", self._tables, "five tables are as the stacks make them"))
        yield from tables
        try:
            self.accounts = self._stage.accounts.ids()
        except StoreError as error:
            if tables[0].ok:
                yield Line("accounts", False, f"they can't be read: {one_line(error)}")
        else:
            if not self.accounts:
                yield Line("accounts", False, "there is none yet; holdfast accounts sync adds those of cdk.json")
        yield from self._line("switches", self._switches, "everybody's are all there, and valid")
        yield from self._jobs()

    @property
    def _served(self) -> list[str]:
        """The accounts that have ticks here, or should."""
        return [name for name in self.accounts or () if self._listed is None or name in self._listed]

    def _aws(self) -> Iterator[Line]:
        sent_ms = self._clock.now_ms()
        try:
            answer = self._stage.clients.of("sts").get_caller_identity()
        except (ClientError, BotoCoreError) as error:
            yield Line("aws", False, _why_not_reached(error))
            return
        yield Line("aws", True, f"account {answer['Account']}, as {answer['Arn']}")
        stated = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        if stated:
            yield _clock_line(stated, sent_ms, self._clock.now_ms())

    def _line(self, name: str, find: Callable[[], Problems], fine: str) -> Iterator[Line]:
        """One line of what is fine, or one for each problem."""
        try:
            problems = list(find())
        except (ClientError, BotoCoreError, StoreError) as error:
            problems = [f"can't be looked at: {explained(error)}"]
        yield from (Line(name, False, problem) for problem in problems)
        if not problems:
            yield Line(name, True, fine)

    def _tables(self) -> Problems:
        """Tables that lack the same are one problem."""
        names, found = TableNames(self._name), dict[str, list[str]]()
        for name in (names.of(table) for table in Table):
            for problem in self._table(name):
                found.setdefault(problem, []).append(name)
        yield from (f"{', '.join(tables)}: {problem}" for problem, tables in found.items())

    def _table(self, name: str) -> Problems:
        client: Any = self._stage.clients.dynamodb
        try:
            table = client.describe_table(TableName=name)["Table"]
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            yield f"not there; {_DEPLOY}"
            return
        if table["TableStatus"] != "ACTIVE":
            yield f"{table['TableStatus']}; wait until it is ACTIVE"
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        if keys != {"HASH": PARTITION_KEY, "RANGE": SORT_KEY}:
            yield "other keys than ours; it is no table of Holdfast's"
        expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if expiry.get("AttributeName") != TTL_ATTRIBUTE or expiry["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
            yield f"no TTL on attribute {TTL_ATTRIBUTE}, so that what is over is never deleted; {_DEPLOY}"
        if is_disposable(self._name):
            return
        if not table.get("DeletionProtectionEnabled"):
            yield f"no protection from deletion; {_DEPLOY}"
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
            yield f"no recovery to a point in time; {_DEPLOY}"

    def _switches(self) -> Problems:
        texts = self._stage.parameters.read(parameter_path(self._name, EVERYBODY))
        missing = [name for name in NAMES if name not in texts]
        if missing:
            shown = f"{', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}"
            yield f"{len(missing)} are not there ({shown}), and their defaults hold; holdfast switches sync makes them"
        for problem in check(SwitchTexts(self._name, EVERYBODY, {}, texts))[1]:
            yield f"{problem}; holdfast switches set or unset mends it"

    def _jobs(self) -> Iterator[Line]:
        """Queues, functions and schedules; a stand-in that has none of them is fine without."""
        functions = {function: self._configuration(function) for function in QUEUES}
        execute = functions[Function.EXECUTE]
        if self._is_stand_in and not isinstance(execute, dict):
            yield Line("jobs", True, "this stand-in for AWS has none; accounts are checked from this machine")
            return
        self.has_jobs = isinstance(execute, dict)
        yield from self._line("queues", self._queues, "no message waits too long, none is dead")
        yield from self._line("functions", lambda: self._functions(functions), "active, and no errors in an hour")
        if self.accounts is not None:
            yield from self._line("schedules", self._schedules, "on, one of each job for each account")

    def _configuration(self, function: Function) -> dict[str, Any] | str:
        """How a function is configured, or why that is not known."""
        try:
            answer = self._stage.clients.of("lambda").get_function_configuration(
                FunctionName=function_name(self._name, function)
            )
        except ClientError as error:
            return f"does not exist; {_DEPLOY}" if _code(error) in _ABSENT else explained(error)
        except BotoCoreError as error:
            return explained(error)
        return dict(answer)

    def _queues(self) -> Problems:
        for function in QUEUES:
            waiting = yield from self._depth(queue_name(self._name, function))
            if waiting > _MOST_WAITING + len(self._served):
                yield f"{waiting} messages wait for {function}, which is too slow, throttled or broken: see its log"
            dead = yield from self._depth(name := dead_letter_queue_name(self._name, function))
            if dead:
                logs = log_group_name(self._name, function)
                yield f"{dead} in {name}: MESSAGE_FAILED in {logs} says why; then purge it, or move them back"

    def _depth(self, name: str) -> Generator[str, None, int]:
        """How many messages can be received; yields a problem where there is no such queue."""
        client: Any = self._stage.clients.sqs
        try:
            url = client.get_queue_url(QueueName=name)["QueueUrl"]
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            yield f"{name} does not exist; {_DEPLOY}"
            return 0
        count = "ApproximateNumberOfMessages"
        return int(client.get_queue_attributes(QueueUrl=url, AttributeNames=[count])["Attributes"][count])

    def _functions(self, functions: dict[Function, dict[str, Any] | str]) -> Problems:
        for function, found in functions.items():
            name = function_name(self._name, function)
            if isinstance(found, str):
                yield f"{name} {found}"
                continue
            for key, fine in (("State", "Active"), ("LastUpdateStatus", "Successful")):
                if found.get(key, fine) not in (fine, "Inactive"):
                    yield f"{name} is {found[key]}: {found.get(f'{key}Reason') or 'wait, or deploy again'}"
            if not self._is_fed(name):
                yield f"{name} takes no messages of its queue: its event source mapping is off or gone; {_DEPLOY}"
            errors = self._errors(name)
            if errors:
                yield f"{name} ended by {errors} errors within an hour: {log_group_name(self._name, function)} says why"

    def _is_fed(self, name: str) -> bool:
        found = self._stage.clients.of("lambda").list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        return any(one["State"] in ("Enabled", "Enabling", "Creating", "Updating") for one in found)

    def _errors(self, name: str) -> int:
        """How many invocations of the last hour failed; 0 where these credentials may not look."""
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        try:
            answer = self._stage.clients.of("cloudwatch").get_metric_statistics(
                Namespace="AWS/Lambda",
                MetricName="Errors",
                Dimensions=[{"Name": "FunctionName", "Value": name}],
                StartTime=now - _LOOKED_BACK,
                EndTime=now,
                Period=round(_LOOKED_BACK.total_seconds()),
                Statistics=["Sum"],
            )
        except ClientError as error:
            if _code(error) in _DENIED:
                return 0
            raise
        return int(sum(point["Sum"] for point in answer["Datapoints"]))

    def _schedules(self) -> Problems:
        group = schedule_group_name(self._name)
        pages = self._stage.clients.of("scheduler").get_paginator("list_schedules").paginate(GroupName=group)
        try:
            found = {one["Name"]: one for page in pages for one in page["Schedules"]}
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            found = {}
        wanted = {schedule_name(job, account): (job, account) for job in JOBS for account in self._served}
        for name, (job, account) in wanted.items():
            one = found.get(name)
            if one is None:
                yield f"{account} has no {job} ticks: no schedule {name}; is its line in cdk.json? {_DEPLOY}"
            elif one.get("State") == "DISABLED":
                yield f"{account} has no {job} ticks: schedule {name} is DISABLED; enable it in group {group}"
            elif not one["Target"]["Arn"].endswith(f":{queue_name(self._name, job)}"):
                yield f"schedule {name} sends to {one['Target']['Arn']}, which is not {job}'s queue; {_DEPLOY}"
        known = {schedule_name(job, account) for job in JOBS for account in self.accounts or ()}
        for name in sorted(found.keys() - known):
            yield f"schedule {name} is of no account in the tables; holdfast accounts sync adds those of cdk.json"


def explained(error: Exception) -> str:
    """Why a call to AWS failed, in one line."""
    if isinstance(error, ClientError) and _code(error) in _DENIED:
        return f"these credentials may not {error.operation_name}: allow it to them, or use others"
    return one_line(error)


def one_line(error: Exception) -> str:
    """An error's words without line breaks."""
    return " ".join(str(error).split())


def differences(of_regions: Sequence[tuple[str, dict[str, str]]]) -> Iterator[Line]:
    """Everybody's switches that are not the same in each region."""
    for name in NAMES:
        values = [(region, texts.get(name, "the default")) for region, texts in of_regions]
        if len({value for _, value in values}) > 1:
            shown = ", ".join(f"{value} in {region}" for region, value in values)
            yield Line("switches", False, f"{name} is {shown}; holdfast switches set {name}=... makes it the same")


def _clock_line(stated: str, sent_ms: int, received_ms: int) -> Line:
    aws_ms = round(parsedate_to_datetime(stated).timestamp() * 1000)
    skew_ms = certain_skew(ClockReading(aws_ms, sent_ms, received_ms, 1_000))
    if judge(skew_ms) is SkewVerdict.FINE:
        return Line("clock", True, f"this machine's is not known to be more than {WARN_OVER_MS:,} ms from AWS's")
    apart = f"this machine's is at least {abs(skew_ms):,} ms {'behind' if skew_ms > 0 else 'ahead of'} AWS's"
    return Line("clock", False, f"{apart}: requests from here expire at other times than meant; synchronise it")


def _why_not_reached(error: Exception) -> str:
    if isinstance(error, NoCredentialsError):
        return "there are no credentials; log in (aws sso login), or set AWS_PROFILE"
    if isinstance(error, ClientError):
        return f"the credentials are refused ({_code(error)}); log in again, or set another AWS_PROFILE"
    return f"no answer: {one_line(error)}; check the network, the region and AWS_ENDPOINT_URL"


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))
