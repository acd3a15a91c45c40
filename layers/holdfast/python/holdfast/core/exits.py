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
| 7    | TIME_LIMIT                | open for `max_position_ms`                     | either leg                    |

A rule defers only to a leg that the venue holds within a tolerance of the price that it would sell at, and to a native
stop that is filling (`holdfast.core.legs`). It then waits, and so do the rules from rank 4 on, but for MANUAL and
RISK_FLATTEN. A leg at another price is overridden, and the reason says so.

A take profit that rests although the bid is a tick or more above it was traded through: that is noted at the first
sighting and deferred; `recheck_ms` later it is sold to the bid, if that is still there.

Prices count as `holdfast.core.marks` says. A rule that is due at a price that is not trusted and not confirmed does not
fire, and is not passed over either: `Decision.blind` names it.
"""

from typing import NamedTuple

from msgspec import Struct

from holdfast.core.bracket import Bracket, BracketState, Exit, ExitMode, ExitSource, own_price
from holdfast.core.legs import LegName, Legs, grace_left_ms, leg_at
from holdfast.core.market import MarketRules
from holdfast.core.marks import Mark, least_worth, untrusted, witness
from holdfast.core.scale import Scale

_AT_ONCE = frozenset({ExitSource.MANUAL, ExitSource.RISK_FLATTEN})
_LOSSES = frozenset({ExitSource.POSITION_MONITOR_HARD, ExitSource.ARMED_STOP, ExitSource.POSITION_MONITOR_SOFT})
_STOPS = _LOSSES | {ExitSource.POSITION_MONITOR_TRAILING}
_NEVER_HELD_UP = _LOSSES | _AT_ONCE
_NOT_PRICED = frozenset({"stale", "no_bid", "crossed"})


class ExitRules(Struct, frozen=True):
    """What the switches say about exits at one venue. Prices in price units, times in ms.

    `max_position_ms` 0: no limit. `grace_ms`: how long a native stop that has triggered is left to fill.
    `recheck_ms`: how long after the first sighting a take profit that was traded through is sold by us.
    `one`: the price of 1 on a venue that nets two outcomes in one book, else None.
    """

    scale: Scale
    stale_after_ms: int
    max_spread: int
    one: int | None = None
    use_trailing: bool = True
    use_signal: bool = True
    use_time: bool = True
    max_position_ms: int = 0
    grace_ms: int = 5_000
    recheck_ms: int = 5_000


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


class _Due(NamedTuple):
    """A rule whose condition holds at the prices as they stand, and the own price that it would sell at."""

    source: ExitSource
    price: int
    words: str
    defers: bool = True


class _Look(NamedTuple):
    """One bracket and all that is known of it now. `bid` None: no price to judge by, and `untrusted` says why."""

    bracket: Bracket
    mark: Mark
    legs: Legs
    rules: ExitRules
    market_rules: MarketRules
    now_ms: int
    bid: int | None
    untrusted: str

    def text(self, price: int | None) -> str:
        """A price in words."""
        return "none" if price is None else self.rules.scale.price_text(price)

    def tick(self, price: int) -> int:
        """The market's step above an own price."""
        return self.market_rules.tick_at(own_price(price, self.bracket.side, self.rules.one), self.bracket.exit_side)


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
    look = _Look(bracket, mark, legs, rules, market_rules, now_ms, bid, why)
    if bid is not None and not why and bid > peak:
        peak = bid
    if bracket.exit is not None:
        return _under_way(look, bracket.exit, peak)
    traded_at = _traded_through(look)
    due = _stops_due(look, peak)
    due += _others_due(look, traded_at)
    return _ranked(look, due, peak, traded_at, held)


