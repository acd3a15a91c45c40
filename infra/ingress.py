"""Webhooks, where an owner asks for them: an HTTP API whose one function puts signals into their queue.

Nothing else of Holdfast listens to the internet.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from holdfast.deployed import (
    SIGNALS_QUEUE_URL_VARIABLE,
    SOURCE_ADDRESSES_VARIABLE,
    WEBHOOK_SECRET_VARIABLE,
    Function,
    queue_name,
    webhook_secret_name,
)
from infra.acknowledgements import acknowledge
from infra.functions import add_function
from infra.jobs import add_layers
from infra.packaging import FUNCTIONS
from infra.settings import Deployment

PATH = "/signals"
# Requests a second and their burst; a sender has at most a few a minute.
RATE, BURST = 5, 10
TIMEOUT_SECONDS = 10
# No body and no header: the secret is in the body.
ACCESS_FORMAT = "$context.requestTime $context.identity.sourceIp $context.routeKey $context.status $context.requestId"


class IngressStack(cdk.Stack):
    """The webhooks of one region."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, **given: Any) -> None:
        super().__init__(scope, construct_id, description="Holdfast: webhooks", **given)
        self._deployment = deployment
        self._add_api(self._add_function(self._add_secret()))

    def _add_secret(self) -> secretsmanager.Secret:
        """Made by Secrets Manager: it is in no template. The owner reads it there and gives it to the sender."""
        secret = secretsmanager.Secret(
            self,
            "Secret",
            secret_name=webhook_secret_name(self._deployment.stage),
            description="Holdfast: what a webhook's sender has in the field secret of each message",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}",  # noqa: S106 - filled in by Secrets Manager
                generate_string_key="secret",
                exclude_punctuation=True,
                password_length=48,
            ),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(
            secret, {"AwsSolutions-SMG4": "whoever sends webhooks has it too: changed here alone it shuts him out"}
        )
        return secret

    def _add_function(self, secret: secretsmanager.Secret) -> lambda_.Function:
        stage = self._deployment.stage
        account_queue = f"https://sqs.{self.region}.{self.url_suffix}/{self.account}/"
        return add_function(
            self,
            self._deployment,
            Function.WEBHOOK,
            layers=list(add_layers(self, self._deployment, set(FUNCTIONS[Function.WEBHOOK])).values()),
            timeout_seconds=TIMEOUT_SECONDS,
            environment={
                SIGNALS_QUEUE_URL_VARIABLE: account_queue + queue_name(stage, Function.SIGNALS),
                WEBHOOK_SECRET_VARIABLE: webhook_secret_name(stage),
                SOURCE_ADDRESSES_VARIABLE: ",".join(self._deployment.webhook_addresses),
            },
            further=[
                iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret.secret_arn]),
            ],
        )

    def _add_api(self, function: lambda_.Function) -> None:
        api = apigateway.HttpApi(
            self, "Api", api_name=f"holdfast-{self._deployment.stage}-webhooks", create_default_stage=False
        )
        api.add_routes(
            path=PATH, methods=[apigateway.HttpMethod.POST], integration=HttpLambdaIntegration("Webhook", function)
        )
        log_group = logs.LogGroup(
            self, "Access", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=RATE, burst_limit=BURST),
        )
        made: apigateway.CfnStage = stage.node.default_child  # type: ignore[assignment]
        made.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=ACCESS_FORMAT
        )
        acknowledge(api, {"AwsSolutions-APIG4": "senders set no header: the function checks address and secret"})
        cdk.CfnOutput(self, "Url", value=f"{api.api_endpoint}{PATH}")
