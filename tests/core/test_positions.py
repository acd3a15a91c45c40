"""Positions and ledger: the cash of every line is the venue's, to the unit, on netting and on plain venues."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from holdfast.core.errors import InvalidInputError, PositionMismatchError
from holdfast.core.market import Side
from holdfast.core.orders import Fill, Purpose, Settlement
from holdfast.core.positions import (
    LATE_FILLS_MS,
    LedgerKind,
    Position,
    apply_fill,
    apply_settlement,
    executable_value,
    fill_key,
    own_settlement,
    unrealized,
    write_off,
)

ONE = 10_000
BUY, SELL = Side.BUY, Side.SELL


def fill(side, price, size, fee=0, fill_id="f1", order_id="o1"):
    return Fill(fill_id, order_id, "M", side, price, size, fee, False, 1_000)


def applied(fills, one=ONE):
    position, lines = Position("M"), []
    for each in fills:
        position, more = apply_fill(position, each, one, purpose=Purpose.QUOTE)
        lines += more
    return position, lines


def settled(position, result):
    payout = abs(position.size) * ONE if (position.size > 0) == (result == "yes") else 0
    return Settlement("M", position.size, payout, 0, result, 9_000)


class TwoOutcomeAccount:
    """A netting venue kept the long way round: both outcomes are bought with cash, and pairs are redeemed at 1."""

    def __init__(self):
        self.cash = self.yes = self.no = 0

    def trade(self, each):
        if each.side is BUY:
            self.cash -= each.price * each.size
            self.yes += each.size
        else:
            self.cash -= (ONE - each.price) * each.size
            self.no += each.size
        pairs = min(self.yes, self.no)
        self.cash += pairs * ONE - each.fee
        self.yes -= pairs
        self.no -= pairs


trades = st.lists(
    st.builds(
        lambda side, price, size, fee: fill(side, price, size, fee),
        st.sampled_from([BUY, SELL]),
        st.integers(1, ONE - 1),
        st.integers(1, 5_000),
        st.integers(-50, 20_000),
    ),
    max_size=25,
)


@given(trades, st.sampled_from(["yes", "no"]))
def test_cash_is_the_balance_of_an_account_that_redeems_pairs(fills, result):
    venue, position = TwoOutcomeAccount(), Position("M")
    for each in fills:
        venue.trade(each)
        position, _ = apply_fill(position, each, ONE, purpose=Purpose.QUOTE)
        assert position.cash == venue.cash
        assert position.size == venue.yes - venue.no
        assert position.cost >= 0
    final, _ = apply_settlement(position, settled(position, result))
    assert final.cash == venue.cash + (venue.yes if result == "yes" else venue.no) * ONE
    assert (final.size, final.cost) == (0, 0)


@given(trades, st.sampled_from([ONE, None]))
def test_lines_add_up_to_the_position(fills, one):
    position, lines = applied(fills, one)
    assert sum(line.cash for line in lines) == position.cash
    assert sum(line.realized for line in lines) == position.realized
    assert sum(line.fee for line in lines) == position.fees == sum(each.fee for each in fills)
    assert sum(line.size if line.side is BUY else -line.size for line in lines) == position.size
    held = 0
    for line in lines:
        before, held = held, held + (line.size if line.side is BUY else -line.size)
        assert line.position_after == held
        assert before * held >= 0  # no line crosses zero
    if position.size == 0:
        assert position.cost == 0


@given(trades)
def test_where_nothing_nets_cash_is_what_was_traded(fills):
    position, _ = applied(fills, None)
    traded = sum((-1 if each.side is BUY else 1) * each.price * each.size - each.fee for each in fills)
    assert position.cash == traded


@given(trades, st.integers(1, ONE - 2), st.sampled_from([ONE, None]))
def test_closing_at_the_executable_price_realizes_the_unrealized(fills, bid, one):
    position, _ = applied(fills, one)
    ask = bid + 1
    expected = unrealized(position, bid, ask, one)
    value = executable_value(position, bid, ask, one)
    if position.size:
        price, side = (bid, SELL) if position.size > 0 else (ask, BUY)
        closed, (line,) = apply_fill(position, fill(side, price, abs(position.size)), one, purpose=Purpose.EXIT)
        assert line.realized == expected
        assert closed.cash == position.cash + value
        assert closed.size == 0
    else:
        assert expected == value == 0


def test_a_fill_that_crosses_zero_makes_two_lines():
    long, _ = applied([fill(BUY, 4_000, 300)])
    position, (closing, opening) = apply_fill(
        long, fill(SELL, 4_500, 1_000, fee=101, fill_id="f2"), ONE, purpose=Purpose.QUOTE, decision_id="d1"
    )
    assert (closing.key, closing.size, closing.fee, closing.position_after) == ("f2#o1", 300, 30, 0)
    assert (closing.realized, closing.cash) == (150_000, 4_500 * 300 - 30)
    assert (opening.key, opening.size, opening.fee, opening.position_after) == ("f2#o1#open", 700, 71, -700)
    assert (opening.realized, opening.cash) == (0, -5_500 * 700 - 71)
    assert (position.size, position.cost) == (-700, 5_500 * 700)
    assert {line.decision_id for line in (closing, opening)} == {"d1"}


def test_the_first_line_is_always_keyed_by_the_fill_so_that_it_is_booked_once():
    for held in (-2_000, -300, 0, 300, 2_000):
        start = Position("M", held, abs(held) * 5_000)
        for side in (BUY, SELL):
            each = fill(side, 5_000, 1_000)
            _, lines = apply_fill(start, each, ONE, purpose=Purpose.QUOTE)
            assert lines[0].key == fill_key(each) == "f1#o1"


def test_average_cost_leaves_the_remainder_with_the_open_size():
    position, _ = applied([fill(BUY, 3_333, 1), fill(BUY, 3_334, 2)])
    one_left, (line,) = apply_fill(position, fill(SELL, 5_000, 2), ONE, purpose=Purpose.QUOTE)
    assert position.cost == 10_001
    assert line.realized == 10_000 - 6_667
    assert one_left.cost == 3_334


def test_a_foreign_fill_moves_the_position_and_is_named():
    position, (line,) = apply_fill(Position("M"), fill(BUY, 4_000, 100), ONE, purpose=None)
    assert line.kind is LedgerKind.FOREIGN
    assert position.size == 100


def test_a_position_knows_how_much_of_its_last_orders_is_booked():
    """A read of fills can be older than the ledger: what it lacks must not count a second time."""
    parts = [fill(Side.BUY, 5_000, 60, fill_id="f1"), fill(Side.BUY, 5_000, 40, fill_id="f2")]
    position = Position("M")
    for part in parts:
        position, _ = apply_fill(position, part, ONE, purpose=Purpose.ENTRY)
    assert position.booked == {"o1": 100}
    position, _ = apply_fill(position, structs.replace(parts[1], void=True), ONE, purpose=Purpose.ENTRY)
    assert position.booked == {"o1": 60}
    for number in range(40):
        sale = fill(Side.SELL, 5_000, 1, fill_id=f"s{number}", order_id=f"s{number}")
        position, _ = apply_fill(position, sale, ONE, purpose=Purpose.EXIT)
    assert len(position.booked) < 20, "an item that is written with every fill stays small"
    assert position.booked["s39"] == 1
    quoted, _ = apply_fill(Position("M"), parts[0], ONE, purpose=Purpose.QUOTE)
    assert quoted.booked == {}


def test_a_settlement_of_another_size_is_not_booked():
    position, _ = applied([fill(BUY, 4_000, 100)])
    with pytest.raises(PositionMismatchError, match="settled 90 where the ledger holds 100"):
        apply_settlement(position, Settlement("M", 90, 90 * ONE, 0, "yes", 9_000))


def test_a_settlement_is_one_line_with_payout_and_fee():
    position, _ = applied([fill(SELL, 4_000, 100, fee=7)])
    final, (line,) = apply_settlement(position, Settlement("M", -100, 100 * ONE, 5, "no", 9_000))
    assert (line.kind, line.key, line.side, line.size) == (LedgerKind.SETTLEMENT, "settlement#M", BUY, 100)
    assert (line.cash, line.realized, line.fee) == (100 * ONE - 5, 100 * 4_000, 5)
    assert final.cash == 100 * 4_000 - 12


LATE = 9_000 + LATE_FILLS_MS


@pytest.mark.parametrize("price", [0, 3_700, ONE])
@pytest.mark.parametrize(("ours", "all_of_them"), [(100, 70), (100, -50), (-100, -300), (-100, 40), (100, 250)])
def test_a_settlement_pays_our_own_share_whoever_holds_the_rest(price, ours, all_of_them):
    """Also where a unit pays neither nothing nor all: our 100 are worth what 100 of anybody's are."""
    venue = Settlement("M", all_of_them, worth(all_of_them, price), 7, "scalar", 9_000)
    assert own_settlement(venue, ours, ONE, LATE - 1) is None, "a fill may still be on its way"
    own = own_settlement(venue, ours, ONE, LATE)
    assert own is not None
    assert (own.size, own.payout, own.fee) == (ours, worth(ours, price), 0)


