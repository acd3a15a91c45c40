"""The execute job end to end: what must rest rests, what must go goes, and the books agree to the unit."""

from collections.abc import Iterator

import pytest

from holdfast.state.port import Put, Table
from local.venues.kalshi import Fault, FaultKind, MissCause
from tests.jobs.account_world import INTERVAL_MS
from tests.jobs.world import ACCOUNT, World, foreign_member, world

BATCH_PLACE = "POST /portfolio/events/orders/batched"
BATCH_CANCEL = "DELETE /portfolio/events/orders/batched"


@pytest.fixture
def made() -> Iterator[World]:
    with world() as running:
        yield running


def test_first_tick_quotes_every_market_in_one_batch_and_the_second_keeps_them(made: World) -> None:
    report = made.tick()
    assert (report.ended, report.execution.placed) == ("", 6)
    assert made.exchange.calls[BATCH_PLACE] == 1
    assert made.resting("M-1") == [("buy", 4_800, 1_000), ("sell", 5_200, 1_000)]
    again = made.tick()
    assert again.execution.operations == 0
    assert again.kept == 6


def test_moved_market_is_requoted_and_its_old_quotes_are_cancelled_once(made: World) -> None:
    made.tick()
    made.book("M-1", 50, 53)
    report = made.tick()
    assert (report.execution.canceled, report.execution.placed) == (2, 2)
    assert made.resting("M-1") == [("buy", 4_900, 1_000), ("sell", 5_400, 1_000)]
    assert made.misses() == 0


def test_seconds_of_read_lag_never_make_us_cancel_twice_or_quote_twice(made: World) -> None:
    """The bug that cost Dora its 404s: a list older than our own cancel."""
    made.exchange.set_read_lag_ms(4_000, jitter_ms=3_000)
    made.switch(execution_interval_seconds="5", max_wait_seconds="3")
    for step in range(12):
        made.book("M-1", 49 + step % 3 * 4, 51 + step % 3 * 4)
        report = made.tick(after_ms=1_000 if step % 4 else 5_000)
        assert report.ended == ""
        for market in made.markets:
            sides = [side for side, _, _ in made.resting(market)]
            assert len(sides) == len(set(sides)), f"two quotes on one side of {market}"
    assert made.misses() == made.misses(MissCause.EXECUTED), "only fills may beat a cancel"
    assert made.exchange.rate_limited.total() == 0


def test_partly_filled_quote_keeps_its_place_and_the_ledger_has_the_fill(made: World) -> None:
    made.book("M-1", 49, 52)
    made.tick()
    before = {order.order_id for order in made.books.open_orders if order.ticker == "M-1"}
    made.book("M-1", 45, 48, size=4)  # the best ask comes down to our bid with four contracts
    made.book("M-1", 49, 52)
    report = made.tick()
    assert report.booked == 1
    bid = next(order for order in made.books.open_orders if order.ticker == "M-1" and order.side == "buy")
    assert bid.remaining == 600
    assert bid.order_id in before, "its place in the queue is worth money"
    made.assert_ledger_is_the_exchanges()


def test_quotes_are_renewed_by_amends_that_keep_the_order(made: World) -> None:
    made.tick()
    before = {order.order_id: order.expires_at_ms for order in made.books.open_orders}
    for _ in range(4):
        made.tick()
    after = {order.order_id: order.expires_at_ms for order in made.books.open_orders}
    assert after.keys() == before.keys()
    assert all(after[order_id] > before[order_id] for order_id in before)
    assert made.exchange.calls[BATCH_PLACE] == 1


def test_quotes_of_a_bot_that_died_expire_by_themselves(made: World) -> None:
    made.tick()
    made.clock.sleep_ms(6 * INTERVAL_MS)
    assert made.books.open_orders == ()


def test_one_by_one_sends_the_same_orders_in_more_calls() -> None:
    sent = {}
    for batched in ("true", "false"):
        with world() as made:
            made.switch(use_batch_execution=batched)
            made.tick()
            made.book("M-2", 50, 53)
            made.tick()
            calls = made.exchange.calls
            writes = sum(count for call, count in calls.items() if not call.startswith("GET"))
            sent[batched] = (made.resting(), writes)
    assert sent["true"][0] == sent["false"][0]
    assert (sent["true"][1], sent["false"][1]) == (3, 10)


