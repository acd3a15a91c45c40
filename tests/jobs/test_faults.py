"""Lost answers, dead servers, killed processes, contended leases: nothing is lost, nothing is done twice."""

from collections.abc import Iterator

import pytest

from holdfast.jobs.execute import execute
from holdfast.jobs.writes import LEASE_MS
from holdfast.state.port import Put, Store, Table
from local.venues.kalshi import Fault, FaultKind, MissCause
from tests.jobs.account_world import INTERVAL_MS
from tests.jobs.world import START_MS, World, foreign_member, world

BATCH_PLACE = "POST /portfolio/events/orders/batched"
BATCH_CANCEL = "DELETE /portfolio/events/orders/batched"
AMEND = "POST /portfolio/events/orders/*/amend"


class KilledError(BaseException):
    """The process is gone: no handler of ours may catch it."""


class DyingStore:
    """A store whose process is killed at its n-th call; every later call of the dead process fails as well."""

    def __init__(self, store: Store, calls: int, *, after_effect: bool) -> None:
        self._store, self._left, self._after_effect = store, calls, after_effect

    def __getattr__(self, name: str) -> object:
        target = getattr(self._store, name)

        def call(*args: object) -> object:
            self._left -= 1
            if self._left < 0 or (self._left == 0 and not self._after_effect):
                raise KilledError
            answer = target(*args)
            if self._left == 0:
                raise KilledError
            return answer

        return call


@pytest.fixture
def made() -> Iterator[World]:
    with world() as running:
        yield running


def settled(made: World) -> None:
    """After enough quiet ticks one quote a side rests in every market, and the books agree."""
    for _ in range(4):
        report = made.tick()
    assert report.ended == ""
    assert report.unresolved == 0
    assert len(made.resting()) == 2 * len(made.markets)
    for market in made.markets:
        assert [side for side, _, _ in made.resting(market)] == ["buy", "sell"]
    made.assert_ledger_is_the_exchanges()
    assert made.misses(MissCause.ALREADY_CANCELED) == 0


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED])
def test_place_whose_answer_is_lost_is_found_and_not_placed_again(made: World, kind: FaultKind) -> None:
    made.exchange.faults.add(Fault(kind, BATCH_PLACE))
    first = made.tick()
    assert first.execution.unknown == 6
    second = made.tick(after_ms=1_000)
    assert second.execution.calls == 0, "its sides are frozen while nobody knows"
    third = made.tick()
    assert third.execution.placed == 0
    assert made.exchange.calls[BATCH_PLACE] == 1
    settled(made)


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE])
def test_place_that_never_arrived_is_presumed_absent_after_a_minute_and_two_reads(made: World, kind: FaultKind) -> None:
    made.exchange.faults.add(Fault(kind, BATCH_PLACE))
    made.tick()
    assert made.tick(after_ms=20_000).execution.calls == 0
    assert made.tick(after_ms=20_000).execution.calls == 0
    assert made.tick(after_ms=25_000).execution.placed == 6
    settled(made)


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_AFTER])
def test_cancel_whose_answer_is_lost_is_resolved_before_anything_replaces_it(made: World, kind: FaultKind) -> None:
    made.tick()
    made.exchange.faults.add(Fault(kind, BATCH_CANCEL))
    made.book("M-1", 50, 53)
    lost = made.tick()
    assert (lost.execution.unknown, lost.execution.placed) == (2, 0)
    for _ in range(3):
        made.tick(after_ms=20_000)
        for side in ("buy", "sell"):
            assert sum(found == side for found, _, _ in made.resting("M-1")) <= 1
    assert made.resting("M-1") == [("buy", 4_900, 1_000), ("sell", 5_400, 1_000)]
    settled(made)


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE])
def test_renewal_whose_answer_is_lost_harms_nothing(made: World, kind: FaultKind) -> None:
    made.tick()
    made.exchange.faults.add(Fault(kind, AMEND, times=3))
    for _ in range(4):
        made.tick()
    settled(made)


def test_dead_server_ends_the_tick_and_the_next_one_goes_on(made: World) -> None:
    made.tick()
    made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET /portfolio/orders", times=2))
    resting = made.resting()
    for _ in range(2):
        report = made.tick()
        assert report.ended.startswith("VenueUnavailableError")
        assert made.resting() == resting, "an error is not an empty list"
    settled(made)


def test_server_that_is_gone_altogether_loses_nothing(made: World) -> None:
    made.tick()
    made.server.stop()
    for _ in range(3):
        assert made.tick().ended != ""
    assert len(made.journal.live()) <= 1


