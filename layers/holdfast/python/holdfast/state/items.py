"""What an item may hold, checked and copied the same way by every store adapter."""

from collections.abc import Sequence
from typing import Any

from holdfast.core.errors import InvalidInputError
from holdfast.state.port import MAX_TRANSACTION, AbsentOrAtMost, Equals, Item, Key, Put, Write
from holdfast.state.tables import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE

# DynamoDB keeps 38 digits of a number.
INT_LIMIT = 10**38
_ALLOWED = "str, int of at most 38 digits, bool, None, list or dict with str keys"


def unshared(item: Item) -> Item:
    """A copy of a stored item that shares nothing mutable with it."""
    copy = item.copy()
    for name, value in item.items():
        if type(value) is list or type(value) is dict:
            copy[name] = _copied(name, value)
    return copy


def checked(item: Item) -> Item:
    """A copy of an item that is about to be written. Raises InvalidInputError for what no store can hold."""
    for name in (PARTITION_KEY, SORT_KEY):
        value = item.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidInputError(name, value, "a non-empty string")
    if TTL_ATTRIBUTE in item and type(item[TTL_ATTRIBUTE]) is not int:
        raise InvalidInputError(TTL_ATTRIBUTE, item[TTL_ATTRIBUTE], "whole seconds since 1970")
    return {name: value if type(value) is str else _copied(name, value) for name, value in item.items()}


def key_of(write: Write) -> Key:
    """Where a write goes."""
    if isinstance(write, Put):
        return Key(write.table, write.item[PARTITION_KEY], write.item[SORT_KEY])
    return write.key


def check_transaction(writes: Sequence[Write]) -> None:
    """Refuse what DynamoDB refuses: no write at all, more than 100, or two writes to one key."""
    if not 1 <= len(writes) <= MAX_TRANSACTION:
        raise InvalidInputError("writes of a transaction", len(writes), f"1 to {MAX_TRANSACTION}")
    keys = set()
    for write in writes:
        key = key_of(write)
        if key in keys:
            raise InvalidInputError("writes of a transaction", key, "no key twice")
        keys.add(key)


def holds(write: Write, item: Item | None) -> bool:
    """Whether a write's condition holds on the item at its key (None: there is none, or it has expired)."""
    condition = write.condition
    if condition is None:
        return True
    if isinstance(condition, Equals):
        if item is None or condition.attribute not in item:
            return False
        value, wanted = item[condition.attribute], condition.value
        return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted
    if isinstance(condition, AbsentOrAtMost):
        if item is None or condition.attribute not in item:
            return True
        value = item[condition.attribute]
        return type(value) is int and value <= condition.value
    return item is None


def is_expired(item: Item, now_ms: int) -> bool:
    """Whether the TTL has passed. DynamoDB deletes late, so an expired item counts as absent everywhere."""
    ttl = item.get(TTL_ATTRIBUTE)
    return type(ttl) is int and ttl * 1000 <= now_ms


def _copied(name: str, value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        if not -INT_LIMIT < value < INT_LIMIT:
            raise InvalidInputError(name, value, _ALLOWED)
        return int(value)
    if isinstance(value, str):
        # Also turns a StrEnum member into its plain text, as it comes back from DynamoDB.
        return str.__str__(value)
    if isinstance(value, list):
        return [_copied(name, element) for element in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {str.__str__(key): _copied(name, element) for key, element in value.items()}
    raise InvalidInputError(name, value, _ALLOWED)
