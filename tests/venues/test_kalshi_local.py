"""The venue port on a whole venue: the Kalshi adapter against the local exchange, over HTTP, checked with its books.

The tests use the port and `VenueControls` only, so that they can become the contract of every venue.
"""

import pytest

from holdfast.core.errors import VenueAuthError, VenueRateLimitedError, VenueUnavailableError
from holdfast.core.market import MarketStatus, PriceBand, Side
from holdfast.core.orders import (
    Amendment,
    Cancellation,
    OpenOrder,
    Placement,
    Purpose,
    Reduction,
    TargetOrder,
    TimeInForce,
    client_order_id,
)
from holdfast.core.outcomes import Canceled, Changed, Placed, Refusal, Refused, Unknown
from holdfast.venues.port import OrderStatus
from tests.venues.kalshi_controls import Failure, VenueControls, kalshi_controls
from tests.venues.kalshi_scripted import ACCOUNT, NOW_MS

ONE = 10_000
EXIT = {"purpose": Purpose.EXIT, "post_only": False, "time_in_force": TimeInForce.IMMEDIATE}


@pytest.fixture
def world():
    with kalshi_controls() as controls:
        yield controls


def order(world: VenueControls, attempt: str = "1", **changes) -> Placement:
    """A resting bid of 10 contracts at 0.40 in the home market, unless changed."""
    wanted = {
        "market": world.home,
        "side": Side.BUY,
        "price": 4_000,
        "size": 1_000,
        "purpose": Purpose.QUOTE,
        "leg": "bid-0",
        **changes,
    }
    identity = client_order_id(ACCOUNT, wanted["market"], wanted["leg"], attempt, wanted["purpose"])
    return Placement(TargetOrder(**wanted), identity, shard=world.away_shard if wanted["market"] == world.away else 0)


def soon(world: VenueControls) -> int:
    return world.clock.now_ms() + 10_000


def place(world: VenueControls, *batch: Placement):
    return world.venue.place(batch, soon(world))


def placed(world: VenueControls, attempt: str = "1", **changes) -> tuple[Placed, Placement]:
    wanted = order(world, attempt, **changes)
    [outcome] = place(world, wanted)
    assert isinstance(outcome, Placed), outcome
    return outcome, wanted


def cancellation(outcome: Placed, wanted: Placement, shard: int | None = None) -> Cancellation:
    where = wanted.shard if shard is None else shard
    return Cancellation(outcome.order_id, wanted.target.market, wanted.target.side, where)


def reasons(outcomes) -> list[Refusal | str]:
    return [outcome.reason if isinstance(outcome, Refused) else type(outcome).__name__ for outcome in outcomes]


def assert_books_agree(world: VenueControls) -> None:
    """What the port says is what the server holds, to the last unit."""
    truth = world.truth()
    assert truth.problems == []
    assert {row.order_id: row.remaining for row in world.venue.open_orders().orders} == truth.resting
    assert {row.market: row.size for row in world.venue.positions()} == truth.positions
    balance = world.venue.balance()
    assert balance.available == truth.available == sum(balance.by_shard.values())


# ---- placing


def test_an_order_rests_as_it_was_meant(world: VenueControls):
    expires = NOW_MS // 1000 * 1000 + 60_000
    outcome, wanted = placed(world, market=world.away, side=Side.SELL, price=6_200, size=1_050, expires_at_ms=expires)
    assert (outcome.filled, outcome.remaining, outcome.at_ms) == (0, 1_050, NOW_MS)
    assert world.venue.open_orders().orders == (
        OpenOrder(
            order_id=outcome.order_id,
            client_order_id=wanted.client_order_id,
            market=world.away,
            side=Side.SELL,
            price=6_200,
            remaining=1_050,
            purpose=Purpose.QUOTE,
            expires_at_ms=expires,
            created_at_ms=NOW_MS,
            shard=world.away_shard,
        ),
    )
    assert_books_agree(world)


