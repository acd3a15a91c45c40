"""A list that is older than our own writes must not undo them, and a newer one must win."""

from msgspec import structs

from holdfast.core.journal import JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose
from holdfast.core.outcomes import Canceled, Changed, Outcome, Placed, Refusal, Refused, Unknown
from holdfast.core.reconcile import Reconciled, reconcile

ACKNOWLEDGED = 10_000
BEFORE, AFTER = ACKNOWLEDGED - 1, ACKNOWLEDGED


def order(order_id: str = "o1", remaining: int = 100, filled: int = 0, price: int = 4_000) -> OpenOrder:
    return OpenOrder(order_id, f"c-{order_id}", "M", Side.BUY, price, remaining, filled, Purpose.QUOTE)


def entry(operation: Operation, outcome: Outcome | None, at_ms: int = ACKNOWLEDGED, **item: object) -> JournalEntry:
    fields = {"market": "M", "side": Side.BUY, "client_order_id": "c-o1", "order_id": "o1"} | item
    sent = JournalEntry(
        f"e{at_ms}-{operation}", "a", operation, Purpose.QUOTE, (WriteItem(**fields),), "", "d", 1, at_ms - 100,
        at_ms + 10_000, at_ms + 12_000,
    )  # fmt: skip
    return sent.acknowledged((outcome,), at_ms) if outcome is not None else sent


def merged(
    listed: list[OpenOrder], entries: list[JournalEntry], horizon_ms: int, filled: dict[str, int] | None = None
) -> Reconciled:
    return reconcile(listed, entries, horizon_ms=horizon_ms, filled=filled or {})


def test_list_fetched_before_our_cancel_does_not_bring_the_order_back() -> None:
    """Dora's bug: the re-added order is cancelled again for a 404 (facts kalshi section 12)."""
    cancel = entry(Operation.CANCEL, Canceled("o1", 100, ACKNOWLEDGED))
    result = merged([order()], [cancel], BEFORE)
    assert result.open_orders == ()
    assert result.retired == ()


def test_cancel_entry_is_retired_only_by_a_list_that_must_show_it() -> None:
    cancel = entry(Operation.CANCEL, Canceled("o1", 100, ACKNOWLEDGED))
    assert merged([], [cancel], BEFORE).retired == ()
    assert merged([], [cancel], AFTER).retired == (cancel,)


def test_order_that_rests_in_a_later_list_rests_whatever_the_cancel_said() -> None:
    """Venues have answered a cancel with another order's body (facts kalshi section 4.3): a later list decides."""
    cancel = entry(Operation.CANCEL, Canceled("o1", 100, ACKNOWLEDGED))
    assert merged([order()], [cancel], AFTER).open_orders == (order(),)


def test_other_jobs_cancel_ends_an_order_in_whatever_order_the_two_writes_are_read() -> None:
    """Revived, the order would count as resting: its cancel would be sent again, and what it covers is not exited."""
    place = entry(Operation.PLACE, Placed("o1", "c-o1", 0, 100, ACKNOWLEDGED), order_id="", price=4_000, size=100)
    cancel = entry(Operation.CANCEL, Canceled("o1", 100, ACKNOWLEDGED + 50), ACKNOWLEDGED + 50)
    assert merged([], [place, cancel], BEFORE).open_orders == ()
    assert merged([], [cancel, place], BEFORE).open_orders == ()


def test_placed_order_that_the_list_does_not_show_yet_is_open_and_not_placed_twice() -> None:
    place = entry(
        Operation.PLACE, Placed("o1", "c-o1", 30, 70, ACKNOWLEDGED), order_id="", price=4_000, size=100, shard=2
    )
    (found,) = merged([], [place], BEFORE).open_orders
    assert (found.order_id, found.remaining, found.filled, found.price, found.shard) == ("o1", 70, 30, 4_000, 2)
    assert found.purpose is Purpose.QUOTE


def test_placed_order_missing_from_a_later_list_is_over() -> None:
    place = entry(Operation.PLACE, Placed("o1", "c-o1", 0, 100, ACKNOWLEDGED), order_id="", price=4_000, size=100)
    result = merged([], [place], AFTER)
    assert result.open_orders == ()
    assert result.retired == (place,)


