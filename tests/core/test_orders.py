"""Identities of orders, the split on a netting venue, and what the journal keeps of a write."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.journal import EntryState, JournalEntry, Operation, WriteItem
from holdfast.core.market import Side
from holdfast.core.orders import Purpose, account_tag, client_order_id, purpose_of, split_reducing
from holdfast.core.outcomes import Canceled, Changed, Placed, Refusal, Refused, Unknown

words = st.text(string.ascii_letters + string.digits + "-_#.:", max_size=20)
allowed = set(string.ascii_lowercase + string.digits + "-")


@given(words, words, words, words, st.sampled_from(Purpose))
def test_an_identity_is_deterministic_acceptable_everywhere_and_says_its_purpose(
    account, market, leg, attempt, purpose
):
    identity = client_order_id(account, market, leg, attempt, purpose)
    assert identity == client_order_id(account, market, leg, attempt, purpose)
    assert len(identity) == 33
    assert set(identity) <= allowed
    assert purpose_of(identity, account) is purpose


def test_whatever_differs_makes_another_identity():
    parts = ("kalshi", "M", "bid-0", "7")
    variants = {client_order_id(*parts, purpose) for purpose in Purpose}
    for index in range(4):
        changed = list(parts)
        changed[index] += "1"
        variants.add(client_order_id(*changed, Purpose.QUOTE))
    variants.add(client_order_id("kalshi", "Mb", "id-0", "7", Purpose.QUOTE))
    assert len(variants) == len(Purpose) + 5


@pytest.mark.parametrize("client_id", ["", "hf", "my-order-id-1", "hf-zzzz-q-abc", "hf-{tag}-z-abc", "xx-{tag}-q-abc"])
def test_orders_of_others_have_no_purpose(client_id):
    assert purpose_of(client_id.format(tag=account_tag("kalshi")), "kalshi") is None


def test_another_account_of_the_same_login_is_not_ours():
    identity = client_order_id("first", "M", "bid-0", "1", Purpose.QUOTE)
    assert purpose_of(identity, "second") is None


@given(st.sampled_from(Side), st.integers(1, 1_000), st.integers(-1_000, 1_000))
def test_the_reducing_part_never_crosses_zero_and_nothing_is_lost(side, size, position):
    reducing, opening = split_reducing(side, size, position)
    assert reducing + opening == size
    assert reducing >= 0 <= opening
    after = position + (reducing if side is Side.BUY else -reducing)
    assert abs(after) == abs(position) - reducing
    assert not opening or not reducing or after == 0


def entry(operation, *items):
    return JournalEntry(
        "e1", "kalshi", operation, Purpose.QUOTE, items, "{}", "d1", 1, sent_at_ms=100, deadline_ms=200,
        resolvable_at_ms=300,
    )  # fmt: skip


def item(client_id, order_id=""):
    return WriteItem("M", Side.BUY, client_id, order_id, 4_000, 100)


def test_an_entry_stays_open_while_any_item_is_unknown():
    sent = entry(Operation.PLACE, item("a"), item("b"), item("c"))
    half = sent.acknowledged((Placed("1", "a", 0, 100, 150), Unknown("time-out"), Refused(Refusal.OTHER)), 160)
    assert half.state is EntryState.SENT
    assert [each.is_unknown for each in half.items] == [False, True, False]
    assert [each.took_effect for each in half.items] == [True, False, False]
    assert (half.items[0].order_id, half.version) == ("1", 2)
    done = sent.acknowledged(
        (Placed("1", "a", 0, 100, 150), Placed("2", "b", 0, 100, 170), Refused(Refusal.OTHER)), 160
    )
    assert done.state is EntryState.ACKNOWLEDGED
    assert done.acknowledged_at_ms == 170  # the venue's clock is ahead of ours


def test_an_item_keeps_the_id_that_it_was_sent_for():
    amended = entry(Operation.AMEND, item("a", "old")).acknowledged((Changed("new", "a", 100, 150),), 160)
    assert amended.items[0].order_id == "old"
    canceled = entry(Operation.CANCEL, item("a", "old")).acknowledged((Canceled("old", 100, 150),), 160)
    assert canceled.items[0].order_id == "old"


def test_an_answer_with_the_wrong_number_of_items_is_not_matched_up():
    with pytest.raises(ValueError, match="zip"):
        entry(Operation.PLACE, item("a"), item("b")).acknowledged((Placed("1", "a", 0, 100, 150),), 160)
