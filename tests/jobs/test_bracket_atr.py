"""Distances in ATR, end to end: read when they are needed, right by Wilder's formula, and missing means no entry."""

import json
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from random import Random

import pytest
import requests

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.market import Side
from holdfast.core.requests import RequestState
from local.venues.kalshi import Fault, FaultKind
from tests.jobs.bracket_life import Life, life
from tests.jobs.bracket_world import Protected
from tests.jobs.polymarket_life import TokenLife, token_life
from tests.jobs.test_exits import exits, holding
from tests.jobs.world import World, foreign_member, world

OUTCOMES = pytest.mark.parametrize("no", [False, True], ids=["yes", "no"])
CANDLES, HISTORY = "GET /markets/candlesticks", "GET /prices-history"
IN_ATR = {
    "take_profit": "2.5atr",
    "stop_loss": "1.8atr",
    "soft_stop": "1.8atr",
    "hard_stop": "3atr",
    "use_trailing_exit": "true",
    "trailing_activation": "1.5atr",
    "trailing_distance": "1atr",
}
PRICE, HUNDREDTH = Decimal("0.0001"), Decimal("0.01")
LIMIT, PAID, SPREAD = Decimal("0.53"), Decimal("0.51"), Decimal("0.02")

Row = tuple[Decimal, Decimal, Decimal]  # high, low, close


def up(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step


def wilder(rows: Sequence[Row]) -> Decimal:
    ranges = [max(high, before[2]) - min(low, before[2]) for before, (high, low, _) in pairwise(rows)]
    average = sum(ranges[:14], Decimal(0)) / 14
    for span in ranges[14:]:
        average = (13 * average + span) / 14
    return up(average, PRICE)


def expected(atr: Decimal, odds_rate: str) -> dict[str, int]:
    """Levels by the documents: at least 1.2 % of the price, spread and fee on top, measured from what was paid."""
    fee = up(Decimal(odds_rate) * LIMIT * (1 - LIMIT), PRICE)

    def far(multiple: str) -> Decimal:
        return max(Decimal(multiple) * atr, Decimal("0.012") * LIMIT)

    cushioned = {name: far(text) + SPREAD + fee for name, text in (("tp", "2.5"), ("stop", "1.8"), ("hard", "3"))}
    prices = {
        "take_profit": up(LIMIT + cushioned["tp"], HUNDREDTH),
        "stop": up(LIMIT - cushioned["stop"], HUNDREDTH),
        "soft_stop": up(LIMIT - cushioned["stop"], HUNDREDTH),
        "hard_stop": up(LIMIT - cushioned["hard"], HUNDREDTH),
        "trailing_activation": up(LIMIT + max(far("1.5"), Decimal("0.04")), HUNDREDTH),
    }
    moved = {name: int((price - LIMIT + PAID) * 10_000) for name, price in prices.items()}
    return moved | {"trailing_distance": int(up(max(far("1"), Decimal("0.04")), HUNDREDTH) * 10_000)}


def assert_levels(lived: Protected, wanted: dict[str, int]) -> None:
    levels = lived.bracket.levels
    assert {name: getattr(levels, name) for name in wanted} == wanted


def apart(made: World, *markets: str) -> list[Protected]:
    """Several markets of one account, each with request ids of its own."""
    found = [Protected(made, market) for market in markets]
    for number, one in enumerate(found):
        one._asked = 100 * number
    return found


# Kalshi: candles of trades.


def traded(lived: Life, minutes: int, seed: int = 1) -> None:
    """Minutes of trades around 50 cents, one in five without any; then the market is at 49 to 51 again."""
    rng, exchange = Random(seed), lived.made.exchange
    lived.made.clock.sleep_ms(60_000 - lived.made.clock.now_ms() % 60_000)
    for _ in range(minutes):
        for _ in range(3 if rng.random() < 0.8 else 0):
            price = rng.randint(47, 53) * 100
            exchange.apply_trade("M-1", 10_000 - price if lived.no else price, 100, Side.BUY)
        lived.made.clock.sleep_ms(60_000)
    lived.made.clock.sleep_ms(2_000)
    exchange.advance()


def kalshi_candles(lived: Life) -> list[Row]:
    """What the exchange says itself, of YES."""
    now_s = lived.made.clock.now_ms() // 1_000
    query = {"market_tickers": "M-1", "start_ts": now_s - 6_000, "end_ts": now_s - 1, "period_interval": 1}
    [market] = foreign_member(lived.made).get("/markets/candlesticks", **query).json()["markets"]
    prices = [row["price"] for row in market["candlesticks"] if row["price"]["close_dollars"]]
    return [(Decimal(p["high_dollars"]), Decimal(p["low_dollars"]), Decimal(p["close_dollars"])) for p in prices]


@OUTCOMES
def test_kalshi_levels_are_wilders_on_the_exchanges_own_candles(no: bool) -> None:
    with life(no=no) as lived:
        lived.made.switch(**IN_ATR, atr_bar_minutes="1")
        traded(lived, 60)
        rows = kalshi_candles(lived)
        assert 30 < len(rows) < 60
        lived.protected()
        atr = wilder(rows)
        assert HUNDREDTH < atr < Decimal("0.06")
        assert_levels(lived, expected(atr, "0.07"))
        assert lived.bracket.state is BracketState.PROTECTED
        assert lived.resting == [(expected(atr, "0.07")["take_profit"] // 100, 100)]
        lived.market_at(expected(atr, "0.07")["stop"] // 100, 60)
        for _ in range(2):
            lived.check()
        assert lived.assert_over(ExitSource.ARMED_STOP).size == 10_000


def test_a_requests_own_distance_in_atr_is_one_too() -> None:
    with life() as lived:
        lived.made.switch(atr_bar_minutes="1")
        traded(lived, 60)
        atr = wilder(kalshi_candles(lived))
        lived.enter(protection={"stop_loss": "1.8atr", "hard_stop": "3atr"})
        wanted = expected(atr, "0.07")
        assert_levels(lived, {name: wanted[name] for name in ("stop", "soft_stop", "hard_stop")})
        assert lived.bracket.levels.take_profit == 6_100


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"soft_stop": "1.3atr"}, "soft_stop 1.3atr"),
        ({"take_profit": "0.03"}, "take_profit 0.03"),
        ({"hard_stop": "1.85atr"}, "hard_stop 1.85atr"),
    ],
)
def test_layers_that_do_not_fit_each_other_at_the_markets_own_atr_refuse_the_entry(
    changes: dict[str, str], said: str
) -> None:
    """A soft stop that leaves the other one dead, a gain that spread and fees eat, a last resort beside the first."""
    with life() as lived:
        lived.made.switch(**(IN_ATR | changes), atr_bar_minutes="1")
        traded(lived, 60)
        lived.enter()
        (refused,) = lived.made.events("ENTRY_REFUSED")
        assert refused["reason"] == "protection"
        assert said in str(refused["why"])
        assert lived.orders("e") == []


