"""One account of the execute job against the local Kalshi server over real HTTP, with memory state."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from holdfast.clock import VirtualClock
from holdfast.core.orders import OpenOrder
from holdfast.core.positions import LedgerKind
from holdfast.state.accounts import Account
from local.venues.kalshi import Books, KalshiExchange, KalshiServer, MarketSpec, MissCause
from tests.jobs.account_world import AccountWorld
from tests.local.kalshi_member import START_MS, Member, ed25519_key, private_pem, public_pem

ACCOUNT = "a"


class World(AccountWorld):
    """Markets M-1 … M-n on shards 0 and 2, books around 50 cents, one quoting account."""

    def __init__(self, server: KalshiServer, exchange: KalshiExchange, clock: VirtualClock, markets: int) -> None:
        self.server, self.exchange = server, exchange
        self.markets = [f"M-{number}" for number in range(1, markets + 1)]
        account = Account(
            account_id=ACCOUNT,
            venue="kalshi",
            environment="local",
            secret_name="keys",
            base_url=server.origin,
        )
        secret = {"key_id": "key-of-us", "private_key": private_pem(ed25519_key("us"))}
        super().__init__(clock, account, secret, self.markets)

    def book(self, market: str, bid: int, ask: int, size: int = 500) -> None:
        """Three levels a side, a cent apart; prices in cents, sizes in contracts."""
        bids = [((bid - level) * 100, size * 100) for level in range(3)]
        asks = [((ask + level) * 100, size * 100) for level in range(3)]
        self.exchange.apply_snapshot(market, bids, asks)

    @property
    def books(self) -> Books:
        """The exchange's own books of the account."""
        return self.exchange.books("us")

    def resting(self, market: str | None = None) -> list[tuple[str, int, int]]:
        """(side, price, remaining) of every order of ours at the exchange, in order."""
        orders = [order for order in self.books.open_orders if market is None or order.ticker == market]
        return sorted((order.side.value, order.price, order.remaining) for order in orders)

    def misses(self, *causes: MissCause) -> int:
        """Writes answered "not found", for these causes (all of them where none is named)."""
        return sum(not causes or miss.cause in causes for miss in self.exchange.misses)

    def assert_ledger_is_the_exchanges(self) -> None:
        """Fill-once, and equal to the unit: fills, positions, fees, cash."""
        books, lines = self.books, self.ledger.lines()
        ours = {line.key.removesuffix("#open") for line in lines if line.kind is LedgerKind.FILL}
        assert ours == {f"{fill.fill_id}#{fill.order_id}" for fill in books.fills}
        positions = {market: stored.position for market, stored in self.ledger.positions().items()}
        held = {market: position.size for market, position in positions.items() if position.size}
        assert held == {holding.ticker: holding.size for holding in books.positions if holding.size}
        assert sum(line.fee for line in lines) == books.total_fees
        assert sum(position.cash for position in positions.values()) == books.profit
        assert sum(line.cash for line in lines) == books.profit
        assert books.imbalances() == []


@contextmanager
def world(markets: int = 3, tier: str = "advanced", dollars: str = "1000", close_at_ms: int = 0) -> Iterator[World]:
    clock = VirtualClock(START_MS)
    exchange = KalshiExchange(clock, seed=7)
    for number in range(1, markets + 1):
        exchange.add_market(
            MarketSpec(
                f"M-{number}",
                event=f"E-{number}",
                series=f"S{number % 2}",
                shard=2 if number % 2 else 0,
                fee_type="quadratic_with_maker_fees",
                close_at_ms=close_at_ms,
            )
        )
    exchange.add_user(
        "us",
        "key-of-us",
        public_pem(ed25519_key("us")),
        tier=tier,
        balances={0: Decimal(dollars), 2: Decimal(dollars)},
    )
    server = KalshiServer(exchange)
    with server:
        made = World(server, exchange, clock, markets)
        for market in made.markets:
            made.book(market, 49, 51)
        yield made


def foreign_member(made: World) -> Member:
    """Another program with the same login: its orders are not ours."""
    return Member(made.server.origin, made.clock, "key-of-us", ed25519_key("us"))


def orders_of(made: World) -> tuple[OpenOrder, ...]:
    """What the venue lists."""
    return made.ports.venue.open_orders().orders
