"""The matching kernel: price-time priority on flat integer arrays, one source for plain Python and for numba.

Every side of every symbol has a *ladder* of places, one per tick of the day's band; side number = 2 * symbol + side, and its
ladder begins at place side number * span. Bids are mirrored (key = last tick - price), so the best order of any ladder is at its
smallest occupied place and both sides run the same code. The place behind the last tick is a guard, always marked occupied, so
that a search needs no end test. Orders waiting at a place are a doubly linked list of *nodes*; node 0 stands for none.

Interpreted, every field of ``Book`` is a Python list. Compiled, the fields of a record lie side by side (a node is half a cache
line) and the functions get one address, from which ``views`` makes pointers: numba counts references of array arguments and tests
every signed index for being negative, which would cost most of the time. Record numbers are multiples of a stride (one when
interpreted): ``field[record]`` is right in both modes. Words of the bitmap hold 32 bits in 64: no sign bit in either mode.

Nothing here makes room or checks all ranges: a wrong index corrupts memory when compiled. Go through ``MatchingEngine`` (many
symbols, either mode, in bulk) or ``OrderBook`` (one instrument, interpreted).
"""

from collections.abc import Callable, MutableSequence
from functools import cache
from importlib.util import find_spec
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from tradepit.trading.model.errors import ConfigError

BUY, SELL = 0, 1
LIMIT, MARKET, IOC, FOK, CANCEL, REDUCE = range(6)  # kinds of event; the Chinese exchanges call IOC FAK
REJECTED = -1  # result of an event that is not valid and changed nothing
MAX_TICKS = 2**20  # of a band
MAX_LOTS = 2**31 - 1
MAX_ORDERS = 2**27  # order ids index an array: they are meant to be dense
WORD_BITS = 32

TICKS, SPAN, SYMBOLS, IDS, FREE, USED, TRADES = range(7)  # fields of the state: the last three are record numbers
NODE_STRIDE = LEVEL_STRIDE = TRADE_STRIDE = 1
COMPILED_STRIDES = {"NODE_STRIDE": 8, "LEVEL_STRIDE": 4, "TRADE_STRIDE": 4}

Ints = MutableSequence[int]
Marks = tuple[Ints, Ints]  # occupied places, one bit each, in words of 32; which words are not 0, one bit each
Nodes = tuple[Ints, Ints, Ints, Ints, Ints, Ints]  # following node, preceding node, lots left, order id, place, side number
Levels = tuple[Ints, Ints, Ints]  # of each place: first node, last node, lots
Trades = tuple[Ints, Ints, Ints, Ints]  # taker id, maker id, tick, lots
Book = tuple[
    Ints, Ints, Marks, Nodes, Levels, Trades, Ints
]  # state, best place of each side, ..., node of an order id (or stale)
Numba: TypeAlias = Any  # whatever numba makes and takes: it has no types of its own


def views(book: Book) -> Book:
    """The book's fields; compiled, from the address of its table."""
    return book


def ints(values: Ints) -> Ints:
    """A row of 32-bit integers; compiled, from its address."""
    return values


def lowest_bit(bits: int) -> int:
    """Number of the lowest set bit; ``bits`` is not 0. (One instruction when compiled.)"""
    return (bits & -bits).bit_length() - 1


def next_place(marks: Marks, place: int) -> int:
    """The first occupied place from ``place`` on."""
    words, groups = marks
    word = place >> 5
    bits = words[word] & (-1 << (place & 31))
    if bits == 0:
        word += 1
        group = word >> 5
        busy = groups[group] & (-1 << (word & 31))
        while busy == 0:
            group += 1
            busy = groups[group]
        word = (group << 5) + lowest_bit(busy)
        bits = words[word]
    return (word << 5) + lowest_bit(bits)


def mark(marks: Marks, place: int) -> None:
    """The place has orders."""
    words, groups = marks
    word = place >> 5
    words[word] |= 1 << (place & 31)
    groups[word >> 5] |= 1 << (word & 31)


def unmark(marks: Marks, place: int) -> None:
    """The place has no orders any more."""
    words, groups = marks
    word = place >> 5
    bits = words[word] & ~(1 << (place & 31))
    words[word] = bits
    if bits == 0:
        groups[word >> 5] &= ~(1 << (word & 31))


def available(book: Book, maker_side: int, limit: int, lots: int) -> int:
    """Lots waiting on a side from its best place up to place ``limit``, counted until there are ``lots``."""
    _, best, marks, _, (_, _, total), _, _ = book
    place = best[maker_side]
    found = 0
    while place <= limit and found < lots:
        found += total[place * LEVEL_STRIDE]
        place = next_place(marks, place + 1)
    return found


