"""What no bracket knows: positions without one, orders of ours without a position, and what is not ours at all."""

import pytest

from holdfast.core.bracket import BracketState, ExitMode, ExitSource, NakedClass, resumed
from holdfast.core.orders import Purpose, client_order_id
from holdfast.jobs.upkeep import COMPARE_MS
from holdfast.state.port import Delete, Key, Table
from tests.jobs.bracket_life import Life, life
from tests.jobs.bracket_world import Protected
from tests.jobs.world import foreign_member, world

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])


def forgotten(lived: Life) -> None:
    """The bracket's record is gone: a table restored from a backup, say. Position and take profit are not."""
    lived.made.store.write(Delete(Key(Table.BRACKETS, lived.made.account.account_id, "M-1")))


@OUTCOMES
def test_position_without_a_bracket_is_adopted_and_protected_from_here_on(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        forgotten(lived)
        for _ in range(2):
            lived.check()
        bracket = lived.bracket
        assert bracket.entry.origin == "adopted"
        assert bracket.state is BracketState.PROTECTED
        assert bracket.mode is ExitMode.LIMIT_ORDERS
        assert lived.made.events("POSITION_ADOPTED")[0]["size"] == (-10_000 if no else 10_000)
        assert sum(left for _, left in lived.resting) == 100, "the take profit that rested is its own now"
        lived.market_at(38, 40)
        lived.check()
        lived.check()
        assert lived.held == 0
        assert lived.trade.source in (ExitSource.ARMED_STOP, ExitSource.POSITION_MONITOR_HARD)
        lived.made.assert_ledger_is_the_exchanges()


def test_position_without_a_bracket_is_only_said_where_the_switch_says_flag() -> None:
    with life() as lived:
        lived.made.switch(adopt_unprotected="flag")
        lived.protected()
        forgotten(lived)
        for _ in range(4):
            report = lived.check()
        assert lived.brackets.open() == {}
        (said,) = lived.made.events("POSITION_UNPROTECTED")
        assert "flag" in str(said["why"])
        assert sum(report.protecting.naked.values()) == 1, "naked, and counted in every tick"
        assert lived.held == 100
        lived.made.switch(adopt_unprotected="adopt")
        lived.made.clock.sleep_ms(61_000)
        for _ in range(2):
            lived.check()
        assert lived.bracket.state is BracketState.PROTECTED


def test_distance_in_atr_that_nobody_knows_stops_no_protection() -> None:
    with life() as lived:
        lived.protected()
        forgotten(lived)
        lived.made.switch(stop_loss="1.8atr", take_profit="3atr")
        lived.made.clock.sleep_ms(61_000)
        for _ in range(2):
            lived.check()
        bracket = lived.bracket
        assert bracket.state is BracketState.PROTECTED
        assert (bracket.levels.take_profit, bracket.levels.stop) == (6_100, 4_400), "the defaults"
        assert lived.made.events("POSITION_ADOPTED")[0]["default_distances"] is True


def test_exit_that_was_under_way_when_its_bracket_was_lost_ends_flat() -> None:
    with life() as lived:
        lived.protected()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        forgotten(lived)
        lived.market_at(35, 37)
        for _ in range(4):
            lived.check()
        lived.market_at(20, 22)
        for _ in range(2):
            lived.check()
        assert lived.held == 0
        assert lived.resting == []
        lived.made.assert_ledger_is_the_exchanges()


def rests(lived: Life, purpose: Purpose | None, price: str = "0.61", count: str = "5") -> str:
    """An order that rests in the account, with our mark of a purpose or (None) with somebody else's."""
    identity = "theirs-1"
    if purpose is not None:
        identity = client_order_id(lived.made.account.account_id, "M-1", f"lost-{price}", "", purpose)
    answer = foreign_member(lived.made).create("M-1", "ask", price, f"{count}.00", identity)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["order_id"])


