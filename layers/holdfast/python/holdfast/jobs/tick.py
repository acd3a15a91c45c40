"""One pass of the loop of design section 5: observe, decide, plan, carry out, record.

Every tick compares what is with what should be, so a crash, a lost message or a duplicate at any point is repaired
by the next one.
"""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field, replace

from holdfast.clock import Clock
from holdfast.core.admission import admit
from holdfast.core.book import OrderBook, Top, without_ours
from holdfast.core.errors import BudgetExhaustedError, VenueError, VenueRateLimitedError
from holdfast.core.orders import TargetOrder
from holdfast.core.pauses import MarketPause
from holdfast.core.plan import Plan
from holdfast.core.positions import Position
from holdfast.core.resolution import to_resend
from holdfast.core.risk import DayMark, InventoryStop, RiskLimits, share_failed
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.brackets import BracketsReport
from holdfast.jobs.deciding import Decider, Decisions
from holdfast.jobs.entering import Entering
from holdfast.jobs.execution import Execution
from holdfast.jobs.executor import Executor
from holdfast.jobs.halting import HaltCheck, risk_limits
from holdfast.jobs.observing import Observer
from holdfast.jobs.planning import Planner
from holdfast.jobs.ports import Ports
from holdfast.jobs.reading import is_idle, leaves_idle
from holdfast.jobs.recording import record_pauses, report_decisions
from holdfast.jobs.scanning import Scanning
from holdfast.jobs.unreadable import halts_of, say_unreadable
from holdfast.jobs.upkeep import Upkeep
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.jobs.writes import Writes
from holdfast.state.halts import Halting, Halts
from holdfast.state.leases import Lease
from holdfast.state.ledger import Ledger
from holdfast.state.switches import SwitchReading
from holdfast.telemetry.decision import DecisionTelemetry
from holdfast.telemetry.port import Level

JOB = "execute"


@dataclass(slots=True)
class TickReport:
    """What one tick saw and did. `skipped` or `ended` say why there was none, or why it stopped early.

    `protection` is what the brackets job did at its end, which it runs where an entry went out.
    """

    account: str
    skipped: str = ""
    ended: str = ""
    fence: int = 0
    open_orders: int = 0
    kept: int = 0
    booked: int = 0
    unresolved: int = 0
    halted: tuple[str, ...] = ()
    quiet: dict[str, str] = field(default_factory=dict)
    execution: Execution = field(default_factory=Execution)
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    waited_ms: int = 0
    protection: BracketsReport | None = None


