"""The demo in lockstep: the tape plays up to a tick, stands still while the tick runs, and so on to its end."""

from holdfast.clock import Clock
from holdfast.jobs.execute import execute
from holdfast.state.journal import Journal
from local.demo.comparison import Comparison, compare
from local.demo.frame import FrameMaker
from local.demo.interruption import Interruption
from local.demo.screen import Screen
from local.demo.tally import Tally
from local.demo.world import ACCOUNT, INTERVAL_SECONDS, START_MS, World
from local.venues.kalshi.records import EndReason

INTERVAL_MS = INTERVAL_SECONDS * 1000
FIRST_TICK_MS = 1_000
# Ticks after the end of the tape, or after Ctrl-C, in which the last fills and settlements are booked: settlements
# are read once a minute, also when the read before failed, and a write in doubt is resolved after some ten seconds.
MOST_CLOSING_TICKS = 60
_LONGEST_NAP_MS = 100


class Session:
    """Runs the ticks of one world. `wall` is real time, for a demo that is slowed down to be watched."""

    def __init__(self, world: World, screen: Screen, interruption: Interruption, wall: Clock, speed: int) -> None:
        self.world = world
        self.tally = Tally()
        self._screen = screen
        self._interruption = interruption
        self._wall = wall
        self._speed = speed
        self._frames = FrameMaker(world, self.tally)
        self._journal = Journal(world.ports.store, ACCOUNT)
        self._started_ms = wall.now_ms()

    def run(self) -> None:
        """Play to the end of the tape and close the books; or, when interrupted, withdraw and close the books."""
        at_ms = START_MS + FIRST_TICK_MS
        while not self.world.clock.is_over and self._interruption.signal is None:
            self._keep_pace(at_ms)
            self._tick(at_ms)
            at_ms += INTERVAL_MS
        if self._interruption.signal is not None:
            self._screen.note("stopping: cancelling our quotes")
            self.world.clock.stop_tape()
            self.world.halt()
        else:
            self._screen.note("the tape is over: booking the settlements")
        for _ in range(MOST_CLOSING_TICKS):
            if not self.world.books().open_orders and self.comparison().is_equal:
                break
            self._tick(at_ms)
            at_ms += INTERVAL_MS

    def comparison(self) -> Comparison:
        """Our ledger against the exchange's books, as they are now."""
        ledger = self.world.ledger
        positions = {market: stored.position for market, stored in ledger.positions().items()}
        markets = [market.ticker for market in self.world.tape.markets]
        return compare(ledger.lines(), positions, self.world.books(), markets)

    def _tick(self, at_ms: int) -> None:
        world = self.world
        world.clock.set_ms(at_ms)
        report = execute(world.account, world.ports, world.clock)
        self.tally.add(report, world.telemetry, self._journal.live(), self._executed_size)
        self._screen.show(self._frames.frame(report.quiet, report.halted))

    def _executed_size(self, order_id: str) -> int:
        orders = (order for order in self.world.books().orders if order.order_id == order_id)
        return sum(order.filled for order in orders if order.end is EndReason.TRADE)

    def _keep_pace(self, at_ms: int) -> None:
        """Wait in real time until a market time is due at the asked speed; short naps, so that Ctrl-C is heard."""
        if not self._speed:
            return
        due_ms = self._started_ms + (at_ms - START_MS) // self._speed
        while self._interruption.signal is None and (left_ms := due_ms - self._wall.now_ms()) > 0:
            self._wall.sleep_ms(min(left_ms, _LONGEST_NAP_MS))
