"""The bracket-status job: one pass of one account under its lease.

It owns redemptions. The brackets themselves join it here: they are one more step of `Pass.run`.
"""

from dataclasses import dataclass, field, replace

from holdfast.clock import Clock
from holdfast.core.errors import HoldfastError, StoreError, VenueRateLimitedError
from holdfast.jobs.ports import Ports
from holdfast.jobs.redeeming import Redeeming, RedeemingReport
from holdfast.jobs.writes import LEASE_MS
from holdfast.state.accounts import Account
from holdfast.state.leases import Lease, acquire, lease_key, release
from holdfast.telemetry.decision import DecisionTelemetry
from holdfast.telemetry.port import Level

JOB = "brackets"


@dataclass(slots=True)
class BracketsReport:
    """What one pass did. `skipped` or `ended` say why there was none, or why it stopped early."""

    account: str
    skipped: str = ""
    ended: str = ""
    fence: int = 0
    redeeming: RedeemingReport = field(default_factory=RedeemingReport)


def check_brackets(
    account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int = 0, gasless: bool | None = None
) -> BracketsReport:
    """Run one pass under the (account, job) lease.

    `scheduled_at_ms` is the schedule's time of this pass; one that was begun already is skipped, like one that comes
    while another writer holds the lease. `gasless` takes the place of the switch where the owner asks by hand.

    Raises nothing that the next pass can repair; the report says what ended it early.
    """
    report = BracketsReport(account.account_id)
    key = lease_key(account.account_id, JOB)
    try:
        current = ports.store.get(key)
        if current is not None and 0 < scheduled_at_ms <= current["scheduled_at_ms"]:
            return _skipped(report, ports, "duplicate")
        lease = acquire(
            ports.store, account.account_id, JOB, ports.writer, clock.now_ms(), LEASE_MS, current, scheduled_at_ms
        )
    except StoreError as error:
        return _ended(report, ports, error)
    if lease is None:
        return _skipped(report, ports, "lease_held")
    report.fence = lease.fence
    one = Pass(ports, clock, lease, report, gasless)
    try:
        one.run()
    except HoldfastError as error:
        _ended(report, one.ports, error)
        if isinstance(error, VenueRateLimitedError):
            _back_off(report, one.ports)
    finally:
        _let_go(one.ports, one.lease)
    return report


class Pass:
    """One pass of one account, under a held lease."""

    def __init__(self, ports: Ports, clock: Clock, lease: Lease, report: BracketsReport, gasless: bool | None) -> None:
        self.decision_id = f"{lease.account}-{JOB}-{lease.fence}"
        self.ports = replace(ports, telemetry=DecisionTelemetry(ports.telemetry, lease.account, self.decision_id))
        self.lease = lease
        self._clock, self._report, self._gasless = clock, report, gasless

    def run(self) -> None:
        """Every step; the report holds what was done, also where an error ends the pass early."""
        reading = self.ports.switches.read()
        if not reading.valid:
            self.ports.telemetry.event("SWITCHES_INVALID", Level.ERROR, problems=list(reading.problems))
            self.ports.telemetry.metric("SwitchesInvalid", 1)
        throttle, redeemer = self.ports.throttle, self.ports.redeemer
        throttle.begin_tick(reading.switches.max_wait_seconds * 1000, self.decision_id)
        if redeemer is None:
            return
        if not self.ports.cache.connected:
            self.ports.venue.connect()
            self.ports.cache.connected = True
        throttle.configure(self.ports.venue.capabilities)
        throttle.add(redeemer.bucket)
        wanted = reading.switches.use_gasless if self._gasless is None else self._gasless
        unwanted = "" if wanted else "use_gasless is off"
        if not reading.valid:
            unwanted = "the switches are invalid"
        redeeming = Redeeming(self.ports, redeemer, self.lease, self._clock, self.decision_id)
        self._report.redeeming = redeeming.report
        try:
            redeeming.run(unwanted, dry_run=reading.switches.dry_run)
        finally:
            self.lease = redeeming.lease


def _skipped(report: BracketsReport, ports: Ports, reason: str) -> BracketsReport:
    report.skipped = reason
    ports.telemetry.event("TICK_SKIPPED", account=report.account, job=JOB, reason=reason)
    ports.telemetry.metric("TicksSkipped", 1, job=JOB, reason=reason)
    return report


def _ended(report: BracketsReport, ports: Ports, error: Exception) -> BracketsReport:
    report.ended = f"{type(error).__name__}: {error}"
    ports.telemetry.event("TICK_ENDED_EARLY", Level.WARNING, account=report.account, job=JOB, error=report.ended)
    ports.telemetry.metric("TicksEndedEarly", 1, job=JOB)
    return report


def _back_off(report: BracketsReport, ports: Ports) -> None:
    """Store the back-off after a refused read; where the store does not answer, the next pass is refused again."""
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
