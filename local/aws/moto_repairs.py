"""What moto's DynamoDB needs before a trading engine may trust it (facts aws section 7).

moto has no lock: concurrent conditional writes both win. Its transactions copy whole tables and put the copies back on
failure, which erases other writers' changes. It ignores ClientRequestToken, so that a repeated transaction is applied
twice. A query walks the whole table, and items that are in DynamoDB's form already are serialised by way of the
service's model, 0.8 ms an item. Here requests are served one at a time, a failed transaction restores the items that
it touched, a token is honoured, a query walks its own partition, and items are answered as they are.
"""

import copy
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from inspect import signature
from threading import RLock
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.exceptions import ERROR_TYPE_PREFIX, DynamodbException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler, DynamoResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.aws.serving import WsgiApp

_ITEM_READS = frozenset({"GetItem", "BatchGetItem", "Query"})
_TOKENS_KEPT = 10_000
_MISMATCH = f"{ERROR_TYPE_PREFIX}IdempotentParameterMismatchException"

_lock = RLock()
_tokens: OrderedDict[tuple[str, str], str] = OrderedDict()
_originals: dict[str, Callable[..., Any]] = {}


def serialised_app(account_id: str) -> WsgiApp:
    """moto's server application, repaired, answering one request at a time.

    moto's state is the process's; the AWS account id keeps one stand-in's part of it from another's.
    """
    _repair()
    app = DomainDispatcherApplication(create_backend_app)

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account_id
        with _lock:
            return list(app(environ, start_response))

    return serve


def _repair() -> None:
    """Patch moto, once in this process."""
    if _originals:
        return
    for owner, name, repaired in (
        (DynamoDBBackend, "transact_write_items", _transact),
        (DynamoHandler, "transact_write_items", _respond_once),
        (DynamoResult, "execute_result", _execute_result),
        (Table, "query", _query),
    ):
        _originals[repaired.__name__] = getattr(owner, name)
        setattr(owner, name, repaired)


def _respond_once(handler: Any) -> Any:
    """TransactWriteItems with ClientRequestToken: the same token and request are answered without being applied."""
    token = handler.body.get("ClientRequestToken")
    if not token:
        return _originals["_respond_once"](handler)
    place = (handler.current_account, token)
    request = json.dumps(handler.body["TransactItems"], sort_keys=True)
    known = _tokens.get(place)
    if known is not None and known != request:
        raise DynamodbException(_MISMATCH, "the ClientRequestToken was used with other parameters")
    if known is not None:
        return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
    answer = _originals["_respond_once"](handler)
    _tokens[place] = request
    if len(_tokens) > _TOKENS_KEPT:
        _tokens.popitem(last=False)
    return answer


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """moto's own transaction, but what it takes for its backup is the table itself, and we undo by item."""
    touched = [place for item in transact_items for place in _place(backend, item)]
    before = [(place, copy.deepcopy(_item_at(*place))) for place in touched]
    setattr(Table, "__deepcopy__", lambda table, memo: table)  # noqa: B010 - moto declares no such method
    try:
        _originals["_transact"](backend, transact_items)
    except BaseException:
        for (table, partition, sort), item in before:
            if item is None:
                table.items.get(partition, {}).pop(sort, None)
            else:
                table.items[partition][sort] = item
        raise
    finally:
        delattr(Table, "__deepcopy__")


def _place(backend: DynamoDBBackend, transact_item: dict[str, Any]) -> list[tuple[Table, DynamoType, DynamoType]]:
    """Where one operation writes; nowhere if moto is going to refuse it."""
    (operation,) = transact_item.values()
    table = backend.tables.get(operation.get("TableName"))
    keys = operation.get("Item") or operation.get("Key") or {}
    if table is None or table.hash_key_attr not in keys or table.range_key_attr not in keys:
        return []
    return [(table, DynamoType(keys[table.hash_key_attr]), DynamoType(keys[table.range_key_attr]))]


def _item_at(table: Table, partition: DynamoType, sort: DynamoType) -> Any:
    return table.items.get(partition, {}).get(sort)


_QUERY = signature(Table.query)


def _query(table: Table, *args: Any, **kwargs: Any) -> Any:
    """A query of the table itself sees its own partition only."""
    asked = _QUERY.bind(table, *args, **kwargs).arguments
    if asked.get("index_name") or not table.has_range_key:
        return _originals["_query"](table, *args, **kwargs)
    vars(table)["all_items"] = lambda: list(table.items.get(asked["hash_key"], {}).values())
    try:
        return _originals["_query"](table, *args, **kwargs)
    finally:
        del vars(table)["all_items"]


def _execute_result(result: DynamoResult, context: Any) -> Any:
    """The answer to a read of items, which moto holds in DynamoDB's form."""
    answer = result.result
    if context.operation_model.name not in _ITEM_READS or not isinstance(answer, dict):
        return _originals["_execute_result"](result, context)
    body = json.dumps({name: value for name, value in answer.items() if value is not None})
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, body
