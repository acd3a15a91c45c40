"""The Polymarket adapter in front of the local exchange, over real HTTP; both sides are checked against the spec."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple

from holdfast.clock import VirtualClock
from holdfast.core.market import Side
from holdfast.core.orders import Cancellation, Placement, Purpose, TargetOrder
from holdfast.venues.polymarket.adapter import PolymarketVenue
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import LocalSigner, SignatureType, Signer
from holdfast.venues.transport import HttpAnswer, RequestsTransport
from local.venues.polymarket import FeeSchedule, MarketSpec, PolymarketExchange, PolymarketServer
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter
from tests.venues.polymarket_spec import has_spec, load_spec

KEY = "0x" + "4f" * 32
FED, SENATE, BTC = "fed-cut", "senate", "btc-up"
WALLETS = {kind: "" if kind == 0 else f"0x{kind:040x}" for kind in range(4)}


class CheckedTransport:
    """Requests over HTTP; what both sides send is checked against the published spec where it is at hand."""

    def __init__(self) -> None:
        self._inner = RequestsTransport()
        self._spec = load_spec() if has_spec() else None
        self.sent: list[tuple[str, str, bytes | None]] = []

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        self.sent.append((method, url, body))
        if self._spec:
            self._spec.check_request(method, url, body)
        answer = self._inner.send(method, url, headers, body, timeout_ms)
        if self._spec and answer.status != 503 and _is_json(answer.body):
            self._spec.check_answer(method, url, answer.status, answer.body)
        return answer

    def close(self) -> None:
        self._inner.close()


def _is_json(body: bytes) -> bool:
    """Not what a fault made of an answer."""
    try:
        return bool(json.loads(body))
    except ValueError:
        return False


class World(NamedTuple):
    """One trader with $1,000 and 100 YES of each market, whose book is 0.40 to 0.42."""

    exchange: PolymarketExchange
    venue: PolymarketVenue
    clock: VirtualClock
    transport: CheckedTransport
    another_venue: Callable[[VirtualClock], PolymarketVenue]  # the same account on another clock
    venue_of_a_stranger: Callable[[], PolymarketVenue]  # the same key, with an API key that nobody knows

    def token(self, name: str = FED, outcome: int = 0) -> str:
        return self.exchange.market(name).tokens[outcome]

    def placement(self, identity="hf-1", name=FED, outcome=0, side=Side.BUY, price=4_000, size=10_000_000, **more):
        target = TargetOrder(self.token(name, outcome), side, price, size, Purpose.QUOTE, identity, **more)
        return Placement(target, identity)

    def place(self, *batch: Placement):
        return self.venue.place(self.venue.prepare(batch), self.deadline)

    def cancel(self, *order_ids: str):
        return self.venue.cancel([Cancellation(each, self.token(), Side.BUY) for each in order_ids], self.deadline)

    @property
    def deadline(self) -> int:
        return self.clock.now_ms() + 10_000

    def books(self):
        return self.exchange.books("trader")

    def pass_ms(self, duration_ms: int) -> None:
        self.clock.sleep_ms(duration_ms)
        self.exchange.advance()


@contextmanager
def polymarket_world(signature_type: int = 0, signer: Signer | None = None) -> Iterator[World]:
    clock = VirtualClock(NOW_MS)
    exchange = PolymarketExchange(clock, seed=3)
    fees = FeeSchedule(rate=Decimal("0.05"))
    for spec in (MarketSpec(FED, fees=fees), MarketSpec(SENATE, neg_risk=True, tick=10), MarketSpec(BTC, version="v2")):
        exchange.add_market(spec)
        exchange.apply_snapshot(spec.name, [(4_000, 50_000_000)], [(4_200, 50_000_000)])
    signer = signer or LocalSigner(KEY)
    wallet = WALLETS[signature_type]
    exchange.add_user("trader", signer.address, wallet=wallet, signature_type=signature_type, dollars=Decimal(1_000))
    for name in (FED, SENATE, BTC):
        exchange.deposit_shares("trader", exchange.market(name).tokens[0], Decimal(100))
    given = exchange.add_api_key("trader")
    transport = CheckedTransport()
    with PolymarketServer(exchange) as server:
        settings = PolymarketSettings("a", wallet, SignatureType(signature_type), base_url=server.clob_url)

        def open_venue(at: VirtualClock, api_key: str = given.api_key) -> PolymarketVenue:
            credentials = ApiCredentials(api_key, given.secret, given.passphrase)
            return PolymarketVenue(settings, signer, credentials, transport, at, CountingMeter())

        def open_stranger() -> PolymarketVenue:
            return open_venue(clock, "00000000-0000-4000-8000-000000000000")

        yield World(exchange, open_venue(clock), clock, transport, open_venue, open_stranger)
        transport.close()
