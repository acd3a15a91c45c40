"""Timing that can be compared: the functions take turns in one process, so that noise hits all of them alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Timing(NamedTuple):
    """Microseconds per call."""

    median: float
    p99: float


def take_turns(functions: Sequence[Callable[[], object]], rounds: int) -> list[Timing]:
    """Call each function once a round; timings in the order of the functions. The first rounds warm up."""
    samples: list[list[int]] = [[] for _ in functions]
    for turn in range(rounds + 3):
        for function, taken in zip(functions, samples, strict=True):
            begin = time.perf_counter_ns()
            function()
            elapsed = time.perf_counter_ns() - begin
            if turn >= 3:
                taken.append(elapsed)
    return [Timing(statistics.median(taken) / 1000, _p99(taken) / 1000) for taken in samples]


def _p99(taken: list[int]) -> int:
    return sorted(taken)[min(len(taken) - 1, len(taken) * 99 // 100)]


def verdict(met: bool, text: str) -> bool:
    """Print one target with whether it was met, and hand that on."""
    print(f"{'ok    ' if met else 'MISSED'} {text}")
    return met
