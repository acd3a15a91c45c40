"""The venue port on a whole venue: the Kalshi adapter against the local exchange, over HTTP, checked with its books."""

import pytest

from holdfast.core.market import Side
from holdfast.core.orders import (
    OpenOrder,
    Placement,
    Purpose,
    Reduction,
)
from holdfast.core.outcomes import Changed, Refusal
from holdfast.venues.port import OrderStatus
from tests.venues.contract import assert_books_agree, reasons, soon
from tests.venues.kalshi_controls import KalshiControls, kalshi_controls
from tests.venues.kalshi_scripted import NOW_MS
from tests.venues.kalshi_steps import (
    EXIT,
    amendment,
    cancellation,
    order,
    place,
    placed,
)


@pytest.fixture
def world():
    with kalshi_controls() as controls:
        yield controls


def test_an_order_rests_as_it_was_meant(world: KalshiControls):
    expires = NOW_MS // 1000 * 1000 + 60_000
    outcome, wanted = placed(world, market=world.away, side=Side.SELL, price=6_200, size=1_050, expires_at_ms=expires)
    assert (outcome.filled, outcome.remaining, outcome.at_ms) == (0, 1_050, NOW_MS)
    assert world.venue.open_orders().orders == (
        OpenOrder(
            order_id=outcome.order_id,
            client_order_id=wanted.client_order_id,
            market=world.away,
            side=Side.SELL,
            price=6_200,
            remaining=1_050,
            purpose=Purpose.QUOTE,
            expires_at_ms=expires,
            created_at_ms=NOW_MS,
            shard=world.away_shard,
        ),
    )
    assert_books_agree(world)


def test_each_item_of_a_batch_has_its_own_fate(world: KalshiControls):
    world.show_book(world.home, bids=[(4_400, 500)], asks=[(4_600, 500)])
    taken, _ = placed(world, "taken", price=3_000)
    batch = [
        order(world, "good"),
        order(world, "crosses", price=4_600),
        order(world, "off grid", price=4_050),
        order(world, "too much", size=100_000_000),
        order(world, "taken", price=3_000),
        order(world, "sells", side=Side.SELL, price=4_700),
        order(world, "nothing", size=0),
        Placement(order(world, "poor", market=world.unfunded).target, "hf-poor", shard=3),
    ]
    outcomes = place(world, *batch)
    assert reasons(outcomes) == [
        "Placed",
        Refusal.POST_ONLY_CROSS,
        Refusal.OFF_GRID,
        Refusal.INSUFFICIENT_BALANCE,
        Refusal.DUPLICATE,
        "Placed",
        Refusal.INVALID_SIZE,
        Refusal.UNFUNDED_SHARD,
    ]
    live = {outcomes[0].order_id, outcomes[5].order_id, taken.order_id}
    assert set(world.truth().resting) == live
    assert_books_agree(world)


def test_a_balance_is_per_shard(world: KalshiControls):
    """Money on another shard pays for nothing."""
    assert reasons(place(world, order(world, market=world.away, size=20_000))) == [Refusal.INSUFFICIENT_BALANCE]
    assert reasons(place(world, order(world, market=world.home, size=20_000))) == ["Placed"]
    assert world.venue.balance().by_shard[world.away_shard] == 50_000_000


def test_a_crossing_order_fills_and_every_book_agrees(world: KalshiControls):
    world.show_book(world.home, bids=[], asks=[(4_600, 300), (4_700, 900)])
    outcome, _ = placed(world, price=4_700, post_only=False, purpose=Purpose.ENTRY)
    assert (outcome.filled, outcome.remaining) == (1_000, 0)
    fills = world.venue.fills(NOW_MS)
    assert [(fill.side, fill.price, fill.size, fill.is_taker) for fill in fills] == [
        (Side.BUY, 4_600, 300, True),
        (Side.BUY, 4_700, 700, True),
    ]
    assert {fill.order_id for fill in fills} == {outcome.order_id}
    # 0.07 x 3 x 0.46 x 0.54 and 0.07 x 7 x 0.47 x 0.53, each rounded up to 0.0001
    assert [fill.fee for fill in fills] == [52_200, 122_100]
    [position] = world.venue.positions()
    assert (position.market, position.size, position.fees_paid) == (world.home, 1_000, 174_300)
    read = world.venue.find_order(outcome.order_id, world.home)
    assert read is not None
    assert (read.status, read.order.filled, read.order.remaining) == (OrderStatus.FILLED, 1_000, 0)
    assert_books_agree(world)


def test_a_reduce_only_exit_sells_no_more_than_is_held(world: KalshiControls):
    """On a netting venue a larger sell would open the opposite outcome."""
    world.show_book(world.home, bids=[(4_400, 2_000)], asks=[(4_600, 400)])
    placed(world, "1", price=4_600, size=400, post_only=False)
    outcome, _ = placed(world, "2", side=Side.SELL, price=4_400, size=1_000, reduce_only=True, **EXIT)
    assert (outcome.filled, outcome.remaining) == (400, 0)
    again, _ = placed(world, "3", side=Side.SELL, price=4_400, size=1_000, reduce_only=True, **EXIT)
    assert (again.filled, again.remaining) == (0, 0)
    assert world.venue.positions() == []
    assert_books_agree(world)