def test_candles_are_read_once_for_the_entry_and_never_for_what_is_not_entered() -> None:
    with life() as lived:
        calls = lived.made.exchange.calls
        lived.protected()
        assert calls[CANDLES] == 0, "no distance is in ATR"
        lived.made.switch(**IN_ATR, atr_bar_minutes="1", further_entries="refuse")
        lived.made.clock.sleep_ms(61_000)
        lived.enter()
        lived.check()
        assert calls[CANDLES] == 0, "the entry was refused for the position"
    with life() as lived:
        lived.made.switch(**IN_ATR, atr_bar_minutes="1")
        traded(lived, 60)
        lived.protected()
        assert lived.made.exchange.calls[CANDLES] == 1


@pytest.mark.parametrize("minutes", [0, 5])
def test_too_few_candles_refuse_the_entry_and_say_how_many(minutes: int) -> None:
    with life() as lived:
        lived.made.switch(**IN_ATR, atr_bar_minutes="1")
        traded(lived, minutes)
        known = len(kalshi_candles(lived))
        report = lived.enter()
        assert (lived.orders("e"), report.ended) == ([], "")
        (refused,) = lived.made.events("ENTRY_REFUSED")
        assert refused["reason"] == "protection"
        assert "ATR is not known" in str(refused["why"])
        assert f"{known} of its last 100 candles of 1 minutes are known, an ATR needs 15" in str(refused["why"])


@pytest.mark.parametrize(("quiet_minutes", "entered"), [(13, True), (16, False)])
def test_candles_of_long_ago_say_nothing_about_the_price_of_now(quiet_minutes: int, entered: bool) -> None:
    """Sixty hours without a trade, then 0.80 instead of 0.50: the stop stood as near as the old candles were narrow."""
    with life() as lived:
        lived.made.switch(**IN_ATR, atr_bar_minutes="1")
        traded(lived, 60)
        for _ in range(3):
            lived.made.exchange.apply_trade("M-1", 5_000, 100, Side.BUY)
        lived.made.clock.sleep_ms(quiet_minutes * 60_000)
        lived.market_at(49, 51)
        lived.enter()
        assert bool(lived.orders("e")) is entered
        if not entered:
            (refused,) = lived.made.events("ENTRY_REFUSED")
            assert "its newest candle of 1 minutes ended" in str(refused["why"])


