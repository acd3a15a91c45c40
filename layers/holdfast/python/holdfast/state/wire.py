"""Items in the form that DynamoDB has them, e.g. {"version": {"N": "7"}}."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from holdfast.core.errors import StoreError
from holdfast.state.items import checked
from holdfast.state.port import Item, Key, Put
from holdfast.state.tables import PARTITION_KEY, SORT_KEY

Wire = dict[str, Any]


def wire_key(key: Key) -> Wire:
    """A key's two attributes."""
    return {PARTITION_KEY: {"S": key.pk}, SORT_KEY: {"S": key.sk}}


def wire_item(put: Put) -> Wire:
    """The item of a put. Raises InvalidInputError for what no store can hold."""
    return {name: wire_value(value) for name, value in checked(put.item).items()}


def wire_value(value: Any) -> Wire:
    """One value; nothing but what `checked` lets through."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, list):
        return {"L": [wire_value(element) for element in value]}
    return {"M": {name: wire_value(element) for name, element in value.items()}}


def read_item(wire: Mapping[str, Any]) -> Item:
    """An item as the store port has it."""
    return {name: _read_value(value) for name, value in wire.items()}


def _read_value(wire: Mapping[str, Any]) -> Any:
    ((kind, value),) = wire.items()
    if kind in ("S", "BOOL"):
        return value
    if kind == "N":
        return _read_number(value)
    if kind == "NULL":
        return None
    if kind == "L":
        return [_read_value(element) for element in value]
    if kind == "M":
        return {name: _read_value(element) for name, element in value.items()}
    raise StoreError(f"an attribute of type {kind} was not written by Holdfast")


def _read_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        pass
    # DynamoDB may answer 1E+20 for an integer; a fraction was never written by us.
    try:
        number = Decimal(text)
        whole = int(number)
    except (InvalidOperation, ValueError, OverflowError):
        raise StoreError(f"{text!r} is no number") from None
    if whole != number:
        raise StoreError(f"{text!r} is no integer; Holdfast writes integers only")
    return whole
