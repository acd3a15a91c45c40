"""Rows as the wire shows them: the fields of API 3.34 (facts kalshi section 4.4), without the deprecated ones."""

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from holdfast.core.market import Side
from local.venues.kalshi.accounts import ApiKey
from local.venues.kalshi.limits import Budget
from local.venues.kalshi.markets import Market, Series, TradeRow
from local.venues.kalshi.records import FillRow, Holding, Order, SettlementRow
from local.venues.kalshi.wire import ONE, cents, count, dollars, iso, money

_OUTCOME = {Side.BUY: "yes", Side.SELL: "no"}
_BOOK = {Side.BUY: "bid", Side.SELL: "ask"}
# A market that never closes shows a time so far ahead that nobody waits for it.
NEVER_MS = 4_102_444_800_000


def order(row: Order) -> dict[str, Any]:
    """Order."""
    return {
        "order_id": row.order_id,
        "user_id": row.user_id,
        "client_order_id": row.client_order_id,
        "ticker": row.ticker,
        "outcome_side": _OUTCOME[row.side],
        "book_side": _BOOK[row.side],
        "type": "limit",
        "status": row.status,
        "yes_price_dollars": dollars(row.price),
        "no_price_dollars": dollars(ONE - row.price),
        "fill_count_fp": count(row.filled),
        "remaining_count_fp": count(row.remaining),
        "initial_count_fp": count(row.initial),
        "taker_fill_cost_dollars": money(row.taker_cost),
        "maker_fill_cost_dollars": money(row.maker_cost),
        "taker_fees_dollars": money(row.taker_fees),
        "maker_fees_dollars": money(row.maker_fees),
        "expiration_time": iso(row.expires_at_ms) if row.expires_at_ms else None,
        "created_time": iso(row.created_at_ms),
        "last_update_time": iso(row.updated_at_ms),
        "self_trade_prevention_type": row.prevention,
        "order_group_id": None,
        "cancel_order_on_pause": row.cancel_on_pause,
        "subaccount_number": row.subaccount,
        "exchange_index": row.shard,
    }


def api_key(key: ApiKey) -> dict[str, Any]:
    """ApiKey."""
    scope = {} if key.subaccount is None else {"subaccount": key.subaccount}
    return {"api_key_id": key.key_id, "name": "holdfast", "scopes": list(key.scopes), **scope}


def fill(row: FillRow) -> dict[str, Any]:
    """Fill."""
    return {
        "fill_id": row.fill_id,
        "trade_id": row.fill_id,
        "order_id": row.order_id,
        "ticker": row.ticker,
        "market_ticker": row.ticker,
        "exchange_index": row.shard,
        "outcome_side": _OUTCOME[row.side],
        "book_side": _BOOK[row.side],
        "count_fp": count(row.size),
        "yes_price_dollars": dollars(row.price),
        "no_price_dollars": dollars(ONE - row.price),
        "is_taker": row.is_taker,
        "fee_cost": money(row.fee),
        "created_time": iso(row.at_ms),
        "ts": row.at_ms // 1000,
        "subaccount_number": row.subaccount,
    }


def market_position(row: Holding) -> dict[str, Any]:
    """MarketPosition; negative means NO."""
    return {
        "ticker": row.ticker,
        "exchange_index": row.shard,
        "total_traded_dollars": money(row.traded),
        "position_fp": count(row.size),
        "market_exposure_dollars": money(row.cost),
        "realized_pnl_dollars": money(row.realized),
        "fees_paid_dollars": money(row.fees),
        "last_updated_ts": iso(row.updated_at_ms),
    }


def event_positions(rows: Iterable[Holding]) -> list[dict[str, Any]]:
    """EventPosition: the sums over the markets of each event."""
    events: dict[str, list[Holding]] = {}
    for row in rows:
        events.setdefault(row.event, []).append(row)
    return [
        {
            "event_ticker": event,
            "total_cost_dollars": money(sum(row.traded for row in held)),
            "total_cost_shares_fp": count(sum(abs(row.size) for row in held)),
            "event_exposure_dollars": money(sum(row.cost for row in held)),
            "realized_pnl_dollars": money(sum(row.realized for row in held)),
            "fees_paid_dollars": money(sum(row.fees for row in held)),
        }
        for event, held in sorted(events.items())
    ]


