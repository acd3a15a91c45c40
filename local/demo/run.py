"""The demo from start to exit code."""

import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext

from rich.console import Console
from rich.text import Text

from holdfast.clock import SystemClock
from holdfast.venues.kalshi.wire import SCALE
from local.demo.interruption import Interruption
from local.demo.options import DemoOptions, open_tape
from local.demo.screen import duration, make_console, make_screen
from local.demo.session import Session
from local.demo.summary import Summary
from local.demo.world import DEPOSIT, FAULTS_PERMILLE, INTERVAL_SECONDS, World
from local.tapes.tape import Tape


def run_demo(options: DemoOptions) -> int:
    """Run one demo; returns its exit code.

    0: done, and both sides' books are equal. 1: they are not, or a cancel was wasted, or orders were left behind.
    128 + signal: interrupted, withdrawn and equal. Raises InvalidInputError for a tape or option that can't be used.
    """
    console = make_console()
    with Interruption() as interruption:
        with _status(console, "reading the tape"):
            tape = open_tape(options, SCALE)
        world = World(options, tape)
        _introduce(console, options, tape)
        with ExitStack() as stack:
            with _status(console, "starting the stand-ins"):
                stack.enter_context(world)
            screen = make_screen(console)
            session = Session(world, screen, interruption, SystemClock(), options.speed)
            try:
                session.run()
            finally:
                screen.close()
            if interruption.signal is not None:
                console.print(
                    Text(
                        "Interrupted: our quotes are cancelled, positions are kept. The summary so far:",
                        style="bold yellow",
                    )
                )
            summary = Summary(console, world, session.tally, session.comparison(), options.one_by_one)
            summary.show()
            failures = summary.failures()
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else interruption.exit_code


def _status(console: Console, words: str) -> AbstractContextManager[object]:
    """Words while something takes a second or two; without a terminal none."""
    return console.status(words) if console.is_terminal else nullcontext()


def _introduce(console: Console, options: DemoOptions, tape: Tape) -> None:
    origin = f"recorded: {tape.name}" if options.tape else f"generated, seed {options.seed}"
    sending = "one by one" if options.one_by_one else "in batches"
    lines = [
        f"Holdfast demo · {len(tape.markets)} markets · {duration(tape.duration_ms)} of market time · tape {origin}",
        f"local Kalshi exchange over HTTP: tier {options.tier}, reads lag {options.read_lag_ms / 1000:g} s behind",
        f"account with ${DEPOSIT:,} per shard · a tick every {INTERVAL_SECONDS} s · orders sent {sending}",
        "DynamoDB, SSM and Secrets Manager stand-ins on this machine; keys made for this run; no money moves",
    ]
    if options.faults:
        lines.append(
            f"faults: {FAULTS_PERMILLE['POST'] / 10:g} % of writes and "
            f"{FAULTS_PERMILLE['GET'] / 10:g} % of reads lose their "
            "answer or get a 503, before or after their effect"
        )
    for index, line in enumerate(lines):
        console.print(Text(line, style="bold" if not index else "dim"))
    console.print()
