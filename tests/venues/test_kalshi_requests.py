"""What is sent to Kalshi, byte by byte, and that nothing is sent late."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.core.market import Side
from holdfast.core.orders import Amendment, Placement, TimeInForce
from holdfast.core.outcomes import Placed, Refusal, Refused
from holdfast.venues.kalshi import NoAnswerError
from tests.venues.kalshi_orders import (
    AMENDMENT,
    DEADLINE,
    REDUCTION,
    cancellation,
    every_write,
    placement,
)
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, ScriptedServer, scripted_server, venue_at


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def test_an_order_is_sent_with_every_field_exact(server: ScriptedServer):
    server.script(Reply(201, {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "10.50", "ts_ms": 5}))
    expires = NOW_MS + 90_999
    [outcome] = venue_at(server.url).place([placement(expires_at_ms=expires)], DEADLINE)
    [asked] = server.asked
    assert (asked.method, asked.target) == ("POST", "/trade-api/v2/portfolio/events/orders")
    assert json.loads(asked.body) == {
        "ticker": "KXBTC-26NOV2017-T90000",
        "client_order_id": "hf-aaaa-q-1",
        "side": "bid",
        "count": "10.50",
        "price": "0.4700",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "exchange_index": 2,
        "post_only": True,
        "expiration_time": expires // 1000,
    }
    assert outcome == Placed("o-1", "hf-aaaa-q-1", filled=0, remaining=1050, at_ms=5)


def test_the_same_placement_is_the_same_bytes(server: ScriptedServer):
    """Sending an order again under the same identity must not change it."""
    server.script(Reply(500), Reply(500))
    venue = venue_at(server.url)
    for _ in range(2):
        venue.place([placement(expires_at_ms=NOW_MS + 60_000)], DEADLINE)
    assert server.asked[0].body == server.asked[1].body


@pytest.mark.parametrize(
    ("kind", "word"), [(TimeInForce.IMMEDIATE, "immediate_or_cancel"), (TimeInForce.ALL_OR_NOTHING, "fill_or_kill")]
)
def test_an_immediate_order_goes_out_reduce_only_and_without_expiry(server: ScriptedServer, kind, word):
    server.script(Reply(500))
    order = placement(
        side=Side.SELL,
        time_in_force=kind,
        reduce_only=True,
        post_only=False,
        expires_at_ms=NOW_MS + 60_000,
    )
    venue_at(server.url).place([order], DEADLINE)
    body = json.loads(server.asked[0].body)
    assert (body["side"], body["time_in_force"], body["reduce_only"]) == ("ask", word, True)
    assert "expiration_time" not in body
    assert "post_only" not in body


def test_shard_zero_is_stated_too(server: ScriptedServer):
    """An omitted shard is routed automatically and billed to every shard's bucket."""
    server.script(Reply(500))
    venue_at(server.url).place([Placement(placement().target, "c-1", shard=0)], DEADLINE)
    assert json.loads(server.asked[0].body)["exchange_index"] == 0


def test_a_cancel_names_market_and_shard_alone_and_in_a_batch(server: ScriptedServer):
    """Without them a cancel goes to shard 0 and answers 404 while the order stays live."""
    server.script(Reply(500), Reply(500))
    venue = venue_at(server.url)
    venue.cancel([cancellation("o/1 ?")], DEADLINE)
    venue.cancel([cancellation("o-1"), cancellation("o-2")], DEADLINE)
    single, batch = server.asked
    parts = urlsplit(single.target)
    assert (single.method, parts.path) == ("DELETE", "/trade-api/v2/portfolio/events/orders/o%2F1%20%3F")
    assert parse_qs(parts.query) == {"market_ticker": ["KXBTC-26NOV2017-T90000"], "exchange_index": ["2"]}
    assert single.body == b""
    assert (batch.method, batch.target) == ("DELETE", "/trade-api/v2/portfolio/events/orders/batched")
    expected = {"market_ticker": "KXBTC-26NOV2017-T90000", "exchange_index": 2}
    assert json.loads(batch.body) == {"orders": [{"order_id": f"o-{n}", **expected} for n in (1, 2)]}


