"""A book too wide to be trusted: the last trade is a witness where it is of now, and nobody is asked without need.

The entry cost 0.51, the stop is 0.44, the hard stop 0.41; wider than 0.20 is too wide.
"""

import pytest

from holdfast.core.bracket import ExitSource, NakedClass
from holdfast.core.market import Side
from holdfast.core.orders import Purpose, client_order_id
from local.venues.kalshi import Fault, FaultKind
from tests.jobs.bracket_life import BOOKS, LAST_TRADES, PLACE, Life, life
from tests.jobs.bracket_world import Protected
from tests.jobs.world import World, foreign_member, world

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])
WIDE = ((30, 500),)
FAR = ((55, 500),)


def asked(lived: Life) -> int:
    return lived.made.exchange.calls[LAST_TRADES]


def assert_blind(lived: Life, after_ms: int = 30_000) -> None:
    """Nothing was sold, nothing passed over: it is counted and alarmed."""
    said = len(lived.made.events("PRICE_BLIND"))
    report = lived.check(after_ms)
    assert lived.held == 100
    assert lived.bracket.exit is None
    assert report.protecting.naked[NakedClass.BLIND] == 1
    assert len(lived.made.events("PRICE_BLIND")) == said + 1
    assert lived.made.events("NAKED")


@OUTCOMES
def test_wide_book_is_sold_to_when_others_have_just_sold_there(no: bool) -> None:
    with life(no=no) as lived:
        lived.protected()
        lived.bids(*WIDE, asks=FAR)
        lived.sold_by_others(32)
        lived.check(after_ms=10_000)
        trade = lived.assert_over(ExitSource.POSITION_MONITOR_HARD)
        assert trade.exit_price == 3_000
        assert "the last trade 0.3200 confirms it" in trade.reason
        assert asked(lived) == 1
        assert lived.made.events("PRICE_BLIND") == []


@OUTCOMES
def test_old_last_trade_is_no_witness(no: bool) -> None:
    """From before the market rose: an hour ago, or 61 seconds."""
    with life(no=no) as lived:
        lived.protected()
        lived.sold_by_others(32)
        lived.check(after_ms=31_000)
        lived.bids(*WIDE, asks=FAR)
        assert_blind(lived)
        assert asked(lived) == 1
        assert_blind(lived, after_ms=3_600_000)


@pytest.mark.parametrize(
    ("bid", "traded"),
    [pytest.param(30, 45, id="above the stop"), pytest.param(1, 43, id="far above an abandoned bid")],
)
def test_last_trade_that_says_something_else_is_no_witness(bid: int, traded: int) -> None:
    with life() as lived:
        lived.protected()
        lived.bids((bid, 500), asks=((99, 500),))
        lived.sold_by_others(traded)
        assert_blind(lived, after_ms=10_000)
        assert "last trade" in str(lived.made.events("PRICE_BLIND")[-1]["reason"])


def test_wide_book_fires_as_soon_as_others_sell_there() -> None:
    with life() as lived:
        lived.protected()
        lived.bids(*WIDE, asks=FAR)
        assert_blind(lived)
        assert_blind(lived)
        lived.sold_by_others(31)
        lived.check()
        assert lived.assert_over(ExitSource.POSITION_MONITOR_HARD).naked_ms >= 60_000


@OUTCOMES
def test_no_bid_neither_fires_nor_skips_and_resumes_by_itself(no: bool) -> None:
    """Whatever was last traded: there is nobody to sell to, and a last price is not one."""
    with life(no=no) as lived:
        lived.protected()
        lived.bids(asks=FAR)
        lived.sold_by_others(32)
        assert_blind(lived, after_ms=10_000)
        assert_blind(lived)
        assert asked(lived) == 0
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_bid_that_comes_back_above_the_stop_ends_the_alarm() -> None:
    with life() as lived:
        lived.protected()
        lived.bids(asks=FAR)
        assert_blind(lived)
        lived.market_at(49, 51)
        report = lived.check()
        assert report.protecting.naked == {}
        assert lived.held == 100
        assert lived.resting == [(61, 100)]


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.RATE_LIMITED, FaultKind.TIMEOUT_BEFORE])
def test_trades_that_can_not_be_read_leave_it_blind(kind: FaultKind) -> None:
    with life() as lived:
        lived.protected()
        lived.bids(*WIDE, asks=FAR)
        lived.sold_by_others(32)
        lived.fault(kind, LAST_TRADES)
        assert_blind(lived, after_ms=10_000)
        assert lived.made.events("EVIDENCE_UNREADABLE")
        lived.check()
        lived.assert_over(ExitSource.POSITION_MONITOR_HARD)


