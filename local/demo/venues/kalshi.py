"""The demo's Kalshi: every market on the shard that the tape names, both outcomes in one netted position."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.clock import Clock
from holdfast.core.capabilities import Bucket
from holdfast.core.market import Side
from holdfast.state.accounts import Account
from local.demo.books import ExchangeBooks, MarketBooks, RestingOrder
from local.demo.options import DemoOptions
from local.demo.venues.faults import READS_PERMILLE, WRITES_PERMILLE, sprinkle
from local.demo.venues.venue import Calls, Instrument, Misses, SignedFill
from local.tapes.tape import BookSnapshot, LevelChanges, Tape, TapeEvent, TapeMarket
from local.venues.kalshi import Books, EndReason, KalshiExchange, KalshiServer, MarketSpec, MarketState, MissCause
from local.venues.kalshi.limits import tier_named
from local.venues.kalshi.wire import SCALE

USER = "demo"
DEPOSIT = Decimal(5_000)
# The dearer of Kalshi's schedules, so that resting orders pay fees too.
FEE_TYPE = "quadratic_with_maker_fees"
_CHANGES = ("/amend", "/decrease")
_CAUSES = {
    MissCause.EXECUTED: "a fill had been faster than our cancel",
    MissCause.EXPIRED: "the quote had expired",
    MissCause.ALREADY_CANCELED: "cancelled before",
    MissCause.ENDED_BY_EXCHANGE: "ended by the exchange",
    MissCause.WRONG_SHARD: "asked on the wrong shard",
    MissCause.WRONG_SUBACCOUNT: "asked on the wrong subaccount",
    MissCause.NEVER_EXISTED: "never existed",
}


class KalshiDemo:
    """See `local.demo.venues.venue.DemoVenue`."""

    name = "kalshi"
    title = "Kalshi"
    scale = SCALE
    one: int | None = SCALE.one
    noun = "contracts"
    instrument_noun = "market"
    not_found = "404"
    own_faults = ""

    def __init__(
        self, options: DemoOptions, tape: Tape, markets: Sequence[TapeMarket], clock: Clock, start_ms: int
    ) -> None:
        """Raises InvalidInputError for a tier or a read lag that can't be."""
        self._options = options
        self._markets = {market.ticker: market for market in markets}
        self._key = Ed25519PrivateKey.generate()
        self.exchange = exchange = KalshiExchange(clock, seed=options.seed)
        exchange.set_read_lag_ms(options.read_lag_ms)
        self.instruments = tuple(Instrument(market.ticker, market.ticker, market.ticker) for market in markets)
        budget = tier_named(options.tier).write
        self.write_bucket = Bucket("write", budget.refill_rate, budget.bucket_capacity)
        for market in markets:
            exchange.add_market(
                MarketSpec(
                    ticker=market.ticker,
                    series=market.series,
                    shard=market.shard,
                    bands=market.bands,
                    open_at_ms=start_ms + market.opens_at_ms,
                    close_at_ms=start_ms + market.closes_at_ms,
                    fee_type=FEE_TYPE,
                    prints_trades=tape.prints_trades,
                )
            )
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        balances = dict.fromkeys(sorted({market.shard for market in markets} | {0}), DEPOSIT)
        exchange.add_user(USER, "throw-away", public, tier=options.tier, balances=balances)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """See the protocol."""
        with KalshiServer(self.exchange) as server:
            yield server.url

    def record(self, account_id: str, secret_name: str, base_url: str) -> Account:
        """See the protocol."""
        return Account(
            account_id=account_id,
            venue=self.name,
            environment="local",
            secret_name=secret_name,
            base_url=base_url,
        )

    def secret(self) -> dict[str, str]:
        """See the protocol."""
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {"key_id": "throw-away", "private_key": private}

    def add_faults(self) -> None:
        """See the protocol."""
        rates = {"POST *": WRITES_PERMILLE, "DELETE *": WRITES_PERMILLE, "GET *": READS_PERMILLE}
        sprinkle(self.exchange.faults, rates)

    def apply(self, event: TapeEvent) -> None:
        """See the protocol."""
        match event:
            case LevelChanges():
                self.exchange.apply_changes(event.ticker, event.bids, event.asks)
            case BookSnapshot():
                self.exchange.apply_snapshot(event.ticker, event.bids, event.asks)
            case _:
                self.exchange.apply_trade(event.ticker, event.price, event.size, event.aggressor)

    def settle(self, ticker: str) -> None:
        """See the protocol."""
        self.exchange.settle(ticker, self._markets[ticker].result or "")

    def best(self, market: str) -> tuple[int | None, int | None]:
        """See the protocol."""
        return self.exchange.best(market)

    def ending(self, market: str) -> str:
        """See the protocol."""
        state = self.exchange.market_state(market)
        if state is MarketState.FINALIZED:
            return f"settled {self._markets[market].result}"
        return "" if state is MarketState.ACTIVE else state.value

    def result(self, market: str) -> str:
        """See the protocol."""
        return self._markets[market].result or "" if self.ending(market).startswith("settled") else ""

    def worth(self, market: str, size: int) -> int | None:
        """See the protocol."""
        won = "yes" if size > 0 else "no"
        return (SCALE.one * abs(size) if self.result(market) == won else 0) if self.result(market) else None

    def books(self) -> ExchangeBooks:
        """See the protocol."""
        books = self.exchange.books(USER)
        return ExchangeBooks(
            markets=_by_market(books),
            open_orders=tuple(
                RestingOrder(order.ticker, order.side, order.price, order.remaining) for order in books.open_orders
            ),
            profit=books.profit,
            unredeemed=0,
            failed=0,
            imbalances=tuple(books.imbalances()),
        )

    def fills(self, market: str) -> Sequence[SignedFill]:
        """See the protocol."""
        return [
            SignedFill(fill.order_id, fill.size if fill.side is Side.BUY else -fill.size)
            for fill in sorted(self.exchange.books(USER).fills, key=lambda fill: fill.sequence)
            if fill.ticker == market
        ]

    def executed_size(self, order_id: str) -> int:
        """See the protocol."""
        orders = (order for order in self.exchange.books(USER).orders if order.order_id == order_id)
        return sum(order.filled for order in orders if order.end is EndReason.TRADE)

    def calls(self) -> Calls:
        """See the protocol."""
        calls = self.exchange.calls
        return Calls(
            total=calls.total(),
            changes=sum(count for endpoint, count in calls.items() if endpoint.endswith(_CHANGES)),
            reads=sum(count for endpoint, count in calls.items() if endpoint.startswith("GET ")),
            refused=self.exchange.rate_limited.total(),
        )

    def misses(self) -> Misses:
        """See the protocol."""
        misses = self.exchange.misses
        cancels = Counter(_CAUSES[miss.cause] for miss in misses if miss.operation == "cancel")
        return Misses(cancels, len(misses) - cancels.total())

    def introduction(self) -> str:
        """See the protocol."""
        return f"tier {self._options.tier}, ${DEPOSIT:,} a shard"

    def notes(self) -> tuple[str, ...]:
        """See the protocol."""
        return (
            f"Kalshi: every market charges maker fees ({FEE_TYPE}), the dearer of its schedules. YES and NO of a "
            "market are one signed position.",
        )


def _by_market(books: Books) -> dict[str, MarketBooks]:
    found = {}
    for holding in books.positions:
        market = holding.ticker
        fills = [fill for fill in books.fills if fill.ticker == market]
        paid_out = sum(row.payout for row in books.settlements if row.ticker == market)
        found[market] = MarketBooks(
            fills=len(fills),
            volume=sum(fill.size for fill in fills),
            cash=sum(fill.revenue - fill.fee for fill in fills) + paid_out,
            fees=sum(fill.fee for fill in fills),
            realized=holding.realized,
            paid_out=paid_out,
            size=holding.size,
            cost=holding.cost,
        )
    return found
