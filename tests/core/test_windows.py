"""What each mode of a venue takes, and the price of an exit that may only rest."""

import pytest

from holdfast.core.book import Top
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.orders import Purpose, TargetOrder, TimeInForce
from holdfast.core.windows import TRADING, VenueMode, Window, exit_in, known_window

NOW = 1_000_000
RULES = MarketRules("M", (PriceBand(0, 1_000, 10), PriceBand(1_000, 10_000, 100)), 1, 1, MarketStatus.OPEN)
POST_ONLY, CANCEL_ONLY, RESTARTING = VenueMode.POST_ONLY, VenueMode.CANCEL_ONLY, VenueMode.RESTARTING


def taking(side: Side = Side.SELL) -> TargetOrder:
    return TargetOrder(
        "M",
        side,
        2_800,
        500,
        Purpose.EXIT,
        "flatten",
        post_only=False,
        time_in_force=TimeInForce.IMMEDIATE,
        reduce_only=True,
    )


@pytest.mark.parametrize(
    ("side", "top", "price"),
    [
        (Side.SELL, Top(3_000, 3_600), 3_100),
        (Side.SELL, Top(3_000, 3_100), 3_100),
        (Side.SELL, Top(990, 3_600), 1_000),
        (Side.SELL, Top(1_000, None), 1_100),
        (Side.BUY, Top(3_000, 3_600), 3_500),
        (Side.BUY, Top(None, 1_000), 990),
        (Side.SELL, Top(None, 3_600), None),
        (Side.SELL, Top(9_900, None), None),
        (Side.BUY, Top(None, 10), None),
    ],
)
def test_a_post_only_exit_is_one_tick_in_front_of_the_price_that_it_would_have_taken(
    side: Side, top: Top, price: int | None
) -> None:
    form = exit_in(POST_ONLY, taking(side), top, RULES, reserves_sells=True)
    if price is None:
        assert form is None
        return
    assert form is not None
    assert (form.price, form.size, form.side, form.leg) == (price, 500, side, "flatten")
    assert (form.post_only, form.reduce_only, form.expires_at_ms) == (True, False, 0)
    assert form.time_in_force is TimeInForce.RESTING


def test_an_exit_that_may_not_rest_safely_waits() -> None:
    """Where a second sale opens the other outcome, nothing but reduce-only would keep a resting exit in bounds."""
    assert exit_in(POST_ONLY, taking(), Top(3_000, 3_600), RULES, reserves_sells=False) is None


@pytest.mark.parametrize("mode", [CANCEL_ONLY, RESTARTING, VenueMode.DISABLED])
def test_an_exit_is_nothing_to_send_where_no_orders_are_taken(mode: VenueMode) -> None:
    assert exit_in(mode, taking(), Top(3_000, 3_600), RULES, reserves_sells=True) is None
    assert exit_in(VenueMode.TRADING, taking(), Top(3_000, 3_600), RULES, reserves_sells=True) == taking()


def test_what_was_known_of_a_window_holds_until_it_is_over() -> None:
    before = Window(CANCEL_ONLY, NOW + 1)
    assert known_window(before, TRADING, NOW, 120_000) == before
    assert known_window(before, TRADING, NOW + 1, 120_000) == TRADING
    stated = Window(POST_ONLY, NOW + 9)
    assert known_window(before, stated, NOW, 120_000) == stated


def test_after_a_restart_comes_a_post_only_window_of_the_venues_length() -> None:
    before = Window(RESTARTING, NOW)
    after = known_window(before, TRADING, NOW, 120_000)
    assert after == Window(POST_ONLY, NOW + 120_000)
    assert known_window(after, TRADING, NOW + 60_000, 120_000) == after
    assert known_window(after, TRADING, NOW + 120_000, 120_000) == TRADING
    assert known_window(before, TRADING, NOW + 120_000, 120_000) == TRADING
    assert known_window(before, TRADING, NOW, 0) == TRADING
