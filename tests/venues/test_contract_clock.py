"""The contract of the venue port, the venue's clock: what an answer shows of it, and what nobody can know."""

import pytest
import requests

from holdfast.core.skew import certain_skew
from holdfast.core.windows import TRADING
from tests.jobs.polymarket_world import polymarket_world
from tests.jobs.world import world as kalshi_world
from tests.venues.contract import VenueWorld
from tests.venues.contract_worlds import WORLDS


@pytest.fixture(params=WORLDS)
def world(request):
    with WORLDS[request.param]() as running:
        yield running


def test_a_status_shows_the_venues_clock_and_how_long_it_took_to_read(world: VenueWorld):
    """It is the exchange's own clock, which a test or a demo moves, not the machine's."""
    for _ in range(3):
        reading = world.venue.status().clock
        assert reading is not None
        assert reading.sent_ms <= world.clock.now_ms() <= reading.received_ms
        assert 0 <= world.clock.now_ms() - reading.venue_ms < reading.resolution_ms
        assert certain_skew(reading) == 0
        world.pass_ms(3_600_700)


def test_nothing_is_known_of_a_window_before_the_venue_states_one(world: VenueWorld):
    assert world.venue.stated_window == TRADING


@pytest.mark.parametrize("opened", [kalshi_world, polymarket_world])
def test_another_process_can_set_the_clock(opened):
    with opened() as made:
        for skew_ms in (4_000, -4_000):
            made.clock.sleep_ms(10_000)
            body = {"skew_ms": skew_ms}
            assert requests.post(f"{made.server.origin}/_local/clock", json=body, timeout=5).status_code == 204
            reading = made.ports.venue.status().clock
            assert reading is not None
            assert 3_000 < certain_skew(reading) * (1 if skew_ms > 0 else -1) <= 4_000
