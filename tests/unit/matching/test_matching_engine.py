"""The safe way into the kernel: ranges, growth, buffers, and the published workloads in both modes."""

from array import array
from hashlib import sha256
from importlib.util import find_spec
from typing import Any

import pytest

from tradepit.cli.bench import workload
from tradepit.trading.matching.kernel import BUY, CANCEL, FOK, LIMIT, MARKET, MAX_ORDERS, REDUCE, REJECTED, SELL
from tradepit.trading.matching.matching_engine import CHUNK, MatchingEngine
from tradepit.trading.model.errors import BadRequest

MODES = [False, True] if find_spec("numba") else [False]


@pytest.fixture(params=MODES, ids=lambda compiled: "compiled" if compiled else "interpreted")
def compiled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def events_of(*rows: tuple[int, int, int, int]) -> memoryview:
    return memoryview(array("i", [word for row in rows for word in row])).cast("B").cast("i", (len(rows), 4))


def digest(engine: MatchingEngine, symbols: int) -> str:
    """trades:hash of trades:waiting orders:hash of the books, hashes over 64-bit integers."""
    trades = engine.trades().tolist()
    book = [
        word
        for symbol in range(symbols)
        for side in (BUY, SELL)
        for order_id, tick, lots in engine.orders(symbol, side)
        for word in (symbol, side, tick, order_id, lots)
    ]
    hashes = [sha256(array("q", words).tobytes()).hexdigest()[:16] for words in (trades, book)]
    return f"{len(trades) // 4}:{hashes[0]}:{len(book) // 5}:{hashes[1]}"


@pytest.mark.parametrize("name", ["w1", "w50"])
def test_a_published_workload_reaches_its_digest_in_every_mode(name: str) -> None:
    events, told = workload.load(name), workload.WORKLOADS[name]
    answers = []
    for compiled in MODES:
        engine = MatchingEngine(workload.TICKS, told.symbols, compiled=compiled)
        results = array("i", [0]) * told.events
        engine.run(events, results)
        assert digest(engine, told.symbols) == told.digest
        answers.append(sha256(results.tobytes()).hexdigest())
    assert len(set(answers)) == 1


def test_fills_are_told_to_the_caller(compiled: bool) -> None:
    engine = MatchingEngine(100, 2, compiled=compiled)
    assert engine.order(LIMIT, SELL, 1, 60, 4, 0) == ()
    assert engine.order(LIMIT, SELL, 1, 61, 4, 1) == ()
    assert engine.order(LIMIT, BUY, 1, 61, 5, 2) == ((0, 60, 4), (1, 61, 1))
    assert engine.trades().tolist() == [2, 0, 60, 4, 2, 1, 61, 1]
    assert engine.order(MARKET, BUY, 1, 0, 1, 3) == ((1, 61, 1),)
    assert engine.order(FOK, BUY, 1, 99, 3, 4) == ()
    assert (engine.reduce(1, 1), engine.cancel(1), engine.cancel(1)) == (1, 1, 0)
    assert engine.best(0, SELL) is None


