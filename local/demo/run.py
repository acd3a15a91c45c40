"""The demo from start to exit code."""

import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext

from rich.console import Console
from rich.text import Text

from holdfast.clock import SystemClock
from local.demo.entries import entered_tickers
from local.demo.interruption import Interruption
from local.demo.judgement import failures_of
from local.demo.options import DemoOptions, open_tape
from local.demo.screen import make_console, make_screen
from local.demo.session import Session
from local.demo.summary import Summary
from local.demo.venues.faults import READS_PERMILLE, WRITES_PERMILLE
from local.demo.wording import counted, duration
from local.demo.world import CHECK_SECONDS, INTERVAL_SECONDS, PROTECTION_SWITCHES, World


def run_demo(options: DemoOptions) -> int:
    """Run one demo; returns its exit code.

    0: done, and both sides' books are equal at every venue. 1: they are not, or a cancel was wasted, orders were left
    behind, or what must hold of positions does not (`local.demo.protection`). 128 + signal: interrupted, withdrawn and
    equal. Raises InvalidInputError for a tape or option that can't be used.
    """
    console = make_console()
    with Interruption() as interruption:
        with _status(console, "reading the tape"):
            tape = open_tape(options)
        world = World(options, tape)
        _introduce(console, options, world)
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
                        "Interrupted: our quotes are cancelled; positions are kept, those under brackets with their "
                        "take profits. The summary so far:",
                        style="bold yellow",
                    )
                )
            Summary(console, world, options.one_by_one).show()
            failures = [words for account in world.accounts for words in failures_of(account)]
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else interruption.exit_code


def _status(console: Console, words: str) -> AbstractContextManager[object]:
    """Words while something takes a second or two; without a terminal none."""
    return console.status(words) if console.is_terminal else nullcontext()


def _entries(world: World) -> list[str]:
    """Where positions are opened, by whom, and with which levels."""
    if not any(entered_tickers(venue) for venue in world.venues):
        return ["every market is quoted: a venue's second one would be entered"]
    asks = "its market scanner opens positions" if world.scans else "a fixed rule of the demo asks for positions"
    words = {"take_profit": "take profit", "stop_loss": "stop", "hard_stop": "hard stop"}
    levels = ", ".join(f"{text} {PROTECTION_SWITCHES[name]}" for name, text in words.items())
    modes = "half of them (drawn) rest the take profit at the venue"
    return [f"each venue's 2nd, 5th, 8th ... market is not quoted: {asks} there", f"{levels}, trailing; {modes}"]


def _introduce(console: Console, options: DemoOptions, world: World) -> None:
    tape = world.tape
    origin = f"recorded: {tape.name}" if options.tape else f"generated, seed {options.seed}"
    sending = "one by one" if options.one_by_one else "in batches"
    size = f"{counted(len(tape.markets), 'market')} · {duration(tape.duration_ms)} of market time"
    lines = [f"Holdfast demo · {size} · tape {origin}"]
    for index, venue in enumerate(world.venues):
        markets = sum(home is venue for home in world.homes.values())
        which = (" (1st, 3rd, 5th ... of the tape)", " (2nd, 4th, 6th ...)")[index] if len(world.venues) > 1 else ""
        lines.append(f"{venue.title}: {counted(markets, 'market')}{which} · {venue.introduction()}")
    present = {venue.name for venue in world.venues}
    lines += [
        f"{name.title()}: left out, no market of the tape remains for it"
        for name in options.venues
        if name not in present
    ]
    accounts = "for both accounts" if len(world.venues) > 1 else "for one account"
    lines += [
        f"jobs {accounts}: execute every {INTERVAL_SECONDS} s, brackets every {CHECK_SECONDS} s · orders {sending}",
        *_entries(world),
        f"local exchanges over HTTP, reads lag {options.read_lag_ms / 1000:g} s",
        "DynamoDB, SSM and Secrets Manager stand-ins on this machine; keys made for this run; no money moves",
    ]
    if options.faults:
        lines.append(
            f"faults: {WRITES_PERMILLE / 10:g} % of writes and {READS_PERMILLE / 10:g} % of reads lose their "
            "answer or get a 503, before or after their effect"
        )
        lines += [f"{venue.title}: {words}" for venue in world.venues if (words := venue.own_faults)]
    for index, line in enumerate(lines):
        console.print(Text(line, style="bold" if not index else "dim"))
    console.print()
