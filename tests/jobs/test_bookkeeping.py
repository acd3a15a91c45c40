"""Fills become ledger lines in the venue's order."""

from msgspec import structs

from holdfast.core.market import Side
from holdfast.core.orders import Fill, Purpose
from holdfast.jobs.bookkeeping import Bookkeeper
from holdfast.state.journal import KnownOrder
from holdfast.state.ledger import StoredPosition, Watermark
from tests.jobs.world import ACCOUNT, world


def fill(fill_id: str, side: Side, price: int) -> Fill:
    return Fill(fill_id, f"order-{fill_id}", "M-1", side, price, 1_000, fee=0, is_taker=False, at_ms=5)


def test_fills_of_one_millisecond_are_booked_in_the_venues_order() -> None:
    """Average cost depends on the order. Sorted by their random ids, realised P&L differed from the exchange's."""
    fills = [fill("c", Side.BUY, 4_000), fill("b", Side.SELL, 5_000), fill("a", Side.BUY, 6_000)]
    known = {f.order_id: KnownOrder(f.order_id, "", Purpose.QUOTE, "") for f in fills}
    positions: dict[str, StoredPosition] = {}
    with world(markets=1) as made:
        assert Bookkeeper(made.ports, ACCOUNT, 10_000).book_fills(fills, Watermark(), known, positions) == 3
    position = positions["M-1"].position
    assert (position.size, position.realized, position.cost) == (1_000, 1_000 * 1_000, 1_000 * 6_000)


def test_fill_that_turns_out_void_is_taken_back_once_and_money_comes_back_exactly() -> None:
    """A trade that was matched and then failed never happened; its shares and its fee must not stay in the books."""
    kept = structs.replace(fill("a", Side.BUY, 4_000), fee=700)
    matched = structs.replace(fill("b", Side.BUY, 6_000), fee=900, at_ms=6, final=False)
    known = {f.order_id: KnownOrder(f.order_id, "", Purpose.QUOTE, "") for f in (kept, matched)}
    positions: dict[str, StoredPosition] = {}
    with world(markets=1) as made:
        bookkeeper, ledger = Bookkeeper(made.ports, ACCOUNT, None), made.ledger
        assert bookkeeper.book_fills([kept, matched], Watermark(), known, positions) == 2
        mark = ledger.watermark()
        assert mark.read_to_ms == 6, "what may still be void is read again"
        void = structs.replace(matched, final=False, void=True)
        for _ in range(2):
            bookkeeper.book_fills([kept, void], ledger.watermark(), known, positions)
        lines = ledger.lines()
        assert [line.kind for line in lines] == ["fill", "fill", "reversal"]
        assert sum(line.cash for line in lines) == -4_000 * 1_000 - 700
        position = ledger.position("M-1").position
        assert (position.size, position.cash, position.fees) == (1_000, -4_000 * 1_000 - 700, 700)


def test_void_fill_that_was_never_booked_changes_nothing() -> None:
    void = structs.replace(fill("b", Side.BUY, 6_000), final=False, void=True)
    known = {void.order_id: KnownOrder(void.order_id, "", Purpose.QUOTE, "")}
    with world(markets=1) as made:
        assert Bookkeeper(made.ports, ACCOUNT, None).book_fills([void], Watermark(), known, {}) == 0
        assert made.ledger.lines() == []


def test_fill_of_nothing_is_said_and_the_others_are_booked() -> None:
    """Refused, it would end this tick and every later one before any stop is looked at."""
    empty, real = structs.replace(fill("a", Side.BUY, 4_000), size=0), fill("b", Side.BUY, 4_000)
    known = {f.order_id: KnownOrder(f.order_id, "", Purpose.ENTRY, "") for f in (empty, real)}
    with world(markets=1) as made:
        assert Bookkeeper(made.ports, ACCOUNT, 10_000).book_fills([empty, real], Watermark(), known, {}) == 1
        assert made.ledger.position("M-1").position.size == 1_000
        assert [event["fill_id"] for event in made.events("FILL_EMPTY")] == ["a"]
