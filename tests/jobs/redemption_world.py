"""One account whose wallet redeems without gas, on the local Polymarket server over real HTTP, with memory state."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from holdfast.clock import VirtualClock
from holdfast.core.positions import LedgerKind
from holdfast.jobs.brackets import BracketsReport, check_brackets
from holdfast.jobs.ports import Ports
from holdfast.state.accounts import Account
from holdfast.state.redemptions import Redemptions
from local.venues.polymarket import SCALE, Books, MarketSpec, PolymarketExchange, PolymarketServer
from local.venues.polymarket.markets import Market
from tests.jobs.account_world import INTERVAL_MS, AccountWorld
from tests.local.polymarket_trader import START_MS, address_of, key_of

ACCOUNT = "r"
CENT = SCALE.price("0.01")
SPECS = (MarketSpec("binary"), MarketSpec("neg-risk", neg_risk=True), MarketSpec("new", version="v2"))


class RedemptionWorld(AccountWorld):
    """A binary, a neg-risk and a new-protocol market; the account quotes the first token of each."""

    def __init__(
        self,
        server: PolymarketServer,
        exchange: PolymarketExchange,
        clock: VirtualClock,
        *,
        signature_type: int,
        with_key: bool,
    ) -> None:
        self.server, self.exchange = server, exchange
        self.markets: list[Market] = [exchange.market(spec.name) for spec in SPECS]
        self.wallet = address_of(key_of("us")) if signature_type == 0 else address_of(key_of("our wallet"))
        exchange.add_user(
            "us", address_of(key_of("us")), wallet=self.wallet, signature_type=signature_type, dollars=Decimal(1_000)
        )
        keys = exchange.add_api_key("us")
        secret = {
            "private_key": key_of("us").to_hex(),
            "api_key": keys.api_key,
            "api_secret": keys.secret,
            "api_passphrase": keys.passphrase,
        }
        if with_key:
            secret["relayer_api_key"] = exchange.add_relayer_key("us")
        options = {"signature_type": str(signature_type)} | ({"wallet": self.wallet} if signature_type else {})
        account = Account(
            account_id=ACCOUNT,
            venue="polymarket",
            environment="local",
            secret_name="keys",
            base_url=server.origin,
            options=options,
        )
        super().__init__(clock, account, secret, [market.tokens[0] for market in self.markets])

    def book(self, name: str, bid: int, ask: int) -> None:
        """Three levels a side, a cent apart; prices in cents."""
        levels = [((bid - level) * CENT, SCALE.size(500)) for level in range(3)]
        self.exchange.apply_snapshot(name, levels, [((ask + level) * CENT, SCALE.size(500)) for level in range(3)])

    def buy(self) -> None:
        """10 shares of every market at 48 cents, booked."""
        for market in self.markets:
            self.book(market.name, 49, 51)
        self.tick()
        for market in self.markets:
            self.book(market.name, 46, 48)
        self.tick()
        assert len([stored for stored in self.ledger.positions().values() if stored.position.size]) == len(self.markets)

    def settle(self, winner: int = 0) -> None:
        """Every market resolves, and execute books what it will pay."""
        for market in self.markets:
            self.exchange.resolve(market.name, winner)
        for _ in range(11):
            self.tick()
        assert not any(stored.position.size for stored in self.ledger.positions().values())

    def check(self, ports: Ports | None = None, after_ms: int = INTERVAL_MS) -> BracketsReport:
        """One interval later, one pass of the brackets job."""
        self.clock.sleep_ms(after_ms)
        return check_brackets(self.account, ports or self.ports, self.clock)

    @property
    def books(self) -> Books:
        """The exchange's own books of the account."""
        return self.exchange.books("us")

    @property
    def submits(self) -> int:
        """Requests to submit that reached the relayer's host."""
        return self.exchange.calls["POST /relayer/submit"]

    @property
    def states(self) -> list[str]:
        """The states of every record."""
        return sorted(record.state.value for record in Redemptions(self.store, ACCOUNT).all().values())

    def redemption_lines(self) -> list[str]:
        """The markets of the ledger's redemptions."""
        return sorted(line.market for line in self.ledger.lines() if line.kind is LedgerKind.REDEMPTION)

    def profit(self) -> int:
        """Cash by the ledger."""
        return sum(line.cash for line in self.ledger.lines())

    def worth(self) -> int:
        """Profit by the exchange's books, what can still be redeemed included."""
        books = self.books
        due = sum(
            books.tokens.get(token, 0) * market.payout(outcome)
            for market in self.markets
            if market.winner is not None
            for outcome, token in enumerate(market.tokens)
        )
        return books.profit + due


@contextmanager
def redemption_world(signature_type: int = 3, *, with_key: bool = True) -> Iterator[RedemptionWorld]:
    clock = VirtualClock(START_MS)
    exchange = PolymarketExchange(clock, seed=11)
    for spec in SPECS:
        exchange.add_market(spec)
    exchange.operator.set_settlement(mined_after_ms=0, confirmed_after_ms=0)
    server = PolymarketServer(exchange)
    with server:
        yield RedemptionWorld(server, exchange, clock, signature_type=signature_type, with_key=with_key)
