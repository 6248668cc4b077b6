"""Percentiles of measured times, and how a benchmark's result is told."""

from collections.abc import Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Times of one kind, in ``unit``; ``n`` of them. All zero when there were none."""

    unit: str
    n: int
    p50: float
    p90: float
    p99: float
    most: float


def spread(values: Sequence[float], unit: str) -> Spread:
    """The spread of ``values``; percentiles are the nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return Spread(unit=unit, n=0, p50=0.0, p90=0.0, p99=0.0, most=0.0)

    def rank(percent: int) -> float:
        return round(ordered[-(-percent * len(ordered) // 100) - 1], 3)

    return Spread(unit=unit, n=len(ordered), p50=rank(50), p90=rank(90), p99=rank(99), most=round(ordered[-1], 3))
