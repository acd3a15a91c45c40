"""Sample rows of Kalshi's lists."""

from typing import Any

from holdfast.core.orders import Purpose, client_order_id
from tests.venues.kalshi_scripted import (
    ACCOUNT,
    Reply,
)

AS_OF = Reply(body={"as_of_time": "2026-11-18T10:26:40.123456Z"})
LIMITS = {
    "usage_tier": "basic",
    "read": {"refill_rate": 200, "bucket_capacity": 600},
    "write": {"refill_rate": 100, "bucket_capacity": 100},
    "grants": [],
}
COSTS = {
    "default_cost": 10,
    "endpoint_costs": [
        {"method": "DELETE", "path": "/trade-api/v2/portfolio/events/orders/:order_id", "cost": 2},
        {"method": "DELETE", "path": "/portfolio/events/orders/batched", "cost": 2},
        {"method": "GET", "path": "/trade-api/v2/portfolio/orders/{id}", "cost": 2},
        {"method": "GET", "path": "/trade-api/v2/cfbenchmarks", "cost": 150},
    ],
}


def order_row(order_id: str = "o-1", **changes: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "user_id": "u-1",
        "client_order_id": client_order_id(ACCOUNT, "M", "bid-0", "1", Purpose.QUOTE),
        "ticker": "M",
        "outcome_side": "yes",
        "book_side": "bid",
        "type": "limit",
        "status": "resting",
        "yes_price_dollars": "0.470000",
        "no_price_dollars": "0.530000",
        "fill_count_fp": "2.50",
        "remaining_count_fp": "7.50",
        "initial_count_fp": "10.00",
        "expiration_time": "2026-11-18T10:30:00Z",
        "created_time": "2026-11-18T10:26:39.5Z",
        "exchange_index": 2,
        **changes,
    }


def fill_row(fill_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "fill_id": fill_id,
        "order_id": "o-1",
        "ticker": "M",
        "outcome_side": "yes",
        "book_side": "bid",
        "count_fp": "1.00",
        "yes_price_dollars": "0.5200",
        "is_taker": True,
        "fee_cost": "0.017500",
        "created_time": "2026-11-18T10:26:40.123456Z",
        **changes,
    }


def market_row(ticker: str, **changes: Any) -> dict[str, Any]:
    ranges = [
        {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
    ]
    return {
        "ticker": ticker,
        "status": "active",
        "exchange_index": 3,
        "close_time": "2026-11-18T12:00:00Z",
        "price_ranges": ranges,
        **changes,
    }
