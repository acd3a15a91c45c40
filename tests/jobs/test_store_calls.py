"""What a tick costs at the store, on the local Kalshi exchange: nothing for each position, nothing shared by accounts,
no write but what has changed."""

from collections import Counter

import pytest

from benchmarks.counted_store import CountedStore, item_bytes
from benchmarks.scale_account import START_MS, ProtectedAccount, switches
from benchmarks.scale_crowd import Counts, Crowd
from holdfast.clock import VirtualClock
from holdfast.core.bracket import ExitSource
from holdfast.jobs.reading import LOOK_AGAIN_MS
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Absent, Check, Delete, Key, Put, Table
from tests.jobs.polymarket_life import token_life


def crowd_of(positions: int, count: int = 1) -> Crowd:
    return Crowd(count, MemoryStore(VirtualClock(START_MS)), positions=positions)


@pytest.fixture(scope="module")
def few() -> dict[str, Counts]:
    crowd = crowd_of(positions=2)
    return crowd.kinds(crowd.accounts[0])


@pytest.fixture(scope="module")
def many() -> dict[str, Counts]:
    crowd = crowd_of(positions=30)
    return crowd.kinds(crowd.accounts[0])


CALM = {
    "execute, calm": {
        # The lease with the halts; the journal and the requests; whether a market is quoted.
        ("get_many", "control"): 1,
        ("query", "control"): 2,
        ("query", "markets"): 1,
        # The lease, taken and let go.
        ("write", "control"): 2,
    },
    "brackets, calm": {
        ("get_many", "control"): 1,
        ("query", "brackets"): 1,
        # What the journal has forgotten.
        ("get", "control"): 1,
        ("query", "control"): 2,
        ("query", "positions"): 1,
        ("query", "markets"): 1,
        # The lease, and the tokens of the books.
        ("write", "control"): 3,
    },
}


@pytest.mark.parametrize("kind", CALM)
def test_tick_with_nothing_to_do_makes_these_calls_whatever_is_held(
    few: dict[str, Counts], many: dict[str, Counts], kind: str
) -> None:
    assert few[kind].calls == CALM[kind]
    assert many[kind].calls == CALM[kind]


def test_tick_with_nothing_to_do_writes_the_lease_and_the_tokens_and_no_position(many: dict[str, Counts]) -> None:
    """One write for each position and tick is 1,643 dollars a month for 10,000 positions every ten seconds."""
    assert many["execute, calm"].written == {"LEASE": 2}
    assert many["brackets, calm"].written == {"LEASE": 2, "RATE": 1}
    assert many["brackets, looks at everything"].written == {"LEASE": 2, "RATE": 1}
    assert many["execute, looks at everything"].written.keys() == {"LEASE", "RATE"}


@pytest.mark.parametrize(
    "kind",
    [
        "execute, looks at everything",
        "brackets, looks at everything",
        "execute, first of a process",
        "brackets, first of a process",
        "brackets, one exit",
        "execute, one entry",
    ],
)
def test_no_tick_makes_a_call_for_each_position(few: dict[str, Counts], many: dict[str, Counts], kind: str) -> None:
    assert many[kind].calls == few[kind].calls
    assert many[kind].written == few[kind].written


def test_ticks_of_two_accounts_touch_no_partition_of_a_table_together() -> None:
    crowd = crowd_of(positions=2, count=2)
    one, other = ({p for counts in crowd.kinds(a).values() for p in counts.partitions} for a in crowd.accounts)
    assert one
    assert not one & other


def test_tick_at_polymarket_makes_the_same_calls_and_one_for_the_index_of_orders_where_it_looks() -> None:
    with token_life() as lived:
        lived.protected()
        store = lived.made.store = CountedStore(lived.made.store)  # type: ignore[assignment]
        lived.made.ports = lived.made.writer("w2")
        lived.check()
        lived.check()
        store.clear()
        lived.check()
        assert store.calls == CALM["brackets, calm"]
        store.clear()
        lived.check(after_ms=LOOK_AGAIN_MS)
        looking = Counter({("get", "control"): 1, ("get_many", "control"): 1})
        assert store.calls == Counter(CALM["brackets, calm"]) + looking


def test_units_are_those_of_dynamodb() -> None:
    """AWS's rules, facts aws section 4.1: 4 KB a read unit, 1 KB a write unit, twice that in a transaction."""
    store = CountedStore(MemoryStore(VirtualClock(START_MS)))
    small, large = ({"pk": "a", "sk": sk, "text": "x" * size} for sk, size in (("s", 100), ("l", 5_000)))
    assert item_bytes(small) == len("pk" + "a" + "sk" + "s" + "text") + 100
    store.write(Put(Table.BRACKETS, small))
    store.write(Put(Table.BRACKETS, large))
    assert store.writes == 1 + 5
    keys = [Key(Table.BRACKETS, "a", sk) for sk in ("s", "l", "none")]
    store.get_many(keys)
    assert store.reads == 1 + 2 + 1
    store.clear()
    store.query(Table.BRACKETS, "a")
    store.query(Table.BRACKETS, "nobody")
    assert store.reads == 2 + 1
    store.transact([Put(Table.BRACKETS, {**large, "text": ""}), Check(keys[2], Absent())])
    assert store.writes == 2 * 5 + 2, "what was there counts"
    store.clear()
    store.write(Delete(keys[0]))
    assert store.writes == 1
    assert store.calls == Counter({("write", "brackets"): 1})


def test_counting_account_is_a_real_one() -> None:
    """Its positions are open, protected, and let go by the same jobs as everybody's."""
    clock = VirtualClock(START_MS)
    account = ProtectedAccount("a", MemoryStore(clock), switches(), clock, positions=2)
    account.enter_all()
    assert len(account.brackets.open()) == 2
    assert len(account.exchange.books("bench").open_orders) == 2
    account.book(account.markets[0], 30)
    account.brackets_tick()
    assert len(account.brackets.open()) == 1
    assert [trade.source for trade in account.brackets.trades()] == [ExitSource.POSITION_MONITOR_HARD]
