"""The local Kalshi server behind the Kalshi adapter, with its controls and its true books."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.clock import VirtualClock
from holdfast.core.book import Level
from holdfast.core.market import Side
from holdfast.venues.kalshi import Environment, KalshiSettings, KalshiVenue, RequestsTransport, Signer, Transport
from holdfast.venues.port import Venue
from local.venues.kalshi import Fault, FaultKind, KalshiExchange, KalshiServer
from local.venues.kalshi.markets import MarketSpec
from tests.venues.contract import CLOCKS_OFF_MS, Failure, Truth
from tests.venues.kalshi_scripted import ACCOUNT, NOW_MS, CountingMeter
from tests.venues.kalshi_spec import SpecTransport, has_spec, load_spec

_ENDPOINTS = {
    "place": "POST /portfolio/events/orders",
    "place_batch": "POST /portfolio/events/orders/batched",
    "cancel": "DELETE /portfolio/events/orders/{order_id}",
    "cancel_batch": "DELETE /portfolio/events/orders/batched",
    "amend": "POST /portfolio/events/orders/{order_id}/amend",
    "decrease": "POST /portfolio/events/orders/{order_id}/decrease",
    "read": "GET *",
}
_FAULTS = {
    Failure.LOST_BEFORE: FaultKind.TIMEOUT_BEFORE,
    Failure.LOST_AFTER: FaultKind.TIMEOUT_AFTER,
    Failure.BROKEN_BEFORE: FaultKind.ERROR_BEFORE,
    Failure.BROKEN_AFTER: FaultKind.ERROR_AFTER,
    Failure.MALFORMED: FaultKind.MALFORMED,
    Failure.RATE_LIMITED: FaultKind.RATE_LIMITED,
}
_ED25519 = Ed25519PrivateKey.generate()
_RSA = generate_private_key(public_exponent=65537, key_size=2048)
_USER = "member"


class KalshiControls:
    """A member of the local Kalshi server, over real HTTP. With the published spec at hand, all that goes over the
    wire is checked against it. `home` and `away` are two markets on different shards with one-cent steps."""

    home, away, unfunded, away_shard = "KXHOME-1", "KXBTC-26NOV2017-T90000", "KXNBA-1", 2

    def __init__(self, server: KalshiServer, exchange: KalshiExchange, clock: VirtualClock) -> None:
        self.exchange, self._server, self.clock = exchange, server, clock
        exchange.add_market(MarketSpec(ticker=self.home, fee_type="quadratic_with_maker_fees"))
        exchange.add_market(MarketSpec(ticker=self.away, shard=2, close_at_ms=NOW_MS + 3_600_000))
        exchange.add_market(MarketSpec(ticker=self.unfunded, shard=3, structure="tapered_deci_cent"))
        balances = {0: Decimal(100_000), 2: Decimal(50)}
        exchange.add_user(_USER, "key-ed", _public(_ED25519), tier="prestige", balances=balances)
        self.meter = CountingMeter()
        self.transport = _checked(RequestsTransport())
        self.venue = self._venue(Signer("key-ed", _private(_ED25519)), clock, self.transport)
        self.venue.connect()

    @property
    def url(self) -> str:
        """The API's base URL, prefix included."""
        return self._server.url

    def show_book(self, market: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Other people's orders, replacing those before."""
        self.exchange.apply_snapshot(market, bids, asks)

    def trade(self, market: str, price: int, size: int, aggressor: Side) -> None:
        """A trade between others, which our resting orders may join."""
        self.exchange.apply_trade(market, price, size, aggressor)

    def fail_next(self, kind: str, failure: Failure) -> None:
        """`kind`: place, place_batch, cancel, cancel_batch, amend, decrease or read."""
        self.exchange.faults.add(Fault(_FAULTS[failure], _ENDPOINTS[kind]))
        if isinstance(self.transport, SpecTransport):
            self.transport.breaks_answers = failure is Failure.MALFORMED

    def pause_trading(self, shard: int) -> None:
        """No places and changes on a shard; cancels go through."""
        self.exchange.pause_trading(shard)

    def pause_venue(self) -> None:
        """Nothing goes through anywhere."""
        self.exchange.pause_exchange()

    def resume(self) -> None:
        """End every pause."""
        self.exchange.resume()

    def lag_reads(self, lag_ms: int) -> None:
        """Reads of user data show the state of so long ago."""
        self.exchange.set_read_lag_ms(lag_ms)

    def settle(self, market: str, result: str) -> None:
        """End a market."""
        self.exchange.settle(market, result)

    def limit_writes(self) -> None:
        """Give the account the smallest write budget that the venue has."""
        self.exchange.set_tier(_USER, "basic")
        self.venue.connect()

    def restrict_access(self, *scopes: str) -> int:
        """The location attestation lapsed a minute ago, and the key has these scopes alone. Returns when, UTC ms."""
        lapsed_ms = self.clock.now_ms() // 1000 * 1000 - 60_000
        self.exchange.set_attested_until(_USER, lapsed_ms)
        self.exchange.set_key_scopes(_USER, *scopes)
        return lapsed_ms

    def venue_as(self, intruder: str) -> Venue:
        """The same account through other eyes: "rsa" (another good key), "stranger", a clock that is off."""
        clock, signer = self.clock, Signer("key-ed", _private(Ed25519PrivateKey.generate()))
        if intruder in CLOCKS_OFF_MS:
            clock = VirtualClock(self.clock.now_ms() + CLOCKS_OFF_MS[intruder])
            signer = Signer("key-ed", _private(_ED25519))
        elif intruder == "rsa":
            user_balances = {0: Decimal(1)}
            self.exchange.add_user("rsa member", "key-rsa", _public(_RSA), balances=user_balances)
            signer = Signer("key-rsa", _private(_RSA))
        return self._venue(signer, clock, _checked(RequestsTransport()))

    def truth(self) -> Truth:
        """The server's own books."""
        books = self.exchange.books(_USER)
        return Truth(
            resting={order.order_id: order.remaining for order in books.open_orders},
            positions={row.ticker: row.size for row in books.positions if row.size},
            available=books.total_cash - sum(books.reserved.values()),
            problems=books.imbalances(),
        )

    def client_ids(self) -> dict[str, str]:
        """Order id by client order id, of every order ever accepted."""
        return self.exchange.books(_USER).client_order_ids

    def profit(self) -> int:
        """What the account has made, in money units."""
        return self.exchange.books(_USER).profit

    def _venue(self, signer: Signer, clock: VirtualClock, transport: Transport) -> KalshiVenue:
        settings = KalshiSettings(ACCOUNT, Environment.DEMO, base_url=self._server.url)
        return KalshiVenue(settings, signer, transport, clock, self.meter)


@contextmanager
def kalshi_controls() -> Iterator[KalshiControls]:
    clock = VirtualClock(NOW_MS)
    exchange = KalshiExchange(clock, seed=7)
    with KalshiServer(exchange) as server:
        yield KalshiControls(server, exchange, clock)


def _checked(transport: Transport) -> Transport:
    return SpecTransport(transport, load_spec()) if has_spec() else transport


def _private(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