def settlement(row: SettlementRow) -> dict[str, Any]:
    """Settlement."""
    return {
        "ticker": row.ticker,
        "exchange_index": row.shard,
        "event_ticker": row.event,
        "market_result": row.result,
        "yes_count_fp": count(row.yes_bought),
        "yes_total_cost_dollars": money(row.yes_cost),
        "no_count_fp": count(row.no_bought),
        "no_total_cost_dollars": money(row.no_cost),
        "revenue": cents(row.payout),
        "settled_time": iso(row.at_ms),
        "fee_cost": money(row.fees),
        "value": 100 if row.result == "yes" else 0,
    }


def market(row: Market, now_ms: int) -> dict[str, Any]:
    """Market."""
    closes = iso(row.close_at_ms or NEVER_MS)
    found = {
        "ticker": row.ticker,
        "event_ticker": row.event,
        "market_type": "binary",
        "title": row.title,
        "yes_sub_title": row.outcome,
        "no_sub_title": row.outcome,
        "created_time": iso(row.created_at_ms),
        "updated_time": iso(row.updated_at_ms),
        "open_time": iso(row.open_at_ms or row.created_at_ms),
        "close_time": closes,
        "latest_expiration_time": closes,
        "settlement_timer_seconds": 0,
        "status": row.state(now_ms),
        "notional_value_dollars": dollars(ONE),
        **_prices(row),
        "result": row.result,
        "can_close_early": True,
        "expiration_value": row.result,
        "rules_primary": "",
        "rules_secondary": "",
        "settlement_bounds_type": "default",
        "price_level_structure": row.structure,
        "price_ranges": [
            {"start": dollars(band.low), "end": dollars(band.high), "step": dollars(band.step)} for band in row.bands
        ],
        "exchange_index": row.shard,
    }
    if row.result:
        found["settlement_ts"] = iso(row.settled_at_ms)
        found["settlement_value_dollars"] = dollars(ONE if row.result == "yes" else 0)
    return found


def orderbook(row: Market, depth: int = 0) -> dict[str, Any]:
    """OrderbookCountFp: bids of YES and of NO, worst first. `depth` 0 shows all."""
    bids = row.engine.ladder(Side.BUY)[: depth or None]
    asks = row.engine.ladder(Side.SELL)[: depth or None]
    return {
        "yes_dollars": [[dollars(price), count(size)] for price, size in reversed(bids)],
        "no_dollars": [[dollars(ONE - price), count(size)] for price, size in reversed(asks)],
    }


def trade(row: TradeRow) -> dict[str, Any]:
    """Trade; all of them are on the book here."""
    return {
        "trade_id": str(uuid5(NAMESPACE_OID, f"{row.ticker} {row.sequence}")),
        "ticker": row.ticker,
        "count_fp": count(row.size),
        "yes_price_dollars": dollars(row.price),
        "no_price_dollars": dollars(ONE - row.price),
        "taker_outcome_side": _OUTCOME[row.taker],
        "taker_book_side": _BOOK[row.taker],
        "created_time": iso(row.at_ms),
        "is_block_trade": False,
    }


def series(row: Series) -> dict[str, Any]:
    """Series; the fee multiplier is the one quantity that the venue writes as a JSON number."""
    return {
        "ticker": row.ticker,
        "frequency": "custom",
        "title": row.ticker,
        "category": "",
        "categories": [],
        "tags": [],
        "settlement_sources": [],
        "contract_url": "",
        "contract_terms_url": "",
        "fee_type": row.fees.fee_type,
        "fee_multiplier": row.fees.multiplier,
        "additional_prohibitions": [],
        "exchange_index": row.shard,
    }


def budget(row: Budget) -> dict[str, int]:
    """BucketLimit."""
    return {"refill_rate": row.refill_rate, "bucket_capacity": row.bucket_capacity}


def _prices(row: Market) -> dict[str, str]:
    """What a market trades at; figures of the day before are zero here."""
    bid, bid_size = _top(row, Side.BUY, 0)
    ask, ask_size = _top(row, Side.SELL, ONE)
    return {
        "yes_bid_dollars": dollars(bid),
        "yes_ask_dollars": dollars(ask),
        "no_bid_dollars": dollars(ONE - ask),
        "no_ask_dollars": dollars(ONE - bid),
        "yes_bid_size_fp": count(bid_size),
        "yes_ask_size_fp": count(ask_size),
        "last_price_dollars": dollars(row.last_price),
        "previous_yes_bid_dollars": dollars(0),
        "previous_yes_ask_dollars": dollars(0),
        "previous_price_dollars": dollars(0),
        "volume_fp": count(row.volume),
        "volume_24h_fp": count(row.volume),
        "open_interest_fp": count(0),
    }


def _top(row: Market, side: Side, otherwise: int) -> tuple[int, int]:
    ladder = row.engine.ladder(side)
    return ladder[0] if ladder else (otherwise, 0)
