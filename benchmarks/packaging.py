"""What is deployed: unzipped size of each function with its layers, and what its imports cost a cold start.

Each import is timed in a fresh process whose search path is what the build makes for this machine, compiled modules
included, in turns with the floor: boto3 alone.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import verdict
from holdfast.deployed import JOBS, Function
from infra.packaging import FUNCTIONS, LAMBDA, LAYERS, RUNTIME, build, build_function, this_machine, unpack

MOST_BYTES = 60_000_000
MOST_IMPORT_MS = 350
PROCESSES = 21
FLOOR = "import boto3"
# What the first tick of an account imports further.
VENUES = {
    "Kalshi": "import holdfast.venues.kalshi.adapter, holdfast.venues.kalshi.auth",
    "Polymarket": "import holdfast.venues.polymarket.adapter, holdfast.venues.polymarket.redemption",
}
_TIMED = """
import time
begin, begin_cpu = time.perf_counter(), time.process_time()
{}
print(time.perf_counter() - begin, time.process_time() - begin_cpu)
"""


class ImportTime(NamedTuple):
    """One fresh process: milliseconds on the wall, and of its own work, which other processes lengthen less."""

    wall_ms: float
    cpu_ms: float


def handler_import(function: Function) -> str:
    """The statement that Lambda's cold start amounts to."""
    return f"import functions.{function}.handler"


def time_import(statements: str, path: Sequence[Path]) -> ImportTime:
    """Import in a process that has this search path and the standard library, no more."""
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-B", "-c", _TIMED.format(statements)],
        env={"PYTHONPATH": ":".join(map(str, path))},
        capture_output=True,
        text=True,
        check=True,
    )
    return ImportTime(*(float(seconds) * 1000 for seconds in done.stdout.split()))


def main() -> bool:
    """Print sizes and times, and say whether the targets were met."""
    with tempfile.TemporaryDirectory() as folder:
        met = _sizes(Path(folder) / "lambda")
        return all([*met, *_import_times(Path(folder) / "here")])


def _sizes(directory: Path) -> list[bool]:
    built = {layer: build(layer, directory / layer, LAMBDA) for layer in (*LAYERS, RUNTIME)}
    compiled = "with" if all(one.compiled for one in built.values()) else "without"
    print(f"unzipped MB for {LAMBDA.platform}, Python {LAMBDA.python}, {compiled} compiled modules")
    for layer, one in built.items():
        note = "boto3; the runtime's own, not deployed" if layer == RUNTIME else ""
        print(f"  layer {layer:<22} {one.size_bytes / 1e6:>6.1f}   {note}".rstrip())
    met = []
    for function, layers in FUNCTIONS.items():
        own = build_function(function, directory / "task" / function, LAMBDA)
        size = own.size_bytes + sum(built[layer].size_bytes for layer in layers)
        print(f"  function {function:<19} {size / 1e6:>6.1f}   {', '.join(layers)}")
        if function in JOBS:
            told = f"{function} with its layers: {size / 1e6:.1f} MB, at most {MOST_BYTES / 1e6:.0f}"
            met.append(verdict(size <= MOST_BYTES, told))
    return met


def _import_times(directory: Path) -> list[bool]:
    target = this_machine()
    paths = {function: unpack(function, directory, target) for function in FUNCTIONS}
    rows = {"boto3 alone": (FLOOR, paths[Function.SIGNALS])}
    rows |= {str(function): (handler_import(function), path) for function, path in paths.items()}
    for venue, further in VENUES.items():
        statements = f"{handler_import(Function.EXECUTE)}\n{further}"
        rows[f"execute, first tick on {venue}"] = (statements, paths[Function.EXECUTE])
    samples: dict[str, list[ImportTime]] = {name: [] for name in rows}
    for _ in range(PROCESSES):
        for name, (statements, path) in rows.items():
            samples[name].append(time_import(statements, path))
    print(f"\nimports in {PROCESSES} fresh processes each, Python {target.python}")
    met = []
    for name, taken in samples.items():
        wall = sorted(one.wall_ms for one in taken)
        own = statistics.median(one.cpu_ms for one in taken)
        print(
            f"  {name:<31} own work {own:>4.0f} ms   wall {statistics.median(wall):>5.0f} ms   p99 {wall[-1]:>5.0f} ms"
        )
        if name in JOBS:
            met.append(verdict(own <= MOST_IMPORT_MS, f"import of {name}: {own:.0f} ms, at most {MOST_IMPORT_MS}"))
    return met
