"""The bracket: the exit protection of one position (design section 2), a value that every transition makes anew.

A bracket follows opening -> protected -> exiting -> closed, and may need a person (attention) on the way. It closes
only when nothing is held and nothing of its own is live any more (armed-until-flat).

Own prices: a bracket speaks of the price of what is held. Where the second outcome of a market is held (entry side
sell on a netting venue) that is 1 less the price in the market's one book; `own_price` converts both ways.
"""

from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketRules, Side

CALL_AGAIN_MS = 3_600_000
"""How often a person is called again while he does not act."""


class BracketState(StrEnum):
    """Where a bracket is. `attention`: a person is needed; an exit that was begun goes on being tried meanwhile."""

    OPENING = "opening"
    PROTECTED = "protected"
    EXITING = "exiting"
    CLOSED = "closed"
    ATTENTION = "attention"


class ExitMode(StrEnum):
    """What rests at the venue: the take profit (the stop is armed or native), or nothing and we watch and sell."""

    LIMIT_ORDERS = "limit_orders"
    MONITOR = "monitor"


class ExitSource(StrEnum):
    """Which layer closed a position (design section 2)."""

    EXCHANGE_BRACKET_TP = "EXCHANGE_BRACKET_TP"
    EXCHANGE_BRACKET_STOP = "EXCHANGE_BRACKET_STOP"
    ARMED_STOP = "ARMED_STOP"
    POSITION_MONITOR_TP = "POSITION_MONITOR_TP"
    POSITION_MONITOR_SOFT = "POSITION_MONITOR_SOFT"
    POSITION_MONITOR_TRAILING = "POSITION_MONITOR_TRAILING"
    POSITION_MONITOR_SIGNAL = "POSITION_MONITOR_SIGNAL"
    POSITION_MONITOR_HARD = "POSITION_MONITOR_HARD"
    TIME_LIMIT = "TIME_LIMIT"
    RISK_FLATTEN = "RISK_FLATTEN"
    MANUAL = "MANUAL"
    MARKET_RESOLVED = "MARKET_RESOLVED"
    UNKNOWN = "UNKNOWN"


STOP_SOURCES = frozenset(
    {
        ExitSource.EXCHANGE_BRACKET_STOP,
        ExitSource.ARMED_STOP,
        ExitSource.POSITION_MONITOR_SOFT,
        ExitSource.POSITION_MONITOR_HARD,
    }
)
"""Exits that realise a loss on purpose: after one the market is blacklisted."""


class NakedClass(StrEnum):
    """Why held size is covered by no stop right now (design section 1, Naked); each is counted apart."""

    PLACING = "placing"
    NOT_SELLABLE = "not_sellable"
    EXITING = "exiting"
    WINDOW = "window"
    BLIND = "blind"
    REFUSED = "refused"


class Levels(Struct, frozen=True):
    """Where a bracket exits, in own price units on the market's grid; 0 means that there is no such level.

    `stop` is the bracket's own stop leg, `soft_stop` the position monitor's, `hard_stop` the last resort:
    take_profit > entry > stop, soft_stop > hard_stop. The trailing stop is active once the executable price has
    reached `trailing_activation`, `trailing_distance` below the best executable price seen since.
    """

    take_profit: int
    stop: int
    soft_stop: int
    hard_stop: int
    trailing_activation: int = 0
    trailing_distance: int = 0


class Entry(Struct, frozen=True):
    """How the position came to be. Own prices; sizes in size units.

    `price` is the average price of what filled (the limit price until fills say so), `limit` the worst price that was
    allowed, `asked` the size that was wanted. `best_bid` and `best_ask` are the book when it was decided.
    `client_order_id` and `request_id` are empty where it was adopted or imported; `origin` says who asked for it.
    """

    price: int
    limit: int
    asked: int
    requested_at_ms: int
    client_order_id: str = ""
    origin: str = ""
    request_id: str = ""
    best_bid: int = 0
    best_ask: int = 0


