"""The contract of the venue port: one suite, every adapter, its own local server, real HTTP."""

from decimal import Decimal

import pytest

from holdfast.core.errors import VenueAuthError, VenueRateLimitedError, VenueUnavailableError
from holdfast.core.market import MarketStatus, Side
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Canceled, Placed, Refusal
from holdfast.core.reconcile import horizon_of
from holdfast.venues.port import OrderStatus
from tests.venues.contract_worlds import Hands, cancel, found, hands_of, order, place, placed, reasons, size
from tests.venues.kalshi_controls import Failure

LOST = [failure for failure in Failure if failure is not Failure.RATE_LIMITED]
EXIT = {"side": Side.SELL, "post_only": False, "time_in_force": TimeInForce.IMMEDIATE}
UNKNOWN_ID = {"kalshi": "00000000-0000-4000-8000-000000000000", "polymarket": "0x" + "00" * 32}


@pytest.fixture(params=["kalshi", "polymarket"])
def hands(request):
    with hands_of(request.param) as running:
        yield running


def test_an_order_rests_as_it_was_meant(hands: Hands):
    expires = hands.clock.now_ms() // 1000 * 1000 + 300_000
    wanted = order(hands, side=Side.SELL, price=6_200, contracts=Decimal("10.5"), expires_at_ms=expires)
    [outcome] = place(hands, wanted)
    assert (outcome.client_order_id, outcome.filled) == (wanted.client_order_id, 0)
    assert outcome.remaining == size(hands, Decimal("10.5"))
    assert not wanted.order_id or wanted.order_id == outcome.order_id
    [listed] = hands.venue.open_orders().orders
    assert listed.client_order_id == (wanted.client_order_id if hands.keeps_client_ids else "")
    assert (listed.order_id, listed.market, listed.side) == (outcome.order_id, hands.market, Side.SELL)
    assert (listed.price, listed.remaining, listed.filled) == (6_200, size(hands, Decimal("10.5")), 0)
    assert listed.expires_at_ms == expires
    hands.clock.sleep_ms(301_000)
    assert hands.venue.open_orders().orders == ()


def test_a_crossing_order_fills_at_the_better_prices(hands: Hands):
    hands.show_book(bids=[], asks=[(4_600, 3), (4_700, 9)])
    outcome = placed(hands, price=4_700, post_only=False)
    assert (outcome.filled, outcome.remaining) == (size(hands, 10), 0)
    fills = hands.venue.fills(hands.clock.now_ms())
    assert [(fill.order_id, fill.side, fill.price, fill.size, fill.is_taker) for fill in fills] == [
        (outcome.order_id, Side.BUY, 4_600, size(hands, 3), True),
        (outcome.order_id, Side.BUY, 4_700, size(hands, 7), True),
    ]
    read = hands.venue.find_order(outcome.order_id, hands.market)
    assert (read.status, read.order.filled) == (OrderStatus.FILLED, size(hands, 10))
    assert all(fill.fee > 0 and not fill.void for fill in fills)
    assert hands.problems() == []


def test_a_partial_fill_and_then_a_cancel(hands: Hands):
    outcome = placed(hands)
    hands.trade(4_000, Decimal("3.5"), Side.SELL)
    [listed] = hands.venue.open_orders().orders
    assert (listed.filled, listed.remaining) == (size(hands, Decimal("3.5")), size(hands, Decimal("6.5")))
    [canceled] = cancel(hands, outcome.order_id)
    assert isinstance(canceled, Canceled)
    assert not canceled.says_fills or canceled.reduced_by == size(hands, Decimal("6.5"))
    read = hands.venue.find_order(outcome.order_id, hands.market)
    assert (read.status, read.order.filled) == (OrderStatus.CANCELED, size(hands, Decimal("3.5")))
    [fill] = hands.venue.fills(0)
    assert (fill.size, fill.is_taker) == (size(hands, Decimal("3.5")), False)


def test_a_cancel_that_comes_too_late_proves_nothing_and_the_order_says_what_happened(hands: Hands):
    outcome = placed(hands)
    hands.trade(4_000, Decimal(50), Side.SELL)
    assert reasons(cancel(hands, outcome.order_id)) == [Refusal.NOT_FOUND]
    read = hands.venue.find_order(outcome.order_id, hands.market)
    assert (read.status, read.order.filled) == (OrderStatus.FILLED, size(hands, 10))
    assert sum(fill.size for fill in hands.venue.fills(0)) == size(hands, 10)


