"""The exchange's own books of one user, exact and never lagging: for demos, tests and simulations, not on the wire."""

from collections import Counter

from msgspec import Struct, structs

from holdfast.core.market import Side
from local.venues.polymarket.accounts import User
from local.venues.polymarket.records import Order, Part, Redemption, Trade, TradeStatus
from local.venues.polymarket.state import ExchangeState


class Fill(Struct, frozen=True):
    """One part of a trade that is the user's. A FAILED one moved nothing."""

    trade_id: str
    status: TradeStatus
    is_taker: bool
    at_ms: int
    part: Part

    @property
    def counts(self) -> bool:
        """Whether it stands, as far as is known now."""
        return self.status is not TradeStatus.FAILED


class Books(Struct, frozen=True):
    """What a user has and did. Money and size units of SCALE.

    `cash` and `tokens` (by token id) are what there is once everything matched has settled, failures left out;
    `settled_*` is what the chain holds now, `cached_*` what the CLOB believes. `reserved_*` is held by resting
    orders. `sent_ids` counts how often each order hash reached the exchange, refused ones included.
    """

    user: str
    wallet: str
    cash: int
    settled_cash: int
    cached_cash: int
    deposits: int
    tokens: dict[str, int]
    settled_tokens: dict[str, int]
    cached_tokens: dict[str, int]
    token_deposits: dict[str, int]
    reserved_cash: dict[str, int]
    reserved_tokens: dict[str, int]
    open_orders: tuple[Order, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]
    redemptions: tuple[Redemption, ...]
    sent_ids: dict[str, int]
    market_tokens: dict[str, tuple[str, str]]

    @property
    def total_fees(self) -> int:
        """All fees of fills that stand."""
        return sum(fill.part.fee for fill in self.fills if fill.counts)

    @property
    def profit(self) -> int:
        """Cash beyond what was deposited, less the cost of what is still held."""
        return self.cash - self.deposits

    def position(self, token_id: str) -> int:
        """Shares of a token, matched ones included."""
        return self.tokens.get(token_id, 0)

    def imbalances(self) -> list[str]:
        """Where the books don't add up, in words; empty when nothing was made or lost."""
        fills = [fill for fill in self.fills if fill.counts]
        settled = [fill for fill in fills if fill.status in (TradeStatus.MINED, TradeStatus.CONFIRMED)]
        found = []
        for words, held, moved in (("cash", self.cash, fills), ("settled cash", self.settled_cash, settled)):
            due = self.deposits + sum(_cash(fill.part) for fill in moved)
            due += sum(row.payout for row in self.redemptions)
            if held != due:
                found.append(f"{words}: {held}, not {due}")
        for words, tokens, moved in (("tokens", self.tokens, fills), ("settled", self.settled_tokens, settled)):
            due_tokens = self._tokens_after(moved)
            found += [
                f"{words} of {token}: {held}, not {due_tokens[token]}"
                for token, held in tokens.items()
                if held != due_tokens[token]
            ]
        by_order: Counter[str] = Counter()
        for fill in self.fills:
            by_order[fill.part.order_id] += fill.part.size
        found += [f"order {o.order_id} matched {o.matched}" for o in self.orders if o.matched != by_order[o.order_id]]
        return found

    def _tokens_after(self, fills: list[Fill]) -> Counter[str]:
        due = Counter(self.token_deposits)
        for fill in fills:
            due[fill.part.token_id] += fill.part.size if fill.part.side is Side.BUY else -fill.part.size
        for row in self.redemptions:
            for token, size in zip(self.market_tokens[row.market], row.sizes, strict=True):
                due[token] -= size
        return due


def books(state: ExchangeState, user: User) -> Books:
    """The books of a user at this moment, as copies that later events don't change."""
    trades = tuple(history.latest for history in user.seen_trades.values())
    fills = tuple(
        Fill(trade.trade_id, trade.status, part is trade.taker, trade.matched_at_ms, part)
        for trade in trades
        for part in trade.parts
        if part.user == user.name
    )
    orders = tuple(structs.replace(order) for order in user.orders.values())
    resting = tuple(order for order in orders if order.end is None)
    reserved_cash: Counter[str] = Counter()
    reserved_tokens: Counter[str] = Counter()
    for order in resting:
        if order.side is Side.BUY:
            reserved_cash[order.market] += order.reserved
        else:
            reserved_tokens[order.token_id] += order.reserved
    return Books(
        user=user.name,
        wallet=user.wallet,
        cash=user.cash.final,
        settled_cash=user.cash.settled,
        cached_cash=user.cash.cached,
        deposits=user.cash.deposited,
        tokens={token: balance.final for token, balance in user.tokens.items()},
        settled_tokens={token: balance.settled for token, balance in user.tokens.items()},
        cached_tokens={token: balance.cached for token, balance in user.tokens.items()},
        token_deposits={token: balance.deposited for token, balance in user.tokens.items()},
        reserved_cash=dict(reserved_cash),
        reserved_tokens=dict(reserved_tokens),
        open_orders=resting,
        orders=orders,
        fills=fills,
        trades=trades,
        redemptions=tuple(user.redemptions),
        sent_ids={order_id: state.sent[order_id] for order_id in user.orders},
        market_tokens={market.name: market.tokens for market in state.markets.values()},
    )


def _cash(part: Part) -> int:
    """Reckoned apart from what was booked: price times size, and the fee."""
    value = part.price * part.size
    return (-value if part.side is Side.BUY else value) - part.fee
