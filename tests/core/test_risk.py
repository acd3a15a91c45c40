"""Risk: what halts an account and what flattens a market, at prices that someone would pay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.book import Top
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.orders import Fill, OpenOrder, Purpose, TimeInForce
from holdfast.core.positions import Position, apply_fill, unrealized
from holdfast.core.risk import (
    DAY_MS,
    AccountExposure,
    AccountPnl,
    DayMark,
    InventoryStop,
    LimitName,
    RiskLimits,
    account_pnl,
    exposure_of,
    roll,
    share_failed,
    should_flatten,
    should_halt,
)

ONE = 10_000
BUY, SELL = Side.BUY, Side.SELL
LIMITS = RiskLimits(daily_loss=1_000, gross_exposure=5_000, market_exposure=3_000, open_orders=4)
FINE = AccountExposure(daily_pnl=-999, gross=5_000, per_market={"A": 3_000, "B": 2_000}, open_orders=4)
RULES = MarketRules("M", (PriceBand(0, ONE, 100),), 100, 100, MarketStatus.OPEN)
STOP = InventoryStop(stop_loss=700_000, slippage_ticks=2, max_spread=2_000)


def order(side, price, size, market="M"):
    return OpenOrder(f"{side}{price}", "c", market, side, price, size)


def test_within_its_limits_an_account_goes_on():
    assert should_halt(LIMITS, FINE) is None


@pytest.mark.parametrize(
    ("changes", "name", "actual", "market"),
    [
        ({"daily_pnl": -1_000}, LimitName.DAILY_LOSS, 1_000, ""),
        ({"gross": 5_001}, LimitName.GROSS_EXPOSURE, 5_001, ""),
        ({"per_market": {"A": 1, "B": 3_001}}, LimitName.MARKET_EXPOSURE, 3_001, "B"),
        ({"open_orders": 5}, LimitName.OPEN_ORDERS, 5, ""),
    ],
)
def test_each_limit_halts_and_says_which(changes, name, actual, market):
    halt = should_halt(LIMITS, structs.replace(FINE, **changes))
    assert halt is not None
    (reason,) = halt.reasons
    assert (reason.name, reason.actual, reason.market) == (name, actual, market)
    assert reason.limit == getattr(LIMITS, name)


def test_every_reason_is_given_at_once():
    halt = should_halt(LIMITS, AccountExposure(-2_000, 9_000, {"B": 4_000, "A": 5_000}, 9))
    assert halt is not None
    assert [(reason.name.value, reason.market) for reason in halt.reasons] == [
        ("daily_loss", ""), ("gross_exposure", ""), ("market_exposure", "A"), ("market_exposure", "B"),
        ("open_orders", ""),
    ]  # fmt: skip


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="open_orders"):
        RiskLimits(1, 1, 1, 0)


orders = st.lists(
    st.builds(order, st.sampled_from([BUY, SELL]), st.integers(1, ONE - 1), st.integers(1, 300)), max_size=6
)


@given(orders, st.integers(-500, 500), st.integers(1, ONE - 1), st.data())
def test_no_sequence_of_fills_puts_more_at_risk_than_the_exposure(resting, held, entry, data):
    position = Position("M", held, abs(held) * entry)
    worst = exposure_of([position], resting, ONE, 0).per_market.get("M", 0)
    assert position.cost <= worst
    for index, filled in enumerate(data.draw(st.permutations(resting))):
        size = data.draw(st.integers(1, filled.remaining))
        fill = Fill(str(index), filled.order_id, "M", filled.side, filled.price, size, 0, False, 0)
        position, _ = apply_fill(position, fill, ONE, purpose=Purpose.QUOTE)
        # Each closing fill may leave one unit of rounded cost behind.
        assert position.cost <= worst + len(resting)


@given(orders, st.integers(-500, 500))
def test_the_exposure_is_reached_by_filling_one_direction(resting, held):
    resting = [structs.replace(each, price=6_000) for each in resting]  # one price: the worst case is the only case
    position = Position("M", held, abs(held) * 4_000)
    reached = [position.cost]
    for side in Side:
        after = position
        for each in resting:
            if each.side is side:
                fill = Fill("f", each.order_id, "M", side, each.price, each.remaining, 0, False, 0)
                after, _ = apply_fill(after, fill, ONE, purpose=Purpose.QUOTE)
        reached.append(after.cost)
    assert exposure_of([position], resting, ONE, 0).per_market.get("M", 0) == max(reached)


def test_exposure_adds_up_over_markets():
    exposure = exposure_of(
        [Position("A", 100, 400_000), Position("C")],
        [order(BUY, 4_000, 50, "B"), order(SELL, 4_000, 50, "B"), order(SELL, 6_000, 100, "A")],
        ONE,
        -7,
    )
    assert exposure.per_market == {"A": 400_000, "B": 300_000}
    assert (exposure.gross, exposure.open_orders, exposure.daily_pnl) == (700_000, 3, -7)


def test_the_cheapest_orders_are_the_ones_that_reduce():
    dear, cheap = order(SELL, 1_000, 100), order(SELL, 9_000, 100)
    for resting in ([dear, cheap], [cheap, dear]):
        assert exposure_of([Position("M", 100, 400_000)], resting, ONE, 0).per_market == {"M": 900_000}


def test_where_nothing_nets_a_sale_puts_nothing_at_risk():
    exposure = exposure_of([Position("M", 100, 400_000)], [order(SELL, 5_000, 100), order(BUY, 3_000, 10)], None, 0)
    assert exposure.per_market == {"M": 430_000}


def test_pnl_counts_open_sizes_at_what_closing_pays():
    positions = [
        Position("A", 100, 400_000, realized=5_000, fees=1_000),
        Position("B", -100, 400_000),
        Position("C", 0, 0, realized=-3_000),
    ]
    pnl = account_pnl(positions, {"A": Top(4_500, 4_700), "B": Top(5_000, 5_100)}, ONE)
    assert (pnl.total, pnl.blind) == (50_000 + 4_000 + 90_000 - 3_000, ())
    assert pnl.unrealized == {"A": 50_000, "B": 90_000}


def test_a_side_that_nobody_bids_counts_as_nothing_and_no_book_counts_at_cost():
    long, short = Position("A", 100, 400_000), Position("B", -100, 300_000)
    one_sided = account_pnl([long, short], {"A": Top(None, 100), "B": Top(9_900, None)}, ONE)
    assert (one_sided.total, one_sided.blind) == (-700_000, ())
    unseen = account_pnl([long, short], {"A": Top(None, None)}, ONE)
    assert (unseen.total, unseen.blind) == (0, ("A", "B"))


def pnl_of(total, blind=(), **unrealized):
    return AccountPnl(total, blind, unrealized)


def test_the_day_starts_at_midnight_utc_and_keeps_its_mark():
    first = roll(None, pnl_of(500), 3 * DAY_MS + 5)
    assert first == DayMark(3, 500)
    assert roll(first, pnl_of(-900), 4 * DAY_MS - 1) is first
    assert roll(first, pnl_of(-900), 4 * DAY_MS) == DayMark(4, -900)
    assert roll(first, pnl_of(-900), 3 * DAY_MS - 1) is first  # a clock that runs backwards starts no day


def test_a_market_without_a_price_at_midnight_starts_its_day_at_the_first_one():
    """Else yesterday's loss would halt today, and yesterday's gain would hide today's loss."""
    dark = roll(DayMark(3, 0), pnl_of(100, ("A", "B"), C=-30), 4 * DAY_MS)
    assert dark == DayMark(4, 100, ("A", "B"))
    assert roll(dark, pnl_of(60, ("A", "B")), 4 * DAY_MS + 1) is dark
    half = roll(dark, pnl_of(20, ("B",), A=-80), 4 * DAY_MS + 2)
    assert half == DayMark(4, 20, ("B",))
    assert roll(half, pnl_of(20, (), A=-95), 4 * DAY_MS + 3) == DayMark(4, 20)  # B is flat by now


