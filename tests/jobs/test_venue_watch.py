"""Clocks that are off, and windows in which a venue takes not everything: what is sent then, and what is said."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from msgspec import structs

from holdfast.core.market import Side
from holdfast.core.orders import Placement, Purpose, TargetOrder
from local.venues.faults import Fault, FaultKind
from tests.jobs.polymarket_world import PolymarketWorld, polymarket_world
from tests.jobs.world import World, world


class Rig(NamedTuple):
    """One account in two markets, and how its venue's clock is set."""

    made: World | PolymarketWorld
    names: tuple[str, str]
    markets: tuple[str, str]
    skew: Callable[[int], None]

    def book(self, bid: int, ask: int, size: int = 500) -> None:
        self.made.book(self.names[0], bid, ask, size)

    def resting(self, number: int = 0) -> list[tuple[str, int]]:
        return [(side, price) for side, price, _ in self.made.resting(self.markets[number])]

    def held(self) -> int:
        return self.made.ledger.position(self.markets[0]).position.size

    def hold(self) -> None:
        """A bid of ten in the first market has filled, and more is not wanted there; a loss of a dollar is too much."""
        config = self.made.configs.get(self.markets[0])
        assert config is not None
        self.made.configs.save(structs.replace(config, parameters=config.parameters | {"max_position": "10"}))
        self.made.switch(inventory_stop_loss="1.00")
        self.made.tick()
        self.book(45, 48)
        self.made.tick()
        self.made.tick(after_ms=15_000)
        assert self.held() > 0


@pytest.fixture(params=["kalshi", "polymarket"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        if request.param == "kalshi":
            kalshi = stack.enter_context(world(markets=2))
            markets = (kalshi.markets[0], kalshi.markets[1])
            yield Rig(kalshi, markets, markets, kalshi.exchange.set_clock_skew_ms)
        else:
            polymarket = stack.enter_context(polymarket_world())
            names, tokens = polymarket.names, polymarket.tokens
            skew = polymarket.exchange.operator.set_clock_skew_ms
            yield Rig(polymarket, (names[0], names[1]), (tokens[0], tokens[1]), skew)


@pytest.fixture
def kalshi() -> Iterator[Rig]:
    with world(markets=2) as made:
        markets = (made.markets[0], made.markets[1])
        yield Rig(made, markets, markets, made.exchange.set_clock_skew_ms)


@pytest.fixture
def polymarket() -> Iterator[Rig]:
    with polymarket_world() as made:
        names, tokens = made.names, made.tokens
        yield Rig(made, (names[0], names[1]), (tokens[0], tokens[1]), made.exchange.operator.set_clock_skew_ms)


def events(rig: Rig, name: str, *fields: str) -> list[tuple[object, ...]]:
    return [tuple(event[field] for field in fields) for event in rig.made.events(name)]


# Clocks.


# Both venues show their time in whole seconds: of a skew of 1.5 s these phases of our clock show all.
@pytest.mark.parametrize(("skew_ms", "phase_ms"), [(1_500, 500), (-1_500, 499)])
def test_a_skew_over_a_second_warns_once_and_quotes_stay(rig: Rig, skew_ms: int, phase_ms: int) -> None:
    rig.made.tick()
    resting = rig.resting()
    rig.made.clock.sleep_ms(phase_ms)
    rig.skew(skew_ms)
    for _ in range(3):
        assert rig.made.tick().halted == ()
    assert rig.resting() == resting
    assert events(rig, "CLOCK_SKEW", "verdict") == [("warn",)]
    assert [event.level.value for event in rig.made.telemetry.named("CLOCK_SKEW")] == ["warning"]


@pytest.mark.parametrize("skew_ms", [4_500, -4_500])
def test_a_skew_over_three_seconds_stops_quotes_but_no_exit_and_ends_by_itself(rig: Rig, skew_ms: int) -> None:
    rig.hold()
    rig.skew(skew_ms)
    report = rig.made.tick()
    assert report.halted == ("clock_skew",)
    assert (rig.resting(0), rig.resting(1)) == ([], [])
    rig.book(30, 32)
    report = rig.made.tick()
    assert (report.ended, report.execution.placed) == ("", 1), "the exit, and nothing else"
    rig.made.tick()
    assert rig.held() == 0
    rig.skew(0)
    rig.made.clock.sleep_ms(10_000)
    assert rig.made.tick().halted == ()
    assert rig.resting(1) != []
    assert events(rig, "CLOCK_SKEW", "verdict") == [("stop",), ("fine",)]
    rig.made.assert_ledger_is_the_exchanges()


def test_a_stop_does_not_flicker_with_the_second_at_which_the_clock_is_read(rig: Rig) -> None:
    """Of a skew of 3.5 s a clock of whole seconds shows 2.5 to 3.5."""
    rig.made.clock.sleep_ms(500)
    rig.skew(3_500)
    halted = [rig.made.tick(after_ms=60_000 + 100 * number).halted for number in range(8)]
    assert halted == [("clock_skew",)] * 8


def test_the_clock_costs_no_request_of_its_own_where_an_answer_shows_it(kalshi: Rig) -> None:
    kalshi.made.tick()
    for _ in range(5):
        kalshi.made.tick(after_ms=3_000)
    assert kalshi.made.exchange.calls["GET /exchange/status"] == 2, "ten seconds pass between two looks"


def test_the_time_is_asked_for_once_a_minute(polymarket: Rig) -> None:
    polymarket.made.tick()
    for _ in range(12):
        polymarket.made.tick(after_ms=10_000)
    assert polymarket.made.exchange.calls["GET /time"] == 3


def test_a_status_that_can_not_be_read_stops_nothing(rig: Rig) -> None:
    endpoint = "GET /exchange/status" if isinstance(rig.made, World) else "GET /time"
    rig.made.exchange.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, endpoint, times=0))
    report = rig.made.tick()
    assert (report.ended, report.execution.failed) == ("", 0)
    assert rig.resting() != []
    assert events(rig, "UPKEEP_FAILED", "what") == [("status",)]


