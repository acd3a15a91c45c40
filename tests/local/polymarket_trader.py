"""A trader on the local Polymarket exchange for tests: signs with `coincurve` and speaks HTTP with `requests`.

It shares no code with the product's own adapter. Where the published spec is at hand, every answer is checked
against it.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from itertools import count
from typing import Any

import requests
from coincurve import PrivateKey

from holdfast.clock import VirtualClock
from local.venues.polymarket import SCALE, Credentials, MarketSpec, PolymarketExchange, PolymarketServer, Request
from local.venues.polymarket.eip712 import ORDER_TYPE, Domain, SignedOrder, attestation_hash, keccak
from tests.shared import SHARED
from tests.venues.polymarket_spec import SPEC, load_spec

SPEC_FILE = SHARED / SPEC
START_MS = 1_795_600_000_000
FED, BTC = "fed-cut", "btc-up"
_salts = count(1)


def key_of(name: str) -> PrivateKey:
    return PrivateKey(sha256(name.encode()).digest())


def address_of(key: PrivateKey) -> str:
    return "0x" + keccak(key.public_key.format(compressed=False)[1:])[12:].hex()


def sign(key: PrivateKey, digest: bytes) -> bytes:
    found = key.sign_recoverable(digest, hasher=None)
    return found[:64] + bytes([found[64] + 27])


def sign_order(key: PrivateKey, order: SignedOrder, domain: Domain) -> str:
    if order.signature_type != 3:
        return "0x" + sign(key, order.order_hash(domain)).hex()
    described = ORDER_TYPE.encode()
    tail = domain.separator + order.struct_hash() + described + len(described).to_bytes(2, "big")
    return "0x" + (sign(key, order.wrapped_hash(domain)) + tail).hex()


def amounts(side: str, price: str, size: str, spend: str | None = None) -> tuple[int, int]:
    """Maker and taker amount. `spend` makes it a market buy: dollars against the shares they buy at `price`."""
    if spend is not None:
        money = Decimal(spend)
        got = (money / Decimal(price)).quantize(Decimal("0.0001"), rounding="ROUND_DOWN")
        return int(money * 10**6), int(got * 10**6)
    shares, money = int(Decimal(size) * 10**6), int(Decimal(price) * Decimal(size) * 10**6)
    return (money, shares) if side == "BUY" else (shares, money)


class Trader:
    """One API key over one keep-alive connection."""

    def __init__(self, venue: Any, name: str, *, wallet: str = "", signature_type: int = 0) -> None:
        self.venue, self.name, self.key = venue, name, key_of(name)
        self.address = address_of(self.key)
        self.wallet, self.signature_type = wallet or self.address, signature_type
        self.credentials: Credentials | None = None
        self.relayer_key: str | None = None
        self.http = requests.Session()
        self.http.trust_env = False

    def l2(self, method: str, path: str, body: bytes = b"", skew_s: int = 0) -> dict[str, str]:
        stamp = str(self.venue.clock.now_ms() // 1000 + skew_s)
        secret = urlsafe_b64decode(self.credentials.secret)
        made = hmac.new(secret, f"{stamp}{method}{path}".encode() + body, sha256).digest()
        return {
            "POLY_ADDRESS": self.address,
            "POLY_API_KEY": self.credentials.api_key,
            "POLY_PASSPHRASE": self.credentials.passphrase,
            "POLY_TIMESTAMP": stamp,
            "POLY_SIGNATURE": urlsafe_b64encode(made).decode(),
        }

    def l1(self, nonce: int = 0, skew_s: int = 0) -> dict[str, str]:
        stamp = str(self.venue.clock.now_ms() // 1000 + skew_s)
        signature = sign(self.key, attestation_hash(self.address, stamp, nonce))
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": "0x" + signature.hex(),
            "POLY_TIMESTAMP": stamp,
            "POLY_NONCE": str(nonce),
        }

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **params: Any
    ) -> Any:
        raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        signed = self.l2(method, path, raw) if headers is None else headers
        answer = self._request(method, path, raw, signed, params)
        if SPEC_FILE.exists() and answer.headers.get("Content-Type") == "application/json":
            load_spec().check_answer(method, path, answer.status_code, answer.content)
        return answer

    def _request(self, method: str, path: str, raw: bytes, headers: dict[str, str], params: dict[str, Any]) -> Any:
        url = self.venue.server.origin + path
        return self.http.request(method, url, params=params, data=raw or None, headers=headers, timeout=10)

    def get(self, path: str, **params: Any) -> Any:
        return self.send("GET", path, **params)

    def signed(self, market: str, side: str, price: str, size: str, **more: Any) -> dict[str, Any]:
        """The body of one order. `more`: outcome, kind, spend, post_only, expiration, domain, change."""
        found = self.venue.exchange.market(market)
        outcome, kind = more.get("outcome", 0), more.get("kind", "GTC")
        made, taken = more.get("amounts") or amounts(side, price, size, more.get("spend"))
        fields: dict[str, Any] = {
            "salt": next(_salts),
            "maker": self.wallet,
            "signer": self.wallet if self.signature_type == 3 else self.address,
            "token_id": int(found.tokens[outcome]),
            "maker_amount": made,
            "taker_amount": taken,
            "side": 0 if side == "BUY" else 1,
            "signature_type": self.signature_type,
            "timestamp": self.venue.clock.now_ms(),
            "metadata": bytes(32),
            "builder": bytes(32),
        }
        order = SignedOrder(**{**fields, **more.get("change", {})})
        return {
            "order": {
                "salt": order.salt,
                "maker": order.maker,
                "signer": order.signer,
                "tokenId": str(order.token_id),
                "makerAmount": str(made),
                "takerAmount": str(taken),
                "side": side,
                "expiration": str(more.get("expiration", 0)),
                "signatureType": order.signature_type,
                "timestamp": str(order.timestamp),
                "metadata": "0x" + order.metadata.hex(),
                "builder": "0x" + order.builder.hex(),
                "signature": sign_order(self.key, order, more.get("domain") or found.domain),
            },
            "owner": more.get("owner", self.credentials.api_key),
            "orderType": kind,
            "deferExec": False,
            "postOnly": more.get("post_only", False),
        }

    def place(self, market: str, side: str, price: str, size: str = "", **more: Any) -> Any:
        return self.send("POST", "/order", self.signed(market, side, price, size, **more))

    def rest(self, market: str, side: str, price: str, size: str, **more: Any) -> str:
        """Place an order that must be accepted; its id."""
        answer = self.place(market, side, price, size, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["orderID"]

    def batch(self, *bodies: dict[str, Any]) -> Any:
        return self.send("POST", "/orders", list(bodies))

    def cancel(self, order_id: str) -> Any:
        return self.send("DELETE", "/order", {"orderID": order_id})

    def order(self, order_id: str) -> Any:
        return self.get(f"/data/order/{order_id}").json()

    def open_ids(self, **params: Any) -> list[str]:
        return [row["id"] for row in self.get("/data/orders", **params).json()["data"]]

    def trades(self, **params: Any) -> list[dict[str, Any]]:
        return self.get("/data/trades", **params).json()["data"]

    def shares(self, market: str, outcome: int = 0) -> Decimal:
        """What the CLOB believes."""
        found = self.venue.exchange.market(market)
        kind = "CONDITIONAL-V2" if found.spec.version == "v2" else "CONDITIONAL"
        answer = self.get("/balance-allowance", asset_type=kind, token_id=found.tokens[outcome])
        return Decimal(answer.json()["balance"]).scaleb(-6)

    def cash(self) -> Decimal:
        return Decimal(self.get("/balance-allowance", asset_type="COLLATERAL").json()["balance"]).scaleb(-6)

    @property
    def books(self) -> Any:
        return self.venue.exchange.books(self.name)


class InProcessTrader(Trader):
    """The same without a socket."""

    def _request(self, method: str, path: str, raw: bytes, headers: dict[str, str], params: dict[str, Any]) -> Any:
        query = [(name, str(value)) for name, value in params.items()]
        found = self.venue.exchange.handle(Request(method, path, query, headers, raw))
        answer = requests.Response()
        answer.status_code, answer._content = found.status, found.body
        answer.headers.update(found.headers)
        return answer


class Venue:
    """An exchange on a virtual clock behind a real socket, with a CTF market and one of exchange V3."""

    trader_type: type[Trader] = Trader

    def __init__(self, **exchange: Any) -> None:
        self.clock = VirtualClock(START_MS)
        self.exchange = PolymarketExchange(self.clock, seed=7, **exchange)
        self.exchange.add_market(MarketSpec(FED))
        self.exchange.add_market(MarketSpec(BTC, version="v2", tick=10))
        self.server = PolymarketServer(self.exchange)

    @property
    def operator(self) -> Any:
        return self.exchange.operator

    def trader(self, name: str = "anna", *, dollars: str = "100", tier: str = "elite", **more: Any) -> Trader:
        trader = self.trader_type(self, name, **more)
        self.exchange.add_user(
            name,
            trader.address,
            wallet=trader.wallet,
            signature_type=trader.signature_type,
            tier=tier,
            dollars=Decimal(dollars),
        )
        trader.credentials = self.exchange.add_api_key(name)
        return trader

    def give(self, name: str, market: str, shares: str, outcome: int = 0) -> None:
        self.exchange.deposit_shares(name, self.exchange.market(market).tokens[outcome], Decimal(shares))

    def book(self, bids: dict[str, str], asks: dict[str, str], market: str = FED) -> None:
        """The tape's book of the first token: dollars to shares."""
        scaled = [[(SCALE.price(p), SCALE.size(s)) for p, s in side.items()] for side in (bids, asks)]
        self.exchange.apply_snapshot(market, *scaled)

    def wait(self, duration_ms: int) -> None:
        self.clock.sleep_ms(duration_ms)
        self.exchange.advance()


class LocalVenue(Venue):
    """The same without a socket."""

    trader_type = InProcessTrader


@contextmanager
def running(**exchange: Any) -> Any:
    venue = Venue(**exchange)
    with venue.server:
        yield venue
