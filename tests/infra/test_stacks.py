"""The synthesized stacks have the tables, queues, schedules and variables that the code uses, and lose nothing."""

import importlib
import json
from typing import Any

import pytest

from holdfast.deployed import JOBS, QUEUES, TICK_TIMEOUT_SECONDS, Function, dead_letter_queue_name, queue_name
from holdfast.jobs.schedule import decode
from holdfast.state.port import Table
from holdfast.state.switch_set import Switches
from holdfast.state.tables import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE, TableNames
from infra.settings import MOST_ACCOUNTS, MOST_WALLETS
from local.aws.stand_in import LocalAws
from tests.infra.conftest import Synthesize
from tests.infra.templates import AWS_ACCOUNT, Template

pytestmark = pytest.mark.xdist_group("stacks")

Stacks = dict[str, Template]
KEYS = {PARTITION_KEY: "HASH", SORT_KEY: "RANGE"}
SQS = f"https://sqs.us-east-1.amazonaws.com/{AWS_ACCOUNT}"


def test_stacks_are_per_region_in_use(dev: Stacks, production: Stacks) -> None:
    assert list(dev) == [f"holdfast-dev-us-east-1-{part}" for part in ("data", "jobs", "watch")]
    assert list(production) == [
        f"holdfast-prod-{region}-{part}"
        for region in ("eu-west-1", "us-east-1")
        for part in ("data", "ingress", "jobs", "watch")
    ]


def test_tables_are_those_that_the_store_uses(production: Stacks) -> None:
    tables = {one.properties["TableName"]: one for one in production["holdfast-prod-us-east-1-data"].all(TABLE)}
    assert tables.keys() == {TableNames("prod").of(table) for table in Table}
    for table in tables.values():
        properties = table.properties
        assert {key["AttributeName"]: key["KeyType"] for key in properties["KeySchema"]} == KEYS
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["TimeToLiveSpecification"] == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}
        assert [replica["PointInTimeRecoverySpecification"] for replica in properties["Replicas"]] == [
            {"PointInTimeRecoveryEnabled": True}
        ]


TABLE = "DynamoDB::GlobalTable"


@pytest.mark.parametrize("kind", [TABLE, "Logs::LogGroup", "SecretsManager::Secret", "KMS::Key"])
def test_production_keeps_what_it_knows_and_dev_leaves_nothing(kind: str, dev: Stacks, production: Stacks) -> None:
    kept = [one for name, stack in production.items() if "ingress" not in name for one in stack.all(kind)]
    lost = [one for stack in dev.values() for one in stack.all(kind)]
    assert kept
    assert lost
    assert {one.body["DeletionPolicy"] for one in kept} == {"Retain"}
    assert {one.body["DeletionPolicy"] for one in lost} == {"Delete"}
    if kind == TABLE:
        assert {replica["DeletionProtectionEnabled"] for one in kept for replica in one.properties["Replicas"]} == {
            True
        }
        assert not any(
            replica.get("DeletionProtectionEnabled") for one in lost for replica in one.properties["Replicas"]
        )


def test_secrets_are_per_account_encrypted_and_without_value(production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-data"]
    secrets = stack.all("SecretsManager::Secret")
    assert [one.properties["Name"] for one in secrets] == ["holdfast/prod/kalshi-1", "holdfast/prod/kalshi-2"]
    key = stack.one("KMS::Key")
    for secret in secrets:
        assert secret.properties["KmsKeyId"] == {"Fn::GetAtt": [key.logical_id, "Arn"]}
        assert not secret.properties.keys() & {"SecretString", "GenerateSecretString"}
    assert key.properties["EnableKeyRotation"] is True


@pytest.mark.parametrize("job", JOBS)
def test_a_schedule_per_account_sends_a_tick_that_the_job_reads(job: Function, production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-jobs"]
    for account in ("kalshi-1", "kalshi-2"):
        schedule = stack.one("Scheduler::Schedule", Name=f"{job}-{account}").properties
        target = stack.shown(schedule["Target"])
        assert (schedule["ScheduleExpression"], schedule["FlexibleTimeWindow"]) == ("rate(1 minute)", {"Mode": "OFF"})
        assert stack.shown(schedule["GroupName"]) == "holdfast-prod"
        assert target["Arn"] == f"{queue_name('prod', job)}.Arn"
        assert target["DeadLetterConfig"] == {"Arn": f"{dead_letter_queue_name('prod', job)}.Arn"}
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 2}
        # Scheduler puts the time in.
        message = decode(target["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-21T17:00:00Z"))
        assert (message.account, message.scheduled_at_ms, message.follow_up) == (account, 1_795_280_400_000, False)
    assert len(stack.all("Scheduler::Schedule")) == 2 * len(JOBS)


@pytest.mark.parametrize("function", QUEUES)
def test_a_function_reads_its_queue_and_a_dead_letter_queue_takes_the_rest(function: Function, dev: Stacks) -> None:
    stack = dev["holdfast-dev-us-east-1-jobs"]
    queue = stack.one("SQS::Queue", QueueName=queue_name("dev", function)).properties
    dead = stack.one("SQS::Queue", QueueName=dead_letter_queue_name("dev", function)).properties
    made = stack.one("Lambda::Function", FunctionName=f"holdfast-dev-{function}").properties
    source = stack.one("Lambda::EventSourceMapping", EventSourceArn=f"holdfast-dev-{function}.Arn").properties
    is_tick = function in JOBS
    assert (
        stack.shown(queue["RedrivePolicy"])["deadLetterTargetArn"] == f"{dead_letter_queue_name('dev', function)}.Arn"
    )
    assert {queue["SqsManagedSseEnabled"], dead["SqsManagedSseEnabled"]} == {True}
    # A function that still runs must not be given its message again; twice delivered, it is still kept for once more.
    assert queue["VisibilityTimeout"] >= made["Timeout"] * (1 if is_tick else 6)
    assert queue["MessageRetentionPeriod"] > 2 * queue["VisibilityTimeout"]
    assert queue["MessageRetentionPeriod"] <= (900 if is_tick else 7_200)
    assert stack.shown(source["FunctionName"]) == f"holdfast-dev-{function}"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] == (1 if is_tick else 10)


