"""The matching kernel: price-time priority on flat integer arrays, one source for plain Python and for numba.

Every side of every symbol has a *ladder* of places, one per tick of the day's band; side number = 2 * symbol + side, and its
ladder begins at place side number * span. Bids are mirrored (key = last tick - price), so the best order of any ladder is at its
smallest occupied place and both sides run the same code. The place behind the last tick is a guard, always marked occupied, so
that a search needs no end test. Orders waiting at a place are a doubly linked list of *nodes*; node 0 stands for none. Nodes not
in use are a list of their own.

Interpreted, every field of ``Book`` is a Python list. Compiled (``kernel_compiled``), the fields of a record lie side by side, a
node in half a cache line. Words of the bitmap hold 32 bits in 64: no sign bit in either mode.

Nothing here makes room or checks all ranges: a wrong index corrupts memory when compiled. Go through ``MatchingEngine`` (many
symbols, either mode, in bulk); the venue's own ``OrderBook`` is another one, made for plain Python.
"""

from collections.abc import MutableSequence

BUY, SELL = 0, 1
LIMIT, MARKET, IOC, FOK, CANCEL, REDUCE = range(6)  # kinds of event; the Chinese exchanges call IOC FAK
REJECTED = -1  # result of an event that is not valid and changed nothing
NO_ROOM = -2  # the book has no node or no place in its map for one more order: nothing changed, make room and ask again
MAX_TICKS = 2**20  # of a band
MAX_LOTS = 2**31 - 1
MAX_ORDERS = 2**27  # order ids index an array: they are meant to be dense
WORD_BITS = 32

LAST_TICK, SPAN, SYMBOLS, IDS, FREE, TRADES = range(6)  # fields of the state: the last two are a node and a number of trades

Ints = MutableSequence[int]
Marks = tuple[Ints, Ints]  # occupied places, one bit each, in words of 32; which words are not 0, one bit each
Nodes = tuple[Ints, Ints, Ints, Ints, Ints]  # following node, preceding node, lots left, order id (-1: not in use), place
Levels = tuple[Ints, Ints, Ints]  # of each place: first node, last node, lots
Trades = tuple[Ints, Ints, Ints, Ints]  # taker id, maker id, tick, lots
Book = tuple[
    Ints, Ints, Marks, Nodes, Levels, Trades, Ints
]  # state, best place of each side, ..., node of an order id (or stale)


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
        found += total[place]
        place = next_place(marks, place + 1)
    return found


def take(book: Book, maker_side: int, limit: int, lots: int, taker_id: int) -> int:
    """Trade with a side's orders from its best place up to place ``limit``; returns the lots left over."""
    state, best, marks, nodes, (first, _, total), (taker, maker, price, traded), _ = book
    following, preceding, remaining, order_id, _ = nodes
    start = maker_side * state[SPAN]
    place = best[maker_side]
    trade = state[TRADES]
    while lots and place <= limit:
        tick = place - start if maker_side & 1 else start + state[LAST_TICK] - place
        node = first[place]
        while lots and node:
            waiting = remaining[node]
            dealt = lots if lots < waiting else waiting  # noqa: FURB136 - min() is a slow call when interpreted
            taker[trade] = taker_id
            maker[trade] = order_id[node]
            price[trade] = tick
            traded[trade] = dealt
            trade += 1
            lots -= dealt
            total[place] -= dealt
            if dealt < waiting:
                remaining[node] = waiting - dealt
            else:
                after = following[node]
                order_id[node] = -1
                following[node] = state[FREE]
                state[FREE] = node
                node = after
        first[place] = node
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
    following, preceding, remaining, order_id, at = nodes
    node = state[FREE]
    state[FREE] = following[node]
    remaining[node] = lots
    order_id[node] = new_id
    at[node] = place
    following[node] = 0
    total[place] += lots
    if first[place]:
        before = last[place]
        following[before] = node
        preceding[node] = before
    else:
        first[place] = node
        preceding[node] = 0
        mark(marks, place)
        if place < best[own_side]:  # noqa: PLR1730 - min() is a slow call when interpreted
            best[own_side] = place
    last[place] = node
    return node


