"""What happens in a run: positions are opened, protected and exited; a function is killed; the owner flips switches."""

from collections.abc import Callable, Sequence
from functools import partial

from holdfast.clock import Clock
from holdfast.core.bracket import BracketState, ExitMode
from holdfast.core.errors import HoldfastError
from holdfast.deployed import JOBS, TICK_TIMEOUT_SECONDS, Function, function_name
from local.e2e.account import DeployedAccount
from local.e2e.deployment import STAGE, LocalDeployment
from local.e2e.logs import FunctionLogs
from local.e2e.markets import GAIN, HALT, LATE, QUOTE, SIGNAL, STOP, WATCH
from local.e2e.telling import Teller, levels, outcome
from local.venues.faults import Fault, FaultKind

EXECUTE_SECONDS, CHECK_SECONDS = 15, 10
"""Both shorter than the schedule's minute, so that the minute's further ticks are delayed messages."""
SWITCHES = (
    "dry_run=false",
    f"execution_interval_seconds={EXECUTE_SECONDS}",
    f"order_check_interval_seconds={CHECK_SECONDS}",
    "max_wait_seconds=4",
    "max_trade_size=20",
)
QUOTED = ("--param", "size=5", "--param", "half_spread=0.05")
POISON = "{this is no tick"
KALSHI_ORDER = "POST /portfolio/events/orders"
REDELIVERED_AFTER_SECONDS = 40
KILLED_AFTER_SECONDS = 8
# The venue answers later than that, and its order is carried out all the same.
_SILENT_MS = 20_000
_SWITCHES_SEEN_MS = 60_000
_PATIENCE_MS = 150_000
_POLL_MS = 1_000
_LEAST_SIZE = "0.01"


class NotSeenError(HoldfastError):
    """Something did not happen in time."""