def test_each_item_of_a_batch_has_its_own_fate(world: VenueControls):
    world.show_book(world.home, bids=[(4_400, 500)], asks=[(4_600, 500)])
    taken, _ = placed(world, "taken", price=3_000)
    batch = [
        order(world, "good"),
        order(world, "crosses", price=4_600),
        order(world, "off grid", price=4_050),
        order(world, "too much", size=100_000_000),
        order(world, "taken", price=3_000),
        order(world, "sells", side=Side.SELL, price=4_700),
        order(world, "nothing", size=0),
        Placement(order(world, "poor", market=world.unfunded).target, "hf-poor", shard=3),
    ]
    outcomes = place(world, *batch)
    assert reasons(outcomes) == [
        "Placed",
        Refusal.POST_ONLY_CROSS,
        Refusal.OFF_GRID,
        Refusal.INSUFFICIENT_BALANCE,
        Refusal.DUPLICATE,
        "Placed",
        Refusal.INVALID_SIZE,
        Refusal.UNFUNDED_SHARD,
    ]
    live = {outcomes[0].order_id, outcomes[5].order_id, taken.order_id}
    assert set(world.truth().resting) == live
    assert_books_agree(world)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": 4_600}, Refusal.POST_ONLY_CROSS),
        ({"price": 4_050}, Refusal.OFF_GRID),
        ({"size": 100_000_000}, Refusal.INSUFFICIENT_BALANCE),
        ({"size": 0}, Refusal.INVALID_SIZE),
        ({"reduce_only": True}, Refusal.REDUCE_ONLY),
    ],
)
def test_a_single_order_is_refused_for_the_same_reasons(world: VenueControls, changes, reason):
    world.show_book(world.home, bids=[(4_400, 500)], asks=[(4_600, 500)])
    assert reasons(place(world, order(world, **changes))) == [reason]
    assert world.truth().resting == {}


def test_a_balance_is_per_shard(world: VenueControls):
    """Money on another shard pays for nothing."""
    assert reasons(place(world, order(world, market=world.away, size=20_000))) == [Refusal.INSUFFICIENT_BALANCE]
    assert reasons(place(world, order(world, market=world.home, size=20_000))) == ["Placed"]
    assert world.venue.balance().by_shard[world.away_shard] == 50_000_000


def test_a_crossing_order_fills_and_every_book_agrees(world: VenueControls):
    world.show_book(world.home, bids=[], asks=[(4_600, 300), (4_700, 900)])
    outcome, _ = placed(world, price=4_700, post_only=False, purpose=Purpose.ENTRY)
    assert (outcome.filled, outcome.remaining) == (1_000, 0)
    fills = world.venue.fills(NOW_MS)
    assert [(fill.side, fill.price, fill.size, fill.is_taker) for fill in fills] == [
        (Side.BUY, 4_600, 300, True),
        (Side.BUY, 4_700, 700, True),
    ]
    assert {fill.order_id for fill in fills} == {outcome.order_id}
    # 0.07 x 3 x 0.46 x 0.54 and 0.07 x 7 x 0.47 x 0.53, each rounded up to 0.0001
    assert [fill.fee for fill in fills] == [52_200, 122_100]
    [position] = world.venue.positions()
    assert (position.market, position.size, position.fees_paid) == (world.home, 1_000, 174_300)
    read = world.venue.find_order(outcome.order_id, world.home)
    assert read is not None
    assert (read.status, read.order.filled, read.order.remaining) == (OrderStatus.FILLED, 1_000, 0)
    assert_books_agree(world)


