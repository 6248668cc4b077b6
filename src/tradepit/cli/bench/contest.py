"""Contestants measured in turns, so that a busy moment of the machine hits all of them, and what is told of them.

Times are processor time of the measuring thread: on a shared machine the wall clock also counts what other programs do.
"""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

Figures = dict[str, Any]
Contestant = Callable[[], float]


def take_turns(contestants: Mapping[str, Contestant], repeats: int) -> dict[str, list[float]]:
    """The seconds of each contestant in each of the repeats."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, contestant in contestants.items():
            seconds[name].append(contestant())
    return seconds


def summary(seconds: list[float], count: int) -> Figures:
    """Median and least nanoseconds of each of ``count`` things done in a turn, and millions a second by the median."""
    each = [second / count * 1e9 for second in seconds]
    median = statistics.median(each)
    return {"median_ns": round(median, 2), "min_ns": round(min(each), 2), "median_m_per_s": round(1e3 / median, 3)}


def ratio(slow: list[float], fast: list[float]) -> float:
    """How many times the median of ``slow`` is that of ``fast``."""
    return round(statistics.median(slow) / statistics.median(fast), 3)
