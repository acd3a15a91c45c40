"""Records decoded one by one: one that can't be read is left out and named, so that it holds up no other."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from holdfast.core.errors import InvalidInputError, StoreError
from holdfast.state.port import UNREADABLE, Item

Decoded = TypeVar("Decoded")


class Unreadable(msgspec.Struct, frozen=True):
    """A stored item that is no `record` (what it should be, e.g. "bracket"): its sort key, and why for people."""

    record: str
    key: str
    why: str


def readable(
    record: str, items: Iterable[Item], decode: Callable[[Item], Decoded]
) -> tuple[list[Decoded], tuple[Unreadable, ...]]:
    """What can be read of these items, in their order, and what can't."""
    found: list[Decoded] = []
    left: list[Unreadable] = []
    for item in items:
        try:
            found.append(_decoded(item, decode))
        except _UNDECODABLE as error:
            left.append(Unreadable(record, item["sk"], _said(error)))
    return found, tuple(left)


def decoded(record: str, item: Item, decode: Callable[[Item], Decoded]) -> Decoded:
    """The record in an item. Raises StoreError where it can't be read."""
    try:
        return _decoded(item, decode)
    except _UNDECODABLE as error:
        raise StoreError(f"{record} {item['sk']} can't be read: {_said(error)}") from error


_UNDECODABLE = (msgspec.MsgspecError, LookupError, TypeError, ValueError, InvalidInputError, StoreError)


def _decoded(item: Item, decode: Callable[[Item], Decoded]) -> Decoded:
    if UNREADABLE in item:
        raise StoreError(item[UNREADABLE])
    return decode(item)


def _said(error: Exception) -> str:
    return f"no attribute {error}" if isinstance(error, KeyError) else str(error)
