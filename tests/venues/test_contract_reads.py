"""The contract of the venue port, reads: pages, lags, fills, money, books, rules."""

from random import Random

import pytest

from holdfast.core.errors import VenueError
from holdfast.core.market import MarketStatus, Side
from holdfast.core.outcomes import Canceled, Placed
from holdfast.core.reconcile import horizon_of
from holdfast.venues.port import OrderStatus
from tests.venues.contract import (
    EXIT,
    LOST,
    ONE,
    TAKER,
    Failure,
    VenueWorld,
    assert_books_agree,
    cancel,
    order,
    place,
    placed,
    size,
    spent,
)
from tests.venues.contract_worlds import WORLDS


@pytest.fixture(params=WORLDS)
def world(request):
    with WORLDS[request.param]() as running:
        yield running


def test_every_page_of_orders_is_read(world: VenueWorld):
    most, wanted = world.venue.capabilities.batch_create, world.more_than_a_page
    for start in range(0, wanted, most):
        numbers = range(start, min(start + most, wanted))
        batch = [order(world, str(number), 5, price=100 + 100 * (number % 30)) for number in numbers]
        assert all(isinstance(outcome, Placed) for outcome in place(world, *batch))
        world.pass_ms(1_000)
    resting = world.truth().resting
    assert len(resting) == wanted
    listed = world.venue.open_orders().orders
    assert sorted((row.order_id, row.remaining) for row in listed) == sorted(resting.items())
    recent = world.venue.recent_orders(0)
    assert {read.order.order_id for read in recent} == resting.keys()
    assert len(recent) == wanted


def test_every_page_of_fills_is_read(world: VenueWorld):
    wanted = world.more_than_a_page
    outcome = placed(world, contracts=wanted)
    started_ms = world.clock.now_ms()
    for number in range(wanted):
        world.trade(4_000, 1, Side.SELL)
        if number % 50 == 0:
            world.pass_ms(1_000)
    fills = world.venue.fills(started_ms)
    assert len({fill.fill_id for fill in fills}) == len(fills) == wanted
    assert {(fill.order_id, fill.size) for fill in fills} == {(outcome.order_id, size(world, 1))}
    assert [fill.at_ms for fill in fills] == sorted(fill.at_ms for fill in fills)
    world.pass_ms(60_000)
    assert_books_agree(world)


def test_reads_since_a_time_begin_there(world: VenueWorld):
    placed(world, "1")
    world.trade(4_000, 10, Side.SELL)
    world.pass_ms(30_000)
    since_ms = world.clock.now_ms()
    later = placed(world, "2", contracts=20)
    world.trade(4_000, 8, Side.SELL)
    assert [(fill.order_id, fill.size) for fill in world.venue.fills(since_ms)] == [(later.order_id, size(world, 8))]
    [recent] = world.venue.recent_orders(since_ms)
    assert (recent.order.order_id, recent.status) == (later.order_id, OrderStatus.RESTING)
    assert sum(fill.size for fill in world.venue.fills(0)) == size(world, 18)


def test_a_list_that_lags_is_known_to_lag(world: VenueWorld):
    """What was acknowledged after the list's horizon is not expected in it, and what came before it is there."""
    capabilities = world.venue.capabilities
    world.pass_ms(20_000)
    world.lag_reads(2_000)
    outcome = placed(world)
    acknowledged_ms = world.clock.now_ms()
    early = world.venue.open_orders()
    assert early.orders == ()
    assert early.requested_at_ms == acknowledged_ms
    assert (early.as_of_ms > 0) is capabilities.states_as_of
    assert horizon_of(early.as_of_ms, early.requested_at_ms, capabilities) < acknowledged_ms
    world.pass_ms(30_000)
    late = world.venue.open_orders()
    assert [row.order_id for row in late.orders] == [outcome.order_id]
    assert horizon_of(late.as_of_ms, late.requested_at_ms, capabilities) >= acknowledged_ms