def test_a_price_that_never_moved_refuses_the_entry() -> None:
    """An ATR of 0 once stood for "not known", and stops fired on the first tick."""
    with life() as lived:
        lived.made.switch(**IN_ATR, atr_bar_minutes="1")
        for _ in range(20):
            lived.made.exchange.apply_trade("M-1", 5_000, 100, Side.BUY)
            lived.made.clock.sleep_ms(60_000)
        lived.enter()
        (refused,) = lived.made.events("ENTRY_REFUSED")
        assert "did not move" in str(refused["why"])


@pytest.mark.parametrize(
    "kind", [FaultKind.ERROR_BEFORE, FaultKind.TIMEOUT_BEFORE, FaultKind.MALFORMED, FaultKind.RATE_LIMITED]
)
def test_candles_that_can_not_be_read_refuse_the_entry_and_nothing_else_suffers(kind: FaultKind) -> None:
    """M-1 holds a position, M-2 is asked for in ATR, M-3 in prices and M-4 is quoted."""
    with world(markets=4) as made:
        for market in ("M-1", "M-2", "M-3"):
            made.configs.remove(market)
        made.switch(max_trade_size="100")
        held, asked, priced = apart(made, "M-1", "M-2", "M-3")
        held.enter(size="20")
        held.check()
        made.exchange.faults.add(Fault(kind, CANDLES, times=0))
        asked.ask(size="20", protection={"stop_loss": "1.8atr", "hard_stop": "3atr"})
        priced.ask(size="20")
        report = made.tick()
        assert report.ended == ""
        (refused,) = made.events("ENTRY_REFUSED")
        assert (refused["market"], refused["reason"]) == ("M-2", "protection")
        assert "its candles could not be read" in str(refused["why"])
        assert bool(made.events("RATE_LIMIT_BACKOFF")) is (kind is FaultKind.RATE_LIMITED)
        assert {order.ticker for order in made.books.orders if "-e-" in order.client_order_id} == {"M-1", "M-3"}
        assert len(made.resting("M-4")) == 2
        made.clock.sleep_ms(1_000)
        priced.check()
        assert priced.bracket.state is BracketState.PROTECTED
        made.book("M-1", 43, 45)
        held.check()
        assert [(trade.market, trade.source) for trade in held.trades] == [("M-1", ExitSource.ARMED_STOP)]
        made.assert_ledger_is_the_exchanges()


def test_once_the_venue_gave_no_candles_the_others_wait_for_the_next_tick() -> None:
    """A venue that hangs would else hold up the tick, and its exits, once for every request."""
    with world(markets=2) as made:
        for market in made.markets:
            made.configs.remove(market)
        made.switch(**IN_ATR, atr_bar_minutes="1")
        first, second = apart(made, *made.markets)
        for _ in range(20):
            for price in (4_900, 5_100):
                made.exchange.apply_trade("M-2", price, 100, Side.BUY)
            made.clock.sleep_ms(60_000)
        made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, CANDLES))
        first.ask(size="20")
        made.clock.sleep_ms(1)
        second.ask(size="20")
        made.tick(after_ms=1_000)
        assert made.exchange.calls[CANDLES] == 1
        states = {stored.request.market: (stored.state, stored.reason) for stored in first.requests.known()}
        assert states == {"M-1": (RequestState.REFUSED, "protection"), "M-2": (RequestState.OPEN, "candles")}
        made.tick()
        assert second.bracket.levels.stop > 0


def test_without_spare_tokens_the_entry_waits_and_asks_for_nothing() -> None:
    """The exits' reserve is not for candles, and a tick does not wait for tokens before it has sent its exits."""
    with life(tier="basic") as lived:
        made = lived.made
        made.switch(**IN_ATR, atr_bar_minutes="1")
        traded(lived, 60)
        lived.ask()
        made.ports.venue.connect()
        throttle = made.ports.throttle
        throttle.configure(made.ports.venue.capabilities)
        books = made.ports.venue.books

        def draining(markets: Sequence[str]) -> object:
            """Other writers of the account have their share just before the entry is decided."""
            found = books(markets)
            while throttle.covers("read", 10):
                throttle.take("read", 10)
            return found

        made.ports.venue.books = draining  # type: ignore[method-assign,assignment]
        made.tick(after_ms=1_000)
        (waits,) = made.events("ENTRY_WAITS")
        assert waits["reason"] == "candles"
        assert made.exchange.calls[CANDLES] == 0
        made.ports.venue.books = books  # type: ignore[method-assign]
        made.tick()
        assert lived.held == 100


