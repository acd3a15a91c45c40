"""What becomes of each order that we send to Kalshi: raw answers over real HTTP, and what they may be taken for."""

import contextlib
import json
import random
import socket
import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.market import Side
from holdfast.core.orders import Amendment, Cancellation, Placement, Purpose, Reduction, TargetOrder, TimeInForce
from holdfast.core.outcomes import Canceled, Changed, Placed, Refusal, Refused, Unknown
from holdfast.venues.kalshi import HttpAnswer, NoAnswerError, RequestsTransport
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, ScriptedServer, scripted_server, venue_at

DEADLINE = NOW_MS + 10_000
SOON = NOW_MS + 150


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def placement(client_id: str = "hf-aaaa-q-1", **changes: object) -> Placement:
    target = {
        "market": "KXBTC-26NOV2017-T90000",
        "side": Side.BUY,
        "price": 4700,
        "size": 1050,
        "purpose": Purpose.QUOTE,
        "leg": "bid-0",
        **changes,
    }
    return Placement(TargetOrder(**target), client_id, shard=2)


def cancellation(order_id: str = "o-1") -> Cancellation:
    return Cancellation(order_id, "KXBTC-26NOV2017-T90000", Side.BUY, shard=2, client_order_id="hf-aaaa-q-1")


AMENDMENT = Amendment(
    order_id="o-1",
    client_order_id="hf-aaaa-q-1",
    market="KXBTC-26NOV2017-T90000",
    side=Side.SELL,
    price=5350,
    size=1200,
    expires_at_ms=NOW_MS + 60_000,
    shard=2,
)
REDUCTION = Reduction("o-1", "KXBTC-26NOV2017-T90000", Side.SELL, remaining=250, shard=2)


def every_write(venue, deadline_ms: int = DEADLINE):
    """Each kind of write once, as (name, function that gives the outcomes)."""
    return [
        ("place", lambda: venue.place([placement()], deadline_ms)),
        ("place batch", lambda: venue.place([placement("c-1"), placement("c-2")], deadline_ms)),
        ("cancel", lambda: venue.cancel([cancellation()], deadline_ms)),
        ("cancel batch", lambda: venue.cancel([cancellation("o-1"), cancellation("o-2")], deadline_ms)),
        ("amend", lambda: [venue.amend(AMENDMENT, deadline_ms)]),
        ("decrease", lambda: [venue.decrease(REDUCTION, deadline_ms)]),
    ]


# ---- what is sent


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


# ---- nothing after the deadline


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


# ---- what nobody knows


UNKNOWN_ANSWERS = [
    Reply(500, {"error": {"code": "internal_server_error", "message": "oops"}}),
    Reply(502, b"<html>bad gateway</html>"),
    Reply(503, {"error": {"code": "exchange_is_paused", "message": "paused"}}),
    Reply(504, b""),
    Reply(408, b""),
    Reply(425, b""),
    Reply(409, b"<html>conflict</html>"),
    Reply(409, {"msg": "conflict"}),
    Reply(307, b"", headers={"Location": "/trade-api/v2/elsewhere"}),
    Reply(200, b""),
    Reply(204, b""),
    Reply(201, b"not json"),
    Reply(201, {"orders": "none"}),
    Reply(201, {}),
    Reply(201, {"orders": []}),
    Reply(200, [1, 2]),
    Reply(201, {"order_id": 5, "fill_count": 1.5}),
    Reply(201, {"order_id": "o-1", "fill_count": "0.00"} | {"remaining_count": "ten", "reduced_by": "ten"}),
    Reply(how="drop"),
    Reply(201, {"orders": [], "order_id": "o-1", "fill_count": "0.00", "reduced_by": "1.00"}, how="cut"),
    Reply(how="hang"),
]


@pytest.mark.parametrize("reply", UNKNOWN_ANSWERS, ids=lambda reply: f"{reply.status} {reply.how} {reply.body}"[:60])
def test_an_outcome_that_nobody_knows_is_unknown_and_never_tried_again(server: ScriptedServer, reply: Reply):
    deadline = SOON if reply.how == "hang" else DEADLINE
    transport = RequestsTransport()
    for name, write in every_write(venue_at(server.url, transport=transport), deadline):
        server.script(reply)
        before = len(server.asked)
        for outcome in write():
            assert isinstance(outcome, Unknown), (name, outcome)
            assert outcome.cause
        assert len(server.asked) == before + 1, name
        assert server.replies == []
    transport.close()


