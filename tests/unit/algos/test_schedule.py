"""Slices, due times and varied volumes."""

from collections.abc import Callable

import pytest

from tradepit.trading.algos.params import SECOND_NS, AlgoParams
from tradepit.trading.algos.schedule import due_ns, slice_count, vary
from tradepit.trading.model.errors import BadRequest


def test_slices_fill_the_planned_time(make_params: Callable[..., AlgoParams], t0: int) -> None:
    assert slice_count(make_params()) == 10
    assert slice_count(make_params(duration_ns=99 * SECOND_NS)) == 9
    assert slice_count(make_params(duration_ns=4 * SECOND_NS)) == 1
    with pytest.raises(BadRequest):
        slice_count(make_params(start_ns=t0 + 3600 * SECOND_NS))
    with pytest.raises(BadRequest):
        slice_count(make_params(interval_ns=1, min_interval_ns=1, duration_ns=10**6))


def test_jitter_delays_within_its_share(make_params: Callable[..., AlgoParams]) -> None:
    assert [due_ns(make_params(), number) for number in (0, 3)] == [0, 30 * SECOND_NS]
    dues = [due_ns(make_params(jitter_bps=2000), number) - number * 10 * SECOND_NS for number in range(10)]
    assert all(0 <= delay < 2 * SECOND_NS for delay in dues)
    assert len(set(dues)) == 10


def test_varied_targets_keep_to_their_share(make_params: Callable[..., AlgoParams]) -> None:
    params = make_params(randomise_bps=2000)
    moved = [vary(params, number, 0, 100, 200) for number in range(200)]
    assert (min(moved), max(moved)) == (90, 110)
    assert vary(params, 0, 100, 100, 200) == 100
    assert vary(make_params(), 0, 0, 100, 200) == 100
