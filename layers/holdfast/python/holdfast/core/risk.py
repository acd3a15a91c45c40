"""Risk of a whole account and of one market's inventory: what must stop, and what must be flattened.

Money is in money units, computed from positions, open orders and best prices alone.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from holdfast.core.book import Top
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketRules, Side
from holdfast.core.orders import OpenOrder, Purpose, TargetOrder, TimeInForce
from holdfast.core.positions import Position, executable_value, unrealized

DAY_MS = 86_400_000


class RiskLimits(Struct, frozen=True):
    """What an account may at most lose in a UTC day, have at risk in all and in one market, and have resting."""

    daily_loss: int
    gross_exposure: int
    market_exposure: int
    open_orders: int

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) <= 0:
                raise InvalidInputError(name, getattr(self, name), "more than 0")


class AccountExposure(Struct, frozen=True):
    """Where an account stands against its limits. `per_market` and `gross` are what could be lost at worst."""

    daily_pnl: int
    gross: int
    per_market: dict[str, int]
    open_orders: int


class LimitName(StrEnum):
    """Which limit was reached."""

    DAILY_LOSS = "daily_loss"
    GROSS_EXPOSURE = "gross_exposure"
    MARKET_EXPOSURE = "market_exposure"
    OPEN_ORDERS = "open_orders"


class HaltReason(Struct, frozen=True):
    """One limit that was reached; `market` where it is one market's."""

    name: LimitName
    limit: int
    actual: int
    market: str = ""


class Halt(Struct, frozen=True):
    """Quotes and entries must stop; exits go on. At least one reason."""

    reasons: tuple[HaltReason, ...]


class AccountPnl(Struct, frozen=True):
    """P&L since the ledger began, open sizes at the executable price.

    `blind` names the markets with an open size and no price at all; they count at cost. `unrealized` is the part of
    each other open size.
    """

    total: int
    blind: tuple[str, ...]
    unrealized: dict[str, int]


class DayMark(Struct, frozen=True):
    """The account's total P&L when its UTC day began for us. `day` counts days since 1970.

    `blind`: markets whose open size counts at cost in it, because no price has been seen since.
    """

    day: int
    pnl_at_start: int
    blind: tuple[str, ...] = ()


class InventoryStop(Struct, frozen=True):
    """When a quoted market is flattened, and how.

    `stop_loss`: unrealised loss in money units. `slippage_ticks`: how far beyond the best price the order may trade.
    `max_spread`: a wider book (price units) is no market to sell into, e.g. one abandoned bid.
    """

    stop_loss: int
    slippage_ticks: int
    max_spread: int

    def __post_init__(self) -> None:
        for name, least in (("stop_loss", 1), ("slippage_ticks", 0), ("max_spread", 1)):
            if getattr(self, name) < least:
                raise InvalidInputError(name, getattr(self, name), f"{least} or more")


class FlattenDecision(Struct, frozen=True):
    """The order that flattens a market (RISK_FLATTEN) and the loss that calls for it.

    `target` None is blind: the stop may be due, but the book has no price that can be trusted. The job alarms.
    """

    market: str
    loss: int | None
    target: TargetOrder | None

    @property
    def is_blind(self) -> bool:
        """Whether nothing can be sent although the stop may be due."""
        return self.target is None


def should_halt(limits: RiskLimits, exposure: AccountExposure) -> Halt | None:
    """Every limit that is reached (a loss) or passed (the others); None where there is none."""
    reasons = []
    if -exposure.daily_pnl >= limits.daily_loss:
        reasons.append(HaltReason(LimitName.DAILY_LOSS, limits.daily_loss, -exposure.daily_pnl))
    if exposure.gross > limits.gross_exposure:
        reasons.append(HaltReason(LimitName.GROSS_EXPOSURE, limits.gross_exposure, exposure.gross))
    for market, actual in sorted(exposure.per_market.items()):
        if actual > limits.market_exposure:
            reasons.append(HaltReason(LimitName.MARKET_EXPOSURE, limits.market_exposure, actual, market))
    if exposure.open_orders > limits.open_orders:
        reasons.append(HaltReason(LimitName.OPEN_ORDERS, limits.open_orders, exposure.open_orders))
    return Halt(tuple(reasons)) if reasons else None


