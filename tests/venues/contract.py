"""What the contract of the venue port needs of a venue's local server, and the steps that its tests share.

Every venue runs the same tests through a VenueWorld; where venues differ, their capabilities say how. Prices are
0.0001 everywhere; `contracts` (or shares) become the venue's units by its scale.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, Protocol

from holdfast.clock import VirtualClock
from holdfast.core.capabilities import Identity
from holdfast.core.market import Side
from holdfast.core.orders import Cancellation, Fill, Placement, Purpose, TargetOrder, TimeInForce, client_order_id
from holdfast.core.outcomes import Outcome, Placed, PlaceOutcome, Refusal, Refused
from holdfast.core.scale import Scale
from holdfast.venues.port import Access, OrderRead, Venue
from tests.venues.kalshi_scripted import ACCOUNT

ONE = 10_000
TAKER = {"post_only": False}
EXIT = {"side": Side.SELL, "purpose": Purpose.EXIT, "time_in_force": TimeInForce.IMMEDIATE, **TAKER}
# Clocks that no venue accepts.
CLOCKS_OFF_MS = {"late clock": -60_000, "early clock": 60_000}
Levels = Sequence[tuple[int, int]]


class Failure(Enum):
    """What happens to the next request of one kind."""

    LOST_BEFORE = "dropped, not done"
    LOST_AFTER = "dropped, done"
    BROKEN_BEFORE = "5xx, not done"
    BROKEN_AFTER = "5xx, done"
    MALFORMED = "done, half of the answer"
    RATE_LIMITED = "429, not done"

    @property
    def takes_effect(self) -> bool:
        return self in (Failure.LOST_AFTER, Failure.BROKEN_AFTER, Failure.MALFORMED)


LOST = [failure for failure in Failure if failure is not Failure.RATE_LIMITED]


class Truth(NamedTuple):
    """The server's own books of the account, never lagging. Money, sizes and prices in the venue's scale."""

    resting: dict[str, int]  # order id -> remaining
    positions: dict[str, int]
    available: int  # as the port's balance defines it
    problems: list[str]  # where the books don't add up


class AccountWorld(Protocol):
    """One account with money at a venue's server, and what the server knows of it."""

    venue: Venue
    clock: VirtualClock

    def truth(self) -> Truth:
        """The server's own books."""
        ...


class VenueWorld(AccountWorld, Protocol):
    """The account, and the server's controls.

    `market` has one-cent steps and a book without anybody, `other_market` is another one. `more_than_a_page` rows do
    not fit on one page.
    """

    market: str
    other_market: str
    unknown_market: str
    unknown_order_id: str
    more_than_a_page: int

    def show_book(self, bids: Levels, asks: Levels) -> None:
        """Other people's orders, replacing those before; sizes in contracts."""
        ...

    def trade(self, price: int, contracts: Decimal | int, aggressor: Side) -> None:
        """A trade between others, which our resting orders may join."""
        ...

    def fail_next(self, kind: str, failure: Failure) -> None:
        """`kind`: place, place_batch, cancel, cancel_batch or read (then the next request must be one)."""
        ...

    def undo_next_trade(self) -> bool:
        """Let the next trade turn out void later; False where the venue knows nothing of the kind."""
        ...

    def lag_reads(self, lag_ms: int, jitter_ms: int = 0) -> None:
        """Reads of user data show the state of so long ago, plus up to `jitter_ms` by chance."""
        ...

    def pause(self, *, takes_cancels: bool) -> None:
        """No orders anywhere, and perhaps no cancels."""
        ...

    def restart(self) -> None:
        """Take the exchange down, as for its maintenance."""
        ...

    def resume(self) -> None:
        """End a pause or a restart."""
        ...

    def end_market(self, *, won: bool) -> None:
        """Close `market` for good; its holders won or lost."""
        ...

    def collect(self) -> None:
        """Let the money of ended markets reach the account."""
        ...

    def limit_writes(self) -> None:
        """Give the account the smallest write budget that the venue has."""
        ...

    def restrict_access(self) -> Access:
        """Take our leave to trade away in every way that the venue can state; returns what the port must say then."""
        ...

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass, at the server too."""
        ...

    def venue_as(self, intruder: str) -> Venue:
        """The account through other eyes: "stranger" (a key nobody knows), or one of CLOCKS_OFF_MS."""
        ...


def scale(world: VenueWorld) -> Scale:
    return world.venue.capabilities.scale


def size(world: VenueWorld, contracts: Decimal | int | str) -> int:
    return scale(world).size(Decimal(contracts))


def order(world: VenueWorld, attempt: str = "1", contracts: Decimal | int | str = 10, **changes: Any) -> Placement:
    """A resting bid of 10 contracts at 0.40, prepared, unless changed."""
    wanted = {
        "market": world.market,
        "side": Side.BUY,
        "price": 4_000,
        "size": size(world, contracts),
        "purpose": Purpose.QUOTE,
        "leg": "bid-0",
        **changes,
    }
    identity = client_order_id(ACCOUNT, wanted["market"], wanted["leg"], attempt, wanted["purpose"])
    [prepared] = world.venue.prepare([Placement(TargetOrder(**wanted), identity)])
    return prepared


def soon(world: AccountWorld) -> int:
    return world.clock.now_ms() + 10_000


def place(world: VenueWorld, *batch: Placement) -> list[PlaceOutcome]:
    return world.venue.place(batch, soon(world))


def placed(world: VenueWorld, attempt: str = "1", contracts: Decimal | int | str = 10, **changes: Any) -> Placed:
    [outcome] = place(world, order(world, attempt, contracts, **changes))
    assert isinstance(outcome, Placed), outcome
    return outcome


def cancel(world: VenueWorld, *order_ids: str) -> list[Outcome]:
    batch = [Cancellation(order_id, world.market, Side.BUY) for order_id in order_ids]
    return list(world.venue.cancel(batch, soon(world)))


def found(world: VenueWorld, wanted: Placement) -> OrderRead | None:
    """The order under the identity that was fixed before it was sent."""
    if world.venue.capabilities.identity is Identity.HASH:
        return world.venue.find_order(wanted.order_id, world.market)
    recent = world.venue.recent_orders(0)
    return next((read for read in recent if read.order.client_order_id == wanted.client_order_id), None)


def reasons(outcomes: Sequence[Outcome]) -> list[Refusal | str]:
    return [outcome.reason if isinstance(outcome, Refused) else type(outcome).__name__ for outcome in outcomes]


def spent(fills: Sequence[Fill]) -> int:
    """Money that these fills cost, fees included."""
    signed = {Side.BUY: 1, Side.SELL: -1}
    return sum(signed[fill.side] * fill.price * fill.size + fill.fee for fill in fills)


def assert_books_agree(world: AccountWorld) -> None:
    """What the port says is what the server holds, to the last unit."""
    truth = world.truth()
    assert truth.problems == []
    assert {row.order_id: row.remaining for row in world.venue.open_orders().orders} == truth.resting
    assert {row.market: row.size for row in world.venue.positions()} == truth.positions
    balance = world.venue.balance()
    assert balance.available == truth.available
    assert not balance.by_shard or sum(balance.by_shard.values()) == balance.available
