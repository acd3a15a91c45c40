"""Lost answers, rate limits and pauses on a whole venue."""

import pytest

from holdfast.core.errors import VenueRateLimitedError
from holdfast.core.market import Side
from holdfast.core.orders import (
    Reduction,
)
from holdfast.core.outcomes import Refusal, Refused, Unknown
from tests.venues.contract import LOST, Failure, reasons, soon
from tests.venues.kalshi_controls import KalshiControls, kalshi_controls
from tests.venues.kalshi_steps import (
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


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)
def test_other_writes_without_an_answer_are_unknown(world: KalshiControls, failure: Failure):
    first, wanted = placed(world, "1")
    second, other = placed(world, "2")
    world.fail_next("amend", failure)
    assert isinstance(world.venue.amend(amendment(first, wanted, size=900), soon(world)), Unknown)
    world.fail_next("decrease", failure)
    assert isinstance(world.venue.decrease(Reduction(first.order_id, world.home, Side.BUY, 100), soon(world)), Unknown)
    expected = 100 if failure.takes_effect else 1_000
    assert world.truth().resting == {first.order_id: expected, second.order_id: 1_000}
    world.fail_next("cancel", failure)
    assert reasons(world.venue.cancel([cancellation(first, wanted)], soon(world))) == ["Unknown"]
    world.fail_next("cancel_batch", failure)
    both = [cancellation(first, wanted), cancellation(second, other)]
    assert reasons(world.venue.cancel(both, soon(world))) == ["Unknown"] * 2
    assert (world.truth().resting == {}) is failure.takes_effect


def test_a_rate_limit_refuses_everything_and_does_nothing(world: KalshiControls):
    for kind, batch in [("place", [order(world)]), ("place_batch", [order(world, "1"), order(world, "2")])]:
        world.fail_next(kind, Failure.RATE_LIMITED)
        assert reasons(place(world, *batch)) == [Refusal.RATE_LIMITED] * len(batch)
    world.fail_next("read", Failure.RATE_LIMITED)
    with pytest.raises(VenueRateLimitedError):
        world.venue.open_orders()
    assert world.client_ids() == {}


def test_the_largest_batch_is_what_fits_the_write_bucket(world: KalshiControls):
    world.limit_writes()
    most = world.venue.capabilities.batch_create
    batch = [order(world, str(number), price=1_000, size=100) for number in range(most + 1)]
    assert reasons(place(world, *batch)) == [Refusal.RATE_LIMITED] * (most + 1)
    assert world.truth().resting == {}
    assert reasons(place(world, *batch[:most])) == ["Placed"] * most
    assert reasons(place(world, batch[most])) == [Refusal.RATE_LIMITED]
    bucket = world.venue.capabilities.write_bucket
    world.clock.sleep_ms(1_000 * world.venue.capabilities.costs.create // bucket.refill)
    assert reasons(place(world, batch[most])) == ["Placed"]


def test_a_trading_pause_refuses_orders_and_lets_cancels_through(world: KalshiControls):
    outcome, wanted = placed(world, "1", market=world.away)
    world.pause_trading(world.away_shard)
    status = world.venue.status()
    assert (status.active, status.trading, status.paused_shards) == (True, True, (world.away_shard,))
    assert reasons(place(world, order(world, "2", market=world.away))) == [Refusal.TRADING_PAUSED]
    both = [order(world, "3", market=world.away), order(world, "4")]
    assert reasons(place(world, *both)) == [Refusal.TRADING_PAUSED, "Placed"]
    assert reasons([world.venue.amend(amendment(outcome, wanted, size=900), soon(world))]) == [Refusal.TRADING_PAUSED]
    assert reasons(world.venue.cancel([cancellation(outcome, wanted)], soon(world))) == ["Canceled"]
    world.resume()
    assert reasons(place(world, order(world, "2", market=world.away))) == ["Placed"]


def test_an_exchange_pause_refuses_cancels_too(world: KalshiControls):
    outcome, wanted = placed(world)
    world.pause_venue()
    status = world.venue.status()
    assert (status.active, status.trading) == (False, False)
    assert reasons(world.venue.cancel([cancellation(outcome, wanted)], soon(world))) == [Refusal.TRADING_PAUSED]
    assert set(world.truth().resting) == {outcome.order_id}
    world.resume()
    assert reasons(world.venue.cancel([cancellation(outcome, wanted)], soon(world))) == ["Canceled"]


def test_a_closed_market_takes_nothing(world: KalshiControls):
    outcome, wanted = placed(world, market=world.away)
    world.clock.sleep_ms(3_600_000)
    assert reasons(place(world, order(world, "2", market=world.away))) == [Refusal.MARKET_CLOSED]
    [refused] = world.venue.cancel([cancellation(outcome, wanted)], soon(world))
    assert isinstance(refused, Refused)
    assert world.truth().resting == {}
