"""Requests on both stores: put once, taken once, and known for as long as a duplicate could come."""

import pytest
from msgspec import structs

from holdfast.clock import VirtualClock
from holdfast.core.errors import ConditionFailedError
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, Origin, Request, RequestState
from holdfast.state.port import Absent, Put, Store, Table
from holdfast.state.requests import KEPT_DAYS, Requests
from tests.state.items import NOW_MS

DAY_MS = 86_400_000
ENTRY = EntryRequest(
    request_id="signal-1",
    account="a",
    market="KXFED",
    side=Side.SELL,
    origin=Origin.SIGNAL,
    requested_at_ms=NOW_MS,
    expires_at_ms=NOW_MS + 60_000,
    amount="25.50",
    limit="0.62",
    protection={"take_profit": "0.10"},
)
EXIT = ExitRequest(
    request_id="signal-2",
    account="a",
    market="KXFED",
    origin=Origin.COMMAND,
    requested_at_ms=NOW_MS + 5,
    expires_at_ms=NOW_MS + 60_000,
)


@pytest.fixture
def requests(store: Store) -> Requests:
    return Requests(store, "a")


def opened(requests: Requests) -> list[Request]:
    return [stored.request for stored in requests.open()]


def states(requests: Requests) -> dict[str, str]:
    return {stored.request.request_id: stored.state.value for stored in requests.known()}


def test_requests_come_back_whole_oldest_first_each_account_its_own(store: Store, requests: Requests) -> None:
    older = structs.replace(ENTRY, request_id="zz", requested_at_ms=NOW_MS - 1)
    for asked in (EXIT, ENTRY, older):
        assert requests.put(asked, NOW_MS)
    assert opened(requests) == [older, ENTRY, EXIT]
    assert Requests(store, "b").open() == []
    assert Requests(store, "a2").open() == []


def test_delivered_twice_it_is_there_once(requests: Requests) -> None:
    assert requests.put(ENTRY, NOW_MS)
    assert not requests.put(structs.replace(ENTRY, market="ANOTHER"), NOW_MS + 1)
    assert opened(requests) == [ENTRY]


def test_delivered_again_after_it_was_carried_out_it_does_nothing(store: Store, requests: Requests) -> None:
    requests.put(ENTRY, NOW_MS)
    store.transact(requests.taking(ENTRY, NOW_MS + 10))
    assert not requests.put(ENTRY, NOW_MS + 20)
    assert opened(requests) == []
    store.write(requests.finishing(ENTRY, NOW_MS + 30, "filled", "10.00 at 0.6100"))
    assert not requests.put(ENTRY, NOW_MS + 40)
    (stored,) = requests.known()
    assert (stored.state, stored.reason, stored.words) == (RequestState.DONE, "filled", "10.00 at 0.6100")
    assert (stored.request, stored.at_ms) == (ENTRY, NOW_MS + 30)


def test_taking_goes_with_what_is_done_about_it_or_not_at_all(store: Store, requests: Requests) -> None:
    requests.put(ENTRY, NOW_MS)
    journal = {"pk": "INTENT#a", "sk": "e1"}
    store.write(Put(Table.CONTROL, journal))
    with pytest.raises(ConditionFailedError):
        store.transact([Put(Table.CONTROL, journal, Absent()), *requests.taking(ENTRY, NOW_MS)])
    assert opened(requests) == [ENTRY]
    store.transact([Put(Table.CONTROL, {**journal, "sk": "e2"}, Absent()), *requests.taking(ENTRY, NOW_MS)])
    assert states(requests) == {"signal-1": "taken"}


