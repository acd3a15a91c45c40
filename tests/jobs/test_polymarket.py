"""The same job on Polymarket: orders by hash, no client ids, no amends, reserved shares, trades that can fail."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from holdfast.core.market import Side
from holdfast.core.orders import Placement, Purpose, TargetOrder
from local.venues.polymarket import SCALE, Fault, FaultKind
from tests.jobs.polymarket_world import CENT, PolymarketWorld, polymarket_world


@pytest.fixture
def made() -> Iterator[PolymarketWorld]:
    with polymarket_world() as running:
        yield running


def test_first_tick_bids_in_every_market_and_the_second_keeps_the_orders(made: PolymarketWorld) -> None:
    report = made.tick()
    assert (report.ended, report.execution.placed) == ("", 2)
    assert made.resting(made.tokens[0]) == [("buy", 48, 10)], "nothing is held, so nothing can be sold"
    again = made.tick()
    assert (again.ended, again.execution.operations, again.kept) == ("", 0, 2)


def test_filled_bid_becomes_a_position_whose_shares_are_offered(made: PolymarketWorld) -> None:
    made.tick()
    made.book("m-1", 46, 48)
    report = made.tick()
    assert (report.ended, report.booked) == ("", 1)
    assert ("sell", 49, 10) in made.resting(made.tokens[0])
    made.assert_ledger_is_the_exchanges()
    made.book("m-1", 49, 51)
    made.tick()
    made.tick()
    assert sorted(line.side for line in made.ledger.lines()) == ["buy", "sell"]
    made.assert_ledger_is_the_exchanges()


def test_expiring_quotes_are_replaced_not_lost(made: PolymarketWorld) -> None:
    made.tick()
    for _ in range(12):
        report = made.tick()
        assert report.ended == ""
        assert len(made.resting()) == 2


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED])
def test_place_whose_answer_is_lost_is_found_by_its_hash(made: PolymarketWorld, kind: FaultKind) -> None:
    made.exchange.faults.add(Fault(kind, "POST /orders"))
    first = made.tick()
    assert first.execution.unknown == 2
    for _ in range(3):
        report = made.tick()
    assert report.unresolved == 0
    assert len(made.resting()) == 2
    assert all(count == 1 for count in made.books.sent_ids.values())


def test_place_that_never_arrived_is_made_good(made: PolymarketWorld) -> None:
    made.exchange.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, "POST /orders"))
    made.tick()
    for _ in range(4):
        report = made.tick()
    assert report.unresolved == 0
    assert len(made.resting()) == 2


def test_foreign_orders_stay_and_ours_are_known_without_a_client_id(made: PolymarketWorld) -> None:
    """One that somebody placed with the same key is no different at the venue but for its hash; not even its fill is
    ours, which would be protected and sold."""
    venue = made.ports.venue
    theirs = TargetOrder(made.tokens[0], Side.BUY, 45 * CENT, SCALE.size(20), Purpose.QUOTE, "bid-0")
    venue.place(venue.prepare([Placement(theirs, "somebody")]), made.clock.now_ms() + 1_000)
    for _ in range(3):
        report = made.tick()
        assert (report.ended, made.resting(made.tokens[0])) == ("", [("buy", 45, 20), ("buy", 48, 10)])
    made.switch(halt="true")
    report = made.tick(after_ms=61_000)
    assert report.halted == ("switch",)
    made.tick()
    assert made.resting() == [("buy", 45, 20)]
    made.book("m-1", 43, 45)
    made.tick()
    assert made.resting() == []
    assert [line.kind for line in made.ledger.lines()] == ["foreign"]
    assert all(stored.position.size == 0 for stored in made.ledger.positions().values())


def test_inventory_stop_sells_what_is_held_even_when_fresh_shares_are_not_sellable_yet(made: PolymarketWorld) -> None:
    """The venue's balance cache lags a fill: the sell is refused, the balance is asked for, the next tick sells."""
    made.switch(inventory_stop_loss="1.00")
    made.exchange.operator.set_settlement(cached_after_ms=3_600_000)
    made.tick()
    made.book("m-1", 46, 48)
    made.tick()
    made.book("m-1", 30, 32)
    made.tick()
    assert made.telemetry.named("RISK_FLATTEN")
    assert made.telemetry.named("NOT_SELLABLE")
    for _ in range(6):
        made.tick()
    assert made.books.position(made.tokens[0]) == 0
    made.assert_ledger_is_the_exchanges()


def test_trade_that_fails_on_chain_is_taken_out_of_the_books(made: PolymarketWorld) -> None:
    made.exchange.operator.set_settlement(mined_after_ms=90_000)
    made.exchange.operator.fail_trades(1)
    made.tick()
    made.book("m-1", 46, 48)
    made.tick()
    assert [line.kind for line in made.ledger.lines()] == ["fill"]
    for _ in range(5):
        made.tick()
    assert sorted(line.kind for line in made.ledger.lines())[:2] == ["fill", "reversal"]
    made.assert_ledger_is_the_exchanges()


