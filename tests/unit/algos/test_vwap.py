"""VWAP targets, from a curve and from the market."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.schedule import Seen
from tradepit.trading.algos.vwap import Vwap
from tradepit.trading.model.errors import BadRequest

SEEN = Seen(market_lots=0, base_lots=0)


def test_a_curve_is_read_between_its_points(make_params: Callable[..., AlgoParams]) -> None:
    params = make_params(curve=(30, 40, 100))
    assert [Vwap().target(params, number, 3, SEEN) for number in range(3)] == [30, 40, 100]
    assert [Vwap().target(params, number, 6, SEEN) for number in range(6)] == [15, 30, 35, 40, 70, 100]
    assert [Vwap().target(params, number, 2, SEEN) for number in range(2)] == [35, 100]


def test_without_a_curve_the_market_is_followed(make_params: Callable[..., AlgoParams]) -> None:
    params = make_params(participation_bps=1000)
    lots = [Vwap().target(params, 0, 10, Seen(market_lots=volume, base_lots=7)) for volume in (0, 9, 100, 10_000)]
    assert lots == [7, 7, 17, 100]


def test_one_of_both_is_needed(make_params: Callable[..., AlgoParams]) -> None:
    Vwap().check(make_params(curve=(1,)))
    with pytest.raises(BadRequest):
        Vwap().check(make_params())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    total=st.integers(1, 5000),
    slices=st.integers(1, 100),
    parts=st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any),
    share=st.integers(0, 10_000),
)
def test_targets_never_fall_and_the_last_is_exact(
    make_params: Callable[..., AlgoParams], total: int, slices: int, parts: list[int], share: int
) -> None:
    curve = tuple(sum(parts[: number + 1]) for number in range(len(parts)))
    params = make_params(total_lots=total, curve=curve, randomise_bps=share)
    plan = [Vwap().target(params, number, slices, SEEN) for number in range(slices)]
    assert plan == sorted(plan)
    assert plan[0] >= 0
    assert plan[-1] == total
