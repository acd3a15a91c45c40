"""One account of the execute job against the local Polymarket server over real HTTP, with memory state."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from holdfast.assembly import assemble
from holdfast.clock import VirtualClock
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import TickReport
from holdfast.state.accounts import Account, MemorySecrets
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.telemetry.memory import MemoryTelemetry
from local.venues.polymarket import SCALE, Books, MarketSpec, PolymarketExchange, PolymarketServer
from tests.local.polymarket_trader import START_MS, address_of, key_of

ACCOUNT = "p"
STAGE = "test"
INTERVAL_MS = 60_000
CENT = SCALE.price("0.01")
PARAMETERS = {
    "half_spread": "0.02",
    "size": "10",
    "max_position": "50",
    "quiet_before_close_seconds": 60,
    "skew": "0.01",
}


class PolymarketWorld:
    """Markets m-1 … m-n with books around 50 cents, one account that quotes the first token of each."""

    def __init__(self, server: PolymarketServer, exchange: PolymarketExchange, clock: VirtualClock, count: int) -> None:
        self.server, self.exchange, self.clock = server, exchange, clock
        self.store = MemoryStore(clock)
        self.parameters = MemoryParameters()
        self.telemetry = MemoryTelemetry()
        self.names = [f"m-{number}" for number in range(1, count + 1)]
        self.tokens = [exchange.market(name).tokens[0] for name in self.names]
        keys = exchange.add_api_key("us")
        secret = {
            "private_key": key_of("us").to_hex(),
            "api_key": keys.api_key,
            "api_secret": keys.secret,
            "api_passphrase": keys.passphrase,
        }
        self.secrets = MemorySecrets({"keys": secret})
        self.account = Account(
            account_id=ACCOUNT,
            venue="polymarket",
            environment="local",
            secret_name="keys",
            base_url=server.origin,
            options={"tier": "standard"},
        )
        self.configs = MarketConfigs(self.store, ACCOUNT)
        for token in self.tokens:
            self.configs.save(
                MarketConfig(market=token, strategy=DEFAULT_STRATEGY, parameters=PARAMETERS)  # type: ignore[arg-type]
            )
        self.ports = self.writer("w1")

    def writer(self, name: str) -> Ports:
        """A new process for the account."""
        return assemble(
            self.account,
            stage=STAGE,
            store=self.store,
            parameters=self.parameters,
            secrets=self.secrets,
            clock=self.clock,
            telemetry=self.telemetry,
            writer=name,
            jitter=lambda: 0,
        )

    def switch(self, **values: str) -> None:
        """Flip switches; seen by the next tick that reads them."""
        for name, text in values.items():
            self.parameters.write(f"/holdfast/{STAGE}/{ACCOUNT}/{name}", text)

    def tick(self, after_ms: int = INTERVAL_MS) -> TickReport:
        """One interval later, one tick."""
        self.clock.sleep_ms(after_ms)
        return execute(self.account, self.ports, self.clock)

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

    @property
    def ledger(self) -> Ledger:
        """The account's ledger."""
        return Ledger(self.store, ACCOUNT)

    @property
    def journal(self) -> Journal:
        """The account's journal."""
        return Journal(self.store, ACCOUNT)

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
