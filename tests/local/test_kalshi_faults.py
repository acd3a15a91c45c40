"""Faults over a real socket and in process: what the client sees, and what was done meanwhile."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from holdfast.clock import SystemClock, VirtualClock
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import Placement, Purpose, TargetOrder
from holdfast.core.outcomes import Placed, Refused, Unknown
from holdfast.venues.kalshi import Environment, KalshiSettings, KalshiVenue, Signer
from local.venues.kalshi import (
    ConnectionDropped,
    Fault,
    FaultKind,
    InProcessTransport,
    KalshiExchange,
    KalshiServer,
    MarketSpec,
)
from tests.local.kalshi_member import API, START_MS, V2, InProcessMember, Member, ed25519_key, private_pem, public_pem
from tests.venues.kalshi_scripted import CountingMeter

FED = "KXFED-26DEC"
CREATE = f"POST {V2}"


@pytest.fixture
def member(venue):
    return venue.member()


def placed(venue):
    return sorted(venue.exchange.books("anna").client_order_ids)


def test_a_request_lost_on_the_way_there_does_nothing(venue, member):
    venue.exchange.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, CREATE))
    with pytest.raises(requests.ConnectionError):
        member.create(FED, "bid", "0.40", "1", "lost")
    assert placed(venue) == []
    assert member.create(FED, "bid", "0.40", "1", "lost").status_code == 201


def test_an_answer_lost_on_the_way_back_hides_an_order(venue, member):
    venue.exchange.faults.add(Fault(FaultKind.TIMEOUT_AFTER, CREATE))
    with pytest.raises(requests.ConnectionError):
        member.create(FED, "bid", "0.40", "1", "hidden")
    assert placed(venue) == ["hidden"]
    assert member.create(FED, "bid", "0.40", "1", "hidden").json()["error"]["code"] == "order_already_exists"


@pytest.mark.parametrize(("kind", "done"), [(FaultKind.ERROR_BEFORE, []), (FaultKind.ERROR_AFTER, ["a-1"])])
def test_a_gateway_error_says_nothing_about_the_effect(venue, member, kind, done):
    venue.exchange.faults.add(Fault(kind, CREATE, status=502))
    assert member.create(FED, "bid", "0.40", "1", "a-1").status_code == 502
    assert placed(venue) == done


def test_a_malformed_answer_to_an_order_that_was_placed(venue, member):
    venue.exchange.faults.add(Fault(FaultKind.MALFORMED, CREATE))
    raw = requests.post(
        f"{member.origin}{API}{V2}",
        headers=member.headers("POST", API + V2),
        json={
            "ticker": FED,
            "side": "bid",
            "price": "0.40",
            "count": "1",
            "client_order_id": "a-1",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        },
        timeout=5,
    )
    assert raw.status_code == 201
    with pytest.raises(requests.JSONDecodeError):
        raw.json()
    assert placed(venue) == ["a-1"]


def test_a_rate_limit_fault(venue, member):
    venue.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, CREATE))
    answer = member.create(FED, "bid", "0.40", "1", "a-1")
    assert (answer.status_code, answer.content) == (429, b'{"error":"too many requests"}')
    assert (placed(venue), venue.exchange.rate_limited[CREATE]) == ([], 1)


def test_faults_strike_where_and_as_often_as_told(venue, member):
    venue.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "POST *", times=2, skip=1))
    answers = [member.create(FED, "bid", "0.10", "1").status_code for _ in range(4)]
    assert answers == [201, 503, 503, 201]
    venue.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET *", times=0))
    assert [member.get("/portfolio/orders").status_code for _ in range(3)] == [503] * 3
    assert member.create(FED, "bid", "0.10", "1").status_code == 201
    venue.exchange.faults.clear()
    assert member.get("/portfolio/orders").status_code == 200


def test_faults_by_chance_repeat_with_the_seed():
    def struck(seed):
        exchange = KalshiExchange(SystemClock(), seed=seed)
        exchange.add_market(MarketSpec(FED))
        exchange.add_user("anna", "key", public_pem(ed25519_key()), tier="prestige", balances={0: 10})
        exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, times=0, chance_permille=300))
        member = InProcessMember(exchange, "key", ed25519_key())
        return [member.get("/portfolio/orders").status_code for _ in range(40)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert set(struck(1)) == {200, 503}


def test_in_process_a_dropped_connection_is_an_exception(venue):
    venue.member()
    member = InProcessMember(venue.exchange, "key-of-anna", ed25519_key("anna"))
    for kind, processed in ((FaultKind.TIMEOUT_BEFORE, False), (FaultKind.TIMEOUT_AFTER, True)):
        venue.exchange.faults.add(Fault(kind, CREATE, wait_ms=700))
        with pytest.raises(ConnectionDropped) as dropped:
            member.create(FED, "bid", "0.40", "1", kind.value)
        assert (dropped.value.processed, dropped.value.wait_ms) == (processed, 700)
    assert placed(venue) == ["timeout_after"]


def adapter(exchange):
    exchange.add_user("anna", "key", public_pem(ed25519_key()), balances={0: 10})
    settings = KalshiSettings("acct", Environment.DEMO, base_url="http://127.0.0.1")
    signer = Signer("key", private_pem(ed25519_key()))
    return KalshiVenue(settings, signer, InProcessTransport(exchange), exchange.clock, CountingMeter())


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault(FaultKind.TIMEOUT_BEFORE, CREATE, wait_ms=30_000), []),
        (Fault(FaultKind.TIMEOUT_AFTER, CREATE, wait_ms=30_000), ["q-1"]),
        (Fault(FaultKind.SLOW, CREATE, wait_ms=10_000), ["q-1"]),
        (Fault(FaultKind.MALFORMED, CREATE), ["q-1"]),
        (Fault(FaultKind.ERROR_AFTER, CREATE), ["q-1"]),
    ],
)
def test_the_adapter_in_process_knows_what_it_does_not_know(fault, done):
    """Our own adapter, without a socket, on one clock: whatever was done, the outcome is unknown."""
    exchange = KalshiExchange(VirtualClock(START_MS))
    exchange.add_market(MarketSpec(FED))
    venue = adapter(exchange)
    exchange.faults.add(fault)
    target = TargetOrder(FED, Side.BUY, 4000, 100, Purpose.QUOTE, "bid-0")
    (outcome,) = venue.place([Placement(target, "q-1")], START_MS + 10_000)
    assert isinstance(outcome, Unknown)
    assert list(exchange.books("anna").client_order_ids) == done
    assert exchange.clock.now_ms() - START_MS == min(fault.wait_ms, 10_000)
    (again,) = venue.place([Placement(target, "q-1")], exchange.clock.now_ms() + 10_000)
    assert isinstance(again, Refused if done else Placed)
    assert exchange.books("anna").sent_ids["q-1"] == (2 if done else 1)


def test_a_slow_answer_outlasts_an_impatient_client():
    """Real time: the client gives up, the order is placed all the same."""
    exchange = KalshiExchange(SystemClock())
    exchange.add_market(MarketSpec(FED))
    exchange.add_user("anna", "key", public_pem(ed25519_key()), balances={0: 10})
    exchange.faults.add(Fault(FaultKind.SLOW, CREATE, wait_ms=400))
    with KalshiServer(exchange) as server:
        member = Member(server.origin, SystemClock(), "key", ed25519_key())
        body = {"ticker": FED, "side": "bid", "price": "0.40", "count": "1", "client_order_id": "slow"}
        body |= {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross"}
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"{server.url}{V2}", json=body, headers=member.headers("POST", API + V2), timeout=0.05)
        for _ in range(100):
            if exchange.books("anna").orders:
                break
            SystemClock().sleep_ms(20)
    assert list(exchange.books("anna").client_order_ids) == ["slow"]


def test_many_clients_at_once_keep_the_books_whole(venue):
    venue.member()
    venue.book({40: 1000}, {42: 1000})

    def trade(number):
        member = Member(venue.server.origin, venue.clock, "key-of-anna", ed25519_key("anna"))
        return [
            member.create(FED, side, price, "0.5", f"{number}-{turn}", time_in_force="immediate_or_cancel").status_code
            for turn, (side, price) in enumerate([("bid", "0.42"), ("ask", "0.40")] * 5)
        ]

    with ThreadPoolExecutor(8) as pool:
        answers = [status for statuses in pool.map(trade, range(8)) for status in statuses]
    books = venue.exchange.books("anna")
    assert answers == [201] * 80
    assert len(books.fills) == 80
    assert books.imbalances() == []
    assert sum(position.size for position in books.positions) == 0


def test_another_process_can_control_faults_lag_and_pauses(venue, member):
    control = f"{venue.server.origin}/_local"
    fault = {"kind": "error_before", "endpoint": CREATE, "times": 1}
    assert requests.post(f"{control}/faults", json=fault, timeout=5).status_code == 204
    assert member.create(FED, "bid", "0.40", "1").status_code == 503
    assert requests.post(f"{control}/read_lag", json={"lag_ms": 2000}, timeout=5).status_code == 204
    member.create(FED, "bid", "0.40", "1")
    assert member.get("/portfolio/orders").json()["orders"] == []
    assert requests.post(f"{control}/pause", json={"scope": "trading"}, timeout=5).status_code == 204
    assert member.create(FED, "bid", "0.40", "1").status_code == 409
    requests.post(f"{control}/pause", json={"scope": "trading", "active": True}, timeout=5)
    assert member.create(FED, "bid", "0.40", "1").status_code == 201
    requests.post(f"{control}/pause", json={"scope": "market", "ticker": FED}, timeout=5)
    assert member.create(FED, "bid", "0.40", "1").status_code == 409
    assert requests.get(f"{control}/calls", timeout=5).json()["calls"][CREATE] == 5
    attested = {"user": venue.exchange.users[0], "until_ms": 1_795_000_000_000}
    assert requests.post(f"{control}/attestation", json=attested, timeout=5).status_code == 204
    assert member.get("/api_keys").json()["api_key_region_expiration_ts"] == 1_795_000_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "meteor"}),
        ("pause", {"scope": "all"}),
        ("read_lag", {"lag_ms": "1"}),
        ("attestation", {"user": "nobody", "until_ms": 1}),
        ("nothing", {}),
    ],
)
def test_a_wrong_control_request_is_refused_in_words(venue, path, body):
    answer = requests.post(f"{venue.server.origin}/_local/{path}", json=body, timeout=5)
    assert answer.status_code in (400, 404)
    assert answer.text.strip()


def test_a_fault_that_can_not_be_is_refused():
    with pytest.raises(InvalidInputError, match="chance_permille"):
        Fault(FaultKind.SLOW, chance_permille=1001)
    with pytest.raises(InvalidInputError, match="wait_ms"):
        Fault(FaultKind.SLOW, wait_ms=31_000)
