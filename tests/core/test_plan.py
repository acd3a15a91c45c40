"""What the plan does in the situations that cost money when they go wrong."""

import pytest
from msgspec import structs

from holdfast.core.capabilities import Replace
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import Amendment, Purpose, Reduction, TimeInForce
from holdfast.core.plan import Dropped, DropReason, PlanPolicy
from tests.core.plan_world import CAPABILITIES, FRESH, NOW, ask, bid, make_plan, resting, target

NO_DECREASE = structs.replace(CAPABILITIES, decrease=False)
NO_AMEND = structs.replace(CAPABILITIES, replace=Replace.NONE)
NOT_NETTING = structs.replace(CAPABILITIES, netting=False)


def reasons(made):
    return [(drop.target.leg, drop.target.size, drop.reason) for drop in made.dropped]


def exit_order(side=Side.SELL, price=41, size=10, **fields):
    return target(side, price, size, purpose=Purpose.EXIT, leg="flatten", reduce_only=True, post_only=False, **fields)


# Keeping: queue priority is worth money.


def test_orders_that_match_are_left_alone():
    targets = [bid(40), ask(60), bid(40, market="N")]
    made = make_plan([resting(wanted, str(index)) for index, wanted in enumerate(targets)], targets)
    assert made.is_noop
    assert made.kept == 3


@pytest.mark.parametrize(("remaining", "kept"), [(10, True), (9, True), (5, True), (4, False)])
def test_a_partly_filled_order_stays_while_half_of_its_target_remains(remaining, kept):
    order = resting(bid(size=10), remaining=remaining, filled=10 - remaining)
    made = make_plan([order], [bid(size=10)])
    assert (made.kept, made.cancels, made.places) == ((1, (), ()) if kept else (0, (order,), (bid(size=10),)))


def test_an_order_that_is_too_small_without_a_fill_is_replaced():
    order = resting(bid(size=9))
    made = make_plan([order], [bid(size=10)])
    assert (made.cancels, made.places) == ((order,), (bid(size=10),))


def test_an_order_that_is_too_large_is_reduced_in_place_or_replaced_where_the_venue_cannot():
    order = resting(ask(size=15), "o1", filled=3, shard=2)
    made = make_plan([order], [ask(size=10)])
    assert made.reductions == (Reduction("o1", "M", Side.SELL, 10, 2, "c-o1"),)
    assert not made.cancels
    assert not made.places
    made = make_plan([order], [ask(size=10)], capabilities=NO_DECREASE)
    assert (made.cancels, made.places, made.reductions) == ((order,), (ask(size=10),), ())


def test_a_moved_price_cancels_and_places():
    order = resting(bid(40))
    made = make_plan([order], [bid(41)])
    assert (made.cancels, made.places) == ((order,), (bid(41),))


def test_a_quote_is_not_taken_for_an_entry_at_the_same_price():
    order = resting(bid(40))
    wanted = bid(40, purpose=Purpose.ENTRY)
    made = make_plan([order], [wanted])
    assert (made.cancels, made.entries, made.places) == ((order,), (wanted,), ())


def test_no_targets_cancels_all_quotes_and_entries_and_nothing_else():
    quote, entry = resting(bid(40), "q"), resting(bid(39, purpose=Purpose.ENTRY), "e")
    others = [resting(ask(60 + index), f"x{index}", purpose=why) for index, why in enumerate([None, Purpose.STOP])]
    made = make_plan([quote, *others, entry], [])
    assert {order.order_id for order in made.cancels} == {"q", "e"}


def test_of_several_orders_at_one_price_the_exact_then_the_oldest_stays():
    wanted = [bid(40, 10, leg="a"), bid(40, 10, leg="b")]
    old = resting(wanted[0], "old", created_at_ms=NOW - 9_000)
    older = resting(wanted[0], "older", created_at_ms=NOW - 10_000)
    newest = resting(wanted[0], "newest", created_at_ms=NOW - 1_000)
    partial = resting(wanted[0], "partial", remaining=9, filled=1, created_at_ms=NOW - 20_000)
    made = make_plan([newest, old, partial, older], wanted)
    assert made.kept == 2
    assert [order.order_id for order in made.cancels] == ["newest", "partial"]


def test_several_targets_at_one_price_each_get_an_order_of_their_own():
    small, large = bid(40, 5, leg="a"), bid(40, 10, leg="b")
    order = resting(large)
    for targets in ([small, large], [large, small]):
        made = make_plan([order], targets)
        assert (made.kept, made.places, made.cancels) == (1, (small,), ())


