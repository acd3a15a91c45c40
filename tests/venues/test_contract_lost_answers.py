"""The contract of the venue port, lost answers: unknown outcomes before and after the effect, and their repair."""

import pytest

from holdfast.core.errors import VenueRateLimitedError, VenueUnavailableError
from holdfast.core.market import Side
from holdfast.core.outcomes import Refusal
from holdfast.venues.port import OrderStatus
from tests.venues.contract import (
    EXIT,
    LOST,
    Failure,
    VenueWorld,
    assert_books_agree,
    cancel,
    found,
    order,
    place,
    placed,
    reasons,
    size,
)
from tests.venues.contract_worlds import WORLDS

each_failure = pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)


@pytest.fixture(params=WORLDS)
def world(request):
    with WORLDS[request.param]() as running:
        yield running


@each_failure
def test_a_place_is_found_under_its_identity_and_never_placed_twice(world: VenueWorld, failure: Failure):
    wanted = order(world)
    world.fail_next("place", failure)
    assert reasons(place(world, wanted)) == ["Unknown"]
    world.fail_next("read", Failure.LOST_BEFORE)
    with pytest.raises(VenueUnavailableError):
        found(world, wanted)
    assert (found(world, wanted) is not None) is failure.takes_effect
    # The same bytes again: refused as a duplicate, which proves that it exists, or placed.
    assert reasons(place(world, wanted)) == [Refusal.DUPLICATE if failure.takes_effect else "Placed"]
    assert list(world.truth().resting.values()) == [size(world, 10)]
    assert found(world, wanted).status is OrderStatus.RESTING


@each_failure
def test_an_exit_that_filled_is_known_by_its_fills_and_sells_only_once(world: VenueWorld, failure: Failure):
    world.show_book(bids=[(4_400, 20)], asks=[])
    wanted = order(world, price=4_400, **EXIT)
    world.fail_next("place", failure)
    assert reasons(place(world, wanted)) == ["Unknown"]
    assert sum(fill.size for fill in world.venue.fills(0)) == size(world, 10) * failure.takes_effect
    assert reasons(place(world, wanted)) == [Refusal.DUPLICATE if failure.takes_effect else "Placed"]
    if failure.takes_effect:
        assert found_filled(world, wanted) == size(world, 10)
    [fill] = world.venue.fills(0)
    assert (fill.size, fill.side) == (size(world, 10), Side.SELL)
    world.pass_ms(60_000)
    assert_books_agree(world)


def found_filled(world: VenueWorld, wanted) -> int:
    read = found(world, wanted)
    assert read is not None
    assert read.status is OrderStatus.FILLED
    return read.order.filled


@each_failure
def test_a_batch_is_unknown_item_by_item(world: VenueWorld, failure: Failure):
    world.show_book(bids=[], asks=[(4_600, 5)])
    good = [order(world, "1"), order(world, "2", price=3_900)]
    batch = [*good, order(world, "crosses", price=4_600)]
    world.fail_next("place_batch", failure)
    assert reasons(place(world, *batch)) == ["Unknown"] * 3
    assert len(world.truth().resting) == 2 * failure.takes_effect
    assert [found(world, wanted) is not None for wanted in good] == [failure.takes_effect] * 2
    assert found(world, batch[2]) is None
    again = reasons(place(world, *good))
    assert again == [Refusal.DUPLICATE if failure.takes_effect else "Placed"] * 2
    assert len(world.truth().resting) == 2


@each_failure
def test_a_cancel_is_unknown(world: VenueWorld, failure: Failure):
    first, second = placed(world, "1"), placed(world, "2", price=3_900)
    world.fail_next("cancel", failure)
    assert reasons(cancel(world, first.order_id)) == ["Unknown"]
    world.fail_next("cancel_batch", failure)
    assert reasons(cancel(world, first.order_id, second.order_id)) == ["Unknown"] * 2
    assert (world.truth().resting == {}) is failure.takes_effect
    again = reasons(cancel(world, first.order_id, second.order_id))
    assert again == [Refusal.NOT_FOUND if failure.takes_effect else "Canceled"] * 2


@each_failure
def test_a_cancel_that_races_a_fill_leaves_the_same_truth_everywhere(world: VenueWorld, failure: Failure):
    """The answer is lost; what the fills say is what was cancelled too late."""
    outcome = placed(world)
    world.trade(4_000, 4, Side.SELL)
    world.fail_next("cancel", failure)
    assert reasons(cancel(world, outcome.order_id)) == ["Unknown"]
    world.trade(4_000, 50, Side.SELL)
    assert reasons(cancel(world, outcome.order_id)) == [Refusal.NOT_FOUND]
    read = world.venue.find_order(outcome.order_id, world.market)
    filled = size(world, 4) if failure.takes_effect else size(world, 10)
    assert read.status is (OrderStatus.CANCELED if failure.takes_effect else OrderStatus.FILLED)
    assert read.order.filled == sum(fill.size for fill in world.venue.fills(0)) == filled
    world.pass_ms(60_000)
    assert_books_agree(world)


def test_a_429_from_in_front_of_the_venue_places_nothing_twice(world: VenueWorld):
    """Whether it is definite differs; that the same placement may be sent again does not."""
    batch = [order(world, "1"), order(world, "2", price=3_900)]
    for kind, some in (("place", batch[:1]), ("place_batch", batch)):
        world.fail_next(kind, Failure.RATE_LIMITED)
        assert set(reasons(place(world, *some))) <= {Refusal.RATE_LIMITED, "Unknown"}
    assert world.truth().resting == {}
    assert reasons(place(world, *batch)) == ["Placed"] * 2
    first, second = world.truth().resting
    world.fail_next("cancel_batch", Failure.RATE_LIMITED)
    assert set(reasons(cancel(world, first, second))) <= {Refusal.RATE_LIMITED, "Unknown"}
    assert reasons(cancel(world, first, second)) == ["Canceled"] * 2


def test_a_read_that_fails_is_an_error_and_never_empty(world: VenueWorld):
    outcome = placed(world)
    venue = world.venue
    reads = (
        venue.open_orders,
        venue.positions,
        venue.balance,
        lambda: venue.fills(0),
        lambda: venue.recent_orders(0),
        lambda: venue.settlements(0),
        lambda: venue.books([world.market]),
        lambda: venue.find_order(outcome.order_id, world.market),
    )
    for failure, error in (
        (Failure.RATE_LIMITED, VenueRateLimitedError),
        (Failure.LOST_BEFORE, VenueUnavailableError),
        (Failure.BROKEN_AFTER, VenueUnavailableError),
    ):
        for read in reads:
            world.fail_next("read", failure)
            with pytest.raises(error):
                read()
