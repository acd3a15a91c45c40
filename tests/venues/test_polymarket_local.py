"""The Polymarket adapter on a whole exchange that checks signatures, reserves balances, settles and lags."""

from decimal import Decimal

import pytest

from holdfast.core.market import Side
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Canceled, Placed, Refusal
from holdfast.venues.port import OrderStatus
from local.venues.polymarket import SPLIT, LimiterMode
from tests.venues.kalshi_scripted import NOW_MS
from tests.venues.polymarket_world import BTC, FED, SENATE, World, polymarket_world

SHARE = 1_000_000
EXIT = {"side": Side.SELL, "post_only": False, "time_in_force": TimeInForce.IMMEDIATE}


@pytest.fixture
def world():
    with polymarket_world() as running:
        yield running


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
def test_every_kind_of_wallet_trades_on_every_contract(signature_type):
    with polymarket_world(signature_type) as world:
        batch = [world.placement(f"hf-{name}", name, price=3_900) for name in (FED, SENATE, BTC)]
        prepared = world.venue.prepare(batch)
        outcomes = world.venue.place(prepared, world.deadline)
        assert [outcome.order_id for outcome in outcomes] == [item.order_id for item in prepared]
        listed = world.venue.open_orders().orders
        assert {order.order_id for order in listed} == {item.order_id for item in prepared}
        assert {order.order_id for order in world.books().open_orders} == {item.order_id for item in prepared}
        assert {(order.price, order.remaining, order.client_order_id, order.purpose) for order in listed} == {
            (3_900, 10 * SHARE, "", None)
        }


def test_a_taker_is_filled_at_the_better_price_and_its_fee_is_the_exchanges(world: World):
    [outcome] = world.place(world.placement(price=4_500, size=12 * SHARE, post_only=False))
    assert (outcome.filled, outcome.remaining) == (12 * SHARE, 0)
    [fill] = world.venue.fills(0)
    assert (fill.order_id, fill.price, fill.size, fill.is_taker) == (outcome.order_id, 4_200, 12 * SHARE, True)
    assert (fill.final, fill.void) == (False, False)
    assert fill.fee == world.books().total_fees > 0
    world.pass_ms(10_000)
    [settled] = world.venue.fills(0)
    assert (settled.fill_id, settled.order_id, settled.final) == (fill.fill_id, fill.order_id, True)


def test_a_trade_that_fails_on_the_chain_voids_its_fill(world: World):
    world.exchange.operator.fail_trades(1)
    world.place(world.placement(price=4_500, post_only=False))
    world.pass_ms(60_000)
    [fill] = world.venue.fills(0)
    assert (fill.final, fill.void) == (True, True)
    assert world.books().position(world.token()) == 100 * SHARE


def test_a_maker_is_filled_by_its_own_part_without_a_fee(world: World):
    [rests] = world.place(world.placement(price=4_100, size=20 * SHARE))
    world.exchange.apply_trade(FED, 4_100, 5 * SHARE, Side.SELL)
    [fill] = world.venue.fills(0)
    assert (fill.order_id, fill.price, fill.size, fill.fee, fill.is_taker) == (
        rests.order_id,
        4_100,
        5 * SHARE,
        0,
        False,
    )
    read = world.venue.find_order(rests.order_id, world.token())
    assert (read.status, read.order.filled, read.order.remaining) == (OrderStatus.RESTING, 5 * SHARE, 15 * SHARE)
    [canceled] = world.cancel(rests.order_id)
    assert isinstance(canceled, Canceled)
    over = world.venue.find_order(rests.order_id, world.token())
    assert (over.status, over.order.filled) == (OrderStatus.CANCELED, 5 * SHARE)


def test_an_exit_sells_at_once_what_the_book_takes_and_rests_nothing(world: World):
    [outcome] = world.place(world.placement(size=70 * SHARE, **EXIT))
    assert (outcome.filled, outcome.remaining) == (50 * SHARE, 0)
    assert world.venue.open_orders().orders == ()
    [nothing] = world.place(world.placement("hf-2", price=4_000, **EXIT))
    assert (nothing.filled, nothing.remaining) == (0, 0)


def test_an_immediate_buy_spends_its_budget_and_may_buy_more(world: World):
    [outcome] = world.place(
        world.placement(price=4_500, size=20 * SHARE, post_only=False, time_in_force=TimeInForce.IMMEDIATE)
    )
    [fill] = world.venue.fills(0)
    assert outcome.filled == fill.size > 20 * SHARE
    assert fill.size * fill.price <= 20 * SHARE * 4_500


