"""What tests do again and again on the local Kalshi exchange."""

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
from holdfast.core.outcomes import Placed
from tests.venues.contract import soon
from tests.venues.kalshi_controls import KalshiControls
from tests.venues.kalshi_scripted import ACCOUNT

EXIT = {"purpose": Purpose.EXIT, "post_only": False, "time_in_force": TimeInForce.IMMEDIATE}


def order(world: KalshiControls, attempt: str = "1", **changes) -> Placement:
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


def place(world: KalshiControls, *batch: Placement):
    return world.venue.place(batch, soon(world))


def placed(world: KalshiControls, attempt: str = "1", **changes) -> tuple[Placed, Placement]:
    wanted = order(world, attempt, **changes)
    [outcome] = place(world, wanted)
    assert isinstance(outcome, Placed), outcome
    return outcome, wanted


def cancellation(outcome: Placed, wanted: Placement, shard: int | None = None) -> Cancellation:
    where = wanted.shard if shard is None else shard
    return Cancellation(outcome.order_id, wanted.target.market, wanted.target.side, where)


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
