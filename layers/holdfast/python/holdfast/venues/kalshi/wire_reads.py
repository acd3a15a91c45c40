"""The messages that Kalshi answers to reads, reduced to the fields that we use (facts kalshi section 4.4).

A list may be null: the venue writes an empty one so. A list that is missing is an error.
"""

from msgspec import Struct


class OrderRow(Struct, frozen=True, gc=False):
    """Order."""

    order_id: str
    ticker: str
    status: str
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    client_order_id: str | None = None
    book_side: str | None = None
    outcome_side: str | None = None
    expiration_time: str | None = None
    created_time: str | None = None
    subaccount_number: int | None = None
    exchange_index: int | None = None


class OrderPage(Struct, frozen=True):
    """GetOrdersResponse."""

    orders: list[OrderRow] | None
    cursor: str | None = None


class OneOrder(Struct, frozen=True):
    """GetOrderResponse."""

    order: OrderRow


class FillRow(Struct, frozen=True, gc=False):
    """Fill."""

    fill_id: str
    order_id: str
    ticker: str
    count_fp: str
    yes_price_dollars: str
    fee_cost: str
    is_taker: bool
    book_side: str | None = None
    outcome_side: str | None = None
    created_time: str | None = None
    ts: int | None = None
    subaccount_number: int | None = None


class FillPage(Struct, frozen=True):
    """GetFillsResponse."""

    fills: list[FillRow] | None
    cursor: str | None = None


class SettlementRow(Struct, frozen=True, gc=False):
    """Settlement."""

    ticker: str
    market_result: str
    yes_count_fp: str
    no_count_fp: str
    revenue: int
    settled_time: str


class SettlementPage(Struct, frozen=True):
    """GetSettlementsResponse."""

    settlements: list[SettlementRow] | None
    cursor: str | None = None


class PositionRow(Struct, frozen=True, gc=False):
    """MarketPosition; negative means NO."""

    ticker: str
    position_fp: str
    fees_paid_dollars: str
    realized_pnl_dollars: str


class PositionPage(Struct, frozen=True):
    """GetPositionsResponse."""

    market_positions: list[PositionRow] | None
    cursor: str | None = None


class ShardBalance(Struct, frozen=True):
    """IndexedBalance."""

    exchange_index: int
    balance: str


class BalanceAnswer(Struct, frozen=True):
    """GetBalanceResponse."""

    balance_dollars: str
    balance_breakdown: list[ShardBalance] | None = None


class PriceRange(Struct, frozen=True):
    """One band of a market's price grid, dollars."""

    start: str
    end: str
    step: str


class MarketRow(Struct, frozen=True):
    """Market."""

    ticker: str
    status: str
    price_ranges: list[PriceRange] | None
    exchange_index: int
    close_time: str | None = None


class MarketPage(Struct, frozen=True):
    """GetMarketsResponse."""

    markets: list[MarketRow] | None
    cursor: str | None = None


class ListedRow(Struct, frozen=True):
    """Market, as market discovery shows it. Volumes and sizes came in March 2026; titles are deprecated."""

    ticker: str
    event_ticker: str
    status: str
    yes_sub_title: str
    title: str | None = None
    close_time: str | None = None
    yes_bid_dollars: str | None = None
    yes_ask_dollars: str | None = None
    yes_bid_size_fp: str | None = None
    yes_ask_size_fp: str | None = None
    last_price_dollars: str | None = None
    volume_24h_fp: str | None = None
    price_ranges: list[PriceRange] | None = None


class ListedPage(Struct, frozen=True):
    """GetMarketsResponse, for market discovery."""

    markets: list[ListedRow] | None
    cursor: str | None = None


class BookSides(Struct, frozen=True):
    """Bids of YES and bids of NO, each [price, count], dollars; a side without bids may be null."""

    yes_dollars: list[tuple[str, str]] | None = None
    no_dollars: list[tuple[str, str]] | None = None


class BookRow(Struct, frozen=True):
    """MarketOrderbookFp."""

    ticker: str
    orderbook_fp: BookSides


class BooksAnswer(Struct, frozen=True):
    """GetMarketOrderbooksResponse."""

    orderbooks: list[BookRow] | None


class TradeRow(Struct, frozen=True, gc=False):
    """Trade: one between any two users, at the YES price."""

    ticker: str
    yes_price_dollars: str
    created_time: str
    is_block_trade: bool = False


class TradePage(Struct, frozen=True):
    """GetTradesResponse, newest first (recorded 2026-01; the specification promises no order)."""

    trades: list[TradeRow] | None


class AsOfAnswer(Struct, frozen=True):
    """GetUserDataTimestampResponse."""

    as_of_time: str


class ShardStatus(Struct, frozen=True):
    """ExchangeIndexStatus."""

    exchange_index: int
    exchange_active: bool
    trading_active: bool


class StatusAnswer(Struct, frozen=True):
    """ExchangeStatus; its top level speaks of shard 0."""

    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: str | None = None
    exchange_index_statuses: list[ShardStatus] | None = None


class BucketRow(Struct, frozen=True):
    """BucketLimit."""

    refill_rate: int
    bucket_capacity: int


class LimitsAnswer(Struct, frozen=True):
    """GetAccountApiLimitsResponse."""

    read: BucketRow
    write: BucketRow


class EndpointCost(Struct, frozen=True):
    """EndpointTokenCost."""

    method: str
    path: str
    cost: int


class CostsAnswer(Struct, frozen=True):
    """GetAccountEndpointCostsResponse."""

    default_cost: int
    endpoint_costs: list[EndpointCost] | None
