"""Which reads of the venue a tick may leave out, because nothing can have changed that would cost money.

Nothing is ever sent on an old look: a tick that finds anything to do reads the account first, and then the rest of
design section 5 follows. What is left out:

| job      | left out                                | while                                       | at most           |
|----------|-----------------------------------------|---------------------------------------------|-------------------|
| brackets | orders, their as-of time, fills, status | the last look stands and no bracket is due  | `LOOK_AGAIN_MS`   |
| execute  | everything                              | nothing is quoted, asked for or in flight:  | `DECIDE_AGAIN_MS` |
|          |                                         | the brackets job books fills, settlements   |                   |

A look stands while nothing of ours is in doubt, in flight or not final, nothing rests that could add to a position, and
journal and positions, which every writer of ours changes before and after whatever it does, are as they were. Then a
fill can only be one of a resting take profit. It leaves nothing to protect and oversells nothing, and the books, which
every tick reads, show it as a level that is smaller than our orders in it; so does a take profit that somebody else
cancelled. What no book shows (an equal order of somebody else behind ours) waits for the next look.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set

from holdfast.core.book import OrderBook
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder
from holdfast.core.protection import REDUCING
from holdfast.core.reconcile import horizon_of
from holdfast.core.requests import EntryRequest
from holdfast.core.risk import DAY_MS, DayMark
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.ports import Ports
from holdfast.state.brackets import Brackets
from holdfast.state.halts import Halts
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.markets import MarketConfigs
from holdfast.state.requests import Requests
from holdfast.state.switch_set import Switches

LOOK_AGAIN_MS = 300_000
# As often as positions are compared with the venue's (design section 5, ledger).
DECIDE_AGAIN_MS = 600_000


def can_stand(view: AccountView, protected: Set[str]) -> bool:
    """Whether nothing is under way in an account, and nothing can happen to it but fills of its take profits.

    `protected` are the markets with a bracket: an order of ours in any other would be an orphan.
    """
    doubts = (
        view.entries,
        view.doubtful,
        view.frozen,
        view.provisional,
        view.unresolved,
        view.unnamed,
        view.unreadable,
    )
    if not view.is_current or any(doubts) or any(view.unbooked.values()):
        return False
    ours = (order for order in view.open_orders if order.purpose is not None)
    return all(order.purpose in REDUCING and not order.expires_at_ms and order.market in protected for order in ours)


def standing_view(ports: Ports, journal: Journal, ledger: Ledger, now_ms: int) -> AccountView | None:
    """The last look of this process where it still stands, by our own store; else None."""
    look = ports.cache.look
    if look is None or now_ms - look.at_ms >= LOOK_AGAIN_MS:
        return None
    view = look.view
    horizon_ms = horizon_of(view.as_of_ms, view.as_of_ms, ports.venue.capabilities)
    if any(journal.read()) or journal.retired_through_ms() > horizon_ms:
        return None
    return view if ledger.positions() == view.positions else None


def are_shown(orders: Iterable[OpenOrder], books: Mapping[str, OrderBook]) -> bool:
    """Whether the books, own orders included, have room for ours: a smaller level says that one of them is gone."""
    ours: Counter[tuple[str, Side, int]] = Counter()
    for order in orders:
        if order.purpose is not None:
            ours[order.market, order.side, order.price] += order.remaining
    return all(_shown(books.get(market), side, price) >= size for (market, side, price), size in ours.items())


def _shown(book: OrderBook | None, side: Side, price: int) -> int:
    if book is None:
        return 0
    return (book.bids if side is Side.BUY else book.asks).get(price, 0)


def is_idle(ports: Ports, account: str, switches: Switches, halts: Halts, mark: DayMark | None, now_ms: int) -> bool:
    """Whether the execute job has nothing to decide: nothing is quoted, asked for or scanned for, nothing of ours is in
    the journal or rested at its last full tick but what brackets own, and no halt waits to be cleared.

    What brackets own is looked after by their job. What this job alone does (halts, the day's mark, the comparison of
    positions) it does when an entry is asked for, when a UTC day begins, and every `DECIDE_AGAIN_MS`.
    """
    cache = ports.cache
    if now_ms - cache.idle_at_ms >= DECIDE_AGAIN_MS or switches.scan_entries:
        return False
    if halts.reasons or mark is None or mark.day != now_ms // DAY_MS:
        return False
    if any(cache.reported_differences.get(market) != by for market, by in cache.differences.items()):
        # A difference counts when a second look, a tick later, shows it again.
        return False
    return not (
        Journal(ports.store, account).live()
        or any(isinstance(stored.request, EntryRequest) for stored in Requests(ports.store, account).open())
        or _has_quotes(ports, account)
    )


def leaves_idle(ports: Ports, account: str, view: AccountView, sent: int) -> bool:
    """Whether a full tick of the execute job, which saw this and sent so much, leaves nothing of its own behind."""
    return not sent and can_stand(view, Brackets(ports.store, account).open().keys())


def _has_quotes(ports: Ports, account: str) -> bool:
    """Whether a market is quoted, or was and holds something that the inventory stop guards; or may be."""
    configs, unreadable = MarketConfigs(ports.store, account).read()
    if unreadable:
        return True
    quoted = [config for config in configs if config.mode == "quote"]
    if not quoted or any(config.enabled for config in quoted):
        return bool(quoted)
    held = {market for market, one in Ledger(ports.store, account).positions().items() if one.position.size}
    return any(config.market in held for config in quoted)
