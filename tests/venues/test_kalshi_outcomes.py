"""What becomes of an order that we send: raw answers over real HTTP, and what they may be taken for."""

import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from holdfast.core.outcomes import Changed, Placed, Refusal, Refused, Unknown
from holdfast.venues.kalshi import RequestsTransport
from tests.venues.kalshi_orders import (
    AMENDMENT,
    DEADLINE,
    REDUCTION,
    SOON,
    cancellation,
    every_write,
    placement,
)
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, ScriptedServer, scripted_server, venue_at


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


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


def test_a_connection_that_the_server_closed_while_idle_is_not_used_again(server: ScriptedServer):
    """Else the first write after every pause would be in doubt."""
    answer = {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "10.50", "ts_ms": 5}
    server.script(Reply(201, answer, how="leave"), Reply(201, answer))
    venue = venue_at(server.url)
    assert isinstance(venue.place([placement()], DEADLINE)[0], Placed)
    assert server.left.wait(10)
    assert isinstance(venue.place([placement()], DEADLINE)[0], Placed)
    assert len(server.asked) == 2


def test_a_proxy_or_netrc_of_the_environment_sees_no_signed_order(server: ScriptedServer, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.script(Reply(201, {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "10.50", "ts_ms": 5}))
    assert isinstance(venue_at(server.url).place([placement()], DEADLINE)[0], Placed)
    assert "Authorization" not in server.asked[0].headers


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


def test_accepted_with_nothing_filled_and_nothing_left_is_over(server: ScriptedServer):
    """Self-trade prevention and an unfilled immediate order answer 201 like this; it is no error."""
    server.script(Reply(201, {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "0.00", "ts_ms": 5}))
    assert venue_at(server.url).place([placement("c-1")], DEADLINE) == [Placed("o-1", "c-1", 0, 0, 5)]


def test_a_crossing_order_tells_what_it_filled(server: ScriptedServer):
    answer = {"order_id": "o-1", "client_order_id": "c-1", "fill_count": "3.25", "remaining_count": "7.25"}
    server.script(Reply(201, answer | {"average_fill_price": "0.460000", "ts_ms": 5, "brand_new_field": [1]}))
    assert venue_at(server.url).place([placement("c-1")], DEADLINE) == [Placed("o-1", "c-1", 325, 725, 5)]


def test_an_answer_about_another_order_is_unknown(server: ScriptedServer):
    """Seen at the venue until 2026-05-21: the answer to a cancel or an amend could describe another order."""
    other = {"order_id": "o-9", "client_order_id": "c-9", "remaining_count": "1.00", "ts_ms": 5}
    nameless = {"order_id": "o-9", "remaining_count": "1.00", "ts_ms": 5}
    server.script(
        Reply(201, other | {"fill_count": "0.00"}),
        Reply(200, {"order_id": "o-9", "reduced_by": "1.00", "ts_ms": 5}),
        *(Reply(200, answer) for answer in (other, nameless, other, nameless, nameless | AMENDED)),
    )
    venue = venue_at(server.url)
    assert isinstance(venue.place([placement("c-1")], DEADLINE)[0], Unknown)
    assert isinstance(venue.cancel([cancellation("o-1")], DEADLINE)[0], Unknown)
    assert isinstance(venue.amend(AMENDMENT, DEADLINE), Unknown)
    assert isinstance(venue.amend(AMENDMENT, DEADLINE), Unknown)
    for _ in range(3):  # a decrease keeps the order's id, whatever else the answer says
        assert isinstance(venue.decrease(REDUCTION, DEADLINE), Unknown)


AMENDED = {"client_order_id": AMENDMENT.client_order_id}


def test_amend_may_give_the_order_a_new_id_and_need_not_state_what_remains(server: ScriptedServer):
    server.script(
        Reply(200, {"order_id": "o-2", "remaining_count": "8.00", "ts_ms": 5} | AMENDED),
        Reply(200, {"order_id": "o-1", "remaining_count": None, "fill_count": None, "ts_ms": 6}),
        Reply(200, {"order_id": "o-1", "remaining_count": "2.50", "ts_ms": 7}),
    )
    venue = venue_at(server.url)
    assert venue.amend(AMENDMENT, DEADLINE) == Changed("o-2", "hf-aaaa-q-1", 800, 5)
    assert venue.amend(AMENDMENT, DEADLINE) == Changed("o-1", "hf-aaaa-q-1", None, 6)
    assert venue.decrease(REDUCTION, DEADLINE) == Changed("o-1", "", 250, 7)
