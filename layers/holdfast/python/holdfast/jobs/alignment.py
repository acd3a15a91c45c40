"""The check of the three layers at every job's start: errors refuse entries, all findings are said, hourly."""

from holdfast.core.alignment import alignment_of, typical_setup
from holdfast.jobs.ports import Ports
from holdfast.state.switch_set import Switches
from holdfast.telemetry.port import Level

MISALIGNED = "protection_misaligned"
SAY_AGAIN_MS = 3_600_000


def check_alignment(ports: Ports, switches: Switches, now_ms: int) -> tuple[str, ...]:
    """Why no entry may be made with these switches: nothing, or `MISALIGNED`.

    Distances in ATR can't be checked without a market's ATR: an entry that lacks it is refused by itself.
    """
    if switches.distances.needs_atr:
        return ()
    capabilities = ports.venue.capabilities
    rests = switches.use_concurrent_orders and switches.ab_concurrent_share > 0
    found = alignment_of(typical_setup(switches.distances, capabilities.scale, capabilities.fees, rests=rests))
    if found.findings:
        _say(ports, [str(finding) for finding in found.findings], now_ms, is_error=found.has_errors)
    return (MISALIGNED,) if found.has_errors else ()


def _say(ports: Ports, findings: list[str], now_ms: int, *, is_error: bool) -> None:
    said, key = ports.cache.said_at_ms, "alignment#" + "|".join(findings)
    if now_ms - said.get(key, now_ms - SAY_AGAIN_MS) < SAY_AGAIN_MS:
        return
    said[key] = now_ms
    level = Level.ERROR if is_error else Level.WARNING
    ports.telemetry.event("PROTECTION_MISALIGNED", level, findings=findings)