# Windows: Kalshi says them in its status.


def exchange_of(rig: Rig) -> World:
    assert isinstance(rig.made, World)
    return rig.made


def test_a_trading_pause_places_nothing_and_cancels_what_must_go(kalshi: Rig) -> None:
    made = exchange_of(kalshi)
    made.tick()
    kept = kalshi.resting(1)
    kalshi.book(50, 54)
    made.exchange.pause_trading(resumes_at_ms=made.clock.now_ms() + 300_000)
    report = made.tick()
    assert (report.execution.placed, report.execution.failed) == (0, 0)
    assert (kalshi.resting(0), kalshi.resting(1)) == ([], kept)
    assert events(kalshi, "VENUE_STATUS", "before", "after") == [("trading", "cancel_only")]
    assert made.events("VENUE_STATUS")[0]["resumes_at_ms"] == made.clock.now_ms() + 240_000
    made.exchange.resume()
    assert made.tick().execution.placed == 2
    assert events(kalshi, "VENUE_STATUS", "before", "after")[1:] == [("cancel_only", "trading")]


def test_an_exchange_pause_sends_not_even_cancels(kalshi: Rig) -> None:
    made = exchange_of(kalshi)
    made.tick()
    resting = (kalshi.resting(0), kalshi.resting(1))
    kalshi.book(50, 54)
    made.exchange.pause_exchange()
    report = made.tick()
    assert (report.ended, report.execution.calls) == ("", 0)
    assert (kalshi.resting(0), kalshi.resting(1)) == resting
    assert events(kalshi, "VENUE_STATUS", "after") == [("disabled",)]
    made.exchange.resume()
    assert made.tick().execution.failed == 0
    assert kalshi.resting(0) != resting[0]


def test_a_paused_shard_touches_its_markets_alone(kalshi: Rig) -> None:
    """M-1 lives on shard 2, M-2 on shard 0."""
    made = exchange_of(kalshi)
    made.tick()
    before = kalshi.resting(0)
    for name in kalshi.names:
        made.book(name, 50, 53)
    made.exchange.pause_exchange(2)
    report = made.tick()
    assert (report.execution.failed, report.execution.placed) == (0, 2)
    assert kalshi.resting(0) == before
    assert kalshi.resting(1) != before
    assert events(kalshi, "VENUE_STATUS", "after", "paused_shards") == [("trading", [2])]


