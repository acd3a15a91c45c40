"""The contract of the venue port, market discovery: pages, filters, what closes, and errors on the way."""

import pytest
from msgspec import structs

from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import BudgetExhaustedError, InvalidInputError, VenueError, VenueRateLimitedError
from holdfast.core.market import MarketStatus
from local.venues.faults import FaultKind
from tests.venues.discovery_worlds import WORLDS, DiscoveryWorld

HOUR_MS = 3_600_000


@pytest.fixture(params=WORLDS)
def world(request):
    with WORLDS[request.param]() as running:
        yield running


def ids(found: list[ListedMarket]) -> list[str]:
    return [listed.market for listed in found]


def known(found: ListedMarket) -> ListedMarket:
    """What the server's books can be compared with."""
    kept = ("market", "status", "event", "bid", "ask")
    bare = ListedMarket("", "", "", found.status)
    return structs.replace(bare, **{name: getattr(found, name) for name in kept})


def fill_pages(world: DiscoveryWorld) -> None:
    for number in range(world.page + 5):
        world.add(f"KXMANY-{number:04d}", words=f"Many {number}")


def test_every_page_is_read_and_agrees_with_the_exchange(world: DiscoveryWorld):
    fill_pages(world)
    world.show_book("KXMANY-0003", 4_000, 4_200)
    world.show_book("KXMANY-0004", 0, 700)
    world.end("KXMANY-0005")
    truth = world.truth()
    found = world.venue.discover(MarketQuery(status=None, limit=100_000))
    assert len(found) == len(truth) == len(set(ids(found))) > world.page * world.outcomes
    assert {listed.market: known(listed) for listed in found} == {name: known(row) for name, row in truth.items()}
    open_now = world.venue.discover(MarketQuery(limit=100_000))
    assert sorted(ids(open_now)) == sorted(m for m, row in truth.items() if row.status is MarketStatus.OPEN)
    closing = {listed.market: listed.closes_at_ms for listed in found}
    # One venue states whole seconds.
    assert all(0 <= row.closes_at_ms - closing[name] < 1_000 for name, row in truth.items() if row.closes_at_ms)


def test_each_page_is_paid_for_and_none_is_read_beyond_the_limit(world: DiscoveryWorld):
    fill_pages(world)
    few = world.venue.discover(MarketQuery(limit=7))
    assert (len(few), world.pages_asked()) == (7, 1)
    one_page = world.spent()
    assert one_page > 0
    assert len(world.venue.discover(MarketQuery(limit=100_000))) > world.page
    assert (world.pages_asked(), world.spent()) == (3, 3 * one_page)


@pytest.mark.parametrize(
    "kind", [FaultKind.ERROR_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.RATE_LIMITED, FaultKind.MALFORMED]
)
def test_a_page_that_fails_in_the_middle_is_an_error_and_never_a_short_list(world: DiscoveryWorld, kind: FaultKind):
    fill_pages(world)
    world.fail_page(2, kind)
    with pytest.raises(VenueRateLimitedError if kind is FaultKind.RATE_LIMITED else VenueError):
        world.venue.discover(MarketQuery(limit=100_000))
    assert world.pages_asked() == 2
    world.show_book("KXMANY-0000", 5_000, 5_100)
    # What was asked for stood on the first page: the second is not needed.
    assert len(world.venue.discover(MarketQuery(limit=3))) == 3


def test_a_page_that_cannot_be_paid_for_is_an_error(world: DiscoveryWorld):
    fill_pages(world)
    world.venue.discover(MarketQuery(limit=1))
    world.leave_tokens(world.spent())
    with pytest.raises(BudgetExhaustedError):
        world.venue.discover(MarketQuery(limit=100_000))
    assert world.pages_asked() == 2


def test_a_market_that_closes_leaves_the_open_ones(world: DiscoveryWorld):
    now_ms = world.clock.now_ms()
    market = world.add("KXSOON-1", closes_at_ms=now_ms + HOUR_MS)
    wanted = MarketQuery(closes_before_ms=now_ms + 2 * HOUR_MS)
    assert market in ids(world.venue.discover(wanted))
    assert market in ids(world.venue.discover(MarketQuery()))
    world.clock.sleep_ms(HOUR_MS)
    assert market not in ids(world.venue.discover(wanted))
    assert market not in ids(world.venue.discover(MarketQuery()))
    world.end("KXSOON-1")
    for status in (MarketStatus.SETTLED, None):
        found = {row.market: row for row in world.venue.discover(MarketQuery(status=status))}
        assert (found[market].status, found[market].bid, found[market].ask) == (MarketStatus.SETTLED, None, None)
    for status in (MarketStatus.OPEN, MarketStatus.PAUSED, MarketStatus.CLOSED):
        assert market not in ids(world.venue.discover(MarketQuery(status=status)))