@pytest.mark.parametrize("dust", [7, -7])
def test_dust_that_was_written_off_does_not_hold_up_a_settlement_and_pays_us_nothing(dust):
    """The venue settles it with the rest; waiting for a fill of it left a position open for ten minutes."""
    flat, _ = write_off(Position("M", size=dust, cost=5 * abs(dust)), "dust#M#1", 9_000, "")
    assert flat.written_off == dust
    ours = 100 if dust > 0 else -100
    venue = Settlement("M", ours + dust, abs(ours + dust) * ONE, 0, "yes", 9_000)
    own = own_settlement(venue, ours, ONE, 9_000, written_off=flat.written_off)
    assert own is not None
    assert (own.size, own.payout) == (ours, 100 * ONE)
    assert own_settlement(venue, ours - 1, ONE, 9_000, written_off=dust) is None, "a fill may still be on its way"


def worth(size, price):
    return size * price if size > 0 else -size * (ONE - price)


@pytest.mark.parametrize(("ours", "result", "payout"), [(5, "yes", 5 * ONE), (5, "no", 0), (-5, "no", 5 * ONE)])
def test_where_nothing_was_held_in_all_the_result_says_what_ours_pays(ours, result, payout):
    own = own_settlement(Settlement("M", 0, 0, 0, result, 9_000), ours, ONE, LATE)
    assert own is not None
    assert own.payout == payout


