"""A position's life under its bracket, on the local Kalshi exchange over HTTP."""

from holdfast.core.bracket import BracketState, ExitMode, ExitSource, NakedClass
from holdfast.core.requests import RequestState
from holdfast.state.port import Delete, Key, Table
from tests.jobs.bracket_world import protected_world


def test_entry_is_protected_in_the_same_tick() -> None:
    with protected_world() as (world, held):
        held.enter()
        bracket = held.bracket
        assert bracket.mode is ExitMode.LIMIT_ORDERS
        assert world.resting() == [("sell", 6_100, 10_000)], "take profit 10 cents above 51, for all that is held"
        assert (bracket.levels.stop, bracket.levels.hard_stop) == (4_400, 4_100)
        held.check()
        assert held.bracket.state is BracketState.PROTECTED
        assert world.resting() == [("sell", 6_100, 10_000)]


def test_take_profit_fills_and_names_the_exchange() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check()
        world.book("M-1", 62, 63)
        held.check()
        (trade,) = held.trades
        assert trade.source is ExitSource.EXCHANGE_BRACKET_TP
        assert (trade.size, trade.exit_price) == (10_000, 6_100)
        assert held.brackets.open() == {}
        world.assert_ledger_is_the_exchanges()
        assert world.books.profit == trade.realized - trade.fees


def test_armed_stop_sells_everything_in_one_tick() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check()
        world.book("M-1", 43, 45)
        held.check()
        (trade,) = held.trades
        assert trade.source is ExitSource.ARMED_STOP
        assert (trade.intended, trade.exit_price, trade.slippage) == (4_400, 4_300, 100)
        assert world.resting() == []
        assert world.books.positions == () or not any(p.size for p in world.books.positions)
        world.assert_ledger_is_the_exchanges()
        (event,) = world.events("EXIT_SOURCE")
        assert world.telemetry.total("Exits") == 1
        assert event["source"] == "ARMED_STOP"


def test_nothing_is_naked_while_a_price_is_known() -> None:
    with protected_world() as (world, held):
        held.enter()
        report = held.check()
        assert not report.protecting.naked
        world.exchange.apply_snapshot("M-1", [], [(6_500, 10_000)])
        report = held.check()
        assert report.protecting.naked[NakedClass.BLIND] == 1


def test_time_without_protection_is_said_when_it_begins_and_ends_and_counted_in_every_tick() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check()
        assert world.events("NAKED") == []
        world.exchange.apply_snapshot("M-1", [], [(6_500, 10_000)])
        for _ in range(3):
            held.check()
        assert [event["cause"] for event in world.events("NAKED")] == ["blind"]
        assert world.telemetry.total("NakedPositions") == 3
        world.book("M-1", 49, 51)
        held.check()
        (_, over) = world.events("NAKED")
        assert (over["market"], over["cause"], over["total_ms"]) == ("M-1", "", 90_000)
        assert world.telemetry.total("NakedPositions") == 3


def test_position_without_a_bracket_is_protected_from_here_on_and_not_sold_for_what_it_lost() -> None:
    with protected_world() as (world, held):
        held.enter()
        held.check()
        lost = held.bracket
        world.store.write(Delete(Key(Table.BRACKETS, world.account.account_id, "M-1")))
        world.book("M-1", 30, 32)
        report = held.check()
        assert report.protecting.adopted == 1
        adopted = held.bracket
        assert (adopted.entry.price, adopted.levels.stop) == (lost.entry.price, 2_300), "7 cents below the bid of 30"
        assert not held.trades
        world.book("M-1", 22, 24)
        held.check()
        assert held.trades[0].source is ExitSource.ARMED_STOP
        world.assert_ledger_is_the_exchanges()


def test_request_tells_what_came_of_it_and_its_market_is_one_to_protect() -> None:
    with protected_world() as (world, held):
        request = held.ask()
        world.tick(after_ms=1_000)
        assert held.requests.known()[0].state is RequestState.TAKEN
        held.check()
        (known,) = held.requests.known()
        assert (known.state, known.reason) == (RequestState.DONE, "entered")
        assert known.words == "100.00 of 100.00 bought at 0.5100"
        assert not held.requests.put(request, world.clock.now_ms()), "delivered again"
        config = world.configs.get("M-1")
        assert config is not None
        assert config.mode == "protect"


def test_distances_that_do_not_fit_each_other_refuse_entries_and_are_said() -> None:
    """A take profit inside spread and fees loses money on every trade that wins."""
    with protected_world() as (world, held):
        world.switch(take_profit="0.03")
        held.enter()
        assert held.brackets.open() == {}
        (known,) = held.requests.known()
        assert (known.state, known.reason) == (RequestState.OPEN, "halted")
        (said,) = world.events("PROTECTION_MISALIGNED")
        assert "take_profit" in str(said["findings"])


def test_each_job_says_once_an_hour_what_does_not_fit_also_where_nobody_enters() -> None:
    with protected_world() as (world, held):
        world.switch(hard_stop="0.20")
        world.tick()
        assert len(world.events("PROTECTION_MISALIGNED")) == 1, "execute"
        world.clock.sleep_ms(3_600_000)
        held.check()
        (_, said) = world.events("PROTECTION_MISALIGNED")
        assert "hard_stop" in str(said["findings"])
        held.check()
        assert len(world.events("PROTECTION_MISALIGNED")) == 2


def test_distance_in_atr_is_refused_where_no_atr_is_known() -> None:
    with protected_world() as (world, held):
        world.switch(stop_loss="1.8atr", soft_stop="1.8atr")
        held.enter()
        (known,) = held.requests.known()
        assert (known.state, known.reason) == (RequestState.REFUSED, "protection")
        assert "ATR" in known.words
        assert world.resting() == []


def test_exit_does_not_walk_the_price_down_by_its_own_sales() -> None:
    """A peer's retries each took the next lower bid for the market (facts peers section 5): a stop at 44 sold at 30."""
    with protected_world() as (world, held):
        held.enter()
        held.check()
        world.exchange.apply_snapshot("M-1", [(4_300, 1_000), (3_000, 50_000)], [(4_500, 50_000)])
        held.check()
        sold = [fill for fill in world.books.fills if fill.order_id and fill.price < 4_400]
        assert [(fill.price, fill.size) for fill in sold] == [(4_300, 1_000)]
        assert held.bracket.exit is not None
        world.exchange.apply_snapshot("M-1", [(4_200, 50_000)], [(4_500, 50_000)])
        held.check()
        assert held.trades[0].exit_price == 4_210
        world.assert_ledger_is_the_exchanges()
