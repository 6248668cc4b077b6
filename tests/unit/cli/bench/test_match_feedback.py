"""The backtest with orders of its own: one strategy, the same trades in whatever form it runs."""

from importlib.util import find_spec

import pytest

from tradepit.cli.bench import match_bulk, match_feedback, workload

EVENTS = 3000
NUMBA = find_spec("numba") is not None


@pytest.fixture(scope="module")
def stream() -> tuple[memoryview, list[list[int]]]:
    flat = workload.generate(1, EVENTS, 300, 7)
    rows = [flat[start : start + 4].tolist() for start in range(0, len(flat), 4)]
    return memoryview(flat).cast("B").cast("i", (EVENTS, 4)), rows


def test_python_over_the_engine_and_the_kernels_own_loop_make_the_same_trades(stream: tuple[memoryview, list[list[int]]]) -> None:
    events, rows = stream
    _, expected, memory = match_feedback.by_engine(rows, EVENTS, compiled=False)
    assert match_feedback.by_replay(events, EVENTS, compiled=False)[1:] == (expected, memory)
    assert memory[match_feedback.OWN_ID] == EVENTS + EVENTS // match_feedback.EVERY
    assert memory[match_feedback.FILLED] >= EVENTS // match_feedback.EVERY // match_feedback.CROSS_EVERY - 1
    own = {number for trade in range(0, len(expected), 4) for number in expected[trade : trade + 2] if number >= EVENTS}
    assert len(own) >= memory[match_feedback.FILLED]


@pytest.mark.skipif(not NUMBA, reason="numba is an optional dependency (tradepit[fast])")
def test_fused_it_makes_the_same_trades(stream: tuple[memoryview, list[list[int]]]) -> None:
    events, rows = stream
    expected = match_feedback.by_engine(rows, EVENTS, compiled=True)[1:]
    assert match_feedback.by_replay(events, EVENTS, compiled=True)[1:] == expected
    assert match_feedback.timed_replay(events, EVENTS)() > 0


def test_the_report_says_that_trades_were_the_same(stream: tuple[memoryview, list[list[int]]]) -> None:
    told = match_bulk.backtests(stream[0], stream[1], 1)
    assert told["same_trades"] is True
    assert told["quotes_filled"] > 0
    assert told["by engine, interpreted"]["m_orders_per_s"] > 0
