"""Reading a kernel's book: occupied places, depth, and the waiting orders in priority order."""

from collections.abc import Iterator

from tradepit.trading.matching.kernel import LAST_TICK, SPAN, Book, Ints, next_place


def occupied(book: Book, side_number: int) -> Iterator[int]:
    """The places of a side at which orders wait, best first."""
    state, best, marks, _, _, _, _ = book
    place = best[side_number]
    guard = side_number * state[SPAN] + state[LAST_TICK] + 1
    while place < guard:
        yield place
        place = next_place(marks, place + 1)


def tick_at(state: Ints, side_number: int, place: int) -> int:
    """The price of a place, in ticks from the band's first."""
    key = place - side_number * state[SPAN]
    return key if side_number & 1 else state[LAST_TICK] - key


def depth_of(book: Book, side_number: int, levels: int) -> list[tuple[int, int]]:
    """The best ``levels`` prices of a side as (tick, lots)."""
    state, total = book[0], book[4][2]
    found: list[tuple[int, int]] = []
    for place in occupied(book, side_number):
        if len(found) == levels:
            break
        found.append((tick_at(state, side_number, place), total[place]))
    return found


def waiting(book: Book, side_number: int) -> Iterator[tuple[int, int, int]]:
    """The orders of a side in priority order as (order id, tick, lots)."""
    following, _, remaining, order_id, _ = book[3]
    first = book[4][0]
    for place in occupied(book, side_number):
        tick = tick_at(book[0], side_number, place)
        node = first[place]
        while node:
            yield order_id[node], tick, remaining[node]
            node = following[node]