class Tick:
    """One pass of the loop for one account, under a held lease. `halts` and `mark` were read with the lease."""

    def __init__(
        self,
        ports: Ports,
        clock: Clock,
        lease: Lease,
        halting: Halting,
        halts: Halts,
        mark: DayMark | None,
        report: TickReport,
    ) -> None:
        self.account = lease.account
        self.decision_id = f"{lease.account}-{lease.fence}"
        self.ports = replace(ports, telemetry=DecisionTelemetry(ports.telemetry, self.account, self.decision_id))
        self.clock = clock
        self.halting = halting
        self.halts = halts
        self.mark = mark
        self.report = report
        self.writes = Writes(self.ports, lease, clock)
        self.watch = VenueWatch(self.ports, halts.venue, clock)
        self._pauses: dict[str, MarketPause] = {}
        self._exits_only = False

    def run(self) -> None:
        """Run every step; the report holds what was done, also where an error ends the tick early."""
        reading = self._read_switches()
        switches = reading.switches
        self.ports.throttle.begin_tick(switches.max_wait_seconds * 1000, self.decision_id)
        say_unreadable(self.ports, self.halts.unreadable, self.clock.now_ms())
        if is_idle(self.ports, self.account, switches, self.halts, self.mark, self.clock.now_ms()):
            self._event("TICK_IDLE")
            return
        self.ports.cache.idle_at_ms = 0
        self._connect()
        self.watch.look()
        capabilities = self.ports.venue.capabilities
        one = capabilities.one
        self._scan(reading)
        view = Observer(self.ports, self.writes, self.clock).observe()
        self.ports.throttle.succeeded("read")
        limits = risk_limits(switches, capabilities)
        entering = Entering(self.ports, self.account, self.clock, switches, limits, self.decision_id)
        upkeep = Upkeep(self.ports, self.account, self.clock)
        open_markets = {market for market, stored in view.positions.items() if stored.position.size}
        upkeep.refresh(switches.config_refresh_ticks, open_markets | entering.markets)
        positions = {market: stored.position for market, stored in view.positions.items()}
        # Nobody sells to his own quote: prices are the market's without us.
        books = without_ours(self._read_books(positions, entering.markets), view.open_orders)
        decided, halted = self._decide(reading, view, positions, books, limits, one, upkeep)
        entries = entering.decide(view, books, self.report.halted, exits_wait=bool(decided.exits))
        targets = () if halted else (*self._admitted(decided, positions, limits, one), *entries.targets)
        held = {market: position.size + view.unbooked.get(market, 0) for market, position in positions.items()}
        self._pauses, interval_ms = self.halting.pauses(), switches.execution_interval_seconds * 1000
        planner = Planner(self.ports, self.watch, self._pauses, self.clock.now_ms(), interval_ms)
        drawn = planner.draw(view, held, decided, targets, exits_only=self._exits_only)
        # Bytes of before a window are no order for it.
        takers = {(target.market, target.side) for target in decided.exits if not target.post_only}
        resends = [(entry, to_resend(entry, takers, held)) for entry in view.in_doubt]
        report_decisions(self.ports.telemetry, self.decision_id, drawn, decided, positions, self.report.halted)
        executor = Executor(
            self.ports,
            self.writes,
            self.ports.cache.rules,
            self.watch,
            batched=switches.use_batch_execution,
            dry_run=switches.dry_run,
            claims=entries.claims,
        )
        self.report.execution = executor.done
        executor.carry_out(drawn, self.decision_id, resends)
        self._leave_note(executor.done)
        self._record(view, drawn, executor.done, interval_ms)
        # Stops come first: a list that hangs or is refused must not hold them up.
        upkeep.check_access()
        upkeep.settle(view.positions, one, view.provisional)
        # What was just bought or sold is in the venue's positions, and not in this view.
        quiet = not (view.booked or view.unresolved or decided.exits or entries.targets)
        upkeep.compare(view.positions, view.provisional, quiet=quiet)
        if not self.report.halted and leaves_idle(self.ports, self.account, view, executor.done.operations):
            self.ports.cache.idle_at_ms = self.clock.now_ms()

    def _read_switches(self) -> SwitchReading:
        reading = self.ports.switches.read()
        if reading.switches.halt != self.halts.switch:
            # Whoever flipped it wrote both; what is cached for a minute must not flip it back.
            reading = self.ports.switches.refresh()
        if not reading.valid:
            self._event("SWITCHES_INVALID", Level.ERROR, problems=list(reading.problems))
            self.ports.telemetry.metric("SwitchesInvalid", 1)
        elif reading.switches.halt != self.halts.switch:
            self.halting.mirror(reading.switches.halt)
            self._event("HALT_SWITCHED", Level.WARNING, on=reading.switches.halt)
        return reading

    def _connect(self) -> None:
        if not self.ports.cache.connected:
            self.ports.venue.connect()
            self.ports.cache.connected = True
        capabilities = self.ports.venue.capabilities
        self.ports.throttle.configure(capabilities)
        # Status, orders, their as-of time, fills, and the books: one conditional write pays for all of them.
        reads = 3 + self.watch.is_due + -(-len(self.ports.cache.configs) // capabilities.books_per_call)
        cost = capabilities.costs.read
        tokens = self.ports.throttle.largest_batch("read", cost, reads) * cost
        try:
            self.ports.throttle.prepay("read", tokens)
        except BudgetExhaustedError:
            # An empty bucket or a back-off stops quotes, never exits: whoever holds something must still see it.
            if not any(stored.position.size for stored in Ledger(self.ports.store, self.account).positions().values()):
                raise
            self.ports.throttle.prepay("read", tokens, exit=True)
            self._exits_only = True
            self._event("READS_FOR_EXITS_ONLY", Level.WARNING)

    def _scan(self, reading: SwitchReading) -> None:
        """Before the account is read: a list takes seconds, and what is decided on must be fresh."""
        halted = self.halts.reasons or self.watch.halt_reasons or self.ports.cache.access.reasons
        if reading.valid and not (self._exits_only or reading.switches.halt or halted):
            Scanning(self.ports, self.account, self.clock, reading.switches, self.decision_id).scan()

    def _read_books(self, positions: dict[str, Position], asked: Set[str]) -> dict[str, OrderBook]:
        """Books of every market that is quoted, held or `asked` for. One that can't be read is missing: no quotes."""
        held = {market for market, position in positions.items() if position.size}
        quoted = [c.market for c in self.ports.cache.configs if c.mode == "quote" and (c.enabled or c.market in held)]
        wanted = [*quoted, *sorted((asked | held) - set(quoted))]
        try:
            return self.ports.venue.books(wanted) if wanted else {}
        except VenueRateLimitedError:
            raise
        except VenueError as error:
            self._event("BOOKS_UNREADABLE", Level.WARNING, error=str(error), markets=len(wanted))
            return {}

    def _decide(
        self,
        reading: SwitchReading,
        view: AccountView,
        positions: dict[str, Position],
        books: dict[str, OrderBook],
        limits: RiskLimits,
        one: int | None,
        upkeep: Upkeep,
    ) -> tuple[Decisions, bool]:
        switches, capabilities = reading.switches, self.ports.venue.capabilities
        now_ms = self.clock.now_ms()
        interval_ms = switches.execution_interval_seconds * 1000
        # A tick may prepare its last order an interval after it decided.
        lifetime_ms = max(
            switches.quote_lifetime_intervals * interval_ms, capabilities.shortest_expiry_ms + interval_ms
        )
        decider = Decider(self.ports, self.decision_id, now_ms, now_ms + lifetime_ms)
        stop = InventoryStop(
            stop_loss=capabilities.scale.money(switches.inventory_stop_loss, "inventory_stop_loss"),
            slippage_ticks=switches.inventory_stop_slippage_ticks,
            max_spread=capabilities.scale.price(switches.inventory_stop_max_spread, "inventory_stop_max_spread"),
        )
        decided = decider.decide(books, positions, stop)
        if not decided.exits:
            upkeep.check_access()
        elif not self.ports.cache.access.asked_at_ms:
            # Nobody knows yet whether we may trade: exits are tried all the same, and the question waits for them.
            self._exits_only = True
        tops = {market: Top(book.best_bid, book.best_ask) for market, book in books.items()}
        ours = [order for order in view.open_orders if order.purpose is not None]
        reasons = halts_of(self.halts.unreadable)
        if not reasons:
            # Else it would be written over: a loss of today that nobody can read would be forgotten.
            check = HaltCheck(self.ports, self.account, self.halts, self.mark)
            reasons = check.reasons(limits, positions, ours, tops, one, now_ms)
        if switches.halt or (not reading.valid and self.halts.switch):
            reasons += ("switch",)
        if not reading.valid:
            reasons += ("switches_invalid",)
        reasons += self.watch.halt_reasons
        reasons += self.ports.cache.access.reasons
        self.report.halted = reasons
        self.report.quiet = decided.quiet
        return self.watch.in_form(decided, tops), bool(reasons)

    def _admitted(
        self, decided: Decisions, positions: dict[str, Position], limits: RiskLimits, one: int | None
    ) -> tuple[TargetOrder, ...]:
        admission = admit(decided.quotes, positions, limits, one)
        if admission.refused:
            self._event(
                "QUOTES_TRIMMED",
                targets=len(admission.refused),
                markets=sorted({target.market for target in admission.refused}),
            )
        return admission.admitted

    def _leave_note(self, done: Execution) -> None:
        self.watch.finish(done)
        if self.watch.note != self.halts.venue:
            self.halting.note_venue(self.watch.note)

    def _record(self, view: AccountView, drawn: Plan, done: Execution, interval_ms: int) -> None:
        now_ms = self.clock.now_ms()
        record_pauses(self.halting, self.ports.telemetry, self._pauses, done, now_ms, interval_ms)
        if done.operations and share_failed(done.failed, done.operations):
            self._event("TICK_MOSTLY_FAILED", Level.WARNING, failed=done.failed, operations=done.operations)
        self.report.open_orders = len(view.open_orders)
        self.report.kept = drawn.kept
        self.report.booked = view.booked
        self.report.unresolved = view.unresolved + done.unknown
        telemetry = self.ports.telemetry
        telemetry.metric("Operations", done.operations, job=JOB)
        telemetry.metric("OperationsFailed", done.failed, job=JOB)
        telemetry.metric("UnknownOutcomes", self.report.unresolved, job=JOB)
        self._event(
            "TICK_DONE",
            open=len(view.open_orders),
            kept=drawn.kept,
            placed=done.placed,
            canceled=done.canceled,
            changed=done.changed,
            failed=done.failed,
            left=done.left,
            fills=view.booked,
            halted=list(self.report.halted),
        )

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self.ports.telemetry.event(name, level, **fields)
