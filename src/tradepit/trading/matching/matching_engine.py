"""The safe way into the kernel: many symbols, order by order or in bulk, every range checked and room made beforehand."""

from array import array
from collections.abc import Iterator
from typing import Any, TypeAlias

from tradepit.trading.matching.kernel import IDS, MAX_LOTS, MAX_ORDERS, MAX_TICKS, SYMBOLS, TRADES, USED, Ints, build
from tradepit.trading.matching.kernel_storage import ArrayStorage, ListStorage
from tradepit.trading.matching.kernel_walk import depth_of, waiting
from tradepit.trading.model.errors import BadRequest

MAX_SYMBOLS = 2**16
MAX_PLACES = 2**26  # ticks of all symbols together
CHUNK = 2**16  # events between two looks at the room left
Fill = tuple[int, int, int]
Buffer: TypeAlias = Any  # anything that shows its memory, as numpy's arrays do; Python 3.11 has no type for it


class MatchingEngine:
    """Books of ``symbols`` symbols, each with ``ticks`` price ticks from 0; prices in ticks of that band, volumes in lots.

    ``compiled``: numba's code or plain Python, None for numba's when it is installed. Order ids are chosen by the caller, dense
    (they index an array), each used once. ``orders`` and ``trades`` are the numbers to make room for now; more is made as needed.
    Raises BadRequest when a size is out of range, ConfigError when compiled code is wanted and numba missing.
    """

    def __init__(self, ticks: int, symbols: int = 1, *, compiled: bool | None = None, orders: int = 0, trades: int = 0) -> None:
        sizes = ticks > 0 and 0 < symbols <= MAX_SYMBOLS and ticks * symbols <= MAX_PLACES
        if not (sizes and ticks <= MAX_TICKS and 0 <= orders <= MAX_ORDERS and 0 <= trades <= MAX_ORDERS):
            raise BadRequest("A size of the engine is out of range.", ticks=ticks, symbols=symbols, orders=orders, trades=trades)
        self._functions = build(compiled)
        self.compiled = self._functions.compiled
        self._storage = ArrayStorage(symbols, ticks) if self.compiled else ListStorage(symbols, ticks)
        self._submit, self._cancel, self._reduce = self._functions.submit, self._functions.cancel, self._functions.reduce
        self._handle = self._storage.handle
        self._state = self._storage.book[0]
        self._make_room(1, max(orders, 1), trades)

    def _make_room(self, nodes: int, ids: int = 0, trades: int = 0) -> None:
        """Room for so many more nodes, so many order ids and trades: one order may trade with every node."""
        storage = self._storage
        nodes += self._state[USED] // storage.node_stride
        storage.reserve(nodes, max(nodes, trades), ids)
        book = storage.book
        self._state = book[0]
        _, self._maker, self._price, self._traded = book[5]
        self._node_limit = min(len(book[3][5]), len(book[5][3]) * storage.node_stride // storage.trade_stride)

    def order(self, kind: int, side: int, symbol: int, tick: int, lots: int, order_id: int) -> tuple[Fill, ...]:
        """Match an order (LIMIT, MARKET, IOC or FOK); returns its fills (maker id, price tick, lots).

        What is left of a limit order waits; a market order goes to the edge of the band. Raises BadRequest for a value out of
        range; then nothing changed.
        """
        state = self._state
        if not 0 <= order_id < state[IDS] or state[USED] >= self._node_limit:
            state = self._admit(order_id)
        state[TRADES] = 0
        if self._submit(self._handle, kind, side, symbol, tick, lots, order_id) < 0:
            raise BadRequest("A value of the order is out of range.", kind=kind, side=side, symbol=symbol, tick=tick, lots=lots)
        end = state[TRADES]
        if end == 0:
            return ()
        step = self._storage.trade_stride
        if end == step:
            return ((self._maker[0], self._price[0], self._traded[0]),)
        return tuple(zip(self._maker[:end:step], self._price[:end:step], self._traded[:end:step], strict=True))

    def _admit(self, order_id: int) -> Ints:
        if not 0 <= order_id < MAX_ORDERS:
            raise BadRequest("An order id is out of range.", order_id=order_id)
        self._make_room(1, order_id + 1)
        return self._state

    def cancel(self, order_id: int) -> int:
        """Take an order out of its book; returns its lots, 0 when it is not there (any more)."""
        return self._cancel(self._handle, order_id) if 0 <= order_id < self._state[IDS] else 0

    def reduce(self, order_id: int, by_lots: int) -> int:
        """Lower an order's lots, it keeps its turn; by all or more: a cancel. Returns the lots taken away, 0 when not there."""
        return self._reduce(self._handle, order_id, min(by_lots, MAX_LOTS)) if 0 <= order_id < self._state[IDS] else 0

    def run(self, events: Buffer, results: Buffer) -> int:
        """Apply events in order and return the number of trades, which ``trades`` shows.

        ``events``: a C-contiguous (n, 4) buffer of 32-bit integers: kind | side << 8 | symbol << 16, lots, tick, order id.
        ``results``: n 32-bit integers: lots an order did not trade, lots a cancel or a reduce took away, REJECTED (out of range,
        nothing changed). Raises BadRequest when a buffer is not as it should be.
        """
        rows, answers = memoryview(events), memoryview(results)
        if not (_is_int32(rows) and _is_int32(answers)) or rows.shape != (len(answers), 4) or answers.readonly:
            raise BadRequest("Events: (n, 4), results: (n,) and writable, both contiguous 32-bit integers.")
        self._state[TRADES] = 0
        if len(answers) == 0:
            return 0
        rows, answers = rows.cast("B").cast("i"), answers.cast("B").cast("i")
        for start in range(0, len(answers), CHUNK):
            self._run_chunk(rows, answers, start, min(start + CHUNK, len(answers)))
        return self._state[TRADES] // self._storage.trade_stride

    def _run_chunk(self, events: memoryview, results: memoryview, start: int, stop: int) -> None:
        storage, size = self._storage, stop - start
        # An event ends one order it trades with in part at most; all others it trades with are gone: trades <= waiting + events.
        made = self._state[TRADES] // storage.trade_stride
        self._make_room(size, 0, made + size + self._state[USED] // storage.node_stride)
        rows, answers = storage.rows(events, 4 * start, 4 * stop), storage.results(results, start, stop)
        done = self._functions.run(self._handle, rows, answers, 0, size)
        while done < size:
            self._make_room(0, events[4 * (start + done) + 3] + 1)
            done = self._functions.run(self._handle, rows, answers, done, size)

    def trades(self) -> memoryview:
        """The trades of the last ``run`` or ``order``: taker id, maker id, tick, lots, and so on, as 32-bit integers.

        Compiled, it is the kernel's own memory: read it before the next call.
        """
        end = self._state[TRADES]
        fields = self._storage.book[5]
        if self._storage.trade_stride == 1:
            flat = array("i", [0]) * (4 * end)
            for number, field in enumerate(fields):
                flat[number::4] = array("i", field[:end])
            return memoryview(flat)
        packed: Buffer = fields[0]
        return memoryview(packed)[:end]

    def best(self, symbol: int, side: int) -> int | None:
        """The best price tick of a side, None when nothing waits there."""
        levels = self.depth(symbol, side, 1)
        return levels[0][0] if levels else None

    def depth(self, symbol: int, side: int, levels: int) -> list[tuple[int, int]]:
        """The best ``levels`` prices of a side as (tick, lots)."""
        return depth_of(self._storage.book, self._side_number(symbol, side), levels, self._storage.level_stride)

    def orders(self, symbol: int, side: int) -> Iterator[tuple[int, int, int]]:
        """The orders of a side in priority order as (order id, tick, lots)."""
        return waiting(self._storage.book, self._side_number(symbol, side), self._storage.level_stride)

    def _side_number(self, symbol: int, side: int) -> int:
        if not (0 <= symbol < self._state[SYMBOLS] and 0 <= side <= 1):
            raise BadRequest("No such side.", symbol=symbol, side=side)
        return 2 * symbol + side


def _is_int32(buffer: memoryview) -> bool:
    return buffer.ndim > 0 and buffer.c_contiguous and buffer.itemsize == 4 and buffer.format in ("i", "l", "<i", "=i")
