"""The kernel's memory: growing keeps what is there, and Python sees the compiled kernel's fields in place."""

from importlib.util import find_spec

import pytest

from tradepit.trading.matching.kernel import BUY, FREE, IDS, LIMIT, SELL, submit
from tradepit.trading.matching.kernel_compiled import build
from tradepit.trading.matching.kernel_storage import ArrayStorage, ListStorage


def test_lists_grow_in_place() -> None:
    storage = ListStorage(1, 10)
    storage.reserve(5, 5, 5)
    book = storage.book
    assert submit(book, LIMIT, BUY, 0, 3, 2, 4) == 2
    storage.reserve(100_000, 5, 200_000)
    assert storage.handle is book
    assert book[0][IDS] == len(book[6]) >= 200_000
    assert min(len(field) for field in book[3]) >= 100_000
    assert (book[6][4], book[3][3][1], book[3][2][1]) == (1, 4, 2)


def test_asking_for_less_changes_nothing() -> None:
    storage = ListStorage(2, 10)
    storage.reserve(10, 10, 10)
    sizes = [len(storage.book[3][0]), len(storage.book[5][0]), len(storage.book[6])]
    storage.reserve(1, 1, 1)
    assert sizes == [len(storage.book[3][0]), len(storage.book[5][0]), len(storage.book[6])]


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is an optional dependency (tradepit[fast])")
def test_packed_fields_are_shown_and_survive_growth() -> None:
    storage, functions = ArrayStorage(1, 10), build(compiled=True)
    storage.reserve(10, 10, 10)
    assert functions.submit(storage.handle, LIMIT, SELL, 0, 3, 2, 4) == 2
    before = storage.handle
    storage.reserve(1000, 1000, 1000)
    node = storage.book[6][4]
    _, _, remaining, order_id, at = storage.book[3]
    assert (remaining[node], order_id[node], at[node]) == (2, 4, 32 + 3)
    assert storage.handle == before
    assert functions.cancel(storage.handle, 4) == 2


@pytest.mark.parametrize("kind", [ListStorage, ArrayStorage] if find_spec("numba") else [ListStorage])
def test_new_nodes_are_free_and_those_free_before_stay_so(kind: type[ListStorage] | type[ArrayStorage]) -> None:
    storage = kind(1, 10)
    free: list[int] = []
    for size in (3, 5000, 20_000):
        storage.reserve(size, 1, 1)
        node, free = storage.book[0][FREE], []
        while node:
            free.append(node)
            node = storage.book[3][0][node]
        assert sorted(free) == list(range(1, len(storage.book[3][0])))
    assert len(free) >= 19_999


@pytest.mark.parametrize("kind", [ListStorage, ArrayStorage] if find_spec("numba") else [ListStorage])
def test_there_is_always_room_for_one_order_that_trades_with_every_node(kind: type[ListStorage] | type[ArrayStorage]) -> None:
    storage = kind(1, 10)
    for nodes, trades in ((1000, 1500), (1001, 0), (5000, 9000), (9001, 0), (9002, 1)):
        storage.reserve(nodes, trades, 1)
        assert len(storage.book[5][0]) >= len(storage.book[3][0]) >= nodes
        assert len(storage.book[5][0]) >= trades
