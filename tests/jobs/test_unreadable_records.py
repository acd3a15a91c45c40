"""A record in the store that can't be read is said, the other positions keep their stops, and nothing is entered."""

import pytest

from holdfast.core.bracket import BracketState, NakedClass
from holdfast.jobs.brackets import check_brackets
from holdfast.state.port import Item, Put, Table
from local.venues.kalshi import Fault, FaultKind
from tests.jobs.bracket_life import LISTS, life
from tests.jobs.bracket_world import Protected
from tests.jobs.test_exits import exits, holding
from tests.jobs.world import World, world

MARKET: Item = {"pk": "a", "sk": "M-9", "version": 1, "mode": "quote", "enabled": "maybe"}
PAUSE: Item = {"pk": "PAUSE#a", "sk": "M-9", "reason": "of a later release", "ticks": 1, "until_ms": 0}
RECORDS: dict[str, tuple[Table, Item]] = {
    "market": (Table.MARKETS, MARKET),
    "halt": (Table.CONTROL, {"pk": "HALT#a", "sk": "risk", "reasons": "none"}),
    "day_mark": (Table.CONTROL, {"pk": "DAY#a", "sk": "mark", "day": "today"}),
    "request": (Table.CONTROL, {"pk": "REQUEST#a", "sk": "open#r9", "state": "open"}),
    "journal_entry": (Table.CONTROL, {"pk": "INTENT#a", "sk": "execute-000000000001-0001", "entry": "{}"}),
    "stop_loss": (Table.CONTROL, {"pk": "BLACKLIST#a", "sk": "M-9#b", "at_ms": "soon"}),
    "bracket": (Table.BRACKETS, {"pk": "a", "sk": "M-9", "version": 1, "bracket": "{"}),
}


def two_positions(made: World) -> tuple[Protected, Protected]:
    for market in made.markets:
        made.configs.remove(market)
    made.switch(max_trade_size="100")
    first, second = Protected(made, "M-1"), Protected(made, "M-2")
    first.enter()
    second._asked = 1
    second.enter()
    first.check()
    assert set(first.brackets.open()) == {"M-1", "M-2"}
    return first, second


@pytest.mark.parametrize("revision", [{}, {"revision": "b#1"}], ids=["of an older release", "edited by hand"])
def test_bracket_that_nobody_could_write_again_is_said_and_not_just_lost_to_nobody(revision: Item) -> None:
    """Its stop was decided each tick, and each time another writer seemed to have been faster."""
    with life() as lived:
        lived.protected()
        item = dict(lived.brackets.claim(lived.bracket).item)
        del item["revision"]
        lived.made.store.write(Put(Table.BRACKETS, item | revision))
        lived.market_at(43, 45)
        report = lived.check()
        assert report.protecting.naked[NakedClass.REFUSED] == 1
        (said,) = lived.made.events("RECORD_UNREADABLE")
        assert "revision" in str(said["why"])
        assert lived.made.events("CLAIM_LOST") == []


def test_bracket_that_can_not_be_read_leaves_the_others_protected_and_counts_as_naked() -> None:
    with world(markets=2) as made:
        first, second = two_positions(made)
        item = {**first.brackets.claim(first.bracket).item, "bracket": "{"}
        made.store.write(Put(Table.BRACKETS, item))
        made.book("M-2", 43, 45)
        report = second.check()
        assert report.ended == ""
        assert [trade.market for trade in second.trades] == ["M-2"], "stopped out"
        assert report.protecting.naked[NakedClass.REFUSED] == 1, "the other one has no stop"
        assert [(e["record"], e["key"]) for e in made.events("RECORD_UNREADABLE")] == [("bracket", "M-1")]
        assert made.telemetry.total("RecordsUnreadable") == 1
        resting = [order for order in made.books.open_orders if order.ticker == "M-1"]
        assert len(resting) == 1, "its take profit stays: it is the only exit left"
        for _ in range(4):
            second.check()
        assert len(made.events("RECORD_UNREADABLE")) == 3, "once a minute while it stays so"


@pytest.mark.parametrize("record", RECORDS)
def test_record_that_can_not_be_read_stops_entries_and_no_exit(record: str) -> None:
    with life() as lived:
        lived.protected()
        table, item = RECORDS[record]
        lived.made.store.write(Put(table, item))
        lived.ask()
        before = len(lived.orders("e"))
        lived.made.tick(after_ms=1_000)
        assert len(lived.orders("e")) == before
        assert [e["record"] for e in lived.made.events("RECORD_UNREADABLE")] == [record]
        waits = lived.made.events("ENTRY_WAITS")
        assert [f"unreadable:{record}" in str(event["why"]) for event in waits] == [True]
        lived.market_at(43, 45)
        lived.check()
        assert lived.held == 0


@pytest.mark.parametrize("sk", ["switch", "venue"])
def test_note_that_can_not_be_read_stops_no_exit(sk: str) -> None:
    with life() as lived:
        lived.protected()
        lived.made.store.write(Put(Table.CONTROL, {"pk": "HALT#a", "sk": sk, "note": "{"}))
        lived.market_at(43, 45)
        lived.check(ports=lived.made.writer("w2"))
        assert lived.held == 0


@pytest.mark.parametrize(("table", "item"), [(Table.MARKETS, MARKET), (Table.CONTROL, PAUSE)], ids=["market", "pause"])
def test_inventory_stop_goes_out_beside_a_record_that_can_not_be_read(table: Table, item: Item) -> None:
    with world() as made:
        assert holding(made) == 1_000
        made.store.write(Put(table, item))
        made.book("M-1", 30, 32)
        assert made.tick(made.writer("w2")).ended == ""
        assert [order.filled for order in exits(made)] == [1_000]


def test_inventory_of_a_market_whose_config_can_not_be_read_is_adopted_by_nobody_and_keeps_its_stop() -> None:
    """Whether it is quoted nobody knows: a bracket beside an inventory stop would be two exits."""
    with world() as made:
        assert holding(made) == 1_000
        made.store.write(Put(Table.MARKETS, {**MARKET, "sk": "M-1"}))
        made.ports.cache.ticks_until_refresh = 0
        made.tick()
        for ports in (made.ports, made.writer("w2")):
            made.clock.sleep_ms(30_000)
            check_brackets(made.account, ports, made.clock)
        assert made.store.query(Table.BRACKETS, "a") == []
        assert made.resting("M-1") == [], "and it is quoted no more"
        made.book("M-1", 30, 32)
        made.tick()
        assert [order.filled for order in exits(made)] == [1_000]


def test_request_that_can_not_be_read_holds_up_no_stop_when_its_entry_is_over() -> None:
    """It is told so before exits are sent."""
    with world(markets=2) as made:
        made.switch(use_concurrent_orders="false")
        for market in made.markets:
            made.configs.remove(market)
        made.switch(max_trade_size="100")
        first, second = Protected(made, "M-1"), Protected(made, "M-2")
        first.enter()
        first.check()
        second._asked = 1
        second.ask()
        made.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, LISTS, skip=1))
        made.tick(after_ms=1_000)
        assert second.bracket.state is BracketState.OPENING
        (taken,) = made.store.query(Table.CONTROL, "REQUEST#a", "over#r2")
        made.store.write(Put(Table.CONTROL, {**taken, "request": "{"}))
        made.book("M-1", 43, 45)
        assert first.check().ended == ""
        assert [trade.market for trade in first.trades] == ["M-1"]
        (done,) = made.store.query(Table.CONTROL, "REQUEST#a", "over#r2")
        assert (done["state"], done["reason"]) == ("done", "entered")