def test_candles_are_not_read_before_an_inventory_stop_of_the_same_tick() -> None:
    """They can take seconds each, and the stop is sent after entries are decided."""
    with world() as made:
        made.configs.remove("M-3")
        assert holding(made) == 1_000
        lived = Protected(made, "M-3")
        made.switch(**IN_ATR, atr_bar_minutes="1")
        made.book("M-1", 30, 32)
        lived.ask(size="1")
        made.exchange.faults.add(Fault(FaultKind.SLOW, CANDLES, wait_ms=20_000))
        made.tick(made.writer("w2"))
        assert [order.filled for order in exits(made)] == [1_000]
        assert made.exchange.calls[CANDLES] == 0
        (waits,) = made.events("ENTRY_WAITS")
        assert waits["reason"] == "candles"
        made.tick()
        assert made.exchange.calls[CANDLES] == 1, "nothing is to be sold any more"


def test_a_book_that_grew_old_while_candles_were_read_is_no_basis_for_an_entry() -> None:
    with life() as lived:
        lived.made.switch(**IN_ATR, atr_bar_minutes="1")
        traded(lived, 60)
        lived.fault(FaultKind.SLOW, CANDLES, wait_ms=11_000)
        lived.enter()
        (waits,) = lived.made.events("ENTRY_WAITS")
        assert (waits["reason"], lived.orders("e")) == ("book", [])
        lived.made.tick()
        assert lived.held == 100


# Polymarket: bars of an hour from points of a minute.


def moved(lived: TokenLife, hours: int, seed: int = 2) -> None:
    """Hours in which the book moves every few minutes; then it is at 49 to 51 again."""
    rng, clock = Random(seed), lived.made.clock
    clock.sleep_ms(3_600_000 - clock.now_ms() % 3_600_000)
    for _ in range(hours * 10):
        middle = rng.randint(48, 52)
        lived.market_at(middle - 1, middle + 1)
        clock.sleep_ms(360_000)
    lived.market_at(49, 51)
    clock.sleep_ms(120_000)


def polymarket_bars(lived: TokenLife) -> list[Row]:
    """What the exchange says itself, put together by the hour."""
    now_s = lived.made.clock.now_ms() // 1_000
    this_hour = now_s // 3_600 * 3_600
    query = {"market": lived.token, "startTs": this_hour - 100 * 3_600, "endTs": this_hour, "fidelity": 1}
    answer = requests.get(f"{lived.made.server.origin}/prices-history", params=query, timeout=5)
    hours: dict[int, list[Decimal]] = {}
    for point in json.loads(answer.content, parse_float=Decimal)["history"]:
        hours.setdefault(point["t"] // 3_600, []).append(Decimal(point["p"]))
    whole = [prices for _, prices in sorted(hours.items()) if len(prices) == 60]
    return [(max(prices), min(prices), prices[-1]) for prices in whole]


@pytest.mark.parametrize("outcome", [0, 1])
def test_polymarket_levels_are_wilders_on_bars_of_the_exchanges_own_points(outcome: int) -> None:
    with token_life(outcome=outcome) as lived:
        lived.made.switch(**IN_ATR)
        moved(lived, 20)
        rows = polymarket_bars(lived)
        assert len(rows) == 20
        lived.protected()
        atr = wilder(rows)
        assert HUNDREDTH < atr < Decimal("0.06")
        wanted = expected(atr, str(lived.made.ports.venue.capabilities.fees.taker.of_odds))
        assert_levels(lived, wanted)
        lived.market_at(wanted["stop"] // 100, 60)
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_polymarket_refuses_where_the_history_is_too_short_or_can_not_be_read() -> None:
    with token_life() as lived:
        lived.made.switch(**IN_ATR)
        moved(lived, 3)
        lived.enter()
        moved(lived, 20)
        lived.made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, HISTORY))
        assert lived.enter().ended == ""
        few, failed = lived.made.events("ENTRY_REFUSED")
        assert "3 of its last 100 candles of 60 minutes are known" in str(few["why"])
        assert "candles could not be read: GET /prices-history: HTTP 503" in str(failed["why"])
        assert lived.held == 0
        lived.enter()
        assert lived.shares >= 100
