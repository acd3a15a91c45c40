"""What a run needs of a venue's exchange, whichever it is: to build, move, break and audit it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.book import Level
from holdfast.core.market import Side
from holdfast.core.scale import Scale
from holdfast.state.accounts import Account
from holdfast.venues.port import Meter, Venue
from holdfast.venues.transport import Transport
from local.simulation.profile import Happening
from local.venues.http import Request, Response


class BookOrder(Struct, frozen=True):
    """An order in the exchange's books. `client_order_id` is empty where the venue keeps no id of ours.

    `size` is what it was accepted for.
    """

    order_id: str
    client_order_id: str
    market: str
    side: Side
    price: int
    remaining: int
    filled: int
    size: int


class BookFill(Struct, frozen=True):
    """A fill in the exchange's books; `key` is its line's in a ledger. A void one moved nothing in the end."""

    key: str
    order_id: str
    market: str
    side: Side
    price: int
    size: int
    fee: int
    at_ms: int
    void: bool = False

    @property
    def signed(self) -> int:
        """Its size, negative for a sale."""
        return self.size if self.side is Side.BUY else -self.size


class VenueBooks(Struct, frozen=True):
    """The exchange's own books of our user. `settled` names, by ended market, what one unit of size pays.

    `profit` is the money beyond what was deposited, what a settled position still has to be redeemed for included;
    `oversold` says where more is offered for sale than is held, `imbalances` where the books don't add up.
    """

    orders: tuple[BookOrder, ...]
    fills: tuple[BookFill, ...]
    settled: Mapping[str, int]
    profit: int
    oversold: tuple[str, ...]
    imbalances: tuple[str, ...]


class StrangerAnswer(Struct, frozen=True):
    """What a stranger's request was, its HTTP status, and the order id where one was accepted."""

    what: str
    status: int
    order_id: str = ""


class StrangerClient(Protocol):
    """Somebody else with the same login."""

    def place(self, market: str, side: Side, price: int, size: int, identity: str) -> StrangerAnswer:
        """Place an order. `size` is in whole contracts or shares.

        Where shares must be held to be sold, a sale is a purchase of the market's other outcome.
        """
        ...

    def cancel(self, order_id: str, market: str) -> StrangerAnswer:
        """Cancel an order of its own."""
        ...


class SimulatedVenue(Protocol):
    """One exchange with its markets and our funded user. Prices, sizes and money are units of `scale`."""

    account: Account
    markets: tuple[str, ...]
    scale: Scale
    one: int | None

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        ...

    def connect(self, transport: Transport, clock: Clock, meter: Meter) -> Venue:
        """Our adapter for our account."""
        ...

    def stranger(self) -> StrangerClient:
        """Somebody else's way in."""
        ...

    def feed(self, market: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """The crowd's whole book."""
        ...

    def best(self, market: str) -> tuple[int | None, int | None]:
        """The public best bid and ask."""
        ...

    def set_read_lag_ms(self, lag_ms: int, jitter_ms: int = 0) -> None:
        """How far reads of our data lag."""
        ...

    def settle(self, market: str, *, wins: bool) -> None:
        """End a market."""
        ...

    def begin(self, what: Happening, market: str) -> None:
        """Something that the venue does, until `end`."""
        ...

    def end(self, what: Happening, market: str) -> None:
        """It is over."""
        ...

    def advance(self) -> None:
        """Let what is due by the clock happen."""
        ...

    def open_orders(self) -> list[BookOrder]:
        """What rests now."""
        ...

    def books(self) -> VenueBooks:
        """Everything, exact and never lagging."""
        ...

    def strays(self, foreign: set[str]) -> list[str]:
        """Cancels of our orders that sought them where they never were, in words."""
        ...

    def refused_for_pace(self) -> Mapping[str, int]:
        """Answers 429 by endpoint, none counted as 0."""
        ...
