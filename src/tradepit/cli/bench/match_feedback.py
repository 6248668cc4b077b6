"""A backtest with orders of its own in the matched stream: a strategy fused into the compiled kernel, and the same in Python.

The strategy joins the best price with five lots and crosses to the other side with every sixteenth quote; after every fourth
event it withdraws what is left and quotes anew, and it changes its side whenever it was filled: what it sends depends on what the
market did to it, and the market's trades on what it sent.
"""

from array import array
from collections.abc import Callable
from functools import cache
from time import thread_time

from tradepit.cli.bench import workload
from tradepit.trading.matching.kernel import (
    BUY,
    CANCEL,
    FREE,
    IDS,
    LAST_TICK,
    LIMIT,
    REDUCE,
    SELL,
    SPAN,
    Book,
    Ints,
    apply,
    cancel,
    submit,
)
from tradepit.trading.matching.kernel_compiled import fuse, ints, views
from tradepit.trading.matching.matching_engine import MatchingEngine, Strategy

OWN_LOTS = 5
EVERY = 4  # events from one quote to the next; a power of two that divides the engine's chunks
CROSS_EVERY = 16  # quotes
ORDERS_PER_EVENT = 1 + 2 / EVERY  # each event is one, each quote a cancel and a new order
OWN_ID, OWN_SIDE, FILLED = range(3)  # the strategy's memory: its last order's id, its side, quotes that were filled
BEGIN = (SELL, -1)  # its side and fills: the first quote is not there, as if filled


def quote(book: Book, events: Ints, results: Ints, memory: Ints, index: int, stop: int) -> int:
    """The strategy as ``MatchingEngine.replay`` takes it, in either mode."""
    fields, rows, answers, own = views(book), ints(events), ints(results), ints(memory)
    state, best, following = fields[0], fields[1], fields[3][0]
    while index < stop:
        event = 4 * index
        if rows[event + 3] >= state[IDS] or state[FREE] == 0 or following[state[FREE]] == 0:
            break
        answers[index] = apply(fields, rows[event], rows[event + 1], rows[event + 2], rows[event + 3])
        index += 1
        if index % EVERY == 0:
            side = own[OWN_SIDE]
            if cancel(fields, own[OWN_ID]) < OWN_LOTS:
                own[FILLED] += 1
                side = 1 - side
                own[OWN_SIDE] = side
            own[OWN_ID] += 1
            bid, ask = state[LAST_TICK] - best[BUY], best[SELL] - state[SPAN]
            if bid >= 0 and ask <= state[LAST_TICK]:
                tick = bid if (side == BUY) == (own[OWN_ID] % CROSS_EVERY != 0) else ask
                submit(fields, LIMIT, side, 0, tick, OWN_LOTS, own[OWN_ID])
    return index


def by_engine(events: list[list[int]], first_id: int, *, compiled: bool) -> tuple[float, list[int], list[int]]:
    """The strategy in Python, each event and each order of its own one call of the engine: (seconds, trades, memory)."""
    engine = MatchingEngine(workload.TICKS, compiled=compiled, orders=_ids(first_id, len(events)))
    trades: list[int] = []
    own_id, (side, filled) = first_id, BEGIN
    start = thread_time()
    for index, (what, lots, tick, order_id) in enumerate(events, 1):
        kind = what & 255
        if kind == CANCEL:
            engine.cancel(order_id)
        elif kind == REDUCE:
            engine.reduce(order_id, lots)
        else:
            for maker, price, dealt in engine.order(kind, what >> 8 & 1, 0, tick, lots, order_id):
                trades += (order_id, maker, price, dealt)
        if index % EVERY == 0:
            if engine.cancel(own_id) < OWN_LOTS:
                filled += 1
                side = 1 - side
            own_id += 1
            bid, ask = engine.best(0, BUY), engine.best(0, SELL)
            if bid is not None and ask is not None:
                own_tick = bid if (side == BUY) == (own_id % CROSS_EVERY != 0) else ask
                for maker, price, dealt in engine.order(LIMIT, side, 0, own_tick, OWN_LOTS, own_id):
                    trades += (own_id, maker, price, dealt)
    return thread_time() - start, trades, [own_id, side, filled]


def by_replay(events: memoryview, first_id: int, *, compiled: bool) -> tuple[float, list[int], list[int]]:
    """The strategy fused into the kernel, or, uncompiled, its source between the same events: (seconds, trades, memory)."""
    ids, results = _ids(first_id, len(events)), array("i", [0]) * len(events)
    engine = MatchingEngine(workload.TICKS, compiled=compiled, orders=ids, trades=len(events))
    memory, step = array("i", [first_id, *BEGIN]), fused() if compiled else quote
    start = thread_time()
    engine.replay(step, events, results, memory)
    seconds = thread_time() - start
    return seconds, engine.trades().tolist(), memory.tolist()


def timed_replay(events: memoryview, first_id: int) -> Callable[[], float]:
    """A fused run as a contestant: its seconds of processor time."""

    def once() -> float:
        return by_replay(events, first_id, compiled=True)[0]

    return once


@cache
def fused() -> Strategy:
    """The compiled strategy, made once in a process: it takes a second or two. Raises ImportError without numba."""
    return fuse(quote, 6)


def _ids(first_id: int, events: int) -> int:
    return first_id + events // EVERY + 2
