"""GET /prices-history of the local server: the published shape, each minute's price, of either token."""

import pytest

from holdfast.core.market import Side
from tests.local.polymarket_trader import FED, running
from tests.venues.polymarket_spec import load_spec


@pytest.fixture
def venue():
    with running() as found:
        yield found


def history(venue, outcome=0, **query):
    token = venue.exchange.market(FED).tokens[outcome]
    answer = venue.trader("reader").get("/prices-history", market=token, **query)
    assert answer.status_code == 200, answer.text
    load_spec().check_answer("GET", "/prices-history", 200, answer.content)
    return [(point["t"], point["p"]) for point in answer.json()["history"]]


def next_minute_s(venue):
    return venue.clock.now_ms() // 60_000 * 60 + 60


def test_a_point_is_the_middle_of_the_book_at_its_minute_and_the_other_token_the_rest(venue):
    first_s = next_minute_s(venue)
    venue.book({"0.40": "10"}, {"0.42": "10"})
    venue.wait(120_000)
    venue.book({"0.40": "10"}, {"0.41": "10"})
    venue.wait(60_000)
    span = {"startTs": first_s - 600, "endTs": first_s + 600, "fidelity": 1}
    shown = [(first_s, 0.41), (first_s + 60, 0.41), (first_s + 120, 0.405)]
    assert history(venue, **span) == shown
    with running() as again:
        again.book({"0.40": "10"}, {"0.41": "10"})
        again.wait(60_000)
        assert history(again, 1, **span) == [(first_s, 0.595)]


def test_the_bounds_exclude_what_they_name(venue):
    first_s = next_minute_s(venue)
    venue.book({"0.40": "10"}, {"0.42": "10"})
    venue.wait(20 * 60_000)
    times = [at_s for at_s, _ in history(venue, startTs=first_s, endTs=first_s + 180)]
    assert times == [first_s + 60, first_s + 120]


def test_points_of_ten_minutes_are_at_the_full_ten_minutes(venue):
    venue.book({"0.40": "10"}, {"0.42": "10"})
    venue.wait(35 * 60_000)
    now_s = venue.clock.now_ms() // 1_000
    times = [at_s for at_s, _ in history(venue, startTs=now_s - 3_600, endTs=now_s, fidelity=10)]
    assert times == list(range(-(-(now_s - 2_100) // 600) * 600, now_s, 600))


def test_a_trade_counts_where_a_side_of_the_book_is_empty(venue):
    first_s = next_minute_s(venue)
    venue.book({"0.40": "10"}, {})
    venue.exchange.apply_trade(FED, 3_900, 1_000_000, Side.SELL)
    venue.wait(60_000)
    assert history(venue, startTs=first_s - 60, endTs=first_s + 60) == [(first_s, 0.39)]


def test_bad_questions_are_refused_and_an_unknown_token_has_no_history(venue):
    reader = venue.trader()
    token = venue.exchange.market(FED).tokens[0]
    assert reader.get("/prices-history", market=token).status_code == 400
    days = {"market": token, "startTs": 0, "fidelity": 1_440}
    assert reader.get("/prices-history", **days, endTs=15 * 86_400).status_code == 200
    assert "too long" in reader.get("/prices-history", **days, endTs=16 * 86_400).text
    assert reader.get("/prices-history", market="7", startTs=0, endTs=60).json() == {"history": []}