@pytest.mark.parametrize("seed", range(3))
def test_no_list_is_older_than_it_says(world: VenueWorld, seed: int):
    """Places and cancels at random times under random lags: up to its horizon every list is complete."""
    chance, capabilities = Random(seed), world.venue.capabilities
    world.lag_reads(0, capabilities.read_lag_ms or 5_000)
    ended_at: dict[str, int] = {}
    began_at: dict[str, int] = {}
    shown = missing = 0
    for number in range(40):
        world.pass_ms(chance.randrange(100, 3_000))
        alive = [order_id for order_id in began_at if order_id not in ended_at]
        if alive and chance.random() < 0.4:
            chosen = chance.choice(alive)
            assert isinstance(cancel(world, chosen)[0], Canceled)
            ended_at[chosen] = world.clock.now_ms()
        else:
            began_at[placed(world, str(number), 5).order_id] = world.clock.now_ms()
        world.pass_ms(chance.randrange(0, 500))
        read = world.venue.open_orders()
        listed = {row.order_id for row in read.orders}
        horizon = horizon_of(read.as_of_ms, read.requested_at_ms, capabilities)
        due = {order_id for order_id, at in began_at.items() if at <= horizon and order_id not in ended_at}
        over = {order_id for order_id, at in ended_at.items() if at <= horizon}
        assert due <= listed
        assert not over & listed
        shown += len(over)
        missing += listed != world.truth().resting.keys()
    assert shown > 0
    assert missing > 0


def test_a_fill_says_whether_it_is_final(world: VenueWorld):
    """One that may still be undone is not final, and once it is undone, says so and moved nothing."""
    before = world.truth()
    undone = world.undo_next_trade()
    world.show_book(bids=[], asks=[(4_600, 20)])
    placed(world, price=4_600, **TAKER)
    [early] = world.venue.fills(0)
    assert not early.void
    assert early.final or undone
    world.pass_ms(60_000)
    [late] = world.venue.fills(0)
    assert (late.fill_id, late.order_id, late.final, late.void) == (early.fill_id, early.order_id, True, undone)
    assert (world.truth().positions == before.positions) is undone
    assert_books_agree(world)


@pytest.mark.parametrize("won", [True, False])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_fills_and_settlements_account_for_every_dollar(world: VenueWorld, won: bool, side: Side):
    """What the port told of fills and settlements is what the exchange's own books gained."""
    before, held = world.truth(), world.truth().positions.get(world.market, 0)
    world.show_book(bids=[(4_400, 10)], asks=[(4_600, 10)])
    price = 4_600 if side is Side.BUY else 4_400
    placed(world, "1", "6.66", side=side, price=price, **TAKER)
    maker = placed(world, "2", "7.02", side=side.opposite, price=4_500)
    world.trade(4_500, 3, side)
    cancel(world, maker.order_id)
    world.pass_ms(60_000)
    fills = world.venue.fills(0)
    bought = sum(fill.size if fill.side is Side.BUY else -fill.size for fill in fills)
    assert bought == (1 if side is Side.BUY else -1) * (size(world, "6.66") - size(world, 3))
    world.end_market(won=won)
    settlement = next(row for row in world.venue.settlements(0) if row.market == world.market)
    assert settlement.size == held + bought != 0
    assert settlement.payout == (max(settlement.size, 0) if won else max(-settlement.size, 0)) * ONE
    # A short position, where there is such a thing, owes what its long half is worth.
    worth = settlement.size * ONE if won else 0
    world.collect()
    world.pass_ms(60_000)
    assert world.truth().available - before.available == worth - spent(fills) - settlement.fee
    assert world.venue.balance().available == world.truth().available
    assert world.market not in {row.market for row in world.venue.positions()}
    assert world.truth().problems == []


def test_an_order_is_found_in_every_state(world: VenueWorld):
    world.show_book(bids=[(4_400, 3)], asks=[])
    resting = placed(world, "1")
    canceled, immediate = placed(world, "2", price=3_900), placed(world, "3", price=4_400, **EXIT)
    cancel(world, canceled.order_id)
    for outcome, status, filled in (
        (resting, OrderStatus.RESTING, 0),
        (canceled, OrderStatus.CANCELED, 0),
        (immediate, OrderStatus.CANCELED, 3),
    ):
        read = world.venue.find_order(outcome.order_id, world.market)
        assert (read.order.order_id, read.order.market) == (outcome.order_id, world.market)
        assert (read.status, read.order.filled) == (status, size(world, filled))
    assert world.venue.find_order(world.unknown_order_id, world.market) is None


