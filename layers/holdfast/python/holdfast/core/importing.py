"""Positions that another program opened and Holdfast takes over: what its file says, and how they are booked. Pure.

Booked is what is held and what it cost, so that realized P&L counts the purchase once, as cost. The line moves no cash:
the money left the venue's balance before our books began. Fees of the purchase are unknown to us, and count only where
the entry price has them in it. A fill of the purchase that our reads still find belongs to an order that is not ours:
it is noted as foreign and moves nothing.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, InvalidOperation

from msgspec import Struct, structs

from holdfast.core.bracket import Levels, own_price
from holdfast.core.errors import InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.market import Side, checked_market
from holdfast.core.positions import LedgerKind, LedgerLine, Position
from holdfast.core.scale import Scale

IMPORTED = "imported"
"""`Entry.origin` of a position that was taken over from another program."""

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "market": ("market", "ticker", "token_id", "asset_id", "asset", "instrument"),
    "outcome": ("outcome", "side"),
    "size": ("size", "quantity", "contracts", "shares", "count"),
    "entry_price": ("entry_price", "entry", "avg_price", "average_price", "avgPrice"),
    "take_profit": ("take_profit", "take_profit_price", "tp"),
    "stop_loss": ("stop_loss", "stop_loss_price", "stop", "sl"),
}
_SIDES = {"": Side.BUY, "yes": Side.BUY, "buy": Side.BUY, "long": Side.BUY, "no": Side.SELL, "short": Side.SELL}


class ForeignPosition(Struct, frozen=True):
    """One position as its program wrote it. Numbers are text, "" where it says nothing.

    `side` is the entry's in the market's one book: sell is the second outcome. `take_profit` and `stop_loss` are prices
    of what is held, or with a % at the end distances from the entry price.
    """

    market: str
    side: Side
    entry_price: str
    size: str = ""
    take_profit: str = ""
    stop_loss: str = ""


def read_positions(data: object, *, netting: bool) -> list[ForeignPosition | InvalidInputError]:
    """The positions of a decoded file: a list of objects, an object of them by market, or either under "positions".

    Names of fields are those of `_FIELDS`; others are left unread. `netting`: both outcomes are in one book; elsewhere
    an outcome has an id of its own, and its name says nothing. What can't be used is the error that says why, in place.
    Raises InvalidInputError where there is no list of positions at all.
    """
    if isinstance(data, Mapping) and isinstance(data.get("positions"), Mapping | list):
        data = data["positions"]
    if isinstance(data, Mapping):
        rows: list[object] = [
            {"market": market, **row} if isinstance(row, Mapping) else row for market, row in data.items()
        ]
    elif isinstance(data, list):
        rows = data
    else:
        raise InvalidInputError("positions", type(data).__name__, "a list of positions, or an object of them by market")
    found: list[ForeignPosition | InvalidInputError] = []
    for number, row in enumerate(rows, 1):
        try:
            found.append(_read(row, number, netting=netting))
        except InvalidInputError as error:
            found.append(error)
    return found


def entry_cost(position: ForeignPosition, size: int, scale: Scale) -> tuple[int, int]:
    """The entry price (to the nearest unit) and what `size` cost at it as written, rounded up to the money unit."""
    entry = _number(position.entry_price, "entry_price")
    if not 0 < entry < 1:
        raise InvalidInputError("entry_price", position.entry_price, "a price between 0 and 1, e.g. 0.51 for 51 cents")
    exact = entry.scaleb(scale.price_decimals)
    price = int(exact.to_integral_value(ROUND_HALF_EVEN))
    return max(price, 1), int((exact * size).to_integral_value(ROUND_CEILING))


def bring_in(
    position: Position, side: Side, size: int, price: int, cost: int, one: int | None, *, key: str, now_ms: int
) -> tuple[Position, LedgerLine]:
    """The position and its line once `size` of a flat market is booked as held for `cost`; `price` is an own price."""
    if position.size:
        raise InvalidInputError(f"position in {position.market}", position.size, "none: it is in the ledger already")
    after = structs.replace(
        position,
        size=size if side is Side.BUY else -size,
        cost=cost,
        entered=position.entered + size,
        spent=position.spent + cost,
    )
    line = LedgerLine(
        key=key,
        kind=LedgerKind.IMPORT,
        market=position.market,
        side=side,
        price=own_price(price, side, one),
        size=size,
        fee=0,
        cash=0,
        realized=0,
        position_after=after.size,
        at_ms=now_ms,
    )
    return after, line


def with_stated(levels: Levels, position: ForeignPosition, grid: OwnGrid, entry: int, bid: int | None) -> Levels:
    """The levels with those that the file states; `bid` is the best own bid, None where there is none.

    The hard stop stays as far below a stated stop as it was below the soft one. Raises InvalidInputError for a level
    that would fire at once: it is the owner who decides whether to sell.
    """
    text = grid.scale.price_text
    if position.take_profit:
        target = grid.ceil(_level(position.take_profit, "take_profit", grid, entry, up=True))
        if target is None or (bid is not None and bid >= target):
            shown = "there is none" if bid is None else text(bid)
            raise InvalidInputError(
                "take_profit", position.take_profit, f"a price of the grid above the best bid, {shown}"
            )
        levels = structs.replace(levels, take_profit=target)
    if position.stop_loss:
        stop = grid.ceil(_level(position.stop_loss, "stop_loss", grid, entry, up=False))
        if stop is None or stop <= grid.lowest or (bid is not None and bid <= stop):
            shown = "there is none" if bid is None else text(bid)
            allowed = f"a price above {text(grid.lowest)} and below the best bid, {shown}"
            raise InvalidInputError("stop_loss", position.stop_loss, allowed)
        gap = max(levels.soft_stop - levels.hard_stop, grid.tick_below(stop))
        hard = grid.floor(Decimal(stop - gap)) or grid.lowest
        levels = structs.replace(levels, stop=stop, soft_stop=stop, hard_stop=hard)
    return levels


def _read(row: object, number: int, *, netting: bool) -> ForeignPosition:
    where = f"position {number}"
    if not isinstance(row, Mapping):
        raise InvalidInputError(where, str(row)[:80], "an object with market and entry_price")
    fields = {name: _text(row, names) for name, names in _FIELDS.items()}
    for name in ("market", "entry_price"):
        if not fields[name]:
            raise InvalidInputError(where, str(dict(row))[:200], f"an object with {name} ({', '.join(_FIELDS[name])})")
    outcome = fields.pop("outcome").lower()
    market = checked_market(fields.pop("market"))
    if netting and outcome not in _SIDES:
        raise InvalidInputError(f"outcome of {market}", outcome, "yes or no (buy, long; short)")
    if not netting and outcome in ("sell", "short"):
        raise InvalidInputError(f"outcome of {market}", outcome, "the id of the outcome that is held, as market")
    return ForeignPosition(market=market, side=_SIDES[outcome] if netting else Side.BUY, **fields)


def _text(row: Mapping[str, object], names: Sequence[str]) -> str:
    """The first of these fields that says something, as text."""
    values = (row.get(name) for name in names)
    return next((str(value).strip() for value in values if value is not None and str(value).strip()), "")


def _number(text: str, field: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InvalidInputError(field, text, "a decimal number")
    return value


def _level(text: str, field: str, grid: OwnGrid, entry: int, *, up: bool) -> Decimal:
    """A stated level in price units, not on the grid yet."""
    if text.endswith("%"):
        distance = _number(text[:-1], field) * entry / 100
        return entry + distance if up else entry - distance
    price = _number(text, field)
    if not 0 < price < 1:
        raise InvalidInputError(field, text, "a price between 0 and 1, or a distance such as 8%")
    return price.scaleb(grid.scale.price_decimals)
