"""`holdfast doctor` on a deployment in two regions: real tables, queues and schedules, the functions' real code under
their permissions, and local venues over HTTP. Whatever is broken is one line that says what to do."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cli import doctor
from functions.execute.handler import handle
from functions.runtime import JobFunction, Runtime
from holdfast.clock import Clock, SystemClock
from holdfast.core.positions import Position
from holdfast.deployed import (
    JOBS,
    QUEUES,
    Function,
    dead_letter_queue_name,
    function_name,
    queue_name,
    schedule_group_name,
    schedule_name,
    secret_name,
)
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.halts import Halting
from holdfast.state.ledger import Ledger, StoredPosition
from holdfast.state.parameters import SsmParameters
from holdfast.state.port import Table
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from local.venues.polymarket import Geoblock
from tests.aws import InRegion
from tests.cli.conftest import Holdfast, Result
from tests.cli.lambda_api import LambdaApi
from tests.cli.venues import Kalshi, Polymarket, ShiftedClock
from tests.functions.permitted import permitted

US, EU = "us-east-1", "eu-west-1"
KAL, POLY = "doctor --account kal", "doctor --account poly"
# As programs name the services that moto stands in for, but Lambda.
SERVICES = ("DYNAMODB", "SSM", "SQS", "SECRETS_MANAGER", "SCHEDULER", "STS", "CLOUDWATCH")


class Deployed:
    """A stage as `make deploy` leaves it: a Kalshi account in us-east-1, a Polymarket account in eu-west-1."""

    def __init__(self, aws: LocalAws, stage: str, api: LambdaApi, kalshi: Kalshi, polymarket: Polymarket) -> None:
        self.aws, self.stage, self.api, self.kalshi, self.polymarket = aws, stage, api, kalshi, polymarket
        self.log = StringIO()
        self.accounts = {"kal": (US, kalshi), "poly": (EU, polymarket)}
        for name, (region, world) in self.accounts.items():
            self._protect_tables(region)
            urls = self._queues(region)
            self._functions(region, urls)
            self._schedules(region, name)
            secrets = self.clients(region).secrets
            secrets.create_secret(Name=secret_name(stage, name), SecretString=json.dumps(world.secret))

    def clients(self, region: str) -> AwsClients:
        return InRegion(self.aws, region).clients()

    def store(self, region: str) -> DynamoStore:
        return DynamoStore(self.clients(region).dynamodb, TableNames(self.stage), SystemClock())

    def context(self) -> dict[str, Any]:
        return {
            name: {"venue": world.venue, "environment": "local", "base_url": world.url, "region": region}
            for name, (region, world) in self.accounts.items()
        }

    def url(self, region: str, name: str) -> str:
        return str(self.clients(region).sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def scheduler(self, region: str) -> Any:
        return self.clients(region).of("scheduler")

    def schedule(self, region: str, job: Function, account: str, **changes: str) -> dict[str, Any]:
        return {
            "Name": schedule_name(job, account),
            "GroupName": schedule_group_name(self.stage),
            "ScheduleExpression": "rate(1 minute)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": f"arn:aws:sqs:{region}:1:{queue_name(self.stage, job)}",
                "RoleArn": "arn:aws:iam::100000000001:role/ticks",
            },
            **changes,
        }

    def _protect_tables(self, region: str) -> None:
        dynamodb = self.clients(region).dynamodb
        for name in (TableNames(self.stage).of(table) for table in Table):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
            dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )

    def _queues(self, region: str) -> dict[Function, str]:
        sqs = self.clients(region).sqs
        for function in QUEUES:
            sqs.create_queue(QueueName=dead_letter_queue_name(self.stage, function))
        return {each: sqs.create_queue(QueueName=queue_name(self.stage, each))["QueueUrl"] for each in QUEUES}

    def _functions(self, region: str, urls: dict[Function, str]) -> None:
        for function in QUEUES:
            self.api.functions[region, function_name(self.stage, function)] = None
        allowed = permitted(InRegion(self.aws, region), Function.EXECUTE, self.stage, urls)
        execute = JobFunction(handle.job)
        execute.runtime = Runtime(handle.job, allowed, self.stage, urls[Function.EXECUTE], "stream-1", SystemClock())
        for handler in execute.runtime.telemetry._logger.handlers:
            handler.setStream(self.log)
        self.api.functions[region, function_name(self.stage, Function.EXECUTE)] = execute

    def _schedules(self, region: str, account: str) -> None:
        self.scheduler(region).create_schedule_group(Name=schedule_group_name(self.stage))
        for job in JOBS:
            self.scheduler(region).create_schedule(**self.schedule(region, job, account))


@pytest.fixture
def deployed(
    local_aws: LocalAws,
    stage: str,
    holdfast: Holdfast,
    kalshi: Kalshi,
    polymarket: Polymarket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployed]:
    InRegion(local_aws, EU).create_stage(stage)
    api = LambdaApi()
    made = Deployed(local_aws, stage, api, kalshi, polymarket)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for service in SERVICES:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", local_aws.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
    Path("cdk.json").write_text(json.dumps({"context": {"accounts": made.context()}}))
    synced = holdfast("accounts sync")
    assert synced.code == 0, synced.err
    yield made
    api.close()


def problems(result: Result) -> list[tuple[str, str, str]]:
    """Whom, which check and what to do, of each line that is not ok; the exit code says whether there are any."""
    assert result.err == ""
    found = []
    for line in result.out.splitlines():
        subject, _, rest = line.partition("  ")
        check, verdict = rest[:11].strip(), rest[11:].strip()
        assert verdict.startswith(("ok: ", "NOT OK: ")), line
        assert "Traceback" not in line
        if verdict.startswith("NOT OK: "):
            found.append((subject, check, verdict.removeprefix("NOT OK: ")))
    assert result.code == (1 if found else 0)
    return found


def only(result: Result) -> tuple[str, str, str]:
    (found,) = problems(result)
    return found


def test_a_deployment_that_is_ready_is_ok_in_every_line(holdfast: Holdfast, deployed: Deployed) -> None:
    result = holdfast("doctor")
    assert problems(result) == []
    checks = [(line.partition("  ")[0], line.partition("  ")[2][:11].strip()) for line in result.out.splitlines()]
    region = ["aws", "clock", "tables", "switches", "queues", "functions", "schedules"]
    account = ["switches", "function", "record", "secret", "status", "clock", "credentials", "limits", "place", "key"]
    wallet = [*account[:4], "signer", *account[4:7], "allowance", *account[7:]]
    assert checks == [
        *((EU, check) for check in region),
        *((f"{EU} poly", check) for check in wallet),
        *((US, check) for check in region),
        *((f"{US} kal", check) for check in account),
    ]
    assert f"{EU} poly  place        ok: seen from IE-L, not blocked" in result.out
    for world in (deployed.kalshi, deployed.polymarket):
        assert not any(text in result.out + deployed.log.getvalue() for text in world.secret.values())
    assert "ACCOUNT_CHECKED" in deployed.log.getvalue()
    one = holdfast(KAL)
    assert problems(one) == []
    assert EU not in one.out


def test_the_place_is_the_functions(holdfast: Holdfast, deployed: Deployed) -> None:
    deployed.polymarket.exchange.operator.set_geoblock(Geoblock(blocked=True, country="US", region="NY"))
    assert only(holdfast(POLY))[:2] == (f"{EU} poly", "place")


def test_a_wrong_secret_is_the_functions_to_find(holdfast: Holdfast, deployed: Deployed) -> None:
    secrets, name = deployed.clients(US).secrets, secret_name(deployed.stage, "kal")
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"key_id": "key-of-us"}))
    subject, check, todo = only(holdfast(KAL))
    assert (subject, check) == (f"{US} kal", "secret")
    assert "lacks private_key" in todo
    assert "Secrets Manager of us-east-1" in todo
    wrong = deployed.kalshi.secret | {"key_id": "somebody-elses"}
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(wrong))
    assert only(holdfast(KAL))[:2] == (f"{US} kal", "credentials")
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert "can't be read: ResourceNotFoundException" in only(holdfast(KAL))[2]


def test_a_dead_venue_is_one_line(holdfast: Holdfast, deployed: Deployed) -> None:
    deployed.kalshi.url = "http://127.0.0.1:9"
    Path("cdk.json").write_text(json.dumps({"context": {"accounts": deployed.context()}}))
    assert only(holdfast(KAL))[1:] == (
        "record",
        "it is not what cdk.json says; holdfast accounts sync mends it",
    )
    assert holdfast("accounts sync").code == 0
    subject, check, todo = only(holdfast(KAL))
    assert (subject, check) == (f"{US} kal", "status")
    assert "no answer" in todo


def test_a_paused_venue_and_a_halted_account_are_named(holdfast: Holdfast, deployed: Deployed) -> None:
    deployed.kalshi.exchange.pause_trading()
    assert only(holdfast("doctor"))[:2] == (f"{US} kal", "status")
    deployed.kalshi.exchange.resume()
    assert holdfast("switches set halt=true --account poly").code == 0
    subject, check, todo = only(holdfast("doctor"))
    assert (subject, check) == (f"{EU} poly", "halt")
    assert "holdfast switches set halt=false --account poly" in todo
    assert holdfast("switches unset halt --account poly").code == 0
    Halting(deployed.store(US), "kal").record(("daily_loss",), -1)
    assert "halted (daily_loss)" in only(holdfast("doctor"))[2]


def test_a_missing_table_is_one_line_and_ends_no_other_regions_checks(holdfast: Holdfast, deployed: Deployed) -> None:
    dynamodb = deployed.clients(US).dynamodb
    name = f"holdfast-{deployed.stage}-ledger"
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    assert only(holdfast("doctor")) == (US, "tables", f"{name}: no protection from deletion; make deploy makes it")
    dynamodb.delete_table(TableName=name)
    assert only(holdfast("doctor")) == (US, "tables", f"{name}: not there; make deploy makes it")
    control = f"holdfast-{deployed.stage}-control"
    dynamodb.update_table(TableName=control, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=control)
    result = holdfast("doctor")
    assert only(result) == (US, "tables", f"{name}, {control}: not there; make deploy makes it")
    assert f"{EU} poly  key          ok" in result.out


@pytest.mark.parametrize(("what", "said"), [("ttl", "TTL"), ("pitr", "point in time")])
def test_a_table_that_forgets_too_much_or_too_little_is_named(
    holdfast: Holdfast, deployed: Deployed, what: str, said: str
) -> None:
    name, dynamodb = f"holdfast-{deployed.stage}-brackets", deployed.clients(EU).dynamodb
    if what == "ttl":
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"})
    else:
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        )
    subject, check, todo = only(holdfast(POLY))
    assert (subject, check) == (EU, "tables")
    assert said in todo


def test_switches_that_are_missing_wrong_or_not_the_same_are_named(holdfast: Holdfast, deployed: Deployed) -> None:
    us = SsmParameters(deployed.clients(US).ssm)
    path = f"/holdfast/{deployed.stage}"
    us.write(f"{path}/all/dry_run", "true")
    subject, check, todo = only(holdfast("doctor"))
    assert (subject, check) == (deployed.stage, "switches")
    assert todo.startswith(f"dry_run is false in {EU}, true in {US}; holdfast switches set dry_run=...")
    us.remove(f"{path}/all/dry_run")
    assert [todo for _, _, todo in problems(holdfast("doctor"))] == [
        "1 are not there (dry_run), and their defaults hold; holdfast switches sync makes them",
        f"dry_run is false in {EU}, the default in {US}; holdfast switches set dry_run=... makes it the same",
    ]
    us.write(f"{path}/all/dry_run", "false")
    us.write(f"{path}/kal/max_open_orders", "many")
    subject, check, todo = only(holdfast("doctor"))
    assert (subject, check) == (f"{US} kal", "switches")
    assert todo.startswith(f"{path}/kal/max_open_orders: 'many' is not allowed")


def test_schedules_that_are_gone_off_or_strange_are_named(holdfast: Holdfast, deployed: Deployed) -> None:
    scheduler, group = deployed.scheduler(EU), schedule_group_name(deployed.stage)
    scheduler.update_schedule(**deployed.schedule(EU, Function.EXECUTE, "poly", State="DISABLED"))
    assert only(holdfast(POLY))[2].startswith("poly has no execute ticks: schedule execute-poly is DISABLED")
    scheduler.delete_schedule(Name="execute-poly", GroupName=group)
    assert only(holdfast(POLY))[2].startswith("poly has no execute ticks: no schedule execute-poly")
    scheduler.create_schedule(**deployed.schedule(EU, Function.BRACKETS, "poly") | {"Name": "execute-poly"})
    assert "not execute's queue" in only(holdfast(POLY))[2]
    scheduler.update_schedule(**deployed.schedule(EU, Function.EXECUTE, "poly"))
    scheduler.create_schedule(**deployed.schedule(EU, Function.EXECUTE, "gone"))
    assert only(holdfast(POLY))[2].startswith("schedule execute-gone is of no account")


def test_queues_that_are_full_dead_or_gone_are_named(holdfast: Holdfast, deployed: Deployed) -> None:
    sqs = deployed.clients(US).sqs
    dead = deployed.url(US, dead_letter_queue_name(deployed.stage, Function.SIGNALS))
    sqs.send_message(QueueUrl=dead, MessageBody="poison")
    todo = only(holdfast(KAL))[2]
    assert todo.startswith(f"1 in holdfast-{deployed.stage}-signals-dead: MESSAGE_FAILED in /aws/lambda/")
    sqs.purge_queue(QueueUrl=dead)
    queue = deployed.url(US, queue_name(deployed.stage, Function.BRACKETS))
    for _ in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody="waiting")
    assert only(holdfast(KAL))[2].startswith("12 messages wait for brackets")
    sqs.delete_queue(QueueUrl=queue)
    assert only(holdfast(KAL))[2] == f"holdfast-{deployed.stage}-brackets does not exist; make deploy makes it"


def test_functions_that_fail_are_named_and_the_account_is_looked_at_from_here(
    holdfast: Holdfast, deployed: Deployed
) -> None:
    name = function_name(deployed.stage, Function.EXECUTE)

    def broken(event: dict[str, Any], context: object) -> dict[str, Any]:
        raise ModuleNotFoundError("no layer, and the secret is 12345")

    deployed.api.functions[EU, name] = broken
    deployed.polymarket.exchange.operator.set_geoblock(Geoblock(blocked=True, country="US", region="NY"))
    result = holdfast(POLY)
    subject, check, todo = only(result)
    assert (subject, check) == (f"{EU} poly", "function")
    assert f"it ended by ModuleNotFoundError; log group /aws/lambda/{name} says why" in todo
    assert "12345" not in result.out
    assert f"{EU} poly  credentials  ok" in result.out
    assert f"{EU} poly  place" not in result.out, "where this machine is says nothing"
    deployed.api.functions[EU, name] = lambda event, context: {"batchItemFailures": []}
    assert "none of this release's" in only(holdfast(POLY))[2]
    deployed.api.denied = True
    denied = f"{name} does not check it: these credentials may not Invoke: allow it to them, or use others"
    assert only(holdfast(POLY))[2] == denied
    deployed.api.denied, deployed.api.fed = False, False
    assert "event source mapping" in problems(holdfast(KAL))[0][2]


def test_errors_of_the_last_hour_and_a_missing_function_are_named(holdfast: Holdfast, deployed: Deployed) -> None:
    name = function_name(deployed.stage, Function.BRACKETS)
    # Not of this second, which the stand-in leaves out.
    errors = {"MetricName": "Errors", "Value": 3, "Timestamp": datetime.now(UTC) - timedelta(minutes=1)}
    deployed.clients(US).of("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda", MetricData=[errors | {"Dimensions": [{"Name": "FunctionName", "Value": name}]}]
    )
    assert only(holdfast(KAL))[2] == f"{name} ended by 3 errors within an hour: /aws/lambda/{name} says why"
    del deployed.api.functions[US, name]
    assert only(holdfast(KAL))[2] == f"{name} does not exist; make deploy makes it"


def test_an_account_that_is_in_one_of_table_and_context_alone(holdfast: Holdfast, deployed: Deployed) -> None:
    context = deployed.context()
    Path("cdk.json").write_text(json.dumps({"context": {"accounts": context | {"new": context["kal"]}}}))
    assert only(holdfast("doctor")) == (
        f"{US} new",
        "record",
        "cdk.json names it, the tables do not; holdfast accounts sync adds it",
    )
    del deployed.accounts["kal"]
    Path("cdk.json").write_text(json.dumps({"context": {"accounts": {**deployed.context(), "us": context["kal"]}}}))
    assert holdfast("accounts sync").code == 0
    for job in JOBS:
        deployed.scheduler(US).create_schedule(**deployed.schedule(US, job, "us"))
    secret = json.dumps(deployed.kalshi.secret)
    deployed.clients(US).secrets.create_secret(Name=secret_name(deployed.stage, "us"), SecretString=secret)
    left = holdfast("doctor")
    assert problems(left) == []
    assert f"{US} kal  record       ok: it is not in cdk.json and has no ticks; nothing of it is open" in left.out
    Ledger(deployed.store(US), "kal").book(StoredPosition(Position("M")), Position("M", size=500), [])
    assert "it is not in cdk.json and has no ticks, but 1 open position" in only(holdfast("doctor"))[2]


@pytest.mark.parametrize("ahead_ms", [-60_000, 60_000])
def test_a_skewed_clock_of_this_machine_is_named(
    holdfast: Holdfast, deployed: Deployed, monkeypatch: pytest.MonkeyPatch, ahead_ms: int
) -> None:
    def skewed() -> Clock:
        return ShiftedClock(ahead_ms)

    monkeypatch.setattr(doctor, "SystemClock", skewed)
    found = problems(holdfast(KAL))
    assert [(subject, check) for subject, check, _ in found] == [(US, "clock")]
    assert ("behind" if ahead_ms < 0 else "ahead of") in found[0][2]


def test_a_dead_endpoint_and_missing_credentials_are_one_line_a_region(
    holdfast: Holdfast, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    found = problems(holdfast("doctor"))
    assert [(subject, check) for subject, check, _ in found] == [(EU, "aws"), (US, "aws")]
    assert "no answer" in found[0][2]
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert "there are no credentials" in problems(holdfast("doctor"))[0][2]


def test_a_stand_in_without_jobs_is_checked_from_this_machine(
    holdfast: Holdfast, local_aws: LocalAws, stage: str, kalshi: Kalshi, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_aws.create_stage("dev-here")
    monkeypatch.setenv("HOLDFAST_STAGE", "dev-here")
    assert only(holdfast("doctor"))[1] == "accounts"
    name = secret_name("dev-here", "kal")
    local_aws.clients().secrets.create_secret(Name=name, SecretString=json.dumps(kalshi.secret))
    line = f"accounts add kal --venue kalshi --environment local --secret {name} --base-url {kalshi.url}"
    assert holdfast(line).code == 0
    ready = holdfast("doctor")
    assert problems(ready) == []
    assert f"{US}  jobs         ok: this stand-in for AWS has none" in ready.out
    assert f"{US} kal  credentials  ok: accepted, $1,234.56 can be spent" in ready.out
    assert "a known account: kal" in only(holdfast("doctor --account nobody"))[2]
