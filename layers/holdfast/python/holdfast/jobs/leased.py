"""What the ticks of every job share: one at a time under the (account, job) lease, and how one ends early."""

from typing import Protocol, TypeVar

from holdfast.clock import Clock
from holdfast.core.errors import StoreError, VenueRateLimitedError
from holdfast.jobs.ports import Ports
from holdfast.jobs.writes import LEASE_MS
from holdfast.state.halts import Halting
from holdfast.state.leases import Lease, acquire, lease_key, release
from holdfast.state.port import Item, Key
from holdfast.telemetry.port import Level


class Report(Protocol):
    """What every job's report says of a tick that did not run, or not to its end."""

    account: str
    skipped: str
    ended: str


SomeReport = TypeVar("SomeReport", bound=Report)


def begin(
    ports: Ports, account: str, job: str, halting: Halting, clock: Clock, scheduled_at_ms: int
) -> tuple[Lease, dict[Key, Item]] | str:
    """Take the lease; returns it with the items at `halting.keys`, or in a word why this tick is skipped.

    "duplicate": the schedule's tick of this time was begun already. Raises StoreError.
    """
    key = lease_key(account, job)
    items = ports.store.get_many([key, *halting.keys])
    current = items.get(key)
    if current is not None and 0 < scheduled_at_ms <= current["scheduled_at_ms"]:
        return "duplicate"
    lease = acquire(ports.store, account, job, ports.writer, clock.now_ms(), LEASE_MS, current, scheduled_at_ms)
    return (lease, items) if lease is not None else "lease_held"


def skipped(report: SomeReport, ports: Ports, of: str, reason: str, **said: str) -> SomeReport:
    """The tick of job `of` does not run; `said` are further fields of the event."""
    report.skipped = reason
    ports.telemetry.event("TICK_SKIPPED", Level.INFO, account=report.account, reason=reason, **said)
    ports.telemetry.metric("TicksSkipped", 1, job=of, reason=reason)
    return report


def ended(report: SomeReport, ports: Ports, of: str, error: Exception, **said: str) -> SomeReport:
    """The tick of job `of` stops early; `said` are further fields of the event."""
    report.ended = f"{type(error).__name__}: {error}"
    ports.telemetry.event("TICK_ENDED_EARLY", Level.WARNING, account=report.account, error=report.ended, **said)
    ports.telemetry.metric("TicksEndedEarly", 1, job=of)
    return report


def back_off(ports: Ports, error: Exception) -> None:
    """Store the back-off where a read failed with 429; where the store does not answer, the next is refused again."""
    if not isinstance(error, VenueRateLimitedError):
        return
    try:
        ports.throttle.refused("read")
    except StoreError as lost:
        ports.telemetry.event("BACKOFF_NOT_STORED", Level.WARNING, error=str(lost))


def let_go(ports: Ports, lease: Lease) -> None:
    """Release the lease; where the store does not answer it runs out by itself."""
    try:
        release(ports.store, lease)
    except StoreError as error:
        ports.telemetry.event("LEASE_NOT_RELEASED", Level.WARNING, account=lease.account, error=str(error))
