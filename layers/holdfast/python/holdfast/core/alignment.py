"""Whether the three layers of protection fit each other, the market's grid and the fees. Checked after snapping.

The bracket's own stop comes first, the position monitor's soft stop with it or after it, the hard stop after both, far
enough away that one move does not set off two of them. Points are percent of the entry price. Where distances are
prices and a contract pays 1 they are hundredths of that 1, and the hard stop may be up to 5 of them away: on a grid of
cents 2.5 would leave two choices.
"""

from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from msgspec import Struct

from holdfast.core.bracket import Levels
from holdfast.core.distances import Distance, Distances, Unit
from holdfast.core.fees import FeeRates
from holdfast.core.grid import OwnGrid
from holdfast.core.levels import LEAST_TICKS, Terms, levels_of, refusal_of_entry
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.scale import Scale

LEAST_GAP_POINTS = Decimal("0.5")
MOST_GAP_POINTS = Decimal("2.5")
MOST_GAP_POINTS_OF_ONE = Decimal(5)
# Where a fee that is highest at even odds is at its highest, on the coarsest common grid.
TYPICAL_PRICE, TYPICAL_SPREAD, TYPICAL_TICK = "0.50", "0.02", "0.01"
_DISTANCES = ("take_profit", "stop_loss", "soft_stop", "hard_stop", "trailing_activation", "trailing_distance")


class Severity(StrEnum):
    """An error refuses entries; a warning is said."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Struct, frozen=True):
    """One setting that does not fit: its value, and what would."""

    severity: Severity
    setting: str
    value: str
    allowed: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.severity}: {self.setting} {self.value}: {self.allowed}"


class Setup(Struct, frozen=True, kw_only=True):
    """What is checked: the distances, for an entry at the best ask `entry` with the bid `spread` below (own prices).

    `rests`: the take profit rests at the venue and pays what makers pay. `stop_limit_percent`: how far beyond its
    trigger the limit of a stop is that the venue holds; None where the venue holds none.
    """

    grid: OwnGrid
    wanted: Distances
    entry: int
    spread: int
    fees: FeeRates
    atr: int | None = None
    rests: bool = True
    stop_limit_percent: Decimal | None = None

    @property
    def one(self) -> int:
        """The price 1."""
        return self.grid.scale.one

    @property
    def terms(self) -> Terms:
        """What the levels follow from."""
        fee = self.fees.taker.at(self.entry, self.one)
        return Terms(self.entry, self.entry - self.spread, self.entry, self.atr, fee)

    def text(self, units: int) -> str:
        """A price in words."""
        return self.grid.scale.price_text(units)


def typical_setup(
    wanted: Distances,
    scale: Scale,
    fees: FeeRates,
    *,
    rests: bool,
    entry: str = TYPICAL_PRICE,
    spread: str = TYPICAL_SPREAD,
    tick: str = TYPICAL_TICK,
    atr: str = "",
) -> Setup:
    """A market whose contract pays 1, on one tick, at decimal prices. Raises InvalidInputError for what is no price.

    No ATR (empty): it is not known.
    """
    rules = MarketRules(
        "a typical market", (PriceBand(0, scale.one, scale.price(tick, "tick")),), 1, 1, MarketStatus.OPEN
    )
    return Setup(
        grid=OwnGrid(rules, Side.BUY, scale, None),
        wanted=wanted,
        entry=scale.price(entry, "entry price"),
        spread=scale.price(spread, "spread"),
        fees=fees,
        atr=scale.price(atr, "ATR") if atr else None,
        rests=rests,
    )


class Alignment(Struct, frozen=True):
    """The findings, the levels (None while an ATR is missing), and what one unit wins or loses after fees.

    `break_even` is the percentage of trades that must win, rounded up, slippage not counted; None where even a win
    loses money, or the levels are not known.
    """

    findings: tuple[Finding, ...]
    levels: Levels | None = None
    win: int = 0
    loss: int = 0
    break_even: Decimal | None = None

    @property
    def has_errors(self) -> bool:
        """Whether entries must be refused."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def alignment_of(setup: Setup) -> Alignment:
    """Everything that does not fit. Raises InvalidInputError for an entry price that no market has."""
    if setup.wanted.needs_atr and not setup.atr:
        return Alignment(tuple(_without_atr(setup)))
    terms = setup.terms
    levels = levels_of(setup.grid, setup.wanted, terms)
    refusal = refusal_of_entry(setup.grid, setup.wanted, terms)
    findings = [*_steps(setup), *_order(setup, levels), *_trailing(setup, levels), *_stop_limit(setup, levels)]
    if refusal:
        findings.append(Finding(Severity.ERROR, "an entry at", setup.text(setup.entry), refusal))
    win, loss = _win(setup, levels), _loss(setup, levels)
    if levels.take_profit and win - setup.spread <= 0:
        costs = levels.take_profit - setup.entry - win + setup.spread
        allowed = f"more than spread and fees cost, {setup.text(costs)}"
        findings.append(_finding(setup, Severity.ERROR, "take_profit", allowed))
    findings.sort(key=lambda finding: finding.severity is Severity.WARNING)
    return Alignment(tuple(findings), levels, win, loss, _break_even(win, loss))


def _without_atr(setup: Setup) -> list[Finding]:
    allowed = "a price or a percentage while the market's ATR is not known; entries are refused"
    found = [(name, getattr(setup.wanted, name)) for name in _DISTANCES]
    return [
        _finding(setup, Severity.ERROR, name, allowed)
        for name, distance in found
        if distance is not None and distance.unit is Unit.ATR
    ]