def flatten(position, bid, ask, stop=STOP):
    return should_flatten(position, Top(bid, ask), RULES, ONE, stop, decision_id="d1")


def test_a_long_is_sold_just_below_the_bid_once_its_loss_reaches_the_stop():
    long = Position("M", 10_000, 50_000_000)
    assert flatten(long, 4_931, 5_000) is None
    decision = flatten(long, 4_930, 5_000)
    assert decision is not None
    assert (decision.loss, decision.is_blind) == (700_000, False)
    target = decision.target
    assert target is not None
    assert (target.side, target.size, target.leg, target.purpose) == (SELL, 10_000, "flatten", Purpose.EXIT)
    assert (target.time_in_force, target.reduce_only, target.post_only) == (TimeInForce.IMMEDIATE, True, False)
    assert (target.price, target.expires_at_ms, target.decision_id) == (4_730, 0, "d1")


def test_the_second_outcome_is_bought_back_just_above_the_ask():
    decision = flatten(Position("M", -10_000, 50_000_000), 5_000, 5_100)
    assert decision is not None
    assert decision.target is not None
    assert (decision.loss, decision.target.side, decision.target.price) == (1_000_000, BUY, 5_300)


def test_the_protected_price_stays_on_the_venues_range():
    low = flatten(Position("M", 10_000, 50_000_000), 100, 300)
    high = flatten(Position("M", -10_000, 50_000_000), 9_700, 9_900)
    assert low is not None
    assert high is not None
    assert (low.target.price, high.target.price) == (100, 9_900)