def test_a_refused_connection_proves_that_nothing_was_sent():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    meter = CountingMeter()
    for name, write in every_write(venue_at(url, meter=meter)):
        for outcome in write():
            assert isinstance(outcome, Refused), name
            assert outcome.reason is Refusal.NOT_SENT, name
    assert {status for _, status in meter.recorded} == {0}


@pytest.fixture
def unverified_https(tmp_path):
    """A server whose certificate nobody vouches for, and the bytes that it got after a handshake."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.fromtimestamp(NOW_MS // 1000, UTC) - timedelta(days=3_650)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=36_500))
    certificate = builder.sign(key, SHA256())
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ssl.SSLError, OSError), context.wrap_socket(connection, True) as tls:
            received.append(tls.recv(1))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://localhost:{listener.getsockname()[1]}", received, thread
    listener.close()


def test_a_certificate_that_cannot_be_verified_stops_the_request_before_it_is_sent(unverified_https):
    url, received, thread = unverified_https
    [outcome] = venue_at(url).place([placement()], DEADLINE)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Refusal.NOT_SENT
    thread.join(5)
    assert received == []


# ---- refusals


POST_ONLY = {"error": {"code": "invalid_order", "message": "invalid order", "details": "post only cross"}}
REDUCE_ONLY = {"error": {"code": "invalid_order", "details": "reduce_only can only be used with IoC orders"}}
REFUSALS = [
    (400, POST_ONLY, Refusal.POST_ONLY_CROSS, "invalid_order"),
    (400, {"code": "invalid order", "details": "Post Only Cross"}, Refusal.POST_ONLY_CROSS, "invalid order"),
    (400, {"error": {"code": "PostOnlyCross"}}, Refusal.POST_ONLY_CROSS, "PostOnlyCross"),
    (400, REDUCE_ONLY, Refusal.REDUCE_ONLY, "invalid_order"),
    (400, {"error": {"code": "insufficient_balance"}}, Refusal.INSUFFICIENT_BALANCE, "insufficient_balance"),
    (400, {"error": {"code": "invalid_price", "message": "x"}}, Refusal.OFF_GRID, "invalid_price"),
    (400, {"error": {"code": "invalid_order_size"}}, Refusal.INVALID_SIZE, "invalid_order_size"),
    (400, {"code": "bad_request", "message": "json: cannot unmarshal"}, Refusal.MALFORMED, "bad_request"),
    (400, {"msg": "Parameter validation failed: limit"}, Refusal.MALFORMED, ""),
    (400, {"error": {"code": "invalid_order", "details": "new words"}}, Refusal.OTHER, "invalid_order"),
    (400, b"<html>no</html>", Refusal.OTHER, ""),
    (401, {"error": {"code": "authentication_error"}}, Refusal.UNAUTHORIZED, "authentication_error"),
    (403, {"error": {"code": "forbidden", "details": "scope"}}, Refusal.UNAUTHORIZED, "forbidden"),
    (403, b"", Refusal.UNAUTHORIZED, ""),
    (404, {"error": {"code": "user_not_found"}}, Refusal.UNFUNDED_SHARD, "user_not_found"),
    (404, {"error": {"code": "not_found", "message": "not found"}}, Refusal.NOT_FOUND, "not_found"),
    (409, {"error": {"code": "order_already_exists"}}, Refusal.DUPLICATE, "order_already_exists"),
    (409, {"error": {"code": "trading_is_paused"}}, Refusal.TRADING_PAUSED, "trading_is_paused"),
    (409, {"error": {"code": "exchange_is_paused"}}, Refusal.TRADING_PAUSED, "exchange_is_paused"),
    (409, {"error": {"code": "MARKET_INACTIVE"}}, Refusal.MARKET_CLOSED, "MARKET_INACTIVE"),
    (410, {"error": {"code": "deprecated_v1_order_endpoint"}}, Refusal.OTHER, "deprecated_v1_order_endpoint"),
    (429, {"error": "too many requests"}, Refusal.RATE_LIMITED, "too_many_requests"),
    (429, b"", Refusal.RATE_LIMITED, ""),
]


@pytest.mark.parametrize(("status", "body", "reason", "code"), REFUSALS)
def test_a_refused_request_refuses_every_item_with_its_reason(server: ScriptedServer, status, body, reason, code):
    meter = CountingMeter()
    for name, write in every_write(venue_at(server.url, meter=meter)):
        server.script(Reply(status, body))
        for outcome in write():
            assert isinstance(outcome, Refused), name
            assert (outcome.reason, outcome.code) == (reason, code), name
    assert {recorded for _, recorded in meter.recorded} == {status}
    assert meter.spent == []  # the executor paid for writes already


def test_the_words_of_a_refusal_are_kept_for_people(server: ScriptedServer):
    body = {"error": {"code": "brand_new", "message": "a message", "details": "and details"}}
    server.script(Reply(400, body))
    [outcome] = venue_at(server.url).place([placement()], DEADLINE)
    assert outcome == Refused(Refusal.OTHER, "brand_new", "a message / and details")


# ---- accepted


def test_accepted_with_nothing_filled_and_nothing_left_is_over(server: ScriptedServer):
    """Self-trade prevention and an unfilled immediate order answer 201 like this; it is no error."""
    server.script(Reply(201, {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "0.00", "ts_ms": 5}))
    assert venue_at(server.url).place([placement("c-1")], DEADLINE) == [Placed("o-1", "c-1", 0, 0, 5)]


def test_a_crossing_order_tells_what_it_filled(server: ScriptedServer):
    answer = {"order_id": "o-1", "client_order_id": "c-1", "fill_count": "3.25", "remaining_count": "7.25"}
    server.script(Reply(201, answer | {"average_fill_price": "0.460000", "ts_ms": 5, "brand_new_field": [1]}))
    assert venue_at(server.url).place([placement("c-1")], DEADLINE) == [Placed("o-1", "c-1", 325, 725, 5)]


def test_an_answer_about_another_order_is_unknown(server: ScriptedServer):
    """Seen at the venue until 2026-05-21: a cancel's answer could describe another order."""
    other = {"order_id": "o-9", "client_order_id": "c-9", "fill_count": "0.00", "remaining_count": "1.00", "ts_ms": 5}
    server.script(Reply(201, other), Reply(200, {"order_id": "o-9", "reduced_by": "1.00", "ts_ms": 5}))
    venue = venue_at(server.url)
    assert isinstance(venue.place([placement("c-1")], DEADLINE)[0], Unknown)
    assert isinstance(venue.cancel([cancellation("o-1")], DEADLINE)[0], Unknown)


