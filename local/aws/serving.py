"""A WSGI application served on a loopback port by a thread of this process."""

import logging
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Any

from waitress.server import create_server  # type: ignore[import-untyped]

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_POLL_SECONDS = 0.5
_HANDLERS = 8


class ServerThread:
    """Serves from construction until `close`."""

    def __init__(self, app: WsgiApp, name: str) -> None:
        # Full queues are normal under a burst and nobody's concern on one machine.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._sockets: dict[int, Any] = {}
        self._server: Any = create_server(app, map=self._sockets, host="127.0.0.1", port=0, threads=_HANDLERS)
        self._closing = Event()
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, e.g. "http://127.0.0.1:40123"."""
        return f"http://127.0.0.1:{self._server.effective_port}"

    def close(self) -> None:
        """Stop listening, end the threads, close every connection."""
        self._closing.set()
        self._server.pull_trigger()
        self._thread.join()

    def _serve(self) -> None:
        # The sockets are polled and closed by one thread: closing them under another's poll is an error.
        while not self._closing.is_set():
            self._server.asyncore.loop(timeout=_POLL_SECONDS, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown()
        self._server.asyncore.close_all(self._sockets, ignore_all=True)
