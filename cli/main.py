"""The command line: `holdfast <group> <command>`."""

import sys

INTERRUPTED = 130


def run() -> None:
    """Run one command. Ctrl-C ends it quietly, also while its modules are still being imported."""
    try:
        from cli.app import run_command
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run_command()


if __name__ == "__main__":
    run()
