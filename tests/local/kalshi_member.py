"""A member of the local Kalshi exchange for tests: signs like a real client and speaks HTTP with `requests`.

It shares no code with the product's own adapter. Where the published spec is at hand, every answer is checked
against it.
"""

import json
from base64 import b64encode
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.clock import Clock, VirtualClock
from local.venues.kalshi import KalshiExchange, KalshiServer, MarketSpec, Request
from tests.shared import SHARED
from tests.venues.kalshi_spec import SPEC, load_spec

SPEC_FILE = SHARED / SPEC
# Series have a field since 3.28 that no deviation states, and unknown paths have no spec.
NOT_IN_SPEC = ("/series/", "/nowhere")
START_MS = 1_795_600_000_000
API = "/trade-api/v2"
V2 = "/portfolio/events/orders"
WITHOUT_SCHEMA = {("DELETE", V2), ("GET", V2), ("POST", "/portfolio/orders"), ("DELETE", "/portfolio/orders/batched")}


@cache
def ed25519_key(name: str = "key") -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: Any) -> str:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


def private_pem(key: Any) -> str:
    pkcs8, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, none).decode()


class Member:
    """One API key over one keep-alive connection."""

    def __init__(self, origin: str, clock: Clock, key_id: str, key: Any) -> None:
        self.origin, self.clock, self.key_id, self.key = origin, clock, key_id, key
        self.http = requests.Session()
        self.http.trust_env = False

    def headers(self, method: str, path: str, skew_ms: int = 0) -> dict[str, str]:
        stamp = str(self.clock.now_ms() + skew_ms)
        message = f"{stamp}{method}{path}".encode()
        if isinstance(self.key, Ed25519PrivateKey):
            signature = self.key.sign(message)
        else:
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            signature = self.key.sign(message, pss, hashes.SHA256())
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-SIGNATURE": b64encode(signature).decode(),
            "KALSHI-ACCESS-TIMESTAMP": stamp,
        }

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
        signed = self.headers(method, API + path) if headers is None else headers
        answer = self.http.request(method, self.origin + API + path, headers=signed, timeout=10, **options)
        if SPEC_FILE.exists() and not path.startswith(NOT_IN_SPEC) and (method, path) not in WITHOUT_SCHEMA:
            load_spec().check_answer(method, API + path, answer.status_code, answer.content)
        return answer

    def get(self, path: str, **params: Any) -> Any:
        return self.send("GET", path, params=params)

    def create(self, ticker: str, side: str, price: str, count: str, cid: str | None = None, **more: Any) -> Any:
        return self.send("POST", V2, json=order(ticker, side, price, count, cid, **more))

    def batch(self, *orders: dict[str, Any]) -> Any:
        return self.send("POST", f"{V2}/batched", json={"orders": list(orders)})

    def cancel(self, order_id: str, **params: Any) -> Any:
        return self.send("DELETE", f"{V2}/{order_id}", params=params)

    def cancel_batch(self, *entries: dict[str, Any]) -> Any:
        return self.send("DELETE", f"{V2}/batched", json={"orders": list(entries)})

    def available(self, **params: Any) -> Decimal:
        return Decimal(self.get("/portfolio/balance", **params).json()["balance_dollars"])


class InProcessMember(Member):
    """The same without a socket."""

    def __init__(self, exchange: KalshiExchange, key_id: str, key: Any) -> None:
        super().__init__("", exchange.clock, key_id, key)
        self.exchange = exchange

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
        signed = self.headers(method, API + path) if headers is None else headers
        body = json.dumps(options["json"]).encode() if "json" in options else b""
        query = [(name, str(value)) for name, value in options.get("params", {}).items()]
        found = self.exchange.handle(Request(method, API + path, query, signed, body))
        answer = requests.Response()
        answer.status_code, answer._content = found.status, found.body
        return answer


def order(ticker: str, side: str, price: str, count: str, cid: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "ticker": ticker,
        "side": side,
        "price": price,
        "count": count,
        **({} if cid is None else {"client_order_id": cid}),
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        **more,
    }


class Venue:
    """An exchange on a virtual clock behind a real socket, with one market on shard 0 and one on shard 2."""

    def __init__(self, **exchange: Any) -> None:
        self.clock = VirtualClock(START_MS)
        self.exchange = KalshiExchange(self.clock, seed=7, **exchange)
        self.exchange.set_batch_order_kept(True)
        self.exchange.add_market(MarketSpec("KXFED-26DEC", event="KXFED-26", series="KXFED"))
        self.exchange.add_market(MarketSpec("KXBTC-1", event="KXBTC", series="KXBTC", shard=2, structure="deci_cent"))
        self.server = KalshiServer(self.exchange)

    def member(
        self, name: str = "anna", tier: str = "prime", dollars: str = "100", shards: Any = (0, 2), **more: Any
    ) -> Member:
        key = more.pop("key", None) or ed25519_key(name)
        balances = {shard: Decimal(dollars) for shard in shards}
        self.exchange.add_user(name, f"key-of-{name}", public_pem(key), tier=tier, balances=balances, **more)
        return Member(self.server.origin, self.clock, f"key-of-{name}", key)

    def book(self, bids: dict[int, int], asks: dict[int, int], ticker: str = "KXFED-26DEC") -> None:
        """Prices in cents, sizes in contracts."""
        scaled = [[(price * 100, size * 100) for price, size in side.items()] for side in (bids, asks)]
        self.exchange.apply_snapshot(ticker, *scaled)


@contextmanager
def running(**exchange: Any) -> Any:
    venue = Venue(**exchange)
    with venue.server:
        yield venue