def test_an_immediate_order_never_rests(world: VenueControls):
    world.show_book(world.home, bids=[(4_400, 300)], asks=[])
    partly, _ = placed(world, "1", side=Side.SELL, price=4_400, **EXIT)
    nothing, _ = placed(world, "2", side=Side.SELL, price=4_400, **EXIT)
    all_or_nothing = {**EXIT, "time_in_force": TimeInForce.ALL_OR_NOTHING}
    world.show_book(world.home, bids=[(4_400, 300)], asks=[])
    [refused_or_nothing] = place(world, order(world, "3", side=Side.SELL, price=4_400, **all_or_nothing))
    assert (partly.filled, partly.remaining) == (300, 0)
    assert (nothing.filled, nothing.remaining) == (0, 0)
    assert isinstance(refused_or_nothing, Refused) or refused_or_nothing.filled == 0
    assert world.truth().positions == {world.home: -300}
    assert_books_agree(world)


def test_a_reduce_only_exit_sells_no_more_than_is_held(world: VenueControls):
    """On a netting venue a larger sell would open the opposite outcome."""
    world.show_book(world.home, bids=[(4_400, 2_000)], asks=[(4_600, 400)])
    placed(world, "1", price=4_600, size=400, post_only=False)
    outcome, _ = placed(world, "2", side=Side.SELL, price=4_400, size=1_000, reduce_only=True, **EXIT)
    assert (outcome.filled, outcome.remaining) == (400, 0)
    again, _ = placed(world, "3", side=Side.SELL, price=4_400, size=1_000, reduce_only=True, **EXIT)
    assert (again.filled, again.remaining) == (0, 0)
    assert world.venue.positions() == []
    assert_books_agree(world)


def test_an_order_that_meets_our_own_is_accepted_and_fills_nothing(world: VenueControls):
    resting, _ = placed(world, "1", price=4_000)
    outcome, _ = placed(world, "2", side=Side.SELL, price=4_000, **EXIT)
    assert (outcome.filled, outcome.remaining) == (0, 0)
    assert set(world.truth().resting) == {resting.order_id}


# ---- cancelling


def test_a_cancel_tells_what_was_left_and_so_what_had_filled(world: VenueControls):
    outcome, wanted = placed(world)
    world.trade(world.home, 4_000, 350, Side.SELL)
    [canceled] = world.venue.cancel([cancellation(outcome, wanted)], soon(world))
    assert canceled == Canceled(outcome.order_id, 650, NOW_MS)
    assert [fill.size for fill in world.venue.fills(NOW_MS)] == [350]
    read = world.venue.find_order(outcome.order_id, world.home)
    assert read is not None
    assert (read.status, read.order.filled) == (OrderStatus.CANCELED, 350)
    assert_books_agree(world)


def test_a_cancel_reaches_the_orders_shard_and_misses_on_any_other(world: VenueControls):
    """A miss is the same "not found" as for an order that is over: it proves nothing, the order is live."""
    first, wanted = placed(world, "1", market=world.away)
    second, other = placed(world, "2", market=world.away)
    batch = [cancellation(first, wanted, shard=0), cancellation(second, other, shard=0)]
    assert reasons(world.venue.cancel(batch[:1], soon(world))) == [Refusal.NOT_FOUND]
    assert reasons(world.venue.cancel(batch, soon(world))) == [Refusal.NOT_FOUND] * 2
    assert set(world.truth().resting) == {first.order_id, second.order_id}
    assert world.venue.find_order(first.order_id, world.away).status is OrderStatus.RESTING
    right = [cancellation(first, wanted), cancellation(second, other)]
    assert reasons(world.venue.cancel(right, soon(world))) == ["Canceled", "Canceled"]
    assert world.truth().resting == {}


def test_a_batch_of_cancels_over_shards_and_over_orders(world: VenueControls):
    home, at_home = placed(world, "1")
    away, far = placed(world, "2", market=world.away)
    gone, was = placed(world, "3")
    world.venue.cancel([cancellation(gone, was)], soon(world))
    batch = [cancellation(gone, was), cancellation(away, far), cancellation(home, at_home)]
    outcomes = world.venue.cancel(batch, soon(world))
    assert reasons(outcomes) == [Refusal.NOT_FOUND, "Canceled", "Canceled"]
    assert [outcome.order_id for outcome in outcomes[1:]] == [away.order_id, home.order_id]
    assert world.truth().resting == {}


