"""Which Kalshi account is meant and where its API is (facts kalshi section 2)."""

from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

from holdfast.core.errors import InvalidInputError

API_PREFIX = "/trade-api/v2"
HIGHEST_SUBACCOUNT = 63


class Environment(StrEnum):
    """Real money or Kalshi's demo exchange. Credentials are not shared between them."""

    PRODUCTION = "production"
    DEMO = "demo"


_HOSTS = {
    Environment.PRODUCTION: "https://external-api.kalshi.com",
    Environment.DEMO: "https://external-api.demo.kalshi.co",
}


class KalshiSettings(Struct, frozen=True):
    """One account at Kalshi.

    `account` is Holdfast's account id: it marks our client order ids. `base_url` replaces the environment's host;
    plain http is accepted to loopback only. `subaccount` is 0 for the primary one, 1 to 63 else.
    """

    account: str
    environment: Environment
    base_url: str = ""
    subaccount: int = 0

    def __post_init__(self) -> None:
        if not self.account:
            raise InvalidInputError("account", self.account, "a non-empty account id")
        if not 0 <= self.subaccount <= HIGHEST_SUBACCOUNT:
            raise InvalidInputError("subaccount", self.subaccount, f"0 to {HIGHEST_SUBACCOUNT}")


def api_origin(settings: KalshiSettings) -> str:
    """Scheme, host and port of the account's API, without a path. Raises InvalidInputError on a bad base_url."""
    if not settings.base_url:
        return _HOSTS[settings.environment]
    parts = urlsplit(settings.base_url)
    allowed = f"https://host, or http://loopback, with the path {API_PREFIX} or none"
    path_known = parts.path.rstrip("/") in ("", API_PREFIX)
    if "@" in settings.base_url:
        raise InvalidInputError("base_url", "(hidden)", f"{allowed}, without a user")
    if not parts.hostname or parts.query or parts.fragment or not path_known:
        raise InvalidInputError("base_url", settings.base_url, allowed)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise InvalidInputError("base_url", settings.base_url, allowed)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
