"""A local server of each venue with one account, and the secret that opens it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from holdfast.clock import Clock, SystemClock
from local.venues.kalshi import KalshiExchange, KalshiServer
from local.venues.polymarket import PolymarketExchange, PolymarketServer
from tests.local.kalshi_member import ed25519_key, private_pem, public_pem
from tests.local.polymarket_trader import address_of, key_of


class ShiftedClock(SystemClock):
    """The machine's clock, so far ahead."""

    def __init__(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return super().now_ms() + self._ahead_ms


@dataclass
class Kalshi:
    exchange: KalshiExchange
    url: str
    secret: dict[str, str]
    venue: str = "kalshi"


@dataclass
class Polymarket:
    exchange: PolymarketExchange
    url: str
    secret: dict[str, str]
    venue: str = "polymarket"


def kalshi_server(clock: Clock) -> tuple[KalshiServer, Kalshi]:
    exchange = KalshiExchange(clock, seed=7)
    key = ed25519_key("us")
    exchange.add_user("us", "key-of-us", public_pem(key), tier="advanced", balances={0: Decimal("1234.567")})
    server = KalshiServer(exchange)
    return server, Kalshi(exchange, server.origin, {"key_id": "key-of-us", "private_key": private_pem(key)})


@pytest.fixture
def kalshi() -> Iterator[Kalshi]:
    server, made = kalshi_server(SystemClock())
    with server:
        yield made


@pytest.fixture
def polymarket() -> Iterator[Polymarket]:
    exchange = PolymarketExchange(SystemClock(), seed=7)
    exchange.add_user("us", address_of(key_of("us")), dollars=Decimal(1_000))
    keys = exchange.add_api_key("us")
    secret = {
        "private_key": key_of("us").to_hex(),
        "api_key": keys.api_key,
        "api_secret": keys.secret,
        "api_passphrase": keys.passphrase,
    }
    with PolymarketServer(exchange) as server:
        yield Polymarket(exchange, server.origin, secret)