def test_an_exit_that_a_pause_delays_is_alarmed_once_a_minute_until_it_goes_out(kalshi: Rig) -> None:
    kalshi.hold()
    made = exchange_of(kalshi)
    kalshi.book(30, 32)
    made.exchange.pause_trading(2)
    for _ in range(9):
        report = made.tick(after_ms=15_000)
        assert report.execution.failed == 0
    delayed = made.telemetry.named("EXIT_DELAYED")
    assert [event.level.value for event in delayed] == ["error"] * 3
    assert {(event.fields["market"], event.fields["mode"]) for event in delayed} == {("M-1", "cancel_only")}
    assert len({event.fields["since_ms"] for event in delayed}) == 1
    assert made.telemetry.total("ExitsDelayed") == 3
    made.exchange.resume()
    made.book("M-1", 30, 32)
    made.tick(after_ms=15_000)
    assert events(kalshi, "EXIT_RESUMED", "market", "sent") == [("M-1", True)]
    made.tick(after_ms=15_000)
    assert kalshi.held() == 0
    assert len(made.telemetry.named("EXIT_DELAYED")) == 3
    made.assert_ledger_is_the_exchanges()


def test_a_delay_ends_when_the_market_has_recovered_and_is_known_to_the_next_process(kalshi: Rig) -> None:
    kalshi.hold()
    made = exchange_of(kalshi)
    kalshi.book(30, 32)
    made.exchange.pause_trading(2)
    made.tick()
    since = made.events("EXIT_DELAYED")[0]["since_ms"]
    made.tick(made.writer("w2"))
    assert events(kalshi, "EXIT_DELAYED", "since_ms") == [(since,)] * 2
    made.exchange.resume()
    kalshi.book(49, 51)
    made.tick()
    assert events(kalshi, "EXIT_RESUMED", "sent") == [(False,)]
    assert kalshi.held() > 0


def test_an_exit_that_is_refused_for_a_pause_of_its_market_is_delayed_too(kalshi: Rig) -> None:
    """The exchange's status does not know of single markets."""
    kalshi.hold()
    made = exchange_of(kalshi)
    kalshi.book(30, 32)
    made.exchange.pause_market("M-1")
    for _ in range(4):
        made.tick(after_ms=10_000)
    assert made.exchange.calls["POST /portfolio/events/orders"] == 3, "two bids, and one try in thirty seconds"
    assert events(kalshi, "EXIT_DELAYED", "mode") == [("cancel_only",)]
    made.exchange.activate_market("M-1")
    made.book("M-1", 30, 32)
    made.tick()
    assert events(kalshi, "EXIT_RESUMED", "sent") == [(True,)]


# Windows: Polymarket says them in its refusals.


def operator_of(rig: Rig) -> PolymarketWorld:
    assert isinstance(rig.made, PolymarketWorld)
    return rig.made


def sells(rig: Rig) -> list[tuple[str, int]]:
    return [order for order in rig.resting() if order[0] == "sell"]


def writes(made: PolymarketWorld) -> int:
    return sum(
        count for endpoint, count in made.exchange.calls.items() if "/order" in endpoint and "GET" not in endpoint
    )


def test_a_restart_is_learnt_from_its_refusal_and_nothing_more_is_sent_into_it(polymarket: Rig) -> None:
    made = operator_of(polymarket)
    made.tick()
    polymarket.book(51, 54)
    made.exchange.operator.restart_engine(90_000)
    made.tick()
    sent = writes(made)
    assert events(polymarket, "VENUE_STATUS", "before", "after") == [("trading", "restarting")]
    for ports in (made.ports, made.writer("w2")):
        report = made.tick(ports, after_ms=5_000)
        assert (report.ended, report.execution.calls) == ("", 0)
    assert writes(made) == sent, "the next process knows it as well"
    assert made.events("VENUE_STATUS")[0]["resumes_at_ms"] == made.clock.now_ms() - 10_000 + 30_000


def test_quotes_go_out_in_a_post_only_window(polymarket: Rig) -> None:
    made = operator_of(polymarket)
    made.exchange.operator.restart_engine(0, post_only_ms=300_000)
    report = made.tick()
    assert (report.execution.placed, report.execution.failed) == (2, 0)


def test_a_cancel_only_window_places_nothing_and_cancels_what_must_go(polymarket: Rig) -> None:
    made = operator_of(polymarket)
    made.tick()
    polymarket.book(51, 54)
    made.exchange.operator.set_mode(cancel_only=True)
    made.tick()
    assert (events(polymarket, "VENUE_STATUS", "after"), polymarket.resting(0)) == ([("cancel_only",)], [])
    report = made.tick(after_ms=15_000)
    assert (report.execution.calls, polymarket.resting(1)) == (0, [("buy", 48)])


