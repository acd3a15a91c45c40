"""One suite for both store adapters: what core relies on when it reads and writes items."""

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.core.orders import Purpose
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
from tests.state.items import NOW_S, key, put

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