def test_dry_run_sends_nothing_new_but_does_not_abandon_what_is_live(made: World) -> None:
    made.switch(dry_run="true")
    assert made.tick().execution.calls == 0
    assert made.books.orders == ()
    assert len(made.events("DRY_RUN_PLACE")) == 6
    made.switch(dry_run="false")
    made.tick(after_ms=61_000)
    assert len(made.books.open_orders) == 6
    made.switch(dry_run="true")
    made.book("M-1", 50, 53)
    made.tick(after_ms=61_000)
    assert made.resting("M-1") == [], "a live quote at a wrong price is cancelled"
    assert len(made.books.open_orders) == 4


def test_halt_cancels_quotes_and_says_why_and_its_end_lets_them_back(made: World) -> None:
    made.tick()
    made.switch(halt="true")
    report = made.tick(after_ms=61_000)
    assert report.halted == ("switch",)
    assert made.books.open_orders == ()
    assert made.store.query(Table.CONTROL, "HALT#a", "switch")[0]["on"] is True
    made.switch(halt="false")
    made.tick(after_ms=61_000)
    assert len(made.books.open_orders) == 6


def test_halt_written_by_the_command_line_holds_at_the_very_next_tick(made: World) -> None:
    """The switches are cached for a minute; a halt that both stores hold must not wait, nor be flipped back."""
    made.tick()
    made.switch(halt="true")
    made.store.write(Put(Table.CONTROL, {"pk": "HALT#a", "sk": "switch", "on": True}))
    made.tick(after_ms=1_000)
    assert made.books.open_orders == ()
    assert made.store.query("control", "HALT#a", "switch")[0]["on"] is True


def test_invalid_switch_stops_quotes_names_itself_and_keeps_the_last_set(made: World) -> None:
    made.tick()
    made.switch(max_open_orders="many")
    report = made.tick(after_ms=61_000)
    assert "switches_invalid" in report.halted
    assert made.books.open_orders == ()
    (problem,) = made.events("SWITCHES_INVALID")[0]["problems"]  # type: ignore[misc]
    assert "/holdfast/test/a/max_open_orders" in problem
    assert "'many'" in problem


def test_broken_strategy_silences_its_market_only(made: World) -> None:
    made.tick()
    config = made.configs.get("M-2")
    assert config is not None
    made.configs.save(
        type(config)(**{**_fields(config), "strategy": "tests.jobs.strategies:Raising", "parameters": {}})
    )
    made.ports.cache.ticks_until_refresh = 0
    made.tick()
    assert made.resting("M-2") == []
    assert len(made.resting("M-1")) == len(made.resting("M-3")) == 2
    assert made.events("STRATEGY_FAILED")[0]["market"] == "M-2"


def test_one_sided_book_silences_its_market_only(made: World) -> None:
    made.tick()
    made.exchange.apply_snapshot("M-2", [(4_900, 10_000)], [])
    report = made.tick()
    assert report.quiet == {"M-2": "book_one_sided"}
    assert made.resting("M-2") == []
    assert len(made.books.open_orders) == 4


def test_strategy_that_asks_for_off_grid_prices_is_snapped_in_the_safe_direction_and_told(made: World) -> None:
    config = made.configs.get("M-1")
    assert config is not None
    made.configs.save(
        type(config)(**{**_fields(config), "strategy": "tests.jobs.strategies:OffGrid", "parameters": {}})
    )
    made.tick()
    assert made.resting("M-1") == [("buy", 4_700, 500), ("sell", 5_300, 500)]
    assert len(made.events("PRICE_SNAPPED")) == 2


def test_foreign_orders_are_left_alone_and_their_fills_are_no_position_of_ours(made: World) -> None:
    other = foreign_member(made)
    assert other.create("M-1", "bid", "0.4000", "7.00", "person-1").status_code == 201
    assert other.create("M-2", "bid", "0.5100", "3.00", "person-2").status_code == 201  # takes at once
    for _ in range(3):
        made.tick()
    made.switch(halt="true")
    made.tick(after_ms=61_000)
    assert made.resting() == [("buy", 4_000, 700)]
    assert all(stored.position.size == 0 for stored in made.ledger.positions().values())
    assert [line.kind for line in made.ledger.lines()] == ["foreign"]


