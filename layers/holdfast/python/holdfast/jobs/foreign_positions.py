"""Positions that only the venue shows: foreign, so never adopted in silence, and said once an hour.

What they cost, the owner says (`holdfast import`): a fill of ours would have brought the position into the ledger.
"""

from collections.abc import Mapping, Set

from holdfast.core.errors import BudgetExhaustedError, VenueError
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.ports import Ports
from holdfast.state.ledger import StoredPosition
from holdfast.telemetry.port import Level

LOOK_EVERY_MS = 3_600_000
# The venue's positions lag: one counts when a second look, so much later, shows the same.
CONFIRM_MS = 120_000
_WHY = "the venue shows it and our ledger does not know it: holdfast import with its entry price protects it"


def say_foreign_positions(ports: Ports, view: AccountView, protected: Set[str], now_ms: int) -> None:
    """Say what the venue holds beyond our books, in markets that are neither `protected` by a bracket nor quoted.

    One read an hour, two where there is something to say. A read that fails is said and tried again with the next look:
    no protection waits for it.
    """
    cache = ports.cache
    every_ms = CONFIRM_MS if cache.foreign else LOOK_EVERY_MS
    if now_ms - cache.foreign_looked_at_ms < every_ms:
        return
    cache.foreign_looked_at_ms = now_ms
    try:
        listed = ports.venue.positions()
    except (VenueError, BudgetExhaustedError) as error:
        ports.telemetry.event("UPKEEP_FAILED", Level.WARNING, what="foreign positions", error=str(error))
        return
    ours = protected | cache.quoted | view.unbooked.keys()
    ours |= {order.market for order in view.open_orders if order.purpose is Purpose.ENTRY}
    found = {
        held.market: held.size
        for held in listed
        if held.market not in ours and not held.resolved and _is_foreign(ports, held.market, held.size, view.positions)
    }
    confirmed = {market: size for market, size in found.items() if cache.foreign.get(market) == size}
    for market, size in sorted(confirmed.items()):
        side = Side.BUY if size > 0 else Side.SELL
        ports.telemetry.event("POSITION_UNPROTECTED", Level.ERROR, market=market, size=size, side=side.value, why=_WHY)
    if confirmed:
        ports.telemetry.metric("ForeignPositions", len(confirmed))
    cache.foreign = {} if cache.foreign else found


def _is_foreign(ports: Ports, market: str, size: int, positions: Mapping[str, StoredPosition]) -> bool:
    """Whether our ledger holds nothing there, and it is more than dust."""
    stored = positions.get(market)
    if stored is not None and stored.position.size:
        return False
    rules = ports.cache.rules.get(market)
    return rules is None or rules.snap_size(abs(size)) > 0
