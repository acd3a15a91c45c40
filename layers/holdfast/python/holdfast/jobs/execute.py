"""Reconcile-and-batch-execute: one tick of one account under its lease."""

from collections import Counter
from time import perf_counter_ns

from holdfast.clock import Clock
from holdfast.core.errors import HoldfastError, StoreError
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.leased import back_off, begin, ended, let_go, skipped
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import JOB, Tick, TickReport
from holdfast.state.accounts import Account
from holdfast.state.halts import Halting
from holdfast.telemetry.port import Unit


def execute(account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int = 0) -> TickReport:
    """Run one tick under the (account, job) lease.

    `scheduled_at_ms` is the schedule's time of this tick; one that was begun already is skipped and counted, like one
    that comes while another writer holds the lease. 0 runs in any case.

    Raises nothing that the next tick can repair: an unreadable venue or store, an empty budget or a lost lease end
    the tick early, and the report says so.
    """
    report = TickReport(account.account_id)
    halting = Halting(ports.store, account.account_id)
    try:
        begun = begin(ports, account.account_id, JOB, halting, clock, scheduled_at_ms)
    except StoreError as error:
        return ended(report, ports, JOB, error)
    if isinstance(begun, str):
        return skipped(report, ports, JOB, begun)
    lease, items = begun
    report.fence = lease.fence
    started_ns = perf_counter_ns()
    tick = Tick(ports, clock, lease, halting, *halting.of(items), report)
    try:
        tick.run()
    except HoldfastError as error:
        # Whatever it is, the next tick starts afresh from what the venue and the store say then.
        ended(report, tick.ports, JOB, error)
        back_off(tick.ports, error)
    finally:
        report.calls, report.waited_ms = Counter(ports.throttle.calls), ports.throttle.waited_ms
        let_go(tick.ports, tick.writes.lease)
    if report.execution.answers:
        # What has just been bought is protected at once, by the job that owns the legs, under its own lease.
        report.protection = check_brackets(account, ports, clock)
    ports.telemetry.metric("TickTime", (perf_counter_ns() - started_ns) // 1_000_000, Unit.MILLISECONDS, job=JOB)
    return report
