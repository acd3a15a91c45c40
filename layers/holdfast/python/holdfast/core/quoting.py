"""Two-sided quotes around the book's own price, skewed against inventory.

    fair        = midway between what selling and what buying `fair_depth` would average at, on the net book
    reservation = fair - skew x inventory / max_position
    bid, ask    = reservation -/+ half_spread, each further level `level_step` ticks away

So the fair price leans towards the thinner side, and a small order that someone places ahead of the market to move
our quotes moves them only by its share. The skew is Avellaneda and Stoikov's inventory term, linear, but its
weight is a price that a person sets: their factor of time left has no meaning for a market that is left before its
end, and turns negative where it is computed carelessly. Prices are clamped one tick behind the opposite best and
snapped away from the market, so most small moves of the fair price end on the same tick and leave orders (and their
queue places) alone. There is no further hysteresis: a strategy keeps no state.
"""

from decimal import Decimal
from functools import lru_cache
from typing import ClassVar

from msgspec import Struct

from holdfast.core.book import OrderBook
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import Purpose, TargetOrder
from holdfast.core.positions import Position
from holdfast.core.scale import Scale
from holdfast.core.strategy import MarketView, quiet_reason

MAX_LEVELS = 10
_LEGS = {
    Side.BUY: tuple(f"bid-{level}" for level in range(MAX_LEVELS)),
    Side.SELL: tuple(f"ask-{level}" for level in range(MAX_LEVELS)),
}


class QuoteUnits(Struct, frozen=True):
    """A config's values in a venue's units; times in ms."""

    half_spread: int
    size: int
    levels: int
    level_step: int
    fair_depth: int
    skew: int
    max_position: int
    min_market_spread: int
    max_market_spread: int
    lowest_price: int
    highest_price: int
    quiet_before_close_ms: int
    stale_after_ms: int


class QuoteConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of InventorySkewQuotes, as people write them: prices and sizes are decimal numbers.

    `half_spread`: distance of each side's first quote from the reservation price. `size`: of each quote. `levels`:
    quotes a side, `level_step` ticks apart. `fair_depth`: the size that the fair price is taken from. `skew`: how far
    the reservation price moves at full inventory. `max_position`: no quote could take the inventory beyond it, either
    way; the side that reduces goes on. Quiet while less than `fair_depth` rests on a side, while the best prices are
    closer than `min_market_spread` (nothing to earn) or the averages over `fair_depth` farther apart than
    `max_market_spread` (no price to trust), while the fair price is outside `lowest_price` to `highest_price` (no
    quote is placed outside either), in the last `quiet_before_close_seconds`, and on a book older than
    `stale_after_seconds`.
    """

    half_spread: Decimal = Decimal("0.02")
    size: Decimal = Decimal(10)
    levels: int = 1
    level_step: int = 1
    fair_depth: Decimal = Decimal(10)
    skew: Decimal = Decimal("0.02")
    max_position: Decimal = Decimal(100)
    min_market_spread: Decimal = Decimal(0)
    max_market_spread: Decimal = Decimal("0.20")
    lowest_price: Decimal = Decimal("0.05")
    highest_price: Decimal = Decimal("0.95")
    quiet_before_close_seconds: int = 300
    stale_after_seconds: int = 10

    def __post_init__(self) -> None:
        for name in ("half_spread", "size", "fair_depth", "max_position", "max_market_spread", "highest_price"):
            _require(name, getattr(self, name), getattr(self, name).is_finite() and getattr(self, name) > 0, "above 0")
        for name in ("skew", "min_market_spread", "lowest_price"):
            value = getattr(self, name)
            _require(name, value, value.is_finite() and value >= 0, "0 or more")
        _require("levels", self.levels, 1 <= self.levels <= MAX_LEVELS, f"1 to {MAX_LEVELS}")
        _require("level_step", self.level_step, self.level_step >= 1, "1 tick or more")
        _require("size", self.size, self.size <= self.max_position, "at most max_position")
        _require("lowest_price", self.lowest_price, self.lowest_price < self.highest_price, "below highest_price")
        narrow = self.min_market_spread
        _require("min_market_spread", narrow, narrow <= self.max_market_spread, "at most max_market_spread")
        seconds = self.quiet_before_close_seconds
        _require("quiet_before_close_seconds", seconds, seconds >= 0, "0 or more")
        _require("stale_after_seconds", self.stale_after_seconds, self.stale_after_seconds >= 1, "1 or more")

    def units(self, scale: Scale) -> QuoteUnits:
        """The values in units of `scale`. Raises InvalidInputError for a value finer than the venue's."""
        return QuoteUnits(
            half_spread=scale.price(self.half_spread, "half_spread"),
            size=scale.size(self.size, "size"),
            levels=self.levels,
            level_step=self.level_step,
            fair_depth=scale.size(self.fair_depth, "fair_depth"),
            skew=scale.price(self.skew, "skew"),
            max_position=scale.size(self.max_position, "max_position"),
            min_market_spread=scale.price(self.min_market_spread, "min_market_spread"),
            max_market_spread=scale.price(self.max_market_spread, "max_market_spread"),
            lowest_price=scale.price(self.lowest_price, "lowest_price"),
            highest_price=scale.price(self.highest_price, "highest_price"),
            quiet_before_close_ms=self.quiet_before_close_seconds * 1000,
            stale_after_ms=self.stale_after_seconds * 1000,
        )