@pytest.mark.parametrize(
    ("bid", "ask", "loss"),
    [
        (None, 5_000, None),  # nobody bids
        (None, None, None),
        (4_000, None, 10_000_000),  # a bid, but no market around it
        (100, 6_000, 49_000_000),  # one abandoned bid
        (4_500, 4_400, 5_000_000),  # crossed
    ],
)
def test_without_a_price_to_trust_the_decision_is_blind(bid, ask, loss):
    decision = flatten(Position("M", 10_000, 50_000_000), bid, ask)
    assert decision is not None
    assert decision.is_blind
    assert (decision.loss, decision.target) == (loss, None)


def test_a_position_that_cost_less_than_the_stop_is_left_alone_also_without_a_price():
    assert flatten(Position("M", 100, 600_000), None, None) is None
    assert flatten(Position("M", 0), None, None) is None
    unbounded = Position("M", -100, -600_000)  # sold more than we know of, where nothing nets: no bound to the loss
    decision = should_flatten(unbounded, Top(None, None), RULES, None, STOP, decision_id="d1")
    assert decision is not None
    assert decision.is_blind


def test_a_gain_or_dust_is_not_flattened():
    assert flatten(Position("M", 10_000, 50_000_000), 5_500, 5_600) is None
    assert flatten(Position("M", 99, 99 * 9_000), 100, 200) is None
    odd = flatten(Position("M", 10_050, 50_250_000), 4_000, 4_100)
    assert odd is not None
    assert odd.target.size == 10_000


@given(st.integers(-50_000, 50_000), st.integers(1, 97), st.integers(1, 99), st.integers(1, 99))
def test_a_flatten_order_trades_at_once_reduces_and_only_when_due(size, bid, ask, entry):
    position = Position("M", size, abs(size) * entry * 100)
    decision = flatten(position, bid * 100, ask * 100)
    pnl = unrealized(position, bid * 100, ask * 100, ONE)
    due = abs(size) >= 100 and -pnl >= STOP.stop_loss
    assert (decision is not None) == due
    if decision is None or decision.target is None:
        return
    target = decision.target
    assert target.size <= abs(size)
    assert target.side is (SELL if size > 0 else BUY)
    best = bid * 100 if size > 0 else ask * 100
    assert 0 <= (best - target.price if size > 0 else target.price - best) <= 200
    assert not RULES.snap(target.price, target.side).moved


@pytest.mark.parametrize(("name", "value"), [("stop_loss", 0), ("slippage_ticks", -1), ("max_spread", 0)])
def test_an_inventory_stop_that_can_not_work_is_refused(name, value):
    with pytest.raises(InvalidInputError, match=name):
        structs.replace(STOP, **{name: value})


@pytest.mark.parametrize(("failed", "total", "warns"), [(0, 0, False), (1, 2, False), (2, 3, True), (1, 1, True)])
def test_more_than_half_failed_is_a_warning(failed, total, warns):
    assert share_failed(failed, total) is warns
