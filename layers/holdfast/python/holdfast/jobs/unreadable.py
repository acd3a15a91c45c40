"""Records in the store that can't be read: said as an error, and entries of the account wait until they are mended."""

from collections.abc import Iterable

from holdfast.jobs.ports import Ports
from holdfast.state.records import Unreadable
from holdfast.telemetry.port import Level

SAY_AGAIN_MS = 60_000


def halts_of(unreadable: Iterable[Unreadable]) -> tuple[str, ...]:
    """Why nothing is entered: what can't be read may be a bracket, an order under way, or a market that is barred."""
    return tuple(sorted({f"unreadable:{one.record}" for one in unreadable}))


def say_unreadable(ports: Ports, unreadable: Iterable[Unreadable], now_ms: int) -> None:
    """Say each at once, and every minute while it stays so."""
    said = ports.cache.said_at_ms
    for one in unreadable:
        key = f"unreadable#{one.record}#{one.key}"
        if now_ms - said.get(key, now_ms - SAY_AGAIN_MS) < SAY_AGAIN_MS:
            continue
        said[key] = now_ms
        ports.telemetry.event("RECORD_UNREADABLE", Level.ERROR, record=one.record, key=one.key, why=one.why)
        ports.telemetry.metric("RecordsUnreadable", 1)
