"""Whether one bracket exits now, by which of its layers, and why. Pure.

Every rule is evaluated on its own, then they are ranked; the first that is due decides:

| rank | source                    | due when                                       | defers to                     |
|------|---------------------------|------------------------------------------------|-------------------------------|
| 1    | POSITION_MONITOR_HARD     | bid <= hard_stop                               | a native stop that is filling |
| 2    | ARMED_STOP                | mode limit_orders and bid <= stop              | the native stop               |
| 3    | POSITION_MONITOR_SOFT     | bid <= soft_stop                               | the native stop               |
| 4    | POSITION_MONITOR_TRAILING | active and bid <= peak - trailing_distance     | either leg                    |
| 5    | POSITION_MONITOR_SIGNAL   | a signal asked for it                          | either leg                    |
| 5    | MANUAL, RISK_FLATTEN      | asked for; needs no switch and no price        | nothing                       |
| 6    | POSITION_MONITOR_TP       | bid >= take_profit, or traded through for long | the resting take profit       |
| 7    | TIME_LIMIT                | open for `max_position_ms`, or its take        | either leg                    |
|      |                           | profit resting for `max_limit_ms`              |                               |

A rule defers only to a leg that the venue holds within a tolerance of the price that it would sell at, and to a native
stop that is filling (`holdfast.core.legs`). It then waits, and so do the rules from rank 4 on, but for MANUAL and
RISK_FLATTEN. A leg at another price is overridden, and the reason says so.

A take profit that rests although the bid is a tick or more above it was traded through: that is noted at the first
sighting and deferred; `recheck_ms` later it is sold to the bid, if that is still there.

Prices count as `holdfast.core.marks` says. A rule that is due at a price that is not trusted and not confirmed does not
fire, and is not passed over either: `Decision.blind` names it.
"""

from msgspec import Struct

from holdfast.core.bracket import Bracket, BracketState, Exit, ExitSource
from holdfast.core.exit_rules import (
    AT_ONCE,
    LOSSES,
    STOPS,
    Due,
    ExitRules,
    Look,
    evidence_of,
    is_quiet,
    others_due,
    stops_due,
    traded_through,
)
from holdfast.core.legs import LegName, Legs, grace_left_ms, leg_at
from holdfast.core.market import MarketRules
from holdfast.core.marks import Mark, least_worth, untrusted

_NEVER_HELD_UP = LOSSES | AT_ONCE
_NOT_PRICED = frozenset({"stale", "no_bid", "crossed"})


class Deference(Struct, frozen=True):
    """A rule that is due and is left to a leg at the venue."""

    source: ExitSource
    leg: LegName
    reason: str


class Decision(Struct, frozen=True):
    """What to do about one bracket now.

    `exit`: begin this exit; None also while one is under way: the first named source stays. `take_liquidity`: the hard
    stop is due (now, or under an exit that was begun for another reason), so the next attempt goes at once.
    `deferred`: a rule is due and left to the venue. `blind`: the prices kept a rule from being judged, and why; alarm.
    `stops_blind`: that rule is a stop, or nothing can be judged at all: the position is naked. `untrusted`: why the bid
    is not trusted as it stands ("stale", "no_bid", "one_sided", "crossed", "wide"), "" where it is; it need not make us
    blind. `marked`: the price to measure floors from, None while there is no new one: store it in the exit that is
    under way. `peak` and `traded_through_at_ms` (0: not, or not any more) are the bracket's new values. `over`: the
    market takes no orders any more and its settlement closes the bracket (MARKET_RESOLVED).
    """

    peak: int
    exit: Exit | None = None
    take_liquidity: bool = False
    deferred: Deference | None = None
    blind: str = ""
    untrusted: str = ""
    marked: int | None = None
    traded_through_at_ms: int = 0
    over: bool = False
    stops_blind: bool = False

    @property
    def lacks_witness(self) -> bool:
        """Whether a stop is due in a book that is too wide, and nothing that was read confirms it."""
        return self.stops_blind and self.untrusted == "wide"


