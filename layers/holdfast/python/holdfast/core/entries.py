"""Whether a requested position may be opened, and with which order.

Every check is about what is known now, and every refusal has a name, words and numbers. An admitted entry is one
protected marketable limit: it takes what is offered up to a price and rests nowhere. Its cost, at its worst price and
with the fee, exceeds no limit. Own prices are those of what is bought (core/bracket.py).
"""

from datetime import UTC, datetime

from holdfast.core.book import BookState
from holdfast.core.bracket import BracketState, held_size, own_price
from holdfast.core.entry_view import EntryAccount, EntryLimits, EntryMarket, EntryRefusal, FurtherEntries, NoEntry
from holdfast.core.errors import InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.market import MarketRules, MarketStatus, Side
from holdfast.core.orders import Purpose, TargetOrder, TimeInForce
from holdfast.core.positions import Position
from holdfast.core.requests import EntryRequest
from holdfast.core.sizing import entry_size


def entry_target(
    request: EntryRequest,
    market: EntryMarket,
    account: EntryAccount,
    limits: EntryLimits,
    *,
    now_ms: int,
    decision_id: str,
) -> TargetOrder | EntryRefusal:
    """The order of a request, or why there is none.

    Its price is in the market's one book: the worst own price of a second outcome is one - price. Whether the position
    could be protected at that price (its levels, a missing ATR) the caller checks, and refuses with PROTECTION.
    """
    rules = market.rules
    if rules is None:
        return EntryRefusal(NoEntry.MARKET_UNKNOWN, f"the venue did not tell the rules of {request.market}")
    refusal = (
        _barred(request, market, account, now_ms)
        or _not_trading(market, rules, now_ms)
        or _occupied(request, account, limits)
    )
    if refusal:
        return refusal
    own_limit = _own_limit(request, market, rules, account, limits)
    if isinstance(own_limit, EntryRefusal):
        return own_limit
    size = entry_size(request, own_limit, rules, account, limits)
    if isinstance(size, EntryRefusal):
        return size
    return TargetOrder(
        market=request.market,
        side=request.side,
        price=own_price(own_limit, request.side, account.one),
        size=size,
        purpose=Purpose.ENTRY,
        leg=f"entry-{request.request_id}",
        post_only=False,
        time_in_force=TimeInForce.IMMEDIATE,
        priority=market.priority,
        decision_id=decision_id,
    )


def own_ask(market: EntryMarket, side: Side, one: int | None) -> int | None:
    """What one unit of the wanted outcome costs now, own price; None on a missing side or book."""
    if market.book is None:
        return None
    offered = market.book.best_ask if side is Side.BUY else market.book.best_bid
    return None if offered is None else own_price(offered, side, one)


def _barred(request: EntryRequest, market: EntryMarket, account: EntryAccount, now_ms: int) -> EntryRefusal | None:
    """What forbids any entry of this request, whatever the market's prices."""
    if now_ms >= request.expires_at_ms:
        return EntryRefusal(NoEntry.EXPIRED, f"it was good until {_time(request.expires_at_ms)}")
    if request.side is Side.SELL and account.one is None:
        words = "this venue has no second outcome in the same book; ask for the other outcome's own market"
        return EntryRefusal(NoEntry.INVALID, words)
    if market.mode == "quote":
        return EntryRefusal(NoEntry.QUOTED_MARKET, f"{request.market} is quoted; a market has one mode")
    if not market.enabled:
        return EntryRefusal(NoEntry.DISABLED_MARKET, f"{request.market} is disabled")
    if now_ms < market.blacklisted_until_ms:
        until = _time(market.blacklisted_until_ms)
        return EntryRefusal(
            NoEntry.BLACKLISTED, f"{request.market} was stopped out too often; blacklisted until {until}"
        )
    if account.halts:
        return EntryRefusal(NoEntry.HALTED, f"entries are halted: {', '.join(account.halts)}")
    return None


def _not_trading(market: EntryMarket, rules: MarketRules, now_ms: int) -> EntryRefusal | None:
    if rules.is_over(now_ms):
        closed = f", closed {_time(rules.close_at_ms)}" if rules.close_at_ms else ""
        return EntryRefusal(NoEntry.MARKET_OVER, f"{market.market} is {rules.status}{closed}")
    if rules.status is not MarketStatus.OPEN:
        return EntryRefusal(NoEntry.MARKET_PAUSED, f"{market.market} is {rules.status}")
    if market.book is None or market.book_state is not BookState.OK:
        state = "missing" if market.book is None else market.book_state
        return EntryRefusal(NoEntry.BOOK, f"the book of {market.market} is {state}")
    return None


def _occupied(request: EntryRequest, account: EntryAccount, limits: EntryLimits) -> EntryRefusal | None:
    """What is held or under way in this market already: one position a market, one entry at a time."""
    name, text = request.market, account.scale.size_text
    for order in account.orders:
        if order.market == name and order.purpose is Purpose.ENTRY:
            return EntryRefusal(NoEntry.ENTRY_UNDER_WAY, f"an entry of {text(order.remaining)} is under way in {name}")
        if order.market == name and order.purpose is Purpose.QUOTE:
            return EntryRefusal(NoEntry.QUOTES_RESTING, f"a quote of ours still rests in {name}")
    bracket = account.brackets.get(name)
    held = held_size((account.positions.get(name) or Position(name)).size, request.side)
    if held < 0 or (bracket is not None and bracket.side is not request.side):
        words = f"{text(abs(held))} of the other outcome of {name} is held"
        return EntryRefusal(NoEntry.OTHER_OUTCOME_HELD, words)
    if bracket is None:
        words = f"{text(held)} of {name} is held without a bracket"
        return EntryRefusal(NoEntry.POSITION_OPEN, words) if held else None
    if bracket.state is BracketState.OPENING:
        return EntryRefusal(NoEntry.ENTRY_UNDER_WAY, f"an entry of {text(bracket.entry.asked)} is under way in {name}")
    if limits.further is FurtherEntries.REFUSE or bracket.state is not BracketState.PROTECTED:
        return EntryRefusal(NoEntry.POSITION_OPEN, f"{text(held)} of {name} is held, its bracket is {bracket.state}")
    return None


def _own_limit(
    request: EntryRequest, market: EntryMarket, rules: MarketRules, account: EntryAccount, limits: EntryLimits
) -> int | EntryRefusal:
    """The worst own price that may be paid, on the grid: never above what is allowed."""
    side, scale = request.side, account.scale
    ask = own_ask(market, side, account.one)
    if ask is None:
        return EntryRefusal(NoEntry.BOOK, f"the book of {market.market} has nothing to buy")
    most = ask + int(limits.slippage.units(ask, None, scale, "entry_slippage"))
    if request.limit:
        try:
            limit = scale.price(request.limit, "limit")
        except InvalidInputError as error:
            return EntryRefusal(NoEntry.INVALID, str(error))
        if limit <= 0:
            return EntryRefusal(NoEntry.INVALID, f"limit {request.limit} is no price above 0")
        most = min(most, limit)
    own_limit = OwnGrid(rules, side, scale, account.one).floor(most)
    if own_limit is None or own_limit < ask:
        offered = f"the best offer of {market.market} is {scale.price_text(ask)}"
        return EntryRefusal(NoEntry.PRICE_LIMIT, f"{offered}, at most {scale.price_text(most)} may be paid")
    return own_limit


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()
