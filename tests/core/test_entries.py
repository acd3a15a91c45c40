"""Entries: what is sent is bounded in price and in cost, and what is not sent is refused by name and with numbers."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.bracket import BracketState, own_price
from holdfast.core.distances import Distance, Unit
from holdfast.core.entry_view import EntryLimits, EntryRefusal, FurtherEntries, NoEntry
from holdfast.core.errors import InvalidInputError
from holdfast.core.fees import FeeRate
from holdfast.core.market import MarketRules, MarketStatus, PriceBand
from holdfast.core.orders import Purpose, TargetOrder, TimeInForce
from holdfast.core.positions import Position
from holdfast.core.risk import exposure_of
from holdfast.core.sizing import at_risk
from tests.core.entry_world import (
    BUY,
    NOW,
    ONE,
    RULES,
    SCALE,
    SELL,
    M,
    account,
    book,
    bracket,
    decide,
    held,
    limits,
    market,
    order,
    request,
)

DOCS = Path(__file__).parents[2] / "docs/entries.md"


def test_an_entry_is_an_immediate_limit_above_the_best_offer():
    target = decide(request(size="10"))
    assert isinstance(target, TargetOrder)
    assert (target.side, target.price, target.size) == (BUY, 4_400, 1_000)
    assert (target.purpose, target.time_in_force) == (Purpose.ENTRY, TimeInForce.IMMEDIATE)
    assert (target.post_only, target.reduce_only, target.expires_at_ms) == (False, False, 0)
    assert "r1" in target.leg, "the order's identity follows from the request's"


def test_the_second_outcome_is_sold_below_the_best_bid_and_costs_the_rest_of_one():
    target = decide(request(SELL, amount="31"))
    # Own ask 0.60, at most 0.62: $31 buy 50.
    assert (target.side, target.price, target.size) == (SELL, 3_800, 5_000)


@pytest.mark.parametrize(
    ("asked", "slippage", "price"),
    [
        ({}, "0.005", 4_200),
        ({}, "0.015", 4_300),
        ({"limit": "0.43"}, "0.02", 4_300),
        ({"limit": "0.4399"}, "0.02", 4_300),
        ({"limit": "0.42"}, "0.02", 4_200),
        ({"limit": "0.99"}, "0.02", 4_400),
    ],
)
def test_the_lower_of_slippage_and_limit_bounds_the_price_and_the_grid_moves_it_down(asked, slippage, price):
    within = limits(slippage=Distance(Decimal(slippage), Unit.PRICE))
    assert decide(request(size="1", **asked), within=within).price == price


def test_slippage_may_be_a_percentage_of_the_offer_and_no_atr():
    within = limits(slippage=Distance(Decimal(5), Unit.PERCENT))
    assert decide(request(size="1"), within=within).price == 4_400  # 5 % of 0.42 is 0.021
    with pytest.raises(InvalidInputError, match="entry_slippage"):
        limits(slippage=Distance(Decimal(1), Unit.ATR))


def test_near_the_end_of_the_grid_the_price_stays_on_it():
    top = book(bids=((9_700, 100),), asks=((9_800, 100),))
    assert decide(request(size="1"), market(of=top)).price == 9_900
    assert decide(request(SELL, size="1"), market(of=book(bids=((200, 100),)))).price == 100


CLOSED = MarketRules(M, RULES.bands, 1, 1, MarketStatus.OPEN, close_at_ms=NOW)
PAUSED = MarketRules(M, RULES.bands, 1, 1, MarketStatus.PAUSED)
MERGE = limits(further=FurtherEntries.MERGE)


@pytest.mark.parametrize(
    ("arguments", "reason", "said", "final"),
    [
        ({"asked": request(expires_at_ms=NOW)}, "expired", "good until", True),
        ({"of": market(rules=None)}, "market_unknown", M, False),
        ({"of": market(rules=CLOSED)}, "market_over", "2027-01-15", True),
        ({"of": market(rules=PAUSED)}, "market_paused", "paused", False),
        ({"of": market(mode="quote")}, "quoted_market", "one mode", True),
        ({"of": market(mode="protect", enabled=False)}, "disabled_market", "disabled", True),
        ({"of": market(blacklisted_until_ms=NOW + 1)}, "blacklisted", "2027-01-15", True),
        ({"by": account(halts=("daily_loss", "switch"))}, "halted", "daily_loss, switch", False),
        ({"asked": request(SELL), "by": account(one=None)}, "invalid", "own market", True),
        ({"by": account(orders=[order(purpose=Purpose.QUOTE)])}, "quotes_resting", "quote", False),
        ({"by": account(orders=[order(purpose=Purpose.ENTRY)])}, "entry_under_way", "10.00", True),
        ({"by": account(brackets={M: bracket(BracketState.OPENING)})}, "entry_under_way", "10.00", True),
        ({"by": account(positions=held(500))}, "position_open", "5.00 of M is held without", True),
        ({"by": account(positions=held(-500))}, "other_outcome_held", "5.00", True),
        ({"by": account(brackets={M: bracket()}, positions=held(500))}, "position_open", "protected", True),
        ({"by": account(brackets={M: bracket(side=SELL)}), "within": MERGE}, "other_outcome_held", "", True),
        ({"by": account(brackets={M: bracket(BracketState.EXITING)}), "within": MERGE}, "position_open", "exit", True),
        ({"by": account(brackets={M: bracket(BracketState.ATTENTION)}), "within": MERGE}, "position_open", "att", True),
        ({"asked": request(limit="0.41")}, "price_limit", "0.4200, at most 0.4100", False),
        ({"asked": request(SELL, limit="0.59")}, "price_limit", "0.6000, at most 0.5900", False),
        ({"asked": request(limit="cheap")}, "invalid", "limit", True),
        ({"asked": request(limit="-0.1")}, "invalid", "limit", True),
        ({"asked": request(size="1.001")}, "invalid", "size", True),
        ({"asked": request(size="-1")}, "invalid", "more than 0", True),
        ({"asked": request(amount="0")}, "invalid", "more than 0", True),
        ({"asked": request(amount="0.004")}, "below_minimum", "0.01", True),
        ({"by": account(orders=[order(of="O")] * 10)}, "open_orders", "10 at most", False),
    ],
)
def test_what_forbids_an_entry_is_named(arguments, reason, said, final):
    refusal = decide(**arguments)
    assert isinstance(refusal, EntryRefusal)
    assert refusal.reason == NoEntry(reason)
    assert said in refusal.words
    assert refusal.is_final is final


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (market(of=book(asks=())), "one_sided"),
        (market(of=book(bids=())), "one_sided"),
        (market(of=book((), ())), "empty"),
        (market(of=book(bids=((4_300, 1),))), "crossed"),
        (market(book=None), "missing"),
        (market(book_state="stale"), "stale"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_book_that_cannot_be_trusted_refuses_for_now(of, said):
    refusal = decide(of=of)
    assert (refusal.reason, said in refusal.words, refusal.is_final) == (NoEntry.BOOK, True, False)


def test_an_offer_off_the_grid_that_no_price_reaches_is_refused():
    coarse = MarketRules(M, (PriceBand(0, ONE, 1_000),), 1, 1, MarketStatus.OPEN)
    refusal = decide(of=market(rules=coarse, of=book(asks=((4_900, 100),))), within=limits(slippage=cents("0.001")))
    assert refusal.reason is NoEntry.PRICE_LIMIT


def cents(text):
    return Distance(Decimal(text), Unit.PRICE)


def test_a_further_entry_of_the_same_outcome_is_merged_where_the_switch_says_so():
    by = account(brackets={M: bracket()}, positions=held(500))
    assert decide(request(size="10"), by=by, within=MERGE).size == 1_000


def test_what_is_held_in_the_market_leaves_less_room_for_more_of_it():
    within = limits(further=FurtherEntries.MERGE, market_exposure=SCALE.money("30"))
    by = account(brackets={M: bracket()}, positions=held(5_000))  # $20
    assert decide(by=by, within=within).size == 2_272  # $10 at 0.44


def test_without_a_size_an_entry_is_as_large_as_every_limit_allows():
    assert decide().size == 100 * ONE * 100 // 4_400  # $100 at 0.44, cut to 0.01
    elsewhere = {**held(10_000, 9_500, "A"), **held(70_000, 1_000, "B")}  # $95 and $70 are at risk
    assert decide(by=account(positions=elsewhere), within=limits(capital=SCALE.money("166"))).size == 227  # $1 left
    assert decide(within=limits(market_exposure=SCALE.money("44"))).size == 10_000
    assert decide(by=account(positions=elsewhere), within=limits(gross_exposure=SCALE.money("169.40"))).size == 1_000


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"trade": SCALE.money("43.99")}, NoEntry.TRADE_SIZE, "44.000000"),
        ({"capital": SCALE.money("138.99")}, NoEntry.CAPITAL, "95.000000 is at risk"),
        ({"market_exposure": SCALE.money("43")}, NoEntry.MARKET_EXPOSURE, "43.000000"),
        ({"gross_exposure": SCALE.money("138")}, NoEntry.GROSS_EXPOSURE, "138.000000"),
    ],
)
def test_what_was_asked_for_is_refused_whole_where_a_limit_has_no_room(changes, reason, said):
    by = account(positions=held(10_000, 9_500, "A"))
    for asked in (request(size="100"), request(amount="44")):
        refusal = decide(asked, by=by, within=limits(**changes))
        assert (refusal.reason, said in refusal.words) == (reason, True), refusal.words


def test_no_room_for_the_smallest_size_names_the_limit_not_the_minimum():
    refusal = decide(by=account(positions=held(10_000, 9_500, "A")), within=limits(capital=SCALE.money("95")))
    assert refusal.reason is NoEntry.CAPITAL
    assert "95.000000 is at risk already; the smallest size here is 0.01" in refusal.words


def test_entries_under_way_count_with_all_that_they_may_cost():
    waiting = bracket(BracketState.OPENING, asked=2_000, limit=4_500, of="A")
    assert at_risk(account(brackets={"A": waiting}), M).gross == 2_000 * 4_500
    half = account(brackets={"A": waiting}, positions=held(1_000, 4_400, "A"))
    assert at_risk(half, M).gross == 2_000 * 4_500, "what is booked of it counts once"
    assert at_risk(account(brackets={"A": bracket(of="A")}), M).gross == 0, "an entry that is over has nothing to come"
    assert decide(by=half, within=limits(capital=SCALE.money("9"))).reason is NoEntry.CAPITAL


def test_entries_of_one_tick_count_each_other():
    first = decide(request(size="100"))
    by = account().after(first)
    assert decide(request(request_id="r2"), by=by).reason is NoEntry.ENTRY_UNDER_WAY
    assert at_risk(by, M).gross == first.size * first.price


def test_the_venues_minimums_refuse_with_what_they_are():
    least = MarketRules(M, RULES.bands, 500, 100, MarketStatus.OPEN)
    refusal = decide(request(size="4.99"), market(rules=least))
    assert (refusal.reason, "5.00, for 2.200000" in refusal.words) == (NoEntry.BELOW_MINIMUM, True)
    assert decide(request(size="5.99"), market(rules=least)).size == 500
    dollar = limits(least_cost=SCALE.money("1"))
    refusal = decide(request(size="2.27"), within=dollar)
    assert (refusal.reason, "0.998800" in refusal.words) == (NoEntry.BELOW_MINIMUM, True)
    assert decide(request(size="2.28"), within=dollar).size == 228


def test_the_fee_is_part_of_what_an_amount_buys():
    fee = FeeRate(of_odds=Decimal("0.07"))  # 0.0173 at 0.44
    assert decide(request(amount="45.73"), within=limits(fee=fee)).size == 10_000
    assert decide(request(amount="45.72"), within=limits(fee=fee)).size < 10_000


def test_limits_of_nothing_are_refused():
    for name in ("capital", "trade"):
        with pytest.raises(InvalidInputError, match=name):
            limits(**{name: 0})
    with pytest.raises(InvalidInputError, match="slippage"):
        limits(slippage=cents("-0.01"))


# Properties

prices = st.integers(1, 99).map(lambda cent: cent * 100)
steps = st.sampled_from([100, 200, 500])
money = st.integers(1, 300).map(lambda dollars: SCALE.money(str(dollars)))
texts = st.integers(1, 40_000).map(lambda hundredths: f"{hundredths // 100}.{hundredths % 100:02}")
asks = st.one_of(
    st.just({}),
    texts.map(lambda text: {"size": text}),
    texts.map(lambda text: {"amount": text}),
)


@st.composite
def situations(draw):
    """Anything that an account may hold, rest and allow; the market itself is flat or held on the wanted side."""
    side = draw(st.sampled_from([BUY, SELL]))
    bid, ask = sorted(draw(st.lists(prices, min_size=2, max_size=2, unique=True)))
    own = draw(st.integers(0, 3_000))
    positions = held(own if side is BUY else -own, draw(prices)) if own else {}
    positions |= held(draw(st.integers(-9_000, 9_000)), draw(prices), "A")
    orders = [
        order(
            draw(st.sampled_from([BUY, SELL])), draw(prices), draw(st.integers(1, 5_000)), draw(st.sampled_from("AB"))
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    brackets = {M: bracket(side=side)} if own else {}
    if draw(st.booleans()):
        brackets["C"] = bracket(BracketState.OPENING, asked=draw(st.integers(1, 9_000)), of="C")
    within = EntryLimits(
        capital=draw(money),
        trade=draw(money),
        risk=limits(market_exposure=draw(money), gross_exposure=draw(money)).risk,
        slippage=cents(draw(st.sampled_from(["0", "0.005", "0.01", "0.033", "0.2"]))),
        fee=FeeRate(of_odds=Decimal(draw(st.sampled_from(["0", "0.07"])))),
        least_cost=draw(st.sampled_from([0, SCALE.money("1")])),
        further=FurtherEntries.MERGE,
    )
    asked = request(side, **draw(asks), limit=draw(st.sampled_from(["", "0.35", "0.5", "0.777"])))
    rules = MarketRules(M, (PriceBand(0, ONE, 100),), draw(st.sampled_from([1, 500])), 1, MarketStatus.OPEN)
    of = market(rules=rules, of=book(((bid, 100),), ((ask, 100),)))
    return asked, of, account(positions=positions, orders=orders, brackets=brackets), within


@given(situations())
def test_an_admitted_entry_exceeds_no_limit_and_no_price(situation):
    asked, of, by, within = situation
    target = decide(asked, of, by, within)
    if isinstance(target, EntryRefusal):
        return
    own = own_price(target.price, target.side, ONE)
    best = of.book.best_ask if asked.side is BUY else ONE - of.book.best_bid
    assert best <= own <= best + within.slippage.units(best, None, SCALE)
    assert target.price % 100 == 0
    if asked.limit:
        assert own <= SCALE.price(asked.limit)
    cost = (own + within.fee.at(own, ONE)) * target.size
    before, after = (exposure_of(each.positions.values(), each.orders, ONE, 0) for each in (by, by.after(target)))
    under_way = sum(b.entry.limit * b.entry.asked for b in by.brackets.values() if b.state is BracketState.OPENING)
    assert cost <= within.trade
    assert before.gross + under_way + cost <= within.capital
    assert after.gross + under_way <= within.risk.gross_exposure
    assert after.per_market[M] <= within.risk.market_exposure
    assert target.size >= of.rules.min_size
    assert own * target.size >= within.least_cost
    if asked.size:
        assert target.size == SCALE.size(asked.size)
    if asked.amount:
        assert cost <= SCALE.money(asked.amount)


@given(situations())
def test_the_other_outcome_mirrors(situation):
    """The same entry seen from the other outcome of the market: prices mirrored at one, the rest the same."""
    asked, of, by, within = situation
    bids, offers = of.book.bids.items(), of.book.asks.items()
    mirrored = book([(ONE - p, s) for p, s in offers], [(ONE - p, s) for p, s in bids])
    there = decide(
        request(asked.side.opposite, size=asked.size, amount=asked.amount, limit=asked.limit),
        market(rules=of.rules, of=mirrored),
        account(
            positions={m: Position(m, -p.size, p.cost) for m, p in by.positions.items()},
            orders=[order(o.side.opposite, ONE - o.price, o.remaining, o.market) for o in by.orders],
            brackets={
                m: bracket(b.state, b.side.opposite, b.entry.asked, b.entry.limit, m) for m, b in by.brackets.items()
            },
        ),
        within,
    )
    here = decide(asked, of, by, within)
    if isinstance(here, EntryRefusal):
        assert there == here
    else:
        assert (there.side, there.price, there.size) == (here.side.opposite, ONE - here.price, here.size)


def test_every_refusal_is_documented_with_what_becomes_of_its_request():
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|.*\| (over|waits) \|$", DOCS.read_text(), re.MULTILINE)
    documented = {name: after for names, after in rows for name in re.findall(r"`(\w+)`", names)}
    assert documented == {reason.value: "over" if EntryRefusal(reason, "").is_final else "waits" for reason in NoEntry}