def test_orders_that_are_all_too_large_are_each_reduced_to_the_nearest_target():
    orders = [resting(bid(40, 12), "large"), resting(bid(40, 7), "small")]
    made = make_plan(orders, [bid(40, 5, leg="a"), bid(40, 10, leg="b")])
    assert {(reduction.order_id, reduction.remaining) for reduction in made.reductions} == {("large", 10), ("small", 5)}
    assert made.cancels == made.places == ()


# Expiry: quotes die by themselves, and are renewed without losing their place.


def test_an_order_about_to_expire_is_renewed_for_all_that_it_may_still_fill():
    order = resting(bid(size=10), "o1", remaining=8, filled=2, expires_at_ms=NOW + 30_000, shard=3)
    made = make_plan([order], [bid(size=10)])
    assert made.renewals == (Amendment("o1", "c-o1", "M", Side.BUY, 40, 10, FRESH, 3),)
    assert not made.cancels
    assert not made.places


def test_an_order_with_time_left_is_not_renewed():
    assert make_plan([resting(bid(), expires_at_ms=NOW + 30_001)], [bid()]).is_noop


def test_an_order_is_not_renewed_to_an_earlier_or_equal_expiry():
    order = resting(bid(), expires_at_ms=NOW + 20_000)
    assert make_plan([order], [bid(expires_at_ms=NOW + 20_000)]).is_noop


def test_a_target_that_never_expires_lifts_the_expiry():
    made = make_plan([resting(bid(), expires_at_ms=NOW + 1)], [bid(expires_at_ms=0)])
    assert made.renewals[0].expires_at_ms == 0


def test_an_expiring_order_that_is_too_large_is_renewed_and_reduced_by_one_write():
    order = resting(bid(size=15), filled=4, expires_at_ms=NOW + 1)
    made = make_plan([order], [bid(size=10)])
    assert [(renewal.size, renewal.expires_at_ms) for renewal in made.renewals] == [(14, FRESH)]
    assert not made.reductions


def test_where_the_venue_cannot_amend_an_expiring_order_is_replaced():
    order = resting(bid(), expires_at_ms=NOW + 1)
    made = make_plan([order], [bid()], capabilities=NO_AMEND)
    assert (made.cancels, made.places, made.renewals) == ((order,), (bid(),), ())


def test_an_expired_order_is_gone_neither_cancelled_nor_kept():
    expired = resting(bid(), expires_at_ms=NOW)
    assert make_plan([expired], []).is_noop
    assert make_plan([expired], [bid()]).places == (bid(),)
    assert make_plan([expired], [ask(40)]).places == (ask(40),)


def test_renewals_go_out_soonest_expiry_first():
    targets = [bid(40 - index) for index in range(3)]
    orders = [resting(wanted, f"o{index}", expires_at_ms=NOW + 900 - index) for index, wanted in enumerate(targets)]
    assert [renewal.order_id for renewal in make_plan(orders, targets).renewals] == ["o2", "o1", "o0"]


# Unknown outcomes and refusing markets.


def test_a_frozen_side_gets_no_new_order_and_the_other_side_does():
    made = make_plan([], [bid(), ask()], frozen={("M", Side.BUY)})
    assert made.places == (ask(),)
    assert reasons(made) == [("buy-40", 10, DropReason.FROZEN)]


def test_on_a_frozen_side_a_matching_order_is_kept_even_if_it_will_expire():
    made = make_plan([resting(bid(), expires_at_ms=NOW + 1)], [bid()], frozen={("M", Side.BUY)})
    assert made.is_noop
    assert made.kept == 1


def test_on_a_frozen_side_an_order_that_is_too_large_is_cancelled_not_reduced():
    order = resting(bid(size=15))
    made = make_plan([order], [bid(size=10)], frozen={("M", Side.BUY)})
    assert (made.cancels, made.reductions, made.places) == ((order,), (), ())


def test_an_exit_waits_for_an_unknown_write_on_its_side_but_not_on_the_other():
    exit_target = exit_order(size=10)
    made = make_plan([], [exit_target], positions={"M": 10}, frozen={("M", Side.SELL)})
    assert reasons(made) == [("flatten", 10, DropReason.FROZEN)]
    assert make_plan([], [exit_target], positions={"M": 10}, frozen={("M", Side.BUY)}).exits == (exit_target,)


def test_a_paused_market_is_cancelled_and_exited_but_not_quoted():
    stale = resting(bid(39))
    made = make_plan([stale], [bid(40), bid(40, market="N")], paused={"M"})
    assert (made.cancels, made.places) == ((stale,), (bid(40, market="N"),))
    assert reasons(made) == [("buy-40", 10, DropReason.PAUSED)]
    assert make_plan([], [exit_order()], positions={"M": 10}, paused={"M"}).exits


# Self-cross: "accepted, nothing filled" at best, paying the spread to ourselves at worst.


