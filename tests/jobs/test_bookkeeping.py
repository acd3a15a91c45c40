"""Fills become ledger lines in the venue's order."""

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
