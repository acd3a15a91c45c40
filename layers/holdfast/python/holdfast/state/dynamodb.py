"""The store on DynamoDB: consistent reads, conditional writes, transactions.

Throttled calls and reads that failed are tried again, a few times, with jitter, waiting through the clock. A write
that may have taken effect is never repeated here: StoreError, and the next tick finds out. An item past its TTL counts
as absent in reads and conditions, since DynamoDB deletes it late.
"""

from collections.abc import Callable, Iterator, Sequence
from random import randrange
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

from holdfast.clock import Clock
from holdfast.core.errors import ConditionFailedError, StoreError
from holdfast.state.items import check_transaction, is_expired
from holdfast.state.port import UNREADABLE, AbsentOrAtMost, Check, Delete, Equals, Item, Key, Put, Table, Write
from holdfast.state.tables import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE, TableNames
from holdfast.state.wire import Wire, read_item, wire_item, wire_key, wire_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Call = Callable[..., dict[str, Any]]

ATTEMPTS = 5
_FIRST_WAIT_MS = 50
_LONGEST_WAIT_MS = 1_000
_KEYS_PER_READ = 100

# Refused before anything was done, so that even a write may be tried again.
_NOT_DONE_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TransactionConflictException",
    }
)
_NOT_DONE_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_NEVER_SENT = (EndpointConnectionError, ConnectTimeoutError)
_LOST = "ConditionalCheckFailed"


