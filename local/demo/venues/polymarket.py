"""The demo's Polymarket: both outcome tokens of every market of its share, each an instrument of its own."""

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from math import gcd

from holdfast.clock import Clock
from holdfast.core.book import Level
from holdfast.core.market import Side
from holdfast.state.accounts import Account
from holdfast.venues.polymarket.settings import capabilities_of
from holdfast.venues.polymarket.signer import LocalSigner
from local.demo.books import ExchangeBooks, MarketBooks, RestingOrder
from local.demo.options import DemoOptions, tape_scale
from local.demo.venues.faults import READS_PERMILLE, WRITES_PERMILLE, sprinkle
from local.demo.venues.venue import Calls, Instrument, Misses, SignedFill
from local.tapes.tape import BookSnapshot, LevelChanges, Tape, TapeEvent, TapeMarket
from local.venues.polymarket import (
    SCALE,
    Books,
    EndReason,
    FeeSchedule,
    Fill,
    MarketSpec,
    MissCause,
    PolymarketExchange,
    PolymarketServer,
)
from local.venues.polymarket.markets import AMOUNT_DECIMALS

USER = "demo"
DEPOSIT = Decimal(5_000)
TIER = "standard"
# What the venue charges takers of crypto markets, the dearest of its rates (facts polymarket section 4).
FEES = FeeSchedule(Decimal("0.07"))
# With --faults so many trades fail to settle.
FAILING_TRADES = 4
_ORDER_ENDPOINTS = ("POST /order", "POST /orders", "DELETE /order", "DELETE /orders")
_NAMES = ("Yes", "No")
_READ_ENDPOINTS = ("GET *", "POST /books")
_CAUSES = {
    MissCause.MATCHED: "a fill had been faster than our cancel",
    MissCause.CANCELED: "cancelled before",
    MissCause.ENDED_BY_EXCHANGE: "ended by the exchange",
    MissCause.DELAYED: "was just being matched",
    MissCause.NEVER_EXISTED: "never existed",
    MissCause.IGNORED: "left alone by the exchange",
}


