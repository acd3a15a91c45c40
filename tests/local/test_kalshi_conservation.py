"""Whatever two members and a tape do, in whatever order, the local exchange's books add up after every step."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.clock import VirtualClock
from local.venues.kalshi import KalshiExchange, MarketSpec, Precision
from tests.local.kalshi_member import START_MS, InProcessMember, ed25519_key, order, public_pem

FED, BTC = "KXFED-26DEC", "KXBTC-1"

_PRICE = st.integers(1, 99).map(lambda cents: f"0.{cents:02d}")
_COUNT = st.sampled_from(["0.01", "0.37", "1", "5", "20.5", "60"])
_SIDE = st.sampled_from(["bid", "ask"])
_TIF = st.sampled_from(["good_till_canceled", "immediate_or_cancel", "fill_or_kill"])
_STP = st.sampled_from(["taker_at_cross", "maker"])
_WHO = st.sampled_from(["anna", "bert"])
_PLACE = st.tuples(st.just("place"), _WHO, st.sampled_from([FED, BTC]), _SIDE, _PRICE, _COUNT, _TIF, _STP)
_TOUCH = st.tuples(
    st.just("touch"), _WHO, st.sampled_from(["cancel", "amend", "decrease"]), st.integers(0, 9), _PRICE, _COUNT
)
_BOOK = st.tuples(
    st.just("book"), st.sampled_from([FED, BTC]), st.integers(1, 98), st.integers(1, 30), st.integers(0, 40)
)
_STEPS = st.lists(st.one_of(_PLACE, _PLACE, _TOUCH, _BOOK), max_size=40)


class Play:
    def __init__(self, precision):
        self.exchange = KalshiExchange(VirtualClock(START_MS), seed=3)
        maker_fees = {"fee_type": "quadratic_with_maker_fees"}
        self.exchange.add_market(MarketSpec(FED, series="KXFED", **maker_fees))
        self.exchange.add_market(MarketSpec(BTC, series="KXBTC", shard=2))
        self.members = {}
        for name in ("anna", "bert"):
            funds = {0: Decimal(20), 2: Decimal(20)}
            self.exchange.add_user(
                name, name, public_pem(ed25519_key(name)), tier="prestige", balances=funds, precision=precision
            )
            self.members[name] = InProcessMember(self.exchange, name, ed25519_key(name))

    def place(self, who, ticker, side, price, count, lifetime, prevention):
        more = {"time_in_force": lifetime, "self_trade_prevention_type": prevention}
        answer = self.members[who].send(
            "POST", "/portfolio/events/orders", json=order(ticker, side, price, count, **more)
        )
        assert answer.status_code in (201, 400)

    def touch(self, who, what, which, price, count):
        resting = self.exchange.books(who).open_orders
        if not resting:
            return
        found = resting[which % len(resting)]
        path = f"/portfolio/events/orders/{found.order_id}"
        if what == "cancel":
            answer = self.members[who].send("DELETE", path, params={"market_ticker": found.ticker})
            assert answer.status_code == 200
        elif what == "amend":
            side = "bid" if found.side == "buy" else "ask"
            body = {"ticker": found.ticker, "side": side, "price": price, "count": count}
            self.members[who].send("POST", f"{path}/amend", json=body)
        else:
            self.members[who].send("POST", f"{path}/decrease", json={"reduce_by": count, "market_ticker": found.ticker})

    def book(self, ticker, bid, spread, size):
        ask = min(bid + spread, 99)
        self.exchange.apply_snapshot(ticker, [(bid * 100, size * 100)], [(ask * 100, size * 100)])

    def check(self, step):
        for name in self.members:
            books = self.exchange.books(name)
            assert books.imbalances() == []
            for key, cash in books.cash.items():
                available = cash - books.reserved[key]
                assert available > -len(books.fills) * step
            assert {
                o.order_id for o in books.open_orders if o.remaining <= 0 or o.filled + o.remaining > o.initial
            } == set()
            held = {p.ticker: p.size for p in books.positions}
            for ticker in (FED, BTC):
                fills = [f for f in books.fills if f.ticker == ticker]
                paid_out = sum(row.size for row in books.settlements if row.ticker == ticker)
                assert held.get(ticker, 0) + paid_out == sum(f.size if f.side == "buy" else -f.size for f in fills)
            assert books.reserved[0, 2] == _full_reserve(books, BTC, held.get(BTC, 0))


def _full_reserve(books, ticker, held):
    """What opening orders must hold back, contract by contract, in the order in which they would match."""
    total = 0
    for side, cover in (("buy", max(-held, 0)), ("sell", max(held, 0))):
        queue = [o for o in books.open_orders if o.ticker == ticker and o.side == side]
        queue.sort(key=lambda o: (-o.price if side == "buy" else o.price, o.sequence))
        prices = [o.price if side == "buy" else 10_000 - o.price for o in queue for _ in range(o.remaining)]
        total += sum(prices[cover:])
    return total


@pytest.mark.parametrize("precision", list(Precision))
@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, result=st.sampled_from(["yes", "no"]))
def test_money_is_neither_made_nor_lost(precision, steps, result):
    play = Play(precision)
    for name, *arguments in steps:
        getattr(play, name)(*arguments)
        play.check(precision.step)
    play.exchange.settle(FED, result)
    play.exchange.settle(BTC, result)
    play.check(precision.step)
    for name in play.members:
        books = play.exchange.books(name)
        assert sum(books.reserved.values()) == 0
        assert all(position.size == 0 and position.cost == 0 for position in books.positions)
