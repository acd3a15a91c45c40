"""Properties of the exit decision on arbitrary brackets and books."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core import exits
from holdfast.core.book import LastTrade, OrderBook
from holdfast.core.bracket import Bracket, BracketState, Entry, Exit, ExitMode, ExitSource, Levels
from holdfast.core.exits import decide
from holdfast.core.legs import Legs, NativeStop, RestingLeg
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.marks import Mark, mark_of, untrusted
from tests.core.exit_world import HOUR, MARKET, NOW, ONE, RULES, bracket, decided, seen_as_sold

STOPS = {ExitSource.POSITION_MONITOR_HARD, ExitSource.ARMED_STOP, ExitSource.POSITION_MONITOR_SOFT}
TAPERED = MarketRules(
    "M",
    (PriceBand(0, 1_000, 10), PriceBand(1_000, 9_000, 100), PriceBand(9_000, ONE, 10)),
    min_size=100,
    size_step=100,
    status=MarketStatus.OPEN,
)
LOPSIDED = structs.replace(TAPERED, bands=(PriceBand(0, 3_000, 10), PriceBand(3_000, ONE, 100)))

prices = st.integers(1, 99).map(lambda cents: cents * 100)
maybe = st.one_of(st.none(), prices)
ages = st.sampled_from([0, 0, 0, 60_000, 60_001])


@st.composite
def brackets(draw: st.DrawFn, side: Side = Side.BUY) -> Bracket:
    hard, soft, entry, profit = sorted(draw(st.lists(prices, min_size=4, max_size=4, unique=True)))
    levels = Levels(
        take_profit=draw(st.sampled_from([0, profit])),
        stop=soft,
        soft_stop=draw(st.sampled_from([soft, max(soft - 100, hard)])),
        hard_stop=hard,
        trailing_activation=draw(st.sampled_from([0, entry, profit])),
        trailing_distance=draw(st.sampled_from([0, 200, 1_000])),
    )
    under_way = draw(st.booleans()) and draw(st.booleans())
    begun = Exit(ExitSource.POSITION_MONITOR_SIGNAL, "begun", NOW - 1, entry, entry, entry, 100) if under_way else None
    return bracket(
        draw(st.sampled_from(ExitMode)),
        levels,
        side=side,
        entry=Entry(entry, entry, 1_000, NOW - HOUR),
        peak=draw(st.one_of(st.just(0), prices)),
        opened_at_ms=draw(st.sampled_from([NOW - HOUR, NOW - 48 * HOUR])),
        exit_asked=draw(st.sampled_from([None, None, ExitSource.MANUAL, ExitSource.POSITION_MONITOR_SIGNAL])),
        traded_through_at_ms=draw(st.sampled_from([0, NOW - 1, NOW - HOUR])),
        state=BracketState.EXITING if under_way else BracketState.PROTECTED,
        exit=begun,
    )


@st.composite
def books(draw: st.DrawFn) -> OrderBook:
    sizes = st.integers(1, 9)
    return OrderBook(
        "M",
        draw(st.dictionaries(prices, sizes, max_size=3)).items(),
        draw(st.dictionaries(prices, sizes, max_size=3)).items(),
        NOW - draw(ages),
    )


@st.composite
def marks(draw: st.DrawFn) -> Mark:
    bid = draw(maybe)
    near = st.none() if bid is None else st.integers(1, 12).map(lambda ticks: bid + 100 * ticks)
    traded_at_ms = draw(st.sampled_from([0, NOW, NOW - 60_000, NOW - 60_001]))
    mirrored_bid = draw(st.sampled_from([None, bid, draw(maybe)]))
    ask = draw(st.one_of(maybe, near))
    return Mark(bid, ask, 100, NOW - draw(ages), draw(maybe), traded_at_ms, draw(st.booleans()), mirrored_bid)


legs = st.builds(
    Legs,
    st.one_of(st.none(), st.builds(RestingLeg, prices, st.integers(0, 9))),
    st.one_of(st.none(), st.builds(NativeStop, prices, st.sampled_from([0, NOW - 1, NOW - HOUR]))),
)


def is_trusted(seen: Mark) -> bool:
    return not untrusted(seen, NOW, RULES.stale_after_ms, RULES.max_spread)


def is_witness(seen: Mark, level: int) -> bool:
    """Whether the last trade is of now, at the level, near the bid, and no second book contradicts."""
    agrees = not seen.mirrors or (seen.mirrored_bid is not None and abs(seen.mirrored_bid - seen.bid) <= 200)
    is_new = NOW - seen.last_trade_at_ms <= RULES.stale_after_ms
    return agrees and is_new and seen.last_trade <= level and seen.last_trade - seen.bid <= RULES.max_spread


def mirrored(of: OrderBook) -> OrderBook:
    return OrderBook(
        of.market,
        [(ONE - price, size) for price, size in of.asks.items()],
        [(ONE - price, size) for price, size in of.bids.items()],
        of.at_ms,
    )


@given(brackets(), marks(), legs)
def test_nothing_fires_without_its_reason(of, seen, held_legs):
    """Every exit is due by its own rule; a stop never above its level, a priced exit never on a price alone."""
    exit = decided(of, seen, held_legs).exit
    if exit is None:
        return
    assert of.exit is None
    assert exit.mark > 0 or seen.ask is not None
    if exit.source in STOPS:
        assert seen.bid <= exit.intended <= of.levels.stop
    elif exit.source is ExitSource.POSITION_MONITOR_TRAILING:
        assert seen.bid <= exit.intended == max(of.peak, of.entry.price, seen.bid) - of.levels.trailing_distance
    elif exit.source is ExitSource.POSITION_MONITOR_TP:
        assert seen.bid >= exit.intended
    if not is_trusted(seen):
        assert exit.source is ExitSource.MANUAL or exit.source in STOPS | {ExitSource.POSITION_MONITOR_TRAILING}
        if exit.source is not ExitSource.MANUAL:
            assert seen.ask <= exit.intended or is_witness(seen, exit.intended)
            assert NOW - seen.at_ms <= RULES.stale_after_ms


@given(brackets(), marks(), legs)
def test_what_is_due_fires_waits_for_the_venue_or_is_said_to_be_blind(of, seen, held_legs):
    """A bid at a stop is never passed over in silence."""
    if of.exit is not None or seen.bid is None or seen.bid > of.levels.hard_stop:
        return
    decision = decided(of, seen, held_legs)
    assert decision.exit is not None or decision.deferred is not None or decision.stops_blind
    assert bool(decision.blind) >= decision.stops_blind


@given(brackets(), marks(), legs)
def test_no_price_at_all_is_always_said(of, seen, held_legs):
    decision = decided(of, seen, held_legs)
    if seen.bid is None or NOW - seen.at_ms > RULES.stale_after_ms:
        assert decision.stops_blind
        assert decision.blind
        assert decision.exit is None or decision.exit.source is ExitSource.MANUAL


@given(brackets(), st.lists(marks(), max_size=8), legs)
def test_the_peak_is_at_least_the_entry_and_never_falls(of, seen, held_legs):
    for each in seen:
        peak = decided(of, each, held_legs).peak
        assert peak >= max(of.peak, of.entry.price)
        assert peak == max(of.peak, of.entry.price, each.bid if is_trusted(each) else 0)
        of = structs.replace(of, peak=peak)


@given(brackets(), marks(), st.integers(1, 50), legs)
def test_a_lower_trusted_bid_never_unfires_a_stop(of, seen, ticks, held_legs):
    """Whatever made a stop fire at a bid makes a stop fire at a lower one, whichever legs rest at the venue."""
    if seen.bid is None or seen.ask is None or not is_trusted(seen):
        return
    lower = structs.replace(seen, bid=seen.bid - 100 * ticks, ask=seen.ask - 100 * ticks)
    if lower.bid <= 0:
        return
    before, after = decided(of, seen, held_legs), decided(of, lower, held_legs)
    if before.exit is not None and before.exit.source in STOPS:
        assert after.exit is not None
        assert after.exit.source in STOPS
    assert after.take_liquidity >= before.take_liquidity


@given(brackets(), books(), legs, maybe, st.sampled_from([MARKET, TAPERED, LOPSIDED]))
def test_the_second_outcome_decides_like_the_first(of, first, held_legs, trade, rules):
    """The same bracket on the mirrored market, held by a sale: the same decision, in own prices."""
    swapped = seen_as_sold(rules)
    other = structs.replace(of, side=Side.SELL)
    second = mirrored(first)
    if trade is not None:
        first.last_trade, second.last_trade = LastTrade(trade, NOW), LastTrade(ONE - trade, NOW)
    mine, theirs = mark_of(first, Side.BUY, ONE), mark_of(second, Side.SELL, ONE)
    assert theirs == mine
    expected = decide(of, mine, held_legs, RULES, rules, NOW, 100)
    assert decide(other, theirs, held_legs, RULES, swapped, NOW, 100) == expected
    assert seen_as_sold(swapped) == rules


@given(brackets(), marks(), legs)
def test_the_short_cut_for_quiet_brackets_changes_no_decision(of, seen, held_legs):
    short = decided(of, seen, held_legs)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(exits, "is_quiet", lambda *_: False)
        assert decided(of, seen, held_legs) == short
