"""What tells the owner: a topic that mails, the alarms, and a dashboard. Per region, since metrics are."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from holdfast.deployed import alarm_topic_name, dashboard_name
from infra.alarms import Watched, watched
from infra.dashboard import rows
from infra.settings import Deployment


class WatchStack(cdk.Stack):
    """Alarms and dashboard of one region."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, **given: Any) -> None:
        super().__init__(scope, construct_id, description="Holdfast: alarms and dashboard", **given)
        self._stage = deployment.stage
        mails = SnsAction(self._add_topic(deployment.email))
        alarms = [self._add_alarm(one, mails) for one in watched(deployment, self.region)]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=dashboard_name(self._stage, self.region),
            default_interval=cdk.Duration.hours(6),
            widgets=[[cloudwatch.AlarmStatusWidget(alarms=alarms, width=24, title="Alarms")], *rows(deployment)],
        )

    def _add_topic(self, email: str) -> sns.Topic:
        """Alarms of this AWS account may publish, over TLS only. Each subscriber confirms by mail once."""
        topic = sns.Topic(self, "Topic", topic_name=alarm_topic_name(self._stage), enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        if email:
            topic.add_subscription(subscriptions.EmailSubscription(email))
        return topic

    def _add_alarm(self, one: Watched, mails: SnsAction) -> cloudwatch.Alarm:
        operator, missing = cloudwatch.ComparisonOperator, cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            one.name,
            alarm_name=f"holdfast-{self._stage}-{one.name}",
            alarm_description=one.why,
            metric=one.metric,
            threshold=one.threshold,
            evaluation_periods=one.within or one.periods,
            datapoints_to_alarm=one.periods,
            comparison_operator=(
                operator.LESS_THAN_THRESHOLD if one.absent else operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            treat_missing_data=missing.BREACHING if one.absent else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(mails)
        if not one.said_once:
            alarm.add_ok_action(mails)
        return alarm