def test_an_order_that_meets_our_own_is_accepted_and_fills_nothing(world: KalshiControls):
    resting, _ = placed(world, "1", price=4_000)
    outcome, _ = placed(world, "2", side=Side.SELL, price=4_000, **EXIT)
    assert (outcome.filled, outcome.remaining) == (0, 0)
    assert set(world.truth().resting) == {resting.order_id}


def test_a_cancel_reaches_the_orders_shard_and_misses_on_any_other(world: KalshiControls):
    """A miss is the same "not found" as for an order that is over: it proves nothing, the order is live."""
    first, wanted = placed(world, "1", market=world.away)
    second, other = placed(world, "2", market=world.away)
    batch = [cancellation(first, wanted, shard=0), cancellation(second, other, shard=0)]
    assert reasons(world.venue.cancel(batch[:1], soon(world))) == [Refusal.NOT_FOUND]
    assert reasons(world.venue.cancel(batch, soon(world))) == [Refusal.NOT_FOUND] * 2
    assert set(world.truth().resting) == {first.order_id, second.order_id}
    assert world.venue.find_order(first.order_id, world.away).status is OrderStatus.RESTING
    right = [cancellation(first, wanted), cancellation(second, other)]
    assert reasons(world.venue.cancel(right, soon(world))) == ["Canceled", "Canceled"]
    assert world.truth().resting == {}


def test_a_batch_of_cancels_over_shards_and_over_orders(world: KalshiControls):
    home, at_home = placed(world, "1")
    away, far = placed(world, "2", market=world.away)
    gone, was = placed(world, "3")
    world.venue.cancel([cancellation(gone, was)], soon(world))
    batch = [cancellation(gone, was), cancellation(away, far), cancellation(home, at_home)]
    outcomes = world.venue.cancel(batch, soon(world))
    assert reasons(outcomes) == [Refusal.NOT_FOUND, "Canceled", "Canceled"]
    assert [outcome.order_id for outcome in outcomes[1:]] == [away.order_id, home.order_id]
    assert world.truth().resting == {}


def test_an_amended_size_counts_what_has_filled(world: KalshiControls):
    outcome, wanted = placed(world)
    world.trade(world.home, 4_000, 350, Side.SELL)
    changed = world.venue.amend(amendment(outcome, wanted, size=1_200, price=4_100), soon(world))
    assert isinstance(changed, Changed)
    assert changed.remaining == 850
    [left] = world.venue.open_orders().orders
    assert (left.order_id, left.price, left.remaining, left.filled) == (changed.order_id, 4_100, 850, 350)
    assert_books_agree(world)


def test_a_changed_expiry_alone_keeps_the_order(world: KalshiControls):
    outcome, wanted = placed(world, market=world.away, expires_at_ms=NOW_MS + 5_000)
    later = NOW_MS // 1000 * 1000 + 60_000
    changed = world.venue.amend(amendment(outcome, wanted, expires_at_ms=later), soon(world))
    assert isinstance(changed, Changed)
    assert changed.order_id == outcome.order_id
    world.clock.sleep_ms(6_000)
    [left] = world.venue.open_orders().orders
    assert (left.order_id, left.remaining, left.expires_at_ms) == (outcome.order_id, 1_000, later)
    world.venue.amend(amendment(outcome, wanted, expires_at_ms=0), soon(world))
    world.clock.sleep_ms(120_000)
    assert [row.expires_at_ms for row in world.venue.open_orders().orders] == [0]


def test_an_order_decreases_in_place(world: KalshiControls):
    outcome, wanted = placed(world, market=world.away)
    where = (outcome.order_id, world.away, Side.BUY, 250)
    changed = world.venue.decrease(Reduction(*where, shard=wanted.shard), soon(world))
    assert changed == Changed(outcome.order_id, wanted.client_order_id, 250, NOW_MS)
    assert world.truth().resting == {outcome.order_id: 250}
    missed = world.venue.decrease(Reduction(*where, shard=0), soon(world))
    assert reasons([missed]) == [Refusal.NOT_FOUND]
    assert_books_agree(world)


def test_changes_are_refused_with_reasons(world: KalshiControls):
    world.show_book(world.home, bids=[(4_400, 500)], asks=[(4_600, 500)])
    outcome, wanted = placed(world)
    for changes, reason in [
        ({"price": 4_600}, Refusal.POST_ONLY_CROSS),
        ({"price": 4_050}, Refusal.OFF_GRID),
        ({"size": 100_000_000}, Refusal.INSUFFICIENT_BALANCE),
        ({"side": Side.SELL}, Refusal.MALFORMED),
        ({"shard": 2}, Refusal.NOT_FOUND),
        ({"order_id": "00000000-0000-4000-8000-000000000000"}, Refusal.NOT_FOUND),
    ]:
        assert reasons([world.venue.amend(amendment(outcome, wanted, **changes), soon(world))]) == [reason]
    assert world.truth().resting == {outcome.order_id: 1_000}
