"""Sample orders and changes, and every kind of write once."""

from holdfast.core.market import Side
from holdfast.core.orders import Amendment, Cancellation, Placement, Purpose, Reduction, TargetOrder
from tests.venues.kalshi_scripted import NOW_MS

DEADLINE = NOW_MS + 10_000
SOON = NOW_MS + 150


def placement(client_id: str = "hf-aaaa-q-1", **changes: object) -> Placement:
    target = {
        "market": "KXBTC-26NOV2017-T90000",
        "side": Side.BUY,
        "price": 4700,
        "size": 1050,
        "purpose": Purpose.QUOTE,
        "leg": "bid-0",
        **changes,
    }
    return Placement(TargetOrder(**target), client_id, shard=2)


def cancellation(order_id: str = "o-1") -> Cancellation:
    return Cancellation(order_id, "KXBTC-26NOV2017-T90000", Side.BUY, shard=2, client_order_id="hf-aaaa-q-1")


AMENDMENT = Amendment(
    order_id="o-1",
    client_order_id="hf-aaaa-q-1",
    market="KXBTC-26NOV2017-T90000",
    side=Side.SELL,
    price=5350,
    size=1200,
    expires_at_ms=NOW_MS + 60_000,
    shard=2,
)
REDUCTION = Reduction("o-1", "KXBTC-26NOV2017-T90000", Side.SELL, remaining=250, shard=2)


def every_write(venue, deadline_ms: int = DEADLINE):
    """Each kind of write once, as (name, function that gives the outcomes)."""
    return [
        ("place", lambda: venue.place([placement()], deadline_ms)),
        ("place batch", lambda: venue.place([placement("c-1"), placement("c-2")], deadline_ms)),
        ("cancel", lambda: venue.cancel([cancellation()], deadline_ms)),
        ("cancel batch", lambda: venue.cancel([cancellation("o-1"), cancellation("o-2")], deadline_ms)),
        ("amend", lambda: [venue.amend(AMENDMENT, deadline_ms)]),
        ("decrease", lambda: [venue.decrease(REDUCTION, deadline_ms)]),
    ]
