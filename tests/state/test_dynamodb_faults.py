"""What no local stand-in produces: conflicts, throttling, keys left out, lost answers."""

from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import ANY, Stubber

from holdfast.clock import VirtualClock
from holdfast.core.errors import ConditionFailedError, StoreError
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import ATTEMPTS, DynamoStore
from holdfast.state.port import Absent, Check, Delete, Equals, Key, Put, Table
from holdfast.state.tables import TableNames

START_MS = 1_800_000_000_000
CONTROL = "holdfast-test-control"
KEY = Key(Table.CONTROL, "p", "s")
PUT = Put(Table.CONTROL, {"pk": "p", "sk": "s"}, Absent())
PAIR = [PUT, Check(Key(Table.CONTROL, "p", "lease"), Equals("fence", 1))]


class Rig:
    """A store on a stubbed client."""

    def __init__(self) -> None:
        client = AwsClients("us-east-1", "http://127.0.0.1:9", access_key="x", secret_key="x").dynamodb
        self.stub = Stubber(client)
        self.clock = VirtualClock(START_MS)
        self.store = DynamoStore(client, TableNames("test"), self.clock, lambda: 999)
        self.stub.activate()

    @property
    def waited_ms(self) -> int:
        return self.clock.now_ms() - START_MS

    def refuse(self, operation: str, code: str, status: int = 400) -> None:
        self.stub.add_client_error(operation, code, "because", status)

    def cancel(self, *reasons: str) -> None:
        modeled: dict[str, Any] = {"CancellationReasons": [{"Code": reason} for reason in reasons]}
        self.stub.add_client_error(
            "transact_write_items", "TransactionCanceledException", "canceled", 400, modeled_fields=modeled
        )


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_conflicting_transaction_is_tried_again(rig: Rig) -> None:
    rig.cancel("None", "TransactionConflict")
    rig.cancel("ThrottlingError", "None")
    rig.stub.add_response("transact_write_items", {})
    rig.store.transact(PAIR)
    rig.stub.assert_no_pending_responses()
    assert 75 <= rig.waited_ms <= 150


def test_transaction_in_conflict_every_time_fails(rig: Rig) -> None:
    for _ in range(ATTEMPTS):
        rig.cancel("TransactionConflict", "None")
    with pytest.raises(StoreError, match="TransactionConflict"):
        rig.store.transact(PAIR)
    rig.stub.assert_no_pending_responses()


def test_lost_condition_beside_a_conflict_is_a_lost_condition(rig: Rig) -> None:
    rig.cancel("TransactionConflict", "ConditionalCheckFailed")
    with pytest.raises(ConditionFailedError) as lost:
        rig.store.transact(PAIR)
    assert lost.value.failed == (1,)
    assert rig.waited_ms == 0


def test_transaction_canceled_for_its_content_is_not_repeated(rig: Rig) -> None:
    rig.cancel("ValidationError", "TransactionConflict")
    with pytest.raises(StoreError, match="ValidationError"):
        rig.store.transact(PAIR)
    assert rig.waited_ms == 0


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
)
def test_throttled_write_is_tried_again_with_growing_waits(rig: Rig, code: str) -> None:
    for _ in range(ATTEMPTS - 1):
        rig.refuse("put_item", code)
    rig.stub.add_response("put_item", {})
    rig.store.write(PUT)
    rig.stub.assert_no_pending_responses()
    assert rig.waited_ms == 49 + 99 + 199 + 399


def test_write_throttled_every_time_fails(rig: Rig) -> None:
    for _ in range(ATTEMPTS):
        rig.refuse("delete_item", "ThrottlingException")
    with pytest.raises(StoreError, match="ThrottlingException"):
        rig.store.write(Delete(KEY))


@pytest.mark.parametrize("code", ["InternalServerError", "AccessDeniedException", "ResourceNotFoundException"])
def test_write_that_may_have_happened_or_never_can_is_not_repeated(rig: Rig, code: str) -> None:
    rig.refuse("put_item", code, 500 if code == "InternalServerError" else 400)
    with pytest.raises(StoreError, match=code):
        rig.store.write(PUT)
    assert rig.waited_ms == 0


