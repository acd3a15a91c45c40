"""Run seeds: `python -m local.simulation --seed 7 --trace` or `--venue polymarket --seeds 0-40`."""

import argparse
import sys
from time import perf_counter

from local.simulation.profile import VenueName
from local.simulation.setting import START_MS
from local.simulation.world import Result, simulate


def _described(result: Result) -> str:
    profile = result.profile
    return (
        f"{profile.venue} seed {profile.seed}: {result.ticks} ticks, {result.orders} orders, {result.fills} fills, "
        f"{len(result.trace)} trace lines; {profile.happening}, "
        f"lag {profile.lag_ms}+{profile.wander_ms}+{profile.jitter_ms} ms, {profile.rates}"
    )


def failure(result: Result) -> str:
    """What broke, and how to see it again."""
    profile = result.profile
    found = [
        f"  {item.invariant}: {item.seen} (at {(item.at_ms - START_MS) / 1000} s)" for item in result.violations[:5]
    ]
    return "\n".join(
        [
            f"{_described(result)}",
            *found,
            f"  replay: python -m local.simulation --venue {profile.venue} --seed {profile.seed} --trace",
        ]
    )


def main() -> int:
    """0 where every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m local.simulation", description=__doc__)
    parser.add_argument("--venue", type=VenueName, choices=list(VenueName), default=VenueName.KALSHI)
    parser.add_argument("--seed", type=int, help="one seed")
    parser.add_argument("--seeds", help="a range, both ends included: 0-200")
    parser.add_argument("--trace", action="store_true", help="print everything that happened")
    asked = parser.parse_args()
    first, _, last = (asked.seeds or str(asked.seed or 0)).partition("-")
    failed = 0
    started = perf_counter()
    for seed in range(int(first), int(last or first) + 1):
        result = simulate(seed, asked.venue)
        if asked.trace:
            print("\n".join(result.trace.lines()))
        if result.violations:
            failed += 1
            print(failure(result))
        elif asked.seed is not None:
            print(_described(result))
    print(f"{failed} failed, {perf_counter() - started:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
