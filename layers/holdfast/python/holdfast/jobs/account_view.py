"""One account as an observation found it, and the last one that a process keeps."""

from msgspec import Struct

from holdfast.core.journal import JournalEntry
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder
from holdfast.state.ledger import StoredPosition
from holdfast.state.records import Unreadable


class AccountView(Struct, frozen=True):
    """One account as it is now: its orders at the venue, positions, and where writes are in doubt.

    `is_current` False: the list is older than writes that the journal has already forgotten; nothing may be placed
    on its strength. `unbooked`: signed sizes by market that were filled but are in no position yet. `in_doubt`:
    journal entries that could be resolved by now, and were not. `entries`: every entry that the list need not show yet.
    `unsettled`: signed sizes by market of fills that the venue may still take back; `provisional` are the markets that
    have such fills, also where their sizes cancel out. `fills_lag`: markets with an order of ours that was cancelled
    and is listed all the same, so that its last fills may be missing. `booked` counts new fills.
    `as_of_ms`: fills and ends of orders after it may be missing. `unnamed`: orders with fills that nobody could name.
    `waiting`: markets with fills that are not booked before their fee is known. `unreadable`: journal entries that
    can't be read; their orders count as what the list shows of them.
    """

    open_orders: tuple[OpenOrder, ...]
    frozen: frozenset[tuple[str, Side]]
    doubtful: frozenset[str]
    positions: dict[str, StoredPosition]
    unbooked: dict[str, int]
    in_doubt: tuple[JournalEntry, ...]
    entries: tuple[JournalEntry, ...]
    unsettled: dict[str, int]
    provisional: frozenset[str]
    fills_lag: frozenset[str]
    is_current: bool
    as_of_ms: int
    booked: int
    unresolved: int
    unnamed: int = 0
    unreadable: tuple[Unreadable, ...] = ()
    waiting: frozenset[str] = frozenset()


class LastLook(Struct, frozen=True):
    """What an account was, in a tick that had nothing to do, and when that began (our clock, UTC ms)."""

    view: AccountView
    at_ms: int
