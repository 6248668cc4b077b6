"""Percentiles by the nearest rank."""

import math

from hypothesis import given
from hypothesis import strategies as st

from tradepit.cli.bench.figures import Spread, spread


def test_nothing_measured_is_all_zero() -> None:
    assert spread([], "ms") == Spread(unit="ms", n=0, p50=0.0, p90=0.0, p99=0.0, most=0.0)


def test_ranks_of_a_hundred() -> None:
    assert spread([float(number) for number in range(100, 0, -1)], "us") == Spread(
        unit="us", n=100, p50=50, p90=90, p99=99, most=100
    )


def test_few_values_are_their_own_percentiles() -> None:
    assert spread([2.0, 1.0], "ms") == Spread(unit="ms", n=2, p50=1.0, p90=2.0, p99=2.0, most=2.0)
    assert spread([7.12345], "ms") == Spread(unit="ms", n=1, p50=7.123, p90=7.123, p99=7.123, most=7.123)


@given(st.lists(st.integers(0, 10**6).map(float), min_size=1))
def test_at_least_that_share_of_the_values_is_no_greater(values: list[float]) -> None:
    told = spread(values, "ms")
    for share, value in ((50, told.p50), (90, told.p90), (99, told.p99)):
        assert sum(each <= value for each in values) >= math.ceil(share * len(values) / 100)
        assert sum(each < value for each in values) < math.ceil(share * len(values) / 100)
    assert told.most == max(values)
