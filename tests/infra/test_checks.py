"""Others' checks find nothing: cdk-nag's AWS Solutions rules, and cfn-lint's of CloudFormation."""

from typing import Any

import pytest

from tests.infra.conftest import Synthesize
from tests.infra.templates import Template

pytestmark = pytest.mark.xdist_group("stacks")


def test_cdk_nag_finds_nothing(synthesize: Synthesize) -> None:
    def nagged(app: Any) -> None:
        import aws_cdk as cdk
        import cdk_nag

        cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))

    # Findings raise here; the report is in the message.
    assert synthesize(nagged, webhook_addresses=["192.0.2.7"])


def test_cfn_lint_finds_nothing(production: dict[str, Template]) -> None:
    lint = pytest.importorskip("cfnlint.api")
    # One region's are the other's; W3005: CDK states a function's dependency on its role twice.
    for name, template in production.items():
        if "us-east-1" in name:
            found = lint.lint_file(template.path, config=lint.ManualArgs(ignore_checks=["W3005"]))
            assert [str(one) for one in found] == [], name
