"""holdfast enter, exit and entries list: what is asked is what is stored, and nothing else ever is."""

import pytest

from holdfast.clock import SystemClock
from holdfast.core.bracket import Bracket, Entry, ExitMode, Levels
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, Origin
from holdfast.state.brackets import Brackets
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.requests import Requests
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast


@pytest.fixture
def store(local_aws: LocalAws, stage: str) -> DynamoStore:
    return DynamoStore(local_aws.clients().dynamodb, TableNames(stage), SystemClock())


@pytest.fixture
def requests(store: DynamoStore, account: str) -> Requests:
    return Requests(store, account)


def hold(store: DynamoStore, account: str, market: str, side: Side) -> None:
    entry = Entry(price=4_000, limit=4_200, asked=100, requested_at_ms=1)
    levels = Levels(5_000, 3_500, 3_500, 3_000)
    mode = ExitMode.MONITOR
    bracket = Bracket(bracket_id=f"b-{market}", market=market, side=side, mode=mode, entry=entry, levels=levels)
    Brackets(store, account).save(bracket)


def test_enter_stores_what_was_asked(holdfast: Holdfast, requests: Requests) -> None:
    before = SystemClock().now_ms()
    done = holdfast(
        "enter KXFED-26:NO --account kalshi-1 --amount 25.50 --limit 0.62 --take-profit 8% --stop-loss 0.07 --ttl 120"
    )
    assert done.code == 0, done.err
    (stored,) = requests.open()
    request = stored.request
    assert isinstance(request, EntryRequest)
    assert (request.account, request.market, request.side) == ("kalshi-1", "KXFED-26", Side.SELL)
    assert (request.size, request.amount, request.limit) == ("", "25.50", "0.62")
    assert request.protection == {"take_profit": "8%", "stop_loss": "0.07"}
    assert request.origin is Origin.COMMAND
    assert before <= request.requested_at_ms == request.expires_at_ms - 120_000
    assert request.request_id in done.out


def test_a_request_of_an_id_that_is_known_adds_nothing(holdfast: Holdfast, requests: Requests) -> None:
    assert holdfast("enter KXFED-26 --account kalshi-1 --size 10 --id mine").code == 0
    again = holdfast("enter KXFED-26 --account kalshi-1 --size 10 --id mine")
    assert again.code == 0
    assert "known already" in again.out
    assert [stored.request.request_id for stored in requests.open()] == ["command-mine"]
    assert holdfast("enter KXFED-26 --account kalshi-1 --size 10").code == 0
    assert holdfast("enter KXFED-26 --account kalshi-1 --size 10").code == 0
    assert len(requests.open()) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("KXFED:YES", "MARKET:NO"),
        ("KX#FED", "market"),
        ("KXFED --size 1 --amount 2", "amount"),
        ("KXFED --size 1.001", "--size"),
        ("KXFED --size ten", "--size"),
        ("KXFED --size=-1", "more than 0"),
        ("KXFED --amount 0", "--amount"),
        ("KXFED --limit 0", "--limit"),
        ("KXFED --limit 0.12345", "4 decimals"),
        ("KXFED --ttl 0", "1 to 3600"),
        ("KXFED --ttl 3601", "1 to 3600"),
        ("KXFED --take-profit much", "--take-profit"),
        ("KXFED --stop-loss -1", "stop-loss"),
        ("KXFED --id a#b", "id"),
        ("KXFED --quantity 3", "quantity"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_stores_nothing(
    holdfast: Holdfast, requests: Requests, words: str, said: str
) -> None:
    refused = holdfast(f"enter {words} --account kalshi-1")
    assert refused.code == 2
    assert said in refused.error_line
    assert requests.known() == []


def test_exit_asks_for_the_position_that_is_held(holdfast: Holdfast, store: DynamoStore, requests: Requests) -> None:
    hold(store, "kalshi-1", "KXFED", Side.SELL)
    for words, side in (("KXFED", None), ("KXFED:NO", Side.SELL)):
        assert holdfast(f"exit {words} --account kalshi-1 --id e{side}").code == 0
    found = {stored.request.request_id: stored.request for stored in requests.open()}
    for request_id, side in (("command-eNone", None), ("command-esell", Side.SELL)):
        request = found[request_id]
        assert isinstance(request, ExitRequest)
        assert (request.market, request.side) == ("KXFED", side)


def test_exit_of_what_is_not_held_names_what_is(holdfast: Holdfast, store: DynamoStore, requests: Requests) -> None:
    nothing = holdfast("exit KXFED --account kalshi-1")
    assert (nothing.code, "none is open" in nothing.error_line) == (2, True)
    hold(store, "kalshi-1", "KXFED", Side.BUY)
    hold(store, "kalshi-1", "KXCPI", Side.SELL)
    for words in ("KXGDP", "KXFED:NO"):
        refused = holdfast(f"exit {words} --account kalshi-1")
        assert refused.code == 2
        assert "KXCPI:NO, KXFED" in refused.error_line
    assert requests.known() == []


def test_the_list_says_what_became_of_each(holdfast: Holdfast, store: DynamoStore, requests: Requests) -> None:
    holdfast("enter KXFED-26:NO --account kalshi-1 --amount 25 --limit 0.62 --id one")
    holdfast("enter KXCPI --account kalshi-1 --id two")
    one, two = (stored.request for stored in requests.open())
    now_ms = SystemClock().now_ms() + 1_000
    requests.refuse(one, now_ms, "capital", "the account's capital may risk 10")
    store.transact(requests.taking(two, now_ms + 1_000))
    lines = holdfast("entries list --account kalshi-1").out.splitlines()
    assert lines[0].split()[:3] == ["request", "by", "what"]
    assert "command-two" in lines[1]
    assert "taken" in lines[1]
    assert "enter KXFED-26:NO, amount 25, limit 0.62" in lines[2]
    assert "refused" in lines[2]
    assert "capital: the account's capital may risk 10" in lines[2]


def test_unknown_accounts_are_said(holdfast: Holdfast, account: str) -> None:
    for words in ("enter M", "exit M", "entries list"):
        refused = holdfast(f"{words} --account kalshi-2")
        assert refused.code == 2
        assert account in refused.error_line
