"""A local venue over HTTP/1.1 on a loopback port, with real faults: silence, dropped connections, slow answers."""

import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Protocol

from holdfast.clock import Clock
from local.venues.faults import ConnectionDropped
from local.venues.http import Request, Response

CONTROL_PREFIX = "/_local/"
_LOOPBACK = "127.0.0.1"
_LARGEST_BODY = 4 << 20
# Gateways answer with numbers of their own too (520 to 527), which have no phrase.
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Answering(Protocol):
    """What answers requests."""

    def handle(self, request: Request) -> Response:
        """Answer a request. Raises ConnectionDropped where a fault keeps the answer back."""
        ...


class Exchange(Answering, Protocol):
    """A local venue."""

    clock: Clock


class LoopbackServer:
    """Serves an exchange until it is stopped. A thread per connection; connections are kept alive.

    Requests below CONTROL_PREFIX go to `control`, which is no part of the venue's API.
    """

    def __init__(self, exchange: Exchange, control: Answering, port: int = 0) -> None:
        self._http = _HttpServer((_LOOPBACK, port), _Handler)
        self._http.exchange, self._http.control = exchange, control
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{_LOOPBACK}:{self._http.server_address[1]}"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self._http.shutdown()
        self._http.server_close()
        self._http.close_connections()
        self._thread.join()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    exchange: Exchange
    control: Answering

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._guard = Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait for the next request of a client."""
        with self._guard:
            waiting = list(self._open)
        for connection in waiting:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was first

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_GET(self) -> None:
        """Answer."""
        self._serve()

    def do_POST(self) -> None:
        """Answer."""
        self._serve()

    def do_DELETE(self) -> None:
        """Answer."""
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are counted, not printed."""

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY:
            self.close_connection = True
            return self._send(Response(413))
        request = Request(self.command, path, query, dict(self.headers.items()), self.rfile.read(length))
        if path.startswith(CONTROL_PREFIX):
            return self._send(self.server.control.handle(request))
        try:
            return self._send(self.server.exchange.handle(request))
        except ConnectionDropped as dropped:
            self.server.exchange.clock.sleep_ms(dropped.wait_ms)
            self.close_connection = True

    def _send(self, response: Response) -> None:
        """One write for head and body."""
        lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if response.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(response.body)}")
        if self.close_connection:
            lines.append("Connection: close")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + response.body)
