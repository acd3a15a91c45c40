"""Faults on purpose: answers that never come, come late, or say nothing; from Python and through the control paths."""

import pytest
import requests

from local.venues.polymarket import Fault, FaultKind
from tests.local.polymarket_trader import FED, running


@pytest.fixture
def venue():
    with running() as found:
        found.book({"0.40": "1000"}, {"0.42": "1000"})
        yield found


def dropped(call):
    with pytest.raises(requests.ConnectionError):
        call()


@pytest.mark.parametrize(("kind", "placed"), [(FaultKind.TIMEOUT_BEFORE, False), (FaultKind.TIMEOUT_AFTER, True)])
def test_a_dropped_answer_may_have_had_its_effect(venue, kind, placed):
    anna = venue.trader()
    body = anna.signed(FED, "BUY", "0.42", "10")
    venue.exchange.faults.add(Fault(kind, "POST /order"))
    dropped(lambda: anna.send("POST", "/order", body))
    assert bool(anna.books.orders) is placed
    again = anna.send("POST", "/order", body)
    # The same bytes can't buy twice.
    assert (again.status_code, "Duplicated" in again.text) == ((400, True) if placed else (200, False))
    assert sum(fill.part.size for fill in anna.books.fills) == 10_000_000


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, "could not run the execution"), (425, "service not ready"), (520, "service unavailable")],
)
@pytest.mark.parametrize(("kind", "placed"), [(FaultKind.ERROR_BEFORE, False), (FaultKind.ERROR_AFTER, True)])
def test_an_error_may_have_had_its_effect(venue, kind, placed, status, words):
    anna = venue.trader()
    venue.exchange.faults.add(Fault(kind, "POST /orders", status=status))
    answer = anna.batch(anna.signed(FED, "BUY", "0.40", "10"))
    assert (answer.status_code, answer.json()) == (status, {"error": words})
    assert bool(anna.open_ids()) is placed


def test_an_edge_429_says_nothing_of_the_signer(venue):
    anna = venue.trader()
    venue.exchange.faults.add(Fault(FaultKind.RATE_LIMITED, "* /order", times=2))
    for answer in (anna.place(FED, "BUY", "0.40", "10"), anna.cancel("0x" + "00" * 32)):
        assert (answer.status_code, "Poly-RateLimit-Remaining" in answer.headers) == (429, False)
    assert venue.exchange.rate_limited == {"POST /order": 1, "DELETE /order": 1}


def test_half_an_answer(venue):
    anna = venue.trader()
    venue.exchange.faults.add(Fault(FaultKind.MALFORMED, "GET /data/orders"))
    answer = anna.http.get(venue.server.origin + "/data/orders", headers=anna.l2("GET", "/data/orders"), timeout=10)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_slow_answer_takes_the_clocks_time(venue):
    anna = venue.trader()
    venue.exchange.faults.add(Fault(FaultKind.SLOW, "POST /order", wait_ms=25_000))
    before = venue.clock.now_ms()
    assert anna.place(FED, "BUY", "0.40", "10").status_code == 200  # it was signed in time
    assert venue.clock.now_ms() == before + 25_000


def test_control_from_another_process(venue):
    anna = venue.trader()

    def control(method, path, body=None):
        return requests.request(method, f"{venue.server.origin}/_local/{path}", json=body, timeout=10)

    assert (
        control("POST", "faults", {"kind": "error_after", "endpoint": "POST /order", "status": 500}).status_code == 204
    )
    assert anna.place(FED, "BUY", "0.40", "10").status_code == 500
    control("POST", "faults", {"kind": "error_before", "times": 0})
    control("DELETE", "faults")
    assert control("POST", "mode", {"mode": "restart", "duration_ms": 5_000}).status_code == 204
    assert anna.place(FED, "BUY", "0.40", "10").status_code == 425
    control("POST", "mode", {"mode": "normal"})
    control("POST", "settlement", {"fail": 1})
    control("POST", "settlement", {"mined_after_ms": 50})
    anna.rest(FED, "BUY", "0.42", "10")
    venue.wait(50)
    assert anna.trades()[0]["status"] == "TRADE_STATUS_RETRYING"
    control("POST", "ignore_cancels", {"count": 1})
    order_id = anna.rest(FED, "BUY", "0.30", "5")
    assert anna.cancel(order_id).json()["canceled"] == []
    control("POST", "read_lag", {"lag_ms": 1_000})
    assert order_id not in anna.open_ids()
    control("POST", "resolve", {"market": FED, "winner": 1})
    assert venue.exchange.market(FED).winner == 1
    control("POST", "geoblock", {"blocked": True, "country": "US", "region": "NY"})
    assert requests.get(f"{venue.server.site_url}/api/geoblock", timeout=10).json()["blocked"] is True
    assert control("GET", "calls").json()["calls"]["POST /order"] == 4
    for path, body in [
        ("mode", {"mode": "x"}),
        ("read_lag", {}),
        ("resolve", {"market": "x", "winner": 0}),
        ("geoblock", {"blocked": 1}),
        ("faults", {"kind": "error_before", "endpont": "POST /order"}),
        ("faults", {"kind": "error_before", "status": 200}),
    ]:
        assert control("POST", path, body).status_code == 400
    assert control("POST", "elsewhere", {}).status_code == 404
