"""The rate budget of a whole tick: what runs short stops quotes, never exits, and a back-off ends with its cause."""

from collections.abc import Iterator

import pytest
from msgspec import structs

from holdfast.clock import VirtualClock
from holdfast.core.capabilities import Bucket
from holdfast.core.errors import BudgetExhaustedError
from holdfast.jobs.throttle import Throttle
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Put, Table
from holdfast.telemetry.memory import MemoryTelemetry
from local.venues.kalshi import Fault, FaultKind
from tests.core.plan_world import CAPABILITIES
from tests.jobs.world import World, world

BATCH_PLACE = "POST /portfolio/events/orders/batched"


@pytest.fixture
def made() -> Iterator[World]:
    with world() as running:
        yield running


def bucket(made: World, name: str) -> dict[str, int]:
    (item,) = made.store.query(Table.CONTROL, "RATE#a", name)
    return item


def test_success_ends_the_row_of_refused_reads(made: World) -> None:
    """Else 429s days apart would add up to the longest back-off."""
    made.tick()
    made.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, "GET /portfolio/orders", times=2))
    made.tick()
    made.tick()
    assert bucket(made, "read")["refusals"] == 2
    made.tick()
    assert bucket(made, "read")["refusals"] == 0


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE])
def test_an_answer_that_never_came_is_no_success(made: World, kind: FaultKind) -> None:
    made.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, BATCH_PLACE))
    made.exchange.faults.add(Fault(kind, BATCH_PLACE))
    made.tick()
    made.tick()
    assert bucket(made, "write")["refusals"] == 1


def test_exits_of_many_markets_go_in_batches_that_the_venue_can_take() -> None:
    """One batch of all would be refused as a whole, and no exit would go before the next tick."""
    with world(markets=12, tier="basic", dollars="5000") as made:
        made.switch(inventory_stop_loss="1.00")
        for market in made.markets:
            config = made.configs.get(market)
            assert config is not None
            made.configs.save(structs.replace(config, parameters=config.parameters | {"max_position": "10"}))
        made.tick()
        for market in made.markets:
            made.book(market, 45, 48)
        made.tick()
        made.tick()
        assert [position.size for position in made.books.positions] == [1_000] * 12
        for market in made.markets:
            made.book(market, 30, 32)
        report = made.tick()
        assert report.execution.placed >= 7, "100 tokens are there, 24 go for cancels and 10 for each exit"
        made.tick()
        assert [position.size for position in made.books.positions] == [0] * 12


@pytest.mark.parametrize("held", [True, False])
def test_no_budget_for_reads_stops_quotes_and_not_the_exits_of_what_is_held(made: World, held: bool) -> None:
    made.switch(inventory_stop_loss="1.00", max_wait_seconds="0")
    made.tick()
    if held:
        made.book("M-1", 45, 48)
    made.tick()
    made.tick()
    made.book("M-1", 30, 32)
    made.book("M-2", 55, 58)
    now_ms = made.clock.now_ms()
    backing_off = {"backoff_until_ms": now_ms + 30_000, "refused_at_ms": now_ms, "refusals": 7}
    version = bucket(made, "read")["version"]
    made.store.write(Put(Table.CONTROL, {**bucket(made, "read"), **backing_off, "version": version + 1}))
    before = made.resting("M-2")
    report = made.tick(made.writer("w2"), after_ms=400)
    if held:
        assert (report.ended, report.waited_ms) == ("", 100), "exits wait half a second after a 429, and no longer"
        assert [event["market"] for event in made.events("RISK_FLATTEN")] == ["M-1"]
        assert sum(position.size for position in made.books.positions if position.ticker == "M-1") == 0
    else:
        assert report.ended.startswith("BudgetExhaustedError")
    assert made.resting("M-2") == before, "nothing but exits"


def test_two_writers_share_one_bucket_and_neither_spends_what_the_other_took() -> None:
    """Each remembers the bucket as it last saw it; the conditional write is what keeps them honest."""
    clock = VirtualClock(1_000_000)
    store, capabilities = MemoryStore(clock), structs.replace(CAPABILITIES, write_bucket=Bucket("write", 10, 100))
    writers = [Throttle(store, "a", clock, MemoryTelemetry(), lambda: 0) for _ in range(2)]
    for writer in writers:
        writer.configure(capabilities)
        writer.begin_tick(0)
    granted = 0
    for turn in range(20):
        try:
            writers[turn % 2].take("write", 10)
            granted += 10
        except BudgetExhaustedError:
            break
    assert granted == 70, "100 less the exits' reserve of 30"
    for writer in writers:
        with pytest.raises(BudgetExhaustedError):
            writer.take("write", 10)
    writers[0].take("write", 30, exit=True)
    clock.sleep_ms(3_900)
    with pytest.raises(BudgetExhaustedError):
        writers[1].take("write", 10)
    clock.sleep_ms(100)
    writers[1].take("write", 10)
