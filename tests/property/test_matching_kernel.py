"""The kernel against an obvious one: whatever is asked, in either mode, the same trades, answers and books."""

from array import array
from bisect import insort
from importlib.util import find_spec

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tradepit.trading.matching.kernel import CANCEL, FOK, LIMIT, MARKET, REDUCE, REJECTED
from tradepit.trading.matching.matching_engine import MatchingEngine
from tradepit.trading.model.errors import BadRequest

MODES = [False, True] if find_spec("numba") else [False]
Event = tuple[int, int, int, int, int]  # kind, side, lots, tick, order id


class NaiveBook:
    """Sorted lists of [price key, arrival, order id, lots, tick], best first."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        self.arrivals = 0
        self.sides: tuple[list[list[int]], list[list[int]]] = ([], [])
        self.trades: list[tuple[int, int, int, int]] = []

    def apply(self, kind: int, side: int, lots: int, tick: int, order_id: int) -> int:
        """What the kernel's ``run`` answers to the event."""
        if kind in (CANCEL, REDUCE):
            return self._take_away(order_id, lots if kind == REDUCE else 2**31)
        if kind == MARKET:
            tick = 0 if side else self.ticks - 1
        if not 0 <= tick < self.ticks or lots <= 0:
            return REJECTED
        makers = self.sides[1 - side]
        crossing = [maker for maker in makers if (maker[4] >= tick if side else maker[4] <= tick)]
        if kind == FOK and sum(maker[3] for maker in crossing) < lots:
            return lots
        for maker in crossing:
            dealt = min(lots, maker[3])
            if not dealt:
                break
            self.trades.append((order_id, maker[2], maker[4], dealt))
            lots -= dealt
            maker[3] -= dealt
            if not maker[3]:
                makers.remove(maker)
        if lots and kind == LIMIT:
            self.arrivals += 1
            insort(self.sides[side], [tick if side else -tick, self.arrivals, order_id, lots, tick])
        return lots

    def _take_away(self, order_id: int, lots: int) -> int:
        for orders in self.sides:
            for order in orders:
                if order[2] == order_id and lots > 0:
                    taken = min(lots, order[3])
                    order[3] -= taken
                    if not order[3]:
                        orders.remove(order)
                    return taken
        return 0

    def waiting(self, side: int) -> list[tuple[int, int, int]]:
        """Order id, tick, lots in priority order."""
        return [(order[2], order[4], order[3]) for order in self.sides[side]]

    def depth(self, side: int) -> list[tuple[int, int]]:
        """Tick, lots of each price, best first."""
        prices: dict[int, int] = {}
        for _, tick, lots in self.waiting(side):
            prices[tick] = prices.get(tick, 0) + lots
        return list(prices.items())


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, list[Event]]:
    """A narrow band and events in it: crossing, dead ids, prices outside, volumes that are none."""
    ticks = draw(st.sampled_from([1, 2, 8, 31, 32, 33, 70, 1100]))
    middle = draw(st.integers(0, ticks - 1))
    reach = draw(st.sampled_from([1, 4, 40, ticks]))
    raw = draw(
        st.lists(
            st.tuples(
                st.integers(0, 5), st.integers(0, 1), st.integers(-1, 12), st.integers(-reach, reach), st.integers(0, 10**6)
            ),
            max_size=120,
        )
    )
    events: list[Event] = []
    new_id = 0
    for kind, side, lots, offset, pick in raw:
        if kind in (CANCEL, REDUCE):
            events.append((kind, side, lots, 0, pick % (new_id + 2)))
        else:
            events.append((kind, side, lots, middle + offset, new_id))
            new_id += 1
    return ticks, events


def packed(events: list[Event], symbol: int = 0) -> memoryview:
    flat = array("i", [0])[:0]
    for kind, side, lots, tick, order_id in events:
        flat.extend((kind | side << 8 | symbol << 16, lots, tick, order_id))
    return memoryview(flat).cast("B").cast("i", (len(events), 4))