@pytest.mark.parametrize("price", [60, 61])
def test_a_target_that_would_trade_with_an_order_that_stays_is_dropped(price):
    foreign = resting(ask(60), purpose=None)
    made = make_plan([foreign], [bid(price)])
    assert (made.places, reasons(made)) == ((), [(f"buy-{price}", 10, DropReason.SELF_CROSS)])
    kept = resting(ask(60))
    made = make_plan([kept], [ask(60), bid(price)])
    assert (made.places, made.kept) == ((), 1)


def test_a_target_just_inside_an_order_that_stays_is_placed():
    assert make_plan([resting(ask(60), purpose=None)], [bid(59)]).places == (bid(59),)


def test_an_order_that_is_cancelled_does_not_stand_in_the_way():
    made = make_plan([resting(ask(60))], [ask(70), bid(65)])
    assert set(made.places) == {bid(65), ask(70)}


def test_of_two_targets_that_cross_each_other_the_one_with_priority_stays():
    strong, weak = ask(50, priority=2), bid(55, priority=1)
    made = make_plan([], [weak, strong])
    assert (made.places, reasons(made)) == ((strong,), [("buy-55", 10, DropReason.SELF_CROSS)])


def test_an_entry_comes_before_a_quote_that_it_would_cross():
    entry, quote = bid(55, purpose=Purpose.ENTRY, leg="entry"), ask(50, priority=9)
    made = make_plan([], [quote, entry])
    assert (made.entries, made.places) == ((entry,), ())


def test_a_foreign_order_does_not_keep_us_in_a_position():
    foreign_bid = resting(bid(45), purpose=None)
    assert make_plan([foreign_bid], [exit_order(price=41)], positions={"M": 10}).exits


# Exits.


def test_an_exit_takes_our_quotes_and_entries_off_its_market_first():
    quotes = [resting(bid(40), "q1"), resting(ask(60), "q2"), resting(bid(39, purpose=Purpose.ENTRY), "e1")]
    elsewhere = resting(bid(40, market="N"), "n1")
    made = make_plan([*quotes, elsewhere], [bid(40), exit_order(), bid(40, market="N")], positions={"M": 10})
    assert {order.order_id for order in made.exit_cancels} == {"q1", "q2", "e1"}
    assert (made.exits, made.kept, made.cancels) == ((exit_order(),), 1, ())
    assert reasons(made) == [("buy-40", 10, DropReason.EXITING)]


@pytest.mark.parametrize(
    ("side", "position", "obstacle", "allowed"),
    [
        (Side.SELL, 10, 0, 10),
        (Side.SELL, 6, 0, 6),
        (Side.SELL, 10, 7, 3),
        (Side.SELL, 10, 12, 0),
        (Side.SELL, 0, 0, 0),
        (Side.SELL, -10, 0, 0),
        (Side.BUY, -10, 0, 10),
        (Side.BUY, -4, 0, 4),
        (Side.BUY, 10, 0, 0),
    ],
)
def test_an_exit_sells_no_more_than_is_held_and_not_already_on_its_way_out(side, position, obstacle, allowed):
    price = 41 if side is Side.SELL else 59
    profit = resting(target(side, 70, 1), purpose=Purpose.TAKE_PROFIT, remaining=obstacle)
    made = make_plan([profit], [exit_order(side, price, 10)], positions={"M": position})
    assert sum(wanted.size for wanted in made.exits) == allowed
    assert sum(drop.target.size for drop in made.dropped) == 10 - allowed
    assert all(drop.reason is DropReason.OVERSELL for drop in made.dropped)


def test_a_resting_order_on_the_other_side_does_not_shrink_an_exit():
    foreign = resting(bid(30, size=8), purpose=None)
    assert make_plan([foreign], [exit_order()], positions={"M": 10}).exits[0].size == 10


def test_an_exit_of_a_market_without_a_known_position_is_dropped_not_guessed():
    assert reasons(make_plan([], [exit_order()])) == [("flatten", 10, DropReason.OVERSELL)]


# Never-oversell where the venue does not net.


def test_without_netting_sells_add_up_to_no_more_than_the_position():
    targets = [ask(60, 6), ask(61, 6), ask(62, 6), bid(40, 50)]
    stop = resting(ask(55, 2), "stop", purpose=Purpose.STOP)
    made = make_plan([stop], targets, capabilities=NOT_NETTING, positions={"M": 10})
    assert [(wanted.price, wanted.size) for wanted in made.places if wanted.side is Side.SELL] == [(60, 6), (61, 2)]
    assert reasons(made) == [("sell-61", 4, DropReason.OVERSELL), ("sell-62", 6, DropReason.OVERSELL)]
    assert bid(40, 50) in made.places


