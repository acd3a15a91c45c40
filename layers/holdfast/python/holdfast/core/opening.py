"""How a bracket begins: with an entry that is about to be sent, or around a position that nothing protects yet."""

import hashlib
from base64 import b32encode
from decimal import Decimal

from msgspec import Struct, structs

from holdfast.core.bracket import Before, Bracket, BracketState, Entry, ExitMode, Levels, held_size, own_price
from holdfast.core.distances import Distances
from holdfast.core.grid import OwnGrid
from holdfast.core.levels import Terms, levels_of, reanchored
from holdfast.core.market import MarketRules, Side
from holdfast.core.orders import TargetOrder
from holdfast.core.positions import Position
from holdfast.core.requests import EntryRequest

ADOPTED = "adopted"
"""`Entry.origin` of a position that was found without a bracket."""


class ModeRule(Struct, frozen=True):
    """Which exit mode new brackets get: `concurrent` False always monitor, else limit orders for a `share` (0 to 1)."""

    concurrent: bool
    share: Decimal

    def mode_of(self, bracket_id: str) -> ExitMode:
        """The mode of one bracket: a stable hash of its id draws, so that an A/B test can be repeated."""
        drawn = int.from_bytes(hashlib.sha256(f"mode\x1f{bracket_id}".encode()).digest()[:4], "big")
        within = drawn < self.share * 2**32
        return ExitMode.LIMIT_ORDERS if self.concurrent and within else ExitMode.MONITOR


def bracket_identity(account: str, market: str, occasion: str) -> str:
    """The id of the bracket of one occasion (a request's id, a position's version): the same every time it is asked."""
    digest = hashlib.sha256("\x1f".join((account, market, occasion)).encode()).digest()
    return f"b-{b32encode(digest[:10]).decode().rstrip('=').lower()}"


def with_entry(
    bracket_id: str,
    target: TargetOrder,
    client_order_id: str,
    request: EntryRequest,
    levels: Levels,
    terms: Terms,
    mode: ExitMode,
    position: Position,
    rules: MarketRules,
    now_ms: int,
) -> Bracket:
    """The bracket of an entry that is about to be sent; `terms.entry` is its worst own price."""
    return Bracket(
        bracket_id=bracket_id,
        market=target.market,
        side=target.side,
        mode=mode,
        entry=Entry(
            price=terms.entry,
            limit=terms.entry,
            asked=target.size,
            requested_at_ms=now_ms,
            client_order_id=client_order_id,
            origin=request.origin.value,
            request_id=request.request_id,
            best_bid=terms.bid or 0,
            best_ask=terms.ask or 0,
        ),
        levels=levels,
        opened_at_ms=now_ms,
        before=_sums(position),
        peak=terms.bid or 0,
        api_calls=1,
        reason=f"entry asked for by {request.origin.value}",
        decision_id=target.decision_id,
        rules=rules,
    )


def around(
    bracket_id: str,
    position: Position,
    grid: OwnGrid,
    wanted: Distances,
    terms: Terms,
    mode: ExitMode,
    now_ms: int,
    decision_id: str,
) -> Bracket:
    """The bracket of a position that is held already. Its entry price is what the position cost on average.

    `terms.entry` is the price that its levels are measured from (`terms_around`). What was traded in the market before
    is none of this bracket's: it starts with the open size and its cost.
    """
    side = Side.BUY if position.size > 0 else Side.SELL
    held = held_size(position.size, side)
    before = structs.replace(_sums(position), entered=position.entered - held, spent=position.spent - position.cost)
    return Bracket(
        bracket_id=bracket_id,
        market=position.market,
        side=side,
        mode=mode,
        entry=Entry(
            price=average_price(position),
            limit=average_price(position),
            asked=held,
            requested_at_ms=now_ms,
            origin=ADOPTED,
            best_bid=terms.bid or 0,
            best_ask=terms.ask or 0,
        ),
        levels=levels_of(grid, wanted, terms),
        state=BracketState.OPENING,
        opened_at_ms=now_ms,
        before=before,
        peak=terms.bid or 0,
        reason="position without a bracket",
        decision_id=decision_id,
        rules=grid.rules,
    )


def average_price(position: Position) -> int:
    """What a unit of the open size cost on average, own price, rounded up: levels are never further than asked."""
    return -(-position.cost // abs(position.size)) if position.size else 0


def anchored(bracket: Bracket, position: Position, grid: OwnGrid) -> Bracket:
    """The bracket at the average price that its entry has had so far; the same object where that is known already."""
    entered = position.entered - bracket.before.entered
    if bracket.state is not BracketState.OPENING or entered <= 0:
        return bracket
    price = -(-(position.spent - bracket.before.spent) // entered)
    if price == bracket.entry.price:
        return bracket
    terms = Terms(price, bracket.entry.best_bid or None, bracket.entry.best_ask or None)
    levels = reanchored(bracket.levels, grid, bracket.entry.price, terms)
    return structs.replace(bracket, levels=levels, entry=structs.replace(bracket.entry, price=price))


def terms_around(position: Position, grid: OwnGrid, wanted: Distances, bid: int | None, ask: int | None) -> Terms:
    """What the levels of a held position are measured from; `bid` and `ask` are the market's best prices.

    The average price that it cost; the executable price where it has lost so much already that its stop would fire at
    once: nobody asked for a sale, so it is protected from here on.
    """
    side, one = grid.side, grid.one
    prices = (bid, ask) if side is Side.BUY else (ask, bid)
    own_bid, own_ask = (None if price is None else own_price(price, side, one) for price in prices)
    terms = Terms(average_price(position), own_bid, own_ask)
    levels = levels_of(grid, wanted, terms)
    if own_bid is not None and own_bid <= max(levels.stop, levels.soft_stop):
        return structs.replace(terms, entry=own_bid)
    return terms


def _sums(position: Position) -> Before:
    return Before(position.entered, position.spent, position.realized, position.fees)
