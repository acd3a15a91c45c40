"""Halts, day marks, market pauses and venue windows of an account, in the control table. Written on change only."""

import msgspec
from msgspec import Struct

from holdfast.core.outcomes import Refusal
from holdfast.core.pauses import MarketPause
from holdfast.core.risk import DayMark
from holdfast.core.skew import SkewVerdict
from holdfast.core.windows import TRADING, Window
from holdfast.state.port import Delete, Item, Key, Put, Store, Table
from holdfast.state.records import decoded


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
    on: it halts until that day is over, whatever the prices do; -1 where none is latched.
    """

    switch: bool = False
    reasons: tuple[str, ...] = ()
    latched_day: int = -1
    venue: VenueNote = VenueNote()


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
        switch, risk, venue, day = (items.get(key) for key in self.keys)
        halts = Halts(
            switch=bool(switch and switch["on"]),
            reasons=tuple(risk["reasons"]) if risk else (),
            latched_day=risk["latched_day"] if risk else -1,
            venue=msgspec.json.decode(venue["note"], type=VenueNote) if venue else VenueNote(),
        )
        return halts, DayMark(day["day"], day["pnl_at_start"], tuple(day.get("blind", ()))) if day else None

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
        """Markets that refused us lately."""
        items = self._store.query(Table.CONTROL, self._pauses_pk)
        return {item["sk"]: decoded("pause", item, _pause) for item in items}

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


def _pause(item: Item) -> MarketPause:
    return MarketPause(item["sk"], Refusal(item["reason"]), item["ticks"], item["until_ms"])
