"""Candlesticks of the local server: the published shape, made of what was traded and quoted in each period."""

import pytest

from holdfast.core.market import Side
from tests.local.kalshi_member import running
from tests.venues.kalshi_spec import load_spec

FED = "KXFED-26DEC"
BATCH = "/trade-api/v2/markets/candlesticks"
SINGLE = f"/series/KXFED/markets/{FED}/candlesticks"
HOUR_S = 3_600


@pytest.fixture
def venue():
    """A whole hour begins, by the exchange's clock."""
    with running() as found:
        found.clock.sleep_ms(3_600_000 - found.clock.now_ms() % 3_600_000)
        found.exchange.advance()
        yield found


def now_s(venue):
    return venue.clock.now_ms() // 1_000


def candles(venue, first_s, last_s, minutes=1):
    query = {"start_ts": first_s, "end_ts": last_s, "period_interval": minutes}
    member = venue.member("reader")
    answer = member.get("/markets/candlesticks", market_tickers=f"{FED},NOBODY", **query)
    assert answer.status_code == 200, answer.text
    load_spec().check_answer("GET", BATCH, 200, answer.content)
    single = member.get(SINGLE, **query)
    load_spec().check_answer("GET", f"/trade-api/v2{SINGLE}", 200, single.content)
    [row] = answer.json()["markets"]
    assert row["candlesticks"] == single.json()["candlesticks"]
    return row["candlesticks"]


def trade(venue, price, size=100):
    venue.exchange.apply_trade(FED, price, size, Side.BUY)


def wait(venue, seconds):
    venue.clock.sleep_ms(seconds * 1_000)
    venue.exchange.advance()


def span(row):
    return tuple(row[f"{name}_dollars"] for name in ("open", "high", "low", "close"))


def test_a_candle_is_what_was_traded_and_quoted_in_its_minute(venue):
    start_s = now_s(venue)
    venue.book({40: 10}, {42: 10})
    wait(venue, 60)
    for price in (4_200, 4_400, 4_000, 4_100):
        trade(venue, price)
    venue.book({44: 10}, {45: 10})
    venue.book({39: 10}, {})
    wait(venue, 120)
    first, second, third = candles(venue, start_s + 1, now_s(venue))
    assert [row["end_period_ts"] for row in (first, second, third)] == [start_s + 60, start_s + 120, start_s + 180]
    assert span(second["price"]) == ("0.4200", "0.4400", "0.4000", "0.4100")
    assert second["volume_fp"] == "4.00"
    assert span(second["yes_bid"]) == ("0.4000", "0.4400", "0.3900", "0.3900")
    assert span(second["yes_ask"]) == ("0.4200", "1.0000", "0.4200", "1.0000")
    assert span(first["price"]) == span(third["price"]) == (None, None, None, None)
    assert (first["price"]["previous_dollars"], third["price"]["previous_dollars"]) == (None, "0.4100")
    assert third["volume_fp"] == "0.00"


def test_our_own_trades_are_in_it_once(venue):
    start_s = now_s(venue)
    anna, bert = venue.member("anna"), venue.member("bert")
    anna.create(FED, "bid", "0.40", "5.00", "a-1")
    bert.create(FED, "ask", "0.40", "5.00", "b-1")
    wait(venue, 60)
    [row] = candles(venue, start_s + 1, start_s + 60)
    assert (span(row["price"])[0], row["volume_fp"]) == ("0.4000", "5.00")


def test_hours_are_whole_ones_and_the_one_under_way_is_there_for_who_asks_beyond_now(venue):
    start_s = now_s(venue)
    trade(venue, 4_200)
    wait(venue, HOUR_S + 60)
    trade(venue, 4_700)
    found = candles(venue, start_s + 1, start_s + 3 * HOUR_S, minutes=60)
    assert [row["end_period_ts"] for row in found] == [start_s + HOUR_S, start_s + 2 * HOUR_S]
    assert [span(row["price"])[3] for row in found] == ["0.4200", "0.4700"]


def test_days_end_at_midnight_in_new_york_in_winter(venue):
    trade(venue, 4_200)
    wait(venue, 3 * 86_400)
    found = candles(venue, now_s(venue) - 2 * 86_400 + 1, now_s(venue), minutes=1_440)
    assert [row["end_period_ts"] % 86_400 for row in found] == [5 * HOUR_S] * 2


def test_bad_questions_are_refused(venue):
    member, good = venue.member(), {"start_ts": 0, "end_ts": 60, "period_interval": 1}
    assert member.get("/markets/candlesticks", **good).status_code == 400
    for changes in ({"period_interval": 5}, {"start_ts": "x"}, {"end_ts": ""}, {"include_latest_before_start": "true"}):
        assert member.get("/markets/candlesticks", market_tickers=FED, **good | changes).status_code == 400, changes
    assert member.get("/series/KXBTC/markets/KXFED-26DEC/candlesticks", **good).status_code == 404
    wait(venue, 10_001 * 60)
    everything = {"start_ts": 0, "end_ts": now_s(venue), "period_interval": 1}
    assert member.get("/markets/candlesticks", market_tickers=FED, **everything).status_code == 400