def _stops_due(look: _Look, peak: int) -> list[_Due]:
    """The stops that the bid has reached, by rank. A level of 0 is never reached: a bid is above 0."""
    due: list[_Due] = []
    bid, levels = look.bid, look.bracket.levels
    if bid is None:
        return due
    if bid <= levels.hard_stop:
        due.append(_Due(ExitSource.POSITION_MONITOR_HARD, levels.hard_stop, "hard stop"))
    if bid <= levels.stop and look.bracket.mode is ExitMode.LIMIT_ORDERS:
        due.append(_Due(ExitSource.ARMED_STOP, levels.stop, "armed stop"))
    if bid <= levels.soft_stop:
        due.append(_Due(ExitSource.POSITION_MONITOR_SOFT, levels.soft_stop, "soft stop"))
    distance = levels.trailing_distance
    if distance and look.rules.use_trailing and bid <= peak - distance and peak >= levels.trailing_activation:
        words = f"trailing stop {look.text(distance)} below the best bid {look.text(peak)}"
        due.append(_Due(ExitSource.POSITION_MONITOR_TRAILING, peak - distance, words))
    return due


def _others_due(look: _Look, traded_at: int) -> list[_Due]:
    """What else is due, by rank: what was asked for, the take profit, the time limit."""
    due: list[_Due] = []
    bracket, rules, bid = look.bracket, look.rules, look.bid
    if bracket.exit_asked is not None:
        if bracket.exit_asked in _AT_ONCE:
            price = least_worth(look.mark, rules.max_spread, bracket.entry.price) if look.untrusted else bid or 0
            due.append(_Due(bracket.exit_asked, price, f"{bracket.exit_asked} asked for", defers=False))
        elif rules.use_signal:
            due.append(_Due(bracket.exit_asked, bid or 0, "a signal asked for it"))
    leg, level = look.legs.take_profit, bracket.levels.take_profit
    if bid is not None and leg is not None and traded_at and look.now_ms - traded_at >= rules.recheck_ms:
        seconds = (look.now_ms - traded_at) // 1_000
        words = f"take profit resting at {look.text(leg.price)} traded through for {seconds} s without a fill"
        due.append(_Due(ExitSource.POSITION_MONITOR_TP, bid, words, defers=False))
    elif bid is not None and level and bid >= level:
        due.append(_Due(ExitSource.POSITION_MONITOR_TP, level, "take profit"))
    age_ms = look.now_ms - bracket.opened_at_ms
    if rules.use_time and rules.max_position_ms and bracket.opened_at_ms and age_ms >= rules.max_position_ms:
        words = f"open for {age_ms // 60_000} min, at most {rules.max_position_ms // 60_000}"
        due.append(_Due(ExitSource.TIME_LIMIT, bid or 0, words))
    return due


def _traded_through(look: _Look) -> int:
    """Since when the resting take profit is traded through; a first sighting stands while there is no trusted price."""
    leg = look.legs.take_profit
    if leg is None or leg.remaining <= 0:
        return 0
    before = look.bracket.traded_through_at_ms
    if look.untrusted or look.bid is None:
        return before
    return (before or look.now_ms) if look.bid >= leg.price + look.tick(leg.price) else 0


def _ranked(look: _Look, due: list[_Due], peak: int, traded_at: int, held: int) -> Decision:
    """The first rule that is due and confirmed decides: it fires, or it waits for a leg and so do those below it."""
    exit: Exit | None = None
    deferred: Deference | None = None
    unconfirmed: list[_Due] = []
    for rule in due:
        if deferred is not None and rule.source not in _NEVER_HELD_UP:
            continue
        evidence = _evidence(look, rule)
        if evidence is None:
            unconfirmed.append(rule)
            continue
        waits = _deference(look, rule)
        if waits is None:
            exit = _exit(look, rule, evidence, held)
            break
        deferred = deferred or waits
    if exit is not None:
        unconfirmed = []
    marked = look.bid if not look.untrusted else exit.mark if exit is not None else None
    return Decision(
        peak=peak,
        exit=exit,
        take_liquidity=exit is not None and exit.source is ExitSource.POSITION_MONITOR_HARD,
        deferred=deferred,
        blind=_blind(look, unconfirmed) if look.bid is None or unconfirmed else "",
        untrusted=look.untrusted,
        marked=marked,
        traded_through_at_ms=traded_at,
        stops_blind=look.bid is None or any(rule.source in _STOPS for rule in unconfirmed),
    )


