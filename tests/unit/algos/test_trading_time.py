"""Only trading time counts."""

from collections.abc import Callable

import pytest

from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.trading_time import elapsed_ns, is_trading, planned_ns

DAY = ((100, 200), (300, 400))


@pytest.mark.parametrize(
    ("start", "now", "elapsed"), [(0, 50, 0), (0, 150, 50), (150, 250, 50), (150, 350, 100), (100, 900, 200), (350, 310, 0)]
)
def test_breaks_do_not_count(start: int, now: int, elapsed: int) -> None:
    assert elapsed_ns(DAY, start, now) == elapsed


def test_a_window_ends_just_before_its_end() -> None:
    assert [is_trading(DAY, now) for now in (99, 100, 199, 200, 300)] == [False, True, True, False, True]


@pytest.mark.parametrize(
    ("changes", "planned"),
    [
        ({"duration_ns": 120}, 120),
        ({"duration_ns": 500}, 150),
        ({"duration_ns": 0, "end_ns": 320}, 70),
        ({"duration_ns": 0, "end_ns": 9_999}, 150),
        ({"start_ns": 400, "duration_ns": 5}, 0),
    ],
)
def test_the_plan_is_clipped_to_the_trading_day(
    changes: dict[str, int], planned: int, make_params: Callable[..., AlgoParams]
) -> None:
    assert planned_ns(make_params(**({"windows": DAY, "start_ns": 150} | changes))) == planned
