"""A record in the store that can't be read is said, the other positions keep their stops, and nothing is entered."""

import pytest

from holdfast.core.bracket import NakedClass
from holdfast.state.port import Item, Put, Table
from tests.jobs.bracket_life import life
from tests.jobs.bracket_world import Protected
from tests.jobs.world import World, world

RECORDS: dict[str, tuple[Table, Item]] = {
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
