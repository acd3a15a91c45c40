"""The messages of orders: what we send and what Kalshi answers (facts kalshi sections 4.1 to 4.3)."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class CreateOrder(Struct, frozen=True, omit_defaults=True):
    """CreateOrderV2Request."""

    ticker: str
    client_order_id: str
    side: str
    count: str
    price: str
    time_in_force: str
    self_trade_prevention_type: str
    exchange_index: int
    post_only: bool = False
    reduce_only: bool = False
    expiration_time: int | UnsetType = UNSET
    subaccount: int | UnsetType = UNSET


class CreateOrders(Struct, frozen=True):
    """BatchCreateOrdersV2Request."""

    orders: list[CreateOrder]


class CancelOrder(Struct, frozen=True):
    """One entry of BatchCancelOrdersV2Request. Market and shard always go along: else shard 0 answers 404."""

    order_id: str
    market_ticker: str
    exchange_index: int
    subaccount: int | UnsetType = UNSET


class CancelOrders(Struct, frozen=True):
    """BatchCancelOrdersV2Request."""

    orders: list[CancelOrder]


class AmendOrder(Struct, frozen=True):
    """AmendOrderV2Request. `count` is the total fillable; `expiration_time` 0 clears the expiry."""

    ticker: str
    side: str
    price: str
    count: str
    expiration_time: int
    exchange_index: int
    client_order_id: str | UnsetType = UNSET


class DecreaseOrder(Struct, frozen=True):
    """DecreaseOrderV2Request."""

    reduce_to: str
    market_ticker: str
    exchange_index: int


class CreatedItem(Struct, frozen=True):
    """CreateOrderV2Response, and one entry of BatchCreateOrdersV2Response, where nothing is certain to be there."""

    order_id: str | None = None
    client_order_id: str | None = None
    fill_count: str | None = None
    remaining_count: str | None = None
    ts_ms: int | None = None
    error: Any = None


class CreatedItems(Struct, frozen=True):
    """BatchCreateOrdersV2Response."""

    orders: list[CreatedItem]


class CanceledItem(Struct, frozen=True):
    """CancelOrderV2Response, and one entry of BatchCancelOrdersV2Response (where `error` means: not cancelled)."""

    order_id: str | None = None
    reduced_by: str | None = None
    client_order_id: str | None = None
    ts_ms: int | None = None
    error: Any = None


class CanceledItems(Struct, frozen=True):
    """BatchCancelOrdersV2Response."""

    orders: list[CanceledItem]


class Amended(Struct, frozen=True):
    """AmendOrderV2Response and DecreaseOrderV2Response."""

    order_id: str
    client_order_id: str | None = None
    remaining_count: str | None = None
    ts_ms: int | None = None
