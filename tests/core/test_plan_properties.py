"""Properties of the plan on arbitrary accounts: what is applied is what was wanted, and nothing else is touched."""

from collections import Counter, defaultdict
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.blocked import blocked_places
from holdfast.core.capabilities import Replace
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose, TargetOrder
from holdfast.core.plan import DropReason
from tests.core.plan_world import (
    CAPABILITIES,
    FRESH,
    MANAGED,
    NOW,
    POLICY,
    ModelVenue,
    crosses,
    held_on,
    make_plan,
    pursued,
    resting,
    target,
)

MARKETS = ("A", "B")
sides = st.sampled_from(Side)
prices = st.integers(46, 54)
sizes = st.integers(1, 6)
order_purposes = st.sampled_from([*MANAGED, *MANAGED, Purpose.EXIT, Purpose.TAKE_PROFIT, None])
expiries = st.sampled_from([0, NOW - 1, NOW, NOW + 1, NOW + 30_000, NOW + 30_001, FRESH, FRESH + 5])
frozen_sides = st.frozensets(st.tuples(st.sampled_from(MARKETS), sides), max_size=2)
capabilities = st.builds(
    lambda netting, replace, decrease: structs.replace(
        CAPABILITIES, netting=netting, replace=replace, decrease=decrease
    ),
    st.booleans(),
    st.sampled_from(Replace),
    st.booleans(),
)


@st.composite
def open_orders(draw: st.DrawFn) -> list[OpenOrder]:
    """Live orders of one account never cross each other: the venue would have matched them."""
    orders: list[OpenOrder] = []
    for index in range(draw(st.integers(0, 9))):
        wanted = target(draw(sides), draw(prices), draw(sizes), market=draw(st.sampled_from(MARKETS)))
        order = resting(
            wanted,
            f"o{index}",
            purpose=draw(order_purposes),
            filled=draw(st.sampled_from([0, 0, 1, 3])),
            expires_at_ms=draw(expiries),
            created_at_ms=NOW - draw(st.integers(0, 3)),
        )
        if not any(crosses(order, other) for other in orders):
            orders.append(order)
    return orders


@st.composite
def target_lists(draw: st.DrawFn, purposes: tuple[Purpose, ...] = MANAGED) -> list[TargetOrder]:
    """One decision's targets: they all expire together."""
    expires_at_ms = draw(st.sampled_from([0, FRESH, NOW + 20_000]))
    return [
        target(
            draw(sides),
            draw(prices),
            draw(sizes),
            market=draw(st.sampled_from(MARKETS)),
            purpose=draw(st.sampled_from(purposes)),
            leg=f"leg-{index}",
            priority=draw(st.integers(0, 2)),
            expires_at_ms=expires_at_ms,
        )
        for index in range(draw(st.integers(0, 9)))
    ]


positions_of = st.fixed_dictionaries({}, optional={market: st.integers(-8, 8) for market in MARKETS})
worlds = st.fixed_dictionaries(
    {
        "capabilities": capabilities,
        "positions": positions_of,
        "frozen": frozen_sides,
        "paused": st.frozensets(st.sampled_from(MARKETS), max_size=1),
    }
)
with_exits = target_lists(purposes=(*MANAGED, Purpose.EXIT))


def suits(order: OpenOrder, wanted: TargetOrder) -> bool:
    if order.remaining == wanted.size:
        return True
    enough = order.remaining * 100 >= wanted.size * POLICY.keep_percent
    return order.filled > 0 and order.remaining < wanted.size and enough


def by_key(items) -> dict:
    groups = defaultdict(list)
    for item in items:
        groups[item.market, item.side, item.price, item.purpose].append(item)
    return groups


@given(open_orders(), with_exits, worlds)
def test_applying_the_plan_gives_the_targets_less_the_dropped(orders, targets, world):
    made = make_plan(orders, targets, **world)
    venue = ModelVenue(orders)
    for _ in venue.apply(made):
        pass
    have = by_key([order for order in venue.live.values() if order.purpose in MANAGED])
    want = by_key(pursued(targets, made))
    assert {key: len(group) for key, group in have.items()} == {key: len(group) for key, group in want.items()}
    for key, group in have.items():
        assert any(all(map(suits, group, sorted_targets)) for sorted_targets in permutations(want[key])), key


@given(open_orders(), with_exits, worlds)
def test_orders_of_other_purposes_and_foreign_orders_stay_as_they_are(orders, targets, world):
    venue = ModelVenue(orders)
    before = {key: order for key, order in venue.live.items() if order.purpose not in MANAGED}
    for _ in venue.apply(make_plan(orders, targets, **world)):
        pass
    assert {key: order for key, order in venue.live.items() if order.purpose not in MANAGED} == before


@given(open_orders(), with_exits, worlds)
def test_a_second_plan_has_nothing_left_to_do(orders, targets, world):
    quotes = [wanted for wanted in targets if wanted.purpose in MANAGED]
    venue = ModelVenue(orders)
    for _ in venue.apply(make_plan(orders, quotes, **world)):
        pass
    again = make_plan(list(venue.live.values()), quotes, **world)
    assert again.is_noop, again


