"""The last trade on Kalshi's book: what is asked for, which trades count, and how many markets are asked about."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.book import LastTrade
from holdfast.core.errors import VenueUnavailableError
from holdfast.core.market import Side
from holdfast.venues.kalshi.trade_reads import MOST_MARKETS
from holdfast.venues.port import PriceEvidence
from tests.venues.kalshi_controls import KalshiControls, kalshi_controls
from tests.venues.kalshi_scripted import NOW_MS, Reply, ScriptedServer, scripted_server, venue_at
from tests.venues.kalshi_steps import placed

SINCE_MS = NOW_MS - 60_000


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def row(price: str, at: str, **changes: object) -> dict[str, object]:
    made = {"ticker": "A", "yes_price_dollars": price, "created_time": at, "is_block_trade": False}
    return made | {"trade_id": "t", "count_fp": "1.00"} | changes


def asked_for(server: ScriptedServer) -> list[str]:
    return [parse_qs(urlsplit(asked.target).query)["ticker"][0] for asked in server.asked]


def test_the_newest_trade_on_the_book_counts(server: ScriptedServer):
    rows = [
        row("0.9900", "2026-11-18T10:00:09Z", is_block_trade=True),
        row("0.3100", "2026-11-18T10:00:01Z"),
        row("0.3200", "2026-11-18T10:00:02.5Z"),
        row("0.8800", "2026-11-18T10:00:08Z", ticker="B"),
    ]
    server.script(Reply(body={"trades": rows, "cursor": "more"}))
    assert dict(venue_at(server.url).price_evidence(["A", "A"], SINCE_MS)) == {
        "A": PriceEvidence(last_trade=LastTrade(3_200, 1_794_996_002_500))
    }
    [asked] = server.asked
    assert urlsplit(asked.target).path.endswith("/markets/trades")
    query = parse_qs(urlsplit(asked.target).query)
    assert (query["ticker"], query["is_block_trade"]) == (["A"], ["false"])
    assert query["min_ts"] == [str(SINCE_MS // 1_000)]


@pytest.mark.parametrize("trades", [[], None])
def test_no_trade_is_no_evidence(server: ScriptedServer, trades: object):
    server.script(Reply(body={"trades": trades, "cursor": ""}))
    assert dict(venue_at(server.url).price_evidence(["A"], SINCE_MS)) == {}


def test_a_market_that_is_refused_takes_no_other_with_it(server: ScriptedServer):
    server.script(Reply(404, {"error": {"code": "not_found"}}), Reply(body={"trades": [row("0.3200", "", ticker="B")]}))
    assert set(dict(venue_at(server.url).price_evidence(["A", "B"], SINCE_MS))) == {"B"}


@pytest.mark.parametrize("bad", [{"yes_price_dollars": "x"}, {"created_time": "soon"}])
def test_a_trade_that_can_not_be_read_is_an_error(server: ScriptedServer, bad: dict[str, str]):
    server.script(Reply(body={"trades": [row("0.3200", "") | bad], "cursor": ""}))
    with pytest.raises(VenueUnavailableError):
        dict(venue_at(server.url).price_evidence(["A"], SINCE_MS))


def test_a_day_of_wide_books_does_not_spend_every_read_and_leaves_nobody_out(server: ScriptedServer):
    """Each market is a call of its own, and exits need reads too."""
    clock = VirtualClock(NOW_MS)
    venue = venue_at(server.url, clock=clock)
    markets = [f"M{number:02d}" for number in range(MOST_MARKETS + 5)]
    for _ in range(2):
        server.script(*[Reply(body={"trades": [], "cursor": ""})] * MOST_MARKETS)
        assert dict(venue.price_evidence(markets, SINCE_MS)) == {}
        clock.sleep_ms(30_000)
    asked = asked_for(server)
    assert len(asked) == 2 * MOST_MARKETS
    assert set(asked) == set(markets)
    assert set(asked[MOST_MARKETS : MOST_MARKETS + 5]) == set(markets[MOST_MARKETS:])


def test_the_local_exchange_shows_every_trade_once_newest_first_in_pages():
    """Whoever its parties are: the tape, one of ours who took, one of ours who rested, two of ours."""
    with kalshi_controls() as world:
        world.show_book(world.home, bids=[(4_400, 700)], asks=[(4_600, 700)])
        placed(world, "1", price=4_600, size=100, post_only=False)
        world.clock.sleep_ms(1_000)
        placed(world, "2", price=4_500, size=100)
        world.trade(world.home, 4_500, 100, Side.SELL)
        world.clock.sleep_ms(1_000)
        placed(world, "3", price=4_400, size=200, side=Side.SELL, post_only=False)
        world.trade(world.away, 3_000, 50, Side.SELL)
        assert [row["ticker"] for row in trades(world)] == [world.home, world.away, world.home, world.home]
        shown = trades(world, f"ticker={world.home}&limit=2")
        assert [(row["yes_price_dollars"], row["count_fp"], row["taker_outcome_side"]) for row in shown] == [
            ("0.4400", "2.00", "no"),
            ("0.4500", "1.00", "no"),
            ("0.4600", "1.00", "yes"),
        ]
        assert len({row["trade_id"] for row in shown}) == 3
        since = (world.clock.now_ms() - 1_000) // 1_000
        assert len(trades(world, f"ticker={world.home}&min_ts={since}&is_block_trade=false")) == 2
        assert trades(world, "is_block_trade=true") == trades(world, "ticker=KXNOBODY-1") == []


def trades(world: KalshiControls, query: str = "") -> list[dict[str, str]]:
    """Every page of what the exchange answers."""
    rows: list[dict[str, str]] = []
    cursor = ""
    while True:
        answer = world.transport.send("GET", f"{world.url}/markets/trades?{query}{cursor}".rstrip("?"), {}, None, 5_000)
        assert answer.status == 200
        page = json.loads(answer.body)
        rows += page["trades"]
        if not page["cursor"]:
            return rows
        cursor = f"&cursor={page['cursor']}"
