"""Whether the account may trade from here: what the job does when it may not, or soon may not any more."""

from collections.abc import Iterator

import pytest

from holdfast.jobs.access import DAY_MS
from local.venues.kalshi import Fault as KalshiFault
from local.venues.kalshi import FaultKind as KalshiFaultKind
from local.venues.polymarket import Fault, FaultKind, Geoblock
from tests.jobs.account_world import AccountWorld
from tests.jobs.polymarket_world import PolymarketWorld, polymarket_world
from tests.jobs.world import World
from tests.jobs.world import world as kalshi_world

BLOCKED = Geoblock(blocked=True, country="US", region="NY")
GEOBLOCK = "GET /site/api/geoblock"
API_KEYS = "GET /api_keys"
MINUTE_MS = 60_000


@pytest.fixture
def polymarket() -> Iterator[PolymarketWorld]:
    with polymarket_world() as running:
        yield running


@pytest.fixture
def kalshi() -> Iterator[World]:
    with kalshi_world() as running:
        yield running


def attest(made: World, days: int) -> None:
    """The location attestation lapses so many days from now."""
    made.exchange.set_attested_until("us", made.clock.now_ms() + days * DAY_MS)


def warnings(made: AccountWorld) -> list[tuple[str, object]]:
    return [(event.level.value, event.fields["days_left"]) for event in made.telemetry.named("KEY_EXPIRES")]


def test_blocked_at_the_first_tick_nothing_is_sent(polymarket: PolymarketWorld) -> None:
    polymarket.exchange.operator.set_geoblock(BLOCKED)
    report = polymarket.tick()
    assert (report.ended, report.halted, report.execution.operations) == ("", ("geoblocked",), 0)
    assert polymarket.resting() == []
    [said] = polymarket.telemetry.named("ACCESS_BLOCKED")
    assert (said.level.value, said.fields["place"]) == ("error", "US-NY")


def test_a_block_takes_the_quotes_away_is_said_once_and_clears_by_itself(polymarket: PolymarketWorld) -> None:
    polymarket.tick()
    assert len(polymarket.resting()) == 2
    polymarket.exchange.operator.set_geoblock(BLOCKED)
    report = polymarket.tick(after_ms=60 * MINUTE_MS)
    assert report.halted == ("geoblocked",)
    assert polymarket.resting() == []
    for _ in range(3):
        assert polymarket.tick().halted == ("geoblocked",)
    assert len(polymarket.events("ACCESS_BLOCKED")) == polymarket.telemetry.total("AccessBlocked") == 1
    polymarket.exchange.operator.set_geoblock(Geoblock())
    assert polymarket.tick(after_ms=10 * MINUTE_MS).halted == ()
    assert len(polymarket.resting()) == 2
    assert [fields["reasons"] for fields in polymarket.events("ACCESS_CLEARED")] == [["geoblocked"]]


def test_exits_go_on_from_a_blocked_place(polymarket: PolymarketWorld) -> None:
    polymarket.switch(inventory_stop_loss="1.00")
    polymarket.tick()
    polymarket.book("m-1", 46, 48)
    polymarket.tick()
    assert polymarket.books.position(polymarket.tokens[0]) > 0
    polymarket.exchange.operator.set_geoblock(BLOCKED)
    polymarket.book("m-1", 30, 32)
    polymarket.tick(after_ms=60 * MINUTE_MS)
    assert polymarket.tick().halted == ("geoblocked",), "the stop came before the question"
    for _ in range(2):
        polymarket.tick()
    assert polymarket.books.position(polymarket.tokens[0]) == 0
    polymarket.assert_ledger_is_the_exchanges()


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE, FaultKind.RATE_LIMITED])
def test_an_answer_that_can_not_be_read_is_a_warning_and_no_block(polymarket: PolymarketWorld, kind: FaultKind) -> None:
    polymarket.exchange.faults.add(Fault(kind, GEOBLOCK))
    report = polymarket.tick()
    assert (report.ended, report.halted, report.execution.placed) == ("", (), 2)
    assert [fields["what"] for fields in polymarket.events("UPKEEP_FAILED")] == ["access"]


