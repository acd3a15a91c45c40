"""What outlives a release: tables, the accounts' secrets and the key that encrypts them.

Tables are encrypted at rest with DynamoDB's own key, queues with SQS's; the KMS key is for the venues' credentials
alone, so that whoever may read a secret must be allowed to use the key as well.

Switches are not here. CloudFormation would write a parameter again whenever its default or description changes in a
release, and so take back the owner's halt. `holdfast switches sync`, which follows each deploy, makes those that are
not there yet, and changes none.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from holdfast.deployed import key_alias
from holdfast.state.port import Table
from holdfast.state.tables import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE, TableNames
from infra.acknowledgements import acknowledge
from infra.settings import Deployment


def key_export(stage: str) -> str:
    """Under which name the key's ARN is exported to the stacks whose functions decrypt with it."""
    return f"holdfast-{stage}-key-arn"


class DataStack(cdk.Stack):
    """The tables of one region, and the secrets of its accounts."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, **given: Any) -> None:
        super().__init__(scope, construct_id, description="Holdfast: tables, secrets and their key", **given)
        self._deployment = deployment
        disposable = deployment.is_disposable
        self._removal = cdk.RemovalPolicy.DESTROY if disposable else cdk.RemovalPolicy.RETAIN
        names = TableNames(deployment.stage)
        for table in Table:
            self._add_table(table, names.of(table))
        key = self._add_key()
        for account in deployment.accounts_in(self.region):
            self._add_secret(account.account_id, account.secret_name, key)

    def _add_table(self, table: Table, name: str) -> None:
        """On demand, restorable to any second of the last 35 days, and not to be deleted by accident."""
        text = dynamodb.AttributeType.STRING
        dynamodb.TableV2(
            self,
            table.value.capitalize(),
            table_name=name,
            partition_key=dynamodb.Attribute(name=PARTITION_KEY, type=text),
            sort_key=dynamodb.Attribute(name=SORT_KEY, type=text),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute=TTL_ATTRIBUTE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=not self._deployment.is_disposable,
            removal_policy=self._removal,
        )

    def _add_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=key_alias(self._deployment.stage),
            description=f"Holdfast {self._deployment.stage}: the accounts' secrets",
            enable_key_rotation=True,
            removal_policy=self._removal,
            pending_window=cdk.Duration.days(7) if self._deployment.is_disposable else None,
        )
        cdk.CfnOutput(self, "KeyArn", value=key.key_arn, export_name=key_export(self._deployment.stage))
        return key

    def _add_secret(self, account: str, name: str, key: kms.Key) -> None:
        """Without a value: the owner puts it there, and no template or deploy ever has it."""
        secret = secretsmanager.CfnSecret(
            self,
            f"Secret-{account}",
            name=name,
            description=f"Holdfast: the venue's credentials of account {account}, as JSON",
            kms_key_id=key.key_arn,
        )
        secret.apply_removal_policy(self._removal)
        acknowledge(secret, {"AwsSolutions-SMG4": "a venue's keys can only be made anew at the venue, by their owner"})