def test_only_one_of_two_writers_takes_a_request(store: Store, requests: Requests) -> None:
    requests.put(ENTRY, NOW_MS)
    (seen,) = requests.open()
    store.transact(requests.taking(seen.request, NOW_MS + 1))
    with pytest.raises(ConditionFailedError):
        store.transact(requests.taking(seen.request, NOW_MS + 2))
    assert not requests.refuse(seen.request, NOW_MS + 2, "capital", "nothing left")
    assert not requests.expire(seen, NOW_MS + 2)
    requests.postpone(seen, NOW_MS + 2, "halted", "switch")
    assert states(requests) == {"signal-1": "taken"}
    assert requests.open() == []


def test_what_was_never_stored_can_be_taken_by_nobody(store: Store, requests: Requests) -> None:
    with pytest.raises(ConditionFailedError):
        store.transact(requests.taking(ENTRY, NOW_MS))
    assert not requests.refuse(ENTRY, NOW_MS, "capital", "")
    assert requests.known() == []


def test_what_was_refused_or_expired_can_be_taken_by_nobody(store: Store, requests: Requests) -> None:
    requests.put(ENTRY, NOW_MS)
    requests.put(EXIT, NOW_MS)
    (first, second) = requests.open()
    assert requests.refuse(first.request, NOW_MS + 1, "capital", "the account's capital may risk 10")
    assert requests.expire(second, NOW_MS + 2)
    for asked in (ENTRY, EXIT):
        with pytest.raises(ConditionFailedError):
            store.transact(requests.taking(asked, NOW_MS + 3))
        assert not requests.put(asked, NOW_MS + 3)
    assert states(requests) == {"signal-2": "expired", "signal-1": "refused"}


def test_a_taken_request_is_done_once(store: Store, requests: Requests) -> None:
    requests.put(ENTRY, NOW_MS)
    with pytest.raises(ConditionFailedError):
        store.write(requests.finishing(ENTRY, NOW_MS, "filled", ""))
    store.transact(requests.taking(ENTRY, NOW_MS))
    store.write(requests.finishing(ENTRY, NOW_MS, "filled", "all"))
    with pytest.raises(ConditionFailedError):
        store.write(requests.finishing(ENTRY, NOW_MS, "unfilled", "none"))
    assert requests.known()[0].reason == "filled"


def test_why_a_request_waits_is_written_on_change_only_and_stays_when_it_expires(
    store: Store, requests: Requests
) -> None:
    requests.put(ENTRY, NOW_MS)
    (stored,) = requests.open()
    requests.postpone(stored, NOW_MS + 1, "book", "the book of KXFED is stale")
    (waiting,) = requests.open()
    assert (waiting.reason, waiting.at_ms, waiting.request) == ("book", NOW_MS + 1, ENTRY)
    requests.postpone(waiting, NOW_MS + 2, "book", "the book of KXFED is one_sided")
    assert requests.open() == [waiting]
    requests.postpone(waiting, NOW_MS + 3, "halted", "switch")
    (halted,) = requests.open()
    assert requests.expire(halted, NOW_MS + 60_000)
    (over,) = requests.known()
    assert (over.state, over.reason, over.words) == (RequestState.EXPIRED, "halted", "switch")


def test_what_is_over_is_known_until_no_duplicate_can_come(
    store: Store, requests: Requests, clock: VirtualClock
) -> None:
    requests.put(ENTRY, NOW_MS)
    store.transact(requests.taking(ENTRY, NOW_MS))
    clock.sleep_ms(KEPT_DAYS * DAY_MS + 59_000)
    assert not requests.put(ENTRY, clock.now_ms())
    clock.sleep_ms(2_000)
    assert requests.known() == []


def test_open_requests_are_listed_without_reading_what_is_over(store: Store, requests: Requests) -> None:
    for number in range(3):
        asked = structs.replace(ENTRY, request_id=f"r{number}")
        requests.put(asked, NOW_MS)
        if number:
            requests.refuse(asked, NOW_MS, "capital", "")
    assert [item["sk"] for item in store.query(Table.CONTROL, "REQUEST#a", "open#")] == ["open#r0"]
    assert [stored.request.request_id for stored in requests.open()] == ["r0"]
