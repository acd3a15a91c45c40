"""Halts, day marks, market pauses and venue windows of an account, in the control table. Written on change only."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from holdfast.core.pauses import MarketPause
from holdfast.core.risk import DayMark
from holdfast.core.skew import SkewVerdict
from holdfast.core.windows import TRADING, Window
from holdfast.state.port import Delete, Item, Key, Put, Store, Table
from holdfast.state.records import Unreadable, readable

Part = TypeVar("Part")


class VenueNote(Struct, frozen=True):
    """What a tick learnt of the venue that the next one must know, whichever process runs it.

    `delayed`: since when (UTC ms) a window has kept an exit from going out, by market.
    """

    window: Window = TRADING
    paused_shards: tuple[int, ...] = ()
    shut_shards: tuple[int, ...] = ()
    skew: SkewVerdict = SkewVerdict.FINE
    delayed: dict[str, int] = {}


class Halts(Struct, frozen=True):
    """What stops an account's quotes and entries. `switch` mirrors the owner's switch; `reasons` are risk halts.

    `venue` is what the venue lets through. `latched_day` (days since 1970) is the UTC day that a daily loss was reached
    on: it halts until that day is over, whatever the prices do; -1 where none is latched. `unreadable`: what of all
    this, or the day's mark, can't be read, and has its default here.
    """

    switch: bool = False
    reasons: tuple[str, ...] = ()
    latched_day: int = -1
    venue: VenueNote = VenueNote()
    unreadable: tuple[Unreadable, ...] = ()


class Halting:
    """One account's halts, day mark and pauses."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._switch = Key(Table.CONTROL, f"HALT#{account}", "switch")
        self._risk = Key(Table.CONTROL, f"HALT#{account}", "risk")
        self._venue = Key(Table.CONTROL, f"HALT#{account}", "venue")
        self._day = Key(Table.CONTROL, f"DAY#{account}", "mark")
        self._pauses_pk = f"PAUSE#{account}"

    @property
    def keys(self) -> tuple[Key, ...]:
        """What a tick reads together with its lease."""
        return (self._switch, self._risk, self._venue, self._day)

    def of(self, items: dict[Key, Item]) -> tuple[Halts, DayMark | None]:
        """Halts and day mark from the items read at `keys`."""
        left: list[Unreadable] = []

        def read(key: Key, record: str, decode: Callable[[Item], Part], otherwise: Part) -> Part:
            found, unreadable = readable(record, [items[key]] if key in items else [], decode)
            left.extend(unreadable)
            return found[0] if found else otherwise

        switch = read(self._switch, "halt", lambda item: msgspec.convert(item["on"], bool), False)
        risk = read(self._risk, "halt", _risk, None)
        reasons, latched_day = risk or ((), -1)
        mark = read(self._day, "day_mark", _mark, None)
        # A note that can't be read is one that was not left: the venue is asked what it lets through.
        notes, _ = readable("venue_note", [items[self._venue]] if self._venue in items else [], _note)
        venue = notes[0] if notes else VenueNote()
        return Halts(switch, reasons, latched_day, venue, tuple(left)), mark

    def mirror(self, on: bool) -> None:
        """Mirror the owner's halt switch."""
        self._store.write(Put(Table.CONTROL, {"pk": self._switch.pk, "sk": self._switch.sk, "on": on}))

    def record(self, reasons: tuple[str, ...], latched_day: int) -> None:
        """Record the risk halts in force; none clears them."""
        item = {"pk": self._risk.pk, "sk": self._risk.sk, "reasons": list(reasons), "latched_day": latched_day}
        self._store.write(Put(Table.CONTROL, item))

    def note_venue(self, note: VenueNote) -> None:
        """Record what the venue lets through."""
        text = msgspec.json.encode(note).decode()
        self._store.write(Put(Table.CONTROL, {"pk": self._venue.pk, "sk": self._venue.sk, "note": text}))

    def mark_day(self, mark: DayMark) -> None:
        """Record the P&L that a new day starts with."""
        self._store.write(self.marking(mark))

    def marking(self, mark: DayMark) -> Put:
        """The write of `mark_day`, for a transaction with others."""
        item = {"pk": self._day.pk, "sk": self._day.sk, **msgspec.to_builtins(mark), "blind": list(mark.blind)}
        return Put(Table.CONTROL, item)

    def pauses(self) -> dict[str, MarketPause]:
        """Markets that refused us lately. One that can't be read counts as none: the next refusals write it anew."""
        found, _ = readable("pause", self._store.query(Table.CONTROL, self._pauses_pk), _pause)
        return {pause.market: pause for pause in found}

    def pause(self, pause: MarketPause, forget_at_ms: int) -> None:
        """Record one more tick of refusals; the row of them is over when none follows by then."""
        item = {
            "pk": self._pauses_pk,
            "sk": pause.market,
            **msgspec.to_builtins(pause),
            "ttl": -(-forget_at_ms // 1000),
        }
        del item["market"]
        self._store.write(Put(Table.CONTROL, item))

    def clear_pause(self, market: str) -> None:
        """The market takes orders again."""
        self._store.write(Delete(Key(Table.CONTROL, self._pauses_pk, market)))


def _risk(item: Item) -> tuple[tuple[str, ...], int] | None:
    return msgspec.convert((item["reasons"], item["latched_day"]), tuple[tuple[str, ...], int])


def _note(item: Item) -> VenueNote:
    return msgspec.json.decode(item["note"], type=VenueNote)


def _mark(item: Item) -> DayMark | None:
    return msgspec.convert({**item, "blind": item.get("blind", ())}, DayMark)


def _pause(item: Item) -> MarketPause:
    fields = {name: item[name] for name in ("reason", "ticks", "until_ms")}
    return msgspec.convert({"market": item["sk"], **fields}, MarketPause)
