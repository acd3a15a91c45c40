"""The check of the three layers at every job's start: errors refuse entries, all findings are said, hourly."""

from holdfast.core.alignment import Setup, Severity, alignment_of, typical_setup
from holdfast.core.distances import Distances
from holdfast.core.grid import OwnGrid
from holdfast.core.levels import Terms
from holdfast.jobs.ports import Ports
from holdfast.state.switch_set import Switches
from holdfast.telemetry.port import Level

MISALIGNED = "protection_misaligned"
SAY_AGAIN_MS = 3_600_000


def check_alignment(ports: Ports, switches: Switches, now_ms: int) -> tuple[str, ...]:
    """Why no entry may be made with these switches: nothing, or `MISALIGNED`.

    Distances in ATR can't be checked without a market's ATR: each entry is checked with its own (`misaligned_entry`),
    and one that lacks it is refused by itself.
    """
    if switches.distances.needs_atr:
        return ()
    capabilities = ports.venue.capabilities
    rests, scale = _rests(switches), capabilities.scale
    found = alignment_of(typical_setup(switches.distances, scale, capabilities.fees, rests=rests))
    if found.findings:
        _say(ports, [str(finding) for finding in found.findings], now_ms, is_error=found.has_errors)
    return (MISALIGNED,) if found.has_errors else ()


def misaligned_entry(ports: Ports, switches: Switches, grid: OwnGrid, wanted: Distances, terms: Terms) -> str:
    """Why an entry with distances in ATR is refused: what does not fit in its own market; "" where all of it fits.

    Levels that the end of the grid has moved together are no fault of the settings.
    """
    if not wanted.needs_atr or not terms.atr or terms.bid is None or terms.ask is None:
        return ""
    found = alignment_of(
        Setup(
            grid=grid,
            wanted=wanted,
            entry=terms.ask,
            spread=terms.spread,
            fees=ports.venue.capabilities.fees,
            atr=terms.atr,
            rests=_rests(switches),
        )
    )
    levels = found.levels
    if levels is None or levels.hard_stop <= grid.lowest or levels.take_profit >= grid.highest:
        return ""
    return "; ".join(str(finding) for finding in found.findings if finding.severity is Severity.ERROR)


def _rests(switches: Switches) -> bool:
    return switches.use_concurrent_orders and switches.ab_concurrent_share > 0


def _say(ports: Ports, findings: list[str], now_ms: int, *, is_error: bool) -> None:
    said, key = ports.cache.said_at_ms, "alignment#" + "|".join(findings)
    if now_ms - said.get(key, now_ms - SAY_AGAIN_MS) < SAY_AGAIN_MS:
        return
    said[key] = now_ms
    level = Level.ERROR if is_error else Level.WARNING
    ports.telemetry.event("PROTECTION_MISALIGNED", level, findings=findings)
