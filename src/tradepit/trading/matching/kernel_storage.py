"""The kernel's memory: a book's fields as Python lists, or as packed arrays whose addresses compiled functions take."""

from array import array
from typing import Any, TypeAlias

from tradepit.trading.matching.kernel import FREE, IDS, LAST_TICK, SPAN, SYMBOLS, WORD_BITS, Book, Ints, mark
from tradepit.trading.matching.kernel_compiled import LEVEL_SIZE, LINE_BYTES, NODE_SIZE, TRADE_SIZE

Handle: TypeAlias = Any  # a book, or the address of a compiled one; rows of integers, or their address
_STEP = 4096  # records added at a time to lists: small enough that no order waits a millisecond for it


def _span(ticks: int) -> int:
    """Places of a ladder: the ticks and the guard, in whole words."""
    return (ticks // WORD_BITS + 1) * WORD_BITS


def _begin(book: Book, symbols: int, ticks: int) -> None:
    """Make an empty book of zeros: its measures, the guards, and node 0, which is no order's."""
    state, best, marks, nodes, _, _, _ = book
    span = _span(ticks)
    state[LAST_TICK], state[SPAN], state[SYMBOLS] = ticks - 1, span, symbols
    for side_number in range(2 * symbols):
        best[side_number] = side_number * span + ticks
        mark(marks, best[side_number])
    nodes[3][0] = -1


def _lengthen(fields: tuple[Ints, ...], size: int) -> None:
    short = size - len(fields[0])
    if short > 0:
        more = [0] * max(short, _STEP)
        for field in fields:
            field.extend(more)


class ListStorage:
    """A book of lists, for the interpreted kernel. ``handle`` is what its functions take: the book itself."""

    def __init__(self, symbols: int, ticks: int) -> None:
        places = 2 * symbols * _span(ticks)
        words = places // WORD_BITS
        nodes = ([0], [0], [0], [0], [0])
        levels = ([0] * places, [0] * places, [0] * places)
        marks = ([0] * words, [0] * (words // WORD_BITS + 1))
        self.book: Book = ([0] * 8, [0] * (2 * symbols), marks, nodes, levels, ([], [], [], []), [])
        self.handle: Handle = self.book
        _begin(self.book, symbols, ticks)

    def reserve(self, nodes: int, trades: int, ids: int) -> None:
        """Make room for at least so many nodes, trades and order ids in all, and never for less trades than nodes.

        One order may trade with every node there is.
        """
        book = self.book
        state, following = book[0], book[3][0]
        start = len(following)
        _lengthen(book[3], nodes)
        stop = len(following)
        _lengthen(book[5], max(trades, stop))
        _lengthen((book[6],), ids)
        if stop > start:
            following[start:] = [*range(start + 1, stop), state[FREE]]
            state[FREE] = start
        state[IDS] = len(book[6])

    def rows(self, values: memoryview, start: int, stop: int) -> Handle:
        """A part of a buffer of 32-bit integers as the kernel reads it."""
        return values[start:stop].tolist()

    def results(self, values: memoryview, start: int, stop: int) -> Handle:
        """A part of a buffer of 32-bit integers as the kernel writes it."""
        return values[start:stop]

    def flat_trades(self, count: int) -> memoryview:
        """The first ``count`` trades, their four fields one after the other, as 32-bit integers."""
        flat = array("i", [0]) * (4 * count)
        for number, field in enumerate(self.book[5]):
            flat[number::4] = array("i", field[:count])
        return memoryview(flat)


class ArrayStorage:
    """A book of packed numpy arrays, for the compiled kernel. ``handle`` is the address of the table of their addresses.

    ``book`` shows the same memory to Python, field by field: ``field[record]`` is right there too.
    """

    def __init__(self, symbols: int, ticks: int) -> None:
        import numpy as np  # noqa: PLC0415 - comes with numba, an optional dependency

        self._np = np
        places = 2 * symbols * _span(ticks)
        words = places // WORD_BITS
        fixed = (8, 2 * symbols, words, words // WORD_BITS + 1, places * LEVEL_SIZE // 2)
        self._fixed: list[Handle] = [self._zeros(size, 1, np.int64).reshape(-1) for size in fixed]
        self._growing: list[Handle] = [self._zeros(1, size, np.int32) for size in (NODE_SIZE, TRADE_SIZE, 1)]
        self._table = np.zeros(8, np.int64)
        self.handle: Handle = int(self._table.ctypes.data)
        self.book = self._show()
        _begin(self.book, symbols, ticks)

    def _zeros(self, records: int, size: int, kind: Handle) -> Handle:
        """Records of zeros from the beginning of a cache line on, written now: no order waits while the system finds a page."""
        used = records * size * kind().itemsize
        room = self._np.empty(used + LINE_BYTES, self._np.uint8)
        room.fill(0)
        start = -room.ctypes.data % LINE_BYTES
        return room[start : start + used].view(kind).reshape(records, size)

    def _show(self) -> Book:
        fixed, growing = self._fixed, self._growing
        self._table[:] = [int(field.ctypes.data) for field in (*fixed[:4], growing[0], fixed[4], *growing[1:])]
        # Of all views of an array, Python reads a memoryview's elements fastest, and as plain integers.
        state, best, words, groups, level = (memoryview(field) for field in fixed)
        node, trade, ids = (memoryview(field.reshape(-1)) for field in growing)
        state[IDS] = len(ids)
        ends = level.cast("B").cast("i")
        levels = (ends[0::LEVEL_SIZE], ends[1::LEVEL_SIZE], level[1 :: LEVEL_SIZE // 2])
        trades = (trade[0::TRADE_SIZE], trade[1::TRADE_SIZE], trade[2::TRADE_SIZE], trade[3::TRADE_SIZE])
        nodes = (*(node[number::NODE_SIZE] for number in range(5)),)
        self._trades = trade
        book: Handle = (state, best, (words, groups), nodes, levels, trades, ids)
        return book  # type: ignore[no-any-return]  # memoryviews of integers are sequences of them

    def reserve(self, nodes: int, trades: int, ids: int) -> None:
        """Make room for at least so many nodes, trades and order ids in all, and never for less trades than nodes."""
        start = len(self._growing[0])
        self._lengthen(0, nodes)
        pool = self._growing[0]
        self._lengthen(1, max(trades, len(pool)))
        self._lengthen(2, ids)
        self.book = self._show()
        if len(pool) > start:
            state = self.book[0]
            pool[start:, 0] = self._np.arange(start + 1, len(pool) + 1)
            pool[-1, 0] = state[FREE]
            state[FREE] = start

    def _lengthen(self, which: int, size: int) -> None:
        old = self._growing[which]
        if size > len(old):
            new = self._zeros(max(size, 2 * len(old)), old.shape[1], self._np.int32)
            new[: len(old)] = old
            self._growing[which] = new

    def rows(self, values: memoryview, start: int, stop: int) -> Handle:
        """The address of a part of a buffer of 32-bit integers; the buffer must outlive its use."""
        return int(self._np.frombuffer(values[start:stop], self._np.int32).ctypes.data)

    results = rows

    def flat_trades(self, count: int) -> memoryview:
        """The first ``count`` trades, their four fields one after the other, as 32-bit integers, where the kernel writes them."""
        return self._trades[: TRADE_SIZE * count]