class Scenario:
    """Runs once, against accounts that have their records, secrets and switches. Raises NotSeenError."""

    def __init__(
        self,
        accounts: Sequence[DeployedAccount],
        deployment: LocalDeployment,
        logs: FunctionLogs,
        teller: Teller,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        # Whose function is killed, and whose queues get what is no message.
        self._hit = next(account for account in accounts if account.venue.name == "kalshi")
        self._deployment, self._logs, self._teller, self._clock = deployment, logs, teller, clock

    def run(self) -> None:
        """Everything, one after the other; what does not depend on each other at once."""
        self._enter()
        flipped_ms = self._flip_mode()
        self._see_protected()
        self._poison()
        self._kill()
        self._exit()
        self.wait_until(flipped_ms + _SWITCHES_SEEN_MS + EXECUTE_SECONDS * 1000)
        self._ask_watched()
        self._see_finished()
        self._see_watched()
        self._halt()
        self._exit_halted()
        self._see_dead_letters()

    def wait_until(self, at_ms: int) -> None:
        """Let the schedules go on until then."""
        while self._clock.now_ms() < at_ms:
            self._clock.sleep_ms(_POLL_MS)
            self._logs.poll()

    def _enter(self) -> None:
        self._teller.head("Positions are opened and protected")
        for account in self._accounts:
            account.holdfast("enter", account.venue.market(STOP))
            account.signal("enter", GAIN, SIGNAL, HALT)
        for account in self._accounts:
            for ticker in (STOP, GAIN, SIGNAL, HALT):
                self._until(f"{ticker} opened", account, partial(_is_opened, account, ticker))
            self._teller.of(account, "its entries were sent")

    def _flip_mode(self) -> int:
        """In force within the minute for which switches are cached."""
        for account in self._accounts:
            account.holdfast("switches", "set", "use_concurrent_orders=false")
        self._teller.say(
            "the owner sets use_concurrent_orders=false: within a minute, new positions will be watched only"
        )
        return self._clock.now_ms()

    def _see_protected(self) -> None:
        for account in self._accounts:
            for ticker in (STOP, GAIN, SIGNAL, HALT):
                self._until(f"{ticker} protected", account, partial(_rests_take_profit, account, ticker))
                self._teller.of(account, levels(account, ticker))
            self._until("its quotes", account, partial(_is_quoted, account))
            self._teller.of(account, f"{QUOTE}: {_resting(account)}")

    def _poison(self) -> None:
        """What is no tick, and comes again for as long as its queue gives it again."""
        self._hit.redeliver_after(REDELIVERED_AFTER_SECONDS)
        for job in JOBS:
            self._hit.send(job, POISON)
        self._teller.of(self._hit, f"{POISON!r} is put into the queues of {' and '.join(JOBS)}")

    def _see_dead_letters(self) -> None:
        hit = self._hit
        for job in JOBS:
            self._until(f"a dead letter of {job}", hit, partial(_is_dead, hit, job))
        self._teller.of(hit, f"{POISON!r} is in the dead-letter queues")

    def _kill(self) -> None:
        """Lambda's time-out ends the function while the venue's answer to its exit is awaited."""
        hit, killed = self._hit, len(self._logs.killed)
        self._teller.head("A function is killed in the middle of an exit")
        self._set_timeout(KILLED_AFTER_SECONDS)
        hit.venue.break_down(Fault(FaultKind.TIMEOUT_AFTER, KALSHI_ORDER, wait_ms=_SILENT_MS))
        hit.venue.move(STOP, 42, 44)
        self._until("an exit without an answer", hit, hit.venue.is_struck)
        self._teller.of(hit, f"{STOP}: its stop was sent, and the venue is silent for {_SILENT_MS // 1000} s")
        self._until("a killed function", hit, lambda: len(self._logs.killed) > killed)
        self._set_timeout(TICK_TIMEOUT_SECONDS)
        self._teller.of(
            hit, f"Lambda killed the brackets function after {KILLED_AFTER_SECONDS} s, its lease still held"
        )

    def _set_timeout(self, seconds: int) -> None:
        client = self._deployment.client("lambda", self._hit.region)
        client.update_function_configuration(FunctionName=function_name(STAGE, Function.BRACKETS), Timeout=seconds)

    def _exit(self) -> None:
        """Those of the account whose function was killed come with the first tick after its lease."""
        self._teller.head("Three ways out")
        for account in self._accounts:
            account.venue.move(GAIN, 62, 64)
            account.venue.move(STOP, 42, 44)
            account.signal("exit", SIGNAL)
        for account in self._accounts:
            for ticker in () if account is self._hit else (GAIN, STOP, SIGNAL):
                self._until_closed(account, ticker)

    def _ask_watched(self) -> None:
        for account in self._accounts:
            account.holdfast("enter", account.venue.market(WATCH))

    def _see_finished(self) -> None:
        for ticker in (STOP, GAIN, SIGNAL):
            self._until_closed(self._hit, ticker)

    def _see_watched(self) -> None:
        self._teller.head("The switch is in force: a new position is watched, an open one keeps its mode")
        for account in self._accounts:
            self._until(f"{WATCH} watched", account, partial(_is_watched, account, WATCH))
            self._teller.of(account, levels(account, WATCH))
            self._teller.of(account, levels(account, HALT))

    def _halt(self) -> None:
        self._teller.head("The owner halts, with two positions open")
        for account in self._accounts:
            account.holdfast("switches", "set", "halt=true")
            account.signal("enter", LATE)
        for account in self._accounts:
            self._until("no quotes", account, partial(_is_unquoted, account))
            self._until("the refusal", account, partial(_waits_for_halt, account))
            self._teller.of(
                account, f"{QUOTE}: no quote rests any more; {LATE}: asked for, not bought ({_why(account)})"
            )

    def _exit_halted(self) -> None:
        self._teller.head("Exits go on under the halt")
        for account in self._accounts:
            account.venue.move(HALT, 42, 44)
            account.venue.move(WATCH, 62, 64)
        for ticker in (HALT, WATCH):
            for account in self._accounts:
                self._until_closed(account, ticker)

    def _until_closed(self, account: DeployedAccount, ticker: str) -> None:
        self._until(f"{ticker} closed", account, lambda: account.trade(ticker) is not None)
        self._teller.of(account, outcome(account, ticker))

    def _until(self, what: str, account: DeployedAccount, happened: Callable[[], bool]) -> None:
        """Wait for something, reading the functions' logs meanwhile."""
        until_ms = self._clock.now_ms() + _PATIENCE_MS
        while not happened():
            self._logs.poll()
            if self._clock.now_ms() > until_ms:
                raise NotSeenError(f"{account.name}: {what} was not seen within {_PATIENCE_MS // 1000} s")
            self._clock.sleep_ms(_POLL_MS)


def _resting(account: DeployedAccount) -> str:
    """Our quotes in words."""
    price = account.venue.demo.scale.price_text
    quotes = [f"{order.side.value} at {price(order.price)}" for order in account.resting(QUOTE)]
    return f"quotes rest: {' and '.join(quotes)}" if quotes else "no quote rests"


def _is_opened(account: DeployedAccount, ticker: str) -> bool:
    return account.bracket(ticker) is not None


def _is_quoted(account: DeployedAccount) -> bool:
    """Both sides; where outcomes are instruments of their own, nothing can be offered of one that is not held."""
    return len(account.resting(QUOTE)) >= (1 if account.venue.demo.one is None else 2)


def _is_unquoted(account: DeployedAccount) -> bool:
    return not account.resting(QUOTE)


def _rests_take_profit(account: DeployedAccount, ticker: str) -> bool:
    """Protected, and the venue's own book has the take profit of all that is held."""
    bracket, resting = account.bracket(ticker), account.resting(ticker)
    if bracket is None or bracket.state is not BracketState.PROTECTED or bracket.mode is not ExitMode.LIMIT_ORDERS:
        return False
    covered = sum(order.remaining for order in resting if order.side is bracket.exit_side)
    # A fee that is taken in shares leaves a fraction of the least size.
    return 0 <= account.held(ticker) - covered < account.venue.demo.scale.size(_LEAST_SIZE)


def _is_watched(account: DeployedAccount, ticker: str) -> bool:
    bracket = account.bracket(ticker)
    if bracket is None or bracket.state is not BracketState.PROTECTED:
        return False
    return bracket.mode is ExitMode.MONITOR and not account.resting(ticker)


def _is_dead(account: DeployedAccount, job: Function) -> bool:
    return POISON in account.dead_letters()[job]


def _waits_for_halt(account: DeployedAccount) -> bool:
    stored = account.request(LATE)
    return stored is not None and stored.reason == "halted"


def _why(account: DeployedAccount) -> str:
    stored = account.request(LATE)
    return stored.words or stored.reason if stored else ""
