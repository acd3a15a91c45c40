"""Brackets and trades in the brackets table: the open ones by market, and a record of each that was closed.

Whoever changes a bracket names the version that he read; whoever loses re-reads (design section 5, claims). The
writes are values, so that a claim and the journal entry of the order that it is for are one transaction.
"""

from collections.abc import Sequence

import msgspec
from msgspec import structs

from holdfast.core.bracket import Bracket
from holdfast.core.trade import Trade
from holdfast.state.port import Absent, Check, Delete, Equals, Item, Key, Put, Store, Table, Write
from holdfast.state.records import Unreadable, decoded, readable

_encoder = msgspec.json.Encoder()
_brackets = msgspec.json.Decoder(Bracket)
_trades = msgspec.json.Decoder(Trade)


class Brackets:
    """One account's brackets. One market has at most one open bracket: its place is the market's."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account
        self._trades_pk = f"TRADE#{account}"

    def open(self) -> dict[str, Bracket]:
        """Every open bracket that can be read, by market, in one query."""
        return self.read()[0]

    def read(self) -> tuple[dict[str, Bracket], tuple[Unreadable, ...]]:
        """Every open bracket by market, in one query, and those that can't be read."""
        found, left = readable("bracket", self._store.query(Table.BRACKETS, self._account), _decoded)
        return {bracket.market: bracket for bracket in found}, left

    def get(self, market: str) -> Bracket | None:
        """One market's open bracket. Raises StoreError where it can't be read."""
        item = self._store.get(Key(Table.BRACKETS, self._account, market))
        return decoded("bracket", item, _decoded) if item else None

    def none_open(self, market: str) -> Check:
        """A transaction's condition that this market has no open bracket."""
        return Check(Key(Table.BRACKETS, self._account, market), Absent())

    def claim(self, bracket: Bracket) -> Put:
        """The conditional write that replaces the version that `bracket` carries (0: there must be none)."""
        stored = structs.replace(bracket, version=bracket.version + 1)
        item = {
            "pk": self._account,
            "sk": stored.market,
            "version": stored.version,
            "revision": _revision(stored),
            "state": stored.state.value,
            "bracket": _encoder.encode(stored).decode(),
        }
        return Put(Table.BRACKETS, item, _unchanged(bracket) if bracket.version else Absent())

    def save(self, bracket: Bracket) -> Bracket:
        """Store a changed bracket; returns it with its new version. ConditionFailedError: another writer was faster."""
        self._store.write(self.claim(bracket))
        return structs.replace(bracket, version=bracket.version + 1)

    def close(self, bracket: Bracket, trade: Trade | None, further: Sequence[Write] = ()) -> None:
        """Remove a closed bracket and record its trade (None where its entry never filled), with `further` writes.

        ConditionFailedError: another writer changed or closed it first.
        """
        gone = Delete(Key(Table.BRACKETS, self._account, bracket.market), _unchanged(bracket))
        writes: list[Write] = [gone, *further]
        if trade is not None:
            item: Item = {
                "pk": self._trades_pk,
                "sk": f"{trade.closed_at_ms:015d}#{trade.bracket_id}",
                "trade": _encoder.encode(trade).decode(),
            }
            writes.append(Put(Table.BRACKETS, item, Absent()))
        self._store.transact(writes)

    def trades(self) -> list[Trade]:
        """Every closed trade of the account, oldest first. For reports, not for ticks."""
        return [decoded("trade", item, _trade) for item in self._store.query(Table.BRACKETS, self._trades_pk)]


def _revision(bracket: Bracket) -> str:
    """Versions begin anew with each bracket of a market: alone, one would also name the version of a later bracket."""
    return f"{bracket.bracket_id}#{bracket.version}"


def _unchanged(bracket: Bracket) -> Equals:
    return Equals("revision", _revision(bracket))


def _decoded(item: Item) -> Bracket:
    bracket, version = _brackets.decode(item["bracket"]), item["version"]
    if type(version) is not int or bracket.market != item["sk"]:
        raise ValueError(f"it has version {version!r} and is of market {bracket.market}")
    bracket = structs.replace(bracket, version=version)
    if item["revision"] != _revision(bracket):
        # Every write would lose its condition: a stop would be decided for ever, and never sent.
        raise ValueError(f"its revision is {item['revision']!r}, of this bracket it is {_revision(bracket)}")
    return bracket


def _trade(item: Item) -> Trade:
    return _trades.decode(item["trade"])
