"""Gamma on the local exchange: keyset pages, defaults and refusals as documented and measured (local.venues.gamma)."""

import pytest

from holdfast.core.market import Side
from local.venues.polymarket import MarketSpec, PolymarketExchange
from tests.local.polymarket_trader import running

MARKETS, EVENTS = "/gamma/markets/keyset", "/gamma/events/keyset"


@pytest.fixture
def venue():
    with running() as found:
        yield found


@pytest.fixture
def anna(venue):
    return venue.trader()


def add(venue, number, **more):
    exchange: PolymarketExchange = venue.exchange
    return exchange.add_market(MarketSpec(f"m-{number}", **more))


def slugs(answer):
    return [row["slug"] for row in answer.json()["markets"]]


def test_a_page_is_cut_to_a_hundred_and_only_the_cursor_says_that_there_are_more(venue, anna):
    for number in range(101):
        add(venue, number)
    seen = []
    cursor = {}
    lengths = []
    while True:
        page = anna.get(MARKETS, limit="500", **cursor).json()
        seen += [row["slug"] for row in page["markets"]]
        lengths.append(len(page["markets"]))
        if "next_cursor" not in page:
            break
        cursor = {"after_cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) >= 101
    assert lengths[0] == 100
    assert len(slugs(anna.get(MARKETS))) == 20


def test_what_closes_between_two_pages_moves_no_other_market(venue, anna):
    for number in range(4):
        add(venue, number)
    first = anna.get(MARKETS, limit="3").json()
    venue.exchange.resolve(first["markets"][0]["slug"], 0)
    rest = anna.get(MARKETS, limit="100", after_cursor=first["next_cursor"])
    both = [row["slug"] for row in first["markets"]] + slugs(rest)
    assert both == sorted(both, key=lambda slug: venue.exchange.market(slug).number)
    assert {"m-0", "m-1", "m-2", "m-3"} <= set(both)


def test_without_more_words_only_what_is_open_and_of_version_one_is_listed(venue, anna):
    add(venue, 1, event="e")
    add(venue, 2, event="e", version="v2")
    venue.exchange.resolve("m-1", 0)
    assert {"m-1", "m-2"}.isdisjoint(slugs(anna.get(MARKETS)))
    assert slugs(anna.get(MARKETS, closed="true")) == ["m-1"]
    assert "m-2" in slugs(anna.get(MARKETS, version="v2"))
    assert anna.get(EVENTS, slug="e").json()["events"] == []
    [event] = anna.get(EVENTS, slug="e", version=["v1", "v2"]).json()["events"]
    assert (event["closed"], [row["slug"] for row in event["markets"]]) == (False, ["m-1", "m-2"])
    assert "events" not in event["markets"][0]


def test_filters_choose(venue, anna):
    now_ms = venue.clock.now_ms()
    add(venue, 1, close_at_ms=now_ms + 60_000, tags=("weather",))
    add(venue, 2, close_at_ms=now_ms + 7_200_000)
    venue.exchange.apply_snapshot("m-2", [], [(4_000, 100 * 10**6)])
    venue.exchange.apply_trade("m-2", 4_000, 30 * 10**6, Side.BUY)
    assert slugs(anna.get(MARKETS, end_date_max="2100-01-01T00:00:00Z")) == ["m-1", "m-2"]
    assert slugs(anna.get(MARKETS, end_date_max="2000-01-01T00:00:00Z")) == []
    assert "m-1" not in slugs(anna.get(MARKETS, end_date_min="2100-01-01T00:00:00Z"))
    assert slugs(anna.get(MARKETS, volume_num_min="12")) == ["m-2"]
    assert slugs(anna.get(MARKETS, volume_num_min="12.01")) == []
    assert slugs(anna.get(MARKETS, tag_id="1")) == ["m-1"]
    assert [row["slug"] for row in anna.get(EVENTS, tag_slug="weather").json()["events"]] == ["m-1"]
    assert slugs(anna.get(MARKETS, slug=["m-1", "m-2"])) == ["m-1", "m-2"]
    assert slugs(anna.get(MARKETS, clob_token_ids=venue.exchange.market("m-1").tokens[1])) == ["m-1"]


@pytest.mark.parametrize(
    "query",
    [
        {"offset": "0"},
        {"cursor": "MA=="},
        {"after_cursor": "nonsense"},
        {"closed": "maybe"},
        {"version": "v9"},
        {"end_date_min": "soon"},
        {"limit": "many"},
        {"volume_num_min": "much"},
        {"order": "volume24hr"},
    ],
)
def test_what_is_not_known_is_refused_and_never_ignored(anna, query):
    refused = anna.get(MARKETS, **query)
    assert refused.status_code == 422
    assert refused.json() == {"type": "validation error", "error": f"invalid {next(iter(query))}"}