def test_a_full_size_take_profit_leaves_nothing_to_stop_with(world: World):
    """Both legs can't rest: the venue reserves what open sells offer (facts polymarket section 5)."""
    take_profit = world.placement("tp", side=Side.SELL, price=6_000, size=100 * SHARE)
    stop = world.placement("stop", size=100 * SHARE, **EXIT)
    [rests] = world.place(take_profit)
    [refused] = world.place(stop)
    assert refused.reason is Refusal.INSUFFICIENT_BALANCE
    world.cancel(rests.order_id)
    [sold] = world.place(world.placement("stop-2", size=100 * SHARE, **EXIT))
    assert sold.filled == 50 * SHARE


def test_shares_that_were_just_bought_are_sellable_once_the_venue_knows_of_them(world: World):
    world.exchange.operator.set_settlement(mined_after_ms=1_000, cached_after_ms=60_000)
    world.place(world.placement(price=4_500, size=20 * SHARE, post_only=False))
    world.pass_ms(2_000)
    sell = world.venue.prepare([world.placement("exit", size=110 * SHARE, **EXIT)])
    [early] = world.venue.place(sell, world.deadline)
    assert early.reason is Refusal.INSUFFICIENT_BALANCE
    assert world.venue.holding(world.token()) == 100 * SHARE
    world.venue.refresh_holding(world.token())
    assert world.venue.holding(world.token()) == 120 * SHARE
    [later] = world.venue.place(sell, world.deadline)
    assert later.filled == 50 * SHARE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": 4_200}, Refusal.POST_ONLY_CROSS),
        ({"price": 4_050}, Refusal.OFF_GRID),
        ({"size": 4 * SHARE}, Refusal.INVALID_SIZE),
        ({"size": 10_005_000}, Refusal.INVALID_SIZE),
        ({"size": 90_000 * SHARE}, Refusal.INSUFFICIENT_BALANCE),
        ({"side": Side.SELL, "price": 4_100, "size": 101 * SHARE}, Refusal.INSUFFICIENT_BALANCE),
        ({"price": 4_300, "size": 2 * SHARE, "post_only": False}, Refusal.INVALID_SIZE),
    ],
)
def test_refusals_have_reasons(world: World, changes, reason):
    [outcome] = world.place(world.placement(**changes))
    assert outcome.reason is reason


def test_a_batch_is_answered_item_by_item(world: World):
    batch = [world.placement("1"), world.placement("2", price=4_200), world.placement("3", size=90_000 * SHARE)]
    first, second, third = world.place(*batch)
    assert isinstance(first, Placed)
    assert (second.reason, third.reason) == (Refusal.POST_ONLY_CROSS, Refusal.INSUFFICIENT_BALANCE)


def test_one_order_off_a_tick_that_just_changed_holds_up_no_other(world: World):
    prepared = world.venue.prepare(
        [world.placement("1"), world.placement("2", SENATE, price=3_990), world.placement("3", price=3_900)]
    )
    world.exchange.operator.set_tick(SENATE, 100)
    first, second, third = world.venue.place(prepared, world.deadline)
    assert isinstance(first, Placed)
    assert isinstance(third, Placed)
    assert second.reason is Refusal.OFF_GRID
    assert {order.order_id for order in world.books().open_orders} == {first.order_id, third.order_id}
    assert world.venue.market_rules([world.token(SENATE)])[world.token(SENATE)].bands[0].step == 100


def test_lists_are_read_past_one_page(world: World):
    prices = [100 + 100 * (number % 38) for number in range(150)]
    batch = [world.placement(f"hf-{number}", price=price, size=5 * SHARE) for number, price in enumerate(prices)]
    world.exchange.operator.set_limiter("trader", LimiterMode.OFF)
    for start in range(0, 150, 15):
        world.place(*batch[start : start + 15])
    assert len(world.books().open_orders) == 150
    orders = world.venue.open_orders().orders
    assert len({order.order_id for order in orders}) == 150
    world.exchange.apply_trade(FED, 100, 10_000 * SHARE, Side.SELL)
    fills = world.venue.fills(0)
    assert {fill.order_id for fill in fills} == {order.order_id for order in orders}
    assert len(fills) == len({(fill.fill_id, fill.order_id) for fill in fills}) == len(world.books().fills)
    outcomes = world.cancel(*(order.order_id for order in orders[:50]))
    assert {outcome.reason for outcome in outcomes} == {Refusal.NOT_FOUND}


