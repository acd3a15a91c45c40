"""One place where a writer runs: processes come up in it, tick, die, and are replaced."""

from random import Random
from typing import Protocol

from holdfast.clock import Clock
from holdfast.core.errors import HoldfastError, StoreError
from holdfast.jobs.brackets import BracketsReport, check_brackets
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.jobs.throttle import Throttle
from holdfast.jobs.tick import TickReport
from holdfast.state.accounts import Account
from holdfast.state.markets import load_strategy
from holdfast.state.parameters import Parameters
from holdfast.state.port import Store
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.port import Level, Unit
from local.simulation.hazards import Hazards
from local.simulation.process import Crashed, Process, ProcessClock
from local.simulation.profile import Profile
from local.simulation.scheduler import Scheduler
from local.simulation.setting import STAGE, still_ms
from local.simulation.store import SimulatedStore
from local.simulation.trace import Trace
from local.simulation.transport import SimulatedTransport
from local.simulation.venue import SimulatedVenue
from local.simulation.watch import Watch

_RECYCLED = 0.05


class TraceTelemetry:
    """Events go to the trace, what is said of naked positions to the watch too, metrics nowhere."""

    def __init__(self, process: Process, watch: Watch) -> None:
        self._process, self._watch = process, watch

    def event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        """One line."""
        fields.pop("account", None)
        if name == "POSITION_UNPROTECTED":
            self._watch.protections.said_unprotected.add(str(fields["market"]))
        self._process.note(f"· {name}", fields)

    def metric(self, name: str, value: int, unit: Unit = Unit.COUNT, **dimensions: str) -> None:
        """Nothing: what a run does is in its trace."""


class SimulatedParameters:
    """The parameters port of one process."""

    def __init__(self, shared: Parameters, process: Process, hazards: Hazards) -> None:
        self._shared, self._process, self._hazards = shared, process, hazards

    def read(self, path: str) -> dict[str, str]:
        """See the port."""
        self._process.step(f"parameters {path}", self._hazards.between(0, 6))
        if self._hazards.store_fails():
            self._process.note(f"parameters {path}", "STORE ERROR")
            raise StoreError(f"simulated failure of {path}")
        found = self._shared.read(path)
        self._process.step(f"parameters {path}", self._hazards.between(0, 6))
        return found

    def write(self, name: str, text: str) -> None:
        """See the port."""
        self._shared.write(name, text)

    def remove(self, name: str) -> None:
        """See the port."""
        self._shared.remove(name)


class Surroundings:
    """What all processes of a run share."""

    def __init__(
        self,
        profile: Profile,
        venue: SimulatedVenue,
        store: Store,
        parameters: Parameters,
        scheduler: Scheduler,
        hazards: Hazards,
        chance: Random,
        watch: Watch,
        trace: Trace,
    ) -> None:
        self.profile, self.venue, self.store, self.parameters = profile, venue, store, parameters
        self.scheduler, self.hazards, self.chance = scheduler, hazards, chance
        self.watch, self.trace = watch, trace

    def ports(self, process: Process) -> Ports:
        """The ports of a process that has just started."""
        clock, telemetry = ProcessClock(process), TraceTelemetry(process, self.watch)
        store = SimulatedStore(self.store, process, self.hazards, self.watch)
        account = self.venue.account.account_id
        throttle = Throttle(store, account, clock, telemetry, lambda: self.chance.randrange(1000))
        transport = SimulatedTransport(
            self.venue.handle, process, self.scheduler, self.hazards, self.watch, freezes=self.profile.freezes
        )
        return Ports(
            venue=self.venue.connect(transport, clock, throttle),
            store=store,
            switches=SwitchBoard(
                SimulatedParameters(self.parameters, process, self.hazards), STAGE, account, clock, store
            ),
            telemetry=telemetry,
            throttle=throttle,
            writer=process.name,
            load_strategy=load_strategy,
        )


class Job(Protocol):
    """A job's tick."""

    def __call__(
        self, account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int
    ) -> TickReport | BracketsReport:
        """Run it once."""
        ...


def run_brackets(account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int) -> BracketsReport:
    """A tick of the brackets job, found when it runs: a test may have put a bug into it."""
    return check_brackets(account, ports, clock, scheduled_at_ms=scheduled_at_ms)


def run_execute(account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int) -> TickReport:
    """A tick of the execute job."""
    return execute(account, ports, clock, scheduled_at_ms=scheduled_at_ms)


class Writer:
    """Runs a job's ticks that are due at `schedule` (UTC ms, ascending), one process after another.

    A tick that could not begin within `oldest_ms` of its time is left out.
    """

    def __init__(self, name: str, job: Job, surroundings: Surroundings, schedule: list[int], oldest_ms: int) -> None:
        self._name = name
        self._job = job
        self._around = surroundings
        self._schedule = schedule
        self._oldest_ms = oldest_ms
        self._cold_from_ms = still_ms(surroundings.profile)
        self._generation = 0
        self._running: tuple[Process, Ports] | None = None
        self.reports: list[TickReport | BracketsReport] = []

    def live(self) -> None:
        """The writer's task."""
        scheduler, chance = self._around.scheduler, self._around.chance
        for number, due_ms in enumerate(self._schedule):
            if due_ms > scheduler.now_ms:
                scheduler.wait(due_ms - scheduler.now_ms + chance.randrange(200))
            elif scheduler.now_ms - due_ms >= self._oldest_ms:
                continue
            # Once all is still ticks start cold: a look that still stands would outlast the run. Only every second one
            # of execute's does: where an exit is due, the first tick of a process sends nothing else.
            is_still = scheduler.now_ms >= self._cold_from_ms
            is_cold = is_still and (number % 2 == 0 or self._job is run_brackets)
            is_cold = is_cold or chance.random() < _RECYCLED
            if self._running is None or is_cold:
                self._running = self._start()
            process, ports = self._running
            try:
                self._tick(process, ports, due_ms if self._around.profile.knows_schedule else 0)
            except Crashed:
                self._running = None
                scheduler.wait(chance.randrange(5_000))

    def _tick(self, process: Process, ports: Ports, scheduled_at_ms: int) -> None:
        try:
            report = self._job(
                self._around.venue.account, ports, ProcessClock(process), scheduled_at_ms=scheduled_at_ms
            )
        except HoldfastError as error:
            self._around.watch.report("a tick raises nothing that the next one can repair", repr(error))
            return
        process.note("tick", report.skipped or report.ended or "done")
        self.reports.append(report)

    def _start(self) -> tuple[Process, Ports]:
        self._generation += 1
        around = self._around
        skew_ms = around.chance.randint(-around.profile.skew_ms, around.profile.skew_ms)
        name = f"{self._name}.{self._generation}"
        process = Process(name, around.scheduler, around.hazards, around.trace, skew_ms)
        return process, around.ports(process)
