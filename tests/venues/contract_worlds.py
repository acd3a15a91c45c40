"""Every venue behind one pair of hands: what the contract of the venue port asks of a venue's local server.

Prices are 0.0001 everywhere; sizes here are contracts (or shares), which each world turns into its venue's units.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Protocol

from holdfast.clock import VirtualClock
from holdfast.core.market import Side
from holdfast.core.orders import Cancellation, OpenOrder, Placement, Purpose, TargetOrder, client_order_id
from holdfast.core.outcomes import Placed, Refusal, Refused
from holdfast.venues.port import Venue
from local.venues.faults import Fault, FaultKind
from tests.venues.kalshi_controls import Failure, KalshiControls, kalshi_controls
from tests.venues.kalshi_scripted import ACCOUNT
from tests.venues.polymarket_world import FED, World, polymarket_world

Levels = Sequence[tuple[int, int]]
_POLYMARKET_FAULTS = {
    Failure.LOST_BEFORE: FaultKind.TIMEOUT_BEFORE,
    Failure.LOST_AFTER: FaultKind.TIMEOUT_AFTER,
    Failure.BROKEN_BEFORE: FaultKind.ERROR_BEFORE,
    Failure.BROKEN_AFTER: FaultKind.ERROR_AFTER,
    Failure.MALFORMED: FaultKind.MALFORMED,
    Failure.RATE_LIMITED: FaultKind.RATE_LIMITED,
}
_POLYMARKET_ENDPOINTS = {
    "place": "POST /order",
    "place_batch": "POST /orders",
    "cancel": "DELETE /order",
    "cancel_batch": "DELETE /orders",
    "read": "GET *",
}


class Hands(Protocol):
    """One venue's server. `market` has one-cent steps, `more_than_a_page` orders do not fit on one page."""

    venue: Venue
    clock: VirtualClock
    market: str
    more_than_a_page: int
    keeps_client_ids: bool

    def show_book(self, bids: Levels, asks: Levels) -> None:
        """Other people's orders, replacing those before."""
        ...

    def trade(self, price: int, contracts: Decimal, aggressor: Side) -> None:
        """A trade between others, which our resting orders may join."""
        ...

    def fail_next(self, kind: str, failure: Failure) -> None:
        """`kind`: place, place_batch, cancel, cancel_batch or read."""
        ...

    def lag_reads(self, lag_ms: int) -> None:
        """Reads of user data show the state of so long ago."""
        ...

    def limit_writes(self) -> None:
        """Give the account the smallest write budget that the venue has."""
        ...

    def venue_with_a_late_clock(self) -> Venue:
        """The same account, a minute behind."""
        ...

    def resting(self) -> dict[str, int]:
        """The server's own books: remaining size by order id, never lagging."""
        ...

    def problems(self) -> list[str]:
        """Where the server's books don't add up."""
        ...


class KalshiHands:
    """The local Kalshi exchange."""

    more_than_a_page = 1_005
    keeps_client_ids = True

    def __init__(self, controls: KalshiControls) -> None:
        self._controls = controls
        self.venue, self.clock, self.market = controls.venue, controls.clock, controls.home

    def show_book(self, bids: Levels, asks: Levels) -> None:
        self._controls.show_book(self.market, *([(p, s * 100) for p, s in side] for side in (bids, asks)))

    def trade(self, price: int, contracts: Decimal, aggressor: Side) -> None:
        self._controls.trade(self.market, price, int(contracts * 100), aggressor)

    def fail_next(self, kind: str, failure: Failure) -> None:
        self._controls.fail_next(kind, failure)

    def lag_reads(self, lag_ms: int) -> None:
        self._controls.lag_reads(lag_ms)

    def limit_writes(self) -> None:
        self._controls.limit_writes()

    def venue_with_a_late_clock(self) -> Venue:
        return self._controls.venue_as("late clock")

    def resting(self) -> dict[str, int]:
        return self._controls.truth().resting

    def problems(self) -> list[str]:
        return self._controls.truth().problems


class PolymarketHands:
    """The local Polymarket exchange."""

    more_than_a_page = 150
    keeps_client_ids = False

    def __init__(self, world: World) -> None:
        self._world, self._exchange = world, world.exchange
        self.venue, self.clock, self.market = world.venue, world.clock, world.token(FED)
        self.show_book([], [])

    def show_book(self, bids: Levels, asks: Levels) -> None:
        self._exchange.apply_snapshot(FED, *([(p, s * 10**6) for p, s in side] for side in (bids, asks)))

    def trade(self, price: int, contracts: Decimal, aggressor: Side) -> None:
        self._exchange.apply_trade(FED, price, int(contracts * 10**6), aggressor)

    def fail_next(self, kind: str, failure: Failure) -> None:
        self._exchange.faults.add(Fault(_POLYMARKET_FAULTS[failure], _POLYMARKET_ENDPOINTS[kind]))

    def lag_reads(self, lag_ms: int) -> None:
        self._exchange.operator.set_read_lag_ms(lag_ms)

    def limit_writes(self) -> None:
        """Its accounts start on the lowest tier."""

    def venue_with_a_late_clock(self) -> Venue:
        return self._world.another_venue(VirtualClock(self.clock.now_ms() - 60_000))

    def resting(self) -> dict[str, int]:
        return {order.order_id: order.remaining for order in self._world.books().open_orders}

    def problems(self) -> list[str]:
        return self._world.books().imbalances()


@contextmanager
def hands_of(venue: str) -> Iterator[Hands]:
    if venue == "kalshi":
        with kalshi_controls() as controls:
            yield KalshiHands(controls)
    else:
        with polymarket_world() as world:
            yield PolymarketHands(world)


def size(hands: Hands, contracts: Decimal | int) -> int:
    return hands.venue.capabilities.scale.size(Decimal(contracts))


def order(hands: Hands, attempt: str = "1", contracts: Decimal | int = 10, **changes: Any) -> Placement:
    """A resting bid of 10 contracts at 0.40, prepared, unless changed."""
    wanted = {
        "market": hands.market,
        "side": Side.BUY,
        "price": 4_000,
        "size": size(hands, contracts),
        "purpose": Purpose.QUOTE,
        "leg": "bid-0",
        **changes,
    }
    identity = client_order_id(ACCOUNT, hands.market, wanted["leg"], attempt, wanted["purpose"])
    [prepared] = hands.venue.prepare([Placement(TargetOrder(**wanted), identity)])
    return prepared


def place(hands: Hands, *batch: Placement):
    return hands.venue.place(batch, hands.clock.now_ms() + 10_000)


def placed(hands: Hands, attempt: str = "1", contracts: Decimal | int = 10, **changes: Any) -> Placed:
    [outcome] = place(hands, order(hands, attempt, contracts, **changes))
    assert isinstance(outcome, Placed), outcome
    return outcome


def cancel(hands: Hands, *order_ids: str):
    batch = [Cancellation(order_id, hands.market, Side.BUY) for order_id in order_ids]
    return hands.venue.cancel(batch, hands.clock.now_ms() + 10_000)


def found(hands: Hands, wanted: Placement) -> OpenOrder | None:
    """The order under the identity that was fixed before it was sent."""
    if hands.keeps_client_ids:
        recent = [read.order for read in hands.venue.recent_orders(0)]
        return next((row for row in recent if row.client_order_id == wanted.client_order_id), None)
    read = hands.venue.find_order(wanted.order_id, hands.market)
    return read.order if read else None


def reasons(outcomes) -> list[Refusal | str]:
    return [outcome.reason if isinstance(outcome, Refused) else type(outcome).__name__ for outcome in outcomes]
