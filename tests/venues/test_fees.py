"""The fees that levels and break-even rates rest on are never below what the venue takes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.assembly import price_terms
from holdfast.core.errors import InvalidInputError
from holdfast.state.accounts import Account
from holdfast.venues.kalshi.fees import HIGHEST as KALSHI
from holdfast.venues.kalshi.wire import SCALE as KALSHI_SCALE
from holdfast.venues.polymarket.fees import HIGHEST_RATES as POLYMARKET
from holdfast.venues.polymarket.fees import FeeSchedule
from holdfast.venues.polymarket.order import SCALE as POLYMARKET_SCALE
from local.venues.kalshi.fees import FeeModel

# What size each fee is compared for: the venues round every fill, which one contract alone would pay for.
CONTRACTS = 1_000


@given(st.integers(1, 9_999), st.booleans(), st.sampled_from(["quadratic", "quadratic_with_maker_fees"]))
def test_kalshi_charges_no_more(price: int, takes: bool, fee_type: str) -> None:
    size = KALSHI_SCALE.size(CONTRACTS)
    charged = FeeModel(fee_type).trade_fee(price, size, is_taker=takes)
    rate = KALSHI.taker if takes else KALSHI.maker
    assert charged <= rate.at(price, KALSHI_SCALE.one) * size


@given(st.integers(1, 9_999), st.sampled_from(["0", "0.04", "0.05", "0.07"]))
def test_polymarket_charges_no_more(price: int, rate: str) -> None:
    size = POLYMARKET_SCALE.size(CONTRACTS)
    charged = FeeSchedule(Decimal(rate)).taker_fee(price, size)
    assert charged <= POLYMARKET.taker.at(price, POLYMARKET_SCALE.one) * size
    assert POLYMARKET.maker.at(price, POLYMARKET_SCALE.one) == 0


@pytest.mark.parametrize("price", [1_000, 5_000, 9_000])
def test_they_are_not_far_above_it(price: int) -> None:
    size = KALSHI_SCALE.size(CONTRACTS)
    assert KALSHI.taker.at(price, KALSHI_SCALE.one) * size == FeeModel().trade_fee(price, size, is_taker=True)


def test_the_terms_of_an_account_are_its_venues() -> None:
    def account(venue: str) -> Account:
        return Account(account_id="a", venue=venue, environment="production", secret_name="s")

    assert price_terms(account("kalshi")) == (KALSHI_SCALE, KALSHI)
    assert price_terms(account("polymarket")) == (POLYMARKET_SCALE, POLYMARKET)
    with pytest.raises(InvalidInputError, match="kalshi or polymarket"):
        price_terms(account("coinbase"))