class PolymarketDemo:
    """See `local.demo.venues.venue.DemoVenue`. Every other market trades CTF tokens, the others position ids (V3)."""

    name = "polymarket"
    title = "Polymarket"
    scale = SCALE
    one: int | None = None
    noun = "shares"
    instrument_noun = "token"
    not_found = "not_canceled"
    own_faults = f"the first {FAILING_TRADES} trades fail to settle after they were matched"

    def __init__(
        self, options: DemoOptions, tape: Tape, markets: Sequence[TapeMarket], clock: Clock, start_ms: int
    ) -> None:
        """Raises InvalidInputError for a read lag that can't be."""
        self.exchange = exchange = PolymarketExchange(clock, seed=options.seed)
        exchange.operator.set_read_lag_ms(options.read_lag_ms)
        self._finer = 10 ** (SCALE.size_decimals - tape_scale(options).size_decimals)
        self._markets = {market.ticker: market for market in markets}
        self._outcome_of: dict[str, tuple[str, int]] = {}
        for number, market in enumerate(markets):
            listed = exchange.add_market(_spec(market, tape, number, start_ms))
            self._outcome_of |= {token: (market.ticker, outcome) for outcome, token in enumerate(listed.tokens)}
        self.instruments = tuple(
            Instrument(token, f"{ticker} {_NAMES[outcome]}", ticker, _NAMES[outcome])
            for token, (ticker, outcome) in self._outcome_of.items()
        )
        self.write_bucket = capabilities_of(TIER).write_bucket
        self._private_key = secrets.token_hex(32)
        exchange.add_user(USER, LocalSigner(self._private_key).address, tier=TIER, dollars=DEPOSIT)
        self._credentials = exchange.add_api_key(USER)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """See the protocol."""
        with PolymarketServer(self.exchange) as server:
            yield server.origin

    def record(self, account_id: str, secret_name: str, base_url: str) -> Account:
        """See the protocol."""
        return Account(
            account_id=account_id,
            venue=self.name,
            environment="local",
            secret_name=secret_name,
            base_url=base_url,
            options={"tier": TIER},
        )

    def secret(self) -> dict[str, str]:
        """See the protocol."""
        return {
            "private_key": self._private_key,
            "api_key": self._credentials.api_key,
            "api_secret": self._credentials.secret,
            "api_passphrase": self._credentials.passphrase,
        }

    def add_faults(self) -> None:
        """See the protocol. Some trades fail, too."""
        rates = dict.fromkeys(_ORDER_ENDPOINTS, WRITES_PERMILLE) | dict.fromkeys(_READ_ENDPOINTS, READS_PERMILLE)
        sprinkle(self.exchange.faults, rates)
        self.exchange.operator.fail_trades(FAILING_TRADES)

    def apply(self, event: TapeEvent) -> None:
        """See the protocol."""
        match event:
            case LevelChanges():
                self.exchange.apply_changes(event.ticker, self._levels(event.bids), self._levels(event.asks))
            case BookSnapshot():
                self.exchange.apply_snapshot(event.ticker, self._levels(event.bids), self._levels(event.asks))
            case _:
                self.exchange.apply_trade(event.ticker, event.price, event.size * self._finer, event.aggressor)

    def settle(self, ticker: str) -> None:
        """See the protocol."""
        self.exchange.resolve(ticker, 0 if self._markets[ticker].result == "yes" else 1)

    def best(self, market: str) -> tuple[int | None, int | None]:
        """See the protocol."""
        return self.exchange.best(*self._outcome_of[market])

    def ending(self, market: str) -> str:
        """See the protocol."""
        ticker, outcome = self._outcome_of[market]
        listed = self.exchange.market(ticker)
        if listed.winner is not None:
            return "won" if listed.winner == outcome else "lost"
        return "" if listed.is_open(self.exchange.clock.now_ms()) else "closed"

    def result(self, market: str) -> str:
        """See the protocol."""
        ending = self.ending(market)
        return ending if ending in ("won", "lost") else ""

    def worth(self, market: str, size: int) -> int | None:
        """See the protocol."""
        ticker, outcome = self._outcome_of[market]
        listed = self.exchange.market(ticker)
        return None if listed.winner is None else size * listed.payout(outcome)

    def books(self) -> ExchangeBooks:
        """See the protocol. Nobody redeems in the demo: what won is still in the wallet, and counted at $1 a share."""
        books = self.exchange.books(USER)
        markets = {token: self._of_token(books, token) for token in self._outcome_of if token in books.tokens}
        unredeemed = sum(market.paid_out for market in markets.values())
        return ExchangeBooks(
            markets=markets,
            open_orders=tuple(
                RestingOrder(order.token_id, order.side, order.price, order.remaining) for order in books.open_orders
            ),
            profit=books.profit + unredeemed,
            unredeemed=unredeemed,
            failed=sum(not fill.counts for fill in books.fills),
            imbalances=tuple(books.imbalances()),
        )

    def fills(self, market: str) -> Sequence[SignedFill]:
        """See the protocol."""
        return [
            SignedFill(fill.part.order_id, fill.part.size if fill.part.side is Side.BUY else -fill.part.size)
            for fill in self.exchange.books(USER).fills
            if fill.counts and fill.part.token_id == market
        ]

    def executed_size(self, order_id: str) -> int:
        """See the protocol."""
        orders = (order for order in self.exchange.books(USER).orders if order.order_id == order_id)
        return sum(order.matched for order in orders if order.end is EndReason.TRADE)

    def calls(self) -> Calls:
        """See the protocol. Books are read by POST, so that every call is a read that is not about orders."""
        calls = self.exchange.calls
        return Calls(
            total=calls.total(),
            changes=0,
            reads=sum(count for endpoint, count in calls.items() if endpoint not in _ORDER_ENDPOINTS),
            refused=self.exchange.rate_limited.total(),
        )

    def misses(self) -> Misses:
        """See the protocol."""
        return Misses(Counter(_CAUSES[miss.cause] for miss in self.exchange.misses), 0)

    def introduction(self) -> str:
        """See the protocol."""
        return f"tier {TIER}, ${DEPOSIT:,} in the wallet, Yes and No token of each"

    def notes(self) -> tuple[str, ...]:
        """See the protocol."""
        return (
            "Polymarket: takers pay fees, makers none. Nobody redeems here: winning shares stay in the wallet, and the "
            "exchange's side counts them at the $1 that they can be redeemed for, on top of its cash.",
            "Polymarket: an order can't expire within three minutes, so quotes live longer there, and one that is "
            "renewed is cancelled and placed again.",
            "Polymarket: its rules don't say that a market has ended. Until the result is read, ten minutes later at "
            "most, the jobs alarm that they see no price to close what is held at (INVENTORY_STOP_BLIND, PRICE_BLIND).",
        )

    def _levels(self, levels: Sequence[Level]) -> list[Level]:
        return [(price, size * self._finer) for price, size in levels]

    def _of_token(self, books: Books, token: str) -> MarketBooks:
        ticker, outcome = self._outcome_of[token]
        traded = _traded([fill for fill in books.fills if fill.counts and fill.part.token_id == token])
        market = self.exchange.market(ticker)
        if market.winner is None:
            return traded
        paid_out = books.position(token) * market.payout(outcome)
        return MarketBooks(
            fills=traded.fills,
            volume=traded.volume,
            cash=traded.cash + paid_out,
            fees=traded.fees,
            realized=traded.realized + paid_out - traded.cost,
            paid_out=paid_out,
        )


def tape_grid(market: TapeMarket) -> int:
    """The coarsest tick of the venue's that has every price of the market's grid, price units."""
    steps = [step for band in market.bands for step in (band.step, band.low)]
    return max(tick for tick in AMOUNT_DECIMALS if gcd(*steps) % tick == 0)


def _spec(market: TapeMarket, tape: Tape, number: int, start_ms: int) -> MarketSpec:
    return MarketSpec(
        market.ticker,
        question=market.title,
        version="v2" if number % 2 else "v1",
        tick=tape_grid(market),
        fees=FEES,
        open_at_ms=start_ms + market.opens_at_ms,
        close_at_ms=start_ms + market.closes_at_ms,
        prints_trades=tape.prints_trades,
    )


def _traded(fills: Sequence[Fill]) -> MarketBooks:
    """What these fills of one token, oldest first, come to at average cost. Reckoned apart from our ledger."""
    size = cost = realized = 0
    for fill in fills:
        part = fill.part
        value = part.price * part.size
        if part.side is Side.BUY:
            size, cost = size + part.size, cost + value
        else:
            released = cost * part.size // size
            size, cost, realized = size - part.size, cost - released, realized + value - released
    return MarketBooks(
        fills=len(fills),
        volume=sum(fill.part.size for fill in fills),
        cash=sum(fill.part.cash_change for fill in fills),
        fees=sum(fill.part.fee for fill in fills),
        realized=realized,
        size=size,
        cost=cost,
    )
