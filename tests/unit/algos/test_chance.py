"""Draws that can be repeated."""

from tradepit.trading.algos.chance import UNIT, draw


def test_draws_depend_on_nothing_but_their_arguments_and_are_spread() -> None:
    draws = [draw(1, "algo-7", "lots", number) for number in range(1000)]
    assert draws == [draw(1, "algo-7", "lots", number) for number in range(1000)]
    assert all(0 <= value < UNIT for value in draws)
    assert 0.45 < sum(draws) / 1000 / UNIT < 0.55
    assert draw(2, "algo-7", "lots", 0) != draws[0] != draw(1, "algo-7", "time", 0)
