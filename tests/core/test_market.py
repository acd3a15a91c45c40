"""Market rules: an order price is always on the venue's grid and never worse than asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side

CENT = (PriceBand(0, 10_000, 100),)
TAPERED = (PriceBand(0, 1_000, 10), PriceBand(1_000, 9_000, 100), PriceBand(9_000, 10_000, 10))


def rules(bands=CENT, min_size=1, size_step=1):
    return MarketRules("M", bands, min_size, size_step, MarketStatus.OPEN)


@st.composite
def band_sets(draw):
    start, bands = draw(st.sampled_from([0, 500])), []
    for _ in range(draw(st.integers(1, 4))):
        step = draw(st.sampled_from([1, 5, 10, 25, 100]))
        end = start + step * draw(st.integers(2, 60))
        bands.append(PriceBand(start, end, step))
        start = end
    return tuple(bands)


def grid(bands):
    points = {price for band in bands for price in range(band.low, band.high + 1, band.step)}
    return sorted(points - {0, bands[-1].high})


@given(band_sets(), st.integers(-100, 20_000), st.sampled_from(Side))
def test_snapping_finds_the_nearest_safe_price_of_the_grid(bands, price, side):
    market, allowed = rules(bands), grid(bands)
    assert (market.lowest, market.highest) == (allowed[0], allowed[-1])
    safe = [point for point in allowed if (point <= price if side is Side.BUY else point >= price)]
    if not safe:
        with pytest.raises(InvalidInputError, match="price of M"):
            market.snap(price, side)
        return
    snapped = market.snap(price, side)
    assert snapped.price == (safe[-1] if side is Side.BUY else safe[0])
    assert (snapped.asked, snapped.moved) == (price, price not in allowed)


@given(band_sets(), st.data(), st.sampled_from(Side))
def test_one_tick_from_a_price_of_the_grid_is_its_neighbour(bands, data, side):
    allowed = grid(bands)
    index = data.draw(st.integers(1, len(allowed) - 2)) if len(allowed) > 2 else 0
    if not index:
        return
    step = rules(bands).tick_at(allowed[index], side)
    neighbour = allowed[index - 1] if side is Side.BUY else allowed[index + 1]
    assert allowed[index] + (-step if side is Side.BUY else step) == neighbour


def test_ticks_change_at_the_border_of_a_band():
    market = rules(TAPERED)
    assert (market.tick_at(1_000, Side.BUY), market.tick_at(1_000, Side.SELL)) == (10, 100)
    assert (market.tick_at(9_000, Side.BUY), market.tick_at(9_000, Side.SELL)) == (100, 10)
    assert (market.snap(1_050, Side.BUY).price, market.snap(1_050, Side.SELL).price) == (1_000, 1_100)
    assert (market.lowest, market.highest) == (10, 9_990)


@given(st.integers(-10, 10_000), st.integers(1, 500), st.integers(1, 100))
def test_a_size_is_never_raised_and_never_below_the_minimum(size, min_size, size_step):
    snapped = rules(min_size=min_size, size_step=size_step).snap_size(size)
    assert snapped == 0 or (min_size <= snapped <= size and snapped % size_step == 0)
    larger = (max(size, 0) // size_step) * size_step
    assert snapped == (larger if larger >= min_size else 0)


@pytest.mark.parametrize(
    "bands",
    [
        (),
        (PriceBand(0, 0, 1),),
        (PriceBand(0, 100, 0),),
        (PriceBand(-100, 100, 10),),
        (PriceBand(0, 100, 30),),
        (PriceBand(0, 100, 10), PriceBand(200, 300, 10)),
        (PriceBand(0, 100, 10), PriceBand(90, 300, 10)),
    ],
)
def test_bands_that_would_misplace_a_price_are_refused(bands):
    with pytest.raises(InvalidInputError, match="bands of M"):
        rules(bands)


def test_sizes_without_a_step_are_refused():
    with pytest.raises(InvalidInputError, match="sizes of M"):
        rules(size_step=0)
    with pytest.raises(InvalidInputError, match="sizes of M"):
        rules(min_size=0)
