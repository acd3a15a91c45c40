"""What a whole venue tells: pages, lag, books, rules, and every dollar at the end.

The tests use the port and `VenueControls` only, so that they can become the contract of every venue.
"""

import pytest

from holdfast.core.errors import VenueAuthError
from holdfast.core.market import MarketStatus, PriceBand, Side
from holdfast.core.orders import (
    Purpose,
)
from holdfast.core.outcomes import Placed, Refusal
from tests.venues.kalshi_controls import VenueControls, kalshi_controls
from tests.venues.kalshi_scripted import NOW_MS
from tests.venues.kalshi_steps import (
    ONE,
    assert_books_agree,
    cancellation,
    order,
    place,
    placed,
    reasons,
    soon,
)


@pytest.fixture
def world():
    with kalshi_controls() as controls:
        yield controls


def test_a_list_that_lags_says_so(world: VenueControls):
    """What is acknowledged after the list's as-of time is not expected in it, and what came before is."""
    world.lag_reads(2_000)
    outcome, _ = placed(world)
    early = world.venue.open_orders()
    assert early.orders == ()
    assert early.as_of_ms < outcome.at_ms
    assert early.requested_at_ms == NOW_MS
    world.clock.sleep_ms(2_500)
    late = world.venue.open_orders()
    assert [row.order_id for row in late.orders] == [outcome.order_id]
    assert late.as_of_ms >= outcome.at_ms


def test_every_page_is_read(world: VenueControls):
    """1,005 resting orders and 1,005 fills: past the largest page."""
    most = world.venue.capabilities.batch_create
    for start in range(0, 1_005, most):
        numbers = range(start, min(start + most, 1_005))
        batch = [order(world, str(number), price=100 + 100 * (number % 30), size=1_00) for number in numbers]
        assert all(isinstance(outcome, Placed) for outcome in place(world, *batch))
        world.clock.sleep_ms(1_000)
    sold, _ = placed(world, "sold", side=Side.SELL, price=5_000, size=1_005, purpose=Purpose.ENTRY)
    for _ in range(1_005):
        world.trade(world.home, 5_000, 1, Side.BUY)
    assert len(world.venue.open_orders().orders) == 1_005
    assert len(world.venue.recent_orders(NOW_MS)) == 1_006
    fills = world.venue.fills(NOW_MS)
    assert len({fill.fill_id for fill in fills}) == len(fills) == 1_005
    assert sum(fill.size for fill in fills) == 1_005
    assert {fill.order_id for fill in fills} == {sold.order_id}
    assert_books_agree(world)


def test_every_read_is_paid_for_and_every_request_counted(world: VenueControls):
    world.meter.spent.clear()
    world.meter.recorded.clear()
    world.venue.open_orders()
    placed(world)
    assert [(bucket, tokens) for bucket, tokens, _ in world.meter.spent] == [("read", 10), ("read", 10)]
    assert [status for _, status in world.meter.recorded] == [200, 200, 201]


def test_books_show_what_can_be_traded_with_our_own_orders_in_it(world: VenueControls):
    world.show_book(world.home, bids=[(4_300, 500), (4_400, 250)], asks=[(4_600, 500), (4_700, 1_000)])
    placed(world, price=4_400)
    books = world.venue.books([world.home, world.away, "KXNOBODY-1"])
    assert set(books) == {world.home, world.away}
    book = books[world.home]
    assert book.ladder(Side.BUY) == [(4_400, 1_250), (4_300, 500)]
    assert book.ladder(Side.SELL) == [(4_600, 500), (4_700, 1_000)]
    assert book.without(world.venue.open_orders().orders).ladder(Side.BUY) == [(4_400, 250), (4_300, 500)]


def test_rules_of_markets(world: VenueControls):
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


def test_an_order_that_nobody_has_is_none(world: VenueControls):
    assert world.venue.find_order("00000000-0000-4000-8000-000000000000", world.away) is None


@pytest.mark.parametrize("intruder", ["stranger", "late clock"])
def test_bad_credentials_are_told_apart_from_a_broken_venue(world: VenueControls, intruder: str):
    venue = world.venue_as(intruder)
    with pytest.raises(VenueAuthError):
        venue.balance()
    assert reasons(venue.place([order(world)], soon(world))) == [Refusal.UNAUTHORIZED]
    assert world.truth().client_ids == {}


def test_an_rsa_key_works_as_well(world: VenueControls):
    assert world.venue_as("rsa").balance().available == 1_000_000


@pytest.mark.parametrize("result", ["yes", "no"])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_fills_and_settlements_account_for_every_dollar(world: VenueControls, result: str, side: Side):
    """Profit from what the port told, against the exchange's own books."""
    world.show_book(world.home, bids=[(4_400, 700)], asks=[(4_600, 700)])
    price = 4_600 if side is Side.BUY else 4_400
    placed(world, "1", side=side, price=price, size=333, post_only=False)
    maker, wanted = placed(world, "2", side=side.opposite, price=4_500, size=101)
    world.trade(world.home, 4_500, 1_000, side)
    world.venue.cancel([cancellation(maker, wanted)], soon(world))
    world.settle(world.home, result)
    fills = world.venue.fills(NOW_MS)
    [settlement] = world.venue.settlements(NOW_MS)
    signed = {Side.BUY: 1, Side.SELL: -1}
    size = sum(signed[fill.side] * fill.size for fill in fills)
    assert settlement.size == size != 0
    assert settlement.result == result
    won = size if result == "yes" else 0
    profit = won * ONE - sum(signed[fill.side] * fill.price * fill.size for fill in fills) - sum(f.fee for f in fills)
    assert profit - settlement.fee == world.truth().profit
    assert settlement.payout == (max(size, 0) if result == "yes" else max(-size, 0)) * ONE
    assert world.venue.positions() == []
    assert_books_agree(world)
