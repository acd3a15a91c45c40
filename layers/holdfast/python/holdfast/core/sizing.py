"""How large an entry may be: capital, trade size, risk limits and the venue's minimums.

Money in money units. Cost is the size at the worst own price and with the fee, so what really fills costs no more.
"""

from collections.abc import Iterator

from msgspec import Struct

from holdfast.core.bracket import BracketState
from holdfast.core.entry_view import EntryAccount, EntryLimits, EntryRefusal, NoEntry
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketRules
from holdfast.core.positions import Position
from holdfast.core.requests import EntryRequest
from holdfast.core.risk import exposure_of


class AtRisk(Struct, frozen=True):
    """What could be lost at worst, in one market and in all of them, entries that are under way included."""

    market: int
    gross: int


class Room(Struct, frozen=True):
    """What one limit leaves for an entry: `left` of `limit`, `used` being at risk already."""

    reason: NoEntry
    limit: int
    used: int

    @property
    def left(self) -> int:
        """What is left, never below 0."""
        return max(self.limit - self.used, 0)


def at_risk(account: EntryAccount, market: str) -> AtRisk:
    """What the account risks already. An opening bracket counts with all that its entry may still cost."""
    exposure = exposure_of(account.positions.values(), account.orders, account.one, 0)
    per_market, gross = exposure.per_market.get(market, 0), exposure.gross
    for bracket in account.brackets.values():
        if bracket.state is BracketState.OPENING:
            booked = abs((account.positions.get(bracket.market) or Position(bracket.market)).cost)
            to_come = max(bracket.entry.limit * bracket.entry.asked - booked, 0)
            gross += to_come
            per_market += to_come if bracket.market == market else 0
    return AtRisk(per_market, gross)


def rooms(account: EntryAccount, limits: EntryLimits, market: str) -> tuple[Room, ...]:
    """What every limit of money leaves for an entry in this market."""
    risked = at_risk(account, market)
    return (
        Room(NoEntry.TRADE_SIZE, limits.trade, 0),
        Room(NoEntry.CAPITAL, limits.capital, risked.gross),
        Room(NoEntry.MARKET_EXPOSURE, limits.risk.market_exposure, risked.market),
        Room(NoEntry.GROSS_EXPOSURE, limits.risk.gross_exposure, risked.gross),
    )


def entry_size(
    request: EntryRequest, limit: int, rules: MarketRules, account: EntryAccount, limits: EntryLimits
) -> int | EntryRefusal:
    """The size of an entry at the worst own price `limit`, in size units, or which limit leaves no room for it.

    What is asked for (a size, or an amount to spend) is bought whole or not at all, but for what the size's step cuts
    off. Where nothing is asked for it is the largest size that every limit has room for.
    """
    if len(account.orders) >= limits.risk.open_orders:
        words = f"{len(account.orders)} orders are open, of {limits.risk.open_orders} at most; its exits need a place"
        return EntryRefusal(NoEntry.OPEN_ORDERS, words)
    unit = _unit_cost(limit, account, limits)
    tightest = min(rooms(account, limits, request.market), key=lambda room: room.left)
    try:
        asked = _asked(request, unit, account)
    except InvalidInputError as error:
        return EntryRefusal(NoEntry.INVALID, str(error))
    size = rules.snap_size(tightest.left // unit if asked is None else asked)
    if asked is not None and size * unit > tightest.left:
        return EntryRefusal(tightest.reason, _words(tightest, size * unit, account))
    if asked is None and not size:
        least = " ".join(_minimums(0, limit, rules, account, limits))
        return EntryRefusal(tightest.reason, f"{_words(tightest, 0, account)}; {least}")
    for words in _minimums(size, limit, rules, account, limits):
        return EntryRefusal(NoEntry.BELOW_MINIMUM, words)
    return size


def _asked(request: EntryRequest, unit: int, account: EntryAccount) -> int | None:
    """The size that is asked for, not yet on the grid; None where it is left to the limits."""
    for name, text in (("size", request.size), ("amount", request.amount)):
        if text:
            units = account.scale.size(text, name) if name == "size" else account.scale.money(text, name)
            if units <= 0:
                raise InvalidInputError(name, text, "more than 0")
            return units if name == "size" else units // unit
    return None


def _unit_cost(limit: int, account: EntryAccount, limits: EntryLimits) -> int:
    """What one unit costs at most: the fee at the limit and the limit are more than at any better price."""
    return limit + limits.fee.at(limit, account.scale.one)


def _minimums(size: int, limit: int, rules: MarketRules, account: EntryAccount, limits: EntryLimits) -> Iterator[str]:
    """The venue's minimums that a size is below."""
    scale = account.scale
    if size < rules.min_size:
        least = scale.money_text(rules.min_size * _unit_cost(limit, account, limits))
        yield f"the smallest size here is {scale.size_text(rules.min_size)}, for {least}"
    if size * limit < limits.least_cost:
        yield (
            f"{scale.size_text(size)} at {scale.price_text(limit)} is {scale.money_text(size * limit)}; "
            f"the venue takes no immediate buy below {scale.money_text(limits.least_cost)}"
        )


_NAMES = {
    NoEntry.TRADE_SIZE: "one entry",
    NoEntry.CAPITAL: "the account's capital",
    NoEntry.MARKET_EXPOSURE: "one market",
    NoEntry.GROSS_EXPOSURE: "all markets",
}


def _words(room: Room, cost: int, account: EntryAccount) -> str:
    money = account.scale.money_text
    costs = f"it would cost {money(cost)}; " if cost else ""
    return f"{costs}{_NAMES[room.reason]} may risk {money(room.limit)}, {money(room.used)} is at risk already"