def test_a_settlement_that_does_not_say_what_ours_pays_is_not_booked():
    assert own_settlement(Settlement("M", 0, 0, 0, "scalar", 9_000), 5, ONE, LATE) is None
    assert own_settlement(Settlement("M", -5, 0, 0, "yes", 9_000), 5, None, LATE) is None


def test_a_settlement_of_our_size_is_booked_as_it_is_and_at_once():
    whole = Settlement("M", 5, 5 * ONE, 3, "yes", 9_000)
    assert own_settlement(whole, 5, ONE, 9_000) is whole


def test_a_flat_market_settles_without_a_line():
    position, _ = applied([fill(BUY, 4_000, 100), fill(SELL, 4_100, 100)])
    assert apply_settlement(position, Settlement("M", 0, 0, 0, "yes", 9_000)) == (position, ())


def test_a_missing_side_has_no_price():
    long, short = Position("M", 100, 400_000), Position("M", -100, 400_000)
    assert unrealized(long, None, 5_000, ONE) is None
    assert unrealized(short, 5_000, None, ONE) is None
    assert unrealized(long, 5_000, None, ONE) == 100_000
    assert unrealized(short, None, 5_000, ONE) == 100_000
    assert unrealized(Position("M"), None, None, ONE) == 0


def test_malformed_fills_are_refused():
    with pytest.raises(InvalidInputError, match="size of fill f1"):
        apply_fill(Position("M"), fill(BUY, 4_000, 0), ONE, purpose=None)
    with pytest.raises(InvalidInputError, match="market of fill f1"):
        apply_fill(Position("OTHER"), fill(BUY, 4_000, 1), ONE, purpose=None)


def test_sums_of_what_was_entered_tell_a_trade_that_filled_in_parts_and_was_partly_void() -> None:
    """100 bought at 0.40 and 50 at 0.46, of which 30 turn out void; 60 and 60 sold. All that came in and went out."""
    fills = [
        fill(BUY, 4_000, 100, fill_id="a"),
        fill(BUY, 4_600, 50, fill_id="b"),
        fill(SELL, 5_000, 60, fill_id="c"),
        structs.replace(fill(BUY, 4_600, 50, fill_id="b"), void=True),
        fill(BUY, 4_600, 20, fill_id="d"),
        fill(SELL, 5_000, 60, fill_id="e"),
    ]
    position = Position("M")
    for one in fills:
        position, _ = apply_fill(position, one, ONE, purpose=Purpose.ENTRY if one.side is BUY else Purpose.EXIT)
    assert position.size == 0
    assert (position.entered, position.spent) == (120, 100 * 4_000 + 20 * 4_600)
    assert position.spent + position.realized == 120 * 5_000
    assert position.reduced_by == "exit"


def test_exit_that_turns_out_void_was_not_another_entry() -> None:
    bought, _ = apply_fill(Position("M"), fill(BUY, 4_000, 100, fill_id="a"), ONE, purpose=Purpose.ENTRY)
    sold, _ = apply_fill(bought, fill(SELL, 5_000, 100, fill_id="b"), ONE, purpose=Purpose.EXIT)
    held, _ = apply_fill(
        sold, structs.replace(fill(SELL, 5_000, 100, fill_id="b"), void=True), ONE, purpose=Purpose.EXIT
    )
    again, _ = apply_fill(held, fill(SELL, 4_500, 100, fill_id="c"), ONE, purpose=Purpose.EXIT)
    assert (again.size, again.entered, again.spent + again.realized) == (0, 100, 450_000)
