"""The Polymarket side of a run: the local Polymarket exchange, where we trade the first token of four markets."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import sha256

from holdfast.clock import Clock
from holdfast.core.book import Level
from holdfast.core.market import Side
from holdfast.core.orders import Cancellation, Placement, Purpose, TargetOrder
from holdfast.core.outcomes import Canceled, Placed
from holdfast.state.accounts import Account
from holdfast.venues.polymarket.adapter import PolymarketVenue
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import LocalSigner
from holdfast.venues.port import Meter, Venue
from holdfast.venues.transport import Transport
from local.simulation.direct import DirectTransport, FreeMeter
from local.simulation.profile import Happening, Profile
from local.simulation.venue import BookFill, BookOrder, StrangerAnswer, StrangerClient, VenueBooks
from local.venues.http import Request, Response
from local.venues.polymarket import Books, FeeSchedule, MarketSpec, MissCause, PolymarketExchange
from local.venues.polymarket.audit import Fill
from local.venues.polymarket.records import Order

_MARKETS = ("sim-a", "sim-b", "sim-c", "sim-d")
_USER = "owner"
_OURS, _OTHERS = 0, 1
_KEY = sha256(b"the owner's wallet in the simulation").hexdigest()
# Orders that others place by hand are a little larger than the market's minimum of 5 shares.
_LEAST_BY_HAND = 5
_SLOW_MS = 25_000


class PolymarketSide:
    """See `local.simulation.venue.SimulatedVenue`. A market is its first token."""

    scale = SCALE
    one: int | None = None
    account = Account(
        account_id="polymarket-sim",
        venue="polymarket",
        environment="local",
        secret_name="polymarket-sim",  # noqa: S106 - a name; nothing reads it
        base_url="http://localhost",
    )

    def __init__(self, profile: Profile, clock: Clock, seed: int) -> None:
        """Both kinds of tokens, with and without fees. How old a signature may be: see KalshiSide."""
        self._exchange = exchange = PolymarketExchange(
            clock, seed=seed, largest_skew_ms=5_000 if profile.freezes else 20_000
        )
        self._slug_of: dict[str, str] = {}
        self._other_of: dict[str, str] = {}
        for number, slug in enumerate(_MARKETS):
            fees = FeeSchedule() if number < 2 else FeeSchedule(Decimal("0.04"))
            first, second = exchange.add_market(
                MarketSpec(slug, version="v2" if number % 2 else "v1", fees=fees)
            ).tokens
            self._slug_of[first], self._other_of[first] = slug, second
        self.markets = tuple(self._slug_of)
        self._signer = LocalSigner(_KEY)
        dollars = Decimal(9) if profile.is_poor else Decimal(5_000)
        exchange.add_user(_USER, self._signer.address, tier=profile.tier, dollars=dollars)
        keys = [exchange.add_api_key(_USER, nonce) for nonce in (_OURS, _OTHERS)]
        self._credentials = [ApiCredentials(key.api_key, key.secret, key.passphrase) for key in keys]
        self._tier, self._clock = profile.tier, clock
        self._winners: dict[str, bool] = {}
        self._skew_ms = 4_400 if seed % 2 else -4_400

    def handle(self, request: Request) -> Response:
        """See the protocol."""
        return self._exchange.handle(request)

    def connect(self, transport: Transport, clock: Clock, meter: Meter) -> Venue:
        """See the protocol."""
        return self._adapter(_OURS, transport, clock, meter)

    def stranger(self) -> StrangerClient:
        """See the protocol. It has an API key of its own for the same wallet."""
        venue = self._adapter(_OTHERS, DirectTransport(self.handle), self._clock, FreeMeter())
        return PolymarketStranger(venue, self._other_of, self._clock.now_ms)

    def feed(self, market: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """See the protocol."""
        self._exchange.apply_snapshot(self._slug_of[market], bids, asks)

    def best(self, market: str) -> tuple[int | None, int | None]:
        """See the protocol."""
        return self._exchange.best(self._slug_of[market])

    def set_read_lag_ms(self, lag_ms: int, jitter_ms: int = 0) -> None:
        """See the protocol."""
        self._exchange.operator.set_read_lag_ms(lag_ms, jitter_ms)

    def settle(self, market: str, *, wins: bool) -> None:
        """See the protocol."""
        self._winners[market] = wins
        self._exchange.resolve(self._slug_of[market], 0 if wins else 1)

    def begin(self, what: Happening, market: str) -> None:
        """See the protocol."""
        operator = self._exchange.operator
        if what is Happening.ENGINE_RESTART:
            operator.restart_engine(20_000, post_only_ms=40_000)
        elif what is Happening.POST_ONLY:
            operator.restart_engine(0, post_only_ms=60_000)
        elif what in (Happening.CANCEL_ONLY, Happening.DISABLED):
            operator.set_mode(cancel_only=what is Happening.CANCEL_ONLY, disabled=what is Happening.DISABLED)
        elif what is Happening.CLOCK_SKEW:
            operator.set_clock_skew_ms(self._skew_ms)
        elif what is Happening.BALANCE_LAG:
            operator.set_settlement(cached_after_ms=_SLOW_MS)
        elif what is Happening.FAILED_TRADES:
            operator.set_settlement(mined_after_ms=_SLOW_MS)
            operator.fail_trades(3)
        elif what is Happening.IGNORED_CANCELS:
            operator.ignore_cancels(4)

    def end(self, what: Happening, market: str) -> None:
        """See the protocol."""
        operator = self._exchange.operator
        operator.set_settlement(mined_after_ms=2_000, cached_after_ms=0)
        operator.fail_trades(0)
        operator.ignore_cancels(0)
        operator.set_clock_skew_ms(0)
        if what in (Happening.CANCEL_ONLY, Happening.DISABLED):
            operator.set_mode()

    def advance(self) -> None:
        """See the protocol."""
        self._exchange.advance()

    def open_orders(self) -> list[BookOrder]:
        """See the protocol."""
        return [_order(order) for order in self._exchange.books(_USER).open_orders]

    def books(self) -> VenueBooks:
        """See the protocol."""
        books = self._exchange.books(_USER)
        pays = {market: SCALE.one if wins else 0 for market, wins in self._winners.items()}
        return VenueBooks(
            orders=tuple(_order(order) for order in books.orders),
            fills=tuple(_fill(fill) for fill in books.fills),
            settled=pays,
            profit=books.profit + sum(books.position(market) * paid for market, paid in pays.items()),
            oversold=tuple(_oversold(books)),
            imbalances=tuple(books.imbalances()),
        )

    def strays(self, foreign: set[str]) -> list[str]:
        """See the protocol."""
        return [
            f"a cancel of {miss.order_id} missed: {miss.cause}"
            for miss in self._exchange.misses
            if miss.order_id not in foreign and miss.cause is MissCause.NEVER_EXISTED
        ]

    def refused_for_pace(self) -> Counter[str]:
        """See the protocol."""
        return self._exchange.rate_limited

    def _adapter(self, key: int, transport: Transport, clock: Clock, meter: Meter) -> PolymarketVenue:
        settings = PolymarketSettings(self.account.account_id, base_url=self.account.base_url, tier=self._tier)
        # How long a signature took is nothing that a replay could repeat.
        return PolymarketVenue(settings, self._signer, self._credentials[key], transport, clock, meter, lambda: 0)


class PolymarketStranger:
    """Buys the token, or the other one where it would sell: so it never sells what is ours."""

    def __init__(self, venue: PolymarketVenue, other_of: dict[str, str], now_ms: Callable[[], int]) -> None:
        self._venue, self._other_of, self._now_ms = venue, other_of, now_ms
        self._token_of: dict[str, str] = {}

    def place(self, market: str, side: Side, price: int, size: int, identity: str) -> StrangerAnswer:
        """See the protocol."""
        token = market if side is Side.BUY else self._other_of[market]
        target = TargetOrder(
            market=token,
            side=Side.BUY,
            price=price if side is Side.BUY else SCALE.one - price,
            size=SCALE.size(size + _LEAST_BY_HAND),
            purpose=Purpose.MANUAL,
            leg=identity,
            post_only=False,
        )
        batch = self._venue.prepare([Placement(target, identity)])
        (outcome,) = self._venue.place(batch, self._now_ms() + 1_000)
        if not isinstance(outcome, Placed):
            return StrangerAnswer("POST /order", 400)
        self._token_of[outcome.order_id] = token
        return StrangerAnswer("POST /order", 200, outcome.order_id)

    def cancel(self, order_id: str, market: str) -> StrangerAnswer:
        """See the protocol."""
        given = Cancellation(order_id, self._token_of[order_id], Side.BUY)
        (outcome,) = self._venue.cancel([given], self._now_ms() + 1_000)
        return StrangerAnswer("DELETE /order", 200 if isinstance(outcome, Canceled) else 404)


def _order(order: Order) -> BookOrder:
    return BookOrder(
        order_id=order.order_id,
        client_order_id="",
        market=order.token_id,
        side=order.side,
        price=order.price,
        remaining=order.remaining,
        filled=order.matched,
        size=order.size,
    )


def _fill(fill: Fill) -> BookFill:
    part = fill.part
    return BookFill(
        key=f"{fill.trade_id}#{part.order_id}",
        order_id=part.order_id,
        market=part.token_id,
        side=part.side,
        price=part.price,
        size=part.size,
        fee=part.fee,
        at_ms=fill.at_ms,
        void=not fill.counts,
    )


def _oversold(books: Books) -> list[str]:
    """Resting sells beyond what is held once everything matched has settled."""
    return [
        f"{reserved} of {token} on offer, {books.position(token)} held"
        for token, reserved in books.reserved_tokens.items()
        if reserved > books.position(token)
    ]