@pytest.mark.parametrize("purpose", [Purpose.TAKE_PROFIT, Purpose.STOP, Purpose.EXIT])
def test_reducing_order_of_ours_without_a_position_is_cancelled(purpose: Purpose) -> None:
    """Filled, it would open the other outcome. A peer's orphan sell blocked a bracket at -76 %."""
    with life() as lived:
        lived.may_flip = True
        lived.check()
        rests(lived, purpose)
        lived.look()
        lived.check()
        assert lived.made.books.open_orders == ()
        assert lived.made.events("ORPHAN_ORDERS")


def test_foreign_orders_are_never_touched() -> None:
    with life() as lived:
        lived.protected()
        theirs = rests(lived, None, "0.75")
        lived.look()
        lived.market_at(43, 45)
        for _ in range(3):
            lived.check()
        (order,) = lived.made.books.open_orders
        assert order.order_id == theirs
        assert lived.held == 0
        assert lived.trade.source is ExitSource.ARMED_STOP


def test_foreign_fills_are_no_position_of_ours() -> None:
    with life() as lived:
        lived.check()
        answer = foreign_member(lived.made).create("M-1", "bid", "0.51", "40.00", "theirs-2")
        assert answer.status_code == 201
        for _ in range(3):
            lived.check()
        assert lived.held == 40
        assert lived.brackets.open() == {}
        assert lived.made.books.open_orders == ()
        assert lived.made.ledger.position("M-1").position.size == 0


def test_take_profit_of_ours_beside_the_bracket_is_cut_to_what_is_held() -> None:
    """A second take profit that no tick remembers: both filled, the position would turn over."""
    with life() as lived:
        lived.may_flip = True
        lived.protected()
        rests(lived, Purpose.TAKE_PROFIT, count="30")
        assert sum(left for _, left in lived.resting) == 130
        lived.look()
        lived.check()
        assert sum(left for _, left in lived.resting) == 100
        rests_elsewhere = rests(lived, Purpose.TAKE_PROFIT, price="0.80", count="7")
        lived.look()
        lived.check()
        assert rests_elsewhere not in {order.order_id for order in lived.made.books.open_orders}
        assert lived.resting == [(61, 100)]


def test_venue_that_still_shows_a_position_keeps_the_bracket_open_until_a_person_says_whose_it_is() -> None:
    """A foreign holding in the same market: nothing of it is sold, and nothing is closed on our word alone."""
    with life() as lived:
        lived.protected()
        answer = foreign_member(lived.made).create("M-1", "bid", "0.51", "40.00", "theirs-3")
        assert answer.status_code == 201, answer.text
        lived.market_at(43, 45)
        for _ in range(7):
            lived.check()
        assert lived.exits == [(100, 100)]
        assert lived.held == 40
        bracket = lived.bracket
        assert bracket.state is BracketState.ATTENTION
        assert "the venue shows 40" in bracket.disputed
        assert lived.trades == []
        lived.brackets.save(resumed(bracket, "a-person", foreign=4_000))
        for _ in range(2):
            lived.check()
        assert lived.brackets.open() == {}
        assert lived.trade.source is ExitSource.ARMED_STOP
        assert lived.exits == [(100, 100)]
        assert lived.held == 40


def test_position_that_is_adopted_while_another_market_settles_makes_nobody_less_than_naked() -> None:
    """A settlement is followed by another look, which counted what the first one had adopted as minus one."""
    with world(markets=2) as made:
        for market in made.markets:
            made.configs.remove(market)
        made.switch(max_trade_size="100")
        first, second = Protected(made, "M-1"), Protected(made, "M-2")
        first.enter()
        second._asked = 1
        second.enter()
        first.check()
        made.clock.sleep_ms(COMPARE_MS)
        first.brackets.close(first.bracket, None)
        made.exchange.settle("M-2", "yes")
        report = first.check()
        assert [event["market"] for event in made.events("POSITION_ADOPTED")] == ["M-1"]
        assert [trade.market for trade in second.trades] == ["M-2"]
        assert report.protecting.naked[NakedClass.REFUSED] == 0
