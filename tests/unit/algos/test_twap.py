"""TWAP targets."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.schedule import Seen
from tradepit.trading.algos.twap import Twap

SEEN = Seen(market_lots=0, base_lots=0)


def targets(params: AlgoParams, slices: int) -> list[int]:
    return [Twap().target(params, number, slices, SEEN) for number in range(slices)]


def test_even_slices_with_whole_lots(make_params: Callable[..., AlgoParams]) -> None:
    Twap().check(make_params())
    assert targets(make_params(), 10) == list(range(10, 101, 10))
    assert targets(make_params(total_lots=5), 3) == [2, 3, 5]
    assert targets(make_params(total_lots=2), 4) == [1, 1, 2, 2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(total=st.integers(1, 5000), slices=st.integers(1, 200), share=st.integers(0, 10_000), seed=st.integers(0, 9))
def test_targets_never_fall_and_the_last_is_exact(
    make_params: Callable[..., AlgoParams], total: int, slices: int, share: int, seed: int
) -> None:
    plan = targets(make_params(total_lots=total, randomise_bps=share, seed=seed), slices)
    assert plan == sorted(plan)
    assert plan[0] >= 0
    assert plan[-1] == total
