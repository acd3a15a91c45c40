"""Connections that several accounts of a process share: as few as there are hosts, and nothing of one account in the
requests of another."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from holdfast.venues.transport import RequestsTransport


class CookieServer:
    """Sets a cookie with every answer, and notes what came: the connection's port and the cookies sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str | None]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                seen.append((self.client_address[1], self.headers.get("Cookie")))
                self.send_response(200)
                self.send_header("Set-Cookie", f"session={len(seen)}; Path=/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[CookieServer]:
    made = CookieServer()
    yield made
    made.stop()


def test_requests_go_over_one_connection_and_bring_no_cookie_of_an_earlier_one(server: CookieServer) -> None:
    transport = RequestsTransport()
    for account in ("a", "b", "a"):
        assert transport.send("GET", server.url, {"X-Account": account}, None, 2_000).status == 200
    transport.close()
    ports, cookies = zip(*server.seen, strict=True)
    assert len({*ports}) == 1
    assert cookies == (None, None, None)
