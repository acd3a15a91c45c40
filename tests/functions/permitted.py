"""AWS clients that refuse what a function's role does not allow: no local engine checks permissions."""

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.deployed import Function, secret_name, webhook_secret_name
from holdfast.state.aws import AwsClients
from holdfast.state.switch_set import parameter_path
from holdfast.state.tables import TableNames
from infra.permissions import SENDS_TO, TABLE_ACTIONS, TRADES
from local.aws.engine import AwsEngine

_PARTS_OF_TRANSACTIONS = {"Put": "PutItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


def permitted(engine: AwsEngine, function: Function, stage: str, queue_urls: Mapping[Function, str]) -> AwsClients:
    """Clients of a function in one stage. A call beyond its permissions raises AssertionError."""
    clients = AwsClients(engine.region, engine.endpoint_url, access_key=engine.access_key, secret_key=engine.secret_key)
    tables = {TableNames(stage).of(table): actions for table, actions in TABLE_ACTIONS[function].items()}
    urls = {queue_urls[target] for target in SENDS_TO[function]}

    def check(params: dict[str, Any], model: Any, **_: Any) -> None:
        service, call = model.service_model.service_name, model.name
        if service == "dynamodb":
            for table, action in _calls(call, params):
                assert f"dynamodb:{action}" in tables.get(table, ()), f"{function} may not {action} in {table}"
        elif service == "sqs":
            assert call in ("SendMessage", "SendMessageBatch"), f"{function} may not {call}"
            assert params["QueueUrl"] in urls, f"{function} may not send to {params['QueueUrl']}"
        elif service == "ssm":
            assert function in TRADES
            assert call == "GetParametersByPath", f"{function} may not {call}"
            assert params["Path"].startswith(parameter_path(stage, "")), params["Path"]
        else:
            assert (service, call) == ("secretsmanager", "GetSecretValue"), f"{function} may not {call}"
            webhook = function is Function.WEBHOOK and params["SecretId"] == webhook_secret_name(stage)
            assert webhook or (function in TRADES and params["SecretId"].startswith(secret_name(stage, "")))

    for client in (clients.dynamodb, clients.sqs, clients.ssm, clients.secrets):
        client.meta.events.register("provide-client-params", check)
    return clients


def _calls(call: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Table and action of each part of a DynamoDB call, as IAM sees it."""
    if call == "BatchGetItem":
        yield from ((table, call) for table in params["RequestItems"])
    elif call == "TransactWriteItems":
        for item in params["TransactItems"]:
            for part, request in item.items():
                yield request["TableName"], _PARTS_OF_TRANSACTIONS[part]
    else:
        yield params["TableName"], call