class DynamoStore:
    """Five tables of one stage in one region. `jitter` gives 0 to 999; safe for threads."""

    def __init__(
        self,
        client: "DynamoDBClient",
        tables: TableNames,
        clock: Clock,
        jitter: Callable[[], int] = lambda: randrange(1000),
    ) -> None:
        self._client: Any = client
        self._names = {table: tables.of(table) for table in Table}
        self._tables = {name: table for table, name in self._names.items()}
        self._clock = clock
        self._jitter = jitter

    def get(self, key: Key) -> Item | None:
        """One item or None."""
        request = {"TableName": self._names[key.table], "Key": wire_key(key), "ConsistentRead": True}
        answer = self._read(self._client.get_item, request)
        found = answer.get("Item")
        return self._live(found) if found else None

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """The items that exist among these keys; any number of keys."""
        unique = list(dict.fromkeys(keys))
        found: dict[Key, Item] = {}
        for start in range(0, len(unique), _KEYS_PER_READ):
            for table, wire in self._read_batch(unique[start : start + _KEYS_PER_READ]):
                item = self._live(wire)
                if item is not None:
                    found[Key(table, item[PARTITION_KEY], item[SORT_KEY])] = item
        return found

    def query(self, table: Table, pk: str, prefix: str = "") -> list[Item]:
        """Every item of a partition whose sk starts with `prefix`, in order of sk; all pages.

        One that can't be read has its keys and `UNREADABLE` alone.
        """
        condition, values = "#pk = :pk", {":pk": {"S": pk}}
        names = {"#pk": PARTITION_KEY}
        if prefix:
            condition += " AND begins_with(#sk, :sk)"
            values[":sk"] = {"S": prefix}
            names["#sk"] = SORT_KEY
        request: dict[str, Any] = {
            "TableName": self._names[table],
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }
        items: list[Item] = []
        while True:
            page = self._read(self._client.query, request)
            items += [item for wire in page["Items"] if (item := self._listed(wire)) is not None]
            if not page.get("LastEvaluatedKey"):
                return items
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write(self, write: Put | Delete) -> None:
        """One conditional write."""
        request = self._request(write)
        call = self._client.put_item if isinstance(write, Put) else self._client.delete_item
        self._tried(call, request, _did_nothing)

    def transact(self, writes: Sequence[Write]) -> None:
        """All of these writes or none, 1 to 100, no key twice. ConditionFailedError.failed says which ones lost."""
        requests = [{_ACTIONS[type(write)]: self._request(write)} for write in writes]
        check_transaction(writes)
        if len(writes) == 1 and not isinstance(writes[0], Check):
            # A transaction of one costs twice a plain write.
            self.write(writes[0])
            return
        # botocore adds a fresh ClientRequestToken to each try; a try that was canceled has done nothing.
        self._tried(self._client.transact_write_items, {"TransactItems": requests}, _did_nothing)

    def _request(self, write: Write) -> dict[str, Any]:
        """A write's parameters, the same alone and in a transaction."""
        if isinstance(write, Put):
            request: dict[str, Any] = {"TableName": self._names[write.table], "Item": wire_item(write)}
        else:
            request = {"TableName": self._names[write.key.table], "Key": wire_key(write.key)}
        if write.condition is not None:
            request |= _expression(write, self._clock.now_ms() // 1000)
        return request

    def _listed(self, wire: Wire) -> Item | None:
        try:
            return self._live(wire)
        except StoreError as error:
            return {**read_item(_keys_of(wire)), UNREADABLE: str(error)}

    def _live(self, wire: Wire) -> Item | None:
        item = read_item(wire)
        return None if is_expired(item, self._clock.now_ms()) else item

    def _read_batch(self, keys: Sequence[Key]) -> Iterator[tuple[Table, Wire]]:
        """Up to 100 items, asking again for those that DynamoDB left out."""
        wanted: dict[str, Any] = {}
        for key in keys:
            request = wanted.setdefault(self._names[key.table], {"Keys": [], "ConsistentRead": True})
            request["Keys"].append(wire_key(key))
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._read(self._client.batch_get_item, {"RequestItems": wanted})
            for name, items in answer["Responses"].items():
                for wire in items:
                    yield self._tables[name], wire
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return
            self._wait(attempt)
        left = sum(len(request["Keys"]) for request in wanted.values())
        raise StoreError(f"BatchGetItem left {left} keys unread {ATTEMPTS} times")

    def _read(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return self._tried(call, request, _may_read_again)

    def _tried(self, call: Call, request: dict[str, Any], again: Callable[[Exception], bool]) -> dict[str, Any]:
        """The call's answer, tried again while `again` says so and attempts last."""
        attempt = 0
        while True:
            try:
                return call(**request)
            except (ClientError, BotoCoreError) as error:
                failed = _lost_conditions(error)
                if failed:
                    raise ConditionFailedError(failed) from None
                attempt += 1
                if attempt == ATTEMPTS or not again(error):
                    raise StoreError(f"{call.__name__}: {_described(error)}") from error
            self._wait(attempt)

    def _wait(self, attempt: int) -> None:
        """Exponential back-off, the second half of it by chance."""
        longest = min(_FIRST_WAIT_MS << (attempt - 1), _LONGEST_WAIT_MS)
        self._clock.sleep_ms(longest // 2 + longest * self._jitter() // 2000)


def _keys_of(wire: Wire) -> Wire:
    return {name: wire[name] for name in (PARTITION_KEY, SORT_KEY)}


_ACTIONS = {Put: "Put", Delete: "Delete", Check: "ConditionCheck"}


def _expression(write: Write, now_s: int) -> dict[str, Any]:
    """The condition as DynamoDB reads it, where an expired item counts as absent (holds() says the same)."""
    names = {"#ttl": TTL_ATTRIBUTE}
    values = {":now": wire_value(now_s)}
    condition = write.condition
    if isinstance(condition, Equals):
        names["#a"], values[":a"] = condition.attribute, wire_value(condition.value)
        text = "#a = :a AND (attribute_not_exists(#ttl) OR #ttl > :now)"
    elif isinstance(condition, AbsentOrAtMost):
        names["#a"], values[":a"] = condition.attribute, wire_value(condition.value)
        text = "attribute_not_exists(#a) OR #a <= :a OR #ttl <= :now"
    else:
        names["#pk"] = PARTITION_KEY
        text = "attribute_not_exists(#pk) OR #ttl <= :now"
    return {
        "ConditionExpression": text,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _lost_conditions(error: Exception) -> tuple[int, ...]:
    """The indices of the writes whose condition did not hold; none where the call failed for another reason."""
    code = _code(error)
    if code == f"{_LOST}Exception":
        return (0,)
    return tuple(index for index, reason in enumerate(_reasons(error)) if reason == _LOST)


def _did_nothing(error: Exception) -> bool:
    """Whether a call certainly changed nothing and may succeed if tried again."""
    reasons = {reason for reason in _reasons(error) if reason != "None"}
    if reasons:
        return reasons <= _NOT_DONE_REASONS
    return isinstance(error, _NEVER_SENT) or _code(error) in _NOT_DONE_CODES


def _may_read_again(error: Exception) -> bool:
    """Whether a failed read may succeed if tried again: lost answers and AWS's own faults too."""
    if isinstance(error, ClientError) and error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500:
        return True
    return isinstance(error, HTTPClientError) or _did_nothing(error)


def _code(error: Exception) -> str:
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def _reasons(error: Exception) -> list[str]:
    if _code(error) != "TransactionCanceledException" or not isinstance(error, ClientError):
        return []
    return [str(reason.get("Code", "None")) for reason in error.response.get("CancellationReasons", [])]


def _described(error: Exception) -> str:
    reasons = _reasons(error)
    if reasons:
        return f"transaction canceled: {', '.join(sorted({reason for reason in reasons if reason != 'None'}))}"
    return f"{type(error).__name__}: {error}"
