"""The contract of the venue port, candles: closed ones alone, oldest first, of the market's own history."""

import pytest

from holdfast.core.atr import wilder_atr
from holdfast.core.errors import InvalidInputError, VenueError, VenueRateLimitedError
from holdfast.core.market import Side
from tests.venues.contract import LOST, Failure, VenueWorld
from tests.venues.contract_worlds import WORLDS

MINUTE = 60_000
PRICES = [4_500, 4_700, 4_400, 4_600, 5_100, 5_000, 4_900, 5_300, 5_200, 4_800]


@pytest.fixture(params=WORLDS)
def world(request):
    """A whole minute begins."""
    with WORLDS[request.param]() as running:
        running.pass_ms(MINUTE - running.clock.now_ms() % MINUTE)
        yield running


def trade_around(world: VenueWorld, price: int) -> None:
    """Ten seconds in which the market is quoted around a price, and trades there."""
    world.pass_ms(5_000)
    world.show_book(bids=[(price - 100, 50)], asks=[(price + 100, 50)])
    world.trade(price, 1, Side.BUY)
    world.pass_ms(5_000)


def live(world: VenueWorld) -> None:
    """A minute around each of the prices."""
    for price in PRICES:
        trade_around(world, price)
        world.pass_ms(50_000)


def test_they_are_what_the_market_went_through_and_closed(world: VenueWorld):
    """A venue that samples its price at full minutes shows one of a minute in the next one."""
    began_ms = world.clock.now_ms()
    live(world)
    trade_around(world, 9_000)
    world.pass_ms(30_000)
    now_ms = world.clock.now_ms()
    candles = [found for found in world.venue.candles(world.market, 1, 20) if found.start_at_ms > began_ms]
    closes = [candle.close for candle in candles]
    assert closes in (PRICES[1:], PRICES[:-1])
    starts = [candle.start_at_ms for candle in candles]
    assert starts == list(range(starts[0], starts[0] + len(starts) * MINUTE, MINUTE))
    assert all(candle.end_at_ms - candle.start_at_ms == MINUTE for candle in candles)
    assert now_ms - 2 * MINUTE < candles[-1].end_at_ms <= now_ms


def test_no_more_than_were_asked_for_and_the_latest(world: VenueWorld):
    live(world)
    world.pass_ms(1_000)
    everything, three = world.venue.candles(world.market, 1, 20), world.venue.candles(world.market, 1, 3)
    assert three == everything[-3:]
    assert len(everything) > 3


def test_an_hour_is_open_high_low_and_close_of_all_its_minutes(world: VenueWorld):
    trade_around(world, 4_000)
    world.pass_ms(3_600_000 - world.clock.now_ms() % 3_600_000)
    trade_around(world, 4_000)
    for _ in range(4):
        live(world)
    world.pass_ms(3_600_000 + MINUTE)
    [*_, candle] = [found for found in world.venue.candles(world.market, 60, 3) if found.high > found.low]
    assert (candle.open, candle.high, candle.low, candle.close) == (4_000, 5_300, 4_000, 4_800)
    assert candle.start_at_ms % 3_600_000 == 0
    assert candle.end_at_ms <= world.clock.now_ms()


def test_a_market_without_a_history_has_none_and_so_no_atr(world: VenueWorld):
    assert world.venue.candles(world.unknown_market, 1, 20) == []
    assert wilder_atr(world.venue.candles(world.market, 1, 20)) is None


@pytest.mark.parametrize("minutes", [0, -1])
def test_a_length_that_there_is_not_is_refused(world: VenueWorld, minutes: int):
    with pytest.raises(InvalidInputError, match="minutes of a candle"):
        world.venue.candles(world.market, minutes, 20)


@pytest.mark.parametrize("failure", LOST)
def test_candles_that_can_not_be_read_are_an_error_and_no_empty_list(world: VenueWorld, failure: Failure):
    live(world)
    world.fail_next("read", failure)
    with pytest.raises(VenueError):
        world.venue.candles(world.market, 1, 20)


def test_a_429_is_said_as_such(world: VenueWorld):
    world.fail_next("read", Failure.RATE_LIMITED)
    with pytest.raises(VenueRateLimitedError):
        world.venue.candles(world.market, 1, 20)
