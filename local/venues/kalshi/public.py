"""Reads that need no signature: markets, books, series, the exchange's state (facts kalshi section 4.4)."""

from typing import Any

from local.venues.http import Response, answer
from local.venues.kalshi import shapes
from local.venues.kalshi.call import Call
from local.venues.kalshi.markets import Market, MarketState
from local.venues.kalshi.wire import ApiError, bad_query, iso

_BY_FILTER = {
    "unopened": (MarketState.INITIALIZED,),
    "open": (MarketState.ACTIVE,),
    "paused": (MarketState.INACTIVE,),
    "closed": (MarketState.CLOSED,),
    "settled": (MarketState.FINALIZED,),
}
_NOT_SERVED = (
    *("min_created_ts", "max_created_ts", "min_updated_ts", "max_updated_ts"),
    *("min_settled_ts", "max_settled_ts"),
)
_CLOSE_TIMES = ("min_close_ts", "max_close_ts")
_COMBOS = "KXMVE"
_MOST_BOOKS = 100
_DEEPEST = 100
_MOST_TICKERS = 1_000


def list_markets(call: Call) -> Response:
    """GET /markets, by ticker. A filter that this server does not know is refused, never ignored.

    So are close times together with a status other than closed: the published specification calls them exclusive, and
    what the venue answers is not known.
    """
    for name in _NOT_SERVED:
        if call.request.parameter(name) is not None:
            raise bad_query(f"{name} is not served by the local exchange")
    timed = any(call.request.parameter(name) is not None for name in _CLOSE_TIMES)
    if timed and call.request.parameter("status") not in (None, "closed"):
        raise bad_query("close times are compatible with no status but closed")
    now_ms, after = call.state.now_ms, call.after()
    tickers = call.words("tickers", _MOST_TICKERS)
    found = (call.state.markets.get(t) for t in tickers) if tickers else iter(call.state.markets.values())
    markets = sorted((m for m in found if m is not None and _wanted(call, m)), key=lambda m: m.ticker)
    rows, cursor = call.page((m.ticker, m) for m in markets if m.ticker > after)
    return answer({"markets": [shapes.market(row, now_ms) for row in rows], "cursor": cursor})


def get_market(call: Call) -> Response:
    """GET /markets/{ticker}."""
    return answer({"market": shapes.market(_market(call), call.state.now_ms)})


def get_orderbook(call: Call) -> Response:
    """GET /markets/{ticker}/orderbook."""
    depth = call.integer("depth", 0, _DEEPEST) or 0
    return answer({"orderbook_fp": shapes.orderbook(_market(call), depth)})


def list_orderbooks(call: Call) -> Response:
    """GET /markets/orderbooks?tickers=a&tickers=b. Tickers that no market has are left out."""
    tickers = call.request.query.get("tickers", [])
    if not 1 <= len(tickers) <= _MOST_BOOKS:
        raise bad_query(f"tickers: 1 to {_MOST_BOOKS}")
    markets = [market for ticker in tickers if (market := call.state.markets.get(ticker)) is not None]
    return answer({"orderbooks": [{"ticker": m.ticker, "orderbook_fp": shapes.orderbook(m)} for m in markets]})


def list_trades(call: Call) -> Response:
    """GET /markets/trades, newest first: everybody's, of one market or of all. Block trades there are none."""
    ticker, blocks = call.request.parameter("ticker"), call.choice("is_block_trade", ("true", "false"))
    first, last = call.integer("min_ts", 0), call.integer("max_ts", 0)
    markets = call.state.markets.values() if ticker is None else [call.state.markets.get(ticker)]
    rows = (row for market in markets if market is not None and blocks != "true" for row in market.trades)
    wanted = (
        (f"{row.at_ms:015d} {row.ticker} {row.sequence:09d}", row)
        for row in rows
        if (first is None or row.at_ms >= first * 1_000) and (last is None or row.at_ms <= last * 1_000)
    )
    after = call.after()
    found, cursor = call.page(pair for pair in sorted(wanted, reverse=True) if not after or pair[0] < after)
    return answer({"trades": [shapes.trade(row) for row in found], "cursor": cursor})


def get_series(call: Call) -> Response:
    """GET /series/{series_ticker}."""
    series = call.state.series.get(call.names["series_ticker"])
    if series is None:
        raise ApiError(404, "not_found", "series not found")
    return answer({"series": shapes.series(series)})


def get_status(call: Call) -> Response:
    """GET /exchange/status; the same body comes with 503 while shard 0 is paused."""
    state = call.state
    first = next(iter(state.shards.values()))
    body: dict[str, Any] = {
        "exchange_active": first.exchange_active,
        "trading_active": first.trading_active and first.exchange_active,
        "intra_exchange_transfers_active": first.exchange_active,
        "exchange_estimated_resume_time": iso(state.resumes_at_ms) if state.resumes_at_ms else None,
        "exchange_index_statuses": [
            {
                "exchange_index": shard.index,
                "description": shard.description,
                "exchange_active": shard.exchange_active,
                "trading_active": shard.trading_active and shard.exchange_active,
                "intra_exchange_transfers_active": shard.exchange_active,
            }
            for shard in state.shards.values()
        ],
    }
    return answer(body, 200 if first.exchange_active else 503)


def get_user_data_timestamp(call: Call) -> Response:
    """GET /exchange/user_data_timestamp: what balance, orders, fills and positions are as of; approximate."""
    return answer({"as_of_time": iso(call.state.now_ms - call.state.read_lag.lag_ms)})


def _market(call: Call) -> Market:
    market = call.state.markets.get(call.names["ticker"])
    if market is None:
        raise ApiError(404, "not_found", "market not found")
    return market


def _wanted(call: Call, market: Market) -> bool:
    status = call.choice("status", _BY_FILTER)
    event, series = call.request.parameter("event_ticker"), call.request.parameter("series_ticker")
    first, last = call.integer("min_close_ts", 0), call.integer("max_close_ts", 0)
    combos = call.choice("mve_filter", ("only", "exclude"))
    closes_ms = market.close_at_ms or shapes.NEVER_MS
    return (
        (status is None or market.state(call.state.now_ms) in _BY_FILTER[status])
        and event in (None, market.event)
        and series in (None, market.series.ticker)
        and (combos is None or (combos == "only") == market.series.ticker.startswith(_COMBOS))
        and (first is None or closes_ms >= first * 1000)
        and (last is None or closes_ms <= last * 1000)
    )
