"""One position's life at the local Polymarket exchange, judged by the exchange's own books after every tick."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from holdfast.clock import VirtualClock
from holdfast.core.bracket import ExitSource
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.positions import LedgerKind
from holdfast.core.trade import Trade
from holdfast.jobs.brackets import BracketsReport
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import TickReport
from holdfast.state.accounts import Account, MemorySecrets
from local.venues.polymarket import (
    SCALE,
    Fault,
    FaultKind,
    FeeSchedule,
    Fill,
    MarketSpec,
    PolymarketExchange,
    PolymarketServer,
)
from local.venues.polymarket.records import Order
from tests.jobs.bracket_world import CHECK_MS, Protected
from tests.jobs.polymarket_world import CENT, PolymarketWorld
from tests.local.polymarket_trader import START_MS, address_of, key_of

MARKET = "m-1"
SHARE = SCALE.size(1)
PLACE = "POST /order"
CANCEL = "DELETE /order"
LISTS = "GET /data/orders"
TRADES = "GET /data/trades"
BOOKS = "POST /books"
REFRESH = "GET /balance-allowance/update"


class TokenLife(Protected):
    """A position in one token of the market. Prices in cents of the held token, sizes in shares.

    After every tick the exchange's books must show that nothing was oversold.
    """

    def __init__(self, made: PolymarketWorld, outcome: int = 0) -> None:
        self.token = made.exchange.market(MARKET).tokens[outcome]
        super().__init__(made, self.token)
        self.made, self.outcome = made, outcome
        self.may_sell_others = False

    # The market, in prices of the held token.

    def market_at(self, bid: int, ask: int, size: int = 500) -> None:
        """Three levels a side, a cent apart."""
        bids = [(bid - level, size) for level in range(3)]
        self.bids(*bids, asks=tuple((ask + level, size) for level in range(3)))

    def bids(self, *levels: tuple[int, int], asks: tuple[tuple[int, int], ...] = ()) -> None:
        """Exactly these bids and asks, (price, size) each."""
        own_bids, own_asks = [(p * CENT, s * SHARE) for p, s in levels], [(p * CENT, s * SHARE) for p, s in asks]
        if self.outcome:
            own_bids, own_asks = ([(SCALE.one - p, s) for p, s in side] for side in (own_asks, own_bids))
        self.made.exchange.apply_snapshot(MARKET, own_bids, own_asks)

    def taken(self, price: int, size: int) -> None:
        """Somebody buys this much of the held token at a price, and is gone again."""
        side, at = (Side.BUY, price) if not self.outcome else (Side.SELL, 100 - price)
        self.made.exchange.apply_level(MARKET, side, at * CENT, size * SHARE)
        self.made.exchange.apply_level(MARKET, side, at * CENT, 0)

    def sold_by_others(self, price: int, size: int = 1) -> None:
        """A trade between others, the held token sold at a price."""
        side, at = (Side.BUY, 100 - price) if self.outcome else (Side.SELL, price)
        self.made.exchange.apply_trade(MARKET, at * CENT, size * SHARE, side)

    def fault(self, kind: FaultKind, endpoint: str, **given: int) -> None:
        """Let a fault wait at the exchange."""
        self.made.exchange.faults.add(Fault(kind, endpoint, **given))

    # Ticks.

    def enter(self, **given: object) -> TickReport:
        """Ask for an entry, and let execute's next tick make it."""
        report = super().enter(**given)
        self.assert_sound()
        return report

    def check(self, after_ms: int = CHECK_MS, ports: Ports | None = None) -> BracketsReport:
        """One tick of the brackets job, and nothing oversold by it."""
        report = super().check(after_ms, ports)
        self.assert_sound()
        return report

    def protected(self, **given: object) -> None:
        """Entered, and found in order by a tick of the brackets job after that."""
        self.enter(**given)
        self.check()

    def until_over(self, checks: int = 10) -> None:
        """Ticks of the brackets job until the bracket is closed."""
        for _ in range(checks):
            if self.token not in self.brackets.open():
                return
            self.check()
        raise AssertionError(f"still open after {checks} checks: {self.brackets.open()[self.token]}")

    # What the exchange has in its books.

    def _fills(self, side: Side) -> list[Fill]:
        fills = self.made.books.fills
        return [fill for fill in fills if fill.counts and fill.part.token_id == self.token and fill.part.side is side]

    @property
    def bought(self) -> int:
        """What stands of everything that was bought, size units."""
        return sum(fill.part.size for fill in self._fills(Side.BUY))

    @property
    def held(self) -> int:
        """What stands of what was bought and not sold, size units."""
        return self.bought - sum(fill.part.size for fill in self._fills(Side.SELL))

    @property
    def shares(self) -> int:
        """The same in whole shares."""
        return self.held // SHARE

    @property
    def resting(self) -> list[tuple[int, int]]:
        """(price in cents, whole shares left) of every order of the account that rests on the token."""
        orders = [order for order in self.made.books.open_orders if order.token_id == self.token]
        return sorted((order.price // CENT, order.remaining // SHARE) for order in orders)

    def orders(self, purpose: Purpose) -> list[Order]:
        """Every order of one purpose that the exchange took, oldest first."""
        mine = [order for order in self.made.books.orders if order.token_id == self.token]
        known = self.made.journal.known_orders([order.order_id for order in mine])
        named = (entry for entry in self.made.journal.live() if entry.purpose is purpose)
        ids = {key for key, order in known.items() if order.purpose is purpose}
        ids |= {item.order_id for entry in named for item in entry.items}
        return [order for order in mine if order.order_id in ids]

    @property
    def exits(self) -> list[tuple[int, int]]:
        """(sent, sold) in whole shares of every exit that the exchange took."""
        return [(order.size // SHARE, order.matched // SHARE) for order in self.orders(Purpose.EXIT)]

    @property
    def trade(self) -> Trade:
        (trade,) = (trade for trade in self.trades if trade.market == self.token)
        return trade

    # Judgement.

    def assert_sound(self) -> None:
        """never-oversell and one identity an order, by the exchange's books: at no fill, and by nothing that rests."""
        books = self.made.books
        net: Counter[str] = Counter()
        for fill in books.fills:
            if fill.counts:
                net[fill.part.token_id] += fill.part.size if fill.part.side is Side.BUY else -fill.part.size
                assert net[fill.part.token_id] >= 0 or self.may_sell_others, f"more was sold than was bought: {net}"
        offered: Counter[str] = Counter()
        for order in books.open_orders:
            offered[order.token_id] += order.remaining if order.side is Side.SELL else 0
        assert all(size <= net[token] for token, size in offered.items()), f"{offered} rest to be sold of {net}"
        assert books.imbalances() == []

    def assert_over(self, source: ExitSource) -> Trade:
        """Flat but for named dust, nothing rests, one trade with one source, our ledger is the exchange's."""
        assert self.token not in self.brackets.open()
        assert self.resting == []
        trade = self.trade
        assert trade.source is source
        events = [event for event in self.made.events("EXIT_SOURCE") if event["market"] == self.token]
        assert [event["source"] for event in events] == [source.value]
        assert source is ExitSource.MARKET_RESOLVED or 0 <= self.held == self.dust
        self.assert_ledger()
        return trade

    @property
    def dust(self) -> int:
        """What the ledger wrote off by name, size units."""
        lines = self.made.ledger.lines()
        return sum(line.size for line in lines if line.kind is LedgerKind.DUST and line.market == self.token)

    def assert_ledger(self) -> None:
        """Fill-once, shares but for named dust, and cash: equal to the unit."""
        books, lines = self.made.books, self.made.ledger.lines()
        mine = {kind: {line.key for line in lines if line.kind is kind} for kind in LedgerKind}
        reversed_keys = {key.removesuffix("#void") for key in mine[LedgerKind.REVERSAL]}
        stands = {f"{fill.trade_id}#{fill.part.order_id}" for fill in books.fills if fill.counts}
        assert mine[LedgerKind.FILL] - reversed_keys == stands
        assert sum(line.cash for line in lines) == books.profit + self.payouts
        assert sum(line.fee for line in lines) == books.total_fees

    @property
    def payouts(self) -> int:
        """What resolved shares will still pay, money units."""
        books, market = self.made.books, self.made.exchange.market(MARKET)
        if market.winner is None:
            return 0
        return books.tokens.get(market.tokens[market.winner], 0) * SCALE.one


def wallet_of(signature_type: int) -> str:
    """The address that holds the money: the key's own for type 0."""
    return address_of(key_of("us" if signature_type == 0 else "our wallet"))


@contextmanager
def token_life(
    *,
    outcome: int = 0,
    spec: MarketSpec | None = None,
    signature_type: int = 0,
    options: dict[str, str] | None = None,
    with_relayer: bool = False,
) -> Iterator[TokenLife]:
    """Polymarket, m-1 at 49 to 51 cents of the held token, nothing quoted; takers pay 4 % of p(1 - p)."""
    clock = VirtualClock(START_MS)
    exchange = PolymarketExchange(clock, seed=7)
    exchange.add_market(spec or MarketSpec(MARKET, fees=FeeSchedule(Decimal("0.04"))))
    wallet = wallet_of(signature_type)
    exchange.add_user(
        "us", address_of(key_of("us")), wallet=wallet, signature_type=signature_type, dollars=Decimal(1_000)
    )
    server = PolymarketServer(exchange)
    with server:
        made = PolymarketWorld(server, exchange, clock, 1)
        given = {"tier": "standard"} | (options or {})
        if signature_type:
            given |= {"signature_type": str(signature_type), "wallet": wallet}
        account = made.account
        made.account = Account(
            account_id=account.account_id,
            venue=account.venue,
            environment=account.environment,
            secret_name=account.secret_name,
            base_url=account.base_url,
            options=given,
        )
        if with_relayer:
            secret = made.secrets.read("keys")
            made.secrets = MemorySecrets({"keys": secret | {"relayer_api_key": exchange.add_relayer_key("us")}})
        made.ports = made.writer("w1")
        made.configs.remove(made.tokens[0])
        made.switch(max_trade_size="100")
        lived = TokenLife(made, outcome)
        lived.market_at(49, 51)
        yield lived
        lived.assert_sound()
