"""Polymarket's price history as bars: the published shape, whole bars, and an error for what is no price."""

import json
from decimal import Decimal

import pytest

from holdfast.core.errors import BudgetExhaustedError, VenueError
from tests.shared import shared_path
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, scripted_server
from tests.venues.polymarket_scripted import YES, venue_at
from tests.venues.polymarket_world import FED, polymarket_world

MINUTE = 60_000
NOW_MINUTE = NOW_MS // MINUTE


def point(minutes_ago, price):
    return {"t": (NOW_MINUTE - minutes_ago) * 60, "p": price}


def read(*points, minutes=1, count=20, meter=None):
    with scripted_server() as server:
        server.script(Reply(200, {"history": list(points)}))
        return venue_at(server.url, meter=meter).candles(YES, minutes, count), server.asked


def test_points_are_bars_and_the_minute_under_way_is_none():
    found, [asked] = read(point(3, 0.515), point(2, 0.5), point(1, 0.4995), point(0, 0.9), point(25, 0.1))
    assert [(candle.start_at_ms, candle.close) for candle in found] == [
        ((NOW_MINUTE - 3) * MINUTE, 5_150),
        ((NOW_MINUTE - 2) * MINUTE, 5_000),
        ((NOW_MINUTE - 1) * MINUTE, 4_995),
    ]
    first_s, last_s = (NOW_MINUTE - 20) * 60, NOW_MINUTE * 60
    assert asked.target == f"/prices-history?market={YES}&startTs={first_s - 1}&endTs={last_s}&fidelity=1"


@pytest.mark.parametrize(("minutes", "fidelity"), [(1, 1), (60, 1), (1_440, 24)])
def test_a_bar_is_asked_for_as_at_most_sixty_points(minutes, fidelity):
    _, [asked] = read(minutes=minutes, count=14)
    assert asked.target.endswith(f"&fidelity={fidelity}")


def test_days_are_asked_for_in_questions_of_two_weeks():
    """The venue refuses what spans more than fifteen days, whatever the fidelity: no ATR of days, so no entry."""
    day = 86_400_000
    with polymarket_world() as world:
        world.pass_ms(day - world.clock.now_ms() % day)
        middles = [3_000 + 100 * number for number in range(30)]
        for middle in middles:
            world.exchange.apply_snapshot(FED, [(middle - 100, 10**8)], [(middle + 100, 10**8)])
            world.pass_ms(day)
        market = world.token(FED)
        found = world.venue.candles(market, 1_440, 20)
        assert [candle.close for candle in found] == middles[-20:]
        assert [candle.start_at_ms % day for candle in found] == [0] * 20
        assert world.venue.candles(market, 1_440, 100)[-20:] == found


def test_a_point_that_two_questions_have_counts_once():
    """Twenty days; two halves of a day's points would else be taken for a whole day."""
    days_ago = [{"t": (NOW_MS // 86_400_000 - 6) * 86_400 + number * 60 * 24, "p": 0.5} for number in range(29)]
    with scripted_server() as server:
        server.script(*[Reply(200, {"history": days_ago})] * 2)
        assert venue_at(server.url).candles(YES, 1_440, 20) == []
        assert len(server.asked) == 2


@pytest.mark.parametrize("price", [0, 1, -0.5, 1.2])
def test_a_price_that_is_none_is_an_error_and_no_bar(price):
    with pytest.raises(VenueError, match="GET /prices-history"):
        read(point(2, price))


def test_the_published_shape_is_read_and_its_sample_price_is_no_price_here():
    """The one payload at hand is a shape: it has 1800.75, which no outcome costs."""
    _, _, _, body = (
        shared_path("fixtures/polymarket/Endpoints__Clob__ExchangeData__GetPriceHistory.txt").read_text().split("\n", 3)
    )
    sample = json.loads(body, parse_float=Decimal)
    assert [sorted(row) for row in sample["history"]] == [["p", "t"]]
    with pytest.raises(VenueError, match=r"1800\.75"):
        read(*json.loads(body)["history"])


def test_it_is_one_paid_read_and_none_without_tokens():
    meter = CountingMeter()
    read(meter=meter)
    assert meter.spent == [("read", 1, "GET /prices-history")]
    with scripted_server() as server:
        with pytest.raises(BudgetExhaustedError):
            venue_at(server.url, meter=CountingMeter(budget=0)).candles(YES, 1, 20)
        assert server.asked == []


def test_the_other_token_has_the_mirrored_bars():
    with polymarket_world() as world:
        for middle in (4_500, 5_200, 4_800, 6_000):
            world.exchange.apply_snapshot(FED, [(middle - 100, 10**8)], [(middle + 100, 10**8)])
            world.pass_ms(MINUTE)
        yes, no = (world.venue.candles(world.token(FED, outcome), 1, 20) for outcome in (0, 1))
        assert len(yes) >= 3
        assert no == [candle.mirrored(10_000) for candle in yes]
