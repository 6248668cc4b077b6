"""The kernel's memory: a book's fields as Python lists, or as packed arrays whose addresses compiled functions take."""

from typing import Any, TypeAlias

from tradepit.trading.matching.kernel import (
    COMPILED_STRIDES,
    FREE,
    IDS,
    SPAN,
    SYMBOLS,
    TICKS,
    USED,
    WORD_BITS,
    Book,
    mark,
)

Handle: TypeAlias = Any  # a book, or the address of a compiled one; rows of integers, or their address
_STEP = 4096  # records added at a time to lists: small enough that no order waits a millisecond for it


def _span(ticks: int) -> int:
    """Places of a ladder: the ticks and the guard, in whole words."""
    return (ticks // WORD_BITS + 1) * WORD_BITS


def _begin(book: Book, symbols: int, ticks: int, first_node: int) -> None:
    """Make an empty book of zeros: its measures, the guards, and node 0, which is no order's."""
    state, best, marks, nodes, _, _, _ = book
    span = _span(ticks)
    state[TICKS], state[SPAN], state[SYMBOLS], state[FREE], state[USED] = ticks, span, symbols, 0, first_node
    for side_number in range(2 * symbols):
        best[side_number] = side_number * span + ticks
        mark(marks, best[side_number])
    nodes[3][0] = -1


class ListStorage:
    """A book of lists, for the interpreted kernel. ``handle`` is what its functions take: the book itself."""

    node_stride = level_stride = trade_stride = 1

    def __init__(self, symbols: int, ticks: int) -> None:
        places = 2 * symbols * _span(ticks)
        words = places // WORD_BITS
        nodes = ([0], [0], [0], [0], [0], [0])
        levels = ([0] * places, [0] * places, [0] * places)
        marks = ([0] * words, [0] * (words // WORD_BITS + 1))
        self.book: Book = ([0] * 8, [0] * (2 * symbols), marks, nodes, levels, ([], [], [], []), [])
        self.handle: Handle = self.book
        _begin(self.book, symbols, ticks, 1)

    def reserve(self, nodes: int, trades: int, ids: int) -> None:
        """Make room for at least so many nodes, trades and order ids in all."""
        book = self.book
        for fields, size in ((book[3], nodes), (book[5], trades), ((book[6],), ids)):
            short = size - len(fields[0])
            if short > 0:
                more = [0] * max(short, _STEP)
                for field in fields:
                    field.extend(more)
        book[0][IDS] = len(book[6])

    def rows(self, values: memoryview, start: int, stop: int) -> Handle:
        """A part of a buffer of 32-bit integers as the kernel reads it."""
        return values[start:stop].tolist()

    def results(self, values: memoryview, start: int, stop: int) -> Handle:
        """A part of a buffer of 32-bit integers as the kernel writes it."""
        return values[start:stop]


class ArrayStorage:
    """A book of packed numpy arrays, for the compiled kernel. ``handle`` is the address of the table of their addresses.

    ``book`` shows the same memory to Python, field by field: ``field[record]`` is right there too.
    """

    node_stride = COMPILED_STRIDES["NODE_STRIDE"]
    level_stride = COMPILED_STRIDES["LEVEL_STRIDE"]
    trade_stride = COMPILED_STRIDES["TRADE_STRIDE"]

    def __init__(self, symbols: int, ticks: int) -> None:
        import numpy as np  # noqa: PLC0415 - comes with numba, an optional dependency

        self._np = np
        places = 2 * symbols * _span(ticks)
        words = places // WORD_BITS
        wide = (8, 2 * symbols, words, words // WORD_BITS + 1)
        narrow = (self.node_stride, self.trade_stride, 1)
        self._fixed: list[Handle] = [np.zeros(size, np.int64) for size in (*wide, places * self.level_stride)]
        self._growing: list[Handle] = [np.zeros(size, np.int32) for size in narrow]
        self._table = np.zeros(8, np.int64)
        self.handle: Handle = int(self._table.ctypes.data)
        self.book = self._show()
        _begin(self.book, symbols, ticks, self.node_stride)

    def _show(self) -> Book:
        fixed, growing = self._fixed, self._growing
        self._table[:] = [int(field.ctypes.data) for field in (*fixed[:4], growing[0], fixed[4], *growing[1:])]
        state, best, words, groups, level = (_shown(field) for field in fixed)
        node, trade, ids = (_shown(field) for field in growing)
        state[IDS] = len(ids)
        levels = (level[0:], level[1:], level[2:])
        trades = (trade[0:], trade[1:], trade[2:], trade[3:])
        nodes = (node[0:], node[1:], node[2:], node[3:], node[4:], node[5:])
        return (state, best, (words, groups), nodes, levels, trades, ids)

    def reserve(self, nodes: int, trades: int, ids: int) -> None:
        """Make room for at least so many nodes, trades and order ids in all."""
        grown = False
        for which, size in enumerate((nodes * self.node_stride, trades * self.trade_stride, ids)):
            old = self._growing[which]
            if size > len(old):
                new = self._np.empty(max(size, 2 * len(old)), self._np.int32)
                new[: len(old)] = old
                new[len(old) :] = 0
                self._growing[which] = new
                grown = True
        if grown:
            self.book = self._show()

    def rows(self, values: memoryview, start: int, stop: int) -> Handle:
        """The address of a part of a buffer of 32-bit integers; the buffer must outlive its use."""
        return int(self._np.frombuffer(values[start:stop], self._np.int32).ctypes.data)

    results = rows


def _shown(array: Handle) -> Handle:
    """An array as Python reads it fastest, in plain integers."""
    return memoryview(array)
