"""Redeem what resolved, one transaction of the account at a time: look up what is open, list, submit, record.

Every pass compares what the venue shows with the records, so a crash or a lost answer at any point is repaired by a
later one. A record is written, under the lease's fence, before its transaction is sent, and no other attempt at the
same condition exists until it is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.clock import Clock
from holdfast.core.errors import (
    BudgetExhaustedError,
    ConditionFailedError,
    InvalidInputError,
    VenueError,
    VenueRateLimitedError,
)
from holdfast.core.outcomes import Refusal, Refused, Unknown
from holdfast.core.positions import settlement_key
from holdfast.core.redemption import (
    Redeemable,
    Redemption,
    RedemptionRead,
    RedemptionState,
    RedemptionStatus,
    Submitted,
    identity_of,
    ledger_lines,
    may_start,
    next_attempt,
)
from holdfast.jobs.ports import Ports
from holdfast.jobs.writes import LEASE_MS, REQUEST_MS, RESOLVE_SLACK_MS
from holdfast.state.leases import Lease, renew
from holdfast.state.ledger import Ledger
from holdfast.state.redemptions import Redemptions
from holdfast.telemetry.port import Level
from holdfast.venues.port import Redeems

SAY_AGAIN_MS = 86_400_000
STUCK_MS = 3_600_000


@dataclass(slots=True)
class RedeemingReport:
    """What one pass did. `left`: conditions of ours that pay something and were not sent; `open`: still in doubt.

    `found`: conditions of ours that pay something and were still to be redeemed when it began.
    """

    found: int = 0
    submitted: int = 0
    redeemed: int = 0
    failed: int = 0
    left: int = 0
    open: int = 0


class Redeeming:
    """One pass over one account, under a held lease."""

    def __init__(self, ports: Ports, redeemer: Redeems, lease: Lease, clock: Clock, decision_id: str) -> None:
        self._ports, self._redeemer, self._clock = ports, redeemer, clock
        self._decision_id = decision_id
        self._records = Redemptions(ports.store, lease.account)
        self._ledger = Ledger(ports.store, lease.account)
        self.lease = lease
        self.report = RedeemingReport()

    def run(self, unwanted: str, *, dry_run: bool) -> RedeemingReport:
        """Look up what is open, and redeem what is ours; `unwanted` says why nothing new is to be sent, "" if it is.

        Raises a VenueError, StoreError or LeaseLostError: what was recorded until then stands.
        """
        latest = dict(self._records.all())
        reads = {c: read for c, record in latest.items() if (read := self._read(record)) is not None}
        # Listed after the look-ups: a holding that is still there says that they saw no effect.
        listed = {one.condition: one for one in self._redeemer.redeemable()}
        for condition, read in reads.items():
            latest[condition] = self._resolved(latest[condition], read, listed)
        found = self._ours(listed)
        self.report.found = len(found)
        for wanted in found:
            if self._is_due(wanted, latest, unwanted, dry_run=dry_run) and not self._attempt(wanted, latest):
                break
        self.report.open = sum(record.is_open for record in latest.values())
        return self.report

    def _is_due(self, wanted: Redeemable, latest: Mapping[str, Redemption], unwanted: str, *, dry_run: bool) -> bool:
        """Whether it is to be sent now; what is not to be sent at all is said."""
        record = latest.get(wanted.condition)
        reason = unwanted or self._redeemer.obstacle
        if record is not None and record.is_given_up:
            reason = f"given up after {record.failures} failures: {record.cause}"
        if reason:
            self._leave(wanted, reason)
            return False
        if dry_run:
            self._say_daily("DRY_RUN_REDEMPTION", Level.INFO, wanted)
            return False
        return may_start(record, self._clock.now_ms()) and not any(each.is_open for each in latest.values())

    def _attempt(self, wanted: Redeemable, latest: dict[str, Redemption]) -> bool:
        """Redeem it; False where the next one would meet what stopped this one."""
        try:
            latest[wanted.condition] = self._redeem(wanted, latest.get(wanted.condition))
        except VenueRateLimitedError:
            raise
        except InvalidInputError as error:
            self._event("REDEMPTION_NOT_PREPARED", Level.ERROR, wanted, error=str(error))
        except (VenueError, BudgetExhaustedError) as error:
            self._event("REDEMPTION_NOT_PREPARED", Level.WARNING, wanted, error=str(error))
            return False
        return True

    def _read(self, record: Redemption) -> RedemptionRead | None:
        """What became of an open attempt; None where it is too early to ask, or nothing can be read."""
        if not record.is_open or self._clock.now_ms() < record.resolvable_at_ms:
            return None
        return self._looked_up(record)

    def _looked_up(self, record: Redemption) -> RedemptionRead | None:
        try:
            return self._redeemer.look_up(record)
        except VenueRateLimitedError:
            raise
        except (VenueError, BudgetExhaustedError) as error:
            self._event("REDEMPTION_UNREADABLE", Level.WARNING, record, error=str(error))
            return None

    def _resolved(self, record: Redemption, read: RedemptionRead, listed: Mapping[str, Redeemable]) -> Redemption:
        """The record after a look-up, recorded where it changed."""
        now_ms = self._clock.now_ms()
        is_gone = record.condition not in listed and now_ms >= record.void_after_ms
        if read.status is RedemptionStatus.CONFIRMED or is_gone:
            return self._confirmed(record, read.transaction_id)
        if read.status is RedemptionStatus.FAILED:
            return self._failed(record.failed(read.detail, now_ms, counts=True))
        if read.status is RedemptionStatus.VOID:
            after = record.seen_void(now_ms)
            return self._close(after) if after.is_open else self._failed(after)
        if now_ms - record.sent_at_ms >= STUCK_MS:
            self._say_daily("REDEMPTION_STUCK", Level.ERROR, record, transaction_id=record.transaction_id)
        if read.status is RedemptionStatus.PENDING and record.state is RedemptionState.SENT:
            return self._close(record.submitted(read.transaction_id))
        return record

    def _ours(self, listed: Mapping[str, Redeemable]) -> list[Redeemable]:
        """What pays something, and whose settlement the ledger has booked: then its profit is counted already.

        A holding whose settlement is still to be booked waits for that: once redeemed, no list shows it any more.
        """
        paying = [one for one in listed.values() if one.payout > 0]
        markets = {holding.market for one in paying for holding in one.holdings}
        if not markets:
            return []
        known = self._ledger.known([settlement_key(market) for market in sorted(markets)])
        settled = {market for market in markets if settlement_key(market) in known}
        held = {market for market, stored in self._ledger.positions().items() if stored.position.size}
        return [
            one
            for one in paying
            if any(holding.market in settled for holding in one.holdings)
            and not any(holding.market in held for holding in one.holdings)
        ]

    def _redeem(self, wanted: Redeemable, latest: Redemption | None) -> Redemption:
        """Tokens, signature, record, request, outcome, in that order.

        Raises before anything is sent: a VenueError or BudgetExhaustedError, which others would meet too, or
        InvalidInputError for what can't be redeemed by anybody's code.
        """
        bucket, account = self._redeemer.bucket.name, self.lease.account
        identity = identity_of(account, wanted.condition, latest.attempt + 1 if latest else 1)
        self._ports.throttle.take(bucket, self._redeemer.cost)
        signed = self._redeemer.prepare(wanted, identity)
        self._keep_lease()
        now_ms = self._clock.now_ms()
        deadline_ms = now_ms + REQUEST_MS
        record = next_attempt(
            latest,
            account,
            wanted,
            signed,
            fence=self.lease.fence,
            now_ms=now_ms,
            resolvable_at_ms=deadline_ms + RESOLVE_SLACK_MS,
        )
        self._records.open(record, self.lease)
        outcome = self._redeemer.submit(signed, deadline_ms)
        if isinstance(outcome, Unknown):
            self._event("REDEMPTION_UNKNOWN", Level.WARNING, record, cause=outcome.cause)
            return record
        if isinstance(outcome, Refused):
            if outcome.reason is Refusal.RATE_LIMITED:
                self._ports.throttle.refused(bucket)
            return self._failed(record.after(outcome, self._clock.now_ms()))
        self._ports.throttle.succeeded(bucket)
        return self._submitted(record, outcome)

    def _submitted(self, record: Redemption, outcome: Submitted) -> Redemption:
        """Recorded, and looked at once: what is confirmed already lets the next one go."""
        self.report.submitted += 1
        record = self._close(record.after(outcome, self._clock.now_ms()))
        self._event("REDEMPTION_SUBMITTED", Level.INFO, record, transaction_id=record.transaction_id)
        read = self._looked_up(record)
        if read is not None and read.status is RedemptionStatus.CONFIRMED:
            return self._confirmed(record, read.transaction_id)
        return record

    def _confirmed(self, record: Redemption, transaction_id: str) -> Redemption:
        """The ledger first: a crash in between books the same lines again, which changes nothing."""
        done = record.confirmed(transaction_id, self._clock.now_ms())
        for line in ledger_lines(done, self._clock.now_ms(), self._decision_id):
            self._ledger.note(line)
        self.report.redeemed += 1
        self._event("REDEEMED", Level.INFO, done, transaction_id=done.transaction_id)
        self._ports.telemetry.metric("Redeemed", 1)
        return self._close(done)

    def _failed(self, record: Redemption) -> Redemption:
        self.report.failed += 1
        name, level = (
            ("REDEMPTION_GIVEN_UP", Level.ERROR) if record.is_given_up else ("REDEMPTION_FAILED", Level.WARNING)
        )
        self._event(name, level, record, cause=record.cause, failures=record.failures)
        self._ports.telemetry.metric("RedemptionsFailed", 1)
        return self._close(record)

    def _close(self, record: Redemption) -> Redemption:
        try:
            self._records.close(record)
        except ConditionFailedError:
            # Another writer took over and recorded what it read from the venue itself: its word stands.
            self._event("JOURNAL_TAKEN_OVER", Level.WARNING, record)
        return record

    def _leave(self, wanted: Redeemable, reason: str) -> None:
        self.report.left += 1
        if self._say_daily("REDEMPTION_LEFT_TO_OWNER", Level.WARNING, wanted, reason=reason):
            self._ports.telemetry.metric("RedemptionsLeftToOwner", 1)

    def _say_daily(self, name: str, level: Level, of: Redeemable | Redemption, **fields: object) -> bool:
        """Say it at most once a day per condition and process."""
        said, now_ms = self._ports.cache.said_at_ms, self._clock.now_ms()
        key = f"{name}#{of.condition}"
        if now_ms - said.get(key, -SAY_AGAIN_MS) < SAY_AGAIN_MS:
            return False
        said[key] = now_ms
        self._event(name, level, of, **fields)
        return True

    def _event(self, name: str, level: Level, of: Redeemable | Redemption, **fields: object) -> None:
        if isinstance(of, Redemption):
            fields["attempt"] = of.attempt
        markets = [holding.market for holding in of.holdings]
        payout = sum(holding.payout for holding in of.holdings)
        self._ports.telemetry.event(name, level, condition=of.condition, markets=markets, payout=payout, **fields)

    def _keep_lease(self) -> None:
        """Renew the lease when less than two requests' time is left on it."""
        if self.lease.expires_at_ms - self._clock.now_ms() < 2 * REQUEST_MS:
            self.lease = renew(self._ports.store, self.lease, self._clock.now_ms(), LEASE_MS)
