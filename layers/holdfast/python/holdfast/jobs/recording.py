"""What a tick leaves behind: an event for each market whose decision changed, and pauses of markets that refuse."""

from collections.abc import Mapping

from holdfast.core.pauses import MarketPause, after_refusal, counts_towards_pause
from holdfast.core.plan import Plan
from holdfast.core.positions import Position
from holdfast.jobs.deciding import Decisions
from holdfast.jobs.execution import Execution
from holdfast.state.halts import Halting
from holdfast.telemetry.port import Level, Telemetry

# A market's refusals are no longer "running" when none came for this many intervals, pauses apart.
FORGET_INTERVALS = 3


def report_decisions(
    telemetry: Telemetry,
    decision_id: str,
    drawn: Plan,
    decided: Decisions,
    positions: Mapping[str, Position],
    halted: tuple[str, ...],
) -> None:
    """One event for each market whose decision changed: something is cancelled, placed or exited there."""
    changed = {order.market for order in (*drawn.exit_cancels, *drawn.cancels)}
    changed |= {target.market for target in (*drawn.exits, *drawn.entries, *drawn.places)}
    for market in sorted(changed):
        targets = decided.quotes.get(market, ())
        telemetry.event(
            "DECISION_MADE",
            market=market,
            decision_id=f"{decision_id}-{market}",
            targets=[f"{t.side.value} {t.size} @ {t.price}" for t in targets] if not halted else [],
            quiet=decided.quiet.get(market, ""),
            halted=list(halted),
            position=positions.get(market, Position(market)).size,
        )


def record_pauses(
    halting: Halting,
    telemetry: Telemetry,
    before: Mapping[str, MarketPause],
    done: Execution,
    now_ms: int,
    interval_ms: int,
) -> None:
    """Count this tick's refusals towards the pauses of their markets; one that accepted an order is free of them."""
    for market, reason in done.refusals.items():
        if counts_towards_pause(reason):
            pause = after_refusal(before.get(market), market, reason, now_ms, interval_ms)
            halting.pause(pause, max(pause.until_ms, now_ms) + FORGET_INTERVALS * interval_ms)
            if pause.until_ms:
                telemetry.event(
                    "MARKET_PAUSED", Level.WARNING, market=market, reason=reason.value, until=pause.until_ms
                )
    for market in done.accepted_markets & before.keys() - done.refusals.keys():
        halting.clear_pause(market)