def test_resolved_market_closes_its_position_though_no_rule_says_that_it_ended(made: PolymarketWorld) -> None:
    made.tick()
    made.book("m-1", 46, 48)
    made.tick()
    made.exchange.resolve("m-1", 0)
    for _ in range(12):
        report = made.tick()
    assert report.ended == ""
    (line,) = (line for line in made.ledger.lines() if line.kind == "settlement")
    assert (line.size, line.cash) == (10 * 10**6, 10 * 10**10)
    assert all(stored.position.size == 0 for stored in made.ledger.positions().values())


@pytest.mark.parametrize("outcome", [0, 1])
@pytest.mark.parametrize("name", ["m-1", "m-2"])
def test_what_somebody_redeemed_before_we_looked_is_settled_by_its_market_s_result(
    made: PolymarketWorld, name: str, outcome: int
) -> None:
    """The owner, or the venue's auto-redeem operator: no list shows the shares any more, so the ledger held them for
    good, with their risk against the limits and a difference to the venue that nobody could mend."""
    made.tick()
    made.book(name, 46, 48)
    made.tick()
    made.tick()
    made.exchange.resolve(name, outcome)
    assert made.exchange.redeem("us", name) is not None
    for _ in range(9):
        made.tick()
    assert not [line for line in made.ledger.lines() if line.kind == "settlement"], "a trade may be on its way"
    for _ in range(15):
        report = made.tick()
    assert report.ended == ""
    (line,) = (line for line in made.ledger.lines() if line.kind == "settlement")
    assert (line.size, line.cash) == (10 * 10**6, 10 * 10**10 if outcome == 0 else 0)
    assert line.at_ms == made.exchange.market(name).resolved_at_ms // 1000 * 1000
    made.assert_ledger_is_the_exchanges()


def test_trade_that_fails_after_its_market_resolved_is_reversed_and_never_settled(made: PolymarketWorld) -> None:
    """Settled first, the position went below zero with the reversal and stayed there, and so did money that never came:
    the ledger takes one settlement a market."""
    made.tick()
    made.exchange.operator.set_settlement(mined_after_ms=1_500_000)
    made.exchange.operator.fail_trades(1)
    made.exchange.deposit_shares("us", made.tokens[0], Decimal(10))
    made.book("m-1", 46, 48)
    made.tick()
    made.exchange.resolve("m-1", 0)
    for _ in range(40):
        made.tick()
    assert sorted(line.kind for line in made.ledger.lines()) == ["fill", "reversal"]
    assert all(stored.position.size == 0 for stored in made.ledger.positions().values())


def test_position_beside_shares_of_the_owner_settles_though_the_venue_dates_nothing(made: PolymarketWorld) -> None:
    """A holding without a date was dated now, every time, so that the ten minutes for late fills were never over."""
    made.exchange.deposit_shares("us", made.tokens[0], Decimal(25))
    made.tick()
    made.book("m-1", 46, 48)
    made.tick()
    made.exchange.resolve("m-1", 0)
    for _ in range(25):
        made.tick()
    (line,) = (line for line in made.ledger.lines() if line.kind == "settlement")
    assert (line.size, line.cash) == (10 * 10**6, 10 * 10**10), "ours, and nothing of the owner's"


@pytest.mark.parametrize("winner", [0, 1])
def test_shares_that_settled_and_were_not_redeemed_are_no_difference_to_the_venue(
    made: PolymarketWorld, winner: int
) -> None:
    """Our books are flat, and the wallet has them until somebody redeems them, or for ever where they lost."""
    made.tick()
    made.book("m-1", 46, 48)
    made.tick()
    made.exchange.resolve("m-1", winner)
    for _ in range(45):
        made.tick()
    assert [line.kind for line in made.ledger.lines()].count("settlement") == 1
    assert any(made.exchange.calls[name] > 2 for name in made.exchange.calls if name.endswith("/positions"))
    assert made.events("POSITION_MISMATCH") == []


def test_shares_that_are_not_on_the_chain_yet_are_no_difference_to_the_venue(made: PolymarketWorld) -> None:
    """The venue lists positions as the chain has them; the alarm for a wrong ledger went off at every slow block."""
    made.exchange.operator.set_settlement(mined_after_ms=1_500_000)
    made.tick()
    made.book("m-1", 46, 48)
    for _ in range(15):
        made.tick()
    assert made.events("POSITION_MISMATCH") == []
    made.exchange.deposit_shares("us", made.tokens[1], Decimal(3))
    for _ in range(25):
        made.tick()
    assert [event["market"] for event in made.events("POSITION_MISMATCH")] == [made.tokens[1]]