@pytest.mark.parametrize("endpoint", ["GET /markets", "GET /portfolio/settlements", "GET /portfolio/positions"])
def test_upkeep_that_fails_for_hours_stops_no_exit(made: World, endpoint: str) -> None:
    made.switch(inventory_stop_loss="1.00")
    made.tick()
    made.book("M-1", 45, 48, size=500)
    made.book("M-2", 45, 48, size=500)
    made.tick()
    made.exchange.settle("M-2", "no")
    made.ports.cache.ticks_until_refresh = 0
    made.ports.cache.positions_compared_at_ms = 0
    made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, endpoint, times=0))
    for _ in range(11):
        assert made.tick().ended == ""
    assert made.events("UPKEEP_FAILED")
    made.book("M-1", 30, 32)
    made.tick()
    made.tick()
    assert all(holding.size == 0 for holding in made.books.positions if holding.ticker == "M-1")


def test_quotes_stay_where_a_new_process_can_not_read_the_rules(made: World) -> None:
    made.tick()
    made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET /markets"))
    assert made.tick(made.writer("w2")).ended.startswith("VenueUnavailableError")
    assert len(made.resting()) == 6


def test_first_fills_of_an_account_are_booked_however_long_nobody_looked(made: World) -> None:
    """Without a fill there was nothing to read on from, and the ledger would never have heard of the position."""
    made.tick()
    made.exchange.apply_changes("M-1", [], [(4_800, 1_000)])
    made.clock.sleep_ms(2 * 86_400_000)
    made.tick()
    assert made.ledger.position("M-1").position.size == 1_000
    made.assert_ledger_is_the_exchanges()


def test_unreadable_books_withdraw_the_quotes(made: World) -> None:
    made.tick()
    made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET /markets/orderbooks"))
    made.tick()
    assert made.resting() == []
    settled(made)


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("calls", range(1, 22))
def test_process_killed_at_any_store_call_is_repaired_by_the_next_one(calls: int, after_effect: bool) -> None:
    """A moved market with fills: the tick reads, books, cancels and places; it dies at its n-th store call."""
    with world(markets=2) as made:
        made.tick()
        made.book("M-1", 45, 48, size=4)
        made.book("M-1", 50, 53)
        made.book("M-2", 53, 55)
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
        settled(made)


def test_second_writer_does_nothing_while_the_first_holds_the_lease(made: World) -> None:
    lease = {"pk": "LEASE#a#execute", "sk": "lease", "owner": "w0", "fence": 5, "scheduled_at_ms": 0}
    held_until = made.clock.now_ms() + INTERVAL_MS + 30_000
    made.store.write(Put(Table.CONTROL, {**lease, "expires_at_ms": held_until}))
    assert made.tick().skipped == "lease_held"
    assert made.books.orders == ()
    assert made.tick().execution.placed == 6
    assert made.tick().fence == 7


def test_message_delivered_twice_ticks_once(made: World) -> None:
    scheduled = made.clock.now_ms()
    assert execute(made.account, made.ports, made.clock, scheduled_at_ms=scheduled).skipped == ""
    assert execute(made.account, made.ports, made.clock, scheduled_at_ms=scheduled).skipped == "duplicate"
    assert execute(made.account, made.ports, made.clock, scheduled_at_ms=scheduled + 1).skipped == ""


def test_inventory_that_lost_too_much_is_flattened_and_never_flipped(made: World) -> None:
    made.switch(inventory_stop_loss="1.00")
    made.tick()
    made.book("M-1", 45, 48, size=500)  # our bid at 48 is filled in full
    made.tick()
    made.book("M-1", 30, 32)
    report = made.tick()
    assert report.execution.placed >= 1
    assert made.events("RISK_FLATTEN")[0]["market"] == "M-1"
    made.tick()
    assert all(holding.size == 0 for holding in made.books.positions if holding.ticker == "M-1")
    made.assert_ledger_is_the_exchanges()
    exits = [line for line in made.ledger.lines() if line.purpose == "exit"]
    assert sum(line.size for line in exits) == 2_000, "what was held: two bids of ten had filled"


def test_halted_account_still_flattens(made: World) -> None:
    made.tick()
    made.book("M-1", 45, 48, size=500)
    made.tick()
    made.switch(halt="true", inventory_stop_loss="1.00")
    made.book("M-1", 30, 32)
    made.tick(after_ms=61_000)
    made.tick()
    assert all(holding.size == 0 for holding in made.books.positions if holding.ticker == "M-1")
    assert made.resting() == []


def test_stop_on_a_one_sided_book_alarms_instead_of_selling_into_nothing(made: World) -> None:
    made.switch(inventory_stop_loss="1.00")
    made.tick()
    made.book("M-1", 45, 48, size=500)
    made.tick()
    made.exchange.apply_snapshot("M-1", [], [(3_200, 50_000)])
    made.tick()
    assert made.events("INVENTORY_STOP_BLIND")
    assert [holding.size for holding in made.books.positions if holding.ticker == "M-1"] == [2_000]


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE])
def test_exit_whose_answer_is_lost_sells_once(made: World, kind: FaultKind) -> None:
    made.switch(inventory_stop_loss="1.00")
    made.tick()
    made.book("M-1", 45, 48, size=500)
    made.tick()
    made.book("M-1", 30, 32)
    made.exchange.faults.add(Fault(kind, "POST /portfolio/events/orders"))
    made.tick()
    for _ in range(4):
        made.tick()
    assert all(holding.size == 0 for holding in made.books.positions if holding.ticker == "M-1")
    sold = [fill for fill in made.books.fills if fill.ticker == "M-1" and fill.side == "sell"]
    assert sum(fill.size for fill in sold if fill.is_taker) == 2_000
    made.assert_ledger_is_the_exchanges()