def test_an_order_expires_on_its_own(world: VenueControls):
    placed(world, expires_at_ms=NOW_MS + 5_000)
    world.clock.sleep_ms(6_000)
    assert world.venue.open_orders().orders == ()
    assert_books_agree(world)


# ---- changing


def amendment(outcome: Placed, wanted: Placement, **changes) -> Amendment:
    kept = {
        "order_id": outcome.order_id,
        "client_order_id": wanted.client_order_id,
        "market": wanted.target.market,
        "side": wanted.target.side,
        "price": wanted.target.price,
        "size": wanted.target.size,
        "expires_at_ms": wanted.target.expires_at_ms,
        "shard": wanted.shard,
    }
    return Amendment(**{**kept, **changes})


def test_an_amended_size_counts_what_has_filled(world: VenueControls):
    outcome, wanted = placed(world)
    world.trade(world.home, 4_000, 350, Side.SELL)
    changed = world.venue.amend(amendment(outcome, wanted, size=1_200, price=4_100), soon(world))
    assert isinstance(changed, Changed)
    assert changed.remaining == 850
    [left] = world.venue.open_orders().orders
    assert (left.order_id, left.price, left.remaining, left.filled) == (changed.order_id, 4_100, 850, 350)
    assert_books_agree(world)


def test_a_changed_expiry_alone_keeps_the_order(world: VenueControls):
    outcome, wanted = placed(world, market=world.away, expires_at_ms=NOW_MS + 5_000)
    later = NOW_MS // 1000 * 1000 + 60_000
    changed = world.venue.amend(amendment(outcome, wanted, expires_at_ms=later), soon(world))
    assert isinstance(changed, Changed)
    assert changed.order_id == outcome.order_id
    world.clock.sleep_ms(6_000)
    [left] = world.venue.open_orders().orders
    assert (left.order_id, left.remaining, left.expires_at_ms) == (outcome.order_id, 1_000, later)
    world.venue.amend(amendment(outcome, wanted, expires_at_ms=0), soon(world))
    world.clock.sleep_ms(120_000)
    assert [row.expires_at_ms for row in world.venue.open_orders().orders] == [0]


def test_an_order_decreases_in_place(world: VenueControls):
    outcome, wanted = placed(world, market=world.away)
    where = (outcome.order_id, world.away, Side.BUY, 250)
    changed = world.venue.decrease(Reduction(*where, shard=wanted.shard), soon(world))
    assert changed == Changed(outcome.order_id, wanted.client_order_id, 250, NOW_MS)
    assert world.truth().resting == {outcome.order_id: 250}
    missed = world.venue.decrease(Reduction(*where, shard=0), soon(world))
    assert reasons([missed]) == [Refusal.NOT_FOUND]
    assert_books_agree(world)


def test_changes_are_refused_with_reasons(world: VenueControls):
    world.show_book(world.home, bids=[(4_400, 500)], asks=[(4_600, 500)])
    outcome, wanted = placed(world)
    for changes, reason in [
        ({"price": 4_600}, Refusal.POST_ONLY_CROSS),
        ({"price": 4_050}, Refusal.OFF_GRID),
        ({"size": 100_000_000}, Refusal.INSUFFICIENT_BALANCE),
        ({"side": Side.SELL}, Refusal.MALFORMED),
        ({"shard": 2}, Refusal.NOT_FOUND),
        ({"order_id": "00000000-0000-4000-8000-000000000000"}, Refusal.NOT_FOUND),
    ]:
        assert reasons([world.venue.amend(amendment(outcome, wanted, **changes), soon(world))]) == [reason]
    assert world.truth().resting == {outcome.order_id: 1_000}


# ---- what nobody knows