def test_read_is_tried_again_after_a_fault_of_aws(rig: Rig) -> None:
    rig.refuse("get_item", "InternalServerError", 500)
    rig.refuse("get_item", "ThrottlingException")
    rig.stub.add_response("get_item", {"Item": {"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": "1E+20"}}})
    assert rig.store.get(KEY) == {"pk": "p", "sk": "s", "n": 10**20}


def test_failed_read_is_an_error_and_never_nothing(rig: Rig) -> None:
    for operation in ("get_item", "query", "batch_get_item"):
        rig.refuse(operation, "AccessDeniedException")
    with pytest.raises(StoreError):
        rig.store.get(KEY)
    with pytest.raises(StoreError):
        rig.store.query(Table.CONTROL, "p")
    with pytest.raises(StoreError):
        rig.store.get_many([KEY])


def _wire(sk: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": sk}}


def test_keys_left_out_are_asked_for_again(rig: Rig) -> None:
    left = {CONTROL: {"Keys": [_wire("b")], "ConsistentRead": True}}
    rig.stub.add_response(
        "batch_get_item",
        {"Responses": {CONTROL: [_wire("a")]}, "UnprocessedKeys": left},
        {"RequestItems": {CONTROL: {"Keys": [_wire("a"), _wire("b")], "ConsistentRead": True}}},
    )
    rig.stub.add_response(
        "batch_get_item", {"Responses": {CONTROL: [_wire("b")]}, "UnprocessedKeys": {}}, {"RequestItems": left}
    )
    keys = [Key(Table.CONTROL, "p", "a"), Key(Table.CONTROL, "p", "b")]
    assert rig.store.get_many(keys).keys() == set(keys)
    assert rig.waited_ms > 0


def test_keys_left_out_every_time_are_an_error(rig: Rig) -> None:
    for _ in range(ATTEMPTS):
        rig.stub.add_response(
            "batch_get_item",
            {"Responses": {}, "UnprocessedKeys": {CONTROL: {"Keys": [_wire("a")]}}},
            {"RequestItems": ANY},
        )
    with pytest.raises(StoreError, match="1 keys"):
        rig.store.get_many([Key(Table.CONTROL, "p", "a")])


@pytest.mark.parametrize("attribute", [{"N": "1.5"}, {"N": "NaN"}, {"SS": ["a"]}], ids=str)
def test_attribute_that_holdfast_never_writes_is_an_error(rig: Rig, attribute: dict[str, Any]) -> None:
    rig.stub.add_response("get_item", {"Item": {**_wire("s"), "n": attribute}})
    with pytest.raises(StoreError):
        rig.store.get(KEY)


class Line:
    """A client whose connection fails in a given way before it answers."""

    def __init__(self, error: Exception, failures: int) -> None:
        self.error, self.failures, self.calls = error, failures, 0

    def _answer(self, **_request: object) -> dict[str, Any]:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return {}

    put_item = get_item = _answer


def _store_on(line: Line) -> DynamoStore:
    return DynamoStore(line, TableNames("test"), VirtualClock(START_MS), lambda: 0)  # type: ignore[arg-type]


def test_write_whose_answer_was_lost_is_not_repeated() -> None:
    """The repeat of a conditional write loses against its own first try, and a claim that was won looks lost."""
    line = Line(ReadTimeoutError(endpoint_url="http://x"), 1)
    with pytest.raises(StoreError, match="ReadTimeoutError"):
        _store_on(line).write(PUT)
    assert line.calls == 1


def test_write_that_was_never_sent_and_read_without_answer_are_repeated() -> None:
    line = Line(ConnectTimeoutError(endpoint_url="http://x"), 2)
    _store_on(line).write(PUT)
    assert line.calls == 3
    line = Line(ReadTimeoutError(endpoint_url="http://x"), 2)
    assert _store_on(line).get(KEY) is None
    assert line.calls == 3
