"""What markets resolved to, by token: for shares that somebody redeemed, which no list of holdings shows any more.

Gamma's GET /markets/keyset by `clob_token_ids` or `position_ids` (official SDK 0.14.0, `_internal/actions/gamma.py`).
A market that is closed but not resolved shows its last prices, so only a stated resolution counts, and only one that
pays all to one outcome or half to each.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.moments import time_ms
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.discovery import closed_markets, is_resolved, tokens_of
from holdfast.venues.polymarket.typed_data import is_position_id, token_number
from holdfast.venues.polymarket.wire import price_units
from holdfast.venues.polymarket.wire_gamma import GammaMarket, words_of

# A token id has up to 78 digits, and a request's address should stay below 2,000 characters.
_TOKENS_PER_CALL = 20
_HALF = Decimal("0.5")
_PAID = ((1, 0), (0, 1), (_HALF, _HALF))


class Result(Struct, frozen=True):
    """What one share of a token pays, price units, and when its market closed (UTC ms, 0 where nobody says)."""

    price: int
    closed_at_ms: int


def results_of(client: PolymarketClient, tokens: Sequence[str]) -> dict[str, Result]:
    """The results of these tokens; one whose market is not resolved for certain is absent. Raises a VenueError."""
    found: dict[str, Result] = {}
    for filters in _filters(tokens):
        for market in closed_markets(client, filters):
            found |= _results(market)
    return {token: found[token] for token in tokens if token in found}


def _filters(tokens: Sequence[str]) -> Iterator[Mapping[str, Sequence[str]]]:
    kinds: dict[str, list[str]] = {"clob_token_ids": [], "position_ids": []}
    for token in dict.fromkeys(tokens):
        kinds["position_ids" if is_position_id(token_number(token)) else "clob_token_ids"].append(token)
    for name, ids in kinds.items():
        for start in range(0, len(ids), _TOKENS_PER_CALL):
            yield {name: ids[start : start + _TOKENS_PER_CALL]}


def _results(market: GammaMarket) -> dict[str, Result]:
    tokens, prices = tokens_of(market), _prices(market)
    if not is_resolved(market) or prices not in _PAID or len(tokens) != len(prices):
        return {}
    closed_at_ms = time_ms(market.closed_time, "market.closedTime") or time_ms(market.end_date, "market.endDate")
    return {
        token: Result(price_units(price, "market.outcomePrices"), closed_at_ms)
        for token, price in zip(tokens, prices, strict=True)
    }


def _prices(market: GammaMarket) -> tuple[Decimal, ...]:
    texts = words_of(market.outcome_prices, "market.outcomePrices")
    try:
        return tuple(Decimal(text) for text in texts)
    except ArithmeticError:
        raise VenueUnavailableError(f"market.outcomePrices: {texts!r} are no prices") from None