def test_every_queue_refuses_plain_http(production: Stacks) -> None:
    for name, stack in production.items():
        denied = {
            stack.shown(policy.properties["Queues"])[0].rpartition("/")[2]
            for policy in stack.all("SQS::QueuePolicy")
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        }
        assert len(denied) == len(stack.all("SQS::Queue")), name


def test_a_tick_has_time_to_wait_and_to_protect(dev: Stacks) -> None:
    longest = next(bound.le for bound in Switches.model_fields["max_wait_seconds"].metadata if hasattr(bound, "le"))
    for job in JOBS:
        function = dev["holdfast-dev-us-east-1-jobs"].one("Lambda::Function", FunctionName=f"holdfast-dev-{job}")
        assert function.properties["Timeout"] == TICK_TIMEOUT_SECONDS >= longest + 60


def test_functions_run_what_is_there(production: Stacks) -> None:
    functions = [one for stack in production.values() for one in stack.all("Lambda::Function")]
    assert len(functions) == 2 * len(Function)
    for function in functions:
        properties = function.properties
        assert properties["Architectures"] == ["arm64"]
        assert properties["Runtime"] == "python3.13"
        module, _, attribute = properties["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), attribute))
    invoked = [one.properties for stack in production.values() for one in stack.all("Lambda::EventInvokeConfig")]
    assert len(invoked) == len(functions)
    assert {(one["MaximumEventAgeInSeconds"], one["MaximumRetryAttempts"]) for one in invoked} == {(60, 0)}


def test_concurrency_is_reserved_where_it_is_asked_for(dev: Stacks, production: Stacks) -> None:
    def reserved(stacks: Stacks, stage: str, function: Function) -> tuple[Any, Any]:
        stack = stacks[f"holdfast-{stage}-us-east-1-jobs"]
        made = stack.one("Lambda::Function", FunctionName=f"holdfast-{stage}-{function}").properties
        source = stack.one("Lambda::EventSourceMapping", EventSourceArn=f"holdfast-{stage}-{function}.Arn").properties
        return made.get("ReservedConcurrentExecutions"), source.get("ScalingConfig")

    for job in JOBS:
        assert reserved(dev, "dev", job) == (None, None)
        assert reserved(production, "prod", job) == (5, {"MaximumConcurrency": 5})
    assert reserved(production, "prod", Function.SIGNALS) == (None, None)


@pytest.mark.parametrize("function", Function)
def test_a_function_finds_all_that_it_reads_in_its_environment(
    function: Function, production: Stacks, monkeypatch: pytest.MonkeyPatch, local_aws: LocalAws
) -> None:
    part = "ingress" if function is Function.WEBHOOK else "jobs"
    stack = production[f"holdfast-prod-us-east-1-{part}"]
    made = stack.one("Lambda::Function", FunctionName=f"holdfast-prod-{function}").properties
    variables = stack.shown(made["Environment"]["Variables"])
    assert variables["HOLDFAST_STAGE"] == "prod"
    # As it starts on Lambda: what it lacks, it names.
    for name, value in {**local_aws.environment(), **variables}.items():
        monkeypatch.setenv(name, value)
    STARTS[function]()
    assert not any("arn:aws:secretsmanager" in value or "PRIVATE" in value for value in variables.values())


def _start_job(function: Function) -> None:
    from functions.runtime import Runtime

    handler = importlib.import_module(f"functions.{function}.handler")
    Runtime.from_environment(handler.handle.job, "w")


def _start_signals() -> None:
    from functions.signals.intake import Intake

    Intake.from_environment()


def _start_webhook() -> None:
    from functions.webhook.gate import Gate

    Gate.from_environment()


STARTS = {
    Function.EXECUTE: lambda: _start_job(Function.EXECUTE),
    Function.BRACKETS: lambda: _start_job(Function.BRACKETS),
    Function.SIGNALS: _start_signals,
    Function.WEBHOOK: _start_webhook,
}


def test_queues_in_the_environment_are_the_right_ones(production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-jobs"]

    def urls(function: Function) -> dict[str, str]:
        made = stack.one("Lambda::Function", FunctionName=f"holdfast-prod-{function}").properties
        variables = stack.shown(made["Environment"]["Variables"])
        return {name: value for name, value in variables.items() if name.endswith("QUEUE_URL")}

    assert urls(Function.EXECUTE) == {"HOLDFAST_QUEUE_URL": "holdfast-prod-execute"}
    assert urls(Function.BRACKETS) == {"HOLDFAST_QUEUE_URL": "holdfast-prod-brackets"}
    assert urls(Function.SIGNALS) == {
        "HOLDFAST_EXECUTE_QUEUE_URL": "holdfast-prod-execute",
        "HOLDFAST_BRACKETS_QUEUE_URL": "holdfast-prod-brackets",
    }
    ingress = production["holdfast-prod-us-east-1-ingress"]
    webhook = ingress.shown(ingress.one("Lambda::Function").properties["Environment"]["Variables"])
    assert webhook["HOLDFAST_SIGNALS_QUEUE_URL"] == f"{SQS}/holdfast-prod-signals"
    assert webhook["HOLDFAST_SOURCE_ADDRESSES"] == "192.0.2.7,198.51.100.0/24"
    assert webhook["HOLDFAST_WEBHOOK_SECRET"] == ingress.one("SecretsManager::Secret").properties["Name"]


LISTENERS = ("ApiGateway::", "ApiGatewayV2::", "ElasticLoadBalancing", "Lambda::Url", "EC2::", "S3::Bucket")


def test_nothing_listens_to_the_internet_unless_webhooks_are_asked_for(dev: Stacks, production: Stacks) -> None:
    quiet = [*dev.values(), *(stack for name, stack in production.items() if "ingress" not in name)]
    kinds = {body["Type"] for stack in quiet for body in stack.body["Resources"].values()}
    assert not [kind for kind in kinds if any(listener in kind for listener in LISTENERS)]
    assert not [one for stack in quiet for one in stack.all("Lambda::Permission")]


def test_webhooks_are_one_route_that_is_throttled(production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-ingress"]
    assert stack.one("ApiGatewayV2::Route").properties["RouteKey"] == "POST /signals"
    stage = stack.one("ApiGatewayV2::Stage").properties
    assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 10, "ThrottlingRateLimit": 5}
    assert "body" not in stage["AccessLogSettings"]["Format"].lower()


def test_everything_has_tags_for_its_cost(production: Stacks) -> None:
    for name, stack in production.items():
        for queue in (*stack.all("SQS::Queue"), *stack.all("Lambda::Function"), *stack.all("SecretsManager::Secret")):
            tags = {tag["Key"]: tag["Value"] for tag in queue.properties["Tags"]}
            part = name.rpartition("-")[2]
            assert tags == {"application": "holdfast", "stage": "prod", "component": part}, (name, queue.logical_id)


def test_no_template_has_a_secret_or_an_account_number(production: Stacks) -> None:
    for stack in production.values():
        text = json.dumps(stack.body)
        assert AWS_ACCOUNT not in text
        assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("part", ["data", "jobs", "watch"])
def test_most_accounts_fit_into_a_stack(part: str, production: Stacks) -> None:
    """CloudFormation takes 500 resources; what one account adds is the difference of two regions' stacks."""
    two, one = (production[f"holdfast-prod-{region}-{part}"] for region in ("us-east-1", "eu-west-1"))
    of_one, of_two = len(one.body["Resources"]), len(two.body["Resources"])
    assert of_one + (MOST_ACCOUNTS - 1) * (of_two - of_one) < 500


def test_no_roles_policies_are_longer_than_iam_takes(synthesize: Synthesize) -> None:
    """With the most wallets that a region takes, each with a key of its own named by the longest ARN."""
    region, arn = "ap-southeast-2", f"arn:aws:kms:ap-southeast-2:{AWS_ACCOUNT}:key/mrk-"
    line = {"venue": "polymarket", "environment": "production", "region": region}
    lines = {f"p{number}": {**line, "options": {"kms_key": f"{arn}{number:032x}"}} for number in range(MOST_WALLETS)}
    for stack in synthesize(accounts=lines).values():
        for role in stack.all("IAM::Role"):
            assert len(json.dumps(stack.shown(role.properties["Policies"]), separators=(",", ":"))) < 10_240
