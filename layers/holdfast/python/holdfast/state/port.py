"""The store port: five tables of items with conditional writes, the same on DynamoDB and in memory.

An item is a flat dict with string keys "pk" and "sk" and attributes of str, int, bool, None, list or dict of the
same. Reads are strongly consistent. A conditional write that loses raises ConditionFailedError; a call that failed
raises StoreError, and whether a write took effect is then unknown.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

Item = dict[str, Any]

UNREADABLE = "unreadable!"
"""The attribute that `Store.query` gives, with the reason, instead of all others but the keys, where an item has
something that no Holdfast wrote: one such item holds up no other."""


class Table(StrEnum):
    """The five tables (design section 4)."""

    POSITIONS = "positions"
    BRACKETS = "brackets"
    LEDGER = "ledger"
    MARKETS = "markets"
    CONTROL = "control"


class Key(Struct, frozen=True):
    """Where an item is."""

    table: Table
    pk: str
    sk: str


class Absent(Struct, frozen=True):
    """No item is at the key."""


class Equals(Struct, frozen=True):
    """The item exists and this attribute has exactly this value (a version, a fence, an owner)."""

    attribute: str
    value: str | int | bool


class AbsentOrAtMost(Struct, frozen=True):
    """No item is at the key, it lacks the attribute, or the attribute is at most this value (a fence)."""

    attribute: str
    value: int


Condition = Absent | Equals | AbsentOrAtMost


class Put(Struct, frozen=True):
    """Write a whole item at its "pk" and "sk", if the condition holds."""

    table: Table
    item: Item
    condition: Condition | None = None


class Delete(Struct, frozen=True):
    """Remove an item, if the condition holds. Removing what is not there is no error without a condition."""

    key: Key
    condition: Condition | None = None


class Check(Struct, frozen=True):
    """Change nothing, but let the transaction fail unless the condition holds."""

    key: Key
    condition: Condition


Write = Put | Delete | Check


class Claim(Struct, frozen=True):
    """Conditional writes that go with one order, in the transaction that records it: all of it or nothing is done.

    `market` names whose claim it is where it is lost.
    """

    market: str
    writes: tuple[Write, ...]


MAX_TRANSACTION = 100


class Store(Protocol):
    """Strongly consistent reads and conditional writes."""

    def get(self, key: Key) -> Item | None:
        """One item or None."""
        ...

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """The items that exist among these keys; any number of keys."""
        ...

    def query(self, table: Table, pk: str, prefix: str = "") -> list[Item]:
        """Every item of a partition whose sk starts with `prefix`, in order of sk; all pages."""
        ...

    def write(self, write: Put | Delete) -> None:
        """One conditional write."""
        ...

    def transact(self, writes: Sequence[Write]) -> None:
        """All of these writes or none, 1 to 100, no key twice. ConditionFailedError.failed says which ones lost."""
        ...
