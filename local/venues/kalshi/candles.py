"""Candlesticks, from what a market traded and was quoted at (the published API specification, MarketCandlestick).

Every period has one from the market's beginning to its end, those without a trade with prices that are null (recorded
2026-01). A day ends at 05:00 UTC, midnight in New York in winter; the venue's own follow its summer time. What the
venue says of a period under way is not known: here it is shown to whoever asks beyond now.
"""

from collections.abc import Iterator
from typing import Any

from local.venues.http import Response, answer
from local.venues.kalshi.call import Call
from local.venues.kalshi.markets import Market
from local.venues.kalshi.wire import ApiError, bad_query, count, dollars
from local.venues.prices import Span

_MINUTES = ("1", "60", "1440")
_DAY_STARTS_MS = 5 * 3_600_000
_MOST_TICKERS = 100
_MOST_CANDLES = 10_000


def list_candlesticks(call: Call) -> Response:
    """GET /markets/candlesticks. Tickers that no market has are left out."""
    tickers = call.words("market_tickers", _MOST_TICKERS)
    if not tickers:
        raise bad_query("market_tickers is required")
    markets = [market for ticker in sorted(tickers) if (market := call.state.markets.get(ticker)) is not None]
    rows = [{"market_ticker": market.ticker, "candlesticks": _candlesticks(call, market)} for market in markets]
    if sum(len(row["candlesticks"]) for row in rows) > _MOST_CANDLES:
        raise bad_query(f"more than {_MOST_CANDLES} candlesticks")
    return answer({"markets": rows})


def get_candlesticks(call: Call) -> Response:
    """GET /series/{series_ticker}/markets/{ticker}/candlesticks."""
    market = call.state.markets.get(call.names["ticker"])
    if market is None or market.series.ticker != call.names["series_ticker"]:
        raise ApiError(404, "not_found", "market not found")
    rows = _candlesticks(call, market)
    if len(rows) > _MOST_CANDLES:
        raise bad_query(f"more than {_MOST_CANDLES} candlesticks")
    return answer({"ticker": market.ticker, "candlesticks": rows})


def _candlesticks(call: Call, market: Market) -> list[dict[str, Any]]:
    return [_row(market, start_ms, end_ms) for start_ms, end_ms in _periods(call, market)]


def _periods(call: Call, market: Market) -> Iterator[tuple[int, int]]:
    """The periods of a market's life that end from start_ts to end_ts, both included."""
    if call.choice("include_latest_before_start", ("true", "false")) == "true":
        raise bad_query("include_latest_before_start is not served by the local exchange")
    first_s, last_s = call.integer("start_ts", 0), call.integer("end_ts", 0)
    minutes = call.choice("period_interval", _MINUTES)
    if first_s is None or last_s is None or minutes is None:
        raise bad_query("start_ts, end_ts and period_interval are required")
    length_ms = int(minutes) * 60_000
    shift_ms = _DAY_STARTS_MS if minutes == "1440" else 0
    lived_until_ms = min(market.close_at_ms or call.state.now_ms, call.state.now_ms)
    # A period of its life that ends no sooner than asked, and the last one.
    first = max(-((shift_ms - first_s * 1000) // length_ms) - 1, (market.created_at_ms - shift_ms) // length_ms)
    last = min((last_s * 1000 - shift_ms) // length_ms - 1, (lived_until_ms - shift_ms) // length_ms)
    for number in range(first, last + 1):
        start_ms = number * length_ms + shift_ms
        yield start_ms, start_ms + length_ms


def _row(market: Market, start_ms: int, end_ms: int) -> dict[str, Any]:
    """MarketCandlestick."""
    prices = market.prices
    volume = (prices.volume.before(end_ms) or 0) - (prices.volume.before(start_ms) or 0)
    previous = prices.traded.before(start_ms)
    return {
        "end_period_ts": end_ms // 1000,
        "yes_bid": _span(prices.bid.in_force(start_ms, end_ms) or Span(0, 0, 0, 0)),
        "yes_ask": _span(prices.ask.in_force(start_ms, end_ms) or Span(0, 0, 0, 0)),
        "price": {
            **_span(prices.traded.recorded(start_ms, end_ms)),
            "previous_dollars": None if previous is None else dollars(previous),
        },
        "volume_fp": count(volume),
        "open_interest_fp": count(0),
    }


def _span(span: Span | None) -> dict[str, str | None]:
    return {
        f"{name}_dollars": None if span is None else dollars(getattr(span, name))
        for name in ("open", "low", "high", "close")
    }
