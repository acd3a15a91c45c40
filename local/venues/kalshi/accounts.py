"""Users and their money: balances per shard, netted positions, collateral of resting orders.

The books are kept exactly: for every shard cash == deposits + revenue of fills - fees + settlements.

Collateral. A bid pays its price, an ask pays 1 - price, but only for the part that opens: what an order closes
needs none (facts kalshi section 5). Which part opens is not stated by the venue for several orders on one position;
here the position covers the orders of one side in the order in which they would match, best price first, and every
other contract reserves its full price and the maker fee. So whatever fills in whatever order, the reserve pays for it.
Only the rounding of fees can take a balance below zero, by less than one step of its precision per fill.
"""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct, structs

from holdfast.core.market import Side
from local.venues.history import LONGEST_LAG_MS, History
from local.venues.kalshi.fees import FeeModel, Precision
from local.venues.kalshi.limits import Allowance
from local.venues.kalshi.markets import Market
from local.venues.kalshi.records import FillRow, Holding, Order, SettlementRow
from local.venues.kalshi.wire import ONE


class Bidding(Protocol):
    """What collateral looks at in an order."""

    side: Side
    price: int
    remaining: int
    sequence: int


def collateral(position: int, orders: Iterable[Bidding], fees: FeeModel) -> int:
    """What the resting orders of one account in one market reserve, money units."""
    reserved = 0
    uncovered = {Side.BUY: max(-position, 0), Side.SELL: max(position, 0)}
    for order in sorted(orders, key=_matching_order):
        closing = min(order.remaining, uncovered[order.side])
        uncovered[order.side] -= closing
        opening = order.remaining - closing
        reserved += opening * unit_cost(order.side, order.price)
        reserved += fees.trade_fee(order.price, opening, is_taker=False)
    return reserved


def unit_cost(side: Side, price: int) -> int:
    """What one unit of the outcome costs that an order on this side takes."""
    return price if side is Side.BUY else ONE - price


def traded(holding: Holding, side: Side, price: int, size: int, at_ms: int) -> tuple[Holding, int]:
    """The holding after a trade, without its fee, and the revenue: closing pays out, opening pays in.

    What is closed takes its share of the cost, rounded down.
    """
    signed = size if side is Side.BUY else -size
    closing = min(size, max(-holding.size if side is Side.BUY else holding.size, 0))
    opening = size - closing
    cost, realized, revenue = holding.cost, holding.realized, 0
    if closing:
        released = cost * closing // abs(holding.size)
        paid = closing * unit_cost(side.opposite, price)
        cost, realized, revenue = cost - released, realized + paid - released, paid
    spent = opening * unit_cost(side, price)
    after = structs.replace(
        holding,
        size=holding.size + signed,
        cost=cost + spent,
        realized=realized,
        traded=holding.traded + revenue + spent,
        updated_at_ms=at_ms,
    )
    return after, revenue - spent


