"""What a whole venue tells: pages, lag, books, rules, and every dollar at the end."""

import pytest

from holdfast.core.market import MarketStatus, PriceBand
from tests.venues.contract import ONE
from tests.venues.kalshi_controls import KalshiControls, kalshi_controls
from tests.venues.kalshi_scripted import NOW_MS
from tests.venues.kalshi_steps import (
    placed,
)


@pytest.fixture
def world():
    with kalshi_controls() as controls:
        yield controls


def test_every_read_is_paid_for_and_every_request_counted(world: KalshiControls):
    world.meter.spent.clear()
    world.meter.recorded.clear()
    world.venue.open_orders()
    placed(world)
    assert [(bucket, tokens) for bucket, tokens, _ in world.meter.spent] == [("read", 10), ("read", 10)]
    assert [status for _, status in world.meter.recorded] == [200, 200, 201]


def test_rules_of_markets(world: KalshiControls):
    rules = world.venue.market_rules([world.home, world.away, world.unfunded, "KXNOBODY-1"])
    assert set(rules) == {world.home, world.away, world.unfunded}
    assert rules[world.home].bands == (PriceBand(0, ONE, 100),)
    assert (rules[world.away].shard, rules[world.away].close_at_ms) == (world.away_shard, NOW_MS + 3_600_000)
    assert [band.step for band in rules[world.unfunded].bands] == [10, 100, 10]
    assert {row.status for row in rules.values()} == {MarketStatus.OPEN}
    world.clock.sleep_ms(3_600_000)
    world.settle(world.home, "yes")
    rules = world.venue.market_rules([world.home, world.away])
    assert rules[world.home].status is MarketStatus.SETTLED
    assert rules[world.away].status is MarketStatus.CLOSED


def test_an_rsa_key_works_as_well(world: KalshiControls):
    assert world.venue_as("rsa").balance().available == 1_000_000


@pytest.mark.parametrize("result", ["yes", "no"])
def test_a_settlement_says_how_the_market_ended(world: KalshiControls, result: str):
    world.show_book(world.home, bids=[], asks=[(4_600, 700)])
    placed(world, price=4_600, size=333, post_only=False)
    world.settle(world.home, result)
    [settlement] = world.venue.settlements(NOW_MS)
    gained = settlement.payout - settlement.fee - 333 * 4_600 - sum(fill.fee for fill in world.venue.fills(NOW_MS))
    assert (settlement.result, settlement.size, gained) == (result, 333, world.profit())
