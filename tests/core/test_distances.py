"""Levels are ordered, on the grid, on the safe side of what was asked, and the same for either outcome."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.bracket import Levels
from holdfast.core.distances import Distance, Distances, Unit, parse_distance
from holdfast.core.errors import InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.levels import Terms, levels_of, reanchored, refusal_of_entry
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.scale import Scale

SCALE = Scale(4, 2)
ONE = SCALE.one
CENT = (PriceBand(0, ONE, 100),)
TAPERED = (PriceBand(0, 1_000, 10), PriceBand(1_000, 9_000, 100), PriceBand(9_000, ONE, 10))
LOPSIDED = (PriceBand(0, 2_000, 5), PriceBand(2_000, 5_000, 50), PriceBand(5_000, ONE, 250))


def grid_of(bands=CENT, side=Side.BUY):
    return OwnGrid(MarketRules("M", bands, 1, 1, MarketStatus.OPEN), side, SCALE, ONE)


def distances(take_profit="0.10", stop="0.07", soft="0.07", hard="0.10", trailing=()):
    activation, distance = (parse_distance(text) for text in trailing) if trailing else (None, None)
    return Distances(
        take_profit=parse_distance(take_profit),
        stop_loss=parse_distance(stop),
        soft_stop=parse_distance(soft),
        hard_stop=parse_distance(hard),
        trailing_activation=activation,
        trailing_distance=distance,
    )


def terms(entry, bid=None, ask=None, **more):
    return Terms(entry, entry - 100 if bid is None else bid, entry if ask is None else ask, **more)


def mirrored(bands):
    return tuple(PriceBand(ONE - band.high, ONE - band.low, band.step) for band in reversed(bands))


def points(bands):
    found = {price for band in bands for price in range(band.low, band.high + 1, band.step)}
    return sorted(found - {0, ONE})


# Text


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("0.07", "0.07", Unit.PRICE),
        ("8%", "8", Unit.PERCENT),
        (" 1.8atr ", "1.8", Unit.ATR),
        ("0.5%", "0.5", Unit.PERCENT),
        ("25", "25", Unit.PRICE),
    ],
)
def test_a_distance_is_read_as_written(text, amount, unit):
    assert parse_distance(text) == Distance(Decimal(amount), unit)
    assert str(parse_distance(text)) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "0%", "-0.07", "+1", "7 %", "1.8 ATR", ".07", "1e-2", "NaN", "7c", "%", "0.0000001", "٣%"]
)
def test_a_bad_distance_is_refused_by_name_and_value(text):
    with pytest.raises(InvalidInputError, match="stop_loss: ") as refused:
        parse_distance(text, "stop_loss")
    assert refused.value.value == text
    assert "8%" in refused.value.allowed


def test_one_trailing_distance_without_the_other_is_refused():
    with pytest.raises(InvalidInputError, match="trailing_distance"):
        structs.replace(distances(), trailing_activation=parse_distance("0.05"))


# The own grid


@pytest.mark.parametrize("bands", [CENT, TAPERED, LOPSIDED])
@given(st.integers(-300, ONE + 300), st.sampled_from(Side))
def test_floor_and_ceil_are_the_grids_neighbours_in_own_prices(bands, price, side):
    own = grid_of(bands, side)
    allowed = points(bands if side is Side.BUY else mirrored(bands))
    assert (own.lowest, own.highest) == (allowed[0], allowed[-1])
    assert own.floor(price) == max((p for p in allowed if p <= price), default=None)
    assert own.ceil(price) == min((p for p in allowed if p >= price), default=None)


@pytest.mark.parametrize("bands", [CENT, TAPERED, LOPSIDED])
@given(st.data(), st.sampled_from(Side))
def test_ticks_lead_to_the_neighbours_in_own_prices(bands, data, side):
    own = grid_of(bands, side)
    allowed = points(bands if side is Side.BUY else mirrored(bands))
    index = data.draw(st.integers(1, len(allowed) - 2))
    assert allowed[index] - own.tick_below(allowed[index]) == allowed[index - 1]
    assert allowed[index] + own.tick_above(allowed[index]) == allowed[index + 1]


def test_a_sale_holds_nothing_where_no_outcomes_net():
    with pytest.raises(InvalidInputError, match="side of a position"):
        OwnGrid(MarketRules("M", CENT, 1, 1, MarketStatus.OPEN), Side.SELL, SCALE, None)


# Levels


@st.composite
def cases(draw):
    """A grid, a book on it, an entry price on or off it, and distances in any unit, sensible or not."""
    bands = draw(st.sampled_from([CENT, TAPERED, LOPSIDED]))
    side = draw(st.sampled_from(Side))
    allowed = points(bands if side is Side.BUY else mirrored(bands))
    index = draw(st.integers(0, len(allowed) - 2))
    bid, ask = allowed[index], allowed[min(index + draw(st.integers(1, 8)), len(allowed) - 1)]
    entry = draw(st.integers(max(bid - 300, 1), min(ask + 300, ONE - 1)))
    written = st.one_of(
        st.integers(1, 4_000).map(lambda units: f"{Decimal(units) / 10_000:f}"),
        st.integers(1, 1_500).map(lambda permille: f"{Decimal(permille) / 10:f}%"),
        st.integers(1, 60).map(lambda tenths: f"{Decimal(tenths) / 10:f}atr"),
    )
    wanted = distances(*(draw(written) for _ in range(4)), trailing=(draw(written), draw(written)))
    seen = Terms(entry, bid, ask, atr=draw(st.integers(1, 800)), fee=draw(st.integers(0, 200)))
    return grid_of(bands, side), wanted, seen


def asked_units(distance, seen, cushions=True):
    """What a person asked for, in price units."""
    if distance.unit is Unit.PRICE:
        return distance.amount * ONE
    if distance.unit is Unit.PERCENT:
        return distance.amount * seen.entry / 100
    floor = Decimal(12 * seen.entry) / 1_000
    return max(distance.amount * seen.atr, floor) + (seen.ask - seen.bid + seen.fee if cushions else 0)


@given(cases())
def test_levels_are_ordered_and_on_the_grid(case):
    grid, wanted, seen = case
    levels = levels_of(grid, wanted, seen)
    for level in (levels.take_profit, levels.stop, levels.soft_stop, levels.hard_stop, levels.trailing_activation):
        assert level == 0 or grid.floor(level) == level == grid.ceil(level)
    assert levels.take_profit == 0 or levels.take_profit > seen.entry
    assert (levels.take_profit == 0) == (grid.highest <= seen.entry)
    assert max(levels.stop, levels.soft_stop) < seen.entry
    if levels.hard_stop:
        assert levels.hard_stop < min(levels.stop, levels.soft_stop)
    assert (levels.trailing_activation == 0) == (levels.trailing_distance == 0)


@given(cases())
def test_stops_are_never_nearer_than_spread_and_two_ticks_and_never_lose_more_than_asked(case):
    grid, wanted, seen = case
    levels = levels_of(grid, wanted, seen)
    least = seen.ask - seen.bid + 2 * grid.tick_below(seen.entry)
    if not levels.hard_stop:
        assert seen.entry - least < grid.lowest + grid.tick_above(grid.lowest), "there was room for a stop"
        assert levels.stop == levels.soft_stop in (0, grid.lowest)
        assert refusal_of_entry(grid, wanted, seen) is not None
        return
    bands = grid.rules.bands if grid.side is Side.BUY else mirrored(grid.rules.bands)
    possible = [price for price in points(bands)[1:] if price <= seen.entry - least]
    for level, distance in ((levels.stop, wanted.stop_loss), (levels.soft_stop, wanted.soft_stop)):
        asked = seen.entry - asked_units(distance, seen)
        no_worse = [price for price in possible if price >= asked]
        assert level == (no_worse[0] if no_worse else possible[-1])
    assert seen.entry - levels.hard_stop > least


@given(cases())
def test_a_take_profit_asks_for_no_less_than_wanted_unless_the_market_can_pay_no_more(case):
    grid, wanted, seen = case
    levels = levels_of(grid, wanted, seen)
    assume(levels.take_profit)
    asked = seen.entry + asked_units(wanted.take_profit, seen)
    least = seen.entry + seen.ask - seen.bid + 2 * grid.tick_above(seen.entry)
    expected = grid.ceil(max(asked, Decimal(least)))
    assert levels.take_profit == (grid.highest if expected is None else expected)


@given(cases())
def test_a_trailing_stop_gets_no_cushions_and_moves_in_whole_ticks(case):
    grid, wanted, seen = case
    levels = levels_of(grid, wanted, seen)
    assume(levels.trailing_activation)
    tick = grid.tick_below(seen.entry)
    asked = max(asked_units(wanted.trailing_distance, seen, cushions=False), seen.ask - seen.bid + 2 * tick)
    assert levels.trailing_distance % tick == 0
    assert 0 <= levels.trailing_distance - asked < tick


@given(cases())
def test_the_second_outcome_is_the_first_of_the_mirrored_market(case):
    grid, wanted, seen = case
    rules = structs.replace(grid.rules, bands=mirrored(grid.rules.bands))
    other = OwnGrid(rules, grid.side.opposite, SCALE, ONE)
    assert levels_of(other, wanted, seen) == levels_of(grid, wanted, seen)
    assert refusal_of_entry(other, wanted, seen) == refusal_of_entry(grid, wanted, seen)


@given(cases())
def test_an_entry_that_is_not_refused_has_every_level_and_none_of_them_is_due(case):
    grid, wanted, seen = case
    assume(refusal_of_entry(grid, wanted, seen) is None)
    levels = levels_of(grid, wanted, seen)
    assert 0 < levels.hard_stop < min(levels.stop, levels.soft_stop)
    assert max(levels.stop, levels.soft_stop) < seen.bid < levels.take_profit
    assert levels.take_profit > seen.entry + seen.fee


@given(cases(), st.integers(-400, 400))
def test_after_the_entry_the_distances_are_kept_from_the_average_price(case, moved):
    grid, wanted, seen = case
    levels = levels_of(grid, wanted, seen)
    assert reanchored(levels, grid, seen.entry, seen) == levels, "bought as planned: nothing changes"
    average = structs.replace(seen, entry=min(max(seen.entry + moved, 1), ONE - 1))
    after = reanchored(levels, grid, seen.entry, average)
    if after.hard_stop:
        least = seen.ask - seen.bid + 2 * grid.tick_below(average.entry)
        assert after.hard_stop < min(after.stop, after.soft_stop) <= average.entry - least
    if after.take_profit not in (0, grid.highest) and levels.take_profit != grid.highest:
        assert after.take_profit - average.entry >= levels.take_profit - seen.entry


def test_the_defaults_at_half_a_dollar():
    assert levels_of(grid_of(), distances(trailing=("0.05", "0.04")), terms(5_000)) == Levels(
        take_profit=6_000,
        stop=4_300,
        soft_stop=4_300,
        hard_stop=4_000,
        trailing_activation=5_500,
        trailing_distance=400,
    )


def test_filled_two_cents_better_than_planned_the_levels_follow():
    levels = levels_of(grid_of(), distances(), terms(5_200, bid=4_900, ask=5_000))
    after = reanchored(levels, grid_of(), 5_200, terms(5_000, bid=4_900, ask=5_000))
    assert after == Levels(take_profit=6_000, stop=4_300, soft_stop=4_300, hard_stop=4_000)


def test_filled_better_a_take_profit_at_the_end_of_the_grid_stays_there():
    levels = levels_of(grid_of(), distances(), terms(9_500, bid=9_200, ask=9_300))
    assert levels.take_profit == 9_900
    assert reanchored(levels, grid_of(), 9_500, terms(9_300, bid=9_200, ask=9_300)).take_profit == 9_900


def test_an_average_between_ticks_loses_and_gains_no_less_than_asked():
    levels = levels_of(grid_of(), distances(), terms(5_033, bid=4_900, ask=5_000))
    assert (levels.take_profit, levels.stop, levels.hard_stop) == (6_100, 4_400, 4_100)


def test_percent_is_of_the_entry_price():
    levels = levels_of(grid_of(), distances("20%", "10%", "12%", "16%"), terms(5_000))
    assert (levels.take_profit, levels.stop, levels.soft_stop, levels.hard_stop) == (6_000, 4_500, 4_400, 4_200)


def test_atr_has_a_floor_and_cushions_for_spread_and_fee():
    fine = grid_of((PriceBand(0, ONE, 1),))
    wanted = distances("3atr", "1.8atr", "1.8atr", "3atr")
    seen = terms(5_000, bid=4_998, ask=5_000, atr=100, fee=60)
    assert levels_of(fine, wanted, seen).stop == 5_000 - 180 - 2 - 60
    quiet = levels_of(fine, wanted, structs.replace(seen, atr=3))
    assert quiet.stop == 5_000 - 60 - 2 - 60, "1.2 % of the entry price"
    assert quiet.take_profit == 5_000 + 60 + 2 + 60


@pytest.mark.parametrize("atr", [None, 0])
def test_a_missing_atr_refuses_loudly_and_only_where_it_is_needed(atr):
    wanted = distances(soft="1.8atr")
    with pytest.raises(InvalidInputError, match=r"soft_stop: '1\.8atr' is not allowed.*ATR is not known"):
        levels_of(grid_of(), wanted, terms(5_000, atr=atr))
    assert "ATR is not known" in refusal_of_entry(grid_of(), wanted, terms(5_000, atr=atr))
    assert refusal_of_entry(grid_of(), distances(), terms(5_000, atr=atr)) is None


def test_a_take_profit_beyond_the_grid_is_its_highest_price():
    assert levels_of(grid_of(), distances(), terms(9_800)).take_profit == 9_900
    assert levels_of(grid_of(TAPERED), distances(), terms(9_800)).take_profit == 9_990


def test_stops_below_the_grid_are_lifted_onto_it_in_order():
    levels = levels_of(grid_of(), distances(), terms(600))
    assert (levels.stop, levels.soft_stop, levels.hard_stop) == (200, 200, 100)
    assert refusal_of_entry(grid_of(), distances(), terms(600)) is None


def test_a_price_without_room_for_two_stops_is_refused_but_what_is_held_keeps_the_lowest_price():
    refused = refusal_of_entry(grid_of(), distances(), terms(400))
    assert "no stop fits below an entry at 0.0400: the lowest price is 0.0100" in refused
    assert levels_of(grid_of(), distances(), terms(400)) == Levels(1_400, stop=100, soft_stop=100, hard_stop=0)
    assert levels_of(grid_of(), distances(), terms(200, bid=100)).stop == 0, "the lowest price would fire at once"
    assert levels_of(grid_of(), distances(), terms(100, bid=50)).stop == 0, "nothing is below the lowest price"


def test_a_hard_stop_that_is_no_wider_goes_below_the_others():
    levels = levels_of(grid_of(), distances(stop="0.07", soft="0.08", hard="0.05"), terms(5_000))
    assert levels.hard_stop == 4_100


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Terms(5_000, None, 5_000), "nobody bids"),
        (Terms(5_000, 4_900, None), "nobody asks"),
        (Terms(5_000, 5_000, 5_000), "crossed"),
        (Terms(5_000, 4_300, 4_400), "the stop at 0.4300 would fire at once: the best bid is 0.4300"),
        (Terms(9_900, 9_800, 9_900), "no take profit fits above an entry at 0.9900"),
        (
            Terms(9_800, 9_700, 9_800, fee=100),
            "the take profit at 0.9900 does not pay the fee of 0.0100 on an entry at 0.9800",
        ),
        (Terms(5_000, 6_000, 6_100), "the take profit at 0.6000 would fill at once: the best bid is 0.6000"),
    ],
)
def test_an_entry_that_would_exit_at_once_or_never_gain_is_refused_in_words(seen, said):
    assert said in refusal_of_entry(grid_of(), distances(), seen)


def test_a_soft_stop_that_would_fire_is_named():
    wanted = distances(stop="0.20", soft="0.05", hard="0.30")
    assert "the soft stop at 0.4500 would fire" in refusal_of_entry(grid_of(), wanted, Terms(5_000, 4_400, 4_500))


@pytest.mark.parametrize("entry", [0, -1, ONE])
@pytest.mark.parametrize("one", [ONE, None])
def test_an_entry_price_that_no_market_has_is_refused(entry, one):
    with pytest.raises(InvalidInputError, match="entry price in M"):
        levels_of(structs.replace(grid_of(), one=one), distances(), Terms(entry, 4_900, 5_000))


def test_a_request_replaces_some_distances_and_leaves_the_others():
    changed = distances().overridden({"take_profit": "8%", "hard_stop": "0.5"})
    assert (str(changed.take_profit), str(changed.hard_stop)) == ("8%", "0.5")
    assert (changed.stop_loss, changed.soft_stop) == (distances().stop_loss, distances().soft_stop)
    assert distances().overridden({}) == distances()


def test_a_stop_loss_takes_the_soft_stop_with_it():
    nearer = distances().overridden({"stop_loss": "0.03"})
    assert (str(nearer.stop_loss), str(nearer.soft_stop)) == ("0.03", "0.03")
    apart = distances().overridden({"stop_loss": "0.03", "soft_stop": "0.04"})
    assert str(apart.soft_stop) == "0.04"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"stop": "0.05"}, "stop_loss"),
        ({"take_profit": "much"}, "take_profit"),
        ({"stop_loss": "0.5"}, "hard_stop.*more than the stop at 0.5"),
        ({"hard_stop": "0.01"}, "more than the stop"),
        ({"trailing_distance": "0.02"}, "trailing_distance"),
    ],
)
def test_replacements_that_protect_nothing_are_refused(texts, said):
    with pytest.raises(InvalidInputError, match=said):
        distances().overridden(texts)