def test_what_was_said_last_stays_in_force_while_it_can_not_be_read(polymarket: PolymarketWorld) -> None:
    polymarket.exchange.operator.set_geoblock(BLOCKED)
    polymarket.tick()
    polymarket.exchange.operator.set_geoblock(Geoblock())
    polymarket.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, GEOBLOCK))
    assert polymarket.tick(after_ms=10 * MINUTE_MS).halted == ("geoblocked",)
    assert polymarket.tick(after_ms=10 * MINUTE_MS).halted == ()


def test_it_is_asked_once_an_hour_and_by_every_new_process(polymarket: PolymarketWorld) -> None:
    for _ in range(60):
        polymarket.tick()
    assert polymarket.exchange.calls[GEOBLOCK] == 1
    polymarket.tick()
    assert polymarket.exchange.calls[GEOBLOCK] == 2
    polymarket.tick(polymarket.writer("w2"))
    assert polymarket.exchange.calls[GEOBLOCK] == 3


def test_an_attestation_that_runs_out_is_said_once_a_day_from_two_weeks_ahead(kalshi: World) -> None:
    attest(kalshi, 15)
    kalshi.tick()
    assert warnings(kalshi) == []
    for _ in range(4 * 24):
        assert kalshi.tick(after_ms=60 * MINUTE_MS).halted == ()
    assert warnings(kalshi) == [("warning", 13), ("warning", 12), ("warning", 11), ("warning", 10)]


def test_a_lapsed_attestation_stops_quotes_until_it_is_renewed(kalshi: World) -> None:
    """Its moment is known ahead, so it does not wait for the next time that the venue is asked."""
    kalshi.exchange.set_attested_until("us", kalshi.clock.now_ms() + 5 * MINUTE_MS + MINUTE_MS // 2)
    assert kalshi.tick().halted == ()
    assert kalshi.tick(after_ms=3 * MINUTE_MS).halted == ()
    assert len(kalshi.resting()) > 0
    assert kalshi.tick(after_ms=2 * MINUTE_MS).halted == ("key_expired",)
    assert kalshi.resting() == []
    kalshi.tick()
    assert warnings(kalshi) == [("warning", 0), ("error", 0)]
    attest(kalshi, 90)
    assert kalshi.tick(after_ms=10 * MINUTE_MS).halted == ()
    assert len(kalshi.resting()) > 0
    assert [fields["reasons"] for fields in kalshi.events("ACCESS_CLEARED")] == [["key_expired"]]


def test_exits_are_still_tried_after_the_attestation_lapsed(kalshi: World) -> None:
    kalshi.switch(inventory_stop_loss="1.00")
    kalshi.tick()
    kalshi.book("M-1", 46, 48)
    kalshi.tick()
    assert kalshi.books.positions
    attest(kalshi, -1)
    kalshi.book("M-1", 30, 32)
    begun = kalshi.writer("w2")
    report = kalshi.tick(begun)
    assert not any(holding.size for holding in kalshi.books.positions)
    assert report.execution.placed == 1, "the exit alone, before the question and without its answer"
    assert kalshi.tick(begun).halted == ("key_expired",)


def test_an_account_that_never_attested_trades(kalshi: World) -> None:
    assert kalshi.tick().halted == ()
    assert kalshi.exchange.calls[API_KEYS] == 1
    assert warnings(kalshi) == []


def test_a_refusal_to_list_keys_ends_one_tick_at_most(kalshi: World) -> None:
    kalshi.exchange.faults.add(KalshiFault(KalshiFaultKind.RATE_LIMITED, API_KEYS, times=100))
    assert kalshi.tick().ended.startswith("VenueRateLimitedError")
    report = kalshi.tick()
    assert (report.ended, report.halted) == ("", ())
    assert len(kalshi.resting()) > 0
