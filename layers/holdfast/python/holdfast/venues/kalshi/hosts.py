"""Which Kalshi account is meant and where its API is (facts kalshi section 2)."""

from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.venues.origin import checked_origin

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
_DOMAINS = {Environment.PRODUCTION: "kalshi.com", Environment.DEMO: "kalshi.co"}


class KalshiSettings(Struct, frozen=True):
    """One account at Kalshi.

    `account` is Holdfast's account id: it marks our client order ids. `base_url` replaces the environment's host, but
    never by one of the other environment; plain http is accepted to loopback only. `subaccount` is 0 for the primary
    one, 1 to 63 else.
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
    origin = checked_origin(settings.base_url, API_PREFIX)
    host = (urlsplit(origin).hostname or "").rstrip(".")
    for environment, domain in _DOMAINS.items():
        if environment is not settings.environment and f".{host}".endswith(f".{domain}"):
            raise InvalidInputError("base_url", settings.base_url, f"no {environment} host for {settings.environment}")
    return origin