def check_book(engine: MatchingEngine, symbol: int, naive: NaiveBook) -> None:
    for side in (0, 1):
        assert list(engine.orders(symbol, side)) == naive.waiting(side)
        depth = naive.depth(side)
        assert engine.depth(symbol, side, 1000) == depth
        assert engine.depth(symbol, side, 2) == depth[:2]
        assert engine.best(symbol, side) == (depth[0][0] if depth else None)


@pytest.mark.parametrize("compiled", MODES)
@settings(max_examples=150, deadline=None)
@given(stream=streams(), symbol=st.integers(0, 2))
def test_order_by_order_equals_the_naive_book(compiled: bool, stream: tuple[int, list[Event]], symbol: int) -> None:
    ticks, events = stream
    engine, naive = MatchingEngine(ticks, 3, compiled=compiled), NaiveBook(ticks)
    for event in events:
        kind, side, lots, tick, order_id = event
        before = len(naive.trades)
        answer = naive.apply(*event)
        if kind == CANCEL:
            assert engine.cancel(order_id) == answer
        elif kind == REDUCE:
            assert engine.reduce(order_id, lots) == answer
        elif answer == REJECTED:
            with pytest.raises(BadRequest):
                engine.order(kind, side, symbol, tick, lots, order_id)
        else:
            fills = engine.order(kind, side, symbol, tick, lots, order_id)
            assert list(fills) == [(maker, price, dealt) for _, maker, price, dealt in naive.trades[before:]]
        check_book(engine, symbol, naive)
    for other in {0, 1, 2} - {symbol}:
        check_book(engine, other, NaiveBook(ticks))


@settings(max_examples=150, deadline=None)
@given(stream=streams(), parts=st.integers(1, 3))
@example(stream=(8, []), parts=1)
def test_bulk_runs_equal_the_naive_book_in_both_modes(stream: tuple[int, list[Event]], parts: int) -> None:
    ticks, events = stream
    naive = NaiveBook(ticks)
    answers = [naive.apply(*event) for event in events]
    for compiled in MODES:
        engine = MatchingEngine(ticks, 2, compiled=compiled)
        seen: list[int] = []
        told: list[int] = []
        size = max(1, -(-len(events) // parts))
        for start in range(0, len(events), size):
            part = events[start : start + size]
            results = array("i", [99]) * len(part)
            count = engine.run(packed(part, 1), results)
            made = engine.trades().tolist()
            assert len(made) == 4 * count
            seen += made
            told += results.tolist()
        assert told == answers
        assert seen == [value for trade in naive.trades for value in trade]
        check_book(engine, 1, naive)


@pytest.mark.parametrize("compiled", MODES)
def test_any_bytes_as_events_do_no_harm(compiled: bool) -> None:
    """Every 32-bit word may stand anywhere in an event; what is out of range is answered so and changes nothing."""
    engine = MatchingEngine(50, 2, compiled=compiled)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(*[st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 300)] * 4), min_size=1, max_size=40))
    def play(rows: list[tuple[int, int, int, int]]) -> None:
        rows = [(what, lots, tick, order_id if order_id < 10**5 else order_id | 2**30) for what, lots, tick, order_id in rows]
        flat = array("i", [word for row in rows for word in row])
        results = array("i", [0]) * len(rows)
        engine.run(memoryview(flat).cast("B").cast("i", (len(rows), 4)), results)
        for (what, lots, tick, order_id), result in zip(rows, results, strict=True):
            if what & 255 > REDUCE or not 0 <= order_id < 2**27:
                assert result == REJECTED
            if what & 255 == LIMIT and (not 0 <= tick < 50 or lots < 1 or what >> 16 not in (0, 1)):
                assert result == REJECTED
        for side in (0, 1):
            lots_of = [lots for symbol in (0, 1) for _, _, lots in engine.orders(symbol, side)]
            assert all(lots > 0 for lots in lots_of)
            assert sum(lots_of) == sum(lots for symbol in (0, 1) for _, lots in engine.depth(symbol, side, 50))

    play()
