"""The contract of the venue port, refusals: the same reasons on every venue, and nothing done."""

from decimal import Decimal

import pytest

from holdfast.core.errors import VenueAuthError
from holdfast.core.market import Side
from holdfast.core.outcomes import Placed, Refusal
from tests.venues.contract import (
    CLOCKS_OFF_MS,
    EXIT,
    VenueWorld,
    assert_books_agree,
    cancel,
    found,
    order,
    place,
    placed,
    reasons,
)
from tests.venues.contract_worlds import WORLDS


@pytest.fixture(params=WORLDS)
def world(request):
    with WORLDS[request.param]() as running:
        yield running


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": 4_600}, Refusal.POST_ONLY_CROSS),
        ({"price": 4_050}, Refusal.OFF_GRID),
        ({"price": 0}, Refusal.OFF_GRID),
        ({"price": 10_000}, Refusal.OFF_GRID),
        ({"contracts": 0}, Refusal.INVALID_SIZE),
        ({"contracts": 1_000_000}, Refusal.INSUFFICIENT_BALANCE),
        ({"reduce_only": True}, Refusal.REDUCE_ONLY),
    ],
    ids=lambda value: value.name if isinstance(value, Refusal) else "-".join(map(str, *value.items())),
)
def test_refusals_have_the_same_reasons_everywhere(world: VenueWorld, changes, reason):
    world.show_book(bids=[(4_400, 5)], asks=[(4_600, 5)])
    before = world.truth()
    assert reasons(place(world, order(world, **changes))) == [reason]
    assert world.truth() == before


def test_an_order_below_the_markets_minimum_or_between_its_sizes_is_refused(world: VenueWorld):
    rules = world.venue.market_rules([world.market])[world.market]
    for number, wrong in enumerate({rules.min_size - rules.size_step, rules.min_size - 1}):
        assert reasons(place(world, order(world, str(number), size=wrong))) == [Refusal.INVALID_SIZE]
    assert world.truth().resting == {}
    placed(world, "smallest", size=rules.min_size)
    assert list(world.truth().resting.values()) == [rules.min_size]


def test_the_same_placement_is_never_a_second_order(world: VenueWorld):
    batch = [order(world, "1"), order(world, "2", price=3_900)]
    first, second = place(world, *batch)
    resting = world.truth().resting
    assert set(resting) == {first.order_id, second.order_id}
    assert reasons(place(world, batch[0])) == [Refusal.DUPLICATE]
    assert reasons(place(world, *batch)) == [Refusal.DUPLICATE] * 2
    assert world.truth().resting == resting


def test_the_identity_of_an_order_that_is_over_is_not_free_again(world: VenueWorld):
    """A frozen process that wakes up and sends again must not revive what was cancelled or filled since."""
    canceled, filled = order(world, "1"), order(world, "2", price=4_100)
    outcomes = place(world, canceled, filled)
    world.trade(4_100, 10, Side.SELL)
    cancel(world, outcomes[0].order_id)
    assert reasons(place(world, canceled)) == [Refusal.DUPLICATE]
    assert reasons(place(world, canceled, filled)) == [Refusal.DUPLICATE] * 2
    assert world.truth().resting == {}


@pytest.mark.parametrize("won", [True, False])
def test_a_market_that_is_over_takes_nothing(world: VenueWorld, won: bool):
    resting, late = placed(world), order(world, "2")
    world.end_market(won=won)
    assert reasons(place(world, late)) == [Refusal.MARKET_CLOSED]
    assert reasons(place(world, late, order(world, "3"))) == [Refusal.MARKET_CLOSED] * 2
    assert set(reasons(cancel(world, resting.order_id))) <= {Refusal.NOT_FOUND, Refusal.MARKET_CLOSED}
    assert world.truth().resting == {}


