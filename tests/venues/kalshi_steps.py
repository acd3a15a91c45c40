"""What the tests on a whole venue do again and again, through the port and VenueControls only."""

from holdfast.core.market import Side
from holdfast.core.orders import (
    Amendment,
    Cancellation,
    Placement,
    Purpose,
    TargetOrder,
    TimeInForce,
    client_order_id,
)
from holdfast.core.outcomes import Placed, Refusal, Refused
from tests.venues.kalshi_controls import VenueControls
from tests.venues.kalshi_scripted import ACCOUNT

ONE = 10_000
EXIT = {"purpose": Purpose.EXIT, "post_only": False, "time_in_force": TimeInForce.IMMEDIATE}


def order(world: VenueControls, attempt: str = "1", **changes) -> Placement:
    """A resting bid of 10 contracts at 0.40 in the home market, unless changed."""
    wanted = {
        "market": world.home,
        "side": Side.BUY,
        "price": 4_000,
        "size": 1_000,
        "purpose": Purpose.QUOTE,
        "leg": "bid-0",
        **changes,
    }
    identity = client_order_id(ACCOUNT, wanted["market"], wanted["leg"], attempt, wanted["purpose"])
    return Placement(TargetOrder(**wanted), identity, shard=world.away_shard if wanted["market"] == world.away else 0)


def soon(world: VenueControls) -> int:
    return world.clock.now_ms() + 10_000


def place(world: VenueControls, *batch: Placement):
    return world.venue.place(batch, soon(world))


def placed(world: VenueControls, attempt: str = "1", **changes) -> tuple[Placed, Placement]:
    wanted = order(world, attempt, **changes)
    [outcome] = place(world, wanted)
    assert isinstance(outcome, Placed), outcome
    return outcome, wanted


def cancellation(outcome: Placed, wanted: Placement, shard: int | None = None) -> Cancellation:
    where = wanted.shard if shard is None else shard
    return Cancellation(outcome.order_id, wanted.target.market, wanted.target.side, where)


def reasons(outcomes) -> list[Refusal | str]:
    return [outcome.reason if isinstance(outcome, Refused) else type(outcome).__name__ for outcome in outcomes]


def assert_books_agree(world: VenueControls) -> None:
    """What the port says is what the server holds, to the last unit."""
    truth = world.truth()
    assert truth.problems == []
    assert {row.order_id: row.remaining for row in world.venue.open_orders().orders} == truth.resting
    assert {row.market: row.size for row in world.venue.positions()} == truth.positions
    balance = world.venue.balance()
    assert balance.available == truth.available == sum(balance.by_shard.values())


def amendment(outcome: Placed, wanted: Placement, **changes) -> Amendment:
    kept = {
        "order_id": outcome.order_id,
        "client_order_id": wanted.client_order_id,
        "market": wanted.target.market,
        "side": wanted.target.side,
        "price": wanted.target.price,
        "size": wanted.target.size,
        "expires_at_ms": wanted.target.expires_at_ms,
        "shard": wanted.shard,
    }
    return Amendment(**{**kept, **changes})
