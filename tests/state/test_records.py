"""One stored record that can't be read, on both stores: it is named, and every other is there."""

from collections.abc import Callable

import pytest
from msgspec import structs

from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.errors import StoreError
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, Origin
from holdfast.state.blacklist import Blacklist
from holdfast.state.brackets import Brackets
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.journal import Journal
from holdfast.state.port import Item, Put, Store, Table
from holdfast.state.requests import Requests
from tests.state.items import NOW_MS
from tests.state.test_brackets import BRACKET

WAYS: dict[str, Callable[[Item], Item]] = {
    "not json": lambda item: {**item, "bracket": "{"},
    "no bracket": lambda item: {name: value for name, value in item.items() if name != "bracket"},
    "of another shape": lambda item: {**item, "bracket": '{"market": 3}'},
    "of another market": lambda item: {**item, "sk": "N"},
    "a version that is text": lambda item: {**item, "version": "1"},
}


@pytest.mark.parametrize("way", WAYS)
def test_bracket_that_can_not_be_read_is_named_and_the_others_are_there(store: Store, way: str) -> None:
    brackets = Brackets(store, "a")
    kept = brackets.save(structs.replace(BRACKET, market="K"))
    broken = WAYS[way](brackets.claim(BRACKET).item)
    store.write(Put(Table.BRACKETS, broken))
    assert brackets.open() == {"K": kept}
    found, unreadable = brackets.read()
    assert found == {"K": kept}
    assert [(one.record, one.key) for one in unreadable] == [("bracket", broken["sk"])]
    assert unreadable[0].why
    with pytest.raises(StoreError, match="can't be read"):
        brackets.get(str(broken["sk"]))


def test_item_that_no_holdfast_wrote_holds_up_no_other(dynamo: DynamoStore) -> None:
    """A set of strings, as somebody may save it in the console. The memory store holds what the port knows."""
    brackets = Brackets(dynamo, "a")
    kept = brackets.save(BRACKET)
    table = dynamo._names[Table.BRACKETS]
    dynamo._client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"S": "X"}, "bracket": {"SS": ["x"]}})
    found, unreadable = brackets.read()
    assert found == {"M": kept}
    assert [(one.key, one.why) for one in unreadable] == [("X", "an attribute of type SS was not written by Holdfast")]


def test_requests_stop_losses_and_journal_entries_are_named_alone(store: Store) -> None:
    requests, blacklist, policy = Requests(store, "a"), Blacklist(store, "a"), BlacklistPolicy(3, 1)
    asked = EntryRequest(
        request_id="r1",
        account="a",
        market="M",
        side=Side.BUY,
        origin=Origin.COMMAND,
        requested_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 60_000,
        size="1",
    )
    assert requests.put(asked, NOW_MS)
    store.write(blacklist.stop_loss("M", "b-1", NOW_MS, policy))
    store.write(Put(Table.CONTROL, {"pk": "REQUEST#a", "sk": "open#r2", "state": "opne"}))
    store.write(Put(Table.CONTROL, {"pk": "BLACKLIST#a", "sk": "N#b-2", "at_ms": "today"}))
    store.write(Put(Table.CONTROL, {"pk": "INTENT#a", "sk": "execute-1-1", "entry": "[]"}))
    found, lost = requests.read()
    assert ([stored.request for stored in found], [one.key for one in lost]) == ([asked], ["open#r2"])
    assert [stored.request for stored in requests.known()] == [asked]
    barred, stops = blacklist.read(policy, NOW_MS)
    assert (list(barred), [one.key for one in stops]) == (["M"], ["N#b-2"])
    entries, left = Journal(store, "a").read()
    assert (entries, [one.key for one in left]) == ([], ["execute-1-1"])
