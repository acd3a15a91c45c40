"""Each role may do exactly this, and nothing else; a line here is added together with the code that needs it."""

from typing import Any

import pytest

from holdfast.deployed import Function
from tests.infra.templates import AWS_ACCOUNT, Template

pytestmark = pytest.mark.xdist_group("stacks")

Stacks = dict[str, Template]


def table(name: str) -> str:
    return f"arn:aws:dynamodb:us-east-1:{AWS_ACCOUNT}:table/holdfast-prod-{name}"


def queue(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{AWS_ACCOUNT}:holdfast-prod-{name}"


def job(name: str) -> dict[str, set[str]]:
    """What every job may do: its own queue, the stage's switches and secrets, its log group and four tables."""
    return {
        table("control"): {f"dynamodb:{call}" for call in ("BatchGetItem", "ConditionCheckItem", "DeleteItem")}
        | {f"dynamodb:{call}" for call in ("GetItem", "PutItem", "Query")},
        table("positions"): {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
        table("brackets"): {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"},
        table("ledger"): {"dynamodb:BatchGetItem", "dynamodb:PutItem"},
        queue(name): {"sqs:SendMessage"},
        f"holdfast-prod-{name}.Arn": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
        f"arn:aws:ssm:us-east-1:{AWS_ACCOUNT}:parameter/holdfast/prod/*": {"ssm:GetParametersByPath"},
        f"arn:aws:secretsmanager:us-east-1:{AWS_ACCOUNT}:secret:holdfast/prod/*": {"secretsmanager:GetSecretValue"},
        "import holdfast-prod-key-arn": {"kms:Decrypt"},
        f"/aws/lambda/holdfast-prod-{name}.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
    }


ALLOWED: dict[Function, dict[str, set[str]]] = {
    Function.EXECUTE: {
        **job("execute"),
        table("markets"): {"dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:Query"},
    },
    Function.BRACKETS: {**job("brackets"), table("markets"): {"dynamodb:Query"}},
    Function.SIGNALS: {
        table("control"): {f"dynamodb:{call}" for call in ("ConditionCheckItem", "GetItem", "PutItem", "Query")},
        queue("execute"): {"sqs:SendMessage"},
        queue("brackets"): {"sqs:SendMessage"},
        "holdfast-prod-signals.Arn": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
        "/aws/lambda/holdfast-prod-signals.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
    },
    Function.WEBHOOK: {
        queue("signals"): {"sqs:SendMessage"},
        "holdfast-webhook/prod": {"secretsmanager:GetSecretValue"},
        "/aws/lambda/holdfast-prod-webhook.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
    },
}


def statements(stack: Template, role: str) -> list[dict[str, Any]]:
    """The role's own statements; it has no other policy of any kind."""
    properties = stack.body["Resources"][role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    attached = [*stack.all("IAM::Policy"), *stack.all("IAM::ManagedPolicy")]
    assert not [one for one in attached if {"Ref": role} in one.properties.get("Roles", ())]
    (policy,) = properties["Policies"]
    return [stack.shown(statement) for statement in policy["PolicyDocument"]["Statement"]]


def allowed(stack: Template, role: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for statement in statements(stack, role):
        assert statement["Effect"] == "Allow"
        resources, actions = statement["Resource"], statement["Action"]
        for resource in [resources] if isinstance(resources, str) else resources:
            found.setdefault(resource, set()).update([actions] if isinstance(actions, str) else actions)
    return found


def role_of(stack: Template, function: Function) -> str:
    made = stack.one("Lambda::Function", FunctionName=f"holdfast-prod-{function}")
    return str(made.properties["Role"]["Fn::GetAtt"][0])


@pytest.mark.parametrize("function", Function)
def test_a_function_may_do_exactly_this(function: Function, production: Stacks) -> None:
    part = "ingress" if function is Function.WEBHOOK else "jobs"
    stack = production[f"holdfast-prod-us-east-1-{part}"]
    assert allowed(stack, role_of(stack, function)) == ALLOWED[function]


def test_secrets_key_decrypts_for_secrets_manager_alone(production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-jobs"]
    for function in (Function.EXECUTE, Function.BRACKETS):
        (statement,) = [one for one in statements(stack, role_of(stack, function)) if one["Action"] == "kms:Decrypt"]
        assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}


def test_only_the_jobs_of_a_wallets_region_may_sign_and_with_its_key_alone(production: Stacks) -> None:
    stack = production["holdfast-prod-eu-west-1-jobs"]
    key = f"arn:aws:kms:eu-west-1:{AWS_ACCOUNT}:key/0f0e0d0c-1234-1234-1234-0a0b0c0d0e0f"
    for function in (Function.EXECUTE, Function.BRACKETS):
        assert allowed(stack, role_of(stack, function))[key] == {"kms:GetPublicKey", "kms:Sign"}
    assert "kms" not in str(statements(stack, role_of(stack, Function.SIGNALS)))


def test_schedules_may_send_ticks_and_nothing_else(production: Stacks) -> None:
    stack = production["holdfast-prod-us-east-1-jobs"]
    role = stack.body["Resources"][
        stack.one("Scheduler::Schedule", Name="execute-kalshi-1").properties["Target"]["RoleArn"]["Fn::GetAtt"][0]
    ]
    (policy,) = role["Properties"]["Policies"]
    (statement,) = stack.shown(policy["PolicyDocument"]["Statement"])
    assert statement["Action"] == "sqs:SendMessage"
    names = ("execute", "execute-dead", "brackets", "brackets-dead")
    assert set(statement["Resource"]) == {f"holdfast-prod-{name}.Arn" for name in names}
    (trust,) = stack.shown(role["Properties"]["AssumeRolePolicyDocument"]["Statement"])
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": AWS_ACCOUNT,
        "aws:SourceArn": "holdfast-prod.Arn",
    }


def test_no_statement_allows_everything(production: Stacks) -> None:
    """A whole service or every resource is for the key's owner alone, which is the AWS account."""
    for name, stack in production.items():
        for kind in ("IAM::Role", "IAM::Policy", "SQS::QueuePolicy", "SNS::TopicPolicy"):
            for one in stack.all(kind):
                for statement in _documents(one.properties):
                    if statement["Effect"] == "Allow":
                        actions = statement["Action"]
                        assert not any("*" in action for action in ([actions] if isinstance(actions, str) else actions))
                        assert statement.get("Principal") != "*", (name, one.logical_id)
                        assert statement.get("Resource") != "*", (name, one.logical_id)


def _documents(value: Any) -> list[dict[str, Any]]:
    """Every policy statement in a resource."""
    if isinstance(value, list):
        return [found for one in value for found in _documents(one)]
    if not isinstance(value, dict):
        return []
    own = value["Statement"] if isinstance(value.get("Statement"), list) else []
    return [*own, *(found for one in value.values() for found in _documents(one))]
