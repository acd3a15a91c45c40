"""How bytes reach a venue: a port, and its adapter on requests. No retries, no redirects, TLS always verified."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLCertVerificationError
from typing import NamedTuple, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import SSLError as TlsError

from holdfast.core.errors import HoldfastError

CONNECT_TIMEOUT_MS = 2_000
POOL_SIZE = 8
# Two venues' APIs in both environments, Polymarket's data, markets, site and relayer: none drops another's connection.
MOST_HOSTS = 8


class HttpAnswer(NamedTuple):
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def date_ms(headers: Mapping[str, str]) -> int:
    """When an answer was made, by its Date header: whole seconds as UTC ms; 0 where it has none that can be read."""
    text = next((value for name, value in headers.items() if name.lower() == "date"), "")
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1000
    except ValueError:
        return 0


class NoAnswerError(HoldfastError):
    """No complete answer came. `sent` False: not a byte of the request left; None: nobody knows."""

    def __init__(self, cause: str, sent: bool | None) -> None:
        self.cause, self.sent = cause, sent
        super().__init__(cause)


class Transport(Protocol):
    """Sends one request, once."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """The answer, whatever its status. Raises NoAnswerError where none came within `timeout_ms`."""
        ...


class RequestsTransport:
    """HTTP over a pool of kept-alive connections.

    Several accounts may share it: it keeps no cookie. Proxies, .netrc and CA bundles named in the environment are not
    used. A connection that the server closed while
    it lay idle is replaced by a new one; where its end arrives only after the request has gone out, that shows as no
    answer with `sent` None: the request may have been read.
    """

    def __init__(self, connect_timeout_ms: int = CONNECT_TIMEOUT_MS) -> None:
        self._connect_timeout_ms = connect_timeout_ms
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers["User-Agent"] = "holdfast"
        adapter = HTTPAdapter(pool_connections=MOST_HOSTS, pool_maxsize=POOL_SIZE, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """One request over the pool. `timeout_ms` bounds each wait for the server, connecting included."""
        waits = (min(self._connect_timeout_ms, timeout_ms) / 1000, timeout_ms / 1000)
        try:
            response = self._session.request(
                method, url, data=body, headers=headers, timeout=waits, allow_redirects=False
            )
        except (requests.RequestException, HTTPError) as error:
            raise NoAnswerError(_cause(error), sent=False if _before_sending(error) else None) from error
        return HttpAnswer(response.status_code, response.headers, response.content)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()


def _before_sending(error: Exception) -> bool:
    """Whether this proves that nothing was sent: no connection came about, or its certificate was refused."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = error.args[0].reason if error.args and isinstance(error.args[0], MaxRetryError) else None
    if isinstance(reason, TlsError):
        return bool(reason.args) and isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError)


def _cause(error: Exception) -> str:
    reason = error.args[0].reason if error.args and isinstance(error.args[0], MaxRetryError) else error
    return f"{type(error).__name__}: {reason}"