def decide(
    bracket: Bracket,
    mark: Mark,
    legs: Legs,
    rules: ExitRules,
    market_rules: MarketRules,
    now_ms: int,
    held: int,
) -> Decision:
    """The decision for one bracket; `held` is what can still be sold of it, in size units.

    `market_rules` are the market's as they are, whichever outcome is held. Nothing is decided for a closed bracket or
    where nothing is held.
    """
    peak = max(bracket.peak, bracket.entry.price)
    if held <= 0 or bracket.state is BracketState.CLOSED:
        return Decision(peak)
    if market_rules.is_over(now_ms):
        return Decision(peak, over=True)
    why = untrusted(mark, now_ms, rules.stale_after_ms, rules.max_spread)
    bid = None if why in _NOT_PRICED else mark.bid
    if bid is not None and not why:
        peak = max(peak, bid)
        if is_quiet(bracket, bid, peak, legs, rules, now_ms):
            return Decision(peak, marked=bid)
    look = Look(bracket, mark, legs, rules, market_rules, now_ms, bid, why)
    if bracket.exit is not None:
        return _under_way(look, bracket.exit, peak)
    traded_at = traded_through(look)
    due = stops_due(look, peak)
    due += others_due(look, traded_at)
    return _ranked(look, due, peak, traded_at, held)


def _ranked(look: Look, due: list[Due], peak: int, traded_at: int, held: int) -> Decision:
    """The first rule that is due and confirmed decides: it fires, or it waits for a leg and so do those below it."""
    exit: Exit | None = None
    deferred: Deference | None = None
    unconfirmed: list[Due] = []
    for rule in due:
        if deferred is not None and rule.source not in _NEVER_HELD_UP:
            continue
        waits = _deference(look, rule)
        if waits is not None:
            # The venue judges by its own prices, so ours need not be good.
            deferred = deferred or waits
            continue
        evidence = evidence_of(look, rule)
        if evidence is not None:
            exit = _exit(look, rule, evidence, held)
            break
        unconfirmed.append(rule)
    if exit is not None:
        unconfirmed = []
    marked = look.bid if not look.untrusted else exit.mark if exit is not None else None
    is_blind = look.bid is None or bool(unconfirmed)
    return Decision(
        peak=peak,
        exit=exit,
        take_liquidity=exit is not None and exit.source is ExitSource.POSITION_MONITOR_HARD,
        deferred=deferred,
        blind=_blind(look, unconfirmed) if is_blind else "",
        untrusted=look.untrusted,
        marked=marked,
        traded_through_at_ms=traded_at,
        stops_blind=is_blind and (look.bid is None or any(rule.source in STOPS for rule in unconfirmed)),
    )


def _under_way(look: Look, exit: Exit, peak: int) -> Decision:
    """An exit that was begun goes on under its own source; the hard stop makes it take liquidity, once it is confirmed
    again where it was not what began the exit.

    The floor follows trusted prices up, and down as far as the ask comes down too: a bid that is further below the ask
    than the market's own spread was sold out, by us perhaps, and each attempt would walk the price down. In a too wide
    book the floor follows an ask that has come below the mark, nothing else.
    """
    hard = ExitSource.POSITION_MONITOR_HARD
    due = [rule for rule in stops_due(look, peak) if rule.source is hard and exit.source is not hard]
    is_reached = any(evidence_of(look, rule) is not None for rule in due)
    is_blind = look.bid is None or (bool(due) and not is_reached)
    marked, ask = _followed(look, exit) if not look.untrusted else None, look.mark.ask
    if look.untrusted == "wide" and ask is not None and ask <= exit.mark:
        marked = least_worth(look.mark, look.rules.max_spread, exit.mark)
    return Decision(
        peak=peak,
        take_liquidity=is_reached or exit.source is hard,
        blind=_blind(look, due) if is_blind else "",
        untrusted=look.untrusted,
        marked=marked,
        stops_blind=is_blind,
    )


