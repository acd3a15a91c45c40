"""Users, their wallets, and what an order may still use (facts polymarket section 5).

A wallet's balances change on the chain when a trade settles. The CLOB decides on its own cached copy of them, which
follows later or on request. What a trade will move counts as matched until the copy shows it:

- a sell may use: cached tokens - matched sells - open sells of that token;
- a buy may use: cached pUSD - matched buys of every market - open buys of the same market. The venue says "for each
  market" and leaves open whether other markets' orders count: they don't, and orders that a fill elsewhere left
  uncovered are cancelled.

What a trade brings is never usable before the copy shows it.
"""

from collections.abc import Iterable

from msgspec import Struct, structs

from holdfast.core.market import Side
from local.venues.history import LONGEST_LAG_MS, History
from local.venues.polymarket.limits import SignerBuckets
from local.venues.polymarket.records import Credentials, Order, Part, Redemption, Trade


class Effect(Struct):
    """What one trade moves in one balance, until the CLOB's copy shows it."""

    trade_id: str
    change: int
    settled: bool = False


class Balance:
    """One asset of one wallet: `settled` on the chain, `cached` as the CLOB knows it."""

    __slots__ = ("cached", "deposited", "effects", "settled")

    def __init__(self) -> None:
        self.settled = self.cached = self.deposited = 0
        self.effects: list[Effect] = []

    def deposit(self, amount: int) -> None:
        """Put in, or with a negative amount take out. The copy follows at once."""
        self.deposited += amount
        self.settled += amount
        self.cached += amount

    def expect(self, trade_id: str, change: int) -> None:
        """A trade matched."""
        self.effects.append(Effect(trade_id, change))

    def settle(self, trade_id: str) -> None:
        """A trade reached the chain."""
        for effect in self.effects:
            if effect.trade_id == trade_id and not effect.settled:
                effect.settled = True
                self.settled += effect.change

    def void(self, trade_id: str) -> None:
        """A trade failed: it moves nothing."""
        self.effects = [effect for effect in self.effects if effect.trade_id != trade_id]

    def refresh(self, trade_id: str | None = None) -> None:
        """Bring the copy up to date, for one trade or all."""
        shown = [e for e in self.effects if e.settled and trade_id in (None, e.trade_id)]
        self.cached += sum(effect.change for effect in shown)
        self.effects = [effect for effect in self.effects if effect not in shown]

    @property
    def matched(self) -> int:
        """What matched trades will take out and the copy still shows."""
        return -sum(effect.change for effect in self.effects if effect.change < 0)

    @property
    def final(self) -> int:
        """What it will be once everything that matched has settled."""
        return self.settled + sum(effect.change for effect in self.effects if not effect.settled)


class Room(Struct, frozen=True):
    """What an order may use, as the venue reckons it. Money or size units."""

    balance: int
    active: int
    matched: int

    @property
    def free(self) -> int:
        """What is left."""
        return self.balance - self.active - self.matched


class User:
    """One trader: the key that signs, the wallet that holds, and everything that they did."""

    def __init__(self, name: str, address: str, wallet: str, signature_type: int, buckets: SignerBuckets) -> None:
        self.name, self.address, self.wallet = name, address.lower(), wallet.lower()
        self.signature_type, self.buckets = signature_type, buckets
        self.cash = Balance()
        self.tokens: dict[str, Balance] = {}
        self.revoked: set[str] = set()
        self.banned = self.closed_only = False
        self.keys: dict[int, Credentials] = {}
        self.orders: dict[str, Order] = {}
        self.open: dict[str, dict[str, Order]] = {}
        self.seen_orders: dict[str, History[Order]] = {}
        self.seen_trades: dict[str, History[Trade]] = {}
        self.redemptions: list[Redemption] = []
        self.heartbeats: dict[str, str] = {}
        self._lately: dict[str, int] = {}

    def balance_of(self, token_id: str) -> Balance:
        """The balance of an outcome token."""
        return self.tokens.setdefault(token_id, Balance())

    def room(self, market: str, token_id: str, side: Side) -> Room:
        """What a further order of this side may use."""
        orders = self.open.get(market, {}).values()
        if side is Side.SELL:
            held = self.balance_of(token_id)
            active = sum(o.reserved for o in orders if o.side is Side.SELL and o.token_id == token_id)
        else:
            held = self.cash
            active = sum(o.reserved for o in orders if o.side is Side.BUY)
        return Room(held.cached, active, held.matched)

    def apply(self, trade: Trade, part: Part) -> None:
        """Expect what a trade moves."""
        self.cash.expect(trade.trade_id, part.cash_change)
        self.balance_of(part.token_id).expect(trade.trade_id, part.token_change)

    def balances(self) -> Iterable[Balance]:
        """Every balance."""
        return (self.cash, *self.tokens.values())

    def record_order(self, order: Order, at_ms: int) -> None:
        """Keep a new version of an order for reads, and whether it is open."""
        orders = self.open.setdefault(order.market, {})
        if order.end is None:
            orders[order.order_id] = order
            self._lately[order.order_id] = 0
        elif orders.pop(order.order_id, None) is not None or order.order_id not in self._lately:
            self._lately[order.order_id] = at_ms
        version = structs.replace(order)
        history = self.seen_orders.get(order.order_id)
        if history is None:
            self.seen_orders[order.order_id] = History(at_ms, version)
        else:
            history.record(at_ms, version)

    def lately_open(self, now_ms: int) -> list[History[Order]]:
        """Orders that rest now or did when the oldest possible read was true, newest first."""
        over = [key for key, ended_ms in self._lately.items() if ended_ms and ended_ms < now_ms - LONGEST_LAG_MS]
        for key in over:
            del self._lately[key]
        return [self.seen_orders[key] for key in reversed(self._lately)]

    def record_trade(self, trade: Trade, at_ms: int) -> None:
        """Keep a new version of a trade for reads."""
        version = structs.replace(trade)
        history = self.seen_trades.get(trade.trade_id)
        if history is None:
            self.seen_trades[trade.trade_id] = History(at_ms, version)
        else:
            history.record(at_ms, version)