LOST = [failure for failure in Failure if failure is not Failure.RATE_LIMITED]


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)
def test_a_place_without_an_answer_is_found_again_under_its_identity(world: VenueControls, failure: Failure):
    wanted = order(world, market=world.away)
    world.fail_next("place", failure)
    assert reasons(place(world, wanted)) == ["Unknown"]
    world.fail_next("read", Failure.LOST_BEFORE)
    with pytest.raises(VenueUnavailableError):
        world.venue.recent_orders(NOW_MS)
    found = [read.order for read in world.venue.recent_orders(NOW_MS)]
    assert [row.client_order_id for row in found] == [wanted.client_order_id] * failure.takes_effect
    # The same bytes again: refused as a duplicate, which proves that it exists, or placed.
    assert reasons(place(world, wanted)) == [Refusal.DUPLICATE if failure.takes_effect else "Placed"]
    assert len(world.truth().resting) == 1


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)
def test_a_batch_without_an_answer_is_unknown_item_by_item(world: VenueControls, failure: Failure):
    batch = [order(world, "1"), order(world, "2"), order(world, "3", price=4_050)]
    world.fail_next("place_batch", failure)
    assert reasons(place(world, *batch)) == ["Unknown"] * 3
    assert len(world.truth().resting) == 2 * failure.takes_effect
    found = {read.order.client_order_id for read in world.venue.recent_orders(NOW_MS)}
    assert found == set(world.truth().client_ids)


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.name)
def test_other_writes_without_an_answer_are_unknown(world: VenueControls, failure: Failure):
    first, wanted = placed(world, "1")
    second, other = placed(world, "2")
    world.fail_next("amend", failure)
    assert isinstance(world.venue.amend(amendment(first, wanted, size=900), soon(world)), Unknown)
    world.fail_next("decrease", failure)
    assert isinstance(world.venue.decrease(Reduction(first.order_id, world.home, Side.BUY, 100), soon(world)), Unknown)
    expected = 100 if failure.takes_effect else 1_000
    assert world.truth().resting == {first.order_id: expected, second.order_id: 1_000}
    world.fail_next("cancel", failure)
    assert reasons(world.venue.cancel([cancellation(first, wanted)], soon(world))) == ["Unknown"]
    world.fail_next("cancel_batch", failure)
    both = [cancellation(first, wanted), cancellation(second, other)]
    assert reasons(world.venue.cancel(both, soon(world))) == ["Unknown"] * 2
    assert (world.truth().resting == {}) is failure.takes_effect


def test_a_rate_limit_refuses_everything_and_does_nothing(world: VenueControls):
    for kind, batch in [("place", [order(world)]), ("place_batch", [order(world, "1"), order(world, "2")])]:
        world.fail_next(kind, Failure.RATE_LIMITED)
        assert reasons(place(world, *batch)) == [Refusal.RATE_LIMITED] * len(batch)
    world.fail_next("read", Failure.RATE_LIMITED)
    with pytest.raises(VenueRateLimitedError):
        world.venue.open_orders()
    assert world.truth().client_ids == {}


