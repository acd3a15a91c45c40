"""Whatever two traders and a tape do, in whatever order, the local exchange's books add up after every step."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.market import Side
from local.venues.polymarket import SCALE, FeeSchedule, MarketSpec, TradeStatus
from tests.local.polymarket_trader import BTC, FED, LocalVenue

TAXED = "taxed"
_WHO = st.sampled_from(["anna", "bert"])
_WHERE = st.sampled_from([FED, BTC, TAXED])
_SIDE = st.sampled_from(["BUY", "SELL"])
_PRICE = st.integers(1, 99).map(lambda cents: f"0.{cents:02d}")
_SIZE = st.sampled_from(["5", "6.37", "20", "41.5", "60"])
_PLACE = st.tuples(
    st.just("place"), _WHO, _WHERE, st.integers(0, 1), _SIDE, _PRICE, _SIZE, st.sampled_from(["GTC", "FAK", "FOK"])
)
_SPEND = st.tuples(st.just("spend"), _WHO, _WHERE, st.integers(0, 1), _PRICE, st.sampled_from(["1", "7.77", "15"]))
_STEPS = st.lists(
    st.one_of(
        _PLACE,
        _PLACE,
        _SPEND,
        st.tuples(st.just("cancel"), _WHO, st.integers(0, 9)),
        st.tuples(st.just("book"), _WHERE, st.integers(1, 98), st.integers(1, 30), st.integers(0, 40)),
        st.tuples(st.just("print"), _WHERE, st.integers(1, 99), st.integers(1, 40), st.sampled_from(Side)),
        st.tuples(st.just("wait"), st.sampled_from([500, 2_000, 9_000])),
        st.tuples(st.just("fail"), st.integers(1, 3)),
    ),
    max_size=30,
)


class Play:
    def __init__(self):
        self.venue = LocalVenue()
        self.venue.exchange.add_market(MarketSpec(TAXED, fees=FeeSchedule(rate=Decimal("0.07"))))
        self.traders = {name: self.venue.trader(name, dollars="30") for name in ("anna", "bert")}
        for market in (FED, TAXED):
            self.venue.give("anna", market, "50", 0)
            self.venue.give("bert", market, "50", 1)

    def place(self, who, market, outcome, side, price, size, kind):
        answer = self.traders[who].place(market, side, price, size, outcome=outcome, kind=kind)
        assert answer.status_code in (200, 400), answer.text

    def spend(self, who, market, outcome, price, dollars):
        answer = self.traders[who].place(market, "BUY", price, spend=dollars, outcome=outcome, kind="FAK")
        assert answer.status_code in (200, 400), answer.text

    def cancel(self, who, which):
        resting = self.traders[who].books.open_orders
        if resting:
            found = resting[which % len(resting)].order_id
            assert self.traders[who].cancel(found).json()["canceled"] == [found]

    def book(self, market, bid, spread, size):
        ask = min(bid + spread, 99)
        self.venue.book({f"0.{bid:02d}": str(size)}, {f"0.{ask:02d}": str(size)}, market)

    def print(self, market, price, size, aggressor):
        self.venue.exchange.apply_trade(market, SCALE.price(f"0.{price:02d}"), SCALE.size(size), aggressor)

    def wait(self, duration_ms):
        self.venue.wait(duration_ms)

    def fail(self, count):
        self.venue.operator.fail_trades(count)

    def check(self):
        for trader in self.traders.values():
            books = trader.books
            assert books.imbalances() == []
            # Only the rounding of fees can take money below zero, half a step for each trade.
            assert min(books.cash, books.settled_cash) >= -50_000 * len(books.fills)
            assert all(size >= 0 for size in (*books.tokens.values(), *books.settled_tokens.values()))
            for token, reserved in books.reserved_tokens.items():
                assert reserved <= books.cached_tokens[token] - self._leaving(books, token)
            for reserved in books.reserved_cash.values():
                assert reserved <= books.cached_cash - self._leaving(books) + 50_000 * len(books.fills)
            assert not [o for o in books.open_orders if o.remaining <= 0 or o.matched + o.remaining != o.size]

    @staticmethod
    def _leaving(books, token=None):
        """What matched trades will take out of the money or a token."""
        parts = [fill.part for fill in books.fills if fill.status in (TradeStatus.MATCHED, TradeStatus.RETRYING)]
        if token is None:
            return sum(max(-part.cash_change, 0) for part in parts)
        return sum(max(-part.token_change, 0) for part in parts if part.token_id == token)


@settings(max_examples=80, deadline=None)
@given(steps=_STEPS, winner=st.integers(0, 1))
def test_money_is_neither_made_nor_lost(steps, winner):
    play = Play()
    for name, *arguments in steps:
        getattr(play, name)(*arguments)
        play.check()
    for market in (FED, BTC, TAXED):
        play.venue.exchange.resolve(market, winner)
    play.wait(10_000)
    for name in play.traders:
        for market in (FED, BTC, TAXED):
            play.venue.exchange.redeem(name, market)
    play.wait(10_000)
    play.check()
    for trader in play.traders.values():
        books = trader.books
        assert books.open_orders == ()
        assert not any(books.tokens.values())
        assert books.cash == books.settled_cash == books.cached_cash


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            _PLACE, st.tuples(st.just("cancel"), _WHO, st.integers(0, 9)), st.tuples(st.just("fail"), st.just(1))
        ),
        max_size=30,
    ),
    winner=st.integers(0, 1),
)
def test_between_two_traders_nothing_but_fees_leaves(steps, winner):
    """Without a tape every dollar that one loses the other wins, whichever way pairs were minted and merged."""
    play = Play()
    for name, *arguments in steps:
        getattr(play, name)(*arguments)
    play.wait(10_000)
    for market in (FED, BTC, TAXED):
        play.venue.exchange.resolve(market, winner)
        for name in play.traders:
            play.venue.exchange.redeem(name, market)
    both = [trader.books for trader in play.traders.values()]
    # Each pair of tokens that came in was worth a dollar: 50 in each of two markets.
    worth = sum(books.deposits for books in both) + 100 * 10**10
    assert sum(books.cash for books in both) + sum(books.total_fees for books in both) == worth
