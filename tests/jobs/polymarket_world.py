"""One account of the execute job against the local Polymarket server over real HTTP, with memory state."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from holdfast.clock import VirtualClock
from holdfast.state.accounts import Account
from local.venues.polymarket import SCALE, Books, MarketSpec, PolymarketExchange, PolymarketServer
from tests.jobs.account_world import AccountWorld
from tests.local.polymarket_trader import START_MS, address_of, key_of

ACCOUNT = "p"
CENT = SCALE.price("0.01")


class PolymarketWorld(AccountWorld):
    """Markets m-1 … m-n with books around 50 cents, one account that quotes the first token of each."""

    def __init__(self, server: PolymarketServer, exchange: PolymarketExchange, clock: VirtualClock, count: int) -> None:
        self.server, self.exchange = server, exchange
        self.names = [f"m-{number}" for number in range(1, count + 1)]
        self.tokens = [exchange.market(name).tokens[0] for name in self.names]
        keys = exchange.add_api_key("us")
        secret = {
            "private_key": key_of("us").to_hex(),
            "api_key": keys.api_key,
            "api_secret": keys.secret,
            "api_passphrase": keys.passphrase,
        }
        account = Account(
            account_id=ACCOUNT,
            venue="polymarket",
            environment="local",
            secret_name="keys",
            base_url=server.origin,
            options={"tier": "standard"},
        )
        super().__init__(clock, account, secret, self.tokens)

    def book(self, name: str, bid: int, ask: int, size: int = 500) -> None:
        """Three levels a side, a cent apart; prices in cents, sizes in shares."""
        shares = SCALE.size(size)
        bids = [((bid - level) * CENT, shares) for level in range(3)]
        asks = [((ask + level) * CENT, shares) for level in range(3)]
        self.exchange.apply_snapshot(name, bids, asks)

    @property
    def books(self) -> Books:
        """The exchange's own books of the account."""
        return self.exchange.books("us")

    def resting(self, token: str | None = None) -> list[tuple[str, int, int]]:
        """(side, cents, whole shares left) of every order of ours at the exchange, in order."""
        orders = [order for order in self.books.open_orders if token is None or order.token_id == token]
        shares = SCALE.size(1)
        return sorted((str(order.side.value), order.price // CENT, order.remaining // shares) for order in orders)

    def assert_ledger_is_the_exchanges(self) -> None:
        """Shares of every token, and cash, equal to the unit."""
        books = self.books
        positions = {market: stored.position for market, stored in self.ledger.positions().items()}
        held = {market: position.size for market, position in positions.items() if position.size}
        assert held == {token: size for token, size in books.tokens.items() if size}
        assert sum(position.cash for position in positions.values()) == books.profit
        assert books.imbalances() == []


@contextmanager
def polymarket_world(count: int = 2, dollars: str = "1000") -> Iterator[PolymarketWorld]:
    clock = VirtualClock(START_MS)
    exchange = PolymarketExchange(clock, seed=7)
    for number in range(1, count + 1):
        exchange.add_market(MarketSpec(f"m-{number}", version="v2" if number % 2 == 0 else "v1"))
    exchange.add_user("us", address_of(key_of("us")), dollars=Decimal(dollars))
    server = PolymarketServer(exchange)
    with server:
        made = PolymarketWorld(server, exchange, clock, count)
        for name in made.names:
            made.book(name, 49, 51)
        yield made
