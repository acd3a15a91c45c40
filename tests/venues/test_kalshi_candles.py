"""Kalshi's candlesticks: recorded ones without loss, gaps as gaps, and nothing that is not closed."""

import json
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.atr import wilder_atr
from holdfast.core.errors import BudgetExhaustedError, InvalidInputError, VenueError
from tests.shared import shared_path
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, scripted_server, venue_at

DAY_MS = 86_400_000
NOW_S = NOW_MS // 1000


def row(end_s, *prices):
    names = ("open_dollars", "high_dollars", "low_dollars", "close_dollars")
    return {"end_period_ts": end_s, "price": dict(zip(names, prices or (None,) * 4, strict=True))}


def read(*rows, ticker="M", minutes=1, count=20, meter=None):
    with scripted_server() as server:
        server.script(Reply(200, {"markets": [{"market_ticker": ticker, "candlesticks": list(rows)}]}))
        found = venue_at(server.url, meter=meter).candles("M", minutes, count)
        return found, server.asked


def test_recorded_days_are_read_without_loss():
    """Ninety days of January 2026, twenty-two of them without a trade; the deprecated cents beside them agree."""
    recorded = json.loads(shared_path("fixtures/kalshi/golden_2026-01/candlesticks_batch_response.json").read_text())
    [market] = recorded["response"]["markets"]
    traded = [one for one in market["candlesticks"] if one["price"]["close"] is not None]
    assert (len(market["candlesticks"]), len(traded)) == (90, 68)
    with scripted_server() as server:
        server.script(Reply(200, recorded["response"]))
        clock = VirtualClock(recorded["_metadata"]["end_ts"] * 1000)
        found = venue_at(server.url, clock=clock).candles(market["market_ticker"], 1_440, 100)
    names = ("open", "high", "low", "close")
    assert [[getattr(candle, name) for name in names] for candle in found] == [
        [one["price"][name] * 100 for name in names] for one in traded
    ]
    assert [candle.end_at_ms for candle in found] == [one["end_period_ts"] * 1000 for one in traded]
    assert {candle.end_at_ms - candle.start_at_ms for candle in found} == {DAY_MS}
    assert wilder_atr(found) == by_hand(
        [[Decimal(one["price"][f"{name}_dollars"]) for name in names] for one in traded]
    )


def by_hand(rows):
    """Wilder's formula in dollars."""
    ranges = [max(row[1], before[3]) - min(row[2], before[3]) for before, row in pairwise(rows)]
    average = sum(ranges[:14]) / 14
    for span in ranges[14:]:
        average = (13 * average + span) / 14
    return int((average * 10_000).to_integral_value(ROUND_CEILING))


def test_what_was_not_traded_is_a_gap_and_what_is_not_closed_is_left_out():
    found, [asked] = read(
        row(NOW_S - 5, "0.50", "0.60", "0.40", "0.55"),
        row(NOW_S - 65),
        row(NOW_S, "0.10", "0.10", "0.10", "0.10"),
        row(NOW_S + 55, "0.90", "0.90", "0.90", "0.90"),
        row(NOW_S - 125, "0.51", "0.51", "0.51", "0.51"),
    )
    assert [(candle.end_at_ms // 1000, candle.close) for candle in found] == [
        (NOW_S - 125, 5_100),
        (NOW_S - 5, 5_500),
    ]
    assert asked.target.endswith(
        f"/markets/candlesticks?market_tickers=M&start_ts={NOW_S - 1_200}&end_ts={NOW_S - 1}&period_interval=1"
    )


def test_another_markets_candles_are_nobodys():
    assert read(row(NOW_S - 5, "0.50", "0.60", "0.40", "0.55"), ticker="OTHER")[0] == []


@pytest.mark.parametrize(
    "prices",
    [
        ("0.50", "0.60", None, "0.55"),
        ("0.50", "0.60", "0.51", "0.55"),
        ("0.50", "0.60", "x", "0.55"),
        ("0.00", "0.60", "0.00", "0.55"),
        ("0.50", "1.00", "0.40", "0.55"),
        ("50", "60", "40", "55"),
    ],
)
def test_prices_that_can_not_be_are_an_error_and_no_candle(prices):
    with pytest.raises(VenueError):
        read(row(NOW_S - 5, *prices))


def test_a_length_that_the_venue_does_not_have_is_not_asked_for():
    with scripted_server() as server:
        with pytest.raises(InvalidInputError, match="1 or 60 or 1440"):
            venue_at(server.url).candles("M", 5, 20)
        assert server.asked == []


def test_it_is_one_paid_read_and_none_without_tokens():
    meter = CountingMeter()
    read(row(NOW_S - 65), meter=meter)
    assert meter.spent == [("read", 10, "GET /markets/candlesticks")]
    with scripted_server() as server:
        with pytest.raises(BudgetExhaustedError):
            venue_at(server.url, meter=CountingMeter(budget=9)).candles("M", 1, 20)
        assert server.asked == []
