"""Targets that wait for an unfinished cancel, and the benchmark of batching."""

import pytest

from benchmarks import batching
from holdfast.core.blocked import blocked_places, remainders
from holdfast.core.market import Side
from holdfast.core.orders import Reduction
from holdfast.core.plan import DropReason
from tests.core.plan_world import ask, bid, resting


def test_a_place_waits_for_every_unfinished_cancel_on_its_side():
    split = blocked_places([bid(30), ask(60), bid(30, market="N")], [resting(bid(45))])
    assert split.ready == (ask(60), bid(30, market="N"))
    assert [(drop.target, drop.reason) for drop in split.blocked] == [(bid(30), DropReason.CANCEL_UNFINISHED)]


@pytest.mark.parametrize(("price", "ready"), [(46, True), (45, False), (44, False)])
def test_a_place_waits_for_an_unfinished_cancel_that_it_would_trade_with(price, ready):
    unfinished = [resting(bid(45), "a"), resting(bid(30), "b")]
    assert bool(blocked_places([ask(price)], unfinished).ready) is ready
    mirrored = [resting(ask(100 - 45), "a"), resting(ask(100 - 30), "b")]
    assert bool(blocked_places([bid(100 - price)], mirrored).ready) is ready


def test_a_place_waits_for_an_unfinished_reduction_on_its_side_only():
    reduction = Reduction("o1", "M", Side.SELL, 5)
    split = blocked_places([ask(61), bid(40)], [], [reduction])
    assert split.ready == (bid(40),)
    assert [drop.target for drop in split.blocked] == [ask(61)]


def test_an_exit_is_cut_by_what_cancelled_orders_of_its_side_had_filled():
    filled = {("M", Side.SELL): 4, ("N", Side.SELL): 10, ("N", Side.BUY): 3}
    ready, sold = remainders([ask(41, 10), ask(41, 10, market="N"), ask(41, 10, market="O")], filled)
    assert ready == (ask(41, 6), ask(41, 10, market="O"))
    assert [(drop.target.market, drop.target.size) for drop in sold] == [("M", 4), ("N", 10)]


@pytest.mark.parametrize("bucket", batching.TIERS, ids=lambda bucket: bucket.name)
def test_on_every_tier_batches_save_nine_calls_in_ten_and_never_ask_for_more_than_the_bucket_holds(bucket):
    made = batching.moved_quotes()
    single, batched = batching.send(made, bucket, batched=False), batching.send(made, bucket, batched=True)
    assert batched.calls * 10 <= single.calls
    assert single.overdrawn == batched.overdrawn == 0