def test_orders_end_when_we_mean_them_to(world: World):
    expires = NOW_MS + 300_000
    [rests] = world.place(world.placement(expires_at_ms=expires))
    [listed] = world.venue.open_orders().orders
    assert listed.expires_at_ms == expires // 1000 * 1000
    world.pass_ms(expires // 1000 * 1000 - NOW_MS - 1)
    assert len(world.books().open_orders) == 1
    world.pass_ms(1)
    assert world.venue.find_order(rests.order_id, world.token()).status is OrderStatus.CANCELED


def test_the_shortest_expiry_is_accepted(world: World):
    shortest = NOW_MS + world.venue.capabilities.shortest_expiry_ms
    [outcome] = world.place(world.placement(expires_at_ms=shortest))
    assert isinstance(outcome, Placed)


def test_books_rules_and_money_are_the_exchanges(world: World):
    tokens = [world.token(name, outcome) for name in (FED, SENATE) for outcome in (0, 1)]
    books = world.venue.books(tokens)
    assert [(books[token].best_bid, books[token].best_ask) for token in tokens] == [(4_000, 4_200), (5_800, 6_000)] * 2
    rules = world.venue.market_rules(tokens)
    assert [rules[token].bands[0].step for token in tokens] == [100, 100, 10, 10]
    assert {rule.min_size for rule in rules.values()} == {5 * SHARE}
    world.place(world.placement(price=4_500, post_only=False))
    world.pass_ms(10_000)
    assert world.venue.balance().available == world.books().cash
    held = {position.market: position.size for position in world.venue.positions()}
    assert held == {token: size for token, size in world.books().tokens.items() if size}


def test_a_resolved_market_settles_what_is_held_at_what_it_pays(world: World):
    assert world.venue.settlements(0) == []
    world.exchange.resolve(FED, winner=1)
    world.exchange.resolve(BTC, winner=0)
    found = {row.market: (row.size, row.payout, row.result) for row in world.venue.settlements(0)}
    assert found == {
        world.token(FED): (100 * SHARE, 0, "lost"),
        world.token(BTC): (100 * SHARE, 100 * SHARE * 10_000, "won"),
    }
    [closed] = world.place(world.placement())
    assert closed.reason is Refusal.MARKET_CLOSED


def test_a_market_without_a_winner_settles_at_half(world: World):
    world.exchange.resolve(FED, winner=SPLIT)
    [split] = world.venue.settlements(0, {world.token(FED): 100 * SHARE})
    assert (split.market, split.payout, split.result) == (world.token(FED), 100 * SHARE * 5_000, "split")


def test_dust_is_held_and_settles_too(world: World):
    """The venue hides less than a tenth of a share unless it is asked for: dust would stay in the ledger for good."""
    world.exchange.deposit_shares("trader", world.token(FED), Decimal("-99.996691"))
    assert {row.market: row.size for row in world.venue.positions()}[world.token(FED)] == 3_309
    world.exchange.resolve(FED, winner=0)
    [dust] = world.venue.settlements(0)
    assert (dust.market, dust.size, dust.payout) == (world.token(FED), 3_309, 3_309 * 10_000)


def test_a_dead_mans_switch_cancels_what_no_heartbeat_keeps_alive(world: World):
    world.place(world.placement())
    beat = world.venue.heartbeat("", world.deadline)
    assert beat.accepted
    world.pass_ms(8_000)
    refused = world.venue.heartbeat("00000000-0000-0000-0000-000000000000", world.deadline)
    assert (refused.accepted, refused.next_id) == (False, beat.next_id)
    assert world.venue.heartbeat(refused.next_id, world.deadline).accepted
    world.pass_ms(8_000)
    assert len(world.books().open_orders) == 1
    world.pass_ms(10_000)
    assert world.books().open_orders == ()


@pytest.mark.parametrize(("size", "filled"), [(2_220_000, None), (2_230_000, 2_380_952)])
def test_an_immediate_buy_below_what_capabilities_say_is_refused(world: World, size, filled):
    """$0.99 once it is cut to whole cents; $1.00, which buys more where it fills better."""
    least = world.venue.capabilities.least_taking_buy
    assert (size * 4_500 >= least) is (filled is not None)
    taking = {"post_only": False, "time_in_force": TimeInForce.IMMEDIATE}
    [outcome] = world.place(world.placement(price=4_500, size=size, **taking))
    if filled is None:
        assert (outcome.reason, outcome.detail.endswith("min size: $1")) == (Refusal.INVALID_SIZE, True)
    else:
        assert isinstance(outcome, Placed)
        assert outcome.filled == filled