def test_what_a_refusal_says_holds_for_the_rest_of_the_tick(polymarket: Rig) -> None:
    made = operator_of(polymarket)
    made.switch(use_batch_execution="false")
    made.exchange.operator.set_mode(cancel_only=True)
    report = made.tick()
    assert (report.execution.failed, made.exchange.calls["POST /order"]) == (1, 1)
    assert events(polymarket, "PLACE_DROPPED", "reason") == [("paused",)]


def test_an_exit_in_a_post_only_window_rests_one_tick_above_the_bid_and_follows_it(polymarket: Rig) -> None:
    """It sells once, never more than is held, and takes as soon as the window is over."""
    polymarket.hold()
    made = operator_of(polymarket)
    polymarket.book(30, 36)
    made.exchange.operator.restart_engine(0, post_only_ms=150_000)
    made.tick(after_ms=5_000)
    assert events(polymarket, "EXIT_DELAYED", "mode", "rests") == [("post_only", False)], "its refusal tells"
    made.tick(after_ms=5_000)
    assert polymarket.resting() == [("sell", 31)]
    assert made.tick(after_ms=5_000).execution.operations == 0, "it rests as it should"
    polymarket.book(28, 36)
    made.tick(after_ms=15_000)
    assert polymarket.resting() == [("sell", 29)]
    made.exchange.apply_changes("m-1", [(2_900, 4_000_000)], [])
    made.tick(after_ms=15_000)
    assert [left for _, _, left in made.resting(polymarket.markets[0])] == [6]
    made.clock.sleep_ms(110_000)
    made.tick(after_ms=15_000)
    made.tick(after_ms=15_000)
    assert (sells(polymarket), polymarket.held()) == ([], 0)
    assert events(polymarket, "EXIT_RESUMED", "sent") == [(True,)]
    assert made.books.position(polymarket.markets[0]) == 0
    made.assert_ledger_is_the_exchanges()


@pytest.fixture
def exiting(polymarket: Rig) -> Rig:
    """An exit of the first market rests in a post-only window of ten minutes."""
    polymarket.hold()
    made = operator_of(polymarket)
    polymarket.book(30, 36)
    made.exchange.operator.restart_engine(0, post_only_ms=600_000)
    made.tick(after_ms=5_000)
    made.tick(after_ms=5_000)
    assert polymarket.resting() == [("sell", 31)]
    return polymarket


def test_a_resting_exit_that_is_not_wanted_any_more_is_cancelled(exiting: Rig) -> None:
    exiting.made.switch(inventory_stop_loss="100")
    exiting.made.tick(after_ms=61_000)
    exiting.made.tick()
    assert ("sell", 31) not in exiting.resting()
    assert sells(exiting) != []
    assert events(exiting, "EXIT_RESUMED", "sent") == [(False,)]


def test_a_resting_exit_stays_where_its_successor_would_be_refused(exiting: Rig) -> None:
    made = operator_of(exiting)
    exiting.book(28, 36)
    made.exchange.operator.set_mode(cancel_only=True)
    venue = made.ports.venue
    bid = TargetOrder(exiting.markets[1], Side.BUY, 1_000, 10_000_000, Purpose.QUOTE, "bid-9")
    venue.place(venue.prepare([Placement(bid, "hf-9")]), made.clock.now_ms() + 1_000)  # its refusal tells
    for _ in range(3):
        assert made.tick(after_ms=5_000).execution.calls == 0
    assert exiting.resting() == [("sell", 31)]


def test_a_resting_exit_stays_while_nobody_can_tell_whether_it_is_wanted(exiting: Rig) -> None:
    exiting.made.exchange.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, "POST /books"))
    exiting.made.tick(after_ms=5_000)
    assert exiting.made.events("BOOKS_UNREADABLE")
    assert exiting.resting() == [("sell", 31)]


def test_after_a_restart_an_exit_is_post_only_for_as_long_as_the_venue_is(polymarket: Rig) -> None:
    polymarket.hold()
    made = operator_of(polymarket)
    polymarket.book(30, 36)
    made.exchange.operator.restart_engine(20_000)
    made.tick(after_ms=5_000)
    assert events(polymarket, "EXIT_DELAYED", "mode") == [("restarting",)]
    for _ in range(9):
        report = made.tick(after_ms=10_000)
        assert report.execution.failed == 0
    assert polymarket.resting() == [("sell", 31)], "once the first try is known to have come to nothing"
    made.clock.sleep_ms(60_000)
    made.tick()
    made.tick()
    assert polymarket.held() == 0
    made.assert_ledger_is_the_exchanges()
