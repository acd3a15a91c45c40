"""Reads of a user's data, as of the time that the read lag allows (facts kalshi section 4.4)."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from local.venues.history import History
from local.venues.http import Response, answer
from local.venues.kalshi import shapes
from local.venues.kalshi.accounts import Account
from local.venues.kalshi.call import Call
from local.venues.kalshi.limits import TIERS
from local.venues.kalshi.records import FillRow, Holding, Order, OrderStatus, SettlementRow
from local.venues.kalshi.wire import ONE, ApiError, balance, cents, count, not_found

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_EVENTS = 10
_MOST_TICKERS = 100
_HIGHEST_SUBACCOUNT = 63


def list_orders(call: Call) -> Response:
    """GET /portfolio/orders, newest first."""
    rows, cursor = call.page((str(order.sequence), order) for order in _orders(call))
    return answer({"orders": [shapes.order(order) for order in rows], "cursor": cursor})


def get_order(call: Call) -> Response:
    """GET /portfolio/orders/{order_id}.

    Whether an order on a shard from 1 up is found without `market_ticker` is in conflict among sources (facts kalshi
    section 4): here it is not, unless the exchange was told otherwise.
    """
    order_id = call.names["order_id"]
    if not _UUID.fullmatch(order_id):
        raise ApiError(400, "invalid_UUID", "invalid UUID")
    history = call.user.seen_orders.get(order_id)
    order = history.at(call.state.read_as_of()) if history else None
    if order is None:
        raise not_found()
    ticker = call.request.parameter("market_ticker")
    if call.state.order_reads_routed and call.state.route(ticker, call.integer("exchange_index", -1)) != order.shard:
        raise not_found()
    return answer({"order": shapes.order(order)})


def list_fills(call: Call) -> Response:
    """GET /portfolio/fills, newest first."""
    rows, cursor = call.page((str(fill.sequence), fill) for fill in _fills(call))
    return answer({"fills": [shapes.fill(fill) for fill in rows], "cursor": cursor})


def list_settlements(call: Call) -> Response:
    """GET /portfolio/settlements, newest first."""
    rows, cursor = call.page((str(row.sequence), row) for row in _settlements(call))
    return answer({"settlements": [shapes.settlement(row) for row in rows], "cursor": cursor})


def list_positions(call: Call) -> Response:
    """GET /portfolio/positions: unsettled markets where the account ever traded, the flat ones too."""
    wanted = call.choice("settlement_status", ("unsettled", "settled", "all")) or "unsettled"
    nonzero = call.words("count_filter", 2)
    holdings = [
        holding
        for holding in _holdings(call)
        if wanted in ("all", "settled" if holding.settled else "unsettled") and _counts(holding, nonzero)
    ]
    after = call.after()
    rows, cursor = call.page((h.ticker, h) for h in sorted(holdings, key=lambda h: h.ticker) if h.ticker > after)
    return answer(
        {
            "market_positions": [shapes.market_position(holding) for holding in rows],
            "event_positions": shapes.event_positions(holdings),
            "cursor": cursor,
        }
    )


def get_balance(call: Call) -> Response:
    """GET /portfolio/balance: what is available, in all and per shard. Positions count at what they would fetch."""
    as_of_ms = call.state.read_as_of()
    account = _account(call)
    shards = account.available_at(as_of_ms)
    scope = call.integer("exchange_index", 0)
    if scope is not None:
        shards = {shard: amount for shard, amount in shards.items() if shard == scope}
    available = sum(shards.values())
    held = (history.at(as_of_ms) for history in account.holdings.values())
    value = sum(_value(call, holding) for holding in held if holding and holding.shard in shards)
    return answer(
        {
            "balance": cents(available),
            "balance_dollars": balance(available),
            "portfolio_value": cents(value),
            "updated_ts": as_of_ms // 1000,
            "balance_breakdown": [
                {"exchange_index": shard, "balance": balance(amount)} for shard, amount in shards.items()
            ],
        }
    )


def get_limits(call: Call) -> Response:
    """GET /account/limits."""
    tier = call.user.allowance.tier
    grants = [{"exchange_instance": "event_contract", "level": tier.name, "source": "manual"}]
    return answer(
        {
            "usage_tier": tier.name,
            "read": shapes.budget(tier.read),
            "write": shapes.budget(tier.write),
            "grants": [] if tier is TIERS["basic"] else grants,
        }
    )


def list_api_keys(call: Call) -> Response:
    """GET /api_keys, with the time when the location attestation lapses; absent where there never was one."""
    user = call.user
    expiry = {"api_key_region_expiration_ts": user.attested_until_s} if user.attested_until_s else {}
    return answer({"api_keys": [shapes.api_key(key) for key in user.api_keys], **expiry})


def list_queue_positions(call: Call) -> Response:
    """GET /portfolio/orders/queue_positions."""
    tickers, event = call.words("market_tickers", _MOST_TICKERS), call.request.parameter("event_ticker")
    resting = [order for orders in _account(call).orders.values() for order in orders.values()]
    wanted = [
        order
        for order in resting
        if (not tickers or order.ticker in tickers) and event in (None, call.state.markets[order.ticker].event)
    ]
    rows = [
        {"order_id": o.order_id, "market_ticker": o.ticker, "queue_position_fp": count(_queue_ahead(call, o))}
        for o in wanted
    ]
    return answer({"queue_positions": rows})


def get_queue_position(call: Call) -> Response:
    """GET /portfolio/orders/{order_id}/queue_position."""
    order = call.user.orders.get(call.names["order_id"])
    if order is None or order.end is not None:
        raise not_found()
    return answer({"queue_position_fp": count(_queue_ahead(call, order))})


def _orders(call: Call) -> Iterator[Order]:
    user, as_of_ms = call.user, call.state.read_as_of()
    status = call.choice("status", list(OrderStatus))
    tickers, events = call.words("ticker", 1), call.words("event_ticker", _MOST_EVENTS)
    subaccount, shard = call.integer("subaccount", 0, _HIGHEST_SUBACCOUNT), call.integer("exchange_index", 0)
    low_ms, high_ms = _span(call)
    below = _sequence(call)
    resting = status == OrderStatus.RESTING
    histories = user.lately_open(call.state.now_ms) if resting else reversed(user.seen_orders.values())
    for history in histories:
        order: Order | None = _visible(history, as_of_ms, below)
        if order is None or not (low_ms <= order.created_at_ms < high_ms):
            if order is not None and not resting and order.created_at_ms < low_ms:
                return
            continue
        if (
            (status is None or order.status == status)
            and (not tickers or order.ticker in tickers)
            and (not events or call.state.markets[order.ticker].event in events)
            and subaccount in (None, order.subaccount)
            and shard in (None, order.shard)
        ):
            yield order


def _fills(call: Call) -> Iterator[FillRow]:
    as_of_ms = call.state.read_as_of()
    tickers, order_id = call.words("ticker", _MOST_TICKERS), call.request.parameter("order_id")
    subaccount, shard = call.integer("subaccount", 0, _HIGHEST_SUBACCOUNT), call.integer("exchange_index", 0)
    low_ms, high_ms = _span(call)
    fills = call.user.fills
    seen = bisect_right(fills, as_of_ms, key=lambda fill: fill.at_ms)
    for fill in reversed(fills[: min(seen, _sequence(call) - 1)]):
        if fill.at_ms < low_ms:
            return
        if (
            fill.at_ms < high_ms
            and (not tickers or fill.ticker in tickers)
            and order_id in (None, fill.order_id)
            and subaccount in (None, fill.subaccount)
            and shard in (None, fill.shard)
        ):
            yield fill


def _settlements(call: Call) -> Iterator[SettlementRow]:
    as_of_ms = call.state.read_as_of()
    ticker, event = call.request.parameter("ticker"), call.request.parameter("event_ticker")
    subaccount = call.integer("subaccount", 0, _HIGHEST_SUBACCOUNT)
    low_ms, high_ms = _span(call)
    below = _sequence(call)
    for row in reversed(call.user.settlements):
        if (
            row.sequence < below
            and low_ms <= row.at_ms < high_ms
            and row.at_ms <= as_of_ms
            and ticker in (None, row.ticker)
            and event in (None, row.event)
            and subaccount in (None, row.subaccount)
        ):
            yield row


def _holdings(call: Call) -> Iterator[Holding]:
    as_of_ms = call.state.read_as_of()
    ticker, event = call.request.parameter("ticker"), call.request.parameter("event_ticker")
    shard = call.integer("exchange_index", 0)
    for history in _account(call).holdings.values():
        holding = history.at(as_of_ms)
        if (
            holding is not None
            and ticker in (None, holding.ticker)
            and event in (None, holding.event)
            and shard in (None, holding.shard)
        ):
            yield holding


def _counts(holding: Holding, nonzero: frozenset[str]) -> bool:
    return (
        not nonzero
        or ("position" in nonzero and holding.size != 0)
        or ("total_traded" in nonzero and holding.traded > 0)
    )


def _visible(history: History[Order], as_of_ms: int, below: int) -> Order | None:
    return history.at(as_of_ms) if history.latest.sequence < below else None


def _account(call: Call) -> Account:
    number = call.integer("subaccount", 0, _HIGHEST_SUBACCOUNT) or 0
    return call.user.accounts.get(number) or Account(number)


def _span(call: Call) -> tuple[int, int]:
    """min_ts and max_ts (seconds) as milliseconds: from the first included to the last excluded."""
    low, high = call.integer("min_ts", 0), call.integer("max_ts", 0)
    return (low or 0) * 1000, (1 << 62) if high is None else (high + 1) * 1000


def _sequence(call: Call) -> int:
    after = call.after()
    return int(after) if after.isdecimal() else 1 << 62


def _value(call: Call, holding: Holding) -> int:
    """What closing a holding would pay now, at the best price on the other side; 0 where there is none."""
    engine = call.state.markets[holding.ticker].engine
    if holding.size >= 0:
        return holding.size * (engine.best_bid or 0)
    return -holding.size * (ONE - (engine.best_ask or ONE))


def _queue_ahead(call: Call, order: Order) -> int:
    """Contracts that trade before an order at its price."""
    engine = call.state.markets[order.ticker].engine
    own = engine.resting(order.order_id)
    if own is None:
        return 0
    before = (o for o in engine.orders() if o.side is own.side and o.price == own.price and o.sequence < own.sequence)
    return own.queue_ahead + sum(o.remaining for o in before)
