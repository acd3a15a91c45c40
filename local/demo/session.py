"""The demo in lockstep: the tape plays up to a tick, stands still while the accounts tick, and so on to its end.

Both jobs of both accounts run on the one clock: execute every few seconds, the check of the brackets between two of its
ticks.
"""

from collections.abc import Sequence

from holdfast.clock import Clock
from local.demo.account import DemoAccount
from local.demo.frame import frame_of
from local.demo.interruption import Interruption
from local.demo.screen import Screen
from local.demo.world import CHECK_SECONDS, INTERVAL_SECONDS, START_MS, World

INTERVAL_MS = INTERVAL_SECONDS * 1000
CHECK_MS = CHECK_SECONDS * 1000
FIRST_TICK_MS = 1_000
# How long after a tick the check of the brackets begins.
CHECK_AFTER_MS = 2_000
# Ticks after the end of the tape, or after Ctrl-C, in which the last fills and results are booked. A write in doubt is
# resolved after some ten seconds, or presumed absent after a minute; results are read once a minute, but only every ten
# minutes where a venue's rules don't say that a market has ended, also when the read before failed: so time goes faster
# after a while.
PROMPT_CLOSING_TICKS = 15
PATIENT_CLOSING_TICKS = 45
PATIENT_INTERVAL_MS = 60_000
_LONGEST_NAP_MS = 100


class Session:
    """Runs the ticks of one world. `wall` is real time, for a demo that is slowed down to be watched."""

    def __init__(self, world: World, screen: Screen, interruption: Interruption, wall: Clock, speed: int) -> None:
        self.world = world
        self._screen = screen
        self._interruption = interruption
        self._wall = wall
        self._speed = speed
        self._started_ms = wall.now_ms()

    def run(self) -> None:
        """Play to the end of the tape and close the books; or, when interrupted, withdraw and close the books."""
        at_ms = START_MS + FIRST_TICK_MS
        check_ms = START_MS + CHECK_MS
        while not self.world.clock.is_over and self._interruption.signal is None:
            self._keep_pace(at_ms)
            self._tick(at_ms, self.world.accounts)
            if at_ms >= check_ms:
                self._check(at_ms + CHECK_AFTER_MS, self.world.accounts)
                check_ms += CHECK_MS
            at_ms += INTERVAL_MS
        if self._interruption.signal is not None:
            self._screen.note("stopping: cancelling our quotes")
            self.world.clock.stop_tape()
            for account in self.world.accounts:
                account.halt(self.world.clock)
        else:
            self._screen.note("the tape is over: booking what the results pay")
        for count in range(PROMPT_CLOSING_TICKS + PATIENT_CLOSING_TICKS):
            unfinished = [account for account in self.world.accounts if not account.is_closed()]
            if not unfinished:
                break
            self._tick(at_ms, unfinished)
            if at_ms >= check_ms:
                self._check(at_ms + CHECK_AFTER_MS, unfinished)
                check_ms = at_ms + CHECK_MS
            at_ms += INTERVAL_MS if count < PROMPT_CLOSING_TICKS else PATIENT_INTERVAL_MS

    def _tick(self, at_ms: int, accounts: Sequence[DemoAccount]) -> None:
        """Let accounts tick, one after the other; whoever waits for tokens lets the time go on for all."""
        clock = self.world.clock
        clock.set_ms(at_ms)
        for account in accounts:
            account.tick(clock)
        self._screen.show(frame_of(self.world))

    def _check(self, at_ms: int, accounts: Sequence[DemoAccount]) -> None:
        """Let the brackets job of these accounts run, one after the other."""
        clock = self.world.clock
        for account in accounts:
            clock.set_ms(at_ms)
            account.check(clock)
        if accounts:
            self._screen.show(frame_of(self.world))

    def _keep_pace(self, at_ms: int) -> None:
        """Wait in real time until a market time is due at the asked speed; short naps, so that Ctrl-C is heard."""
        if not self._speed:
            return
        due_ms = self._started_ms + (at_ms - START_MS) // self._speed
        while self._interruption.signal is None and (left_ms := due_ms - self._wall.now_ms()) > 0:
            self._wall.sleep_ms(min(left_ms, _LONGEST_NAP_MS))
