"""What runs: per account and job a schedule, per job a queue and a function, and the signals beside them."""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from holdfast.assembly import KMS_KEY
from holdfast.deployed import (
    BRACKETS_QUEUE_URL_VARIABLE,
    EXECUTE_QUEUE_URL_VARIABLE,
    JOBS,
    QUEUE_URL_VARIABLE,
    QUEUES,
    TICK_TIMEOUT_SECONDS,
    Function,
    schedule_group_name,
    schedule_name,
)
from infra.bundling import layer_code
from infra.data import key_export
from infra.functions import add_function, target_of
from infra.packaging import FUNCTIONS
from infra.queues import SIGNAL_TIMEOUT_SECONDS, QueuePair, add_queues
from infra.settings import Deployment

SIGNALS_AT_ONCE = 10


class JobsStack(cdk.Stack):
    """The jobs of one region's accounts."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, **given: Any) -> None:
        super().__init__(scope, construct_id, description="Holdfast: schedules, queues and functions", **given)
        self._deployment = deployment
        self._layers = add_layers(self, deployment, {layer for function in QUEUES for layer in FUNCTIONS[function]})
        self._queues = {function: add_queues(self, deployment.stage, function) for function in QUEUES}
        for function in QUEUES:
            self._add_function(function)
        self._add_schedules()

    def _add_function(self, function: Function) -> None:
        is_tick = function in JOBS
        reserved = self._deployment.reserved_concurrency if is_tick else 0
        made = add_function(
            self,
            self._deployment,
            function,
            layers=[self._layers[layer] for layer in FUNCTIONS[function]],
            timeout_seconds=TICK_TIMEOUT_SECONDS if is_tick else SIGNAL_TIMEOUT_SECONDS,
            environment=self._environment(function),
            further=[*self._receiving(function), *(self._keys() if is_tick else ())],
            reserved_concurrency=reserved,
        )
        lambda_.EventSourceMapping(
            self,
            f"{function.value.capitalize()}Source",
            target=made,
            event_source_arn=self._queues[function].queue.queue_arn,
            # One account's slow or killed tick must keep no other account's waiting.
            batch_size=1 if is_tick else SIGNALS_AT_ONCE,
            report_batch_item_failures=True,
            # Messages that the function could not take would use up their deliveries.
            max_concurrency=reserved or None,
        )

    def _environment(self, function: Function) -> dict[str, str]:
        urls = {name: pair.queue.queue_url for name, pair in self._queues.items()}
        if function in JOBS:
            return {QUEUE_URL_VARIABLE: urls[function]}
        return {
            EXECUTE_QUEUE_URL_VARIABLE: urls[Function.EXECUTE],
            BRACKETS_QUEUE_URL_VARIABLE: urls[Function.BRACKETS],
        }

    def _receiving(self, function: Function) -> list[iam.PolicyStatement]:
        """What Lambda's poller does in the function's name."""
        actions = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        return [iam.PolicyStatement(actions=actions, resources=[self._queues[function].queue.queue_arn])]

    def _keys(self) -> list[iam.PolicyStatement]:
        """The data stack's key decrypts the accounts' secrets alone; wallets' keys in KMS, by account, sign."""
        decrypting = iam.PolicyStatement(
            actions=["kms:Decrypt"],
            resources=[cdk.Fn.import_value(key_export(self._deployment.stage))],
            conditions={"StringEquals": {"kms:ViaService": f"secretsmanager.{self.region}.{self.url_suffix}"}},
        )
        ids = [account.options.get(KMS_KEY, "") for account in self._deployment.accounts_in(self.region)]
        wallets = sorted({_key_arn(self, key_id) for key_id in ids if key_id})
        if not wallets:
            return [decrypting]
        return [decrypting, iam.PolicyStatement(actions=["kms:GetPublicKey", "kms:Sign"], resources=wallets)]

    def _add_schedules(self) -> None:
        group = scheduler.CfnScheduleGroup(self, "Schedules", name=schedule_group_name(self._deployment.stage))
        role = self._schedules_role(group)
        for job in JOBS:
            for account in self._deployment.accounts_in(self.region):
                self._add_schedule(job, account.account_id, group, role, self._queues[job])

    def _schedules_role(self, group: scheduler.CfnScheduleGroup) -> iam.Role:
        """May put ticks into the jobs' queues, and what these did not take into the dead-letter queues."""
        queues = [queue.queue_arn for job in JOBS for queue in self._queues[job]]
        assumed_by = iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": self.account, "aws:SourceArn": group.attr_arn}},
        )
        sending = iam.PolicyStatement(actions=["sqs:SendMessage"], resources=queues)
        return iam.Role(
            self,
            "SchedulesRole",
            assumed_by=assumed_by,
            description=f"Holdfast {self._deployment.stage}: what the schedules may do",
            inline_policies={"calls": iam.PolicyDocument(statements=[sending])},
        )

    def _add_schedule(
        self, job: Function, account: str, group: scheduler.CfnScheduleGroup, role: iam.Role, queues: QueuePair
    ) -> None:
        """One tick a minute. Accounts that were added at different times tick at different seconds."""
        message = {"account": account, "scheduled_at": scheduler.ContextAttribute.scheduled_time}
        scheduler.CfnSchedule(
            self,
            f"{job.value.capitalize()}-{account}",
            name=schedule_name(job, account),
            group_name=group.ref,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            schedule_expression="rate(1 minute)",
            schedule_expression_timezone=self._deployment.timezone,
            target=scheduler.CfnSchedule.TargetProperty(
                arn=queues.queue.queue_arn,
                role_arn=role.role_arn,
                input=json.dumps(message),
                # A tick that is a minute late is stale.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=60, maximum_retry_attempts=2
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=queues.dead.queue_arn),
            ),
        )


def _key_arn(stack: cdk.Stack, key_id: str) -> str:
    """The ARN of a KMS key that is named by it, or by the key's id."""
    return (
        key_id if key_id.startswith("arn:") else stack.format_arn(service="kms", resource="key", resource_name=key_id)
    )


def add_layers(scope: Construct, deployment: Deployment, names: set[str]) -> dict[str, lambda_.LayerVersion]:
    """The layers by name; a release's new version takes the place of the old one."""
    return {
        name: lambda_.LayerVersion(
            scope,
            f"Layer-{name}",
            code=layer_code(name, target=target_of(deployment)),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.ARM_64],
            description=f"Holdfast: {name}",
        )
        for name in sorted(names)
    }