def test_the_largest_batch_is_what_fits_the_write_bucket(world: VenueControls):
    world.limit_writes()
    most = world.venue.capabilities.batch_create
    batch = [order(world, str(number), price=1_000, size=100) for number in range(most + 1)]
    assert reasons(place(world, *batch)) == [Refusal.RATE_LIMITED] * (most + 1)
    assert world.truth().resting == {}
    assert reasons(place(world, *batch[:most])) == ["Placed"] * most
    assert reasons(place(world, batch[most])) == [Refusal.RATE_LIMITED]
    bucket = world.venue.capabilities.write_bucket
    world.clock.sleep_ms(1_000 * world.venue.capabilities.costs.create // bucket.refill)
    assert reasons(place(world, batch[most])) == ["Placed"]


# ---- pauses


def test_a_trading_pause_refuses_orders_and_lets_cancels_through(world: VenueControls):
    outcome, wanted = placed(world, "1", market=world.away)
    world.pause_trading(world.away_shard)
    status = world.venue.status()
    assert (status.active, status.trading, status.paused_shards) == (True, True, (world.away_shard,))
    assert reasons(place(world, order(world, "2", market=world.away))) == [Refusal.TRADING_PAUSED]
    both = [order(world, "3", market=world.away), order(world, "4")]
    assert reasons(place(world, *both)) == [Refusal.TRADING_PAUSED, "Placed"]
    assert reasons([world.venue.amend(amendment(outcome, wanted, size=900), soon(world))]) == [Refusal.TRADING_PAUSED]
    assert reasons(world.venue.cancel([cancellation(outcome, wanted)], soon(world))) == ["Canceled"]
    world.resume()
    assert reasons(place(world, order(world, "2", market=world.away))) == ["Placed"]


def test_an_exchange_pause_refuses_cancels_too(world: VenueControls):
    outcome, wanted = placed(world)
    world.pause_venue()
    status = world.venue.status()
    assert (status.active, status.trading) == (False, False)
    assert reasons(world.venue.cancel([cancellation(outcome, wanted)], soon(world))) == [Refusal.TRADING_PAUSED]
    assert set(world.truth().resting) == {outcome.order_id}
    world.resume()
    assert reasons(world.venue.cancel([cancellation(outcome, wanted)], soon(world))) == ["Canceled"]


def test_a_closed_market_takes_nothing(world: VenueControls):
    outcome, wanted = placed(world, market=world.away)
    world.clock.sleep_ms(3_600_000)
    assert reasons(place(world, order(world, "2", market=world.away))) == [Refusal.MARKET_CLOSED]
    [refused] = world.venue.cancel([cancellation(outcome, wanted)], soon(world))
    assert isinstance(refused, Refused)
    assert world.truth().resting == {}


# ---- reads


def test_a_list_that_lags_says_so(world: VenueControls):
    """What is acknowledged after the list's as-of time is not expected in it, and what came before is."""
    world.lag_reads(2_000)
    outcome, _ = placed(world)
    early = world.venue.open_orders()
    assert early.orders == ()
    assert early.as_of_ms < outcome.at_ms
    assert early.requested_at_ms == NOW_MS
    world.clock.sleep_ms(2_500)
    late = world.venue.open_orders()
    assert [row.order_id for row in late.orders] == [outcome.order_id]
    assert late.as_of_ms >= outcome.at_ms


def test_every_page_is_read(world: VenueControls):
    """1,005 resting orders and 1,005 fills: past the largest page."""
    most = world.venue.capabilities.batch_create
    for start in range(0, 1_005, most):
        numbers = range(start, min(start + most, 1_005))
        batch = [order(world, str(number), price=100 + 100 * (number % 30), size=1_00) for number in numbers]
        assert all(isinstance(outcome, Placed) for outcome in place(world, *batch))
        world.clock.sleep_ms(1_000)
    sold, _ = placed(world, "sold", side=Side.SELL, price=5_000, size=1_005, purpose=Purpose.ENTRY)
    for _ in range(1_005):
        world.trade(world.home, 5_000, 1, Side.BUY)
    assert len(world.venue.open_orders().orders) == 1_005
    assert len(world.venue.recent_orders(NOW_MS)) == 1_006
    fills = world.venue.fills(NOW_MS)
    assert len({fill.fill_id for fill in fills}) == len(fills) == 1_005
    assert sum(fill.size for fill in fills) == 1_005
    assert {fill.order_id for fill in fills} == {sold.order_id}
    assert_books_agree(world)


def test_every_read_is_paid_for_and_every_request_counted(world: VenueControls):
    world.meter.spent.clear()
    world.meter.recorded.clear()
    world.venue.open_orders()
    placed(world)
    assert [(bucket, tokens) for bucket, tokens, _ in world.meter.spent] == [("read", 10), ("read", 10)]
    assert [status for _, status in world.meter.recorded] == [200, 200, 201]


def test_books_show_what_can_be_traded_with_our_own_orders_in_it(world: VenueControls):
    world.show_book(world.home, bids=[(4_300, 500), (4_400, 250)], asks=[(4_600, 500), (4_700, 1_000)])
    placed(world, price=4_400)
    books = world.venue.books([world.home, world.away, "KXNOBODY-1"])
    assert set(books) == {world.home, world.away}
    book = books[world.home]
    assert book.ladder(Side.BUY) == [(4_400, 1_250), (4_300, 500)]
    assert book.ladder(Side.SELL) == [(4_600, 500), (4_700, 1_000)]
    assert book.without(world.venue.open_orders().orders).ladder(Side.BUY) == [(4_400, 250), (4_300, 500)]


def test_rules_of_markets(world: VenueControls):
    rules = world.venue.market_rules([world.home, world.away, world.unfunded, "KXNOBODY-1"])
    assert set(rules) == {world.home, world.away, world.unfunded}
    assert rules[world.home].bands == (PriceBand(0, ONE, 100),)
    assert (rules[world.away].shard, rules[world.away].close_at_ms) == (world.away_shard, NOW_MS + 3_600_000)
    assert [band.step for band in rules[world.unfunded].bands] == [10, 100, 10]
    assert {row.status for row in rules.values()} == {MarketStatus.OPEN}
    world.clock.sleep_ms(3_600_000)
    world.settle(world.home, "yes")
    rules = world.venue.market_rules([world.home, world.away])
    assert rules[world.home].status is MarketStatus.SETTLED
    assert rules[world.away].status is MarketStatus.CLOSED


def test_an_order_that_nobody_has_is_none(world: VenueControls):
    assert world.venue.find_order("00000000-0000-4000-8000-000000000000", world.away) is None


@pytest.mark.parametrize("intruder", ["stranger", "late clock"])
def test_bad_credentials_are_told_apart_from_a_broken_venue(world: VenueControls, intruder: str):
    venue = world.venue_as(intruder)
    with pytest.raises(VenueAuthError):
        venue.balance()
    assert reasons(venue.place([order(world)], soon(world))) == [Refusal.UNAUTHORIZED]
    assert world.truth().client_ids == {}


def test_an_rsa_key_works_as_well(world: VenueControls):
    assert world.venue_as("rsa").balance().available == 1_000_000


# ---- the end


@pytest.mark.parametrize("result", ["yes", "no"])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_fills_and_settlements_account_for_every_dollar(world: VenueControls, result: str, side: Side):
    """Profit from what the port told, against the exchange's own books."""
    world.show_book(world.home, bids=[(4_400, 700)], asks=[(4_600, 700)])
    price = 4_600 if side is Side.BUY else 4_400
    placed(world, "1", side=side, price=price, size=333, post_only=False)
    maker, wanted = placed(world, "2", side=side.opposite, price=4_500, size=101)
    world.trade(world.home, 4_500, 1_000, side)
    world.venue.cancel([cancellation(maker, wanted)], soon(world))
    world.settle(world.home, result)
    fills = world.venue.fills(NOW_MS)
    [settlement] = world.venue.settlements(NOW_MS)
    signed = {Side.BUY: 1, Side.SELL: -1}
    size = sum(signed[fill.side] * fill.size for fill in fills)
    assert settlement.size == size != 0
    assert settlement.result == result
    won = size if result == "yes" else 0
    profit = won * ONE - sum(signed[fill.side] * fill.price * fill.size for fill in fills) - sum(f.fee for f in fills)
    assert profit - settlement.fee == world.truth().profit
    assert settlement.payout == (max(size, 0) if result == "yes" else max(-size, 0)) * ONE
    assert world.venue.positions() == []
    assert_books_agree(world)