class Before(Struct, frozen=True):
    """The position's sums when the bracket was opened: its own part is what came after."""

    entered: int = 0
    spent: int = 0
    realized: int = 0
    fees: int = 0


class Exit(Struct, frozen=True):
    """An exit that was decided and is not over before the position is flat. Own prices.

    `trigger` is the executable price that made it due, `intended` the level that it was to sell at, `mark` the last
    price that could be trusted: floors are measured from it. `sends` counts the orders sent for it; the next exists
    only when the one before is over; `rests`: the last one was to rest. `failures` counts those in a row that sold
    nothing; the next goes out at `retry_at_ms`. `alarmed`: a person was called. `shut_out_since_ms`: since when rate or
    access let none out, 0 where they do. Whoever finds a writer gone goes on from the journal's entries.
    """

    source: ExitSource
    reason: str
    decided_at_ms: int
    trigger: int
    intended: int
    mark: int
    size: int
    sends: int = 0
    failures: int = 0
    retry_at_ms: int = 0
    alarmed: bool = False
    rests: bool = False
    shut_out_since_ms: int = 0


class Undoing(Struct, frozen=True):
    """Attempts in a row to sell an unwanted position that sold nothing of it; the next goes out at `retry_at_ms`."""

    failures: int = 0
    retry_at_ms: int = 0


class Naked(Struct, frozen=True):
    """Time without protection: `since_ms` 0 while protected, else since when and why; `total_ms` is what is over."""

    since_ms: int = 0
    cause: NakedClass | None = None
    total_ms: int = 0

    def at(self, cause: NakedClass | None, now_ms: int) -> "Naked":
        """The state from now on; the same object where nothing changes."""
        if cause is self.cause:
            return self
        past = max(now_ms - self.since_ms, 0) if self.since_ms else 0
        return Naked(now_ms if cause else 0, cause, self.total_ms + past)

    def measured_ms(self, now_ms: int) -> int:
        """All of it up to now."""
        return self.total_ms + (max(now_ms - self.since_ms, 0) if self.since_ms else 0)


class Lacking(Struct, frozen=True):
    """A part of the take profit that does not rest, and since when it was seen so.

    Fills can reach us later than the order that they shrank: what looks lacking then is sold already. It is offered
    only once the same was seen for longer than reads lag. `refused_at_ms`: when the venue first said that it does not
    have these shares yet; what it refused is no fill that is still to be shown. 0 where it did not.
    """

    size: int
    since_ms: int
    refused_at_ms: int = 0