def test_closing_times_are_met_to_the_millisecond(world: DiscoveryWorld):
    at_ms = world.clock.now_ms() + HOUR_MS
    market = world.add("KXWHEN-1", closes_at_ms=at_ms)
    [shown] = [row for row in world.venue.discover(MarketQuery()) if row.market == market]
    at_ms = shown.closes_at_ms  # one venue states whole seconds

    def between(after_ms: int, before_ms: int) -> bool:
        query = MarketQuery(closes_after_ms=after_ms, closes_before_ms=before_ms)
        return market in ids(world.venue.discover(query))

    assert between(at_ms - 1, at_ms + 1)
    assert between(at_ms - 1, 0)
    assert between(0, at_ms + 1)
    assert not between(at_ms, 0)
    assert not between(0, at_ms)


def test_prices_spread_and_volume_choose(world: DiscoveryWorld):
    one = world.venue.capabilities.scale.money("1")
    cheap, dear, empty = (world.add(f"KXODDS-{number}", event="ODDS") for number in range(3))
    world.show_book("KXODDS-0", 2_900, 3_000, contracts=20)
    world.show_book("KXODDS-1", 8_000, 8_500)
    world.show_book("KXODDS-2", 0, 0)
    world.trade("KXODDS-0", 3_000, 10)

    def chosen(**asked: int) -> set[str]:
        found = set(ids(world.venue.discover(MarketQuery(event="ODDS", **asked))))
        return found & {cheap, dear, empty}

    assert chosen() == {cheap, dear, empty}
    assert chosen(min_price=3_000, max_price=3_000) == {cheap}
    assert chosen(min_price=3_001) == {dear}
    assert chosen(max_price=9_999) == {cheap, dear}
    assert chosen(max_spread=100) == {cheap}
    assert chosen(max_spread=500) == {cheap, dear}
    assert chosen(min_volume_24h=one) == {cheap}
    assert chosen(min_volume_24h=11 * one) == set()
    [listed] = [row for row in world.venue.discover(MarketQuery(event="ODDS")) if row.market == cheap]
    assert (listed.bid, listed.ask, listed.spread, listed.last_price) == (2_900, 3_000, 100, 3_000)
    assert (listed.tick, listed.event) == (100, "ODDS")


def test_text_event_and_group_choose(world: DiscoveryWorld):
    rain = world.add("KXRAIN-1", words="Will it rain in Galway?", event="WEATHER", group="KXRAIN")
    snow = world.add("KXSNOW-1", words="Will it snow in Galway?", event="WEATHER", group="KXRAIN")
    world.add("KXVOTE-1", words="Who wins?", event="VOTE", group="KXVOTE")
    [group] = world.groups

    def chosen(**asked: str) -> set[str]:
        return set(ids(world.venue.discover(MarketQuery(**asked))))

    every = {row.market: row for row in world.venue.discover(MarketQuery(event="WEATHER"))}
    assert len(every) == 2 * world.outcomes
    assert {rain, snow} <= every.keys()
    assert (every[rain].title, every[rain].event) == ("Will it rain in Galway?", "WEATHER")
    assert chosen(text="GALWAY rain") == {market for market in every if "rain" in every[market].title}
    assert chosen(**{group: "KXVOTE"}) == chosen(event="VOTE") == chosen(text="who wins?")
    assert len(chosen(event="VOTE")) == world.outcomes
    assert chosen(text="galway", event="VOTE") == set()
    assert chosen(event="NOBODY") == chosen(text="nobody at all") == set()
    unknown = "tag" if group == "series" else "series"
    with pytest.raises(InvalidInputError, match=unknown):
        world.venue.discover(MarketQuery(**{unknown: "KXRAIN"}))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 100_001}, "limit"),
        ({"closes_after_ms": 2, "closes_before_ms": 2}, "closes_before_ms"),
        ({"closes_after_ms": -1}, "closing times"),
        ({"min_price": 5, "max_price": 4}, "min_price"),
        ({"max_spread": -1}, "max_spread"),
        ({"min_volume_24h": -1}, "min_volume_24h"),
    ],
)
def test_a_query_that_nothing_can_satisfy_is_refused(asked: dict[str, int], said: str):
    with pytest.raises(InvalidInputError, match=said):
        MarketQuery(**asked)
