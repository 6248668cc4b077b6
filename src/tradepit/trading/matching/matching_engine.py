"""The safe way into the kernel: many symbols, order by order or in bulk, every range checked and room made beforehand."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from tradepit.trading.matching.kernel import (
    FREE,
    IDS,
    LAST_TICK,
    MAX_LOTS,
    MAX_ORDERS,
    MAX_TICKS,
    NO_ROOM,
    REJECTED,
    SYMBOLS,
    TRADES,
)
from tradepit.trading.matching.kernel_compiled import build
from tradepit.trading.matching.kernel_storage import ArrayStorage, ListStorage
from tradepit.trading.matching.kernel_walk import depth_of, tick_at, waiting
from tradepit.trading.model.errors import BadRequest

MAX_SYMBOLS = 2**16
MAX_PLACES = 2**26  # ticks of all symbols together
CHUNK = 2**16  # events between two looks at the room left
Fill = tuple[int, int, int]
Strategy: TypeAlias = Callable[..., int]
Buffer: TypeAlias = Any  # anything that shows its memory, as numpy's arrays do; Python 3.11 has no type for it


class MatchingEngine:
    """Books of ``symbols`` symbols, each with ``ticks`` price ticks from 0; prices in ticks of that band, volumes in lots.

    ``compiled``: numba's code or plain Python, None for numba's when it is installed. Order ids are chosen by the caller, dense
    (they index an array), each used once. Room is made now for ``orders`` of them, for so many ``waiting`` at a time and so many
    ``trades`` of a run; more is made as needed.
    Raises BadRequest when a size is out of range, ConfigError when compiled code is wanted and numba missing.
    """

    def __init__(
        self, ticks: int, symbols: int = 1, *, compiled: bool | None = None, orders: int = 0, waiting: int = 0, trades: int = 0
    ) -> None:
        sizes = ticks > 0 and 0 < symbols <= MAX_SYMBOLS and ticks * symbols <= MAX_PLACES and ticks <= MAX_TICKS
        if not (sizes and all(0 <= size <= MAX_ORDERS for size in (orders, waiting, trades))):
            raise BadRequest("A size of the engine is out of range.", ticks=ticks, symbols=symbols, orders=orders, trades=trades)
        self._functions = build(compiled)
        self.compiled = self._functions.compiled
        self._storage = ArrayStorage(symbols, ticks) if self.compiled else ListStorage(symbols, ticks)
        self._submit, self._order, self._cancel = self._functions.submit, self._functions.order, self._functions.cancel
        self._handle = self._storage.handle
        self._state = self._storage.book[0]
        self._make_room(max(waiting, 1), max(orders, 1), trades)

    def _make_room(self, nodes: int, ids: int, trades: int) -> None:
        """Room for so many more nodes, so many order ids and trades in all."""
        storage = self._storage
        nodes += len(storage.book[3][0])
        storage.reserve(nodes, trades, ids)
        self._state = storage.book[0]
        _, self._maker, self._price, self._traded = storage.book[5]

    def order(self, kind: int, side: int, symbol: int, tick: int, lots: int, order_id: int) -> tuple[Fill, ...]:
        """Match an order (LIMIT, MARKET, IOC or FOK); returns its fills (maker id, price tick, lots).

        What is left of a limit order waits; a market order goes to the edge of the band. Raises BadRequest for a value out of
        range; then nothing changed.
        """
        if self.compiled:
            # One call for all of it: reading compiled memory from Python takes longer than matching.
            try:
                count = self._order(self._handle, kind, side, symbol, tick, lots, order_id)
            except OverflowError:  # a number of more than 64 bits
                count = REJECTED
            if count == 0:
                return ()
        else:
            state = self._state
            if 0 <= order_id < state[IDS] and state[FREE]:
                state[TRADES] = 0
                left = self._submit(self._handle, kind, side, symbol, tick, lots, order_id)
                if left == lots and lots > 0:
                    return ()
                count = state[TRADES] if left >= 0 else left
            else:
                count = NO_ROOM
        if count == 1:
            return ((self._maker[0], self._price[0], self._traded[0]),)
        if count > 1:
            return tuple(zip(self._maker[:count], self._price[:count], self._traded[:count], strict=True))
        if count == NO_ROOM and 0 <= order_id < MAX_ORDERS:
            self._make_room(1 if self._state[FREE] == 0 else 0, order_id + 1, 0)
            return self.order(kind, side, symbol, tick, lots, order_id)
        raise BadRequest("A value of the order is out of range.", kind=kind, side=side, symbol=symbol, tick=tick, lots=lots)

    def cancel(self, order_id: int) -> int:
        """Take an order out of its book; returns its lots, 0 when it is not there (any more)."""
        try:
            return self._cancel(self._handle, order_id)
        except OverflowError:  # of compiled code, by a number of more than 64 bits
            return 0

    def reduce(self, order_id: int, by_lots: int) -> int:
        """Lower an order's lots, it keeps its turn; by all or more: a cancel. Returns the lots taken away, 0 when not there."""
        try:
            return self._functions.reduce(self._handle, order_id, max(0, min(by_lots, MAX_LOTS)))
        except OverflowError:  # as above
            return 0

    def run(self, events: Buffer, results: Buffer) -> int:
        """Apply events in order and return the number of trades, which ``trades`` shows.

        ``events``: a C-contiguous (n, 4) buffer of 32-bit integers: kind | side << 8 | symbol << 16, lots, tick, order id.
        ``results``: n 32-bit integers: lots an order did not trade, lots a cancel or a reduce took away, REJECTED (out of range,
        nothing changed). Raises BadRequest when a buffer is not as it should be.
        """
        return self._replay(self._functions.run, events, results, (), 1)

    def replay(self, strategy: Strategy, events: Buffer, results: Buffer, memory: Buffer) -> int:
        """``run`` with a strategy between the events, which reads the book and sends orders of its own; the number of trades.

        ``strategy(book, events, results, memory, index, stop)`` applies the events from ``index`` to ``stop``, with the kernel's
        ``apply``, and its own after them, at most one new order for each event. It returns the index it reached: less than
        ``stop`` when it had too little room, fewer than two free nodes or none for an event's order id; the room is then made.
        ``memory`` is its own, contiguous 32-bit integers. It is a function made by ``fuse`` when the engine is compiled, a plain
        one when not. Its own order ids must be below the ``orders`` the engine was made for. Raises BadRequest as ``run``, and
        for a strategy that does not advance.
        """
        cells = memoryview(memory)
        if not _is_int32(cells) or cells.readonly or not cells:
            raise BadRequest("Memory: writable, contiguous 32-bit integers, one at least.")
        cells = cells.cast("B").cast("i")
        return self._replay(strategy, events, results, (self._storage.results(cells, 0, len(cells)),), 2)

    def _replay(self, step: Strategy, events: Buffer, results: Buffer, more: tuple[Any, ...], orders: int) -> int:
        rows, answers = memoryview(events), memoryview(results)
        if not (_is_int32(rows) and _is_int32(answers)) or rows.shape != (len(answers), 4) or answers.readonly:
            raise BadRequest("Events: (n, 4), results: (n,) and writable, both contiguous 32-bit integers.")
        self._state[TRADES] = 0
        if len(answers) == 0:
            return 0
        rows, answers, storage = rows.cast("B").cast("i"), answers.cast("B").cast("i"), self._storage
        for start in range(0, len(answers), CHUNK):
            stop = min(start + CHUNK, len(answers))
            part, told = storage.rows(rows, 4 * start, 4 * stop), storage.results(answers, start, stop)
            size, done = stop - start, 0
            while done < size:
                self._make_room(*self._missing(rows[4 * (start + done) + 3], size - done, orders))
                reached = step(self._handle, part, told, *more, done, size)
                if not done < reached <= size:
                    raise BadRequest("The strategy had room for an event, and did not apply it.", reached=start + reached)
                done = reached
        return self._state[TRADES]

    def _missing(self, order_id: int, events: int, orders: int) -> tuple[int, int, int]:
        """Nodes, ids and trades to make room for before so many events of so many orders each, of which the first has this id.

        An order ends one it trades with in part at most; all others it trades with are gone: trades <= waiting + orders.
        """
        following, free = self._storage.book[3][0], self._state[FREE]
        nodes = 0 if free and following[free] else events
        ids = order_id + 1 if order_id < MAX_ORDERS else 0
        return nodes, ids, self._state[TRADES] + len(following) + nodes + orders * events

    def trades(self) -> memoryview:
        """The trades of the last ``run`` or ``order``: taker id, maker id, tick, lots, and so on, as 32-bit integers.

        Compiled, it is the kernel's own memory: read it before the next call.
        """
        return self._storage.flat_trades(self._state[TRADES])

    def best(self, symbol: int, side: int) -> int | None:
        """The best price tick of a side, None when nothing waits there."""
        book, number = self._storage.book, self._side_number(symbol, side)
        tick = tick_at(book[0], number, book[1][number])
        return tick if 0 <= tick <= book[0][LAST_TICK] else None

    def depth(self, symbol: int, side: int, levels: int) -> list[tuple[int, int]]:
        """The best ``levels`` prices of a side as (tick, lots)."""
        return depth_of(self._storage.book, self._side_number(symbol, side), levels)

    def orders(self, symbol: int, side: int) -> Iterator[tuple[int, int, int]]:
        """The orders of a side in priority order as (order id, tick, lots)."""
        return waiting(self._storage.book, self._side_number(symbol, side))

    def _side_number(self, symbol: int, side: int) -> int:
        if not (0 <= symbol < self._state[SYMBOLS] and 0 <= side <= 1):
            raise BadRequest("No such side.", symbol=symbol, side=side)
        return 2 * symbol + side


def _is_int32(buffer: memoryview) -> bool:
    return buffer.ndim > 0 and buffer.c_contiguous and buffer.itemsize == 4 and buffer.format in ("i", "l", "<i", "=i")
