"""The venue port: what every venue adapter does for the jobs.

Writes never raise for what the venue answered: each item gets a typed outcome, and an outcome that nobody knows is
`Unknown`. Reads raise a VenueError; an error is never an empty list. An adapter never retries a write.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from holdfast.core.book import LastTrade, OrderBook
from holdfast.core.candles import Candle
from holdfast.core.capabilities import Bucket, Capabilities
from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.market import MarketRules
from holdfast.core.orders import (
    Amendment,
    Cancellation,
    Fill,
    OpenOrder,
    Placement,
    Reduction,
    Settlement,
)
from holdfast.core.outcomes import CancelOutcome, ChangeOutcome, PlaceOutcome
from holdfast.core.redemption import Redeemable, Redemption, RedemptionRead, SignedRedemption, SubmitOutcome
from holdfast.core.skew import ClockReading
from holdfast.core.windows import VenueMode, Window


class OrderStatus(StrEnum):
    """Where one order is."""

    RESTING = "resting"
    CANCELED = "canceled"
    FILLED = "filled"


class OrderRead(Struct, frozen=True):
    """One order as a look-up shows it."""

    order: OpenOrder
    status: OrderStatus


class OpenOrders(Struct, frozen=True):
    """Every resting order of the account. `as_of_ms`: the venue's own time for its user data, 0 where it states none;
    it was read before the list, so no write acknowledged earlier can be missing. `requested_at_ms` is our clock."""

    orders: tuple[OpenOrder, ...]
    as_of_ms: int
    requested_at_ms: int


class Balance(Struct, frozen=True):
    """Money that can be spent, in money units, in all and per shard.

    `unapproved`: the venue's contracts that may not take the money, so that orders which they would settle are refused
    until the owner approves them; None where the venue asks for no approvals, or says nothing of them.
    """

    available: int
    by_shard: dict[int, int]
    unapproved: tuple[str, ...] | None = None


class VenuePosition(Struct, frozen=True):
    """The venue's own view of a position. `size` is signed on a netting venue; money in money units.

    `resolved`: the market has its result, and the position is only what is left to be redeemed, or worth nothing.
    """

    market: str
    size: int
    fees_paid: int
    realized_pnl: int
    resolved: bool = False


class VenueStatus(Struct, frozen=True):
    """Whether the venue trades now. `paused_shards` are those where trading is paused, `shut_shards` those of them
    that take no cancels either.

    `active`: it can be reached and takes cancels. `trading`: it takes orders, in mode post_only none that takes
    liquidity. `resumes_at_ms` is when it said that this ends, 0 where it did not say; `clock` its own clock, None where
    the answer showed none. `states_mode` False: the venue says its mode in refusals only, and this is what was
    remembered of them.
    """

    active: bool
    trading: bool
    paused_shards: tuple[int, ...] = ()
    resumes_at_ms: int = 0
    mode: VenueMode = VenueMode.TRADING
    shut_shards: tuple[int, ...] = ()
    clock: ClockReading | None = None
    states_mode: bool = True


class PriceEvidence(Struct, frozen=True):
    """What a venue says of one market's price beside its book; None where it says nothing.

    `book` is the market's book read again, where `mirror`, that of its other outcome, came in the same answer.
    """

    last_trade: LastTrade | None = None
    book: OrderBook | None = None
    mirror: OrderBook | None = None


class Access(Struct, frozen=True):
    """Whether the account may trade from where this code runs, and with its key.

    `blocked`: the venue takes no orders from here, None where it does not say; `place` is where it sees us, e.g.
    "IE-L". `key_expires_at_ms`: when the leave to trade by API key lapses unless the owner renews it, 0 where the venue
    does not say. `key_may_trade`: whether the key in use may place orders at all, None where the venue does not say.
    """

    blocked: bool | None = None
    place: str = ""
    key_expires_at_ms: int = 0
    key_may_trade: bool | None = None


class Meter(Protocol):
    """Pays for reads and counts calls.

    An adapter calls `spend` before every read request (pages are not known in advance) and `record` after every
    request. Tokens of writes are taken by the executor, for a whole batch at once, before it opens the journal.
    """

    def spend(self, bucket: str, tokens: int, endpoint: str) -> None:
        """Take tokens for one request to `endpoint`. Raises BudgetExhaustedError: then the request is not sent."""
        ...

    def record(self, endpoint: str, status: int, duration_us: int) -> None:
        """Count a finished request; `status` 0 means no answer."""
        ...


class Venue(Protocol):
    """One account at one venue. Prices, sizes and money are units of `capabilities.scale`; times UTC ms."""

    @property
    def name(self) -> str:
        """The venue's name: "kalshi", "polymarket" or "coinbase"."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do here; read from the venue at `connect` where it says."""
        ...

    def connect(self) -> None:
        """Read the account's limits and costs. Called once before anything else."""
        ...

    def status(self) -> VenueStatus:
        """Whether the venue trades now, and its clock. One read request."""
        ...

    @property
    def stated_window(self) -> Window:
        """What answers to requests of this process said of the venue's mode, as long as it holds; sends nothing.

        Mode TRADING where they said nothing, also where a venue does so in `status` alone.
        """
        ...

    def market_rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        """The rules of these markets. A market that the venue does not know is absent from the answer."""
        ...

    def discover(self, query: MarketQuery) -> list[ListedMarket]:
        """The instruments that match, each once, in the venue's order: all there are, or the first `query.limit`.

        A page that can't be read or paid for raises, so a short list is never taken for a full one. Raises
        InvalidInputError for a filter that this venue does not have.
        """
        ...

    def books(self, markets: Sequence[str]) -> dict[str, OrderBook]:
        """Fresh books of these markets, own orders included. A market without a book is absent from the answer.

        A book has its last trade where the venue says it in the same answer.
        """
        ...

    def price_evidence(self, markets: Sequence[str], since_ms: int) -> Iterator[tuple[str, PriceEvidence]]:
        """What else there is to judge these markets' books by, as far as trades since then tell.

        Asked only for books in which a stop may be due and which can't be trusted alone. As few requests as the venue
        allows; a market of which it says nothing is left out. Each market as soon as it was read: an error of the next
        one (raised here as of any read) takes nothing from it.
        """
        ...

    def candles(self, market: str, minutes: int, count: int) -> list[Candle]:
        """The closed candles of a market among its last `count` periods of `minutes`, oldest first. One read request.

        Prices are those of the market's book, as in `books`. Nothing is made up: a period of which the venue has no
        price, or too few, is absent, and a market that it does not know has none. Raises InvalidInputError for a
        length that the venue does not have.
        """
        ...

    def open_orders(self) -> OpenOrders:
        """Every resting order of the account, ours and foreign, all pages, all shards."""
        ...

    def find_order(self, order_id: str, market: str) -> OrderRead | None:
        """One order by id; None where the venue does not show it, which proves nothing (absent-is-not-gone)."""
        ...

    def recent_orders(self, since_ms: int) -> list[OrderRead]:
        """Orders of any status that were created since then, all pages: to find what a lost answer did."""
        ...

    def fills(self, since_ms: int) -> list[Fill]:
        """Every fill since then, oldest first, all pages."""
        ...

    def settlements(self, since_ms: int, held: Mapping[str, int] | None = None) -> list[Settlement]:
        """Every settled market of ours since then, oldest first, all pages.

        `held` is what our books hold, signed sizes by market: where the venue's lists forget what was redeemed, it is
        settled by its market's result, at the size that is given here.
        """
        ...

    def positions(self) -> list[VenuePosition]:
        """Every position that is not flat."""
        ...

    def balance(self) -> Balance:
        """Money that can be spent."""
        ...

    def access(self) -> Access:
        """Whether this account may trade from here and with this key. What the venue does not say is unknown."""
        ...

    def refresh_holding(self, market: str) -> int | None:
        """Have the venue read what is held in a market again, where it caches that: fresh shares may lag behind.

        Returns how much it then says there is to sell, whoever's it is; None where it keeps no such number.
        """
        ...

    def prepare(self, batch: Sequence[Placement]) -> list[Placement]:
        """The placements with order id and body filled in where the order's hash is its id, else unchanged.

        What is prepared is journaled before it is sent, and `place` sends its body byte for byte, so that sending it
        again is the same write. A placement that can't be an order, or could not be signed, stays without a body:
        `place` refuses it and says why. May read the markets' rules, so it raises a VenueError like any read.
        """
        ...

    def place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        """Send these orders in one request (1 item: the single endpoint). One outcome per item, in order.

        Nothing is sent after `deadline_ms` (outcome Refused NOT_SENT). Empty budget: Refused RATE_LIMITED.
        """
        ...

    def cancel(self, batch: Sequence[Cancellation], deadline_ms: int) -> list[CancelOutcome]:
        """Cancel these orders in one request. One outcome per item, in order. NOT_FOUND proves nothing."""
        ...

    def amend(self, amendment: Amendment, deadline_ms: int) -> ChangeOutcome:
        """Change one order in place."""
        ...

    def decrease(self, reduction: Reduction, deadline_ms: int) -> ChangeOutcome:
        """Reduce one order's remaining size in place."""
        ...


class Redeems(Protocol):
    """Turning what resolved into money, at a venue that does not pay out by itself. Others have no such port."""

    @property
    def bucket(self) -> Bucket:
        """The bucket of submits, apart from those of orders."""
        ...

    @property
    def cost(self) -> int:
        """Tokens of one submit."""
        ...

    @property
    def obstacle(self) -> str:
        """Why this account's redemptions can't be submitted, and what its owner can do; empty where they can."""
        ...

    def redeemable(self) -> list[Redeemable]:
        """Every resolved holding by condition, those that pay nothing included. Raises a VenueError."""
        ...

    def prepare(self, wanted: Redeemable, identity: str) -> SignedRedemption:
        """The signed transaction for what `redeemable` returned last. Raises a VenueError; sends nothing."""
        ...

    def submit(self, signed: SignedRedemption, deadline_ms: int) -> SubmitOutcome:
        """Send it, once. Nothing is sent after `deadline_ms`. Raises nothing for what the venue answered."""
        ...

    def look_up(self, record: Redemption) -> RedemptionRead:
        """What became of an attempt. Raises a VenueError where nothing can be read."""
        ...