def test_a_batch_of_cancels_is_answered_one_by_one(hands: Hands):
    first, second, gone = (
        placed(hands, attempt, price=price) for attempt, price in (("1", 4_000), ("2", 3_900), ("3", 3_800))
    )
    cancel(hands, gone.order_id)
    outcomes = cancel(hands, first.order_id, gone.order_id, second.order_id)
    assert reasons(outcomes) == ["Canceled", Refusal.NOT_FOUND, "Canceled"]
    assert hands.resting() == {}


REFUSALS = [
    ({"price": 4_600}, Refusal.POST_ONLY_CROSS),
    ({"price": 4_050}, Refusal.OFF_GRID),
    ({"contracts": 0}, Refusal.INVALID_SIZE),
    ({"contracts": 1_000_000}, Refusal.INSUFFICIENT_BALANCE),
    ({"reduce_only": True}, Refusal.REDUCE_ONLY),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSALS, ids=lambda value: getattr(value, "name", ""))
def test_refusals_have_the_same_reasons_everywhere(hands: Hands, changes, reason):
    hands.show_book(bids=[(4_400, 5)], asks=[(4_600, 5)])
    assert reasons(place(hands, order(hands, **changes))) == [reason]
    assert hands.resting() == {}


def test_each_item_of_a_batch_has_its_own_fate(hands: Hands):
    hands.show_book(bids=[(4_400, 5)], asks=[(4_600, 5)])
    batch = [order(hands, str(number), **changes) for number, (changes, _) in enumerate(REFUSALS[:4])]
    good = [order(hands, "first"), order(hands, "last", price=3_900)]
    outcomes = place(hands, good[0], *batch, good[1])
    assert reasons(outcomes) == ["Placed", *(reason for _, reason in REFUSALS[:4]), "Placed"]
    assert set(hands.resting()) == {outcomes[0].order_id, outcomes[-1].order_id}


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)
def test_a_place_without_an_answer_is_found_under_its_identity_and_never_placed_twice(hands: Hands, failure: Failure):
    wanted = order(hands)
    hands.fail_next("place", failure)
    assert reasons(place(hands, wanted)) == ["Unknown"]
    assert (found(hands, wanted) is not None) is failure.takes_effect
    # The same bytes again: refused as a duplicate, which proves that it exists, or placed.
    assert reasons(place(hands, wanted)) == [Refusal.DUPLICATE if failure.takes_effect else "Placed"]
    assert len(hands.resting()) == 1


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)
def test_a_batch_without_an_answer_is_unknown_item_by_item(hands: Hands, failure: Failure):
    batch = [order(hands, "1"), order(hands, "2", price=3_900)]
    hands.fail_next("place_batch", failure)
    assert reasons(place(hands, *batch)) == ["Unknown"] * 2
    assert len(hands.resting()) == 2 * failure.takes_effect
    assert all((found(hands, wanted) is not None) is failure.takes_effect for wanted in batch)


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)
def test_a_cancel_without_an_answer_is_unknown(hands: Hands, failure: Failure):
    first, second = placed(hands, "1"), placed(hands, "2", price=3_900)
    hands.fail_next("cancel", failure)
    assert reasons(cancel(hands, first.order_id)) == ["Unknown"]
    hands.fail_next("cancel_batch", failure)
    assert reasons(cancel(hands, first.order_id, second.order_id)) == ["Unknown"] * 2
    assert (hands.resting() == {}) is failure.takes_effect


def test_an_immediate_order_never_rests(hands: Hands):
    hands.show_book(bids=[(4_400, 6)], asks=[])
    partly = placed(hands, "1", price=4_400, **EXIT)
    nothing = placed(hands, "2", price=4_400, **EXIT)
    assert (partly.filled, partly.remaining) == (size(hands, 6), 0)
    assert (nothing.filled, nothing.remaining) == (0, 0)
    assert hands.resting() == {}


def test_nothing_is_sent_after_the_deadline(hands: Hands):
    resting = placed(hands)
    late = hands.clock.now_ms()
    assert reasons(hands.venue.place([order(hands, "2")], late)) == [Refusal.NOT_SENT]
    assert set(hands.resting()) == {resting.order_id}


