"""The venue over HTTP/1.1 on a loopback port. Its hosts share the listener, each below a path of its own."""

from local.venues.polymarket.control import Control
from local.venues.polymarket.exchange import PolymarketExchange
from local.venues.serving import LoopbackServer


class PolymarketServer:
    """Serves an exchange until it is stopped."""

    def __init__(self, exchange: PolymarketExchange, port: int = 0) -> None:
        self._server = LoopbackServer(exchange, Control(exchange), port)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self._server.origin

    @property
    def clob_url(self) -> str:
        """The CLOB's base URL: the origin itself, as its signatures cover the path."""
        return self.origin

    @property
    def gamma_url(self) -> str:
        """Gamma's base URL."""
        return f"{self.origin}/gamma"

    @property
    def data_url(self) -> str:
        """The Data API's base URL."""
        return f"{self.origin}/data-api"

    @property
    def relayer_url(self) -> str:
        """The relayer's base URL."""
        return f"{self.origin}/relayer"

    @property
    def site_url(self) -> str:
        """The site's base URL."""
        return f"{self.origin}/site"

    def start(self) -> "PolymarketServer":
        """Serve from now on."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self._server.stop()

    def __enter__(self) -> "PolymarketServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
