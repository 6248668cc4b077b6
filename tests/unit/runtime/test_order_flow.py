"""Order flow: signs remember, sizes have a tail, activity is bounded."""

from random import Random

from tradepit.runtime.order_flow import OrderFlow


def autocorrelation(signs: list[int], lag: int) -> float:
    pairs = list(zip(signs, signs[lag:], strict=False))
    return sum(a * b for a, b in pairs) / len(pairs)


def test_signs_stay_correlated_over_many_trades() -> None:
    flow = OrderFlow(Random(5))
    signs = [sign for _ in range(30_000) for sign, _ in flow.trades(1.0)]
    assert len(signs) > 25_000
    assert autocorrelation(signs, 1) > 0.08
    assert autocorrelation(signs, 20) > 0.03
    assert abs(sum(signs)) < len(signs) / 2


def test_sizes_are_positive_and_have_a_tail() -> None:
    flow = OrderFlow(Random(5))
    lots = [size for _ in range(5_000) for _, size in flow.trades(1.0)]
    assert min(lots) == 1
    assert sorted(lots)[len(lots) // 2] <= 2
    assert 30 < max(lots) <= 120


def test_nothing_is_expected_nothing_comes() -> None:
    flow = OrderFlow(Random(5))
    assert flow.trades(0.0) == []
    assert len(flow.trades(1e9)) == 200
