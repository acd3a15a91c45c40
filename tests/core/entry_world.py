"""An account that may enter one market: $1,000 of capital, $100 an entry, a book of 0.40 to 0.42 in cents."""

from decimal import Decimal

from msgspec import structs

from holdfast.core.book import OrderBook
from holdfast.core.bracket import Bracket, BracketState, Entry, ExitMode, Levels
from holdfast.core.distances import Distance, Unit
from holdfast.core.entries import entry_target
from holdfast.core.entry_view import EntryAccount, EntryLimits, EntryMarket
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.orders import OpenOrder, Purpose
from holdfast.core.positions import Position
from holdfast.core.requests import EntryRequest, Origin
from holdfast.core.risk import RiskLimits
from holdfast.core.scale import Scale

SCALE = Scale(4, 2)
ONE = SCALE.one
NOW = 1_800_000_000_000
M = "M"
BUY, SELL = Side.BUY, Side.SELL
RULES = MarketRules(M, (PriceBand(0, ONE, 100),), 1, 1, MarketStatus.OPEN)
RISK = RiskLimits(
    daily_loss=SCALE.money("100"),
    gross_exposure=SCALE.money("800"),
    market_exposure=SCALE.money("200"),
    open_orders=10,
)
LIMITS = EntryLimits(
    capital=SCALE.money("1000"), trade=SCALE.money("100"), risk=RISK, slippage=Distance(Decimal("0.02"), Unit.PRICE)
)
ACCOUNT = EntryAccount(scale=SCALE, one=ONE, positions={}, orders=(), brackets={})


def book(bids=((4_000, 50_000),), asks=((4_200, 50_000),)):
    return OrderBook(M, bids, asks, NOW)


def market(rules=RULES, of=None, **changes):
    of = of or book()
    return structs.replace(EntryMarket(M, rules, of, of.state(NOW, 1_000)), **changes)


def request(side=BUY, **changes):
    fields = {"request_id": "r1", "account": "a", "market": M, "origin": Origin.COMMAND}
    times = {"requested_at_ms": NOW - 1_000, "expires_at_ms": NOW + 60_000}
    return EntryRequest(side=side, **{**fields, **times, **changes})


def account(**changes):
    return structs.replace(ACCOUNT, **changes)


def limits(**changes):
    risk = {name: changes.pop(name) for name in RISK.__struct_fields__ if name in changes}
    return structs.replace(LIMITS, risk=structs.replace(RISK, **risk), **changes)


def order(side=BUY, price=3_000, size=1_000, of=M, purpose=Purpose.TAKE_PROFIT):
    return OpenOrder("o", "c", of, side, price, size, purpose=purpose)


def held(size, price=4_000, of=M):
    """A position of a signed size at an own price."""
    return {of: Position(of, size, abs(size) * price)}


def bracket(state=BracketState.PROTECTED, side=BUY, asked=1_000, limit=4_200, of=M):
    entry = Entry(price=limit, limit=limit, asked=asked, requested_at_ms=NOW)
    levels = Levels(5_200, 3_500, 3_500, 3_200)
    return Bracket(
        bracket_id="b1", market=of, side=side, mode=ExitMode.MONITOR, entry=entry, levels=levels, state=state
    )


def decide(asked=None, of=None, by=ACCOUNT, within=LIMITS):
    return entry_target(asked or request(), of or market(), by, within, now_ms=NOW, decision_id="d")
