"""Inventory-skewed quotes: never through the market, never beyond the position limit, quiet when in doubt."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.book import BookState, OrderBook
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.orders import Purpose, TimeInForce
from holdfast.core.positions import Position
from holdfast.core.quoting import InventorySkewQuotes, QuoteConfig
from holdfast.core.scale import Scale
from holdfast.core.strategy import MarketView, Strategy

SCALE = Scale(4, 2)
NOW = 1_000_000
CENT = (PriceBand(0, 10_000, 100),)
TAPERED = (PriceBand(0, 1_000, 10), PriceBand(1_000, 9_000, 100), PriceBand(9_000, 10_000, 10))
BUY, SELL = Side.BUY, Side.SELL

quotes: Strategy = InventorySkewQuotes()


def view(bids=((4_700, 5_000),), asks=((4_900, 5_000),), bands=CENT, **changes):
    book = OrderBook("M", bids, asks, NOW)
    rules = MarketRules("M", bands, min_size=100, size_step=100, status=MarketStatus.OPEN, close_at_ms=NOW + 3_600_000)
    seen = MarketView("M", rules, book, book.state(NOW, 5_000), NOW, SCALE.one, SCALE, NOW + 90_000, "d1", priority=3)
    return structs.replace(seen, **changes)


def targets(seen, held=0, **config):
    return list(quotes.compute_targets(seen, Position("M", held), QuoteConfig(**config)))


def prices(found, side):
    return [target.price for target in found if target.side is side]


@st.composite
def cases(draw):
    """A two-sided book on a grid, a position and a config, sensible or not."""
    bands = draw(st.sampled_from([CENT, TAPERED, (PriceBand(0, 10_000, 1),)]))
    seen = view(bands=bands)
    side_sizes = st.integers(1, 100_000)
    bid = seen.rules.snap(draw(st.integers(10, 9_880)), BUY).price if bands != CENT else draw(st.integers(1, 98)) * 100
    ask = seen.rules.snap(bid + draw(st.integers(1, 2_500)), SELL).price if bid < 7_000 else seen.rules.highest
    assume(bid < ask)
    more = draw(st.lists(st.tuples(st.integers(1, 9_999), side_sizes), max_size=6))
    bids = [(bid, draw(side_sizes)), *((price, size) for price, size in more if price < bid)]
    asks = [(ask, draw(side_sizes)), *((price, size) for price, size in more if price > ask)]
    config = QuoteConfig(
        half_spread=Decimal(draw(st.integers(1, 1_500))) / 10_000,
        size=Decimal(draw(st.integers(1, 4_000))) / 100,
        levels=draw(st.integers(1, 10)),
        level_step=draw(st.integers(1, 5)),
        skew=Decimal(draw(st.integers(0, 2_000))) / 10_000,
        max_position=Decimal(40),
        fair_depth=Decimal(draw(st.integers(1, 500))) / 100,
        max_market_spread=Decimal(1),
        lowest_price=Decimal("0.01"),
        highest_price=Decimal("0.99"),
    )
    return view(bids, asks, bands), draw(st.integers(-9_000, 9_000)), config


@given(cases())
def test_every_quote_is_on_the_grid_behind_the_opposite_best_and_within_bounds(case):
    seen, size, config = case
    found = quotes.compute_targets(seen, Position("M", size), config)
    for target in found:
        assert target.price < seen.book.best_ask if target.side is BUY else target.price > seen.book.best_bid
        assert not seen.rules.snap(target.price, target.side).moved
        assert 100 <= target.price <= 9_900
        assert seen.rules.snap_size(target.size) == target.size > 0
        assert target.post_only
        assert (target.purpose, target.time_in_force, target.reduce_only) == (
            Purpose.QUOTE, TimeInForce.RESTING, False,
        )  # fmt: skip
        assert (target.expires_at_ms, target.decision_id, target.priority) == (NOW + 90_000, "d1", 3)
    bids, asks = prices(found, BUY), prices(found, SELL)
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert not bids or not asks or bids[0] < asks[0]
    assert len({target.leg for target in found}) == len(found)


@given(cases(), st.booleans())
def test_no_set_of_fills_takes_the_inventory_beyond_the_limit(case, netting):
    seen, size, config = case
    seen = structs.replace(seen, one=SCALE.one if netting else None)
    found = quotes.compute_targets(seen, Position("M", size), config)
    bought = sum(target.size for target in found if target.side is BUY)
    sold = sum(target.size for target in found if target.side is SELL)
    assert not bought or size + bought <= 4_000
    assert not sold or size - sold >= (-4_000 if netting else 0)


@given(cases(), st.integers(1, 3_000))
def test_more_inventory_never_raises_a_price(case, more):
    seen, size, config = case
    config = structs.replace(config, levels=1, max_position=Decimal(10_000))
    before = quotes.compute_targets(seen, Position("M", size), config)
    after = quotes.compute_targets(seen, Position("M", size + more), config)
    for side in Side:
        if prices(before, side) and prices(after, side):
            assert prices(after, side) <= prices(before, side)


def test_quotes_stand_around_the_fair_price():
    found = targets(view(), half_spread=Decimal("0.03"), levels=2, level_step=2, size=Decimal(5))
    assert [(t.leg, t.side, t.price, t.size) for t in found] == [
        ("bid-0", BUY, 4_500, 500),
        ("bid-1", BUY, 4_300, 500),
        ("ask-0", SELL, 5_100, 500),
        ("ask-1", SELL, 5_300, 500),
    ]


def test_the_fair_price_leans_towards_the_thin_side():
    thin_asks = view(bids=[(4_500, 9_000)], asks=[(5_000, 200), (5_500, 9_000)])
    assert prices(targets(thin_asks), BUY) == [4_700]  # asks average 0.54 over 10 contracts: fair 0.495
    assert prices(targets(thin_asks), SELL) == [5_200]


def test_one_small_order_ahead_of_the_market_moves_quotes_by_its_share_only():
    fine = (PriceBand(0, 10_000, 1),)
    honest = view(bids=[(4_000, 5_000)], asks=[(5_000, 5_000)], bands=fine)
    baited = view(bids=[(4_900, 100), (4_000, 5_000)], asks=[(5_000, 5_000)], bands=fine)
    assert prices(targets(honest), BUY) == [4_300]
    assert prices(targets(baited), BUY) == [4_345]  # a tenth of the depth: a tenth of half the way


def test_a_small_move_of_depth_leaves_the_prices_alone():
    quoted = {(t.leg, t.price) for t in targets(view(asks=[(4_900, 500), (5_100, 5_000)]))}
    assert {(t.leg, t.price) for t in targets(view(asks=[(4_900, 450), (5_100, 4_000)]))} == quoted


def test_full_inventory_moves_both_sides_by_the_skew():
    config = {"half_spread": Decimal("0.04"), "skew": Decimal("0.03"), "max_position": Decimal(50)}
    assert (prices(targets(view(), 0, **config), BUY), prices(targets(view(), 0, **config), SELL)) == ([4_400], [5_200])
    assert prices(targets(view(), 5_000, **config), SELL) == [4_900]
    assert prices(targets(view(), -5_000, **config), BUY) == [4_700]


def test_inventory_beyond_the_limit_moves_prices_no_further():
    config = {"half_spread": Decimal("0.10")}
    assert prices(targets(view(), 40_000, **config), SELL) == prices(targets(view(), 10_000, **config), SELL) == [5_600]


def test_at_the_limit_only_the_reducing_side_is_quoted():
    assert {t.side for t in targets(view(), 10_000)} == {SELL}
    assert {t.side for t in targets(view(), -10_000)} == {BUY}
    assert {t.side for t in targets(view(), 40_000)} == {SELL}


def test_the_last_quote_is_cut_to_what_the_limit_leaves():
    found = targets(view(), 9_400, levels=3)
    assert [t.size for t in found if t.side is BUY] == [600]
    assert [t.size for t in found if t.side is SELL] == [1_000, 1_000, 1_000]


def test_without_netting_only_what_is_held_is_offered():
    found = targets(view(one=None), 1_500, levels=3)
    assert [t.size for t in found if t.side is SELL] == [1_000, 500]
    assert not prices(targets(view(one=None), 0), SELL)


def test_a_tight_market_is_joined_one_tick_behind_the_opposite_best():
    seen = view(bids=[(4_700, 5_000)], asks=[(4_800, 5_000)])
    found = targets(seen, 10_000, half_spread=Decimal("0.01"), skew=Decimal("0.10"), max_position=Decimal(200))
    assert prices(found, SELL) == [4_800]
    assert prices(found, BUY) == [4_100]
    found = targets(seen, -10_000, half_spread=Decimal("0.01"), skew=Decimal("0.10"), max_position=Decimal(200))
    assert prices(found, BUY) == [4_700]


def test_levels_step_by_the_ticks_of_the_band_that_they_enter():
    seen = view(bids=[(1_200, 5_000)], asks=[(1_400, 5_000)], bands=TAPERED)
    assert prices(targets(seen, levels=4), BUY) == [1_100, 1_000, 990, 980]
    seen = view(bids=[(8_600, 5_000)], asks=[(8_800, 5_000)], bands=TAPERED)
    assert prices(targets(seen, levels=4), SELL) == [8_900, 9_000, 9_010, 9_020]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (view(rules=structs.replace(view().rules, status=MarketStatus.PAUSED)), "market_paused"),
        (view(rules=structs.replace(view().rules, status=MarketStatus.CLOSED)), "market_closed"),
        (view(rules=structs.replace(view().rules, close_at_ms=NOW + 300_000)), "closing"),
        (view(rules=structs.replace(view().rules, close_at_ms=NOW - 1)), "closing"),
        (view(asks=[]), "book_one_sided"),
        (view(bids=[], asks=[]), "book_empty"),
        (view(bids=[(4_900, 1)]), "book_crossed"),
        (view(book_state=BookState.STALE), "book_stale"),
        (view(now_ms=NOW + 10_001), "book_stale"),
        (view(bids=[(3_000, 5_000)]), None),
        (view(bids=[(2_800, 5_000)]), "spread_wide"),
        (view(bids=[(4_700, 100), (1_000, 5_000)]), "spread_wide"),
        (view(bids=[(4_700, 999)]), "book_thin"),
        (view(asks=[(4_900, 500), (5_000, 499)]), "book_thin"),
        (view(bids=[(300, 5_000)], asks=[(400, 5_000)]), "price_outside"),
        (view(bids=[(9_600, 5_000)], asks=[(9_700, 5_000)]), "price_outside"),
        (view(rules=structs.replace(view().rules, close_at_ms=0)), None),
    ],
)
def test_quiet_when_in_doubt_and_says_why(seen, reason):
    config = QuoteConfig()
    assert quotes.quiet_reason(seen, config) == reason
    assert bool(quotes.compute_targets(seen, Position("M", 500), config)) == (reason is None)


def test_a_market_without_margin_is_left_alone():
    config = QuoteConfig(min_market_spread=Decimal("0.03"))
    assert quotes.quiet_reason(view(), config) == "spread_narrow"
    assert quotes.compute_targets(view(), Position("M"), config) == []
    thin_top = view(bids=[(4_700, 100), (4_000, 5_000)])  # the touch counts, not the averages
    assert quotes.quiet_reason(thin_top, config) == "spread_narrow"


def test_no_quote_outside_the_price_bounds():
    seen = view(bids=[(700, 5_000)], asks=[(900, 5_000)])
    found = targets(seen, levels=6, half_spread=Decimal("0.01"))
    assert prices(found, BUY) == [700, 600, 500]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("half_spread", Decimal(0)),
        ("half_spread", Decimal("NaN")),
        ("size", Decimal(-1)),
        ("size", Decimal(101)),
        ("levels", 0),
        ("levels", 11),
        ("level_step", 0),
        ("fair_depth", Decimal(0)),
        ("skew", Decimal("-0.01")),
        ("skew", Decimal("Infinity")),
        ("max_position", Decimal(0)),
        ("min_market_spread", Decimal("0.21")),
        ("lowest_price", Decimal("0.95")),
        ("quiet_before_close_seconds", -1),
        ("stale_after_seconds", 0),
    ],
)
def test_a_bad_parameter_is_refused_by_name(field, value):
    with pytest.raises(InvalidInputError, match=rf"^{field}: "):
        QuoteConfig(**{field: value})


def test_parameters_come_as_text_and_unknown_ones_are_refused():
    config = msgspec.convert({"half_spread": "0.03", "size": "5", "levels": 2}, quotes.Config)
    assert config.units(SCALE).half_spread == 300
    assert config.units(SCALE).size == 500
    with pytest.raises(msgspec.ValidationError, match="spred"):
        msgspec.convert({"spred": "0.03"}, quotes.Config)


def test_a_value_finer_than_the_venue_is_refused_by_name():
    with pytest.raises(InvalidInputError, match=r"^skew: .*4 decimals"):
        QuoteConfig(skew=Decimal("0.00001")).units(SCALE)
