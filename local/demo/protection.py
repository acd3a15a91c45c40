"""What must hold of positions under brackets at the end of a demo, judged by the exchange's own books."""

from collections import Counter
from collections.abc import Mapping

from holdfast.core.bracket import BracketState
from holdfast.core.orders import Purpose
from holdfast.core.positions import LedgerLine
from local.demo.account import DemoAccount
from local.demo.books import MarketBooks


def entered_markets(account: DemoAccount) -> list[str]:
    """The venue's markets that positions are opened in."""
    return [each.market for each in account.venue.instruments if each.ticker in account.entered]


def protection_failures(account: DemoAccount, lines: list[LedgerLine]) -> list[str]:
    """What is wrong, in words; empty when all is well."""
    books = account.books().markets
    labels = {each.market: each.label for each in account.venue.instruments}
    purposes = {line.order_id: line.purpose for line in lines if line.order_id}
    found = []
    for market in entered_markets(account):
        of_market = books.get(market, MarketBooks())
        words = [
            *_oversold(account, market, purposes),
            *_miscounted(account, market),
            *_unprotected(account, market, of_market),
            *_misbooked(account, market, of_market),
        ]
        found += [f"{labels[market]}: {each}" for each in words]
    return found + _exits(account)


def _oversold(account: DemoAccount, market: str, purposes: Mapping[str, Purpose | None]) -> list[str]:
    """No fill of an exit or a take profit may enlarge a position or turn it over, and no entry may reduce one."""
    found, held = [], 0
    for fill in account.venue.fills(market):
        before, held = held, held + fill.change
        purpose = purposes.get(fill.order_id)
        if purpose is Purpose.ENTRY:
            is_right = before * fill.change >= 0
        else:
            is_right = before * fill.change < 0 and abs(fill.change) <= abs(before)
        if not is_right:
            text = account.venue.scale.size_text
            name = purpose.value if purpose else "an unknown order"
            found.append(f"{name} moved the position from {text(before)} to {text(held)}")
    return found


def _miscounted(account: DemoAccount, market: str) -> list[str]:
    """As many trades are recorded as positions were closed at the exchange, by our orders or by the result.

    Dust that was written off is no position.
    """
    closed = held = 0
    dust = abs(account.tally.dust[market])
    for fill in account.venue.fills(market):
        was_open, held = abs(held) > dust, held + fill.change
        closed += was_open and abs(held) <= dust
    closed += abs(held) > dust and bool(account.venue.result(market))
    recorded = sum(trade.market == market for trade in account.trades)
    return [] if closed == recorded else [f"{closed} positions were closed at the exchange, {recorded} trades recorded"]


def _unprotected(account: DemoAccount, market: str, books: MarketBooks) -> list[str]:
    """What is held while its market has no result has an open bracket, and none needs a person."""
    bracket = account.brackets.get(market)
    if bracket is None:
        return ["a position is open without a bracket"] if books.size else []
    if bracket.state is BracketState.ATTENTION:
        return [f"its bracket needs a person: {bracket.reason}"]
    return []


def _misbooked(account: DemoAccount, market: str, books: MarketBooks) -> list[str]:
    """The trades of a market come to what its balance changed by, once nothing is held."""
    if books.size:
        return []
    booked = sum(trade.realized - trade.fees for trade in account.trades if trade.market == market)
    return [] if booked == books.cash else [f"its trades come to {booked}, the exchange moved {books.cash}"]


def _exits(account: DemoAccount) -> list[str]:
    """Every position that closed has exactly one EXIT_SOURCE event, and no other has one."""
    recorded = Counter(trade.bracket_id for trade in account.trades)
    said = account.tally.exits
    return [
        f"bracket {bracket}: {said[bracket]} EXIT_SOURCE events, {recorded[bracket]} trades"
        for bracket in sorted(recorded.keys() | said.keys())
        if (said[bracket], recorded[bracket]) != (1, 1)
    ]