def test_without_netting_a_live_sell_is_cut_to_a_position_that_shrank():
    made = make_plan([resting(ask(60, 10))], [ask(60, 10)], capabilities=NOT_NETTING, positions={"M": 4})
    assert [reduction.remaining for reduction in made.reductions] == [4]
    made = make_plan([resting(ask(60, 10))], [ask(60, 10)], capabilities=NOT_NETTING)
    assert [order.order_id for order in made.cancels] == ["o1"]


def test_with_netting_a_quote_may_sell_what_is_not_held():
    assert make_plan([], [ask()]).places == (ask(),)


# Order: when tokens run out, what matters most has gone already.


def test_places_go_by_priority_then_inner_levels_of_all_markets():
    low = [bid(40, market="A"), bid(39, market="A"), ask(60, market="A"), bid(50, market="B"), bid(49, market="B")]
    high = [bid(20, market="Z", priority=5)]
    made = make_plan([], [*low, *high])
    assert [(wanted.market, wanted.price) for wanted in made.places] == [
        ("Z", 20),
        ("A", 40),
        ("A", 60),
        ("B", 50),
        ("A", 39),
        ("B", 49),
    ]


def test_cancels_start_with_markets_nobody_quotes_any_more_then_go_by_priority():
    orders = [resting(bid(price, market=market), f"{market}{price}") for market in "ABC" for price in (40, 38)]
    made = make_plan(orders, [bid(30, market="A", priority=1), bid(30, market="B", priority=2)])
    assert [order.order_id for order in made.cancels] == ["C38", "C40", "B38", "B40", "A38", "A40"]


# Targets that can't be planned are said, not swallowed.


def test_two_targets_with_one_identity_are_one_order():
    inner, outer = bid(41, leg="bid-0"), bid(40, leg="bid-0")
    for targets in ([inner, outer], [outer, inner]):
        made = make_plan([], targets)
        assert (made.places, made.dropped) == ((inner,), (Dropped(outer, DropReason.DUPLICATE),))
    other_purpose = bid(40, leg="bid-0", purpose=Purpose.ENTRY)
    assert not make_plan([], [inner, other_purpose]).dropped


def test_targets_without_size_and_of_other_jobs_are_dropped():
    wanted = [bid(size=0), ask(size=-5), ask(70, purpose=Purpose.TAKE_PROFIT, leg="tp")]
    made = make_plan([], wanted)
    assert made.is_noop
    assert [drop.reason for drop in made.dropped] == [
        DropReason.NO_SIZE,
        DropReason.NO_SIZE,
        DropReason.NOT_PLANNED,
    ]


@pytest.mark.parametrize("fields", [{"keep_percent": 101}, {"keep_percent": -1}, {"renew_before_ms": -1}])
def test_a_policy_that_makes_no_sense_is_refused(fields):
    with pytest.raises(InvalidInputError, match=next(iter(fields))):
        PlanPolicy(**{"renew_before_ms": 0, **fields})


def test_a_resting_exit_makes_room_for_its_successor_first():
    """Else both could fill; the successor is bounded by what is held, not by what the old one offers."""
    old = resting(exit_order(price=45, size=10), purpose=Purpose.EXIT)
    wanted = exit_order(price=41, size=10)
    made = make_plan([old], [wanted], positions={"M": 8}, exit_markets={"M"})
    assert made.exit_cancels == (old,)
    assert [(target.price, target.size) for target in made.exits] == [(41, 8)]


def test_a_resting_exit_that_is_what_is_wanted_stays_and_takes_up_what_is_held():
    wanted = structs.replace(exit_order(), post_only=True, time_in_force=TimeInForce.RESTING)
    old = resting(wanted, purpose=Purpose.EXIT)
    made = make_plan([old], [wanted, ask(60)], positions={"M": 10}, exit_markets={"M"})
    assert (made.exit_cancels, made.exits, made.places, made.kept) == ((), (), (), 1)


def test_a_resting_exit_that_nobody_wants_any_more_is_cancelled():
    old = resting(exit_order(), purpose=Purpose.EXIT)
    made = make_plan([old], [], positions={"M": 10}, exit_markets={"M"})
    assert made.exit_cancels == (old,)


@pytest.mark.parametrize("exit_markets", [{"M"}, set()])
def test_a_resting_exit_stays_where_its_successor_is_frozen_or_it_is_anothers(exit_markets):
    """Its successor may not go out now, or the exits of this market are not this plan's."""
    old = resting(exit_order(price=45, size=10), purpose=Purpose.EXIT)
    frozen = {("M", Side.SELL)} if exit_markets else set()
    made = make_plan([old], [exit_order(size=10)], positions={"M": 10}, exit_markets=exit_markets, frozen=frozen)
    assert (made.exit_cancels, made.cancels, made.exits) == ((), (), ())
