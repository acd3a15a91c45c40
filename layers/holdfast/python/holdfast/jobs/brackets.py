"""The bracket-status job: one tick of one account under its lease: protect what is held, redeem what resolved."""

from collections import Counter
from dataclasses import dataclass, field, replace

from holdfast.clock import Clock
from holdfast.core.bracket import NakedClass
from holdfast.core.errors import HoldfastError, StoreError
from holdfast.core.positions import LedgerKind
from holdfast.jobs.access import report_access
from holdfast.jobs.account_view import AccountView, LastLook
from holdfast.jobs.alignment import check_alignment
from holdfast.jobs.execution import Execution
from holdfast.jobs.foreign_positions import say_foreign_positions
from holdfast.jobs.leased import back_off, begin, ended, let_go, skipped
from holdfast.jobs.observing import Observer
from holdfast.jobs.ports import Ports
from holdfast.jobs.protecting import Protecting, ProtectingReport
from holdfast.jobs.reading import standing_view
from holdfast.jobs.redeeming import Redeeming, RedeemingReport
from holdfast.jobs.unreadable import say_unreadable
from holdfast.jobs.upkeep import Upkeep
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.jobs.writes import Writes
from holdfast.state.accounts import Account
from holdfast.state.brackets import Brackets
from holdfast.state.halts import Halting, VenueNote
from holdfast.state.leases import Lease
from holdfast.state.ledger import Ledger
from holdfast.state.switches import SwitchReading
from holdfast.telemetry.decision import DecisionTelemetry
from holdfast.telemetry.port import Level

JOB = "brackets"
# How often what resolved is listed while nothing of ours was in it: later money, but never less of it.
LIST_REDEEMABLE_MS = 600_000


@dataclass(slots=True)
class BracketsReport:
    """What one tick did. `skipped` or `ended` say why there was none, or why it stopped early."""

    account: str
    skipped: str = ""
    ended: str = ""
    fence: int = 0
    booked: int = 0
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    protecting: ProtectingReport = field(default_factory=ProtectingReport)
    redeeming: RedeemingReport = field(default_factory=RedeemingReport)


def check_brackets(
    account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int = 0, gasless: bool | None = None
) -> BracketsReport:
    """Run one tick under the (account, job) lease.

    `scheduled_at_ms` is the schedule's time of this tick; one that was begun already is skipped, like one that comes
    while another writer holds the lease. `gasless` takes the place of the switch where the owner asks by hand.

    Raises nothing that the next tick can repair; the report says what ended it early.
    """
    report = BracketsReport(account.account_id)
    halting = Halting(ports.store, account.account_id)
    try:
        begun = begin(ports, account.account_id, JOB, halting, clock, scheduled_at_ms)
    except StoreError as error:
        return ended(report, ports, JOB, error, job=JOB)
    if isinstance(begun, str):
        return skipped(report, ports, JOB, begun, job=JOB)
    lease, items = begun
    report.fence = lease.fence
    halts = halting.of(items)[0]
    say_unreadable(ports, halts.unreadable, clock.now_ms())
    tick = BracketsTick(ports, clock, lease, halting, halts.venue, report, gasless)
    try:
        tick.run()
    except HoldfastError as error:
        ended(report, tick.ports, JOB, error, job=JOB)
        tick.say_unseen()
        back_off(tick.ports, error)
    finally:
        report.calls = Counter(ports.throttle.calls)
        let_go(tick.ports, tick.writes.lease)
    return report


