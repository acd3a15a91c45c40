"""The contract of the venue port, orders: placing, filling, cancelling and changing them."""

from decimal import Decimal

import pytest

from holdfast.core.capabilities import CancelAck, Identity, Replace
from holdfast.core.market import Side
from holdfast.core.orders import Amendment, Purpose, Reduction, TimeInForce
from holdfast.core.outcomes import Canceled, Changed, Placed, Refusal, Refused
from holdfast.venues.port import OrderStatus
from tests.venues.contract import (
    EXIT,
    TAKER,
    VenueWorld,
    assert_books_agree,
    cancel,
    order,
    place,
    placed,
    reasons,
    size,
    soon,
)
from tests.venues.contract_worlds import WORLDS


@pytest.fixture(params=WORLDS)
def world(request):
    with WORLDS[request.param]() as running:
        yield running


def test_an_order_rests_as_it_was_meant(world: VenueWorld):
    expires = world.clock.now_ms() // 1000 * 1000 + 300_000
    wanted = order(world, side=Side.SELL, price=6_200, contracts="10.5", expires_at_ms=expires)
    [outcome] = place(world, wanted)
    assert (outcome.client_order_id, outcome.filled) == (wanted.client_order_id, 0)
    assert outcome.remaining == size(world, "10.5")
    by_hash = world.venue.capabilities.identity is Identity.HASH
    assert wanted.order_id == (outcome.order_id if by_hash else "")
    [listed] = world.venue.open_orders().orders
    assert (listed.client_order_id, listed.purpose) == (
        ("", None) if by_hash else (wanted.client_order_id, Purpose.QUOTE)
    )
    assert (listed.order_id, listed.market, listed.side) == (outcome.order_id, world.market, Side.SELL)
    assert (listed.price, listed.remaining, listed.filled) == (6_200, size(world, "10.5"), 0)
    assert listed.expires_at_ms == expires
    assert listed.created_at_ms // 1000 == world.clock.now_ms() // 1000
    assert_books_agree(world)


def test_an_order_expires_when_we_meant_it_to(world: VenueWorld):
    expires = world.clock.now_ms() // 1000 * 1000 + 300_000
    outcome = placed(world, expires_at_ms=expires)
    world.pass_ms(expires - world.clock.now_ms() - 1_000)
    assert set(world.truth().resting) == {outcome.order_id}
    world.pass_ms(1_001)
    assert world.venue.open_orders().orders == ()
    assert world.venue.find_order(outcome.order_id, world.market).status is OrderStatus.CANCELED
    assert_books_agree(world)


def test_a_crossing_order_fills_at_the_better_prices_and_every_book_agrees(world: VenueWorld):
    world.show_book(bids=[], asks=[(4_600, 3), (4_700, 9)])
    outcome = placed(world, price=4_700, **TAKER)
    assert (outcome.filled, outcome.remaining) == (size(world, 10), 0)
    fills = world.venue.fills(world.clock.now_ms())
    assert [(fill.order_id, fill.side, fill.price, fill.size, fill.is_taker) for fill in fills] == [
        (outcome.order_id, Side.BUY, 4_600, size(world, 3), True),
        (outcome.order_id, Side.BUY, 4_700, size(world, 7), True),
    ]
    assert all(fill.fee > 0 and not fill.void for fill in fills)
    read = world.venue.find_order(outcome.order_id, world.market)
    assert (read.status, read.order.filled, read.order.remaining) == (OrderStatus.FILLED, size(world, 10), 0)
    world.pass_ms(60_000)
    assert_books_agree(world)


def test_what_a_crossing_order_does_not_fill_rests(world: VenueWorld):
    world.show_book(bids=[], asks=[(4_600, 3)])
    outcome = placed(world, price=4_700, **TAKER)
    assert (outcome.filled, outcome.remaining) == (size(world, 3), size(world, 7))
    [listed] = world.venue.open_orders().orders
    assert (listed.price, listed.filled, listed.remaining) == (4_700, size(world, 3), size(world, 7))
    world.pass_ms(60_000)
    assert_books_agree(world)