def test_amend_states_total_price_and_expiry_and_decrease_the_rest(server: ScriptedServer):
    server.script(Reply(500), Reply(500), Reply(500))
    venue = venue_at(server.url)
    venue.amend(AMENDMENT, DEADLINE)
    venue.amend(Amendment("o-1", "", "M", Side.BUY, 100, 100, expires_at_ms=0), DEADLINE)
    venue.decrease(REDUCTION, DEADLINE)
    first, forever, decrease = server.asked
    assert first.target == "/trade-api/v2/portfolio/events/orders/o-1/amend"
    assert json.loads(first.body) == {
        "ticker": "KXBTC-26NOV2017-T90000",
        "side": "ask",
        "price": "0.5350",
        "count": "12.00",
        "expiration_time": (NOW_MS + 60_000) // 1000,
        "exchange_index": 2,
        "client_order_id": "hf-aaaa-q-1",
    }
    assert json.loads(forever.body)["expiration_time"] == 0
    assert decrease.target == "/trade-api/v2/portfolio/events/orders/o-1/decrease"
    assert json.loads(decrease.body) == {
        "reduce_to": "2.50",
        "market_ticker": "KXBTC-26NOV2017-T90000",
        "exchange_index": 2,
    }


def test_a_subaccount_goes_along_with_every_write(server: ScriptedServer):
    venue = venue_at(server.url, subaccount=7)
    writes = every_write(venue)
    server.script(*[Reply(500)] * len(writes))
    for _, write in writes:
        write()
    place, places, cancel, cancels, amend, decrease = server.asked
    assert json.loads(place.body)["subaccount"] == 7
    assert [order["subaccount"] for order in json.loads(places.body)["orders"]] == [7, 7]
    assert parse_qs(urlsplit(cancel.target).query)["subaccount"] == ["7"]
    assert [order["subaccount"] for order in json.loads(cancels.body)["orders"]] == [7, 7]
    assert urlsplit(amend.target).query == urlsplit(decrease.target).query == "subaccount=7"


def test_an_order_that_would_arrive_expired_is_not_sent_and_holds_up_no_other(server: ScriptedServer):
    server.script(Reply(201, {"order_id": "o-2", "fill_count": "0.00", "remaining_count": "10.50", "ts_ms": 5}))
    late = placement("c-1", expires_at_ms=NOW_MS + 500)  # the same whole second as now
    outcomes = venue_at(server.url).place([late, placement("c-2")], DEADLINE)
    assert outcomes[0] == Refused(Refusal.NOT_SENT, "expired", "the order's expiry is not in the future")
    assert outcomes[1] == Placed("o-2", "c-2", 0, 1050, 5)
    assert server.asked[0].target.endswith("/portfolio/events/orders")


def test_an_amend_to_a_past_expiry_is_not_sent(server: ScriptedServer):
    past = Amendment("o-1", "c-1", "M", Side.BUY, 100, 100, expires_at_ms=NOW_MS - 1_000)
    outcome = venue_at(server.url).amend(past, DEADLINE)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Refusal.NOT_SENT
    assert server.asked == []


def test_nothing_is_sent_for_an_empty_batch(server: ScriptedServer):
    venue = venue_at(server.url)
    assert venue.place([], DEADLINE) == []
    assert venue.cancel([], DEADLINE) == []
    assert server.asked == []


def test_nothing_is_sent_at_or_after_the_deadline(server: ScriptedServer):
    meter = CountingMeter()
    for name, write in every_write(venue_at(server.url, meter=meter), deadline_ms=NOW_MS):
        for outcome in write():
            assert isinstance(outcome, Refused), name
            assert outcome.reason is Refusal.NOT_SENT, name
    assert server.asked == []
    assert meter.recorded == []


class WaitingTransport:
    """Notes how long it may wait, and never gets an answer."""

    def __init__(self) -> None:
        self.timeouts_ms: list[int] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int):
        self.timeouts_ms.append(timeout_ms)
        raise NoAnswerError("lost", sent=None)


def test_no_answer_is_awaited_past_the_deadline():
    transport = WaitingTransport()
    venue = venue_at("http://127.0.0.1:1", transport=transport)
    venue.place([placement()], NOW_MS + 1_234)
    venue.place([placement()], NOW_MS + 3_600_000)
    assert transport.timeouts_ms == [1_234, 10_000]