def test_quotes_that_fill_on_both_sides_of_zero_agree_with_the_exchange_to_the_unit(made: World) -> None:
    made.tick()
    for bid, ask in ((49, 51), (54, 57), (49, 52), (47, 49), (60, 62), (50, 52)):
        for market in made.markets:
            made.book(market, 45, 48, size=4)  # four contracts reach our bid, then the book is deep again
            made.book(market, bid, ask)
        made.tick()
    made.tick()
    assert any(line.key.endswith("#open") for line in made.ledger.lines()), "a fill crossed zero"
    made.assert_ledger_is_the_exchanges()


def test_basic_tier_is_never_overdrawn_and_what_did_not_fit_follows() -> None:
    with world(markets=8, tier="basic") as made:
        made.switch(max_wait_seconds="0")
        first = made.tick()
        assert 0 < first.execution.placed < 16
        assert first.execution.left == 16 - first.execution.placed
        for _ in range(5):
            made.tick()
        assert len(made.books.open_orders) == 16
        assert made.exchange.rate_limited.total() == 0


def test_waiting_within_the_allowance_sends_everything_in_one_tick() -> None:
    with world(markets=12, tier="basic") as made:
        report = made.tick()
        assert report.execution.placed == 24
        assert 0 < report.waited_ms <= 20_000
        assert made.exchange.rate_limited.total() == 0


def test_real_429_stores_a_back_off_that_another_writer_obeys_and_success_resets_it(made: World) -> None:
    made.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, BATCH_PLACE))
    report = made.tick()
    assert report.execution.placed == 0
    assert len(made.events("RATE_LIMIT_BACKOFF")) == 1
    other = made.tick(made.writer("w2"), after_ms=100)
    assert other.execution.calls == 0, "nobody sends into a back-off"
    made.tick(after_ms=1_000)
    assert len(made.books.open_orders) == 6
    assert made.store.query("control", "RATE#a", "write")[0]["refusals"] == 0


def test_market_that_refuses_three_ticks_running_is_left_alone_for_longer_and_longer(made: World) -> None:
    made.switch(config_refresh_ticks="1000")
    made.tick()
    made.book("M-1", 50, 53)
    made.exchange.pause_market("M-1")  # its rules, read a moment ago, still say open
    refused = []
    for _ in range(12):
        refused.append(made.tick().execution.refused.total() > 0)
        assert len(made.resting("M-2")) == len(made.resting("M-3")) == 2
    assert refused == [True] * 3 + [False, True] + [False] * 3 + [True] + [False] * 3
    pauses = [event["until"] for event in made.events("MARKET_PAUSED")]
    assert [event["market"] for event in made.events("MARKET_PAUSED")] == ["M-1"] * 3
    assert pauses == sorted(pauses)
    made.exchange.activate_market("M-1")
    for _ in range(5):
        made.tick()
    assert len(made.resting("M-1")) == 2
    assert made.store.query(Table.CONTROL, "PAUSE#a") == []


def test_refusals_that_are_far_apart_do_not_pause_a_market(made: World) -> None:
    made.switch(config_refresh_ticks="1000")
    made.tick()
    made.switch(halt="true")
    made.tick()
    made.switch(halt="false")
    for _ in range(4):
        for market in made.markets:
            made.exchange.pause_market(market)  # its rules, read a moment ago, still say open
        made.tick()
        for market in made.markets:
            made.exchange.activate_market(market)
        made.switch(halt="true")
        for _ in range(5):
            made.tick()
        made.switch(halt="false")
        made.clock.sleep_ms(INTERVAL_MS)
    assert [event["reason"] for event in made.events("BATCH_PLACE_FAILED")] == ["trading_paused"] * 4 * 6
    assert made.events("MARKET_PAUSED") == []


