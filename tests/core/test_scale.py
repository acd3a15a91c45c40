"""Text to units and back: exact, or refused."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidInputError
from holdfast.core.scale import Scale, format_units, parse_units

decimals = st.integers(0, 18)
units = st.integers(-(10**24), 10**24)


@given(units, decimals)
def test_text_of_units_reads_back_as_the_same_units(value, places):
    text = format_units(value, places)
    assert parse_units(text, places, "x") == value
    assert Decimal(text).as_tuple().exponent == -places


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12), max_value=10**12), decimals)
def test_a_number_is_parsed_exactly_or_refused(value, places):
    exact = value * 10**places
    if exact == int(exact):
        assert parse_units(str(value), places, "x") == exact
    else:
        with pytest.raises(InvalidInputError, match=f"at most {places} decimals"):
            parse_units(str(value), places, "x")


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "NaN", "sNaN", "Infinity", "-inf", "1e400", "1e999999", "0.00001", "1e-2000000", "1..2",
        "0.4700000000000000000000000000001", "1" * 28 + ".00001", None, [], 0.47,
    ],
)  # fmt: skip
def test_what_is_no_exact_number_is_refused_with_the_field(text):
    with pytest.raises(InvalidInputError, match=r"^price: "):
        parse_units(text, 4, "price")


@given(units, units)
def test_price_times_size_is_money_without_rounding(price, size):
    scale = Scale(4, 2)
    assert scale.price(scale.price_text(price)) == price
    assert scale.size(scale.size_text(size)) == size
    product = Fraction(scale.price_text(price)) * Fraction(scale.size_text(size))
    assert Fraction(scale.money_text(price * size)) == product
    assert scale.money(scale.money_text(price * size)) == price * size


def test_a_scale_says_what_one_costs():
    scale = Scale(4, 2)
    assert scale.price("0.47") * scale.size("3") == scale.money("1.41")
    assert scale.one * scale.size("3") == scale.money(3)
    assert scale.money_decimal(-1_410_000) == Decimal("-1.41")
    assert (scale.price_text(-5), Scale(0, 0).price_text(12)) == ("-0.0005", "12")