class Bracket(Struct, frozen=True, kw_only=True):
    """One position's bracket. `side` is the entry's side in the market's one book; times in UTC ms.

    `before` are the position's sums then. `peak` is the best executable own price seen since the entry. `mode` and
    `levels` (after the entry is over) stay as they were when it was opened. `reason` and `decision_id` are those of the
    last transition. `fallback` says why the take profit does not rest although `mode` wants it; empty while it
    does. `exit_asked` holds a signal or manual exit that no tick has acted on yet. `attempt` numbers every order that
    was sent for it and names the next one's identity. `disputed` says what a person must look at before it can be
    closed: both legs filled, or books that disagree. `api_calls` counts the orders that were sent for it and the
    cancels before its exits, each by itself also in a batch; reads serve a whole account. `foreign`: what the venue may
    show in its market although we are flat, because a person said that it is not ours. `rules` are the market's when it
    was opened: a process that has just begun and can't read them judges its stop by these. `undoing`: what became of
    attempts to sell the other outcome, where more was sold than held. `called_at_ms`: when a person was called last.
    """

    bracket_id: str
    market: str
    side: Side
    mode: ExitMode
    entry: Entry
    levels: Levels
    state: BracketState = BracketState.OPENING
    opened_at_ms: int = 0
    peak: int = 0
    exit: Exit | None = None
    exit_asked: ExitSource | None = None
    before: Before = Before()
    naked: Naked = Naked()
    fallback: str = ""
    attempt: int = 0
    lacking: "Lacking | None" = None
    disputed: str = ""
    traded_through_at_ms: int = 0
    reason: str = ""
    decision_id: str = ""
    api_calls: int = 0
    foreign: int = 0
    version: int = 0
    rules: MarketRules | None = None
    undoing: Undoing = Undoing()
    called_at_ms: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still has something to protect."""
        return self.state is not BracketState.CLOSED

    @property
    def exit_side(self) -> Side:
        """The side of every order that reduces the position."""
        return self.side.opposite


_NEXT = {
    BracketState.OPENING: frozenset(
        {BracketState.PROTECTED, BracketState.EXITING, BracketState.CLOSED, BracketState.ATTENTION}
    ),
    BracketState.PROTECTED: frozenset({BracketState.EXITING, BracketState.CLOSED, BracketState.ATTENTION}),
    BracketState.EXITING: frozenset({BracketState.CLOSED, BracketState.ATTENTION}),
    BracketState.ATTENTION: frozenset({BracketState.PROTECTED, BracketState.EXITING, BracketState.CLOSED}),
    BracketState.CLOSED: frozenset[BracketState](),
}


def moved(bracket: Bracket, state: BracketState, reason: str, decision_id: str, **changes: Any) -> Bracket:
    """The bracket in another state, with the reason. Raises InvalidInputError for a transition that there is not.

    From attention with an exit begun only exiting and closed are left: an exit is never forgotten.
    """
    allowed = _NEXT[bracket.state]
    if bracket.state is BracketState.ATTENTION and bracket.exit is not None:
        allowed -= {BracketState.PROTECTED}
    if state not in allowed:
        named = ", ".join(sorted(allowed)) or "none: it is closed"
        raise InvalidInputError(f"state after {bracket.state} of bracket {bracket.bracket_id}", state, named)
    return structs.replace(bracket, state=state, reason=reason, decision_id=decision_id, **changes)


def calling(before: Bracket, bracket: Bracket, now_ms: int) -> Bracket:
    """The bracket with a person called, where that is due: when it comes to attention, and every `CALL_AGAIN_MS` while
    it stays there. The time is the bracket's, so that of two writers one calls."""
    if bracket.state is not BracketState.ATTENTION:
        return bracket
    is_new = before.state is not BracketState.ATTENTION
    if is_new or now_ms - bracket.called_at_ms >= CALL_AGAIN_MS:
        return structs.replace(bracket, called_at_ms=now_ms)
    return bracket


def resumed(bracket: Bracket, decision_id: str, *, foreign: int = 0) -> Bracket:
    """The bracket after a person has looked: nothing is disputed, and what was begun goes on.

    An alarm that was given stays given: the exit goes on without another one until something is sold. Raises
    InvalidInputError where nobody was called.
    """
    needs_one = bracket.state is BracketState.ATTENTION
    if not (needs_one or bracket.disputed):
        raise InvalidInputError(f"bracket in {bracket.market}", bracket.state, "one in attention: it needs nobody")
    cleared = structs.replace(bracket, disputed="", foreign=foreign or bracket.foreign)
    if not needs_one:
        return cleared
    state = BracketState.EXITING if bracket.exit else BracketState.PROTECTED
    return moved(cleared, state, "resumed by a person", decision_id)


def own_price(price: int, side: Side, one: int | None) -> int:
    """The price of what is held, from a price in the market's book, or back; `side` is the entry's."""
    if side is Side.BUY:
        return price
    if one is None:
        raise InvalidInputError("side of a position", side, "buy: this venue has no second outcome in the same book")
    return one - price


def held_size(position_size: int, side: Side) -> int:
    """What is held of the bracket's outcome, from the signed net position; negative where the other one is held."""
    return position_size if side is Side.BUY else -position_size