@pytest.mark.parametrize("takes_cancels", [True, False])
def test_a_pause_is_a_state_of_the_venue(world: VenueWorld, takes_cancels: bool):
    world.show_book(bids=[(4_400, 6)], asks=[])
    first, second = placed(world, "1"), placed(world, "2", price=3_900)
    waiting = [order(world, "3", price=3_800), order(world, "4", price=4_400, **EXIT)]
    assert (world.venue.status().active, world.venue.status().trading) == (True, True)
    world.pause(takes_cancels=takes_cancels)
    # Orders first: a venue may state its restrictions in no other answer.
    assert reasons(place(world, waiting[0])) == [Refusal.TRADING_PAUSED]
    assert set(reasons(place(world, *waiting))) <= {Refusal.TRADING_PAUSED, "Unknown"}
    status = world.venue.status()
    assert not status.trading
    assert status.active or not takes_cancels
    [canceled] = reasons(cancel(world, first.order_id))
    assert canceled in (["Canceled"] if takes_cancels else [Refusal.TRADING_PAUSED, "Unknown"])
    left = {second.order_id} if takes_cancels else {first.order_id, second.order_id}
    assert set(world.truth().resting) == left
    world.resume()
    assert reasons(place(world, *waiting)) == ["Placed"] * 2
    assert world.venue.status().trading
    world.pass_ms(60_000)
    assert_books_agree(world)


def test_a_restart_does_nothing_and_the_same_placement_goes_through_afterwards(world: VenueWorld):
    resting, wanted = placed(world, "1"), order(world, "2", price=3_900)
    world.restart()
    assert set(reasons(place(world, wanted))) <= {Refusal.TRADING_PAUSED, "Unknown"}
    assert set(reasons(cancel(world, resting.order_id))) <= {Refusal.TRADING_PAUSED, "Unknown"}
    status = world.venue.status()
    assert (status.active, status.trading) == (False, False)
    assert set(world.truth().resting) == {resting.order_id}
    world.resume()
    assert reasons(place(world, wanted)) == ["Placed"]
    assert reasons(cancel(world, resting.order_id)) == ["Canceled"]
    assert_books_agree(world)


def test_a_write_budget_is_counted_as_the_capabilities_say(world: VenueWorld):
    """What the limits refuse was not done, and goes through as soon as the bucket has refilled."""
    world.limit_writes()
    capabilities = world.venue.capabilities
    bucket, cost = capabilities.write_bucket, capabilities.costs.create
    fits = bucket.capacity // cost
    batch = [order(world, str(number), 5, price=100) for number in range(fits + 1)]
    most = capabilities.batch_create
    for start in range(0, fits, most):
        assert set(reasons(place(world, *batch[start : min(start + most, fits)]))) == {"Placed"}
    assert reasons(place(world, batch[-1])) == [Refusal.RATE_LIMITED]
    assert reasons(place(world, *batch[-2:])) == [Refusal.RATE_LIMITED] * 2
    assert len(world.truth().resting) == fits
    world.pass_ms(-(-1_000 * cost // bucket.refill))
    assert isinstance(place(world, batch[-1])[0], Placed)


@pytest.mark.parametrize("intruder", ["stranger", *CLOCKS_OFF_MS])
def test_bad_credentials_and_clocks_are_told_apart_from_a_broken_venue(world: VenueWorld, intruder: str):
    venue, wanted = world.venue_as(intruder), order(world)
    resting = placed(world, "resting")
    for read in (venue.balance, venue.open_orders, lambda: venue.fills(0)):
        with pytest.raises(VenueAuthError):
            read()
    deadline = world.clock.now_ms() + 120_000  # by any of the clocks
    assert reasons(venue.place([wanted], deadline)) == [Refusal.UNAUTHORIZED]
    assert reasons(venue.place([wanted, order(world, "2")], deadline)) == [Refusal.UNAUTHORIZED] * 2
    assert set(world.truth().resting) == {resting.order_id}
    assert found(world, wanted) is None


def test_money_that_open_buys_hold_is_not_spent_twice(world: VenueWorld):
    dear = Decimal(world.venue.balance().available) / world.venue.capabilities.scale.money(1)
    half = int(dear / Decimal("0.4") * Decimal("0.6"))
    first = placed(world, "1", half, price=4_000)
    assert reasons(place(world, order(world, "2", half, price=4_000))) == [Refusal.INSUFFICIENT_BALANCE]
    cancel(world, first.order_id)
    placed(world, "3", half, price=4_000)