def remove(book: Book, node: int) -> int:
    """Take a waiting order out of the book; returns its lots."""
    state, best, marks, nodes, (first, last, total), _, _ = book
    following, preceding, remaining, order_id, at = nodes
    before, after, lots, place = preceding[node], following[node], remaining[node], at[node]
    order_id[node] = -1
    following[node] = state[FREE]
    state[FREE] = node
    total[place] -= lots
    if before:
        following[before] = after
        if after:
            preceding[after] = before
        else:
            last[place] = before
    else:
        first[place] = after
        if after:
            preceding[after] = 0
        else:
            unmark(marks, place)
            own_side = place // state[SPAN]
            if place == best[own_side]:
                best[own_side] = next_place(marks, place)
    return lots


def lower(book: Book, node: int, by_lots: int) -> int:
    """Lower a waiting order's lots, it keeps its turn; by all it has or more takes it out. Returns the lots taken away."""
    _, _, _, nodes, (_, _, total), _, _ = book
    _, _, remaining, _, at = nodes
    if by_lots >= remaining[node]:
        return remove(book, node)
    remaining[node] -= by_lots
    total[at[node]] -= by_lots
    return by_lots


def submit(book: Book, kind: int, side: int, symbol: int, tick: int, lots: int, new_id: int) -> int:
    """Match an order; what is left of a limit order rests. Returns the lots not traded, or REJECTED when out of range."""
    state, best = book[0], book[1]
    last_tick = state[LAST_TICK]
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


def order(book: Book, kind: int, side: int, symbol: int, tick: int, lots: int, new_id: int) -> int:
    """``submit`` for a caller who wants the trades of this order alone: returns their number, or REJECTED, or NO_ROOM."""
    state = book[0]
    if state[FREE] == 0 or new_id < 0 or new_id >= state[IDS]:
        return NO_ROOM
    state[TRADES] = 0
    left = submit(book, kind, side, symbol, tick, lots, new_id)
    return state[TRADES] if left >= 0 else REJECTED


def cancel(book: Book, old_id: int) -> int:
    """Take an order out of the book; returns its lots, 0 when it is not there."""
    if old_id < 0 or old_id >= book[0][IDS]:
        return 0
    node = book[6][old_id]
    return remove(book, node) if book[3][3][node] == old_id else 0


def reduce(book: Book, old_id: int, by_lots: int) -> int:
    """Lower an order's lots; it keeps its turn. By all or more: a cancel. Returns the lots taken away, 0 when it is not there."""
    if old_id < 0 or old_id >= book[0][IDS] or by_lots <= 0:
        return 0
    node = book[6][old_id]
    return lower(book, node, by_lots) if book[3][3][node] == old_id else 0


def apply(book: Book, what: int, lots: int, tick: int, order_id: int) -> int:
    """Apply one event of a stream, ``what`` = kind | side << 8 | symbol << 16; returns its result, or NO_ROOM."""
    kind = what & 255
    if order_id < 0 or order_id >= MAX_ORDERS or kind > REDUCE:
        return REJECTED
    if kind == CANCEL:
        return cancel(book, order_id)
    if kind == REDUCE:
        return reduce(book, order_id, lots)
    if order_id >= book[0][IDS] or book[0][FREE] == 0:
        return NO_ROOM
    return submit(book, kind, (what >> 8) & 1, (what >> 16) & 0xFFFF, tick, lots, order_id)


def run(book: Book, events: Ints, results: Ints, index: int, stop: int) -> int:
    """Apply events up to ``stop`` or the first that finds no room; returns the index reached."""
    while index < stop:
        event = 4 * index
        result = apply(book, events[event], events[event + 1], events[event + 2], events[event + 3])
        if result == NO_ROOM:
            break
        results[index] = result
        index += 1
    return index
