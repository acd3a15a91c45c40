"""A write whose outcome is unknown is resolved from what the venue shows, never guessed, never too early."""

from msgspec import structs

from holdfast.core.journal import EntryState, JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose
from holdfast.core.outcomes import Canceled, Changed, Placed, Refusal, Refused, Unknown
from holdfast.core.resolution import ABSENT_AFTER_MS, Evidence, is_resolvable, resolve, to_resend

SENT, RESOLVABLE = 1_000, 13_000
RESTING = OpenOrder("o1", "c1", "M", Side.BUY, 4_000, 60, 40, Purpose.QUOTE)


def entry(operation: Operation, order_id: str = "") -> JournalEntry:
    item = WriteItem("M", Side.BUY, "c1", order_id, 4_000, 100)
    return JournalEntry("e1", "a", operation, Purpose.QUOTE, (item,), "[]", "d", 1, SENT, 11_000, RESOLVABLE)


def evidence(*orders: OpenOrder, horizon_ms: int = RESOLVABLE) -> Evidence:
    return Evidence(horizon_ms, {o.order_id: o for o in orders if o.remaining}, {o.client_order_id: o for o in orders})


def test_nothing_is_resolved_before_its_time_or_from_an_older_list() -> None:
    place = entry(Operation.PLACE)
    assert not is_resolvable(place, horizon_ms=RESOLVABLE, now_ms=RESOLVABLE - 1)
    assert not is_resolvable(place, horizon_ms=RESOLVABLE - 1, now_ms=RESOLVABLE + 5_000)
    assert is_resolvable(place, horizon_ms=RESOLVABLE, now_ms=RESOLVABLE)


def test_place_found_by_its_identity_is_placed() -> None:
    resolved = resolve(entry(Operation.PLACE), evidence(RESTING), RESOLVABLE)
    assert resolved.state is EntryState.ACKNOWLEDGED
    assert resolved.items[0].outcome == Placed("o1", "c1", 40, 60, RESOLVABLE)
    assert resolved.items[0].order_id == "o1"


def test_place_found_among_ended_orders_is_placed_with_nothing_left() -> None:
    resolved = resolve(entry(Operation.PLACE), evidence(structs.replace(RESTING, remaining=0)), RESOLVABLE)
    assert resolved.items[0].outcome == Placed("o1", "c1", 40, 0, RESOLVABLE)


def test_place_is_presumed_absent_only_after_a_minute_and_two_clean_reads() -> None:
    late = SENT + ABSENT_AFTER_MS
    once = resolve(entry(Operation.PLACE), evidence(), late)
    assert once.state is EntryState.SENT
    assert once.clean_reads == 1
    assert resolve(once, evidence(), late - 1).state is EntryState.SENT
    twice = resolve(once, evidence(), late)
    assert twice.state is EntryState.ACKNOWLEDGED
    assert isinstance(twice.items[0].outcome, Refused)


def test_cancel_is_proved_by_the_list() -> None:
    cancel = entry(Operation.CANCEL, "o1")
    assert resolve(cancel, evidence(), RESOLVABLE).items[0].outcome == Canceled(
        "o1", 0, RESOLVABLE, says_fills=False
    ), "a list shows that it is over, not what it filled"
    still = resolve(cancel, evidence(RESTING), RESOLVABLE)
    assert still.state is EntryState.ACKNOWLEDGED
    assert isinstance(still.items[0].outcome, Refused)


def test_amend_is_what_the_list_shows() -> None:
    amend = entry(Operation.AMEND, "o1")
    assert resolve(amend, evidence(RESTING), RESOLVABLE).items[0].outcome == Changed("o1", "c1", 60, RESOLVABLE)
    assert resolve(amend, evidence(), RESOLVABLE).items[0].outcome == Refused(
        Refusal.NOT_FOUND, detail="the order is over"
    )


def test_known_items_of_a_half_known_batch_keep_their_outcome() -> None:
    items = (WriteItem("M", Side.BUY, "c1", size=5), WriteItem("M", Side.SELL, "c2", size=5))
    half = structs.replace(entry(Operation.PLACE), items=items).acknowledged(
        (Unknown("lost"), Placed("o2", "c2", 0, 5, 2_000)), 2_000
    )
    resolved = resolve(half, evidence(RESTING), RESOLVABLE)
    assert resolved.items[1].outcome == Placed("o2", "c2", 0, 5, 2_000)
    assert resolved.state is EntryState.ACKNOWLEDGED


def test_what_was_sent_again_is_presumed_absent_a_minute_after_that() -> None:
    again = structs.replace(entry(Operation.PLACE), clean_reads=1, resent_at_ms=SENT + 30_000)
    assert resolve(again, evidence(), SENT + ABSENT_AFTER_MS).state is EntryState.SENT
    assert resolve(again, evidence(), SENT + 30_000 + ABSENT_AFTER_MS).state is EntryState.ACKNOWLEDGED


def test_only_exits_in_doubt_that_are_wanted_today_and_covered_go_out_again() -> None:
    sells = tuple(WriteItem(market, Side.SELL, f"c-{market}", price=4_000, size=100) for market in "ABCD")
    lost = structs.replace(entry(Operation.PLACE), purpose=Purpose.EXIT, items=sells)
    half = lost.acknowledged(
        (Unknown("lost"), Unknown("lost"), Placed("o", "c-C", 100, 0, SENT), Unknown("lost")), SENT
    )
    wanted = {("A", Side.SELL), ("B", Side.SELL), ("C", Side.SELL), ("D", Side.BUY)}
    assert to_resend(half, wanted, {"A": 100, "B": 99, "C": 100, "D": 100}) == (0,)
    assert to_resend(half, set(), {"A": 100}) == ()
    assert to_resend(structs.replace(half, purpose=Purpose.QUOTE), wanted, {"A": 100}) == ()
    assert to_resend(structs.replace(half, state=EntryState.ACKNOWLEDGED), wanted, {"A": 100}) == ()
