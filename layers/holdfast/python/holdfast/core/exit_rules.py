"""The rules of an exit, each on its own: which are due at the prices as they stand, and what confirms them. Pure."""

from functools import lru_cache

from msgspec import Struct

from holdfast.core.bracket import Bracket, ExitMode, ExitSource, own_price
from holdfast.core.legs import Legs
from holdfast.core.market import MarketRules
from holdfast.core.marks import Mark, least_worth, witness
from holdfast.core.scale import Scale, format_units

AT_ONCE = frozenset({ExitSource.MANUAL, ExitSource.RISK_FLATTEN})
"""Asked for by a person or by the risk limits: they need no price, and wait for nothing."""

LOSSES = frozenset({ExitSource.POSITION_MONITOR_HARD, ExitSource.ARMED_STOP, ExitSource.POSITION_MONITOR_SOFT})
"""Stops below the entry."""

STOPS = LOSSES | {ExitSource.POSITION_MONITOR_TRAILING}
"""Rules that a falling bid makes due."""


class ExitRules(Struct, frozen=True):
    """What the switches say about exits at one venue. Prices in price units, times in ms.

    `max_position_ms` 0: no limit, and so is `max_limit_ms`, of how long a take profit rests. `grace_ms`: how long a
    native stop that has triggered is left to fill. `recheck_ms`: how long after the first sighting a take profit that
    was traded through is sold by us. `one`: the price of 1 on a venue that nets two outcomes in one book, else None.
    """

    scale: Scale
    stale_after_ms: int
    max_spread: int
    one: int | None = None
    use_trailing: bool = True
    use_signal: bool = True
    use_time: bool = True
    max_position_ms: int = 0
    max_limit_ms: int = 0
    grace_ms: int = 5_000
    recheck_ms: int = 5_000


class Due(Struct, frozen=True, gc=False):
    """A rule whose condition holds at the prices as they stand, and the own price that it would sell at."""

    source: ExitSource
    price: int
    words: str
    defers: bool = True


class Look(Struct, frozen=True, gc=False):
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
        return "none" if price is None else _text(price, self.rules.scale.price_decimals)

    def tick(self, price: int) -> int:
        """The market's step above an own price."""
        return self.market_rules.tick_at(own_price(price, self.bracket.side, self.rules.one), self.bracket.exit_side)


@lru_cache(4_096)
def _text(price: int, decimals: int) -> str:
    # A market has few prices, and a crash names them all at once.
    return format_units(price, decimals)


def is_quiet(bracket: Bracket, bid: int, peak: int, legs: Legs, rules: ExitRules, now_ms: int) -> bool:
    """Whether no rule can be due at a trusted bid, in a few comparisons: so it is for most brackets at most times.

    Never True where a rule is due; the rules are not asked then.
    """
    levels, leg = bracket.levels, legs.take_profit
    if bid <= levels.hard_stop or bid <= levels.stop or bid <= levels.soft_stop:
        return False
    distance = levels.trailing_distance
    if distance and bid <= peak - distance and peak >= levels.trailing_activation:
        return False
    if 0 < levels.take_profit <= bid or (leg is not None and bid > leg.price):
        return False
    if bracket.exit is not None or bracket.exit_asked is not None:
        return False
    if rules.max_limit_ms and leg is not None and now_ms - leg.since_ms >= rules.max_limit_ms:
        return False
    return not rules.max_position_ms or now_ms - bracket.opened_at_ms < rules.max_position_ms


def stops_due(look: Look, peak: int) -> list[Due]:
    """The stops that the bid has reached, by rank. A level of 0 is never reached: a bid is above 0."""
    due: list[Due] = []
    bid, levels = look.bid, look.bracket.levels
    if bid is None:
        return due
    if bid <= levels.hard_stop:
        due.append(Due(ExitSource.POSITION_MONITOR_HARD, levels.hard_stop, "hard stop"))
    if bid <= levels.stop and look.bracket.mode is ExitMode.LIMIT_ORDERS:
        due.append(Due(ExitSource.ARMED_STOP, levels.stop, "armed stop"))
    if bid <= levels.soft_stop:
        due.append(Due(ExitSource.POSITION_MONITOR_SOFT, levels.soft_stop, "soft stop"))
    distance = levels.trailing_distance
    if distance and look.rules.use_trailing and bid <= peak - distance and peak >= levels.trailing_activation:
        words = f"trailing stop {look.text(distance)} below the best bid {look.text(peak)}"
        due.append(Due(ExitSource.POSITION_MONITOR_TRAILING, peak - distance, words))
    return due


def others_due(look: Look, traded_at: int) -> list[Due]:
    """What else is due, by rank: what was asked for, the take profit, the time limit."""
    due: list[Due] = []
    bracket, rules, bid = look.bracket, look.rules, look.bid
    if bracket.exit_asked is not None:
        if bracket.exit_asked in AT_ONCE:
            price = least_worth(look.mark, rules.max_spread, bracket.entry.price) if look.untrusted else bid or 0
            due.append(Due(bracket.exit_asked, price, f"{bracket.exit_asked} asked for", defers=False))
        elif rules.use_signal:
            due.append(Due(bracket.exit_asked, bid or 0, "a signal asked for it"))
    leg, level = look.legs.take_profit, bracket.levels.take_profit
    if bid is not None and leg is not None and traded_at and look.now_ms - traded_at >= rules.recheck_ms:
        seconds = (look.now_ms - traded_at) // 1_000
        words = f"take profit resting at {look.text(leg.price)} traded through for {seconds} s without a fill"
        due.append(Due(ExitSource.POSITION_MONITOR_TP, bid, words, defers=False))
    elif bid is not None and level and bid >= level:
        due.append(Due(ExitSource.POSITION_MONITOR_TP, level, "take profit"))
    age_ms = look.now_ms - bracket.opened_at_ms
    if rules.use_time and rules.max_position_ms and bracket.opened_at_ms and age_ms >= rules.max_position_ms:
        words = f"open for {age_ms // 60_000} min, at most {rules.max_position_ms // 60_000}"
        due.append(Due(ExitSource.TIME_LIMIT, bid or 0, words))
    elif rules.use_time and rules.max_limit_ms and leg is not None and leg.since_ms:
        rests_ms = look.now_ms - leg.since_ms
        if rests_ms >= rules.max_limit_ms:
            words = f"take profit resting for {rests_ms // 60_000} min, at most {rules.max_limit_ms // 60_000}"
            due.append(Due(ExitSource.TIME_LIMIT, bid or 0, words))
    return due


def traded_through(look: Look) -> int:
    """Since when the resting take profit is traded through; a first sighting stands while there is no trusted price."""
    leg = look.legs.take_profit
    if leg is None or leg.remaining <= 0:
        return 0
    before = look.bracket.traded_through_at_ms
    if look.untrusted or look.bid is None:
        return before
    if look.bid <= leg.price or look.bid < leg.price + look.tick(leg.price):
        return 0
    return before or look.now_ms


def evidence_of(look: Look, rule: Due) -> str | None:
    """What makes a rule's price count, in words that may be empty; None where nothing does."""
    if not look.untrusted or rule.source in AT_ONCE:
        return ""
    if look.untrusted != "wide" or rule.source not in STOPS:
        return None
    rules = look.rules
    tolerance = 2 * look.tick(rule.price)
    return witness(look.mark, rule.price, look.now_ms, rules.stale_after_ms, rules.max_spread, tolerance) or None