def take(book: Book, maker_side: int, limit: int, lots: int, taker_id: int) -> int:
    """Trade with a side's orders from its best place up to place ``limit``; returns the lots left over."""
    state, best, marks, nodes, (first, _, total), (taker, maker, price, traded), _ = book
    following, preceding, remaining, order_id, _, _ = nodes
    start = maker_side * state[SPAN]
    place = best[maker_side]
    trade = state[TRADES]
    while lots and place <= limit:
        level = place * LEVEL_STRIDE
        tick = place - start if maker_side & 1 else start + state[TICKS] - 1 - place
        node = first[level]
        while lots and node:
            waiting = remaining[node]
            dealt = lots if lots < waiting else waiting  # noqa: FURB136 - min() is a slow call when interpreted
            taker[trade] = taker_id
            maker[trade] = order_id[node]
            price[trade] = tick
            traded[trade] = dealt
            trade += TRADE_STRIDE
            lots -= dealt
            total[level] -= dealt
            if dealt < waiting:
                remaining[node] = waiting - dealt
            else:
                after = following[node]
                order_id[node] = -1
                following[node] = state[FREE]
                state[FREE] = node
                node = after
        first[level] = node
        if node:
            preceding[node] = 0
        else:
            unmark(marks, place)
            place = next_place(marks, place)
            best[maker_side] = place
    state[TRADES] = trade
    return lots


def rest(book: Book, own_side: int, place: int, lots: int, new_id: int) -> int:
    """Let an order wait behind the others at its place, without matching; returns its node."""
    state, best, marks, nodes, (first, last, total), _, _ = book
    following, preceding, remaining, order_id, at, side_of = nodes
    node = state[FREE]
    if node:
        state[FREE] = following[node]
    else:
        node = state[USED]
        state[USED] = node + NODE_STRIDE
    remaining[node] = lots
    order_id[node] = new_id
    at[node] = place
    side_of[node] = own_side
    following[node] = 0
    level = place * LEVEL_STRIDE
    total[level] += lots
    if first[level]:
        before = last[level]
        following[before] = node
        preceding[node] = before
    else:
        first[level] = node
        preceding[node] = 0
        mark(marks, place)
        best[own_side] = min(best[own_side], place)
    last[level] = node
    return node


def remove(book: Book, node: int) -> int:
    """Take a waiting order out of the book; returns its lots."""
    state, best, marks, nodes, (first, last, total), _, _ = book
    following, preceding, remaining, order_id, at, side_of = nodes
    before, after, lots, place = preceding[node], following[node], remaining[node], at[node]
    level = place * LEVEL_STRIDE
    total[level] -= lots
    if before:
        following[before] = after
    else:
        first[level] = after
    if after:
        preceding[after] = before
    else:
        last[level] = before
    order_id[node] = -1
    following[node] = state[FREE]
    state[FREE] = node
    if before == 0 and after == 0:
        unmark(marks, place)
        own_side = side_of[node]
        if place == best[own_side]:
            best[own_side] = next_place(marks, place)
    return lots


def lower(book: Book, node: int, by_lots: int) -> int:
    """Lower a waiting order's lots, it keeps its turn; by all it has or more takes it out. Returns the lots taken away."""
    _, _, _, nodes, (_, _, total), _, _ = book
    _, _, remaining, _, at, _ = nodes
    if by_lots >= remaining[node]:
        return remove(book, node)
    remaining[node] -= by_lots
    total[at[node] * LEVEL_STRIDE] -= by_lots
    return by_lots


def submit(book: Book, kind: int, side: int, symbol: int, tick: int, lots: int, new_id: int) -> int:
    """Match an order; what is left of a limit order rests. Returns the lots not traded, or REJECTED when out of range."""
    state, best = book[0], book[1]
    last_tick = state[TICKS] - 1
    if kind != LIMIT:
        if kind == MARKET:
            tick = last_tick if side == BUY else 0
        elif kind < 0 or kind > FOK:
            return REJECTED
    if tick < 0 or tick > last_tick or lots <= 0 or lots > MAX_LOTS or symbol < 0 or symbol >= state[SYMBOLS]:
        return REJECTED
    if side == BUY:
        key = tick
    elif side == SELL:
        key = last_tick - tick
    else:
        return REJECTED
    own_side = 2 * symbol + side
    maker_side = own_side ^ 1
    span = state[SPAN]
    limit = maker_side * span + key
    if best[maker_side] <= limit:
        if kind == FOK and available(book, maker_side, limit, lots) < lots:
            return lots
        lots = take(book, maker_side, limit, lots, new_id)
    if lots and kind == LIMIT:
        book[6][new_id] = rest(book, own_side, own_side * span + last_tick - key, lots, new_id)
    return lots


def cancel(book: Book, old_id: int) -> int:
    """Take an order out of the book; returns its lots, 0 when it is not there."""
    node = book[6][old_id]
    return remove(book, node) if book[3][3][node] == old_id else 0


def reduce(book: Book, old_id: int, by_lots: int) -> int:
    """Lower an order's lots; it keeps its turn. By all or more: a cancel. Returns the lots taken away, 0 when it is not there."""
    node = book[6][old_id]
    if book[3][3][node] != old_id or by_lots <= 0:
        return 0
    return lower(book, node, by_lots)


