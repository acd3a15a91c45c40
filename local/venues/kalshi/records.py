"""What the exchange keeps: orders, fills, holdings, settlements. Integers of SCALE, times UTC ms."""

from enum import StrEnum

from msgspec import Struct

from holdfast.core.market import Side


class OrderStatus(StrEnum):
    """The three states that the wire knows."""

    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


class EndReason(StrEnum):
    """Why an order rests no more. The venue's own last_update_reason where it has one (facts kalshi section 6)."""

    TRADE = "Trade"
    CANCEL = "Cancel"
    DECREASE = "Decrease"
    UNFILLED = "Unfilled"
    EXPIRY = "ExpiryCancel"
    CLOSE = "CloseCancel"
    HALT = "HaltCancel"
    SELF_TRADE = "SelfTradeCancel"
    REDUCE_ONLY = "ReduceOnlyCancel"
    MARGIN = "MarginCancel"


class Prevention(StrEnum):
    """Whom a trade with oneself cancels: the arriving order, or the resting one."""

    TAKER_AT_CROSS = "taker_at_cross"
    MAKER = "maker"


class Order(Struct):
    """One order, open or over. `sequence` counts the exchange's orders; `overpaid` is its accumulated rounding.

    Fill costs are those of the outcome that the order takes: price for a bid, 1 - price for an ask.
    """

    order_id: str
    user_id: str
    subaccount: int
    client_order_id: str
    ticker: str
    shard: int
    side: Side
    price: int
    initial: int
    remaining: int
    sequence: int
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int = 0
    prevention: Prevention = Prevention.TAKER_AT_CROSS
    post_only: bool = False
    cancel_on_pause: bool = False
    filled: int = 0
    taker_cost: int = 0
    maker_cost: int = 0
    taker_fees: int = 0
    maker_fees: int = 0
    overpaid: int = 0
    end: EndReason | None = None

    @property
    def status(self) -> OrderStatus:
        """Its state on the wire."""
        if self.end is None:
            return OrderStatus.RESTING
        return OrderStatus.EXECUTED if self.end is EndReason.TRADE else OrderStatus.CANCELED


class FillRow(Struct, frozen=True):
    """One fill. `revenue` is the change of the balance before the fee, negative when paid."""

    fill_id: str
    sequence: int
    order_id: str
    client_order_id: str
    subaccount: int
    ticker: str
    shard: int
    side: Side
    price: int
    size: int
    revenue: int
    fee: int
    is_taker: bool
    at_ms: int


class Holding(Struct, frozen=True):
    """The net position in one market; a negative size is held in NO.

    `cost` is what the open size cost without fees, at average cost; `realized` is before fees; `traded` is what all
    trades moved.
    """

    ticker: str
    shard: int
    event: str
    size: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    traded: int = 0
    updated_at_ms: int = 0
    settled: bool = False


class SettlementRow(Struct, frozen=True):
    """A market that ended after the account had traded in it, also where nothing was held any more.

    `size` is the signed net position then. The venue states what was bought of each outcome instead, netted or not,
    and repeats the fees of the fills (recorded 2026-01: 37 YES, 37 NO, revenue 0, the market's fees). Money units.
    """

    sequence: int
    subaccount: int
    ticker: str
    event: str
    shard: int
    result: str
    size: int
    yes_bought: int
    yes_cost: int
    no_bought: int
    no_cost: int
    fees: int
    payout: int
    at_ms: int


class MissCause(StrEnum):
    """Why a write named an order that does not rest. The wire says "not found" to all of them."""

    ALREADY_CANCELED = "already_canceled"
    EXECUTED = "executed"
    EXPIRED = "expired"
    ENDED_BY_EXCHANGE = "ended_by_exchange"
    WRONG_SHARD = "wrong_shard"
    WRONG_SUBACCOUNT = "wrong_subaccount"
    NEVER_EXISTED = "never_existed"


class Miss(Struct, frozen=True):
    """A cancel, amend or decrease that was answered "not found", and why."""

    operation: str
    user_id: str
    order_id: str
    cause: MissCause
    at_ms: int


def cause_of(order: Order) -> MissCause:
    """Why an order that is over can't be found."""
    if order.end is EndReason.TRADE:
        return MissCause.EXECUTED
    if order.end is EndReason.EXPIRY:
        return MissCause.EXPIRED
    if order.end in (EndReason.CANCEL, EndReason.DECREASE, EndReason.UNFILLED):
        return MissCause.ALREADY_CANCELED
    return MissCause.ENDED_BY_EXCHANGE
