"""The exchange over HTTP/1.1 on a loopback port."""

from local.venues.kalshi.control import Control
from local.venues.kalshi.exchange import KalshiExchange
from local.venues.kalshi.wire import PREFIX
from local.venues.serving import LoopbackServer


class KalshiServer:
    """Serves an exchange until it is stopped."""

    def __init__(self, exchange: KalshiExchange, port: int = 0) -> None:
        self._server = LoopbackServer(exchange, Control(exchange), port)

    @property
    def url(self) -> str:
        """The API's base URL, prefix included."""
        return f"{self.origin}{PREFIX}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self._server.origin

    def start(self) -> "KalshiServer":
        """Serve from now on."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self._server.stop()

    def __enter__(self) -> "KalshiServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
