"""Run every benchmark, or those named: `python -m benchmarks plan tick`. Exits 1 on a missed target."""

import importlib
import importlib.util
import platform
import sys

BENCHMARKS = ("plan", "batching", "tick", "exits", "scale", "api_calls", "signing", "packaging")


def run(names: list[str]) -> int:
    """Run the named benchmarks (all that are there where none is named); returns the process's exit code."""
    present = [name for name in BENCHMARKS if importlib.util.find_spec(f"benchmarks.{name}")]
    unknown = sorted(set(names) - set(present))
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(present)}", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()} on {platform.machine()}")
    missed = []
    for name in names or present:
        print(f"\n== {name} ==")
        if not importlib.import_module(f"benchmarks.{name}").main():
            missed.append(name)
    print(f"\nmissed targets: {', '.join(missed)}" if missed else "\nall targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