def test_fills_since_the_list_shrink_or_end_an_order() -> None:
    assert merged([order()], [], BEFORE, {"o1": 40}).open_orders == (order(remaining=60, filled=40),)
    assert merged([order()], [], BEFORE, {"o1": 100}).open_orders == ()
    already_listed = order(remaining=60, filled=40)
    assert merged([already_listed], [], BEFORE, {"o1": 40}).open_orders == (already_listed,)


def test_place_overlay_that_has_filled_meanwhile_is_not_open() -> None:
    place = entry(Operation.PLACE, Placed("o1", "c-o1", 0, 100, ACKNOWLEDGED), order_id="", price=4_000, size=100)
    assert merged([], [place], BEFORE, {"o1": 100}).open_orders == ()


def test_place_and_cancel_both_newer_than_the_list_end_in_nothing() -> None:
    place = entry(Operation.PLACE, Placed("o1", "c-o1", 0, 100, ACKNOWLEDGED), order_id="", price=4_000, size=100)
    cancel = entry(Operation.CANCEL, Canceled("o1", 100, ACKNOWLEDGED + 50), at_ms=ACKNOWLEDGED + 50)
    assert merged([], [place, cancel], BEFORE).open_orders == ()


def test_amend_newer_than_the_list_changes_price_expiry_and_size() -> None:
    amend = entry(Operation.AMEND, Changed("o2", "c-o1", 50, ACKNOWLEDGED), price=4_100, size=90, expires_at_ms=77_000)
    (found,) = merged([order(remaining=60, filled=40)], [amend], BEFORE).open_orders
    assert (found.order_id, found.price, found.remaining, found.filled) == ("o2", 4_100, 50, 40)
    assert found.expires_at_ms == 77_000


def test_expiry_only_amend_keeps_the_listed_size() -> None:
    amend = entry(Operation.AMEND, Changed("o1", "c-o1", None, ACKNOWLEDGED), price=4_000, size=100, expires_at_ms=9)
    (found,) = merged([order(remaining=60, filled=40)], [amend], BEFORE).open_orders
    assert (found.remaining, found.filled, found.expires_at_ms) == (60, 40, 9)


def test_decrease_newer_than_the_list_does_not_count_the_fills_before_it_twice() -> None:
    """A list from before the fills, fills read later: the order would count as over and be placed a second time."""
    decrease = entry(Operation.DECREASE, Changed("o1", "c-o1", 30, ACKNOWLEDGED))
    (found,) = merged([order(remaining=100)], [decrease], BEFORE, {"o1": 60}).open_orders
    assert (found.remaining, found.filled) == (30, 60)
    (later,) = merged([order(remaining=100)], [decrease], BEFORE, {"o1": 80}).open_orders
    assert later.remaining == 20, "no more than the order was ever worth"
    assert merged([order(remaining=100)], [decrease], BEFORE, {"o1": 100}).open_orders == ()


def test_unknown_place_freezes_its_side_and_opens_nothing() -> None:
    for outcome in (None, Unknown("time-out")):
        place = entry(Operation.PLACE, outcome, order_id="", price=4_000, size=100)
        result = merged([], [place], AFTER + 60_000)
        assert result.frozen == {("M", Side.BUY)}
        assert result.open_orders == ()
        assert result.retired == ()


def test_order_whose_cancel_is_unknown_or_not_found_stays_listed_but_doubtful() -> None:
    """Absent-is-not-gone: it is neither dropped nor cancelled again until a later list speaks."""
    for outcome in (Unknown("time-out"), Refused(Refusal.NOT_FOUND)):
        result = merged([order()], [entry(Operation.CANCEL, outcome)], BEFORE)
        assert result.open_orders == (order(),)
        assert result.doubtful == {"o1"}
        assert result.frozen == {("M", Side.BUY)}


def test_order_not_found_by_a_cancel_but_in_a_later_list_may_be_cancelled_again() -> None:
    result = merged([order()], [entry(Operation.CANCEL, Refused(Refusal.NOT_FOUND))], AFTER)
    assert result.doubtful == frozenset()
    assert result.frozen == frozenset()


def test_duplicate_identity_freezes_its_side_until_a_list_shows_it() -> None:
    place = entry(Operation.PLACE, Refused(Refusal.DUPLICATE), order_id="", price=4_000, size=100)
    assert merged([], [place], BEFORE).frozen == {("M", Side.BUY)}
    assert merged([order()], [place], AFTER).frozen == frozenset()