def test_every_page_is_read(hands: Hands):
    most, wanted = hands.venue.capabilities.batch_create, hands.more_than_a_page
    for start in range(0, wanted, most):
        numbers = range(start, min(start + most, wanted))
        batch = [order(hands, str(number), 5, price=100 + 100 * (number % 30)) for number in numbers]
        assert all(isinstance(outcome, Placed) for outcome in place(hands, *batch))
        hands.clock.sleep_ms(1_000)
    listed = hands.venue.open_orders().orders
    assert {row.order_id: row.remaining for row in listed} == hands.resting()
    assert len(listed) == wanted


def test_a_list_that_lags_is_known_to_lag(hands: Hands):
    """What was acknowledged after the list's horizon is not expected in it, and what came before it is there."""
    capabilities = hands.venue.capabilities
    hands.clock.sleep_ms(20_000)
    hands.lag_reads(2_000)
    outcome = placed(hands)
    acknowledged_ms = hands.clock.now_ms()
    early = hands.venue.open_orders()
    assert early.orders == ()
    assert horizon_of(early.as_of_ms, early.requested_at_ms, capabilities) < acknowledged_ms
    hands.clock.sleep_ms(30_000)
    late = hands.venue.open_orders()
    assert [row.order_id for row in late.orders] == [outcome.order_id]
    assert horizon_of(late.as_of_ms, late.requested_at_ms, capabilities) >= acknowledged_ms


def test_a_rate_limit_is_definite_and_does_nothing(hands: Hands):
    hands.limit_writes()
    outcomes = []
    for turn in range(20):
        batch = [
            order(hands, f"{turn}-{number}", 5, price=100) for number in range(hands.venue.capabilities.batch_create)
        ]
        outcomes += place(hands, *batch)
    told = set(reasons(outcomes))
    assert told == {"Placed", Refusal.RATE_LIMITED}
    assert set(hands.resting()) == {outcome.order_id for outcome in outcomes if isinstance(outcome, Placed)}


def test_a_read_that_fails_is_an_error_and_never_empty(hands: Hands):
    placed(hands)
    for failure, error in (
        (Failure.RATE_LIMITED, VenueRateLimitedError),
        (Failure.LOST_BEFORE, VenueUnavailableError),
        (Failure.BROKEN_AFTER, VenueUnavailableError),
    ):
        for read in (hands.venue.open_orders, lambda: hands.venue.fills(0), hands.venue.positions, hands.venue.balance):
            hands.fail_next("read", failure)
            with pytest.raises(error):
                read()


def test_a_clock_that_is_off_is_told_apart_from_a_broken_venue(hands: Hands):
    venue = hands.venue_with_a_late_clock()
    with pytest.raises(VenueAuthError):
        venue.balance()
    assert reasons(venue.place([order(hands)], hands.clock.now_ms() + 10_000)) == [Refusal.UNAUTHORIZED]
    assert hands.resting() == {}


def test_books_show_what_can_be_traded_with_our_own_orders_in_it(hands: Hands):
    hands.show_book(bids=[(4_300, 5), (4_400, 2)], asks=[(4_600, 5), (4_700, 10)])
    placed(hands, price=4_400)
    book = hands.venue.books([hands.market])[hands.market]
    assert book.ladder(Side.BUY) == [(4_400, size(hands, 12)), (4_300, size(hands, 5))]
    assert book.ladder(Side.SELL) == [(4_600, size(hands, 5)), (4_700, size(hands, 10))]
    assert book.without(hands.venue.open_orders().orders).best_bid == 4_400


def test_rules_are_those_of_the_market(hands: Hands):
    rules = hands.venue.market_rules([hands.market])[hands.market]
    assert (rules.lowest, rules.highest, rules.tick_at(4_000)) == (100, 9_900, 100)
    assert rules.status is MarketStatus.OPEN


def test_an_order_that_nobody_has_is_none(hands: Hands):
    assert hands.venue.find_order(UNKNOWN_ID[hands.venue.name], hands.market) is None


def test_the_venue_trades(hands: Hands):
    status = hands.venue.status()
    assert status.active
    assert status.trading
