"""What every series backend checks the same way, and samples put into buckets."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from tradepit.ports.series import MOST_MS, Aggregate, Buckets, Sample, TimeSeries
from tradepit.trading.model.errors import BadRequest, IdNotValid

_KEY, _LABEL = re.compile(r"[A-Za-z0-9_.:=-]+"), re.compile(r"[A-Za-z0-9_.-]+")


def _sum(values: Sequence[float]) -> float:
    # One after another, as the servers do it: Python's own sum is more exact from 3.12 on.
    total = 0.0
    for value in values:
        total += value
    return total


_FOLD: dict[Aggregate, Callable[[Sequence[float]], float]] = {
    Aggregate.FIRST: lambda values: values[0],
    Aggregate.LAST: lambda values: values[-1],
    Aggregate.MIN: min,
    Aggregate.MAX: max,
    Aggregate.SUM: _sum,
    Aggregate.AVG: lambda values: _sum(values) / len(values),
    Aggregate.COUNT: lambda values: float(len(values)),
}


def into_buckets(samples: Iterable[Sample], buckets: Buckets | None) -> list[Sample]:
    """Samples by instant, folded into buckets if there are any."""
    if buckets is None:
        return list(samples)
    fold, length = _FOLD[buckets.aggregate], buckets.length_ms
    groups = groupby(samples, key=lambda sample: sample.at_ms // length)
    return [Sample(number * length, fold([sample.value for sample in group])) for number, group in groups]


def touched(samples: Iterable[Sample], buckets: Buckets, oldest_ms: int) -> tuple[int, int] | None:
    """From where to where (both included) samples lie in the same buckets as these; buckets that begin before ``oldest_ms`` do not count."""
    starts = [start for sample in samples if (start := sample.at_ms - sample.at_ms % buckets.length_ms) >= oldest_ms]
    return (min(starts), min(max(starts) + buckets.length_ms - 1, MOST_MS)) if starts else None


def check_key(key: str) -> str:
    """The key itself. Raises IdNotValid."""
    if not _KEY.fullmatch(key):
        raise IdNotValid(key=key)
    return key


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises IdNotValid; BadRequest where there is none."""
    if not labels:
        raise BadRequest("at least one label is needed")
    _check_label_texts(labels.items())


def check_told(told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
    """Raises BadRequest, IdNotValid."""
    for series, samples in told.items():
        _check_series(series)
        for rollup in series.rollups:
            _check_series(rollup.series)
            if rollup.series.rollups or rollup.series.key == series.key:
                raise BadRequest("a rollup is a series of its own, without rollups", key=rollup.series.key)
            check_span(0, 0, rollup.buckets)
        for sample in samples:
            if not (0 <= sample.at_ms <= MOST_MS and math.isfinite(sample.value)):
                raise BadRequest(f"a sample must be a finite number at an instant from 0 to {MOST_MS} ms", key=series.key)


def _check_series(series: TimeSeries) -> None:
    check_key(series.key)
    _check_label_texts(series.labels)
    if len(dict(series.labels)) < len(series.labels):
        raise BadRequest("a label is named twice", key=series.key)
    if not 0 <= series.retention_ms <= MOST_MS:
        raise BadRequest(f"retention must be from 0 to {MOST_MS} ms", key=series.key)


def check_most(most: int, least: int) -> None:
    """Raises BadRequest."""
    if not least <= most <= MOST_MS:
        raise BadRequest(f"at most so many must be from {least} to {MOST_MS}", most=most)


def check_span(start_ms: int, end_ms: int, buckets: Buckets | None) -> None:
    """Raises BadRequest."""
    if not (0 <= start_ms <= MOST_MS and 0 <= end_ms <= MOST_MS):
        raise BadRequest(f"a span's ends must be from 0 to {MOST_MS} ms", start_ms=start_ms, end_ms=end_ms)
    if buckets is not None and not 1 <= buckets.length_ms <= MOST_MS:
        raise BadRequest(f"a bucket's length must be from 1 to {MOST_MS} ms", length_ms=buckets.length_ms)


def _check_label_texts(labels: Iterable[tuple[str, str]]) -> None:
    for name, value in labels:
        if not (_LABEL.fullmatch(name) and _LABEL.fullmatch(value)):
            raise IdNotValid(label=name, value=value)
