"""What moto's DynamoDB needs before a trading engine may trust it (facts aws section 7).

moto has no lock: concurrent conditional writes both win. Its transactions copy whole tables and put the copies back on
failure, which erases other writers' changes. It ignores ClientRequestToken, so that a repeated transaction is applied
twice. And a query walks the whole table. Here requests are served one at a time, a failed transaction restores the
items that it touched, a token is honoured, and a query walks its own partition.
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
from moto.dynamodb.models import DynamoDBBackend, Table
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.aws.serving import WsgiApp

_TOKENS_KEPT = 10_000
_MISMATCH = f"{ERROR_TYPE_PREFIX}IdempotentParameterMismatchException"

_lock = RLock()
_tokens: OrderedDict[tuple[str, str], str] = OrderedDict()
_originals: dict[str, Callable[..., Any]] = {}


def serialised_app() -> WsgiApp:
    """moto's server application, repaired, answering one request at a time."""
    _repair()
    app = DomainDispatcherApplication(create_backend_app)

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with _lock:
            return list(app(environ, start_response))

    return serve


def _repair() -> None:
    """Patch moto once in this process; stored tokens are forgotten."""
    _tokens.clear()
    if _originals:
        return
    _originals["transact"] = DynamoDBBackend.transact_write_items
    _originals["respond"] = DynamoHandler.transact_write_items
    _originals["query"] = Table.query
    DynamoDBBackend.transact_write_items = _transact
    DynamoHandler.transact_write_items = _respond_once
    Table.query = _query


def _respond_once(handler: Any) -> Any:
    """TransactWriteItems with ClientRequestToken: the same token and request are answered without being applied."""
    token = handler.body.get("ClientRequestToken")
    if not token:
        return _originals["respond"](handler)
    place = (handler.current_account, token)
    request = json.dumps(handler.body["TransactItems"], sort_keys=True)
    known = _tokens.get(place)
    if known is not None and known != request:
        raise DynamodbException(_MISMATCH, "the ClientRequestToken was used with other parameters")
    if known is not None:
        return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
    answer = _originals["respond"](handler)
    _tokens[place] = request
    if len(_tokens) > _TOKENS_KEPT:
        _tokens.popitem(last=False)
    return answer


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """moto's own transaction, but what it takes for its backup is the table itself, and we undo by item."""
    touched = [place for item in transact_items for place in _place(backend, item)]
    before = [(place, copy.deepcopy(_item_at(*place))) for place in touched]
    Table.__deepcopy__ = lambda table, memo: table
    try:
        _originals["transact"](backend, transact_items)
    except BaseException:
        for (table, partition, sort), item in before:
            if item is None:
                table.items.get(partition, {}).pop(sort, None)
            else:
                table.items[partition][sort] = item
        raise
    finally:
        del Table.__deepcopy__


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
        return _originals["query"](table, *args, **kwargs)
    table.all_items = lambda: list(table.items.get(asked["hash_key"], {}).values())
    try:
        return _originals["query"](table, *args, **kwargs)
    finally:
        del table.all_items