class Account:
    """The money and positions of one subaccount of a user."""

    def __init__(self, subaccount: int) -> None:
        self.subaccount = subaccount
        self.cash: dict[int, int] = {}
        self.deposits: Counter[int] = Counter()
        self.holdings: dict[str, History[Holding]] = {}
        self.orders: dict[str, dict[str, Order]] = {}
        self._reserves: dict[str, int] = {}
        self._reserved: Counter[int] = Counter()
        self._available: dict[int, History[int]] = {}

    def deposit(self, shard: int, amount: int, at_ms: int) -> None:
        """Fund a shard. From then on the account can trade there."""
        self.cash[shard] = self.cash.get(shard, 0) + amount
        self.deposits[shard] += amount
        self.record_balance(shard, at_ms)

    def available(self, shard: int) -> int:
        """Cash less what resting orders reserve."""
        return self.cash[shard] - self._reserved[shard]

    def reserved(self, shard: int) -> int:
        """What resting orders reserve."""
        return self._reserved[shard]

    def reserve_of(self, ticker: str) -> int:
        """What resting orders in one market reserve."""
        return self._reserves.get(ticker, 0)

    def position(self, ticker: str) -> int:
        """The signed net position."""
        history = self.holdings.get(ticker)
        return history.latest.size if history else 0

    def holding(self, market: Market, at_ms: int) -> Holding:
        """The holding in a market, flat where there was none."""
        history = self.holdings.get(market.ticker)
        if history:
            return history.latest
        return Holding(market.ticker, market.shard, market.event, updated_at_ms=at_ms)

    def record_holding(self, holding: Holding, at_ms: int) -> None:
        """Keep a new version of a holding."""
        history = self.holdings.get(holding.ticker)
        if history:
            history.record(at_ms, holding)
        else:
            self.holdings[holding.ticker] = History(at_ms, holding)

    def update_reserve(self, market: Market, at_ms: int) -> None:
        """Reckon anew what the orders in one market reserve, after any change of them or of the position."""
        orders = self.orders.get(market.ticker, {})
        reserve = collateral(self.position(market.ticker), orders.values(), market.series.fees) if orders else 0
        self._reserved[market.shard] += reserve - self._reserves.get(market.ticker, 0)
        self._reserves[market.ticker] = reserve
        self.record_balance(market.shard, at_ms)

    def record_balance(self, shard: int, at_ms: int) -> None:
        """Keep a new version of the available balance."""
        available = self.available(shard)
        history = self._available.get(shard)
        if history is None:
            self._available[shard] = History(at_ms, available)
        elif history.latest != available:
            history.record(at_ms, available)

    def available_at(self, as_of_ms: int) -> dict[int, int]:
        """Available balances by shard as they were."""
        seen = {shard: history.at(as_of_ms) for shard, history in sorted(self._available.items())}
        return {shard: available for shard, available in seen.items() if available is not None}


class ApiKey(Struct, frozen=True):
    """One API key as its owner sees it. `subaccount` None: it works on all of them."""

    key_id: str
    scopes: tuple[str, ...] = ("read", "write")
    subaccount: int | None = None


class User:
    """One member: keys, tier, accounts, and everything that it did.

    `attested_until_s`: when the attestation of its location lapses, 0 where it never attested.
    """

    def __init__(self, user_id: str, name: str, precision: Precision, allowance: Allowance) -> None:
        self.user_id, self.name, self.precision, self.allowance = user_id, name, precision, allowance
        self.accounts: dict[int, Account] = {0: Account(0)}
        self.api_keys: list[ApiKey] = []
        self.attested_until_s = 0
        self.client_order_ids: dict[str, str] = {}
        self.sent_ids: Counter[str] = Counter()
        self.orders: dict[str, Order] = {}
        self.seen_orders: dict[str, History[Order]] = {}
        self.fills: list[FillRow] = []
        self.settlements: list[SettlementRow] = []
        self._lately: dict[str, History[Order]] = {}
        self._ended: deque[tuple[int, str]] = deque()

    def record_order(self, order: Order, at_ms: int) -> None:
        """Keep a new version of an order for reads."""
        version = structs.replace(order)
        history = self.seen_orders.get(order.order_id)
        if history is None:
            history = self.seen_orders[order.order_id] = self._lately[order.order_id] = History(at_ms, version)
        else:
            history.record(at_ms, version)
        if order.end is not None:
            self._ended.append((at_ms, order.order_id))

    def lately_open(self, now_ms: int) -> Iterable[History[Order]]:
        """Orders that rest now or did when the oldest possible read was true, newest first."""
        while self._ended and self._ended[0][0] < now_ms - LONGEST_LAG_MS:
            self._lately.pop(self._ended.popleft()[1], None)
        return reversed(self._lately.values())


def _matching_order(order: Bidding) -> tuple[int, int]:
    return (-order.price if order.side is Side.BUY else order.price, order.sequence)
