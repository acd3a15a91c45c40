"""Exits when reads lag, answers get lost and quotes fill meanwhile: sold once, never more than is held."""

from collections.abc import Iterator

import pytest
from msgspec import structs

from holdfast.core.journal import EntryState, JournalEntry
from holdfast.jobs.execute import execute
from holdfast.jobs.writes import LEASE_MS
from local.venues.kalshi import Fault, FaultKind
from local.venues.kalshi.records import Order
from tests.jobs.account_world import INTERVAL_MS
from tests.jobs.test_faults import DyingStore, KilledError
from tests.jobs.world import World, world

PLACE = "POST /portfolio/events/orders"


@pytest.fixture
def made() -> Iterator[World]:
    with world() as running:
        yield running


def holding(made: World) -> int:
    """A bid of ten has filled at 48 cents, and no more is wanted; returns the size held."""
    config = made.configs.get("M-1")
    assert config is not None
    made.configs.save(structs.replace(config, parameters=config.parameters | {"max_position": "10"}))
    made.switch(inventory_stop_loss="1.00")
    made.tick()
    made.book("M-1", 45, 48)
    made.tick()
    made.tick(after_ms=10_000)
    return made.ledger.position("M-1").position.size


def exits(made: World) -> list[Order]:
    """Every exit order that reached the exchange."""
    return [order for order in made.books.orders if "-x-" in order.client_order_id]


def in_doubt(made: World) -> list[JournalEntry]:
    """Exits whose outcome is unknown."""
    return [entry for entry in made.journal.live() if entry.purpose == "exit" and entry.state is EntryState.SENT]


def held(made: World) -> int:
    return sum(position.size for position in made.books.positions if position.ticker == "M-1")


def test_exit_that_the_lagging_fills_do_not_show_is_not_sent_again(made: World) -> None:
    """Its answer says that it was filled; the ledger learns that from the fills, seconds later."""
    assert holding(made) == 1_000
    made.exchange.set_read_lag_ms(8_000)
    made.book("M-1", 30, 32)
    for _ in range(4):
        made.tick(after_ms=3_000)
    assert [(order.initial, order.filled) for order in exits(made)] == [(1_000, 1_000)]
    assert ("M-1", "oversell") in {(event["market"], event["reason"]) for event in made.events("PLACE_DROPPED")}
    assert made.ledger.position("M-1").position.size == 0


def test_exit_sells_what_the_cancelled_quotes_left_of_the_position(made: World) -> None:
    """Four of our ask had filled when it was cancelled; the lists did not show it yet."""
    assert holding(made) == 1_000
    made.clock.sleep_ms(20_000)
    made.exchange.set_read_lag_ms(5_000)
    ((_, ask, _),) = made.resting("M-1")
    made.exchange.apply_changes("M-1", [(ask, 400)], [])
    assert held(made) == 600
    made.exchange.apply_changes("M-1", [(4_500, 0), (4_400, 0), (4_300, 0), (ask, 0), (3_000, 50_000)], [])
    made.tick(after_ms=1_000)
    (sent,) = [event for event in made.events("ORDER_PLACED") if event["purpose"] == "exit"]
    assert (sent["size"], sent["filled"]) == (600, 600), "the venue's reduce-only must not be what saves us"
    assert held(made) == 0


def test_exit_in_doubt_is_not_sent_again_when_the_market_has_recovered(made: World) -> None:
    assert holding(made) == 1_000
    made.book("M-1", 30, 32)
    made.exchange.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, PLACE))
    made.tick(after_ms=5_000)
    made.book("M-1", 49, 51)
    for _ in range(6):
        made.tick(after_ms=20_000)
    assert held(made) == 1_000, "what called for the exit is over"
    assert exits(made) == []
    assert in_doubt(made) == [], "presumed absent after a minute and two clean reads"
    made.book("M-1", 30, 32)
    made.tick(after_ms=5_000)
    assert [order.filled for order in exits(made)] == [1_000]


def test_exit_in_doubt_that_is_still_wanted_goes_out_again_under_its_identity(made: World) -> None:
    assert holding(made) == 1_000
    made.book("M-1", 30, 32)
    made.exchange.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, PLACE))
    made.tick(after_ms=5_000)
    (entry,) = in_doubt(made)
    made.tick(after_ms=20_000)
    (sent,) = exits(made)
    assert sent.client_order_id == entry.items[0].client_order_id
    assert held(made) == 0
    assert made.events("EXIT_RESENT")[0]["outcomes"] == ["Placed"]


def test_refusal_of_a_second_send_says_nothing_about_the_first(made: World) -> None:
    assert holding(made) == 1_000
    made.book("M-1", 30, 32)
    made.exchange.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, PLACE))
    made.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, PLACE))
    made.tick(after_ms=5_000)
    made.tick(after_ms=20_000)
    (entry,) = in_doubt(made)
    assert len(made.events("RATE_LIMIT_BACKOFF")) == 1
    made.tick(after_ms=20_000)
    made.tick(after_ms=20_000)
    assert [order.client_order_id for order in exits(made)] == [entry.items[0].client_order_id]
    assert held(made) == 0


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("calls", range(1, 26))
def test_process_killed_at_any_store_call_of_an_exit_sells_once(calls: int, after_effect: bool) -> None:
    with world(markets=1) as made:
        assert holding(made) == 1_000
        made.book("M-1", 30, 32)
        made.clock.sleep_ms(INTERVAL_MS)
        dying = made.writer("dying")
        store = DyingStore(made.store, calls, after_effect=after_effect)
        dying.store = store  # type: ignore[assignment]
        dying.throttle._rates._store = store  # type: ignore[assignment]
        dying.switches._store = store  # type: ignore[assignment]
        try:
            execute(made.account, dying, made.clock)
        except KilledError:
            made.clock.sleep_ms(LEASE_MS)
        for _ in range(4):
            report = made.tick()
        assert [(order.initial, order.filled) for order in exits(made)] == [(1_000, 1_000)]
        assert (report.ended, report.unresolved) == ("", 0)
        made.assert_ledger_is_the_exchanges()


def test_exit_on_a_list_that_went_back_in_time_first_cancels_the_quote_in_its_way(made: World) -> None:
    """Else both fill, and the position turns over."""
    made.switch(inventory_stop_loss="0.35")
    made.tick()
    made.book("M-1", 46, 48)
    made.tick(after_ms=6_500)
    assert any(side == "sell" for side, _, _ in made.resting("M-1"))
    made.exchange.set_read_lag_ms(9_000)
    made.book("M-1", 44, 46)
    made.tick(after_ms=2_000)
    assert made.telemetry.named("LIST_STALE")
    assert len(exits(made)) == 1
    assert held(made) == 0
    assert not any(side == "sell" for side, _, _ in made.resting("M-1"))


LISTS = ("GET /portfolio/settlements", "GET /portfolio/positions", "GET /api_keys")


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMITED, FaultKind.TIMEOUT_BEFORE])
def test_stop_goes_out_before_lists_of_results_that_hang_or_are_refused(made: World, kind: FaultKind) -> None:
    """A process that has just begun reads them in its first tick."""
    assert holding(made) == 1_000
    made.book("M-1", 30, 32)
    for endpoint in LISTS:
        made.exchange.faults.add(Fault(kind, endpoint, times=0, wait_ms=10_000))
    began_ms = made.clock.now_ms()
    made.tick(made.writer("w2"), after_ms=3_000)
    (sold,) = exits(made)
    assert sold.filled == 1_000
    assert sold.created_at_ms - began_ms < 5_000
    assert any(made.exchange.calls[endpoint] for endpoint in LISTS), "they were due"