def test_room_grows_from_nothing(compiled: bool) -> None:
    engine = MatchingEngine(8, compiled=compiled)
    count = 9_000
    for order_id in range(count):
        engine.order(LIMIT, SELL, 0, order_id % 8, 1, order_id)
    assert engine.depth(0, SELL, 9) == [(tick, count // 8) for tick in range(8)]
    fills = engine.order(MARKET, BUY, 0, 0, count + 1, count)
    assert [maker for maker, _, _ in fills] == sorted(range(count), key=lambda order_id: order_id % 8)
    assert engine.cancel(count) == 0


def test_a_run_over_several_chunks_with_growing_ids(compiled: bool) -> None:
    engine = MatchingEngine(4, compiled=compiled)
    size = CHUNK + 1000
    rows = [(LIMIT | SELL << 8, 1, 3, 2 * number) for number in range(size)]
    results = array("i", [7]) * (size + 1)
    assert engine.run(events_of(*rows, (MARKET, size, 0, 5_000_001)), results) == size
    assert results.tolist() == [1] * size + [0]
    assert engine.trades().tolist()[1::4] == list(range(0, 2 * size, 2))
    assert engine.best(0, SELL) is None


def test_a_run_answers_each_event(compiled: bool) -> None:
    engine = MatchingEngine(10, 1, compiled=compiled)
    rows = [
        (LIMIT, 5, 4, 0),
        (REDUCE, 2, 0, 0),
        (LIMIT | SELL << 8, 1, 4, 1),
        (CANCEL, 0, 0, 0),
        (CANCEL, 0, 0, 0),
        (LIMIT, 5, 10, 2),
        (LIMIT | 1 << 16, 5, 1, 3),
        (77, 1, 1, 4),
        (LIMIT, 1, 1, -1),
        (CANCEL, 0, 0, MAX_ORDERS),
    ]
    results = array("i", [9]) * len(rows)
    assert engine.run(events_of(*rows), results) == 1
    assert results.tolist() == [5, 2, 0, 2, 0, *[REJECTED] * 5]


def test_buffers_that_do_not_fit_are_refused(compiled: bool) -> None:
    engine = MatchingEngine(10, compiled=compiled)
    good = events_of((LIMIT, 1, 1, 0))
    for events, results in (
        (memoryview(array("i", [0, 1, 1, 0])), array("i", [0])),
        (good, array("i", [0, 0])),
        (good, array("q", [0])),
        (good, array("f", [0])),
        (good, bytes(4)),
        (memoryview(array("q", [0] * 4)).cast("B").cast("q", (1, 4)), array("i", [0])),
        (memoryview(array("i", [0] * 12)).cast("B").cast("i", (3, 4))[::2], array("i", [0, 0])),
    ):
        with pytest.raises(BadRequest):
            engine.run(events, results)
    assert engine.best(0, BUY) is None
    assert engine.run(good, array("i", [0])) == 0
    assert engine.best(0, BUY) == 1


def test_bad_orders_and_sizes_are_refused(compiled: bool) -> None:
    engine = MatchingEngine(10, 2, compiled=compiled)
    for kind, side, symbol, tick, lots, order_id in (
        (CANCEL, BUY, 0, 1, 1, 0),
        (LIMIT, 2, 0, 1, 1, 0),
        (LIMIT, BUY, 2, 1, 1, 0),
        (LIMIT, BUY, 0, 10, 1, 0),
        (LIMIT, BUY, 0, 1, 0, 0),
        (LIMIT, BUY, 0, 1, 1, -1),
        (LIMIT, BUY, 0, 1, 1, MAX_ORDERS),
        (LIMIT, BUY, 0, 1, 10**30, 0),
        (LIMIT, BUY, 0, 1, -1, 0),
        (LIMIT, BUY, 0, 1, -2, 0),
    ):
        with pytest.raises(BadRequest):
            engine.order(kind, side, symbol, tick, lots, order_id)
    assert engine.cancel(10**30) == engine.reduce(10**30, 1) == engine.reduce(0, -(10**30)) == 0
    assert engine.cancel(-1) == engine.cancel(10**12) == engine.reduce(-1, 1) == engine.reduce(10**12, 1) == 0
    for symbol, side in ((2, BUY), (-1, BUY), (0, 2), (0, -1)):
        with pytest.raises(BadRequest):
            engine.depth(symbol, side, 1)
    for ticks, symbols in ((0, 1), (1, 0), (2**20 + 1, 1), (2**20, 2**16)):
        with pytest.raises(BadRequest):
            MatchingEngine(ticks, symbols, compiled=compiled)


def test_a_strategy_that_does_not_advance_is_refused() -> None:
    engine = MatchingEngine(10, compiled=False)
    rows, results, memory = events_of((LIMIT, 1, 1, 0)), array("i", [0]), array("i", [0])
    with pytest.raises(BadRequest, match="strategy"):
        engine.replay(lambda *_: 0, rows, results, memory)
    for bad in (array("q", [0]), bytes(4), array("i")):
        with pytest.raises(BadRequest, match="Memory"):
            engine.replay(lambda *_: 1, rows, results, bad)


def test_a_strategy_sees_the_events_in_chunks_and_keeps_its_memory() -> None:
    engine, size = MatchingEngine(10, compiled=False), CHUNK + 3
    rows, results, memory = events_of(*[(LIMIT, 1, 1, 0)] * size), array("i", [0]) * size, array("i", [0])

    def count(_book: Any, _events: Any, results: Any, memory: Any, index: int, stop: int) -> int:
        for number in range(index, stop):
            results[number] = 7
        memory[0] += stop - index
        return stop

    assert engine.replay(count, rows, results, memory) == 0
    assert memory[0] == size
    assert set(results) == {7}