def run(book: Book, events: Ints, results: Ints, index: int, stop: int) -> int:
    """Apply events up to ``stop`` or the first whose order id the map has no room for; returns the index reached."""
    ids = book[0][IDS]
    while index < stop:
        event = 4 * index
        what, lots, tick, order_id = events[event], events[event + 1], events[event + 2], events[event + 3]
        kind = what & 255
        if order_id < 0 or order_id >= MAX_ORDERS or kind > REDUCE:
            results[index] = REJECTED
        elif order_id >= ids:
            break
        elif kind == CANCEL:
            results[index] = cancel(book, order_id)
        elif kind == REDUCE:
            results[index] = reduce(book, order_id, lots)
        else:
            results[index] = submit(book, kind, (what >> 8) & 1, (what >> 16) & 0xFFFF, tick, lots, order_id)
        index += 1
    return index


def submit_at(book: Book, kind: int, side: int, symbol: int, tick: int, lots: int, new_id: int) -> int:
    """``submit`` as Python calls it."""
    return submit(views(book), kind, side, symbol, tick, lots, new_id)


def cancel_at(book: Book, old_id: int) -> int:
    """``cancel`` as Python calls it."""
    return cancel(views(book), old_id)


def reduce_at(book: Book, old_id: int, by_lots: int) -> int:
    """``reduce`` as Python calls it."""
    return reduce(views(book), old_id, by_lots)


def run_at(book: Book, events: Ints, results: Ints, index: int, stop: int) -> int:
    """``run`` as Python calls it."""
    return run(views(book), ints(events), ints(results), index, stop)


class Functions(NamedTuple):
    """The kernel's functions as Python calls them in one mode; compiled ones take addresses for books, events and results."""

    compiled: bool
    submit: Callable[..., int]
    cancel: Callable[..., int]
    reduce: Callable[..., int]
    run: Callable[..., int]


HELPERS = (next_place, mark, unmark, available, take, rest, remove, lower, submit, cancel, reduce, run)


def build(compiled: bool | None = None) -> Functions:
    """The functions in one mode; None: compiled when numba is installed. Both modes can live in one process.

    The first compilation ever takes seconds, later processes load it from numba's cache. Raises ConfigError without numba.
    """
    installed = find_spec("numba") is not None
    if compiled and not installed:
        raise ConfigError("The compiled kernel needs numba: pip install 'tradepit[fast]'.")
    return _compile() if installed and compiled is not False else Functions(False, submit, cancel, reduce, run)


@cache
def _compile() -> Functions:
    """The same sources in another set of globals: helpers inlined, strides of packed records, addresses for books."""
    import numba  # noqa: PLC0415 - an optional dependency, and heavy to import

    word = numba.int64
    space = {**globals(), **COMPILED_STRIDES, **_intrinsics(numba)}
    for function in HELPERS:
        space[function.__name__] = numba.njit(inline="always")(FunctionType(function.__code__, space))
    entries = []
    for function, arguments in ((submit_at, 7), (cancel_at, 2), (reduce_at, 3), (run_at, 5)):
        compile_for = numba.njit(word(*[word] * arguments), cache=True, nogil=True)
        entries.append(compile_for(FunctionType(function.__code__, space)))
    return Functions(True, *entries)


def _intrinsics(numba: Numba) -> dict[str, Numba]:
    """What plain Python says otherwise: the lowest bit in one instruction, and pointers made from addresses."""
    from llvmlite import ir  # noqa: PLC0415 - comes with numba
    from numba.extending import intrinsic  # noqa: PLC0415 - as above

    int32, int64 = numba.int32, numba.int64

    def find_bit(_: Numba, bits: Numba) -> Numba:
        return int64(bits), lambda _context, builder, _signature, args: builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    def point(_: Numba, address: Numba, element: Numba) -> Numba:
        kind = numba.types.CPointer(element.dtype)
        return kind(address, element), lambda context, builder, _, args: builder.inttoptr(args[0], context.get_value_type(kind))

    def shift(_: Numba, record: Numba, number: Numba) -> Numba:
        return record(record, number), lambda _context, builder, _signature, args: builder.gep(args[0], [args[1]], inbounds=True)

    pointer: Numba = intrinsic(point)
    field: Numba = intrinsic(shift)

    def ints(address: int) -> Numba:
        return pointer(address, int32)

    def views(address: int) -> Numba:
        table = pointer(address, int64)
        node, level, trade = pointer(table[4], int32), pointer(table[5], int64), pointer(table[6], int32)
        return (
            pointer(table[0], int64),
            pointer(table[1], int64),
            (pointer(table[2], int64), pointer(table[3], int64)),
            (node, field(node, 1), field(node, 2), field(node, 3), field(node, 4), field(node, 5)),
            (level, field(level, 1), field(level, 2)),
            (trade, field(trade, 1), field(trade, 2), field(trade, 3)),
            pointer(table[7], int32),
        )

    inline = numba.njit(inline="always")
    return {"lowest_bit": intrinsic(find_bit), "ints": inline(ints), "views": inline(views)}