def test_amend_may_give_the_order_a_new_id_and_need_not_state_what_remains(server: ScriptedServer):
    server.script(
        Reply(200, {"order_id": "o-2", "client_order_id": "c-2", "remaining_count": "8.00", "ts_ms": 5}),
        Reply(200, {"order_id": "o-1", "remaining_count": None, "fill_count": None, "ts_ms": 6}),
        Reply(200, {"order_id": "o-1", "remaining_count": "2.50", "ts_ms": 7}),
    )
    venue = venue_at(server.url)
    assert venue.amend(AMENDMENT, DEADLINE) == Changed("o-2", "c-2", 800, 5)
    assert venue.amend(AMENDMENT, DEADLINE) == Changed("o-1", "hf-aaaa-q-1", None, 6)
    assert venue.decrease(REDUCTION, DEADLINE) == Changed("o-1", "", 250, 7)


# ---- batches


def accepted(client_id: str | None, order_id: str) -> dict[str, object]:
    return {
        "order_id": order_id,
        "client_order_id": client_id,
        "fill_count": "0.00",
        "remaining_count": "10.50",
        "ts_ms": 5,
        "error": None,
    }


def failed(client_id: str | None, code: str, details: str = "") -> dict[str, object]:
    return {"client_order_id": client_id, "order_id": None, "error": {"code": code, "details": details}}


def placed_batch(server: ScriptedServer, items: list[dict[str, object]], ids: str):
    server.script(Reply(201, {"orders": items}))
    return venue_at(server.url).place([placement(client_id) for client_id in ids], DEADLINE)


def test_batch_answers_in_another_order_are_matched_by_id(server: ScriptedServer):
    items = [accepted("c", "o-c"), failed("a", "insufficient_balance"), accepted("b", "o-b")]
    a, b, c = placed_batch(server, items, "abc")
    assert a == Refused(Refusal.INSUFFICIENT_BALANCE, "insufficient_balance", "")
    assert (b, c) == (Placed("o-b", "b", 0, 1050, 5), Placed("o-c", "c", 0, 1050, 5))


def test_one_failed_item_does_not_touch_the_others(server: ScriptedServer):
    items = [accepted("a", "o-a"), failed("b", "invalid order", "post only cross"), failed("c", "order_already_exists")]
    a, b, c = placed_batch(server, items, "abc")
    assert isinstance(a, Placed)
    assert (b.reason, c.reason) == (Refusal.POST_ONLY_CROSS, Refusal.DUPLICATE)


def test_an_item_that_the_answer_does_not_mention_is_unknown(server: ScriptedServer):
    a, b = placed_batch(server, [accepted("b", "o-b")], "ab")
    assert isinstance(a, Unknown)
    assert isinstance(b, Placed)


