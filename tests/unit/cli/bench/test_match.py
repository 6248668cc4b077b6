"""The bench of matching: peers make the same trades, figures and turns are what they say."""

from importlib.util import find_spec
from itertools import count

import pytest

from tradepit.cli.bench import match_peers, workload
from tradepit.cli.bench.contest import ratio, summary, take_turns
from tradepit.cli.bench.match_calibration import calibrate, plain_loop
from tradepit.trading.matching.kernel import CANCEL, LIMIT

PEERS = {"naive": "tradepit", "bourse": "bourse", "cython_orderbook": "cython_orderbook", "order_matching": "order_matching"}


@pytest.fixture(scope="module")
def steps() -> list[match_peers.Step]:
    flat = workload.generate(1, 400, 50, 3)
    return match_peers.plain_steps([flat[start : start + 4].tolist() for start in range(0, len(flat), 4)], workload.TICKS)


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_makes_our_trades(name: str, steps: list[match_peers.Step]) -> None:
    if find_spec(PEERS[name]) is None:
        pytest.skip("the dependency group bench is not installed")
    _, ours = match_peers.kernel_by_order(steps)
    assert ours
    assert getattr(match_peers, name)(steps)[1] == ours == match_peers.order_book(steps)[1]


def test_steps_are_limit_orders_and_cancels_alone(steps: list[match_peers.Step]) -> None:
    assert {step[0] for step in steps} == {LIMIT, CANCEL}


def test_contestants_take_turns() -> None:
    clock = count(1)
    seconds = take_turns({"a": lambda: next(clock), "b": lambda: next(clock)}, 2)
    assert seconds == {"a": [1, 3], "b": [2, 4]}
    assert ratio(seconds["b"], seconds["a"]) == 1.5
    assert summary([2e-6, 1e-6, 4e-6], 1000) == {"median_ns": 2.0, "min_ns": 1.0, "median_m_per_s": 500.0}


def test_calibration_is_fixed_work() -> None:
    cells = [0] * 8
    assert plain_loop(1000, cells) == plain_loop(1000, [0] * 8)
    assert cells != [0] * 8
    told = calibrate(1)
    assert told["python_step_ns"] > 0
    assert ("compiled_step_ns" in told) == (find_spec("numba") is not None)