def _steps(setup: Setup) -> list[Finding]:
    """Distances against the tick and the spread."""
    findings = []
    for name in _DISTANCES:
        distance: Distance | None = getattr(setup.wanted, name)
        if distance is None:
            continue
        goes_up = name in ("take_profit", "trailing_activation")
        tick = setup.grid.tick_above(setup.entry) if goes_up else setup.grid.tick_below(setup.entry)
        least = setup.spread + LEAST_TICKS * tick
        asked = distance.units(setup.entry, setup.atr, setup.grid.scale, name)
        if asked < tick:
            allowed = f"at least one tick, {setup.text(tick)}"
            findings.append(_finding(setup, Severity.ERROR, name, allowed))
        elif asked < least and distance.unit is not Unit.ATR:
            allowed = f"at least the spread and {LEAST_TICKS} ticks, {setup.text(least)}; that is what is used"
            findings.append(_finding(setup, Severity.WARNING, name, allowed))
        elif asked % tick and distance.unit is Unit.PRICE:
            allowed = f"whole ticks of {setup.text(tick)}; it is moved to the safe side"
            findings.append(_finding(setup, Severity.WARNING, name, allowed))
    return findings


def _order(setup: Setup, levels: Levels) -> list[Finding]:
    """The soft stop against the bracket's, and the hard stop against the soft one."""
    if not levels.hard_stop:
        return []
    findings = []
    tick = setup.grid.tick_below(levels.stop)
    tolerance = max(Decimal(setup.entry) / 200, Decimal(tick))
    if levels.soft_stop - levels.stop > tolerance:
        allowed = (
            f"no nearer than the bracket's own stop, which is {setup.text(setup.entry - levels.stop)} away here and"
            " could never fire"
        )
        findings.append(_finding(setup, Severity.ERROR, "soft_stop", allowed))
    point, most_points = _points(setup)
    least = max(LEAST_GAP_POINTS * point, Decimal(LEAST_TICKS * setup.grid.tick_below(levels.soft_stop)))
    most = max(most_points * point, least)
    gap = levels.soft_stop - levels.hard_stop
    if not least <= gap <= most:
        bounds = f"from {_shown(setup, least)} to {_shown(setup, most)}"
        allowed = f"{bounds} wider than the soft stop; after snapping it is {setup.text(gap)} wider"
        severity = Severity.ERROR if gap < least else Severity.WARNING
        findings.append(_finding(setup, severity, "hard_stop", allowed))
    return findings


def _points(setup: Setup) -> tuple[Decimal, Decimal]:
    """One point in price units, and the most points between soft and hard stop."""
    units = {setup.wanted.soft_stop.unit, setup.wanted.hard_stop.unit}
    if setup.grid.end == setup.one and units == {Unit.PRICE}:
        return Decimal(setup.one) / 100, MOST_GAP_POINTS_OF_ONE
    return Decimal(setup.entry) / 100, MOST_GAP_POINTS


def _trailing(setup: Setup, levels: Levels) -> list[Finding]:
    if not levels.trailing_activation:
        return []
    findings = []
    if levels.take_profit and levels.trailing_activation >= levels.take_profit:
        allowed = f"less than the take profit, {setup.text(levels.take_profit - setup.entry)} away; it is never active"
        findings.append(_finding(setup, Severity.WARNING, "trailing_activation", allowed))
    gain = levels.trailing_activation - setup.entry
    if levels.trailing_distance >= gain:
        allowed = f"less than trailing_activation, {setup.text(gain)}; else it sells at a loss at first"
        findings.append(_finding(setup, Severity.WARNING, "trailing_distance", allowed))
    return findings


def _stop_limit(setup: Setup, levels: Levels) -> list[Finding]:
    """A stop that the venue holds may still be filling where the hard stop takes over."""
    if setup.stop_limit_percent is None or not levels.hard_stop:
        return []
    worst = int((levels.stop * (100 - setup.stop_limit_percent) / 100).to_integral_value(ROUND_CEILING))
    if levels.hard_stop <= worst:
        return []
    allowed = (
        f"below {setup.text(worst)}, where the venue's stop sells at worst ({setup.stop_limit_percent} % beyond its"
        f" trigger); at {setup.text(levels.hard_stop)} it may be filling still, and is cancelled first"
    )
    return [_finding(setup, Severity.WARNING, "hard_stop", allowed)]


def _win(setup: Setup, levels: Levels) -> int:
    rate = setup.fees.maker if setup.rests else setup.fees.taker
    return levels.take_profit - setup.entry - setup.terms.fee - rate.at(levels.take_profit, setup.one)


def _loss(setup: Setup, levels: Levels) -> int:
    """At the stop that fires first; the monitor's alone where nothing rests."""
    stop = max(levels.stop, levels.soft_stop) if setup.rests else levels.soft_stop
    return setup.entry - stop + setup.terms.fee + setup.fees.taker.at(stop, setup.one)


def _break_even(win: int, loss: int) -> Decimal | None:
    if win <= 0:
        return None
    return (Decimal(100 * loss) / (win + loss)).quantize(Decimal("0.1"), ROUND_CEILING)


def _shown(setup: Setup, units: Decimal) -> str:
    return setup.text(int(units.to_integral_value(ROUND_CEILING)))


def _finding(setup: Setup, severity: Severity, name: str, allowed: str) -> Finding:
    return Finding(severity, name, str(getattr(setup.wanted, name)), allowed)
