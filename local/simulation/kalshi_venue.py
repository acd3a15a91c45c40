"""The Kalshi side of a run: the local Kalshi exchange with four markets on two shards."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.clock import Clock
from holdfast.core.book import Level
from holdfast.core.market import Side
from holdfast.state.accounts import Account
from holdfast.venues.kalshi import Environment, KalshiSettings, KalshiVenue, Signer
from holdfast.venues.kalshi.wire import SCALE
from holdfast.venues.port import Meter, Venue
from holdfast.venues.transport import Transport
from local.simulation.profile import Happening, Profile
from local.simulation.venue import BookFill, BookOrder, StrangerAnswer, StrangerClient, VenueBooks
from local.venues.http import Request, Response
from local.venues.kalshi import KalshiExchange, MarketSpec, MissCause
from local.venues.kalshi.records import FillRow, Order

# Tickers and their shards.
SHARDS = {"KXONE-A": 0, "KXONE-B": 0, "KXTWO-A": 2, "KXTWO-B": 2}
CLOSING = "KXTWO-A"
CLOSES_AFTER_MS = 67_000
USER = "owner"
KEY_ID = "key-1"
_ORDERS = "/trade-api/v2/portfolio/events/orders"
_STRAY = (MissCause.WRONG_SHARD, MissCause.WRONG_SUBACCOUNT, MissCause.NEVER_EXISTED)


@cache
def keys() -> tuple[str, str]:
    """A throw-away private and public key of this process, as PEM texts."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class KalshiSide:
    """See `local.simulation.venue.SimulatedVenue`."""

    account = Account(
        account_id="kalshi-sim",
        venue="kalshi",
        environment="local",
        secret_name="kalshi-sim",  # noqa: S106 - a name; nothing reads it
        base_url="http://localhost",
    )
    markets = tuple(SHARDS)
    scale = SCALE
    one: int | None = SCALE.one

    def __init__(self, profile: Profile, clock: Clock, seed: int) -> None:
        """A venue that takes old signatures lets late requests through; one that does not stops frozen writers."""
        self._exchange = exchange = KalshiExchange(
            clock, seed=seed, largest_skew_ms=5_000 if profile.freezes else 20_000
        )
        for market, shard in SHARDS.items():
            closes = profile.happening is Happening.CLOSE and market == CLOSING
            exchange.add_market(
                MarketSpec(
                    market,
                    shard=shard,
                    fee_type="quadratic_with_maker_fees" if shard else "quadratic",
                    close_at_ms=clock.now_ms() + CLOSES_AFTER_MS if closes else 0,
                )
            )
        dollars = Decimal(9) if profile.is_poor else Decimal(5_000)
        exchange.add_user(USER, KEY_ID, keys()[1], tier=profile.tier, balances=dict.fromkeys((0, 2), dollars))
        self._signer = Signer(KEY_ID, keys()[0])
        self._clock = clock
        self._skew_ms = 4_400 if seed % 2 else -4_400

    def handle(self, request: Request) -> Response:
        """See the protocol."""
        return self._exchange.handle(request)

    def connect(self, transport: Transport, clock: Clock, meter: Meter) -> Venue:
        """See the protocol."""
        settings = KalshiSettings(self.account.account_id, Environment.PRODUCTION, self.account.base_url)
        return KalshiVenue(settings, self._signer, transport, clock, meter)

    def stranger(self) -> StrangerClient:
        """See the protocol."""
        return KalshiStranger(self._exchange, self._signer, self._clock)

    def feed(self, market: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """See the protocol."""
        self._exchange.apply_snapshot(market, bids, asks)

    def best(self, market: str) -> tuple[int | None, int | None]:
        """See the protocol."""
        return self._exchange.best(market)

    def set_read_lag_ms(self, lag_ms: int, jitter_ms: int = 0) -> None:
        """See the protocol."""
        self._exchange.set_read_lag_ms(lag_ms, jitter_ms)

    def settle(self, market: str, *, wins: bool) -> None:
        """See the protocol."""
        self._exchange.settle(market, "yes" if wins else "no")

    def begin(self, what: Happening, market: str) -> None:
        """See the protocol."""
        if what is Happening.MARKET_PAUSE:
            self._exchange.pause_market(market)
        elif what in (Happening.SHARD_PAUSE, Happening.TRADING_PAUSE):
            self._exchange.pause_trading(SHARDS[market] if what is Happening.SHARD_PAUSE else None)
        elif what is Happening.SHARD_SHUT:
            self._exchange.pause_exchange(SHARDS[market])
        elif what is Happening.CLOCK_SKEW:
            self._exchange.set_clock_skew_ms(self._skew_ms)
        else:
            self._exchange.pause_exchange()

    def end(self, what: Happening, market: str) -> None:
        """See the protocol."""
        if what is Happening.MARKET_PAUSE:
            self._exchange.activate_market(market)
        else:
            self._exchange.set_clock_skew_ms(0)
            self._exchange.resume()

    def advance(self) -> None:
        """See the protocol."""
        self._exchange.advance()

    def open_orders(self) -> list[BookOrder]:
        """See the protocol."""
        return [_order(order) for order in self._exchange.books(USER).open_orders]

    def books(self) -> VenueBooks:
        """See the protocol."""
        books = self._exchange.books(USER)
        return VenueBooks(
            orders=tuple(_order(order) for order in books.orders),
            fills=tuple(_fill(fill) for fill in books.fills),
            settled={row.ticker: SCALE.one if row.result == "yes" else 0 for row in books.settlements},
            profit=books.profit,
            oversold=(),
            imbalances=tuple(books.imbalances()),
        )

    def strays(self, foreign: set[str]) -> list[str]:
        """See the protocol."""
        return [
            f"{miss.operation} of {miss.order_id} missed: {miss.cause}"
            for miss in self._exchange.misses
            if miss.order_id not in foreign and miss.cause in _STRAY
        ]

    def refused_for_pace(self) -> Counter[str]:
        """See the protocol."""
        return self._exchange.rate_limited


class KalshiStranger:
    """Signs with the same key."""

    def __init__(self, exchange: KalshiExchange, signer: Signer, clock: Clock) -> None:
        self._exchange, self._signer, self._clock = exchange, signer, clock

    def place(self, market: str, side: Side, price: int, size: int, identity: str) -> StrangerAnswer:
        """See the protocol."""
        body = {
            "ticker": market,
            "client_order_id": identity,
            "side": "bid" if side is Side.BUY else "ask",
            "count": f"{size}.00",
            "price": f"{price // 10_000}.{price % 10_000:04d}",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        response = self._send("POST", _ORDERS, "", msgspec.json.encode(body))
        order_id = msgspec.json.decode(response.body)["order_id"] if response.status == 201 else ""
        return StrangerAnswer(f"POST {_words(_ORDERS)}", response.status, order_id)

    def cancel(self, order_id: str, market: str) -> StrangerAnswer:
        """See the protocol."""
        path = f"{_ORDERS}/{order_id}"
        response = self._send("DELETE", path, urlencode({"market_ticker": market}), None)
        return StrangerAnswer(f"DELETE {_words(path)}", response.status)

    def _send(self, method: str, path: str, query: str, body: bytes | None) -> Response:
        headers = self._signer.headers(self._clock.now_ms(), method, path)
        return self._exchange.handle(Request(method, path, query, headers, body))


def _words(path: str) -> str:
    return path.rpartition("/v2")[2]


def _order(order: Order) -> BookOrder:
    return BookOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        market=order.ticker,
        side=order.side,
        price=order.price,
        remaining=order.remaining,
        filled=order.filled,
        size=order.initial,
    )


def _fill(fill: FillRow) -> BookFill:
    key = f"{fill.fill_id}#{fill.order_id}"
    return BookFill(key, fill.order_id, fill.ticker, fill.side, fill.price, fill.size, fill.fee, fill.at_ms)
