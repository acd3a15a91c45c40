"""Polymarket as a venue: the port's methods, each handed to the part that speaks its messages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter_ns

import msgspec
from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.book import OrderBook
from holdfast.core.candles import Candle
from holdfast.core.capabilities import Capabilities
from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.market import MarketRules
from holdfast.core.orders import Amendment, Cancellation, Fill, Placement, Reduction, Settlement
from holdfast.core.outcomes import CancelOutcome, ChangeOutcome, PlaceOutcome, Refusal, Refused
from holdfast.core.windows import Window
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.access import read_access
from holdfast.venues.polymarket.account_reads import AccountReads
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.discovery import discover
from holdfast.venues.polymarket.errors import read_failure
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.market_reads import MarketReads
from holdfast.venues.polymarket.order import OrderBuilder
from holdfast.venues.polymarket.price_history import read_bars
from holdfast.venues.polymarket.settings import PolymarketSettings, capabilities_of
from holdfast.venues.polymarket.signer import Signer
from holdfast.venues.polymarket.wire import Beat, decode
from holdfast.venues.polymarket.writes import OrderWrites
from holdfast.venues.port import (
    Access,
    Balance,
    Meter,
    OpenOrders,
    OrderRead,
    PriceEvidence,
    VenuePosition,
    VenueStatus,
)
from holdfast.venues.transport import Transport

_FIXED = Refused(Refusal.NOT_SENT, "unsupported", "the venue changes no order in place")
_BEAT = msgspec.json.Decoder(Beat)


class Heartbeat(Struct, frozen=True):
    """What a heartbeat did. `next_id` goes with the next one, also after a refusal, which keeps nothing alive."""

    accepted: bool
    next_id: str


class PolymarketVenue:
    """One Polymarket account behind the venue port (`holdfast.venues.port.Venue`, which documents the methods).

    A market is one outcome token, by its decimal id. Prices are 0.0001, sizes 0.000001 shares, money 10^-10 pUSD. Not
    safe for use by two threads at once.
    """

    name = "polymarket"

    def __init__(
        self,
        settings: PolymarketSettings,
        signer: Signer,
        credentials: ApiCredentials,
        transport: Transport,
        clock: Clock,
        meter: Meter,
        stopwatch_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        """Nothing is sent yet. Raises InvalidInputError on a base_url that is not https or loopback."""
        builder = OrderBuilder(
            signer,
            credentials.key,
            wallet=settings.wallet,
            signature_type=settings.signature_type,
            builder=settings.builder_word,
            chain_id=settings.chain_id,
        )
        self._client = PolymarketClient(settings, signer.address, credentials, transport, clock, meter, stopwatch_ns)
        self._markets = MarketReads(self._client, clock)
        self._account = AccountReads(
            self._client,
            clock,
            self._markets,
            wallet=settings.wallet or signer.address,
            owner=credentials.key,
            signature_type=settings.signature_type,
        )
        self._orders = OrderWrites(self._client, clock, self._markets, builder)
        self._clock = clock
        self._capabilities = capabilities_of(settings.tier)

    @property
    def capabilities(self) -> Capabilities:
        """What the account can do. The venue states no limits; the settings' tier does."""
        return self._capabilities

    def connect(self) -> None:
        """Nothing is read: limits come from the settings, rules when they are asked for."""

    def status(self) -> VenueStatus:
        """See the port."""
        return self._markets.status()

    @property
    def stated_window(self) -> Window:
        """See the port."""
        return self._client.window

    def market_rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        """See the port."""
        return self._markets.market_rules(markets)

    def discover(self, query: MarketQuery) -> list[ListedMarket]:
        """See the port. One entry per outcome token; filters by event and tag."""
        return discover(self._client, query)

    def books(self, markets: Sequence[str]) -> dict[str, OrderBook]:
        """See the port."""
        return self._markets.books(markets)

    def price_evidence(self, markets: Sequence[str], since_ms: int) -> Iterator[tuple[str, PriceEvidence]]:
        """See the port: each token's book with that of the other one. When trades were made the venue does not say."""
        return self._markets.price_evidence(markets)

    def candles(self, market: str, minutes: int, count: int) -> list[Candle]:
        """See the port: bars of the venue's price points. One with fewer than half of its points is absent."""
        return read_bars(self._client, self._clock, market, minutes, count)

    def open_orders(self) -> OpenOrders:
        """See the port."""
        return self._account.open_orders()

    def find_order(self, order_id: str, market: str) -> OrderRead | None:
        """See the port."""
        return self._account.find_order(order_id, market)

    def recent_orders(self, since_ms: int) -> list[OrderRead]:
        """See the port, but resting ones only: the venue lists no others."""
        return self._account.recent_orders(since_ms)

    def fills(self, since_ms: int) -> list[Fill]:
        """See the port."""
        return self._account.fills(since_ms)

    def settlements(self, since_ms: int, held: Mapping[str, int] | None = None) -> list[Settlement]:
        """See the port. What is not redeemed yet comes whenever it resolved."""
        return self._account.settlements(held or {})

    def positions(self) -> list[VenuePosition]:
        """See the port."""
        return self._account.positions()

    def balance(self) -> Balance:
        """See the port."""
        return self._account.balance()

    def access(self) -> Access:
        """Whether the site serves the country of our address (GET polymarket.com/api/geoblock)."""
        return read_access(self._client)

    def holding(self, market: str) -> int:
        """Shares of a token in the wallet as the venue's cache has them, size units."""
        return self._account.holding(market)

    def refresh_holding(self, market: str) -> int:
        """Have that cache read the chain again: shares that were just bought can be sold only after it has."""
        self._account.refresh_holding(market)
        return self._account.holding(market)

    def prepare(self, batch: Sequence[Placement]) -> list[Placement]:
        """See the port."""
        return self._orders.prepare(batch)

    def place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        """See the port."""
        return self._orders.place(batch, deadline_ms)

    def cancel(self, batch: Sequence[Cancellation], deadline_ms: int) -> list[CancelOutcome]:
        """See the port."""
        return self._orders.cancel(batch, deadline_ms)

    def amend(self, amendment: Amendment, deadline_ms: int) -> ChangeOutcome:
        """Refused: the venue changes no order in place."""
        return _FIXED

    def decrease(self, reduction: Reduction, deadline_ms: int) -> ChangeOutcome:
        """Refused: the venue changes no order in place."""
        return _FIXED

    def heartbeat(self, last_id: str, deadline_ms: int) -> Heartbeat:
        """Keep this API key's orders alive; the first one ("" as id) arms it, and nothing disarms it.

        From then on every open order of the key is cancelled ten seconds after the last accepted one: never on a key
        that holds exits. Raises a VenueError where the venue gave no id, NoAnswerError where it gave no answer.
        """
        answer = self._client.write(api.HEARTBEAT, msgspec.json.encode({"heartbeat_id": last_id}), deadline_ms)
        accepted = 200 <= answer.status < 300
        if not accepted and answer.status != 400:
            raise read_failure(api.HEARTBEAT.name, answer)
        return Heartbeat(accepted, decode(_BEAT, answer.body, api.HEARTBEAT.name).heartbeat_id)
