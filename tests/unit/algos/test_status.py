"""When an algorithm is over."""

from tradepit.trading.algos.status import AlgoStatus


def test_three_ways_to_be_over() -> None:
    assert {status for status in AlgoStatus if status.over} == {AlgoStatus.FINISHED, AlgoStatus.STOPPED, AlgoStatus.FAILED}
