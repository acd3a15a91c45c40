"""What stops entries and never exits: a halt, bad switches, an empty bucket, a 429, a store that fails for a moment."""

from typing import Any

import pytest

from holdfast.core.bracket import ExitSource
from holdfast.core.errors import StoreError
from local.venues.kalshi import FaultKind
from tests.jobs.bracket_life import CANCEL, LISTS, PLACE, Life, life


def assert_no_entry(lived: Life, before: int) -> None:
    lived.ask(size="10")
    lived.made.tick()
    assert len(lived.orders("e")) == before


def test_halt_stops_entries_and_no_exit() -> None:
    with life() as lived:
        lived.protected()
        lived.made.switch(halt="true")
        lived.made.tick(after_ms=61_000)
        assert lived.resting == [(61, 100)], "protection stays"
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)
        lived.market_at(49, 51)
        assert_no_entry(lived, 1)


def test_take_profit_is_placed_under_a_halt() -> None:
    with life() as lived:
        lived.fault(FaultKind.ERROR_BEFORE, PLACE, skip=1, status=400)
        lived.enter()
        assert lived.resting == []
        lived.made.switch(halt="true")
        lived.made.tick(after_ms=61_000)
        lived.look()
        lived.check()
        assert lived.resting == [(61, 100)]


def test_invalid_switches_stop_entries_and_no_exit() -> None:
    with life() as lived:
        lived.protected()
        lived.made.switch(stop_loss="seven cents")
        lived.made.clock.sleep_ms(61_000)
        lived.market_at(43, 45)
        lived.check()
        assert lived.made.events("SWITCHES_INVALID")
        lived.assert_over(ExitSource.ARMED_STOP)
        lived.market_at(49, 51)
        assert_no_entry(lived, 1)


def test_dry_run_enters_nothing_and_goes_on_protecting_what_is_real() -> None:
    with life() as lived:
        lived.protected()
        lived.made.switch(dry_run="true")
        lived.made.clock.sleep_ms(61_000)
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)
        lived.market_at(49, 51)
        assert_no_entry(lived, 1)


@pytest.mark.parametrize("bucket", ["read", "write"])
def test_empty_bucket_stops_entries_and_no_exit(bucket: str) -> None:
    """Exits debit without waiting."""
    with life(tier="basic") as lived:
        lived.protected()
        throttle = lived.made.ports.throttle
        throttle.begin_tick(0)
        lived.market_at(43, 45)
        lived.made.clock.sleep_ms(30_000)
        throttle.take(bucket, throttle._buckets[bucket].capacity, exit=True)
        lived.check(after_ms=0)
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("endpoint", [LISTS, CANCEL, PLACE, "GET /markets/orderbooks", "GET /portfolio/fills"])
def test_rate_limit_delays_an_exit_and_loses_nothing(endpoint: str) -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        lived.fault(FaultKind.RATE_LIMITED, endpoint, times=2)
        for _ in range(6):
            lived.check()
        assert sum(sold for _, sold in lived.exits) == 100
        lived.assert_over(ExitSource.ARMED_STOP)


class FailingStore:
    """A store that does not answer from its n-th call on, for so many calls; `done`: what was asked is done all the
    same."""

    def __init__(self, store: Any, first: int, calls: int, *, done: bool) -> None:
        self._store, self._first, self._calls, self._done = store, first, calls, done
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        target = getattr(self._store, name)

        def call(*args: Any, **given: Any) -> Any:
            self.count += 1
            fails = self._first <= self.count < self._first + self._calls
            answer = target(*args, **given) if self._done or not fails else None
            if fails:
                raise StoreError("the table does not answer")
            return answer

        return call


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("first", range(1, 34))
def test_store_that_fails_for_a_moment_during_a_stop_sells_once(first: int, done: bool) -> None:
    with life() as lived:
        lived.protected()
        lived.market_at(43, 45)
        ports = lived.made.writer("w2")
        store: Any = FailingStore(lived.made.store, first, 2, done=done)
        ports.store = store
        ports.throttle._rates._store = store
        ports.switches._store = store
        lived.check(ports=ports)
        assert store.count >= first, "the tick makes so many calls"
        for _ in range(6):
            lived.made.clock.sleep_ms(31_000)
            lived.check()
        assert sum(sold for _, sold in lived.exits) == 100
        assert len({order.client_order_id for order in lived.orders("x")}) == len(lived.exits)
        lived.assert_over(ExitSource.ARMED_STOP)


def test_entries_stop_and_exits_go_while_no_rules_can_be_read() -> None:
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, "GET /markets", times=0)
        lived.made.ports.cache.ticks_until_refresh = 0
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


@pytest.mark.parametrize("endpoint", ["GET /portfolio/positions", "GET /portfolio/settlements", "GET /exchange/status"])
def test_upkeep_that_fails_for_hours_stops_no_exit(endpoint: str) -> None:
    """A bracket closes only on a fresh look at the venue's positions: it waits for that, and exits nothing again."""
    with life() as lived:
        lived.protected()
        lived.fault(FaultKind.ERROR_BEFORE, endpoint, times=0)
        lived.market_at(43, 45)
        for _ in range(10):
            lived.check()
        assert lived.held == 0
        assert lived.exits == [(100, 100)]
        lived.made.exchange.faults.clear()
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)