def test_books_show_what_can_be_traded_with_our_own_orders_in_it(world: VenueWorld):
    world.show_book(bids=[(4_300, 5), (4_400, 2)], asks=[(4_600, 5), (4_700, 10)])
    placed(world, price=4_400)
    books = world.venue.books([world.market, world.other_market, world.unknown_market])
    assert set(books) == {world.market, world.other_market}
    book = books[world.market]
    assert book.ladder(Side.BUY) == [(4_400, size(world, 12)), (4_300, size(world, 5))]
    assert book.ladder(Side.SELL) == [(4_600, size(world, 5)), (4_700, size(world, 10))]
    others = book.without(world.venue.open_orders().orders)
    assert others.ladder(Side.BUY) == [(4_400, size(world, 2)), (4_300, size(world, 5))]


def test_the_last_trade_comes_with_the_earliest_time_that_it_can_have_been_made(world: VenueWorld):
    """A last price that may be hours old is no witness of now: a stop would sell on it."""
    world.show_book(bids=[(3_000, 5)], asks=[(5_500, 5)])
    world.trade(5_200, 3, Side.BUY)
    world.venue.market_rules([world.market])
    world.pass_ms(600_000)
    looked_ms = world.clock.now_ms()
    world.venue.books([world.market])
    old = dict(world.venue.price_evidence([world.market], looked_ms - 60_000)).get(world.market)
    assert old is None or old.last_trade is None or old.last_trade.at_ms < looked_ms - 60_000
    world.pass_ms(10_000)
    world.trade(3_200, 2, Side.SELL)
    made_ms = world.clock.now_ms()
    world.pass_ms(10_000)
    for _ in range(2):
        found = dict(world.venue.price_evidence([world.market, world.unknown_market], made_ms - 60_000))
        trade = found[world.market].last_trade
        assert trade is not None
        assert trade.price == 3_200
        assert looked_ms <= trade.at_ms <= made_ms
        world.pass_ms(10_000)


def test_where_the_other_outcome_has_a_book_it_is_told_together_with_ours(world: VenueWorld):
    world.venue.market_rules([world.market])
    world.show_book(bids=[(3_000, 5)], asks=[(5_500, 5)])
    world.trade(3_200, 2, Side.SELL)
    evidence = dict(world.venue.price_evidence([world.market], world.clock.now_ms() - 60_000))[world.market]
    if not world.venue.books([world.market])[world.market].mirror:
        assert (evidence.book, evidence.mirror) == (None, None)
        return
    assert evidence.book is not None
    assert evidence.mirror is not None
    assert (evidence.book.best_bid, evidence.book.best_ask) == (3_000, 5_500)
    assert (evidence.mirror.best_bid, evidence.mirror.best_ask) == (4_500, 7_000)
    assert evidence.mirror.market == evidence.book.mirror
    assert evidence.book.market == evidence.mirror.mirror


def test_rules_are_those_of_the_market(world: VenueWorld):
    rules = world.venue.market_rules([world.market, world.other_market, world.unknown_market])
    assert set(rules) == {world.market, world.other_market}
    known = rules[world.market]
    assert (known.lowest, known.highest, known.tick_at(4_000)) == (100, 9_900, 100)
    assert known.status is MarketStatus.OPEN
    assert 0 < known.size_step <= known.min_size <= size(world, 5)


def test_without_orders_and_trades_everything_is_empty(world: VenueWorld):
    assert world.venue.open_orders().orders == ()
    assert world.venue.recent_orders(0) == []
    assert world.venue.fills(0) == []
    assert world.venue.settlements(0) == []
    assert_books_agree(world)


def test_access_is_what_the_venue_says_and_nothing_that_it_does_not_say(world: VenueWorld):
    before = world.venue.access()
    assert before.blocked is not True
    assert before.key_may_trade is not False
    assert before.key_expires_at_ms == 0
    assert world.restrict_access() == world.venue.access()


@pytest.mark.parametrize("failure", LOST)
def test_access_that_can_not_be_read_is_an_error_and_no_permission(world: VenueWorld, failure: Failure):
    world.fail_next("read", failure)
    with pytest.raises(VenueError):
        world.venue.access()