@given(open_orders(), with_exits, worlds, st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_its_inputs(orders, targets, world, rng):
    made = make_plan(orders, targets, **world)
    rng.shuffle(orders)
    rng.shuffle(targets)
    again = make_plan(orders, targets, **world)
    assert Counter(map(repr, again.dropped)) == Counter(map(repr, made.dropped))
    assert structs.replace(again, dropped=()) == structs.replace(made, dropped=())


@given(open_orders(), with_exits, worlds)
def test_nothing_but_cancels_is_sent_to_a_frozen_side_and_only_exits_to_a_paused_market(orders, targets, world):
    made = make_plan(orders, targets, **world)
    sent = [*made.renewals, *made.reductions, *made.entries, *made.places]
    assert not [item for item in sent if item.market in world["paused"]]
    assert not [item for item in (*sent, *made.exits) if (item.market, item.side) in world["frozen"]]


@given(open_orders(), with_exits, worlds)
def test_orders_that_stay_are_renewed_before_they_expire(orders, targets, world):
    made = make_plan(orders, targets, **world)
    venue = ModelVenue(orders)
    for _ in venue.apply(made):
        pass
    silent = world["frozen"] | {(market, side) for market in world["paused"] for side in Side}
    alone = {key: group[0] for key, group in by_key(targets).items() if len(group) == 1}
    for key, group in by_key(venue.live.values()).items():
        if key not in alone or len(group) > 1 or key[:2] in silent or key[3] not in MANAGED:
            continue
        wanted, order = alone[key].expires_at_ms, group[0].expires_at_ms
        lasts_as_wanted = order == 0 or (wanted != 0 and order >= wanted)
        assert lasts_as_wanted or order > NOW + POLICY.renew_before_ms, group


@given(open_orders(), with_exits, worlds)
def test_never_oversell(orders, targets, world):
    positions, netting = world["positions"], world["capabilities"].netting
    made = make_plan(orders, targets, **world)
    venue = ModelVenue(orders)
    obstacles = Counter()
    for order in venue.live.values():
        if order.purpose not in MANAGED:
            obstacles[order.market, order.side] += order.remaining
    exiting = Counter()
    for wanted in made.exits:
        exiting[wanted.market, wanted.side] += wanted.size
    for (market, side), size in exiting.items():
        assert size + obstacles[market, side] <= held_on(side, positions, market)
    for sent in venue.apply(made):
        if not netting and isinstance(sent, TargetOrder) and sent.purpose in MANAGED and sent.side is Side.SELL:
            assert venue.sells(sent.market) <= held_on(Side.SELL, positions, sent.market)


@given(open_orders(), with_exits, worlds, st.randoms(use_true_random=False))
def test_no_self_cross_whichever_cancels_stay_unacknowledged(orders, targets, world, rng):
    made = make_plan(orders, targets, **world)
    unfinished = [order for order in (*made.exit_cancels, *made.cancels) if rng.random() < 0.5]
    venue = ModelVenue(orders)
    cancels_only = structs.replace(made, entries=(), places=())
    for _ in venue.apply(cancels_only, keep_alive=frozenset(order.order_id for order in unfinished)):
        pass
    taken = {(order.market, order.side) for order in unfinished}
    for lane in (made.entries, made.places):
        ready, blocked = blocked_places(lane, unfinished)
        assert Counter(map(repr, (*ready, *(drop.target for drop in blocked)))) == Counter(map(repr, lane))
        assert not [wanted for wanted in ready if (wanted.market, wanted.side) in taken]
        for wanted in ready:
            venue.place(wanted)
        for drop in blocked:
            same_side = (drop.target.market, drop.target.side) in taken
            assert same_side or any(crosses(drop.target, order) for order in unfinished)


@given(open_orders(), target_lists(), worlds)
def test_a_plan_costs_no_more_tokens_than_replacing_everything(orders, targets, world):
    costs = CAPABILITIES.costs
    made = make_plan(orders, targets, **world)
    spent = costs.cancel * len(made.cancels) + costs.create * len(made.entries + made.places)
    spent += costs.amend * len(made.renewals) + costs.decrease * len(made.reductions)
    ours = [order for order in ModelVenue(orders).live.values() if order.purpose in MANAGED]
    assert spent <= costs.cancel * len(ours) + costs.create * len(pursued(targets, made))


@given(open_orders(), with_exits, worlds)
def test_an_exit_takes_every_quote_and_entry_off_its_market(orders, targets, world):
    made = make_plan(orders, targets, **world)
    exiting = {wanted.market for wanted in targets if wanted.purpose is Purpose.EXIT}
    venue = ModelVenue(orders)
    expected = {key for key, order in venue.live.items() if order.purpose in MANAGED and order.market in exiting}
    assert {order.order_id for order in made.exit_cancels} == expected
    others = [*made.cancels, *made.renewals, *made.reductions, *made.entries, *made.places]
    assert not [item for item in others if item.market in exiting]
    dropped = [drop.target for drop in made.dropped if drop.reason is DropReason.EXITING]
    assert Counter(map(repr, dropped)) == Counter(
        repr(wanted) for wanted in targets if wanted.market in exiting and wanted.purpose in MANAGED
    )


@settings(max_examples=30)
@given(st.integers(2, 40), st.integers(0, 40), st.randoms(use_true_random=False))
def test_a_crowd_at_one_price_keeps_as_many_orders_as_sizes_allow(count, others, rng):
    wanted = [target(Side.BUY, 50, rng.randint(1, 9), leg=f"{index}") for index in range(count)]
    alike = [resting(one, f"o{index}") for index, one in enumerate(wanted)]
    strangers = [resting(target(Side.BUY, 50, rng.randint(1, 9)), f"p{index}") for index in range(others)]
    orders = [*alike, *strangers]
    rng.shuffle(orders)
    made = make_plan(orders, wanted)
    assert (made.kept, len(made.cancels)) == (count, others)
    assert made.places + made.reductions + made.renewals == ()
