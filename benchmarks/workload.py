"""Orders, targets and a venue's capabilities for the benchmarks."""

import random

from holdfast.core.capabilities import Bucket, CancelAck, Capabilities, Costs, Replace
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose, TargetOrder
from holdfast.core.scale import Scale
from holdfast.venues.kalshi.limits import MOST_ITEMS

NOW_MS = 1_795_000_000_000
EXPIRES_MS = NOW_MS + 180_000
LEVELS = 5
COSTS = Costs(create=10, cancel=2, amend=10, decrease=10, read=10)
BASIC_READ = Bucket("read", 200, 600)


def capabilities(write: Bucket) -> Capabilities:
    """A netting venue with batches bounded as the Kalshi adapter bounds them (facts kalshi sections 4 and 8)."""
    return Capabilities(
        scale=Scale(4, 2),
        netting=True,
        post_only=True,
        batch_create=min(write.capacity // COSTS.create, MOST_ITEMS),
        batch_cancel=min(write.capacity // COSTS.cancel, MOST_ITEMS),
        write_bucket=write,
        read_bucket=BASIC_READ,
        costs=COSTS,
        cancel_ack=CancelAck.FINAL_WITH_FILLS,
        replace=Replace.AMEND,
        decrease=True,
        reserves_sells=False,
        native_bracket=False,
        states_as_of=True,
        as_of_slack_ms=1_000,
        read_lag_ms=2_000,
        books_per_call=100,
    )


def orders_and_targets(count: int, seed: int = 7) -> tuple[list[OpenOrder], list[TargetOrder]]:
    """`count` targets (five levels a side, ten a market) and as many open orders, in the order a list comes in.

    80 % of the orders are as wanted, 10 % rest at another price, 10 % have another size (half too large, half too
    small): the mix of facts peers section 6 (3).
    """
    rng = random.Random(seed)
    targets = [_target(index) for index in range(count)]
    orders = [_order(index, target, rng.random()) for index, target in enumerate(targets)]
    rng.shuffle(orders)
    return orders, targets


def _target(index: int) -> TargetOrder:
    market, level = divmod(index, 2 * LEVELS)
    side = Side.BUY if level < LEVELS else Side.SELL
    price = 4_900 - 100 * level if side is Side.BUY else 5_000 + 100 * (level - LEVELS)
    return TargetOrder(
        market=f"KXBENCH-26NOV21-{market:05d}",
        side=side,
        price=price,
        size=1_000,
        purpose=Purpose.QUOTE,
        leg=f"{side}-{level % LEVELS}",
        expires_at_ms=EXPIRES_MS,
        priority=market % 3,
    )


def _order(index: int, target: TargetOrder, draw: float) -> OpenOrder:
    outwards = -50 if target.side is Side.BUY else 50
    size = target.size
    if 0.1 <= draw < 0.2:
        size = size * 3 // 2 if draw < 0.15 else size // 2
    return OpenOrder(
        order_id=f"0000-{index:08d}",
        client_order_id=f"hf-abcd-q-{index:08d}",
        # A string of its own, as a venue's answer would bring.
        market="".join(target.market),
        side=target.side,
        price=target.price + outwards if draw < 0.1 else target.price,
        remaining=size,
        purpose=Purpose.QUOTE,
        expires_at_ms=EXPIRES_MS,
        created_at_ms=NOW_MS - 1_000,
    )
