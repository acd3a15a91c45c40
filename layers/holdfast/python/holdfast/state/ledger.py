"""Ledger and positions: fill-once is one transaction that puts the ledger lines and moves the position.

Positions, P&L and report are sums over the ledger; the position item is that sum, kept so that a tick need not add.
"""

from collections.abc import Sequence

import msgspec
from msgspec import structs

from holdfast.core.errors import ConditionFailedError, StoreError
from holdfast.core.positions import LedgerLine, Position
from holdfast.state.port import Absent, Equals, Item, Key, Put, Store, Table, Write
from holdfast.state.records import decoded

_MAX_CONFLICTS = 8
# A transaction holds 100 writes: two lines a fill and one position.
FILLS_PER_TRANSACTION = 49


class StoredPosition(msgspec.Struct, frozen=True):
    """A position with the version that the next write must name (0: not stored yet)."""

    position: Position
    version: int = 0


class Watermark(msgspec.Struct, frozen=True):
    """How far fills have been read (venue time, UTC ms) and which ones since the overlap began."""

    read_to_ms: int = 0
    recent: tuple[str, ...] = ()


class Ledger:
    """One account's ledger and positions."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account
        self._watermark = Key(Table.CONTROL, f"WATERMARK#{account}", "fills")

    def positions(self) -> dict[str, StoredPosition]:
        """Every position of the account by market, flat ones included."""
        items = self._store.query(Table.POSITIONS, self._account)
        return {item["sk"]: decoded("position", item, _position) for item in items}

    def position(self, market: str) -> StoredPosition:
        """One market's position."""
        item = self._store.get(Key(Table.POSITIONS, self._account, market))
        return decoded("position", item, _position) if item else StoredPosition(Position(market))

    def lines(self) -> list[LedgerLine]:
        """Every line of the account in order of key. For reports and audits, not for ticks."""
        return [decoded("ledger line", item, _line) for item in self._store.query(Table.LEDGER, self._account)]

    def watermark(self) -> Watermark:
        """How far fills have been read."""
        item = self._store.get(self._watermark)
        return Watermark(item["read_to_ms"], tuple(item["recent"])) if item else Watermark()

    def advance(self, watermark: Watermark) -> None:
        """Store how far fills have been read. Two writers may race: the overlap covers either outcome."""
        self._store.write(
            Put(
                Table.CONTROL,
                {
                    "pk": self._watermark.pk,
                    "sk": self._watermark.sk,
                    "read_to_ms": watermark.read_to_ms,
                    "recent": list(watermark.recent),
                },
            )
        )

    def book(self, stored: StoredPosition, position: Position, lines: Sequence[LedgerLine]) -> StoredPosition:
        """Put these lines and move the position, all or nothing.

        ConditionFailedError: another writer booked one of the lines or moved the position. `failed` counts from the
        lines' start; the index len(lines) is the position.
        """
        self._store.transact(self.booking(stored, position, lines))
        return StoredPosition(position, stored.version + 1)

    def booking(self, stored: StoredPosition, position: Position, lines: Sequence[LedgerLine]) -> list[Write]:
        """The writes of `book`, for one transaction with others."""
        writes: list[Write] = [Put(Table.LEDGER, self._line_item(line), Absent()) for line in lines]
        version = stored.version + 1
        condition = Equals("version", stored.version) if stored.version else Absent()
        item = {"pk": self._account, "sk": position.market, "version": version, **structs.asdict(position)}
        return [*writes, Put(Table.POSITIONS, item, condition)]

    def note(self, line: LedgerLine) -> bool:
        """Put one line that moves no position of ours (a foreign fill). False where it was there already."""
        try:
            self._store.write(Put(Table.LEDGER, self._line_item(line), Absent()))
        except ConditionFailedError:
            return False
        return True

    def known(self, keys: Sequence[str]) -> set[str]:
        """Which of these lines the ledger has."""
        found = self._store.get_many([Key(Table.LEDGER, self._account, key) for key in keys])
        return {key.sk for key in found}

    def _line_item(self, line: LedgerLine) -> Item:
        item = {"pk": self._account, "sk": line.key, **msgspec.to_builtins(line)}
        del item["key"]
        return item


def contended(what: str) -> StoreError:
    """The error for a write that lost every time."""
    return StoreError(f"{what} was contended {_MAX_CONFLICTS} times")


def attempts() -> range:
    """How often a contended booking is tried again from a fresh read."""
    return range(_MAX_CONFLICTS)


def _position(item: Item) -> StoredPosition:
    fields = {name: item[name] for name in Position.__struct_fields__ if name in item}
    return StoredPosition(msgspec.convert(fields, Position), item["version"])


def _line(item: Item) -> LedgerLine:
    fields = {name: item[name] for name in LedgerLine.__struct_fields__ if name != "key"}
    return msgspec.convert({"key": item["sk"], **fields}, LedgerLine)
