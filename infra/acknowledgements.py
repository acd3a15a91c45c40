"""Findings of cdk-nag that are as they should be, each with its reason beside what it is about."""

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Acknowledge findings by id, e.g. "AwsSolutions-SMG4", on one construct and what is below it."""
    cdk.Validations.of(construct).acknowledge(
        *[cdk.Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items()]
    )