class BracketsTick:
    """One tick of one account, under a held lease. `note` of the venue was read with the lease."""

    def __init__(
        self,
        ports: Ports,
        clock: Clock,
        lease: Lease,
        halting: Halting,
        note: VenueNote,
        report: BracketsReport,
        gasless: bool | None,
    ) -> None:
        self.decision_id = f"{lease.account}-{JOB}-{lease.fence}"
        self.ports = replace(ports, telemetry=DecisionTelemetry(ports.telemetry, lease.account, self.decision_id))
        self.account = lease.account
        self.writes = Writes(self.ports, lease, clock)
        self.watch = VenueWatch(self.ports, note, clock)
        self._clock, self._halting, self._note = clock, halting, note
        self._report, self._gasless = report, gasless
        self._ledger = Ledger(ports.store, lease.account)
        self._is_judged = False
        self._has_settled = False

    def run(self) -> None:
        """Every step; the report holds what was done, also where an error ends the tick early."""
        reading = self.ports.switches.read()
        if not reading.valid:
            # The last valid set stays in force: bad settings stop entries, never exits.
            self.ports.telemetry.event("SWITCHES_INVALID", Level.ERROR, problems=list(reading.problems))
            self.ports.telemetry.metric("SwitchesInvalid", 1)
        self.ports.throttle.begin_tick(reading.switches.max_wait_seconds * 1000, self.decision_id)
        if not self.ports.cache.connected:
            self.ports.venue.connect()
            self.ports.cache.connected = True
        self.ports.throttle.configure(self.ports.venue.capabilities)
        if self.ports.cache.access.reasons:
            report_access(self.ports, self._clock.now_ms())
        check_alignment(self.ports, reading.switches, self._clock.now_ms())
        self._protect(reading)
        self._redeem(reading)

    def _prepay(self, reads: int) -> None:
        """Take the tokens of reads to come in one write. An empty bucket stops no protection."""
        cost, throttle = self.ports.venue.capabilities.costs.read, self.ports.throttle
        throttle.prepay("read", throttle.largest_batch("read", cost, reads, exit=True) * cost, exit=True)

    def _observe(self, observer: Observer) -> AccountView:
        """Orders, their as-of time and fills; status and books are paid for with them."""
        self._prepay(4 + self.watch.is_due)
        view = observer.observe()
        self.ports.throttle.succeeded("read")
        self._report.booked += view.booked
        return view

    def _protect(self, reading: SwitchReading) -> None:
        switches, brackets = reading.switches, Brackets(self.ports.store, self.account)
        began_ms = self._clock.now_ms()
        observer = Observer(self.ports, self.writes, self._clock)
        opened, unreadable = brackets.read()
        say_unreadable(self.ports, unreadable, began_ms)
        stood = None
        if self.watch.is_due_unused:
            self.watch.look()
        if not self.watch.is_due_unused:
            stood = standing_view(self.ports, self.writes.journal, self._ledger, began_ms)
        view = self._observe(observer) if stood is None else stood
        capabilities = self.ports.venue.capabilities
        one = capabilities.one
        upkeep = Upkeep(self.ports, self.account, self._clock)
        held = {market for market, stored in view.positions.items() if stored.position.size}
        for market, bracket in opened.items():
            if bracket.rules is not None:
                # A process that has just begun needs no list of markets to see that a stop is due.
                self.ports.cache.rules.setdefault(market, bracket.rules)
        upkeep.refresh(switches.config_refresh_ticks, held | opened.keys(), waits=True)
        protecting = Protecting(
            self.ports, self.writes, self.watch, self._clock, switches, self.decision_id, observer.observe
        )
        self._report.protecting = protecting.report
        try:
            if not self.watch.is_due_unused and protecting.is_calm(opened, view):
                if stood is None:
                    self.ports.cache.look = LastLook(view, began_ms)
            else:
                self.ports.cache.look = None
                self.watch.look()
                upkeep.catch_up(switches.config_refresh_ticks, held | opened.keys())
                if stood is not None:
                    # Nothing is sent on an old look.
                    opened = brackets.open()
                    view = self._observe(observer)
                protecting.run(opened, view)
            self._is_judged = True
            # Stops come first: a list of results that hangs or is refused must not hold them up.
            if upkeep.settle(view.positions, one, view.provisional):
                self.ports.cache.redeemable_listed_at_ms = 0
                protecting.run(brackets.open(), self._observe(observer))
            # With what was settled just now; what another writer settles meanwhile the next tick sees.
            settled = LedgerKind.SETTLEMENT.value
            self._has_settled = any(stored.position.reduced_by == settled for stored in view.positions.values())
            say_foreign_positions(self.ports, view, opened.keys(), self._clock.now_ms())
        finally:
            self.watch.finish(Execution())
            if self.watch.note != self._note:
                self._halting.note_venue(self.watch.note)

    def say_unseen(self) -> None:
        """Where the tick ended before it could judge its positions they count as blind: none would look like safety."""
        if self._is_judged:
            return
        try:
            unseen = sum(map(len, Brackets(self.ports.store, self.account).read()))
        except StoreError as error:
            self.ports.telemetry.event("POSITIONS_UNSEEN", Level.ERROR, brackets=None, error=str(error))
            return
        if unseen:
            self.ports.telemetry.event("POSITIONS_UNSEEN", Level.ERROR, brackets=unseen)
            self.ports.telemetry.metric("NakedPositions", unseen, cause=NakedClass.BLIND.value)

    def _redeem(self, reading: SwitchReading) -> None:
        redeemer = self.ports.redeemer
        if redeemer is None or not (self._gasless is not None or self._may_redeem()):
            return
        self.ports.throttle.add(redeemer.bucket)
        wanted = reading.switches.use_gasless if self._gasless is None else self._gasless
        unwanted = "" if wanted else "use_gasless is off"
        if not reading.valid:
            unwanted = "the switches are invalid"
        redeeming = Redeeming(self.ports, redeemer, self.writes.lease, self._clock, self.decision_id)
        self._report.redeeming = redeeming.report
        try:
            done = redeeming.run(unwanted, dry_run=reading.switches.dry_run)
            # What is to be redeemed was settled first: a tick that books a settlement asks again at once.
            self.ports.cache.redeemable_listed_at_ms = 0 if done.found or done.open else self._clock.now_ms()
        finally:
            self.writes.lease = redeeming.lease

    def _may_redeem(self) -> bool:
        """Whether something of ours can be there to redeem: what our ledger settled, and not looked for lately."""
        listed_ms = self._clock.now_ms() - self.ports.cache.redeemable_listed_at_ms
        return self._has_settled and listed_ms >= LIST_REDEEMABLE_MS
