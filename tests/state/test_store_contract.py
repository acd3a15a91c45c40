"""One suite for both store adapters: what core relies on when two writers meet at one item."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.clock import VirtualClock
from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.core.orders import Purpose
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.memory import MemoryStore
from holdfast.state.port import (
    Absent,
    AbsentOrAtMost,
    Check,
    Condition,
    Delete,
    Equals,
    Item,
    Key,
    Put,
    Store,
    Table,
)
from holdfast.state.tables import TableNames

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW_MS)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, clock: VirtualClock) -> Store:
    if request.param == "memory":
        return MemoryStore(clock)
    aws = request.getfixturevalue("local_aws")
    tables = TableNames(request.getfixturevalue("stage"))
    return DynamoStore(aws.clients().dynamodb, tables, clock, lambda: random.randrange(1000))


def key(sk: str = "s", pk: str = "p", table: Table = Table.CONTROL) -> Key:
    return Key(table, pk, sk)


def put(sk: str = "s", condition: Condition | None = None, pk: str = "p", **attributes: object) -> Put:
    return Put(Table.CONTROL, {"pk": pk, "sk": sk, **attributes}, condition)


# Values


def test_item_comes_back_as_it_was_written(store: Store) -> None:
    item: Item = {
        "pk": "p",
        "sk": "ключ#🔑",
        "empty": "",
        "text": "5",
        "none": None,
        "yes": True,
        "no": False,
        "zero": 0,
        "largest": 10**38 - 1,
        "lowest": -(10**38) + 1,
        "list": [1, "two", None, [True], {"deep": [3]}],
        "dict": {"a": {"b": 1}, "": "empty name", "ü": []},
    }
    store.write(Put(Table.LEDGER, item))
    found = store.get(Key(Table.LEDGER, "p", "ключ#🔑"))
    assert found == item
    assert [type(value) for value in found.values()] == [type(value) for value in item.values()]
    assert store.get(Key(Table.CONTROL, "p", "ключ#🔑")) is None, "tables are apart"


def test_enum_member_comes_back_as_plain_text(store: Store) -> None:
    store.write(put(purpose=Purpose.EXIT, nested=[Purpose.QUOTE]))
    found = store.get(key())
    assert found is not None
    assert (type(found["purpose"]), found["purpose"], type(found["nested"][0])) == (str, "exit", str)


@pytest.mark.parametrize(
    "value", [0.5, 10**38, -(10**38), b"bytes", {"set"}, ("tuple",), [0.1], {1: "int name"}], ids=repr
)
def test_value_that_would_change_on_the_way_is_refused(store: Store, value: object) -> None:
    with pytest.raises(InvalidInputError, match="amount"):
        store.write(put(amount=value))
    assert store.get(key()) is None


@pytest.mark.parametrize("item", [{"pk": "", "sk": "s"}, {"pk": "p", "sk": ""}, {"pk": "p"}, {"pk": 1, "sk": "s"}])
def test_item_without_usable_key_is_refused(store: Store, item: Item) -> None:
    with pytest.raises(InvalidInputError):
        store.write(Put(Table.CONTROL, item))
    with pytest.raises(InvalidInputError):
        store.transact([Put(Table.CONTROL, item), put()])


def test_what_the_caller_does_to_an_item_does_not_change_the_store(store: Store) -> None:
    item = {"pk": "p", "sk": "s", "list": [1], "dict": {"a": [1]}}
    store.write(Put(Table.CONTROL, item))
    item["list"].append(2)  # type: ignore[attr-defined]
    for found in (store.get(key()), store.get_many([key()])[key()], store.query(Table.CONTROL, "p")[0]):
        assert found is not None
        found["dict"]["a"].append(3)
        found["new"] = 1
    assert store.get(key()) == {"pk": "p", "sk": "s", "list": [1], "dict": {"a": [1]}}


def test_put_replaces_the_whole_item(store: Store) -> None:
    store.write(put(a=1, b=2))
    store.write(put(c=3))
    assert store.get(key()) == {"pk": "p", "sk": "s", "c": 3}


# Conditions

HELD: list[tuple[Item | None, Condition, bool]] = [
    (None, Absent(), True),
    ({}, Absent(), False),
    (None, Equals("v", 1), False),
    ({}, Equals("v", 1), False),
    ({"v": 1}, Equals("v", 1), True),
    ({"v": 2}, Equals("v", 1), False),
    ({"v": "1"}, Equals("v", 1), False),
    ({"v": True}, Equals("v", True), True),
    ({"v": ""}, Equals("v", ""), True),
    ({"v": None}, Equals("v", ""), False),
    ({"owner": "a"}, Equals("owner", "a"), True),
    (None, AbsentOrAtMost("fence", 5), True),
    ({}, AbsentOrAtMost("fence", 5), True),
    ({"fence": 5}, AbsentOrAtMost("fence", 5), True),
    ({"fence": 4}, AbsentOrAtMost("fence", 5), True),
    ({"fence": 6}, AbsentOrAtMost("fence", 5), False),
    ({"fence": None}, AbsentOrAtMost("fence", 5), False),
]


@pytest.mark.parametrize(("stored", "condition", "holds"), HELD, ids=[f"{a}-{b}" for a, b, _ in HELD])
def test_condition(store: Store, stored: Item | None, condition: Condition, holds: bool) -> None:
    before = None if stored is None else {"pk": "p", "sk": "s", **stored}
    if before is not None:
        store.write(Put(Table.CONTROL, before))
    writes = [put("s", condition, new=1), Delete(key(), condition)]
    for write in writes:
        if not holds:
            with pytest.raises(ConditionFailedError) as lost:
                store.write(write)
            assert lost.value.failed == (0,)
            with pytest.raises(ConditionFailedError) as lost:
                store.transact([put("other"), write])
            assert lost.value.failed == (1,)
            assert store.get(key()) == before
            assert store.get(key("other")) is None
    if holds:
        store.transact([Check(key(), condition), put("other")])
        assert store.get(key()) == before
        store.write(writes[0])
        assert store.get(key()) == {"pk": "p", "sk": "s", "new": 1}
    else:
        with pytest.raises(ConditionFailedError):
            store.transact([put("other"), Check(key(), condition)])


@pytest.mark.parametrize(
    ("stored", "condition"),
    [
        (True, Equals("v", 1)),
        (1, Equals("v", True)),
        ("4", AbsentOrAtMost("v", 5)),
        (True, AbsentOrAtMost("v", 5)),
    ],
    ids=str,
)
def test_values_of_different_types_never_compare(clock: VirtualClock, stored: object, condition: Condition) -> None:
    """In memory only: DynamoDB does not compare across types, but moto does."""
    store = MemoryStore(clock)
    store.write(put(v=stored))
    with pytest.raises(ConditionFailedError):
        store.write(put("s", condition))


def test_delete_removes_one_item_and_may_find_nothing(store: Store) -> None:
    store.write(put("a"))
    store.write(put("b"))
    store.write(Delete(key("a")))
    store.write(Delete(key("a")))
    assert [item["sk"] for item in store.query(Table.CONTROL, "p")] == ["b"]


# Transactions


def test_transaction_is_all_or_nothing_and_names_every_loser(store: Store) -> None:
    store.write(put("a", version=1))
    store.write(put("gone", version=7))
    writes = [
        put("fresh", Absent()),
        put("a", Equals("version", 2), version=3),
        Delete(key("gone"), Equals("version", 7)),
        Check(key("lease"), Equals("fence", 9)),
        Put(Table.LEDGER, {"pk": "p", "sk": "line"}, Absent()),
    ]
    with pytest.raises(ConditionFailedError) as lost:
        store.transact(writes)
    assert lost.value.failed == (1, 3)
    assert [item["sk"] for item in store.query(Table.CONTROL, "p")] == ["a", "gone"]
    assert store.get(key("a")) == {"pk": "p", "sk": "a", "version": 1}
    assert store.query(Table.LEDGER, "p") == []

    store.write(put("lease", fence=9))
    writes[1] = put("a", Equals("version", 1), version=2)
    store.transact(writes)
    assert [item["sk"] for item in store.query(Table.CONTROL, "p")] == ["a", "fresh", "lease"]
    assert [item["sk"] for item in store.query(Table.LEDGER, "p")] == ["line"]


def test_transaction_of_one_keeps_its_condition(store: Store) -> None:
    store.transact([put("a", Absent(), n=1)])
    with pytest.raises(ConditionFailedError):
        store.transact([put("a", Absent(), n=2)])
    with pytest.raises(ConditionFailedError):
        store.transact([Check(key("a"), Absent())])
    store.transact([Delete(key("a"), Equals("n", 1))])
    assert store.get(key("a")) is None


def test_transaction_of_a_hundred_and_no_more(store: Store) -> None:
    store.transact([put(f"{index:03}", Absent()) for index in range(100)])
    assert len(store.query(Table.CONTROL, "p")) == 100
    with pytest.raises(InvalidInputError):
        store.transact([put(f"b{index}") for index in range(101)])
    with pytest.raises(InvalidInputError):
        store.transact([])
    assert len(store.query(Table.CONTROL, "p")) == 100


@pytest.mark.parametrize("second", [put("a"), Delete(key("a")), Check(key("a"), Absent())], ids=["put", "del", "check"])
def test_transaction_with_one_key_twice_is_refused(store: Store, second: Put | Delete | Check) -> None:
    with pytest.raises(InvalidInputError):
        store.transact([put("a"), second])
    assert store.get(key("a")) is None


# Reads


def test_query_is_in_byte_order_and_by_prefix(store: Store) -> None:
    names = ["b", "a", "a#2", "a#10", "A", "é", "z", "\uffee", "😀", "a#"]
    for name in names:
        store.write(put(name))
    store.write(put("a#3", pk="p2"))
    found = [item["sk"] for item in store.query(Table.CONTROL, "p")]
    assert found == sorted(names, key=lambda name: name.encode())
    assert [item["sk"] for item in store.query(Table.CONTROL, "p", "a#")] == ["a#", "a#10", "a#2"]
    assert store.query(Table.CONTROL, "p", "nothing") == []
    assert store.query(Table.CONTROL, "nobody") == []


def test_query_reads_every_page(store: Store) -> None:
    text = "x" * 100_000
    for index in range(25):
        store.write(put(f"k{index:02}", text=text))
    store.write(put("other"))
    found = store.query(Table.CONTROL, "p", "k")
    assert [item["sk"] for item in found] == [f"k{index:02}" for index in range(25)]
    assert all(item["text"] == text for item in found)


def test_get_many_reads_any_number_of_keys(store: Store) -> None:
    keys = [key(f"k{index}", table=table) for index in range(60) for table in (Table.CONTROL, Table.MARKETS)]
    for wanted in keys[:110]:
        store.write(Put(wanted.table, {"pk": wanted.pk, "sk": wanted.sk, "at": wanted.table}))
    found = store.get_many([*keys, *keys[:5]])
    assert found == {wanted: {"pk": "p", "sk": wanted.sk, "at": wanted.table.value} for wanted in keys[:110]}
    assert store.get_many([]) == {}


# Expiry


def test_expired_item_is_absent_everywhere(store: Store, clock: VirtualClock) -> None:
    store.write(put("old", ttl=NOW_S, n=1))
    store.write(put("live", ttl=NOW_S + 10, n=1))
    assert store.get(key("old")) is None
    assert store.get_many([key("old"), key("live")]).keys() == {key("live")}
    assert [item["sk"] for item in store.query(Table.CONTROL, "p")] == ["live"]
    for condition in (Equals("n", 1), Equals("ttl", NOW_S)):
        with pytest.raises(ConditionFailedError):
            store.write(put("old", condition))
        with pytest.raises(ConditionFailedError):
            store.transact([Check(key("old"), condition), put("x")])
    store.transact([Check(key("old"), AbsentOrAtMost("n", 0)), Check(key("live"), Equals("n", 1))])
    store.write(put("old", Absent(), n=2))
    assert store.get(key("old")) == {"pk": "p", "sk": "old", "n": 2}
    with pytest.raises(ConditionFailedError):
        store.write(put("live", Absent()))
    clock.sleep_ms(10_000)
    assert store.get(key("live")) is None
    store.write(put("live", Absent()))


def test_ttl_must_be_whole_seconds(store: Store) -> None:
    with pytest.raises(InvalidInputError, match="ttl"):
        store.write(put(ttl="tomorrow"))


# Several writers


def _all_at_once(workers: int, work: object) -> list[int]:
    barrier = Barrier(workers)

    def start(worker: int) -> int:
        barrier.wait()
        return int(work(worker))  # type: ignore[operator]

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(start, range(workers)))


def test_no_update_is_lost_between_eight_writers(store: Store) -> None:
    store.write(put(version=0, total=0))
    rounds = 6

    def add(_worker: int) -> int:
        done = conflicts = 0
        while done < rounds:
            item = store.get(key())
            assert item is not None
            version = item["version"]
            changed = put("s", Equals("version", version), version=version + 1, total=item["total"] + 1)
            try:
                # Every second time with a companion, so that rolled back transactions meet plain writes.
                store.write(changed) if done % 2 else store.transact([changed, put(f"mark{version}", Absent())])
                done += 1
            except ConditionFailedError:
                conflicts += 1
        return conflicts

    _all_at_once(8, add)
    assert store.get(key()) == {"pk": "p", "sk": "s", "version": 8 * rounds, "total": 8 * rounds}


def test_claim_is_won_once(store: Store) -> None:
    for turn in range(5):
        claim = f"claim{turn}"

        def take(worker: int, claim: str = claim) -> int:
            try:
                store.transact([put(claim, Absent(), owner=worker), put(f"{claim}-intent-{worker}", Absent())])
            except ConditionFailedError as lost:
                return 0 if lost.failed == (0,) else 100
            return 1

        assert sum(_all_at_once(8, take)) == 1
        winner = store.get(key(claim))
        assert winner is not None
        intents = store.query(Table.CONTROL, "p", f"{claim}-intent-")
        assert [item["sk"] for item in intents] == [f"{claim}-intent-{winner['owner']}"]


# Both adapters side by side

_sks = st.sampled_from(["a", "b", "c"])
_conditions = st.one_of(
    st.none(),
    st.just(Absent()),
    st.builds(Equals, st.just("n"), st.integers(0, 2)),
    st.builds(AbsentOrAtMost, st.just("n"), st.integers(0, 2)),
)
_puts = st.builds(
    lambda sk, n, ttl, condition: put(sk, condition, n=n, **({"ttl": NOW_S + ttl} if ttl else {})),
    _sks,
    st.integers(0, 2),
    st.sampled_from([0, 0, -1, 5]),
    _conditions,
)
_deletes = st.builds(lambda sk, condition: Delete(key(sk), condition), _sks, _conditions)
_checks = st.builds(
    lambda sk, condition: Check(key(sk), condition), _sks, _conditions.filter(lambda condition: condition is not None)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.one_of(_puts, _deletes, _checks), min_size=1, max_size=3), max_size=8))
def test_adapters_agree_on_any_history(local_aws: object, stage: str, history: list[list[object]]) -> None:
    clock = VirtualClock(NOW_MS)
    dynamo = DynamoStore(local_aws.clients().dynamodb, TableNames(stage), clock, lambda: 0)  # type: ignore[attr-defined]
    for item in dynamo.query(Table.CONTROL, "p"):
        dynamo.write(Delete(key(item["sk"])))
    for sk in "abc":
        dynamo.write(Delete(key(sk)))
    memory = MemoryStore(clock)

    def result_of(store: Store, writes: list[object]) -> object:
        try:
            store.transact(writes)  # type: ignore[arg-type]
        except ConditionFailedError as lost:
            return lost.failed
        except InvalidInputError:
            return "refused"
        return "done"

    for writes in history:
        assert result_of(dynamo, writes) == result_of(memory, writes)
        assert dynamo.query(Table.CONTROL, "p") == memory.query(Table.CONTROL, "p")
        clock.sleep_ms(1_000)
