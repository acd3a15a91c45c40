"""Kalshi as a venue: the port's methods, each handed to the part that speaks its messages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter_ns

from holdfast.clock import Clock
from holdfast.core.book import OrderBook
from holdfast.core.candles import Candle
from holdfast.core.capabilities import Capabilities
from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import VenueUnavailableError
from holdfast.core.market import MarketRules
from holdfast.core.orders import Amendment, Cancellation, Fill, Placement, Reduction, Settlement
from holdfast.core.outcomes import CancelOutcome, ChangeOutcome, PlaceOutcome
from holdfast.core.windows import TRADING, Window
from holdfast.venues.kalshi.access import read_access
from holdfast.venues.kalshi.account_reads import AccountReads
from holdfast.venues.kalshi.auth import Signer
from holdfast.venues.kalshi.candle_reads import read_candles
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.discovery import discover
from holdfast.venues.kalshi.hosts import KalshiSettings, api_origin
from holdfast.venues.kalshi.limits import read_capabilities
from holdfast.venues.kalshi.market_reads import MarketReads
from holdfast.venues.kalshi.trade_reads import TradeReads
from holdfast.venues.kalshi.writes import OrderWrites
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


class KalshiVenue:
    """One Kalshi account behind the venue port (`holdfast.venues.port.Venue`, which documents the methods).

    Prices are 0.0001 dollars, sizes 0.01 contracts, money 0.000001 dollars. Not safe for use by two threads at once.
    """

    name = "kalshi"

    def __init__(
        self,
        settings: KalshiSettings,
        signer: Signer,
        transport: Transport,
        clock: Clock,
        meter: Meter,
        stopwatch_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        """Nothing is sent before `connect`. Raises InvalidInputError on a base_url that is not https or loopback."""
        self._client = KalshiClient(api_origin(settings), signer, transport, clock, meter, stopwatch_ns)
        self._account = AccountReads(self._client, clock, settings)
        self._markets = MarketReads(self._client, clock)
        self._trades = TradeReads(self._client, clock)
        self._orders = OrderWrites(self._client, clock, settings.subaccount)
        self._key_id, self._subaccount = signer.key_id, settings.subaccount
        self._clock = clock
        self._capabilities: Capabilities | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the account can do. Raises VenueUnavailableError before `connect`."""
        if self._capabilities is None:
            raise VenueUnavailableError("kalshi: the account's limits are not known before connect()")
        return self._capabilities

    def connect(self) -> None:
        """Read limits and costs (GET /account/limits, GET /account/endpoint_costs)."""
        self._capabilities = read_capabilities(self._client)

    def status(self) -> VenueStatus:
        """See the port."""
        return self._markets.status()

    @property
    def stated_window(self) -> Window:
        """Trading: a refusal for a pause may be its market's or its shard's alone, so `status` alone decides."""
        return TRADING

    def market_rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        """See the port."""
        return self._markets.market_rules(markets)

    def discover(self, query: MarketQuery) -> list[ListedMarket]:
        """See the port. Filters by event and series; combos are left out."""
        return discover(self._client, query, self._clock.now_ms())

    def books(self, markets: Sequence[str]) -> dict[str, OrderBook]:
        """See the port."""
        return self._markets.books(markets)

    def price_evidence(self, markets: Sequence[str], since_ms: int) -> Iterator[tuple[str, PriceEvidence]]:
        """See the port: the last trade on the book."""
        return self._trades.price_evidence(markets, since_ms)

    def candles(self, market: str, minutes: int, count: int) -> list[Candle]:
        """See the port: of trades, 1, 60 or 1440 minutes long. A period without a trade is absent."""
        return read_candles(self._client, self._clock, market, minutes, count)

    def open_orders(self) -> OpenOrders:
        """See the port."""
        return self._account.open_orders()

    def find_order(self, order_id: str, market: str) -> OrderRead | None:
        """See the port."""
        return self._account.find_order(order_id, market)

    def recent_orders(self, since_ms: int) -> list[OrderRead]:
        """See the port."""
        return self._account.recent_orders(since_ms)

    def fills(self, since_ms: int) -> list[Fill]:
        """See the port."""
        return self._account.fills(since_ms)

    def settlements(self, since_ms: int, held: Mapping[str, int] | None = None) -> list[Settlement]:
        """See the port."""
        return self._account.settlements(since_ms)

    def positions(self) -> list[VenuePosition]:
        """See the port."""
        return self._account.positions()

    def balance(self) -> Balance:
        """See the port."""
        return self._account.balance()

    def access(self) -> Access:
        """When the account's location attestation lapses, and what the key in use may do (GET /api_keys)."""
        return read_access(self._client, self._key_id, self._subaccount)

    def refresh_holding(self, market: str) -> None:
        """Nothing to do: positions are the exchange's own."""

    def prepare(self, batch: Sequence[Placement]) -> list[Placement]:
        """Unchanged: the client order id goes along with every order and names it."""
        return list(batch)

    def place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        """See the port."""
        return self._orders.place(batch, deadline_ms)

    def cancel(self, batch: Sequence[Cancellation], deadline_ms: int) -> list[CancelOutcome]:
        """See the port."""
        return self._orders.cancel(batch, deadline_ms)

    def amend(self, amendment: Amendment, deadline_ms: int) -> ChangeOutcome:
        """See the port."""
        return self._orders.amend(amendment, deadline_ms)

    def decrease(self, reduction: Reduction, deadline_ms: int) -> ChangeOutcome:
        """See the port."""
        return self._orders.decrease(reduction, deadline_ms)