def test_nobody_is_asked_while_nothing_is_due() -> None:
    """In calm books, in a wide one whose bid is above the stops, and while an exit is under way."""
    with life() as lived:
        lived.protected()
        for _ in range(5):
            lived.check()
        lived.bids((46, 500), asks=((99, 500),))
        for _ in range(5):
            lived.check()
        lived.bids((43, 30), asks=((45, 500),))
        lived.check()
        assert lived.bracket.exit is not None
        lived.bids((1, 500), asks=((99, 500),))
        for _ in range(5):
            lived.check()
        assert asked(lived) == 0
        lived.market_at(43, 45)
        lived.check()
        lived.assert_over(ExitSource.ARMED_STOP)


def several(made: World, size: str) -> list[Protected]:
    """As many positions as there are markets, each of `size`."""
    for market in made.markets:
        made.configs.remove(market)
    made.switch(max_trade_size="100")
    lives = [Protected(made, market) for market in made.markets]
    for number, one in enumerate(lives):
        one._asked = 100 * number
        one.ask(size=size)
    made.tick(after_ms=1_000)
    lives[0].check()
    assert set(lives[0].brackets.open()) == set(made.markets)
    return lives


def wide(made: World, market: str) -> None:
    """A book too wide to be trusted, in which somebody else has just sold."""
    made.exchange.apply_snapshot(market, [(3_000, 50_000)], [(5_500, 50_000)])
    made.exchange.apply_trade(market, 3_200, 100, Side.SELL)


def held(made: World) -> list[str]:
    return [holding.ticker for holding in made.books.positions if holding.size]


def test_what_is_sure_is_sold_before_anybody_is_asked_about_the_rest() -> None:
    """A read of trades that hangs for seconds must not hold up a stop that needs none."""
    with world(markets=2) as made:
        lives = several(made, "20")
        wide(made, "M-1")
        made.book("M-2", 43, 45)
        lives[0].check(after_ms=10_000)
        assert not any(holding.size for holding in made.books.positions), "both in one tick"
        sold = [order.ticker for order in made.books.orders if "-x-" in order.client_order_id]
        assert sold == ["M-2", "M-1"]
        assert made.exchange.calls[LAST_TRADES] == 1
        assert made.exchange.calls[PLACE] >= 2


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.MALFORMED, FaultKind.RATE_LIMITED])
def test_market_whose_trades_can_not_be_read_takes_no_witness_from_another(kind: FaultKind) -> None:
    """Each market is a call of its own: the error of the last one threw away what was read of all others, each tick."""
    with world(markets=3) as made:
        lives = several(made, "20")
        for market in made.markets:
            wide(made, market)
        made.exchange.faults.add(Fault(kind, LAST_TRADES, skip=2))
        lives[0].check(after_ms=10_000)
        assert held(made) == ["M-3"]
        assert [event["markets"] for event in made.events("EVIDENCE_UNREADABLE")] == [1]


def test_refused_read_of_trades_ends_no_stop_that_is_under_way() -> None:
    """A 429 keeps exits for half a second; the tick gave the rest of the position up for the next one."""
    with world(markets=2) as made:
        made.switch(max_exit_slice="10")
        lives = several(made, "100")
        wide(made, "M-1")
        made.exchange.apply_snapshot("M-2", [(4_000, 50_000)], [(4_200, 50_000)])
        made.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, LAST_TRADES))
        report = lives[0].check(after_ms=10_000)
        assert report.ended == ""
        assert report.protecting.exits_sent > 2, "slice by slice"
        assert held(made) == ["M-1"]


def test_book_that_grew_old_while_trades_were_read_is_sold_to_by_nobody() -> None:
    with life() as lived:
        lived.made.switch(price_stale_seconds="30")
        lived.protected()
        lived.bids(*WIDE, asks=FAR)
        lived.fault(FaultKind.SLOW, BOOKS, wait_ms=20_000)
        lived.fault(FaultKind.SLOW, LAST_TRADES, wait_ms=11_000)
        lived.made.clock.sleep_ms(1_000)
        lived.sold_by_others(32)
        assert_blind(lived, after_ms=0)
        lived.sold_by_others(32)
        lived.check()
        lived.assert_over(ExitSource.POSITION_MONITOR_HARD)


def test_what_is_sure_and_what_is_not_look_for_orphans_once() -> None:
    """Both parts of a pass see the same list: the second one's cancel would find nothing."""
    with world(markets=2) as made:
        made.configs.remove("M-2")
        for market in made.markets:
            made.book(market, 49, 51)
        lone = Protected(made, "M-1")
        made.configs.remove("M-1")
        made.switch(max_trade_size="100")
        lone.enter()
        lone.check()
        identity = client_order_id(made.account.account_id, "M-2", "lost", "", Purpose.EXIT)
        assert foreign_member(made).create("M-2", "ask", "0.61", "5.00", identity).status_code == 201
        wide(made, "M-1")
        lone.check(after_ms=10_000)
        assert held(made) == []
        assert made.books.open_orders == ()
        assert len(made.events("ORPHAN_ORDERS")) == 1
        assert made.misses() == 0