def _followed(look: Look, exit: Exit) -> int | None:
    """The mark of an exit under way, at a trusted bid."""
    bid, ask, entry = look.bid, look.mark.ask, look.bracket.entry
    if bid is None or ask is None or bid >= exit.mark:
        return bid
    usual = max(entry.best_ask - entry.best_bid, 2 * look.tick(bid))
    return max(bid, min(exit.mark, ask - usual))


def _deference(look: Look, rule: Due) -> Deference | None:
    """The leg at the venue that a rule is left to, None where it is left to nobody."""
    legs, source = look.legs, rule.source
    if not rule.defers or (legs.stop is None and (legs.take_profit is None or source in LOSSES)):
        # A loss is never left to a take profit.
        return None
    left_ms = grace_left_ms(legs, look.rules.grace_ms, look.now_ms)
    if left_ms:
        words = f"{rule.words}: the venue's stop is filling, {left_ms} ms are left to it"
        return Deference(source, LegName.STOP, words)
    if source is ExitSource.POSITION_MONITOR_HARD:
        return None
    leg = leg_at(legs, rule.price, look.tick(rule.price))
    if leg is None or (leg is LegName.TAKE_PROFIT and source in LOSSES):
        return None
    resting = legs.stop if leg is LegName.STOP else legs.take_profit
    at = look.text(resting.price if resting is not None else None)
    words = f"{rule.words} at {look.text(rule.price)}: left to the {leg.replace('_', ' ')} at the venue, {at}"
    return Deference(source, leg, words)


def _exit(look: Look, rule: Due, evidence: str, held: int) -> Exit:
    """The exit that a rule proposes, with its reason in words and numbers."""
    bid, entry, text = look.mark.bid, look.bracket.entry.price, look.text
    words = f"{rule.words}: bid {text(bid)}"
    if rule.source in STOPS:
        words += f" at or below {text(rule.price)}"
    elif rule.source is ExitSource.POSITION_MONITOR_TP:
        words += f" at or above {text(rule.price)}"
    words += f"; entry {text(entry)}"
    if bid is not None:
        words += f", {text(bid - entry)} a unit"
    if evidence:
        seen = look.mark.ask if evidence == "ask" else look.mark.last_trade
        words += f"; the {evidence} {text(seen)} confirms it"
    if look.legs.take_profit is not None:
        words += f"; overrides the take profit resting at {text(look.legs.take_profit.price)}"
    if look.legs.stop is not None:
        words += f"; overrides the venue's stop at {text(look.legs.stop.price)}"
    mark = look.bid if not look.untrusted else None
    if mark is None:
        mark = least_worth(look.mark, look.rules.max_spread, entry)
        if evidence == "last trade" and look.mark.last_trade is not None:
            # What somebody paid, where nobody comes down to: a floor below the ask alone would find no bid.
            mark = max(bid or 0, min(mark, look.mark.last_trade))
    return Exit(
        source=rule.source,
        reason=words,
        decided_at_ms=look.now_ms,
        trigger=bid or 0,
        intended=rule.price,
        mark=mark,
        size=held,
    )


def _blind(look: Look, unconfirmed: list[Due]) -> str:
    """Why nothing can be judged by these prices, with the numbers and what may be due."""
    mark, text = look.mark, look.text
    numbers = f"bid {text(mark.bid)}, ask {text(mark.ask)}, {_traded(look)}"
    if mark.mirrored_bid is not None:
        numbers += f", bid by the other outcome's book {text(mark.mirrored_bid)}"
    words = f"{look.untrusted}: {numbers}, {look.now_ms - mark.at_ms} ms old"
    named = ", ".join(f"{rule.words} ({text(rule.price)})" if rule.price else rule.words for rule in unconfirmed)
    return f"{words}; not confirmed: {named}" if named else words


def _traded(look: Look) -> str:
    mark = look.mark
    words = f"last trade {look.text(mark.last_trade)}"
    if mark.last_trade is None:
        return words
    at_ms = mark.last_trade_at_ms
    return f"{words}, {f'{(look.now_ms - at_ms) // 1_000} s ago at most' if at_ms else 'nobody says when'}"