def test_an_immediate_order_never_rests(world: VenueWorld):
    held = world.truth().positions.get(world.market, 0)
    world.show_book(bids=[(4_400, 6)], asks=[])
    partly = placed(world, "1", price=4_400, **EXIT)
    nothing = placed(world, "2", price=4_400, **EXIT)
    assert (partly.filled, partly.remaining) == (size(world, 6), 0)
    assert (nothing.filled, nothing.remaining) == (0, 0)
    assert world.truth().resting == {}
    assert world.truth().positions[world.market] == held - size(world, 6)
    world.pass_ms(60_000)
    assert_books_agree(world)


def test_an_all_or_nothing_order_that_can_not_fill_does_nothing(world: VenueWorld):
    world.show_book(bids=[(4_400, 6)], asks=[])
    killed = order(world, price=4_400, **{**EXIT, "time_in_force": TimeInForce.ALL_OR_NOTHING})
    before = world.truth()
    [outcome] = place(world, killed)
    assert isinstance(outcome, Refused) or (outcome.filled, outcome.remaining) == (0, 0)
    assert world.truth() == before
    assert world.venue.fills(0) == []


def test_a_partial_fill_and_then_a_cancel(world: VenueWorld):
    outcome = placed(world)
    world.trade(4_000, Decimal("3.5"), Side.SELL)
    [listed] = world.venue.open_orders().orders
    assert (listed.filled, listed.remaining) == (size(world, "3.5"), size(world, "6.5"))
    [canceled] = cancel(world, outcome.order_id)
    assert isinstance(canceled, Canceled)
    assert canceled.order_id == outcome.order_id
    assert canceled.at_ms in (0, world.clock.now_ms())
    assert canceled.says_fills is (world.venue.capabilities.cancel_ack is CancelAck.FINAL_WITH_FILLS)
    assert canceled.reduced_by == (size(world, "6.5") if canceled.says_fills else 0)
    read = world.venue.find_order(outcome.order_id, world.market)
    assert (read.status, read.order.filled) == (OrderStatus.CANCELED, size(world, "3.5"))
    [fill] = world.venue.fills(0)
    assert (fill.order_id, fill.price, fill.size, fill.is_taker) == (
        outcome.order_id,
        4_000,
        size(world, "3.5"),
        False,
    )
    world.pass_ms(60_000)
    assert_books_agree(world)


def test_a_cancel_that_comes_too_late_proves_nothing_and_the_order_says_what_happened(world: VenueWorld):
    outcome = placed(world)
    world.trade(4_000, 50, Side.SELL)
    assert reasons(cancel(world, outcome.order_id)) == [Refusal.NOT_FOUND]
    read = world.venue.find_order(outcome.order_id, world.market)
    assert (read.status, read.order.filled) == (OrderStatus.FILLED, size(world, 10))
    assert sum(fill.size for fill in world.venue.fills(0)) == size(world, 10)


def test_an_order_is_canceled_once(world: VenueWorld):
    first, second = placed(world, "1"), placed(world, "2", price=3_900)
    assert reasons(cancel(world, first.order_id)) == ["Canceled"]
    assert reasons(cancel(world, first.order_id)) == [Refusal.NOT_FOUND]
    assert reasons(cancel(world, first.order_id, second.order_id)) == [Refusal.NOT_FOUND, "Canceled"]
    assert reasons(cancel(world, world.unknown_order_id)) == [Refusal.NOT_FOUND]
    assert world.truth().resting == {}


