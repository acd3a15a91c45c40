"""Lost answers, lags, restarts, windows and limits on a whole Polymarket exchange."""

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.errors import VenueAuthError, VenueRateLimitedError, VenueUnavailableError
from holdfast.core.market import Side
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Canceled, Placed, Refusal, Refused, Unknown
from holdfast.core.skew import certain_skew
from holdfast.core.windows import VenueMode
from holdfast.venues.port import OrderStatus
from local.venues.faults import Fault, FaultKind
from tests.venues.kalshi_scripted import NOW_MS
from tests.venues.polymarket_world import World, polymarket_world

SHARE = 1_000_000
EXIT = {"side": Side.SELL, "post_only": False, "time_in_force": TimeInForce.IMMEDIATE}
LOST = [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER]
AFTER = (FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED)


@pytest.fixture
def world():
    with polymarket_world() as running:
        yield running


@pytest.mark.parametrize("kind", [*LOST, FaultKind.MALFORMED], ids=lambda kind: kind.value)
def test_a_place_without_an_answer_is_found_by_its_hash_and_never_placed_twice(world: World, kind):
    [prepared] = world.venue.prepare([world.placement()])
    world.exchange.faults.add(Fault(kind, "POST /order"))
    [lost] = world.venue.place([prepared], world.deadline)
    assert isinstance(lost, Unknown)
    found = world.venue.find_order(prepared.order_id, world.token())
    assert (found is not None) == (kind in AFTER)
    [again] = world.venue.place([prepared], world.deadline)
    assert isinstance(again, Refused if found else Placed)
    assert not found or again.reason is Refusal.DUPLICATE
    assert [order.order_id for order in world.books().open_orders] == [prepared.order_id]


@pytest.mark.parametrize("kind", LOST, ids=lambda kind: kind.value)
def test_a_batch_without_an_answer_is_unknown_item_by_item(world: World, kind):
    prepared = world.venue.prepare([world.placement("1"), world.placement("2", price=3_900)])
    world.exchange.faults.add(Fault(kind, "POST /orders"))
    outcomes = world.venue.place(prepared, world.deadline)
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]
    again = world.venue.place(prepared, world.deadline)
    expected = Refused if kind in AFTER else Placed
    assert [type(outcome) for outcome in again] == [expected, expected]
    assert len(world.books().open_orders) == 2


@pytest.mark.parametrize("kind", LOST, ids=lambda kind: kind.value)
def test_a_cancel_without_an_answer_is_unknown(world: World, kind):
    outcomes = world.place(world.placement("1"), world.placement("2", price=3_900))
    world.exchange.faults.add(Fault(kind, "DELETE /orders"))
    lost = world.cancel(*(outcome.order_id for outcome in outcomes))
    assert [type(outcome) for outcome in lost] == [Unknown, Unknown]
    assert len(world.books().open_orders) == (0 if kind in AFTER else 2)


def test_not_cancelled_proves_nothing(world: World):
    """The venue was seen to say so of an order that was live, and that filled afterwards."""
    [rests] = world.place(world.placement(price=4_100))
    world.exchange.operator.ignore_cancels(1)
    [missed] = world.cancel(rests.order_id)
    assert missed.reason is Refusal.NOT_FOUND
    assert world.venue.find_order(rests.order_id, world.token()).status is OrderStatus.RESTING


def test_lists_lag_behind_writes(world: World):
    world.exchange.operator.set_read_lag_ms(3_000)
    world.pass_ms(5_000)
    [rests] = world.place(world.placement())
    assert world.venue.open_orders().orders == ()
    world.pass_ms(3_000)
    assert [order.order_id for order in world.venue.open_orders().orders] == [rests.order_id]
    assert world.venue.capabilities.read_lag_ms >= 3_000


def test_a_restart_is_a_state_of_the_venue_and_then_comes_a_post_only_window(world: World):
    prepared = world.venue.prepare([world.placement("exit", **EXIT), world.placement("quote")])
    world.exchange.operator.restart_engine(90_000)
    [lost] = world.venue.place(prepared[:1], world.deadline)
    assert isinstance(lost, Unknown)
    assert world.venue.status().mode is VenueMode.RESTARTING
    world.pass_ms(90_000)
    [refused] = world.venue.place(prepared[:1], world.deadline)
    assert (refused.reason, refused.code) == (Refusal.TRADING_PAUSED, "post_only")
    assert world.venue.status().mode is VenueMode.POST_ONLY
    [quote] = world.venue.place(prepared[1:], world.deadline)
    assert isinstance(quote, Placed)
    world.pass_ms(120_000)
    [sold] = world.venue.place(prepared[:1], world.deadline)
    assert sold.filled == 10 * SHARE
    assert world.venue.status().mode is VenueMode.TRADING


def test_cancel_only_takes_cancels_and_disabled_nothing(world: World):
    [rests] = world.place(world.placement())
    world.exchange.operator.set_mode(cancel_only=True)
    [refused] = world.place(world.placement("2"))
    assert refused.reason is Refusal.TRADING_PAUSED
    assert world.venue.status().mode is VenueMode.CANCEL_ONLY
    assert isinstance(world.cancel(rests.order_id)[0], Canceled)
    world.exchange.operator.set_mode(disabled=True)
    world.place(world.placement("3"))
    assert world.venue.status().mode is VenueMode.DISABLED


def test_the_signers_rate_limit_refuses_for_certain(world: World):
    outcomes = []
    for turn in range(5):
        batch = [world.placement(f"hf-{turn}-{number}", size=5 * SHARE) for number in range(15)]
        outcomes += world.place(*batch)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert {outcome.reason for outcome in refused} == {Refusal.RATE_LIMITED}
    assert len(world.books().open_orders) == 75 - len(refused) == 60


def test_a_read_that_is_limited_is_an_error(world: World):
    world.exchange.operator.set_ip_limit("GET /data/orders", 0)
    with pytest.raises(VenueRateLimitedError):
        world.venue.open_orders()


def test_a_clock_that_is_off_is_the_owners_to_repair(world: World):
    skewed = VirtualClock(NOW_MS - 60_000)
    venue = world.another_venue(skewed)
    with pytest.raises(VenueAuthError):
        venue.open_orders()
    reading = venue.status().clock
    assert reading is not None
    assert certain_skew(reading) > 58_000


def test_an_exchange_that_is_gone_is_an_error_and_an_unknown(world: World):
    [prepared] = world.venue.prepare([world.placement()])
    for kind in (FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE):
        world.exchange.faults.add(Fault(kind, "*", times=1))
        with pytest.raises(VenueUnavailableError):
            world.venue.open_orders()
    assert world.venue.find_order(prepared.order_id, world.token()) is None
