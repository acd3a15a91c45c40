"""Whether one bracket exits now, by which of its layers, and why. Pure.

Every rule is evaluated on its own, then they are ranked; the first that is due decides:

| rank | rule           | source                      | due when                                | defers to                 |
|------|----------------|-----------------------------|-----------------------------------------|---------------------------|
| 1    | hard stop      | POSITION_MONITOR_HARD       | bid <= hard_stop                        | a native stop that fills  |
| 2    | manual, risk   | MANUAL, RISK_FLATTEN        | asked for; needs no price and no switch | nothing                   |
| 3    | armed stop     | ARMED_STOP                  | mode limit_orders, bid <= stop          | native stop               |
| 4    | soft stop      | POSITION_MONITOR_SOFT       | bid <= soft_stop                        | native stop               |
| 5    | trailing stop  | POSITION_MONITOR_TRAILING   | active, bid <= peak - distance          | either leg                |
| 6    | signal         | POSITION_MONITOR_SIGNAL     | asked for                               | either leg                |
| 7    | take profit    | POSITION_MONITOR_TP         | bid >= take_profit, or traded through   | the resting take profit   |
| 8    | time limit     | TIME_LIMIT                  | open for `max_position_ms`              | either leg                |

A rule defers only to a leg that the venue holds, at most a tolerance (0.5 % of the level or one tick) from the level
that the rule is about; it then waits, and so do the rules below it. A leg at another level is overridden, and the
reason says so. A native stop that has triggered is filling: for `grace_ms` every rule but those of rank 2 waits for
it, the hard stop too, and nobody after that. Prices count as `holdfast.core.marks` says.
"""

from enum import StrEnum

from msgspec import Struct

from holdfast.core.bracket import Bracket, Exit, ExitSource
from holdfast.core.market import MarketRules
from holdfast.core.marks import Mark
from holdfast.core.scale import Scale


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


class RestingLeg(Struct, frozen=True, gc=False):
    """A take profit that rests at the venue: own price, and what is left of it."""

    price: int
    remaining: int


class NativeStop(Struct, frozen=True, gc=False):
    """A stop that the venue itself holds: own price; `triggered_at_ms` 0 while it waits."""

    price: int
    triggered_at_ms: int = 0


class Legs(Struct, frozen=True):
    """What the venue holds for this bracket now. An order whose outcome is not known counts as held."""

    take_profit: RestingLeg | None = None
    stop: NativeStop | None = None


NO_LEGS = Legs()


class LegName(StrEnum):
    """Which leg a rule leaves the exit to."""

    TAKE_PROFIT = "take_profit"
    STOP = "stop"


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
    `untrusted`: why the bid is not trusted as it stands ("stale", "no_bid", "one_sided", "crossed", "wide"), "" where
    it is; it need not make us blind. `marked`: the price to measure floors from, None while there is none: store it
    in the exit that is under way. `peak` and `traded_through_at_ms` (0: not, or not any more) are the bracket's new
    values. `over`: the market takes no orders any more and its settlement closes the bracket (MARKET_RESOLVED).
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

    Nothing is decided for a closed bracket or where nothing is held.
    """
    raise NotImplementedError
