"""The registry of algorithms."""

from collections.abc import Callable

import pytest

from tradepit.trading.algos.algorithms import ALGORITHMS, schedule_of
from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.model.errors import BadRequest


def test_algorithms_are_found_by_name(make_params: Callable[..., AlgoParams]) -> None:
    assert set(ALGORITHMS) == {"TWAP", "VWAP"}
    assert all(name == algorithm.name for name, algorithm in ALGORITHMS.items())
    assert schedule_of(make_params(algo="VWAP")) is ALGORITHMS["VWAP"]
    with pytest.raises(BadRequest):
        schedule_of(make_params(algo="ICEBERG"))