def _under_way(look: _Look, exit: Exit, peak: int) -> Decision:
    """An exit that was begun goes on under its own source; the hard stop makes it take liquidity.

    The floor follows trusted prices. In a too wide book it follows an ask that has come below the mark, nothing else.
    """
    hard = ExitSource.POSITION_MONITOR_HARD
    due = [rule for rule in _stops_due(look, peak) if rule.source is hard]
    is_reached = any(_evidence(look, rule) is not None for rule in due)
    is_blind = look.bid is None or (bool(due) and not is_reached)
    marked, ask = look.bid if not look.untrusted else None, look.mark.ask
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


def _evidence(look: _Look, rule: _Due) -> str | None:
    """What makes a rule's price count, in words that may be empty; None where nothing does."""
    if not look.untrusted or rule.source in _AT_ONCE:
        return ""
    if look.untrusted != "wide" or rule.source not in _STOPS:
        return None
    rules = look.rules
    return witness(look.mark, rule.price, look.now_ms, rules.stale_after_ms, rules.max_spread) or None


def _deference(look: _Look, rule: _Due) -> Deference | None:
    """The leg at the venue that a rule is left to, None where it is left to nobody."""
    if not rule.defers:
        return None
    legs, source = look.legs, rule.source
    left_ms = grace_left_ms(legs, look.rules.grace_ms, look.now_ms)
    if left_ms:
        return Deference(
            source, LegName.STOP, f"{rule.words}: the venue's stop is filling, {left_ms} ms are left to it"
        )
    if source is ExitSource.POSITION_MONITOR_HARD:
        return None
    leg = leg_at(legs, rule.price, look.tick(rule.price))
    if leg is None or (leg is LegName.TAKE_PROFIT and source in _LOSSES):
        return None
    at = legs.stop.price if leg is LegName.STOP and legs.stop else legs.take_profit.price if legs.take_profit else 0
    words = (
        f"{rule.words} at {look.text(rule.price)}: left to the {leg.replace('_', ' ')} at the venue, {look.text(at)}"
    )
    return Deference(source, leg, words)


def _exit(look: _Look, rule: _Due, evidence: str, held: int) -> Exit:
    """The exit that a rule proposes, with its reason in words and numbers."""
    bid, entry = look.mark.bid, look.bracket.entry.price
    words = [f"{rule.words}: bid {look.text(bid)}"]
    if rule.source in _STOPS:
        words[0] += f" at or below {look.text(rule.price)}"
    elif rule.source is ExitSource.POSITION_MONITOR_TP:
        words[0] += f" at or above {look.text(rule.price)}"
    words.append(f"entry {look.text(entry)}" + (f", {look.text(bid - entry)} a unit" if bid is not None else ""))
    if evidence:
        seen = look.mark.ask if evidence == "ask" else look.mark.last_trade
        words.append(f"the {evidence} {look.text(seen)} confirms it")
    if look.legs.take_profit is not None:
        words.append(f"overrides the take profit resting at {look.text(look.legs.take_profit.price)}")
    if look.legs.stop is not None:
        words.append(f"overrides the venue's stop at {look.text(look.legs.stop.price)}")
    mark = look.bid if not look.untrusted else None
    if mark is None:
        mark = least_worth(look.mark, look.rules.max_spread, entry)
    return Exit(
        source=rule.source,
        reason="; ".join(words),
        decided_at_ms=look.now_ms,
        trigger=bid or 0,
        intended=rule.price,
        mark=mark,
        size=held,
    )


def _blind(look: _Look, unconfirmed: list[_Due]) -> str:
    """Why nothing can be judged by these prices, with the numbers and what may be due."""
    mark, text = look.mark, look.text
    numbers = f"bid {text(mark.bid)}, ask {text(mark.ask)}, last trade {text(mark.last_trade)}"
    words = f"{look.untrusted}: {numbers}, {look.now_ms - mark.at_ms} ms old"
    named = ", ".join(f"{rule.words} ({text(rule.price)})" if rule.price else rule.words for rule in unconfirmed)
    return f"{words}; not confirmed: {named}" if named else words