class InventorySkewQuotes:
    """The strategy described above."""

    Config: ClassVar[type[Struct]] = QuoteConfig

    def compute_targets(self, view: MarketView, position: Position, config: QuoteConfig) -> list[TargetOrder]:
        """Post-only quotes on both sides, best level first; none while there is a reason to be quiet."""
        units = _units(config, view.scale)
        fair = _fair_price(view, units)
        if isinstance(fair, str):
            return []
        reservation = fair - _skewed(units, position.size)
        bids = _side(view, units, Side.BUY, reservation - units.half_spread, units.max_position - position.size)
        # Where nothing nets, only what is held can be sold.
        room = position.size if view.one is None else units.max_position + position.size
        return bids + _side(view, units, Side.SELL, reservation + units.half_spread, room)

    def quiet_reason(self, view: MarketView, config: QuoteConfig) -> str | None:
        """Why nothing is quoted in this view; None where only the position may keep a side away."""
        fair = _fair_price(view, _units(config, view.scale))
        return fair if isinstance(fair, str) else None


def _require(name: str, value: object, holds: bool, allowed: str) -> None:
    if not holds:
        raise InvalidInputError(name, value, allowed)


@lru_cache(maxsize=4096)
def _units(config: QuoteConfig, scale: Scale) -> QuoteUnits:
    return config.units(scale)


def _fair_price(view: MarketView, units: QuoteUnits) -> int | str:
    """The fair price, or why there is none to quote around."""
    book = view.book
    reason = quiet_reason(view, units.quiet_before_close_ms)
    if reason is not None:
        return reason
    if view.now_ms - book.at_ms > units.stale_after_ms:
        return "book_stale"
    bid, ask = _average(book, Side.BUY, units.fair_depth), _average(book, Side.SELL, units.fair_depth)
    if bid is None or ask is None or book.best_bid is None or book.best_ask is None:
        return "book_thin"
    if book.best_ask - book.best_bid < units.min_market_spread:
        return "spread_narrow"
    if ask - bid > units.max_market_spread:
        return "spread_wide"
    fair = (bid + ask) // 2
    return fair if units.lowest_price <= fair <= units.highest_price else "price_outside"


def _average(book: OrderBook, side: Side, size: int) -> int | None:
    """The average price, rounded down, of the best `size` on one side; None where less rests there."""
    best, levels = (book.best_bid, book.bids) if side is Side.BUY else (book.best_ask, book.asks)
    if best is not None and levels[best] >= size:
        return best
    left, paid = size, 0
    for price, available in book.ladder(side):
        taken = min(available, left)
        paid += price * taken
        left -= taken
        if not left:
            return paid // size
    return None


def _skewed(units: QuoteUnits, inventory: int) -> int:
    """How far inventory moves the reservation price, rounded towards zero, at most `skew` either way."""
    shift = units.skew * min(abs(inventory), units.max_position) // units.max_position
    return shift if inventory > 0 else -shift


def _side(view: MarketView, units: QuoteUnits, side: Side, price: int, room: int) -> list[TargetOrder]:
    """One side's quotes from `price` outwards, in all at most `room`."""
    rules = view.rules
    buying = side is Side.BUY
    opposite = view.book.best_ask if buying else view.book.best_bid
    if opposite is None:
        return []
    behind = opposite - rules.tick_at(opposite, side) if buying else opposite + rules.tick_at(opposite, side)
    price = min(price, behind) if buying else max(price, behind)
    targets: list[TargetOrder] = []
    for leg in _LEGS[side][: units.levels]:
        if price < rules.lowest if buying else price > rules.highest:
            break
        price = rules.snap(price, side).price
        size = rules.snap_size(min(units.size, room))
        if not size:
            break
        if units.lowest_price <= price <= units.highest_price:
            targets.append(
                TargetOrder(
                    market=view.market,
                    side=side,
                    price=price,
                    size=size,
                    purpose=Purpose.QUOTE,
                    leg=leg,
                    post_only=True,
                    expires_at_ms=view.quote_expires_at_ms,
                    priority=view.priority,
                    decision_id=view.decision_id,
                )
            )
            room -= size
        step = units.level_step * rules.tick_at(price, side)
        price = price - step if buying else price + step
    return targets
