"""Whether an account's quotes and entries stop this tick, and why: switches, the owner's halt, risk limits."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from holdfast.core.book import Top
from holdfast.core.capabilities import Capabilities
from holdfast.core.orders import OpenOrder
from holdfast.core.positions import Position
from holdfast.core.risk import (
    DAY_MS,
    DayMark,
    LimitName,
    RiskLimits,
    account_pnl,
    exposure_of,
    roll,
    should_halt,
)
from holdfast.jobs.ports import Ports
from holdfast.state.halts import Halting, Halts
from holdfast.state.switches import Switches
from holdfast.telemetry.port import Level


def risk_limits(switches: Switches, capabilities: Capabilities) -> RiskLimits:
    """The switches' limits in the venue's money units."""
    scale = capabilities.scale
    return RiskLimits(
        daily_loss=scale.money(switches.max_daily_loss, "max_daily_loss"),
        gross_exposure=scale.money(switches.max_gross_exposure, "max_gross_exposure"),
        market_exposure=scale.money(switches.max_market_exposure, "max_market_exposure"),
        open_orders=switches.max_open_orders,
    )


class HaltCheck:
    """Evaluates an account's halts once a tick and records them on change.

    `before` and `mark` were read together with the lease.
    """

    def __init__(self, ports: Ports, account: str, before: Halts, mark: DayMark | None) -> None:
        self._telemetry = ports.telemetry
        self._store = Halting(ports.store, account)
        self._before = before
        self._mark = mark

    def reasons(
        self,
        limits: RiskLimits,
        positions: Mapping[str, Position],
        orders: Sequence[OpenOrder],
        tops: Mapping[str, Top],
        one: int | None,
        now_ms: int,
    ) -> tuple[str, ...]:
        """Every risk limit that halts now. A daily loss that two ticks running see halts until its UTC day is over.

        Exposure is of what is held; what rests is kept within the limits by admission.
        """
        pnl = account_pnl(positions.values(), tops, one)
        mark = roll(self._mark, pnl, now_ms)
        if mark is not self._mark:
            self._store.mark_day(mark)
        held = exposure_of(positions.values(), (), one, pnl.total - mark.pnl_at_start)
        halt = should_halt(limits, structs.replace(held, open_orders=len(orders)))
        today = now_ms // DAY_MS
        reasons = [_words(reason.name, reason.market) for reason in halt.reasons] if halt else []
        # A book that is one-sided for a moment shows a loss that nobody made: the day is lost on the second look.
        lost = LimitName.DAILY_LOSS.value
        latched = self._before.latched_day == today or (lost in reasons and lost in self._before.reasons)
        if latched and LimitName.DAILY_LOSS.value not in reasons:
            reasons.append(LimitName.DAILY_LOSS.value)
        self._record(tuple(reasons), today if latched else -1, halt.reasons if halt else ())
        return tuple(reasons)

    def _record(self, reasons: tuple[str, ...], latched_day: int, details: Sequence[object]) -> None:
        if (reasons, latched_day) == (self._before.reasons, self._before.latched_day):
            return
        self._store.record(reasons, latched_day)
        if reasons:
            self._telemetry.event("HALTED", Level.WARNING, reasons=list(reasons), details=[str(d) for d in details])
        else:
            self._telemetry.event("HALT_CLEARED")


def _words(name: LimitName, market: str) -> str:
    return f"{name.value}:{market}" if market else name.value
