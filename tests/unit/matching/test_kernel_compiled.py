"""The kernel's two modes, and functions fused into the compiled one."""

import importlib.util
from array import array
from importlib.util import find_spec

import pytest

from tradepit.trading.matching import kernel, kernel_compiled
from tradepit.trading.matching.kernel import BUY, IDS, LIMIT, NO_ROOM, SELL, Book, Ints, apply
from tradepit.trading.matching.kernel_compiled import build, fuse, ints, views
from tradepit.trading.matching.kernel_storage import ArrayStorage, ListStorage
from tradepit.trading.model.errors import ConfigError

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba is an optional dependency (tradepit[fast])")


def sell_and_buy(book: Book, told: Ints, tick: int) -> int:
    """A function to fuse: a sale, a purchase and one too many at a tick; tells their results, returns the best ask's place."""
    fields, row = views(book), ints(told)
    for number in range(3):
        order_id = number if number < 2 else fields[0][IDS]
        row[number] = apply(fields, LIMIT | (SELL if number == 0 else BUY) << 8, 5 - number, tick, order_id)
    return fields[1][SELL]


def test_the_interpreted_mode_is_the_kernel_as_it_is_written() -> None:
    functions = build(compiled=False)
    assert (functions.compiled, functions.submit, functions.run) == (False, kernel.submit, kernel.run)


def test_compiled_without_numba_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # A fresh copy of the module, so that what build() remembers elsewhere stays as it is.
    spec = importlib.util.find_spec("tradepit.trading.matching.kernel_compiled")
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    monkeypatch.setattr(fresh, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="fast"):
        fresh.build(compiled=True)
    assert fresh.build().compiled is False


@needs_numba
def test_both_modes_live_in_one_process() -> None:
    assert build() is build(compiled=True)
    assert build(compiled=True).compiled is True
    assert build(compiled=False).compiled is False


def test_a_function_runs_on_a_book_as_it_is_written() -> None:
    storage, told = ListStorage(1, 100), [0] * 3
    storage.reserve(10, 10, 10)
    assert sell_and_buy(storage.book, told, 40) == 128 + 40
    assert told == [5, 0, NO_ROOM]


@needs_numba
def test_a_fused_function_does_the_same_to_a_compiled_book() -> None:
    storage, told = ArrayStorage(1, 100), array("i", [0] * 3)
    storage.reserve(10, 10, 10)
    fused = fuse(sell_and_buy, 3)
    assert fused(storage.handle, told.buffer_info()[0], 40) == 128 + 40
    assert told.tolist() == [5, 0, NO_ROOM]
    assert storage.flat_trades(1).tolist() == [1, 0, 40, 4]


@needs_numba
def test_compiled_code_is_kept_under_all_the_sources_it_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = {kernel_compiled._stamp()}
    monkeypatch.setattr(kernel, "__file__", kernel_compiled.__file__)
    stamps.add(kernel_compiled._stamp())
    assert len(stamps) == 2
    assert all(entry.__closure__ for entry, _ in kernel_compiled._entries(1))