def test_failed_items_without_an_id_fall_to_the_orders_that_are_left(server: ScriptedServer):
    items = [failed(None, "invalid_price"), accepted("b", "o-b"), failed(None, "insufficient_balance")]
    a, b, c = placed_batch(server, items, "abc")
    assert (a.reason, b.order_id, c.reason) == (Refusal.OFF_GRID, "o-b", Refusal.INSUFFICIENT_BALANCE)


def test_accepted_items_without_an_id_are_not_told_apart_by_position(server: ScriptedServer):
    """Whose order is whose is not known: guessing would cancel or count the wrong one later."""
    outcomes = placed_batch(server, [accepted(None, "o-1"), accepted(None, "o-2")], "ab")
    assert all(isinstance(outcome, Unknown) for outcome in outcomes)


def test_fewer_failures_without_an_id_than_orders_left_prove_nothing(server: ScriptedServer):
    outcomes = placed_batch(server, [failed(None, "invalid_price")], "ab")
    assert all(isinstance(outcome, Unknown) for outcome in outcomes)


def test_an_item_that_failed_because_the_venue_broke_is_unknown(server: ScriptedServer):
    a, b = placed_batch(server, [failed("a", "internal_server_error"), accepted("b", "o-b")], "ab")
    assert isinstance(a, Unknown)
    assert isinstance(b, Placed)


def test_an_id_that_occurs_twice_contradicts_itself(server: ScriptedServer):
    items = [accepted("a", "o-a"), failed("a", "invalid_price"), accepted("b", "o-b")]
    a, b = placed_batch(server, items, "ab")
    assert isinstance(a, Unknown)
    assert isinstance(b, Placed)


def test_a_failed_cancel_in_a_batch_is_not_a_cancel(server: ScriptedServer):
    """Another client reported items with an error and reduced_by 0.00 as cancelled."""
    items = [
        {"order_id": "o-3", "reduced_by": "0.00", "ts_ms": 7, "error": None},
        {"order_id": "o-2", "reduced_by": "0.00", "ts_ms": None, "error": {"code": "not_found"}},
        {"order_id": "o-1", "client_order_id": "c-1", "reduced_by": "10.00", "ts_ms": 5},
        {"order_id": "o-4", "reduced_by": "0.00"},
    ]
    server.script(Reply(200, {"orders": items}))
    batch = [cancellation(f"o-{n}") for n in (1, 2, 3, 4, 5)]
    one, two, three, four, five = venue_at(server.url).cancel(batch, DEADLINE)
    assert one == Canceled("o-1", 1000, 5)
    assert two == Refused(Refusal.NOT_FOUND, "not_found", "")
    assert three == Canceled("o-3", 0, 7)
    assert isinstance(four, Unknown)
    assert isinstance(five, Unknown)


class EchoTransport:
    """Answers a batch of creates: some accepted, some failed, some lost, in any order, with or without ids."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.fate: dict[str, str] = {}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int):
        items = []
        for order in json.loads(body or b"")["orders"]:
            client_id = order["client_order_id"]
            fate = self.fate[client_id] = self._random.choice(("accepted", "failed", "lost", "nameless"))
            if fate == "accepted":
                items.append(accepted(client_id, f"o-{client_id}"))
            elif fate == "failed":
                items.append(failed(client_id, "invalid_price"))
            elif fate == "nameless":
                items.append(failed(None, "invalid_price"))
        self._random.shuffle(items)
        return HttpAnswer(201, {}, json.dumps({"orders": items}).encode())


@given(seed=st.integers(0, 10**9), count=st.integers(2, 12))
def test_whatever_a_batch_answers_no_live_order_is_taken_for_failed_or_for_another(seed: int, count: int):
    transport = EchoTransport(seed)
    venue = venue_at("http://127.0.0.1:1", transport=transport)
    ids = [f"c{n}" for n in range(count)]
    for client_id, outcome in zip(ids, venue.place([placement(one) for one in ids], DEADLINE), strict=True):
        fate = transport.fate[client_id]
        if fate == "accepted":
            assert outcome == Placed(f"o-{client_id}", client_id, 0, 1050, 5)
        elif fate == "lost":
            assert isinstance(outcome, Unknown)
        elif fate == "failed" or "lost" not in transport.fate.values():
            assert outcome == Refused(Refusal.OFF_GRID, "invalid_price", "")
        else:  # a failure without an id, while another item is missing: it could be either's
            assert isinstance(outcome, Unknown)
