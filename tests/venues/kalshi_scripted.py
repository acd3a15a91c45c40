"""A loopback HTTP server that says exactly what a test scripts, and what a venue adapter in a test is built from."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from holdfast.clock import Clock, VirtualClock
from holdfast.core.errors import BudgetExhaustedError
from holdfast.venues.kalshi import Environment, KalshiSettings, KalshiVenue, RequestsTransport, Signer, Transport

ACCOUNT = "kalshi-test"
NOW_MS = 1_795_000_000_123


class Reply(NamedTuple):
    """One scripted answer.

    `how`: "answer", "drop" (no answer), "cut" (half of the body), "hang" (until the end), "leave" (an answer, and then
    the connection is closed without a word).
    """

    status: int = 200
    body: Any = b""
    how: str = "answer"
    headers: dict[str, str] | None = None


class Asked(NamedTuple):
    """A request as the server got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """Answers request after request with the scripted replies; `asked` are the requests in order.

    `left` is set once a connection was closed by a "leave".
    """

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.asked: list[Asked] = []
        self.left = threading.Event()
        self._ended = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                owner._serve(self)

            do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def log_message(self, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        sent = handler.rfile.read(length)
        self.asked.append(Asked(handler.command, handler.path, dict(handler.headers), sent))
        reply = self.replies.pop(0)
        if reply.how == "hang":
            self._ended.wait()
        if reply.how in ("hang", "drop"):
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        handler.send_response(reply.status)
        for name, value in (reply.headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if reply.how == "cut":
            handler.wfile.write(body[: len(body) // 2])
            handler.close_connection = True
            return
        handler.wfile.write(body)
        if reply.how == "leave":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            self.left.set()


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    try:
        yield server
    finally:
        server.close()


class CountingMeter:
    """Keeps what was spent and recorded; refuses once `budget` is spent."""

    def __init__(self, budget: int = 1_000_000) -> None:
        self.budget = budget
        self.spent: list[tuple[str, int, str]] = []
        self.recorded: list[tuple[str, int]] = []

    def spend(self, bucket: str, tokens: int, endpoint: str) -> None:
        if tokens > self.budget:
            raise BudgetExhaustedError(bucket, tokens, 1_000)
        self.budget -= tokens
        self.spent.append((bucket, tokens, endpoint))

    def record(self, endpoint: str, status: int, duration_us: int) -> None:
        self.recorded.append((endpoint, status))


def ed25519_pem() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


_PEM = ed25519_pem()


def venue_at(
    url: str,
    transport: Transport | None = None,
    meter: CountingMeter | None = None,
    clock: Clock | None = None,
    subaccount: int = 0,
) -> KalshiVenue:
    return KalshiVenue(
        settings=KalshiSettings(ACCOUNT, Environment.DEMO, base_url=url, subaccount=subaccount),
        signer=Signer("key-1", _PEM),
        transport=transport or RequestsTransport(),
        clock=clock or VirtualClock(NOW_MS),
        meter=meter or CountingMeter(),
    )
