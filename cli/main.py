"""The command line: `holdfast <group> <command>`."""

import sys
from io import TextIOWrapper

INTERRUPTED = 130


def run() -> None:
    """Run one command. Ctrl-C ends it quietly, also while its modules are still being imported."""
    _write_what_can_be_written()
    try:
        from cli.app import run_command
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run_command()


def _write_what_can_be_written() -> None:
    """A stream whose encoding lacks a character shows a ? for it, instead of ending the command in the middle."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors != "backslashreplace":
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    run()
