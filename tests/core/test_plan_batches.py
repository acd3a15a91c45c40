"""Batches that a full bucket can grant, and targets that wait for an unfinished cancel."""

import pytest

from benchmarks import batching
from holdfast.core.batches import batches, blocked_places
from holdfast.core.capabilities import Bucket
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import Reduction
from holdfast.core.plan import DropReason
from tests.core.plan_world import ask, bid, resting

SMALL = Bucket("write", 100, 100)


@pytest.mark.parametrize(
    ("per_call", "cost", "reserve", "sizes"),
    [
        (20, 10, 30, [7, 7, 7, 4]),
        (20, 2, 30, [20, 5]),
        (5, 10, 0, [5, 5, 5, 5, 5]),
        (1, 2, 30, [1] * 25),
        (10, 0, 30, [10, 10, 5]),
    ],
)
def test_a_call_carries_no_more_than_the_venue_takes_and_the_bucket_can_hold(per_call, cost, reserve, sizes):
    items = list(range(25))
    made = batches(items, per_call, cost, SMALL, reserve)
    assert [len(batch) for batch in made] == sizes
    assert [item for batch in made for item in batch] == items


def test_nothing_to_send_is_no_call():
    assert batches([], 20, 10, SMALL, 30) == []


@pytest.mark.parametrize(("per_call", "cost", "reserve"), [(20, 10, 91), (20, 101, 0), (0, 2, 0)])
def test_items_that_could_never_be_sent_are_refused_at_once(per_call, cost, reserve):
    with pytest.raises(InvalidInputError, match="reserve"):
        batches([1], per_call, cost, SMALL, reserve)


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


@pytest.mark.parametrize("bucket", batching.TIERS, ids=lambda bucket: bucket.name)
def test_on_every_tier_batches_save_nine_calls_in_ten_and_never_ask_for_more_than_the_bucket_holds(bucket):
    made = batching.moved_quotes()
    single, batched = batching.send(made, bucket, batched=False), batching.send(made, bucket, batched=True)
    assert batched.calls * 10 <= single.calls
    assert single.overdrawn == batched.overdrawn == 0
