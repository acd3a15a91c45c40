"""The stand-in behaves as AWS where the engine depends on it and moto alone does not (facts aws section 7)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import DynamoDBBackend

from holdfast.state.port import Table
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws


@pytest.fixture
def client(local_aws: LocalAws) -> Any:
    return local_aws.clients().dynamodb


@pytest.fixture
def table(stage: str) -> str:
    return TableNames(stage).of(Table.CONTROL)


def _item(sk: str, **attributes: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": sk}, **{name: {"N": value} for name, value in attributes.items()}}


def _put(table: str, sk: str, condition: str = "", **attributes: str) -> dict[str, Any]:
    put: dict[str, Any] = {"TableName": table, "Item": _item(sk, **attributes)}
    if condition:
        put["ConditionExpression"] = condition
    return {"Put": put}


def test_stage_has_the_tables_that_the_code_uses(local_aws: LocalAws, client: Any, stage: str) -> None:
    for table in Table:
        name = TableNames(stage).of(table)
        description = client.describe_table(TableName=name)["Table"]
        assert description["KeySchema"] == [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ]
        assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")


def test_repeated_transaction_with_one_token_is_applied_once(client: Any, table: str) -> None:
    add = {
        "Update": {
            "TableName": table,
            "Key": _item("n"),
            "UpdateExpression": "ADD v :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    for _ in range(3):
        client.transact_write_items(TransactItems=[add], ClientRequestToken="token")
    assert client.get_item(TableName=table, Key=_item("n"))["Item"]["v"] == {"N": "1"}
    with pytest.raises(ClientError) as refused:
        client.transact_write_items(TransactItems=[_put(table, "other")], ClientRequestToken="token")
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"
    client.transact_write_items(TransactItems=[add], ClientRequestToken="another")
    assert client.get_item(TableName=table, Key=_item("n"))["Item"]["v"] == {"N": "2"}


def test_canceled_transaction_may_be_repeated_with_its_token(client: Any, table: str) -> None:
    writes = [_put(table, "a", "attribute_exists(pk)")]
    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=writes, ClientRequestToken="t")
    client.put_item(TableName=table, Item=_item("a"))
    client.transact_write_items(TransactItems=writes, ClientRequestToken="t")


def test_rolled_back_transaction_restores_every_kind_of_write(client: Any, table: str) -> None:
    before = {sk: _item(sk, v="1") for sk in ("put", "update", "delete")}
    for item in before.values():
        client.put_item(TableName=table, Item=item)
    update = {
        "Update": {
            "TableName": table,
            "Key": _item("update"),
            "UpdateExpression": "SET v = :v, w = :v",
            "ExpressionAttributeValues": {":v": {"N": "9"}},
        }
    }
    delete = {"Delete": {"TableName": table, "Key": _item("delete")}}
    losing = _put(table, "absent", "attribute_exists(pk)")
    with pytest.raises(ClientError) as canceled:
        client.transact_write_items(
            TransactItems=[_put(table, "put", v="9"), _put(table, "new"), update, delete, losing]
        )
    reasons = [reason["Code"] for reason in canceled.value.response["CancellationReasons"]]
    assert reasons == ["None"] * 4 + ["ConditionalCheckFailed"]
    query = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}}
    found = client.query(TableName=table, ConsistentRead=True, **query)["Items"]
    assert {item["sk"]["S"]: item for item in found} == before


def test_rollback_of_one_writer_keeps_the_others_writes(client: Any, table: str) -> None:
    """Stock moto puts the copy of a whole table back, and with it away what others wrote meanwhile."""

    def fail(index: int) -> None:
        with pytest.raises(ClientError):
            client.transact_write_items(
                TransactItems=[_put(table, f"never{index}"), _put(table, f"x{index}", "attribute_exists(pk)")]
            )

    def write(index: int) -> None:
        client.put_item(TableName=table, Item=_item(f"kept{index:03}"))

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(write if index % 2 else fail, index) for index in range(60)]
    for future in done:
        future.result()
    found = client.scan(TableName=table, ConsistentRead=True)["Items"]
    assert sorted(item["sk"]["S"] for item in found) == [f"kept{index:03}" for index in range(1, 60, 2)]


def test_requests_are_served_one_at_a_time(client: Any, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto checks a condition and then writes, without a lock: two requests at once could both win."""
    put_item = DynamoDBBackend.put_item
    active: list[int] = []
    most: list[int] = []

    def watched(*args: Any, **kwargs: Any) -> Any:
        active.append(1)
        most.append(len(active))
        Event().wait(0.005)
        try:
            return put_item(*args, **kwargs)
        finally:
            active.pop()

    monkeypatch.setattr(DynamoDBBackend, "put_item", watched)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: client.put_item(TableName=table, Item=_item(str(index))), range(16)))
    assert (len(most), max(most)) == (16, 1)


def test_two_stand_ins_of_one_process_share_nothing(local_aws: LocalAws, stage: str) -> None:
    with LocalAws() as other:
        assert other.clients().dynamodb.list_tables()["TableNames"] == []
        other.create_stage(stage)
        name = TableNames(stage).of(Table.LEDGER)
        other.clients().dynamodb.put_item(TableName=name, Item=_item("a"))
        assert local_aws.clients().dynamodb.scan(TableName=name)["Count"] == 0
    with pytest.raises(RuntimeError, match="not running"):
        _ = other.endpoint_url
    with other:
        assert other.clients().dynamodb.list_tables()["TableNames"] == [], "it starts empty again"


def test_environment_alone_leads_a_program_to_the_stand_in(
    local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local_aws.environment().items():
        monkeypatch.setenv(name, value)
    name = TableNames(stage).of(Table.CONTROL)
    assert boto3.session.Session().client("dynamodb").describe_table(TableName=name)["Table"]["TableName"] == name


def test_stand_in_listens_on_loopback_only(local_aws: LocalAws) -> None:
    assert local_aws.endpoint_url.startswith("http://127.0.0.1:")