def test_paused_trading_is_not_hammered(made: World) -> None:
    """335 identical places in 31 minutes against trading_is_paused (facts kalshi section 12)."""
    made.exchange.pause_trading()
    for _ in range(15):
        made.tick()
    assert made.exchange.calls[BATCH_PLACE] == 0, "the venue says that it takes no orders"
    assert made.events("MARKET_PAUSED") == []
    made.exchange.resume()
    made.tick()
    assert len(made.books.open_orders) == 6


def test_cancel_that_lost_to_a_fill_is_a_404_of_its_own_kind(made: World) -> None:
    made.tick()
    made.clock.sleep_ms(20_000)
    made.exchange.set_read_lag_ms(10_000)
    made.exchange.apply_changes("M-1", [], [(4_800, 1_000)])  # our bid is filled; the lists do not show it yet
    made.exchange.apply_changes("M-1", [(4_900, 0), (4_800, 0), (4_700, 0)], [])
    report = made.tick(after_ms=1_000)
    assert report.execution.not_found == 1
    assert made.misses() == made.misses(MissCause.EXECUTED) == 1
    for _ in range(3):
        made.tick(after_ms=5_000)
    made.assert_ledger_is_the_exchanges()
    assert made.misses() == 1, "it is not cancelled again"


def test_what_somebody_else_holds_is_said_once_until_it_changes(made: World) -> None:
    other = foreign_member(made)
    assert other.create("M-1", "bid", "0.5100", "3.00", "person-1").status_code == 201
    for _ in range(40):
        made.tick()
    said = [(event["market"], event["ledger"], event["venue"]) for event in made.events("POSITION_MISMATCH")]
    assert said == [("M-1", 0, 300)]
    assert other.create("M-1", "bid", "0.5100", "2.00", "person-2").status_code == 201
    for _ in range(20):
        made.tick()
    assert [event["venue"] for event in made.events("POSITION_MISMATCH")] == [300, 500]


def test_every_event_of_a_tick_carries_its_account_and_a_decision(made: World) -> None:
    """What a person searches the log by. Fills name the decision that led to their order."""
    config = made.configs.get("M-2")
    assert config is not None
    raising = {**_fields(config), "strategy": "tests.jobs.strategies:Raising", "parameters": {}}
    made.configs.save(type(config)(**raising))
    made.switch(max_daily_loss="0.50", inventory_stop_loss="1.00", max_wait_seconds="0")
    made.exchange.faults.add(Fault(FaultKind.TIMEOUT_AFTER, BATCH_PLACE))
    made.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, "GET /portfolio/fills", times=1, skip=1))
    assert foreign_member(made).create("M-3", "bid", "0.5100", "3.00", "person").status_code == 201
    for _ in range(3):
        made.tick()
    made.book("M-1", 45, 48)
    made.tick()
    made.book("M-1", 30, 32)
    made.tick()
    made.switch(max_open_orders="many")
    made.tick(after_ms=61_000)
    made.clock.sleep_ms(86_400_000)
    made.switch(max_open_orders="100")
    made.tick(after_ms=61_000)
    names = {event.name for event in made.telemetry.events}
    assert names >= {
        "RECONCILED", "OUTCOME_RESOLVED", "FOREIGN_FILL", "LEDGER_LINE", "STRATEGY_FAILED", "RATE_LIMIT_BACKOFF",
        "RISK_FLATTEN", "HALTED", "HALT_CLEARED", "SWITCHES_INVALID", "TICK_ENDED_EARLY", "DECISION_MADE",
    }  # fmt: skip
    unnamed = {
        event.name
        for event in made.telemetry.events
        if event.fields["account"] != ACCOUNT or not str(event.fields["decision_id"]).startswith(f"{ACCOUNT}-")
    }
    assert unnamed == set()
    fills = [event for event in made.events("LEDGER_LINE") if event["kind"] == "fill"]
    placed = {event["order_id"]: event["decision_id"] for event in made.events("ORDER_PLACED")}
    assert all(placed.get(fill["order_id"], fill["decision_id"]) == fill["decision_id"] for fill in fills)
    assert {str(fill["decision_id"]).count("-") for fill in fills} == {3}, "account, fence, and the market of that name"


def _fields(config: object) -> dict[str, object]:
    return {name: getattr(config, name) for name in config.__struct_fields__}  # type: ignore[attr-defined]