def test_inventory_of_a_closed_market_waits_for_its_settlement_without_alarms() -> None:
    with world(close_at_ms=START_MS + 6 * INTERVAL_MS) as made:
        made.switch(inventory_stop_loss="1.00")
        made.tick()
        made.book("M-1", 45, 48, size=500)
        for _ in range(4):
            made.tick()
        made.exchange.apply_snapshot("M-1", [], [])
        for _ in range(5):
            made.tick()
        assert made.ledger.position("M-1").position.size > 0
        assert not made.events("INVENTORY_STOP_BLIND")


def test_loss_is_not_hidden_by_our_own_quote(made: World) -> None:
    """Inventory counts at the best bid of others; our own bid of 36 cents would have shown 18 cents as 12."""
    made.switch(max_daily_loss="1.50", inventory_stop_loss="100")
    made.tick()
    made.exchange.apply_changes("M-1", [], [(4_800, 1_000)])
    made.tick()
    assert made.ledger.position("M-1").position.size == 1_000
    made.book("M-1", 30, 48)
    made.tick()
    assert "daily_loss" in made.tick().halted
    assert made.resting() == []


def test_daily_loss_halts_until_the_day_is_over(made: World) -> None:
    made.switch(max_daily_loss="0.50", inventory_stop_loss="1.00")
    made.tick()
    made.book("M-1", 45, 48, size=500)
    made.tick()
    made.book("M-1", 30, 32)
    made.tick()
    assert "daily_loss" in made.tick().halted
    assert made.resting() == []
    made.book("M-1", 49, 51)
    assert "daily_loss" in made.tick().halted, "a better price does not undo it"
    made.clock.sleep_ms(86_400_000)
    assert made.tick().halted == ()


def test_books_that_can_not_be_read_at_midnight_make_no_loss_of_today(made: World) -> None:
    made.switch(max_daily_loss="0.70", inventory_stop_loss="100")
    made.tick()
    made.exchange.apply_changes("M-1", [], [(4_800, 1_000)])
    made.book("M-1", 44, 46)
    assert made.tick().halted == ()
    made.tick()
    made.clock.set_ms((made.clock.now_ms() // 86_400_000 + 1) * 86_400_000)
    made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET /markets/orderbooks"))
    made.tick()
    made.book("M-1", 40, 42)
    assert made.tick().halted == (), "eight cents a contract, four of them today"
    made.book("M-1", 30, 32)
    assert made.tick().halted == ("daily_loss",)


def test_settled_market_is_booked_once_and_pays_what_the_exchange_paid() -> None:
    with world() as made:
        made.tick()
        made.book("M-1", 45, 48, size=500)
        made.book("M-2", 53, 55)
        made.tick()
        made.exchange.settle("M-1", "no")
        made.exchange.settle("M-2", "no")
        for _ in range(14):
            made.tick()
        kinds = [line.kind for line in made.ledger.lines() if line.kind == "settlement"]
        assert len(kinds) == 2
        made.assert_ledger_is_the_exchanges()
        assert made.misses(MissCause.ALREADY_CANCELED) == 0


def test_settlement_of_more_than_ours_pays_us_our_share_once_late_fills_are_ruled_out(made: World) -> None:
    made.tick()
    made.exchange.apply_changes("M-1", [], [(4_800, 1_000)])
    assert foreign_member(made).create("M-1", "ask", "0.4700", "30.00", "person").status_code == 201
    made.tick()
    before = made.ledger.position("M-1").position
    made.exchange.settle("M-1", "yes")
    made.ports.cache.ticks_until_refresh = 0
    made.tick()
    assert made.ledger.position("M-1").position == before
    assert made.events("POSITION_MISMATCH")
    for _ in range(11):
        made.tick()
    (line,) = [line for line in made.ledger.lines() if line.kind == "settlement"]
    assert (line.size, line.cash) == (1_000, 1_000 * 10_000)


def test_loss_that_one_look_alone_shows_halts_that_tick_and_not_the_day(made: World) -> None:
    """A bid that is missing for a moment makes a position look worthless."""
    made.switch(max_daily_loss="2.00", inventory_stop_loss="100")
    made.tick()
    made.book("M-1", 45, 48, size=500)
    made.tick()
    made.exchange.apply_snapshot("M-1", [], [(4_800, 50_000)])
    assert "daily_loss" in made.tick().halted
    made.book("M-1", 46, 48)
    assert made.tick().halted == ()
