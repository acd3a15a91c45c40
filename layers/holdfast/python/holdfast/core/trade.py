"""The record of one closed position: what the report, the dashboard and an A/B test of exit modes are made from."""

from msgspec import Struct

from holdfast.core.bracket import Bracket, ExitMode, ExitSource
from holdfast.core.market import Side
from holdfast.core.positions import Position


class Trade(Struct, frozen=True, kw_only=True):
    """One position from its entry until it was flat. Own prices, sizes and money in units of the venue's scale.

    `size` is all that was entered. `entry_value` and `exit_value` are what it cost and what it brought, before
    `fees`; `realized` is the one less the other, as the ledger booked it. `intended` is the price that the exit was to
    have, `exit_price` the average that it had, both 0 where nothing was sold (a resolution). `slippage` is how much
    worse than intended a unit was sold. `order_type` names how the exit order was sent: "limit" rested, "immediate"
    took liquidity, "settlement" was none; of several orders the last. `odds_range` is the tenth of 1 in which the entry
    price lies, e.g. "0.50-0.60", and empty where prices go beyond 1. `best_bid` and `best_ask` are the book when the
    entry was decided. `attempts` counts exit orders, `api_calls` all orders and the cancels before exits.
    """

    bracket_id: str
    market: str
    side: Side
    mode: ExitMode
    source: ExitSource
    reason: str
    order_type: str
    size: int
    entry_price: int
    exit_price: int
    intended: int
    slippage: int
    entry_value: int
    exit_value: int
    realized: int
    fees: int
    opened_at_ms: int
    closed_at_ms: int
    best_bid: int
    best_ask: int
    odds_range: str = ""
    origin: str
    attempts: int
    naked_ms: int
    api_calls: int
    decision_id: str


def trade_of(bracket: Bracket, position: Position, source: ExitSource, *, one: int, now_ms: int) -> Trade:
    """The trade of a bracket whose position is flat now.

    What was realized and paid since the bracket was opened is the difference of the position's sums to those that the
    bracket started with. `one` is the price of 1.
    """
    size = position.entered - bracket.before.entered
    realized = position.realized - bracket.before.realized
    entry_value = position.spent - bracket.before.spent
    exit_value = entry_value + realized
    is_settled = source is ExitSource.MARKET_RESOLVED
    exit_price = exit_value // size if size and not is_settled else 0
    intended = 0 if is_settled else _intended(bracket, source)
    entry_price = entry_value // size if size else 0
    return Trade(
        bracket_id=bracket.bracket_id,
        market=bracket.market,
        side=bracket.side,
        mode=bracket.mode,
        source=source,
        reason=_reason(bracket, source),
        order_type=_order_type(bracket, source),
        size=size,
        entry_price=entry_price,
        exit_price=exit_price,
        intended=intended,
        slippage=intended - exit_price if intended and exit_price else 0,
        entry_value=entry_value,
        exit_value=exit_value,
        realized=realized,
        fees=position.fees - bracket.before.fees,
        opened_at_ms=bracket.opened_at_ms,
        closed_at_ms=now_ms,
        best_bid=bracket.entry.best_bid,
        best_ask=bracket.entry.best_ask,
        odds_range=_odds_range(entry_price, one),
        origin=bracket.entry.origin,
        attempts=bracket.exit.sends if bracket.exit else 0,
        naked_ms=bracket.naked.measured_ms(now_ms),
        api_calls=bracket.api_calls,
        decision_id=bracket.decision_id,
    )


def _reason(bracket: Bracket, source: ExitSource) -> str:
    """Why, in words. What the venue did by itself has no decision of ours, or one that came too late."""
    done = {
        ExitSource.EXCHANGE_BRACKET_TP: "the take profit that rested at the venue filled",
        ExitSource.EXCHANGE_BRACKET_STOP: "the stop that the venue held filled",
        ExitSource.MARKET_RESOLVED: "the market settled while it was held",
    }.get(source)
    return done or (bracket.exit.reason if bracket.exit else bracket.reason)


def _intended(bracket: Bracket, source: ExitSource) -> int:
    if source is ExitSource.EXCHANGE_BRACKET_TP:
        return bracket.levels.take_profit
    return bracket.exit.intended if bracket.exit else 0


def _order_type(bracket: Bracket, source: ExitSource) -> str:
    if source is ExitSource.MARKET_RESOLVED:
        return "settlement"
    if source in (ExitSource.EXCHANGE_BRACKET_TP, ExitSource.EXCHANGE_BRACKET_STOP):
        return "limit"
    return "limit" if bracket.exit is not None and bracket.exit.rests else "immediate"


def _odds_range(price: int, one: int) -> str:
    tenth = 10 * price // one
    return f"0.{tenth}0-{'1.0' if tenth == 9 else f'0.{tenth + 1}'}0" if 0 <= tenth <= 9 else ""
