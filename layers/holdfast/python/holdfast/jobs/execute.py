"""Reconcile-and-batch-execute: one tick of one account under its lease."""

from collections import Counter
from time import perf_counter_ns

from holdfast.clock import Clock
from holdfast.core.errors import HoldfastError, StoreError, VenueRateLimitedError
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import JOB, Tick, TickReport
from holdfast.jobs.writes import LEASE_MS
from holdfast.state.accounts import Account
from holdfast.state.halts import Halting
from holdfast.state.leases import Lease, acquire, lease_key, release
from holdfast.telemetry.port import Level, Unit


def execute(account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int = 0) -> TickReport:
    """Run one tick under the (account, job) lease.

    `scheduled_at_ms` is the schedule's time of this tick; one that was begun already is skipped and counted, like one
    that comes while another writer holds the lease. 0 runs in any case.

    Raises nothing that the next tick can repair: an unreadable venue or store, an empty budget or a lost lease end
    the tick early, and the report says so.
    """
    report = TickReport(account.account_id)
    halting = Halting(ports.store, account.account_id)
    key = lease_key(account.account_id, JOB)
    try:
        items = ports.store.get_many([key, *halting.keys])
        current = items.get(key)
        if current is not None and 0 < scheduled_at_ms <= current["scheduled_at_ms"]:
            return _skipped(report, ports, "duplicate")
        lease = acquire(
            ports.store,
            account.account_id,
            JOB,
            ports.writer,
            clock.now_ms(),
            LEASE_MS,
            current,
            scheduled_at_ms,
        )
    except StoreError as error:
        return _ended(report, ports, error)
    if lease is None:
        return _skipped(report, ports, "lease_held")
    report.fence = lease.fence
    started_ns = perf_counter_ns()
    tick = Tick(ports, clock, lease, halting, *halting.of(items), report)
    try:
        tick.run()
    except VenueRateLimitedError as error:
        _ended(report, tick.ports, error)
        _back_off(report, tick.ports)
    except HoldfastError as error:
        # Whatever it is, the next tick starts afresh from what the venue and the store say then.
        _ended(report, tick.ports, error)
    finally:
        report.calls, report.waited_ms = Counter(ports.throttle.calls), ports.throttle.waited_ms
        _let_go(tick.ports, tick.writes.lease)
    if report.execution.answers:
        # What has just been bought is protected at once, by the job that owns the legs, under its own lease.
        report.protection = check_brackets(account, ports, clock)
    ports.telemetry.metric("TickTime", (perf_counter_ns() - started_ns) // 1_000_000, Unit.MILLISECONDS, job=JOB)
    return report


def _skipped(report: TickReport, ports: Ports, reason: str) -> TickReport:
    report.skipped = reason
    ports.telemetry.event("TICK_SKIPPED", account=report.account, reason=reason)
    ports.telemetry.metric("TicksSkipped", 1, job=JOB, reason=reason)
    return report


def _ended(report: TickReport, ports: Ports, error: Exception) -> TickReport:
    report.ended = f"{type(error).__name__}: {error}"
    ports.telemetry.event("TICK_ENDED_EARLY", Level.WARNING, account=report.account, error=report.ended)
    ports.telemetry.metric("TicksEndedEarly", 1, job=JOB)
    return report


def _back_off(report: TickReport, ports: Ports) -> None:
    """Store the back-off after a refused read; where the store does not answer, the next tick is refused again."""
    try:
        ports.throttle.refused("read")
    except StoreError as error:
        ports.telemetry.event("BACKOFF_NOT_STORED", Level.WARNING, account=report.account, error=str(error))


def _let_go(ports: Ports, lease: Lease) -> None:
    """Release the lease; where the store does not answer it runs out by itself."""
    try:
        release(ports.store, lease)
    except StoreError as error:
        ports.telemetry.event("LEASE_NOT_RELEASED", Level.WARNING, account=lease.account, error=str(error))