def exposure_of(
    positions: Iterable[Position], orders: Iterable[OpenOrder], one: int | None, daily_pnl: int
) -> AccountExposure:
    """What could be lost at worst: in each market the greater of the two directions its orders can take it.

    Towards where the position is, that is its cost and all orders of that side. Away from it, the position is
    closed first (by the cheapest orders, the worst case) and what is left of that side opens the other outcome.
    Both can't happen at once: a pair of outcomes is redeemed. Where nothing nets, a sale opens nothing.
    """
    held = {position.market: position for position in positions}
    legs: dict[str, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    count = 0
    for order in orders:
        count += 1
        buys, sells = legs.setdefault(order.market, ([], []))
        if order.side is Side.BUY:
            buys.append((order.price, order.remaining))
        elif one is not None:
            sells.append((one - order.price, order.remaining))
    per_market = {}
    for market in held.keys() | legs.keys():
        position = held.get(market) or Position(market)
        buys, sells = legs.get(market, ([], []))
        up = _opening_cost(buys, max(-position.size, 0))
        down = _opening_cost(sells, max(position.size, 0))
        cost = abs(position.cost)
        worst = max(cost, cost + up if position.size >= 0 else up, cost + down if position.size <= 0 else down)
        if worst:
            per_market[market] = worst
    return AccountExposure(daily_pnl, sum(per_market.values()), per_market, count)


def account_pnl(positions: Iterable[Position], tops: Mapping[str, Top], one: int | None) -> AccountPnl:
    """P&L of these positions, flat ones included: pass every position that the day's mark counted.

    Where a book has only its other side nobody pays anything for the open size, and it counts as nothing.
    """
    total = 0
    blind = []
    open_pnl: dict[str, int] = {}
    for position in positions:
        top = tops.get(position.market)
        if position.size and (top is None or (top.bid is None and top.ask is None)):
            blind.append(position.market)
            total += position.cash + position.cost
        else:
            value = executable_value(position, top.bid, top.ask, one) if top else 0
            total += position.cash + (value or 0)
            if position.size:
                open_pnl[position.market] = (value or 0) - position.cost
    return AccountPnl(total, tuple(sorted(blind)), open_pnl)


def roll(mark: DayMark | None, pnl: AccountPnl, now_ms: int) -> DayMark:
    """The mark of the UTC day of `now_ms`: the same object within the day, else one that starts at `pnl`.

    A market without a price when the day began starts it at its first price: what was lost before is no loss of today.
    """
    day = now_ms // DAY_MS
    if mark is None or mark.day < day:
        return DayMark(day, pnl.total, pnl.blind)
    seen = [market for market in mark.blind if market not in pnl.blind]
    if not seen:
        return mark
    known = sum(pnl.unrealized.get(market, 0) for market in seen)
    return DayMark(mark.day, mark.pnl_at_start + known, tuple(market for market in mark.blind if market not in seen))


def should_flatten(
    position: Position, top: Top, rules: MarketRules, one: int | None, stop: InventoryStop, *, decision_id: str
) -> FlattenDecision | None:
    """Flatten a quoted market whose unrealised loss at the executable price has reached the stop.

    None where the loss is smaller, also where it could not be greater at any price, and where the size is dust.
    """
    size = rules.snap_size(abs(position.size))
    if not size or (_loss_is_bounded(position, one) and position.cost < stop.stop_loss):
        return None
    pnl = unrealized(position, top.bid, top.ask, one)
    if pnl is not None and -pnl < stop.stop_loss:
        return None
    loss = None if pnl is None else -pnl
    if top.bid is None or top.ask is None or not 0 < top.ask - top.bid <= stop.max_spread:
        return FlattenDecision(position.market, loss, None)
    side = Side.SELL if position.size > 0 else Side.BUY
    target = TargetOrder(
        market=position.market,
        side=side,
        price=_protected_price(top.bid if side is Side.SELL else top.ask, side, rules, stop.slippage_ticks),
        size=size,
        purpose=Purpose.EXIT,
        leg="flatten",
        post_only=False,
        time_in_force=TimeInForce.IMMEDIATE,
        reduce_only=True,
        decision_id=decision_id,
    )
    return FlattenDecision(position.market, loss, target)


def share_failed(failed: int, total: int) -> bool:
    """Whether more than half of a tick's operations failed."""
    return failed * 2 > total


def _opening_cost(legs: list[tuple[int, int]], reducible: int) -> int:
    """What the orders of one side cost beyond the part that reduces; each is (cost of one unit, size)."""
    total = 0
    for unit, size in sorted(legs) if reducible else legs:
        reducing = min(size, reducible)
        reducible -= reducing
        total += unit * (size - reducing)
    return total


def _loss_is_bounded(position: Position, one: int | None) -> bool:
    """Whether no more than the cost can be lost: not where a negative size is no outcome of its own."""
    return position.size > 0 or one is not None


def _protected_price(best: int, side: Side, rules: MarketRules, ticks: int) -> int:
    """The best price moved by `ticks` against us, never off the market's range."""
    price = best
    for _ in range(ticks):
        price += rules.tick_at(price, Side.SELL) if side is Side.BUY else -rules.tick_at(price, Side.BUY)
    return min(max(price, rules.lowest), rules.highest)