def test_a_batch_of_cancels_is_answered_one_by_one(world: VenueWorld):
    """A live, a cancelled, a partly filled, a filled and another live order."""
    first, gone, partly, filled, last = (
        placed(world, str(number), price=4_000 - 100 * number, contracts=10) for number in (4, 3, 2, 1, 0)
    )
    cancel(world, gone.order_id)
    world.trade(last_price := 4_000, 10, Side.SELL)
    world.trade(last_price - 100, 10, Side.SELL)
    world.trade(last_price - 200, 4, Side.SELL)
    outcomes = cancel(world, *(each.order_id for each in (first, gone, partly, filled, last)))
    assert reasons(outcomes) == ["Canceled", Refusal.NOT_FOUND, "Canceled", Refusal.NOT_FOUND, Refusal.NOT_FOUND]
    assert [outcome.order_id for outcome in (outcomes[0], outcomes[2])] == [first.order_id, partly.order_id]
    assert world.truth().resting == {}


def test_each_item_of_a_batch_has_its_own_fate(world: VenueWorld):
    world.show_book(bids=[(4_400, 5)], asks=[(4_600, 5)])
    taken = order(world, "taken", price=3_000)
    [already] = place(world, taken)
    batch = [
        order(world, "good"),
        order(world, "crosses", price=4_600),
        order(world, "off grid", price=4_050),
        order(world, "too much", contracts=1_000_000),
        taken,
        order(world, "sells", side=Side.SELL, price=4_700),
        order(world, "nothing", contracts=0),
        order(world, "last", price=3_900),
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
        "Placed",
    ]
    live = [outcome for outcome in outcomes if isinstance(outcome, Placed)]
    assert [outcome.client_order_id for outcome in live] == [batch[at].client_order_id for at in (0, 5, 7)]
    assert set(world.truth().resting) == {already.order_id, *(outcome.order_id for outcome in live)}
    assert_books_agree(world)


def test_two_exits_of_all_that_is_held_rest_only_where_sells_are_not_reserved(world: VenueWorld):
    world.show_book(bids=[], asks=[(4_600, 20)])
    placed(world, "held", price=4_600, contracts=20, **TAKER)
    world.pass_ms(60_000)
    world.show_book(bids=[], asks=[])
    held = world.truth().positions[world.market]
    legs = [order(world, leg, side=Side.SELL, price=price, size=held) for leg, price in (("a", 6_000), ("b", 7_000))]
    second = Refusal.INSUFFICIENT_BALANCE if world.venue.capabilities.reserves_sells else "Placed"
    assert reasons([*place(world, legs[0]), *place(world, legs[1])]) == ["Placed", second]


def test_an_order_is_changed_in_place_only_where_the_venue_can(world: VenueWorld):
    outcome, capabilities = placed(world, contracts=10), world.venue.capabilities
    wanted = order(world)
    identity = (outcome.order_id, wanted.client_order_id, world.market, Side.BUY)
    changed = world.venue.amend(Amendment(*identity, 4_100, size(world, 12), 0), soon(world))
    left = size(world, 10)
    if capabilities.replace is Replace.NONE:
        assert reasons([changed]) == [Refusal.NOT_SENT]
    else:
        left = size(world, 12)
        assert isinstance(changed, Changed)
        assert changed.remaining == left
    order_id = changed.order_id if isinstance(changed, Changed) else outcome.order_id
    assert world.truth().resting == {order_id: left}
    decreased = world.venue.decrease(Reduction(order_id, world.market, Side.BUY, size(world, 6)), soon(world))
    if not capabilities.decrease:
        assert reasons([decreased]) == [Refusal.NOT_SENT]
    else:
        left = size(world, 6)
        assert decreased.remaining == left
    assert world.truth().resting == {order_id: left}
    assert_books_agree(world)


def test_nothing_is_sent_after_the_deadline(world: VenueWorld):
    resting, late = placed(world), world.clock.now_ms()
    before = world.truth()
    assert reasons(world.venue.place([order(world, "2")], late)) == [Refusal.NOT_SENT]
    both = [order(world, "3"), order(world, "4")]
    assert reasons(world.venue.place(both, late)) == [Refusal.NOT_SENT] * 2
    assert set(before.resting) == {resting.order_id}
    assert world.truth() == before
