"""One Lambda function: its code, its role with exactly what it calls, and its log group."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from holdfast.deployed import (
    STAGE_VARIABLE,
    Function,
    function_name,
    log_group_name,
    queue_name,
    secret_name,
)
from holdfast.state.switch_set import parameter_path
from holdfast.state.tables import TableNames
from infra.acknowledgements import acknowledge
from infra.bundling import function_code
from infra.packaging import LAMBDA, Target, this_machine
from infra.permissions import SENDS_TO, TABLE_ACTIONS, TRADES
from infra.settings import Deployment

MEMORY_MB = 512


def add_function(
    scope: Construct,
    deployment: Deployment,
    function: Function,
    *,
    layers: Sequence[lambda_.ILayerVersion],
    timeout_seconds: int,
    environment: dict[str, str],
    further: Sequence[iam.PolicyStatement] = (),
    reserved_concurrency: int = 0,
) -> lambda_.Function:
    """Make the function. Its role may do what `infra.permissions` says, log, and what `further` statements allow."""
    stack, stage = cdk.Stack.of(scope), deployment.stage
    name = function.value.capitalize()
    log_group = logs.LogGroup(
        scope,
        f"{name}Logs",
        log_group_name=log_group_name(stage, function),
        retention=logs.RetentionDays.ONE_WEEK if deployment.is_disposable else logs.RetentionDays.SIX_MONTHS,
        removal_policy=cdk.RemovalPolicy.DESTROY if deployment.is_disposable else cdk.RemovalPolicy.RETAIN,
    )
    role = iam.Role(
        scope,
        f"{name}Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"Holdfast {stage}: what the {function} function may do",
        inline_policies={
            "calls": iam.PolicyDocument(
                statements=[
                    *_statements(stack, stage, function),
                    _allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group.log_group_arn),
                    *further,
                ]
            )
        },
    )
    acknowledge(role, _reasons(stack, stage, function, log_group))
    made = lambda_.Function(
        scope,
        name,
        function_name=function_name(stage, function),
        description=f"Holdfast {stage}: {function}",
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        code=function_code(function.value, target=target_of(deployment)),
        handler=f"functions.{function}.handler.handle",
        layers=list(layers),
        role=role,
        log_group=log_group,
        timeout=cdk.Duration.seconds(timeout_seconds),
        memory_size=MEMORY_MB,
        environment={STAGE_VARIABLE: stage, **environment},
        reserved_concurrent_executions=reserved_concurrency or None,
        max_event_age=cdk.Duration.seconds(60),
        retry_attempts=0,
    )
    acknowledge(
        made, {"AwsSolutions-L1": "Python 3.13 is supported until 2029; the layers are built and tested for it"}
    )
    return made


def target_of(deployment: Deployment) -> Target:
    """What the deployed code is built for."""
    return this_machine() if deployment.build_for == "this-machine" else LAMBDA


def _statements(stack: cdk.Stack, stage: str, function: Function) -> list[iam.PolicyStatement]:
    """The calls of its code, by name of table, queue, path and secret."""
    tables = TableNames(stage)
    allowed = [
        _allow(list(actions), _arn(stack, "dynamodb", "table", tables.of(table)))
        for table, actions in TABLE_ACTIONS[function].items()
    ]
    queues = [_arn(stack, "sqs", queue_name(stage, target)) for target in SENDS_TO[function]]
    allowed.append(_allow(["sqs:SendMessage"], *queues))
    if function in TRADES:
        allowed.append(_allow(["ssm:GetParametersByPath"], _parameters(stack, stage)))
        allowed.append(_allow(["secretsmanager:GetSecretValue"], _secrets(stack, stage)))
    return allowed


def _allow(actions: list[str], *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=list(resources))


def _parameters(stack: cdk.Stack, stage: str) -> str:
    """The switches of the stage: everybody's, and each account's."""
    return _arn(stack, "ssm", "parameter", parameter_path(stage, "*").removeprefix("/"))


def _secrets(stack: cdk.Stack, stage: str) -> str:
    """The accounts' secrets, of which each has a random end."""
    return stack.format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=secret_name(stage, "*"),
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )


def _arn(stack: cdk.Stack, service: str, resource: str, name: str | None = None) -> str:
    if name is None:
        return stack.format_arn(service=service, resource=resource, arn_format=cdk.ArnFormat.NO_RESOURCE_NAME)
    return stack.format_arn(service=service, resource=resource, resource_name=name)


def _reasons(stack: cdk.Stack, stage: str, function: Function, log_group: logs.LogGroup) -> dict[str, str]:
    """Why the role's resources with a * are what is meant, by cdk-nag's finding."""
    log_id = stack.get_logical_id(log_group.node.default_child)  # type: ignore[arg-type]
    reasons = {f"AwsSolutions-IAM5[Resource::<{log_id}.Arn>]": "the log streams of its own log group"}
    if function in TRADES:
        for resource, words in (
            (_parameters(stack, stage), "the switches of this stage, an account's own below its name"),
            (_secrets(stack, stage), "this stage's accounts have their secrets here, and nothing else is"),
        ):
            shown = resource.replace(stack.account, "<AWS::AccountId>")
            reasons[f"AwsSolutions-IAM5[Resource::{shown}]"] = words
    return reasons