def test_batch_with_one_unknown_item_stays_in_doubt_for_that_item_alone() -> None:
    items = (WriteItem("M", Side.BUY, "c1", price=1, size=5), WriteItem("N", Side.SELL, "c2", price=2, size=5))
    sent = structs.replace(entry(Operation.PLACE, None), items=items)
    half = sent.acknowledged((Placed("o1", "c1", 0, 5, ACKNOWLEDGED), Unknown("no item in the answer")), ACKNOWLEDGED)
    result = merged([], [half], BEFORE)
    assert result.frozen == {("N", Side.SELL)}
    assert [found.order_id for found in result.open_orders] == ["o1"]
    later = merged([], [half], AFTER)
    assert later.frozen == {("N", Side.SELL)}
    assert later.open_orders == (), "a later list knows better than the half of the batch that was answered"
    assert later.retired == ()


def test_what_an_answer_says_was_filled_counts_until_the_fills_show_it() -> None:
    """An exit that filled at once would be sent again while the fills lag."""
    place = entry(
        Operation.PLACE, Placed("o1", "c-o1", 60, 0, ACKNOWLEDGED), order_id="", price=4_000, size=60, side=Side.SELL
    )
    assert merged([], [place], BEFORE).unbooked == {"M": -60}
    assert merged([], [place], BEFORE, {"o1": 20}).unbooked == {"M": -40}
    assert merged([], [place], BEFORE, {"o1": 60}).unbooked == {}
    assert merged([], [place], AFTER).unbooked == {}


def test_what_a_cancel_says_was_filled_counts_until_the_fills_show_it() -> None:
    """The exit after it would be sent for the whole position again by the next look, while the fills lag."""
    resting = order()
    cancel = entry(Operation.CANCEL, Canceled("o1", 40, ACKNOWLEDGED), side=resting.side)
    filled = resting.remaining + resting.filled - 40
    signed = filled if resting.side is Side.BUY else -filled
    assert merged([resting], [cancel], BEFORE).unbooked == {"M": signed}
    assert merged([resting], [cancel], BEFORE, {"o1": filled}).unbooked == {}
    assert merged([], [cancel], BEFORE).unbooked == {}, "a list without it comes with its fills"
    silent = entry(Operation.CANCEL, Canceled("o1", 0, ACKNOWLEDGED, says_fills=False), side=resting.side)
    assert merged([resting], [silent], BEFORE).unbooked == {}


def test_reads_that_still_list_an_order_whose_cancel_said_nothing_of_fills_are_too_old_for_them() -> None:
    resting = order()
    silent = entry(Operation.CANCEL, Canceled("o1", 0, ACKNOWLEDGED, says_fills=False), side=resting.side)
    assert merged([resting], [silent], BEFORE).fills_lag == {resting.market}
    assert merged([], [silent], BEFORE).fills_lag == frozenset()
    told = entry(Operation.CANCEL, Canceled("o1", 100, ACKNOWLEDGED), side=resting.side)
    assert merged([resting], [told], BEFORE).fills_lag == frozenset()


def test_order_that_an_amend_did_not_find_is_not_amended_again_before_a_later_list() -> None:
    result = merged([order()], [entry(Operation.AMEND, Refused(Refusal.NOT_FOUND))], BEFORE)
    assert result.doubtful == {"o1"}
    assert result.frozen == {("M", Side.BUY)}
    assert merged([order()], [entry(Operation.AMEND, Refused(Refusal.NOT_FOUND))], AFTER).doubtful == frozenset()


def test_what_a_list_says_a_leg_filled_counts_before_the_fills_show_it() -> None:
    """Orders and fills are read from two copies: an exit for all that the older one shows would sell a part twice."""
    leg = structs.replace(order(remaining=60, filled=40), side=Side.SELL, purpose=Purpose.TAKE_PROFIT)
    known = reconcile([leg], [], horizon_ms=0, filled={"o1": 25}, counts_hold=True)
    assert known.unbooked == {"M": -15}
    assert reconcile([leg], [], horizon_ms=0, filled={"o1": 40}, counts_hold=True).unbooked == {}
    assert reconcile([leg], [], horizon_ms=0, filled={"o1": 25}).unbooked == {}, "a count that may be taken back"
    quote = order(remaining=60, filled=40)
    assert reconcile([quote], [], horizon_ms=0, filled={}, counts_hold=True).unbooked == {}, "its fills may be older"
