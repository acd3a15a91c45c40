"""The local venues of a run: the markets of the story at each, on the machine's clock, moved by hand."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from holdfast.clock import Clock
from holdfast.core.market import PriceBand
from local.demo.options import DemoOptions, tape_scale
from local.demo.venues.kalshi import KalshiDemo
from local.demo.venues.polymarket import PolymarketDemo
from local.tapes.tape import BookSnapshot, Tape, TapeMarket
from local.venues.faults import Fault

TICKERS = ("E2E-GAIN", "E2E-STOP", "E2E-SIGNAL", "E2E-HALT", "E2E-WATCH", "E2E-LATE", "E2E-QUOTE")
"""One for each thing that happens. The last one is quoted, and positions are opened in the others."""
GAIN, STOP, SIGNAL, HALT, WATCH, LATE, QUOTE = TICKERS

_OPTIONS = DemoOptions(read_lag_ms=500)
_SCALE = tape_scale(_OPTIONS)
_BANDS = (PriceBand(_SCALE.price("0.01"), _SCALE.price("0.99"), _SCALE.price("0.01")),)
_OPEN_MS = 86_400_000
_LEVEL = _SCALE.size(500)
_FIRST_BID, _FIRST_ASK = 49, 51


class LocalVenue:
    """A venue with our funded user and every market of the story at 49 to 51 cents. `base_url` is known once served."""

    def __init__(self, kind: type[KalshiDemo] | type[PolymarketDemo], clock: Clock) -> None:
        self.base_url = ""
        shards = (0, 2)
        markets = tuple(
            TapeMarket(ticker, "E2E", ticker, 0, _OPEN_MS, None, _BANDS, shards[number % 2])
            for number, ticker in enumerate(TICKERS)
        )
        tape = Tape("e2e", markets, (), _OPEN_MS, (), prints_trades=True)
        self.demo = kind(_OPTIONS, tape, markets, clock, clock.now_ms())
        for ticker in TICKERS:
            self.move(ticker, _FIRST_BID, _FIRST_ASK)

    @property
    def name(self) -> str:
        """The venue."""
        return self.demo.name

    @property
    def account(self) -> str:
        """Our account's id."""
        return f"{self.name}-local"

    @property
    def line(self) -> dict[str, object]:
        """The account's line of context; its region is the venue's own."""
        record = self.demo.record(self.account, "by-the-stack", self.base_url)
        told = {"venue": record.venue, "environment": record.environment, "base_url": record.base_url}
        return told | {"options": record.options}

    def market(self, ticker: str) -> str:
        """What the jobs call a market; its first outcome, where each is an instrument of its own."""
        return next(each.market for each in self.demo.instruments if each.ticker == ticker)

    def label(self, market: str) -> str:
        """What a person calls it."""
        return next((each.ticker for each in self.demo.instruments if each.market == market), market)

    def move(self, ticker: str, bid: int, ask: int) -> None:
        """The others' best bid and ask from now on, cents, with two more levels behind each."""
        cent = _SCALE.price("0.01")
        bids = tuple(((bid - away) * cent, _LEVEL) for away in range(3))
        asks = tuple(((ask + away) * cent, _LEVEL) for away in range(3))
        self.demo.apply(BookSnapshot(0, ticker, bids, asks))

    def break_down(self, fault: Fault) -> None:
        """Let a fault wait for its request."""
        self.demo.exchange.faults.add(fault)

    def is_struck(self) -> bool:
        """Whether every fault has had its request."""
        return not self.demo.exchange.faults.are_waiting


@contextmanager
def open_venues(clock: Clock) -> Iterator[list[LocalVenue]]:
    """Serve every venue on loopback."""
    with ExitStack() as servers:
        venues = [LocalVenue(kind, clock) for kind in (KalshiDemo, PolymarketDemo)]
        for venue in venues:
            venue.base_url = servers.enter_context(venue.demo.serve())
        yield venues
