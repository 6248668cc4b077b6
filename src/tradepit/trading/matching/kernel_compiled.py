"""The kernel's two modes: as it is written, or compiled by numba, with functions of one's own fused into it.

Compiled, a book is one address: that of a table of the addresses of its fields, from which ``views`` makes pointers. numba
counts references of array arguments and tests every signed index for being negative, which would cost most of the time.
"""

import operator
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from tradepit.trading.matching import kernel
from tradepit.trading.matching.kernel import cancel, order, reduce, run, submit
from tradepit.trading.model.errors import ConfigError

NODE_SIZE, LEVEL_SIZE, TRADE_SIZE = 8, 4, 4  # words of 32 bits in a compiled record; the lots of a level take two
LINE_BYTES = 64  # of the processor's cache: no record may lie across two lines
INLINED = (
    *(kernel.next_place, kernel.mark, kernel.unmark, kernel.available, kernel.take, kernel.rest, kernel.remove, kernel.lower),
    *(submit, cancel, reduce, order, kernel.apply, run),
)
Numba: TypeAlias = Any  # whatever numba makes and takes: it has no types of its own
Entry: TypeAlias = Callable[..., int]


class Functions(NamedTuple):
    """The kernel's functions as Python calls them in one mode; compiled ones take addresses for books, events and results.

    Compiled ones raise OverflowError for an integer of more than 64 bits.
    """

    compiled: bool
    submit: Entry
    order: Entry
    cancel: Entry
    reduce: Entry
    run: Entry


INTERPRETED = Functions(False, submit, order, cancel, reduce, run)


def views(book: kernel.Book) -> kernel.Book:
    """The fields of the book a function is given; compiled, from the address of its table."""
    return book


def ints(values: kernel.Ints) -> kernel.Ints:
    """The row of 32-bit integers a function is given; compiled, from its address."""
    return values


def build(compiled: bool | None = None) -> Functions:
    """The functions in one mode; None: compiled when numba is installed. Both modes can live in one process.

    The first compilation ever takes seconds, later processes load it from numba's cache. Raises ConfigError without numba.
    """
    installed = find_spec("numba") is not None
    if compiled and not installed:
        raise ConfigError("The compiled kernel needs numba: pip install 'tradepit[fast]'.")
    return _compile() if installed and compiled is not False else INTERPRETED


def fuse(function: Entry, arguments: int) -> Entry:
    """Compile a function of ``arguments`` integers (of 64 bits, addresses among them) that calls the kernel's by their names.

    It gets at a book by ``views(book)`` and at a row of 32-bit integers by ``ints(row)``; uncompiled, the same function takes
    the book and the row themselves. Nothing checks an index: use ``apply`` for orders, and ``MatchingEngine.replay`` to run it.
    It is compiled anew in each process, for numba's cache would not see a change of the kernel. ImportError without numba.
    """
    numba = _numba()
    space = {**function.__globals__, **_space()}
    code: Entry = FunctionType(function.__code__, space, function.__name__)
    fused: Entry = numba.njit(numba.int64(*[numba.int64] * arguments), nogil=True, error_model="numpy")(code)
    return fused


def _numba() -> Numba:
    """Numba, an optional dependency and heavy to import."""
    return import_module("numba")


@cache
def _space() -> dict[str, Numba]:
    """Globals in which the kernel's sources mean compiled code: helpers inlined, fields pointers into packed records."""
    numba = _numba()
    space = {**vars(kernel), **_intrinsics(numba)}
    for function in INLINED:
        space[function.__name__] = numba.njit(inline="always")(FunctionType(function.__code__, space))
    return space


@cache
def _compile() -> Functions:
    numba = _numba()
    space, word, entries = _space(), numba.int64, []
    for function, arguments in _entries(_stamp()):
        compile_for = numba.njit(word(*[word] * arguments), cache=True, nogil=True, error_model="numpy")
        compiled = compile_for(FunctionType(function.__code__, space, function.__name__, None, function.__closure__))
        # The machine code's own way in: a call need not look for the types of its arguments, there is but one possibility.
        entries.append(compiled.overloads[compiled.signatures[0]].entry_point)
    return Functions(True, *entries)


def _stamp() -> int:
    """A number that changes with the sources."""
    sources = [Path(str(module)).read_bytes() for module in (kernel.__file__, __file__)]
    return int.from_bytes(sha256(b"".join(sources)).digest()[:4], "big")


def _entries(stamp: int) -> list[tuple[Numba, int]]:
    """What Python calls, and the number of its arguments.

    numba keeps compiled code under the text of one function and the values it closes over, not under what it calls: each closes
    over the ``stamp`` of all, so that no process ever loads what an older source was compiled to.
    """

    def submit_at(book: Numba, kind: int, side: int, symbol: int, tick: int, lots: int, new_id: int) -> Numba:
        return submit(views(book), kind, side, symbol, tick, lots, new_id) if stamp >= 0 else 0

    def order_at(book: Numba, kind: int, side: int, symbol: int, tick: int, lots: int, new_id: int) -> Numba:
        return order(views(book), kind, side, symbol, tick, lots, new_id) if stamp >= 0 else 0

    def cancel_at(book: Numba, old_id: int) -> Numba:
        return cancel(views(book), old_id) if stamp >= 0 else 0

    def reduce_at(book: Numba, old_id: int, by_lots: int) -> Numba:
        return reduce(views(book), old_id, by_lots) if stamp >= 0 else 0

    def run_at(book: Numba, events: Numba, results: Numba, index: int, stop: int) -> Numba:
        return run(views(book), ints(events), ints(results), index, stop) if stamp >= 0 else 0

    return [(submit_at, 7), (order_at, 7), (cancel_at, 2), (reduce_at, 3), (run_at, 5)]


def _intrinsics(numba: Numba) -> dict[str, Numba]:
    """What plain Python says otherwise: the lowest bit in one instruction, and books and rows at addresses."""
    ir, intrinsic = import_module("llvmlite.ir"), import_module("numba.extending").intrinsic
    field, word = _field_type(numba), numba.int64

    def find_bit(_: Numba, bits: Numba) -> Numba:
        return word(bits), lambda _context, builder, _signature, args: builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    def point(_: Numba, address: Numba, kind: Numba) -> Numba:
        to = kind.instance_type
        return to(address, kind), lambda context, builder, _, args: builder.inttoptr(args[0], context.get_value_type(to))

    def shift(_: Numba, record: Numba, number: Numba) -> Numba:
        return record(record, number), lambda _context, builder, _signature, args: builder.gep(args[0], [args[1]], inbounds=True)

    at: Numba = intrinsic(point)
    beside: Numba = intrinsic(shift)
    row, words = field(numba.int32, 1), field(word, 1)
    nodes, levels, trades = (field(numba.int32, size) for size in (NODE_SIZE, LEVEL_SIZE, TRADE_SIZE))
    level_lots = field(word, LEVEL_SIZE // 2)

    def ints(address: int) -> Numba:
        return at(address, row)

    def views(address: int) -> Numba:
        table = at(address, words)
        node, level, trade = at(table[4], nodes), at(table[5], levels), at(table[6], trades)
        return (
            at(table[0], words),
            at(table[1], words),
            (at(table[2], words), at(table[3], words)),
            (node, beside(node, 1), beside(node, 2), beside(node, 3), beside(node, 4)),
            (level, beside(level, 1), beside(at(table[5], level_lots), 1)),
            (trade, beside(trade, 1), beside(trade, 2), beside(trade, 3)),
            at(table[7], row),
        )

    inline = numba.njit(inline="always")
    return {"lowest_bit": intrinsic(find_bit), "ints": inline(ints), "views": inline(views)}


def _field_type(numba: Numba) -> Numba:
    """A type of pointer for one field of packed records: ``field[record]`` is an integer of 64 bits, ``size`` words apart."""
    extending = import_module("numba.extending")
    lower, decide, types, word = extending.lower_builtin, extending.type_callable, numba.types, numba.int64
    kind_of_type: Any = types.Type

    class Field(kind_of_type):  # type: ignore[misc]  # what it derives from has no type of its own
        def __init__(self, element: Numba, size: int) -> None:
            self.dtype, self.size = element, size
            super().__init__(name=f"Field({element}, {size})")

    extending.register_model(Field)(extending.models.PointerModel)

    def place(context: Numba, builder: Numba, field: Numba, args: Numba) -> Numba:
        record = builder.mul(args[1], context.get_constant(word, field.size), flags=["nsw"])
        return builder.gep(args[0], [record], inbounds=True)

    def read(context: Numba, builder: Numba, signature: Numba, args: Numba) -> Numba:
        field, index = signature.args
        record = context.cast(builder, args[1], index, word)
        value = builder.load(place(context, builder, field, (args[0], record)))
        return context.cast(builder, value, field.dtype, word)

    def write(context: Numba, builder: Numba, signature: Numba, args: Numba) -> Numba:
        field, index, given = signature.args
        record = context.cast(builder, args[1], index, word)
        value = context.cast(builder, args[2], given, field.dtype)
        builder.store(value, place(context, builder, field, (args[0], record)))
        return context.get_dummy_value()

    decide(operator.getitem)(lambda _: lambda field, _index: word if isinstance(field, Field) else None)
    decide(operator.setitem)(lambda _: lambda field, _index, _value: types.void if isinstance(field, Field) else None)
    lower(operator.getitem, Field, types.Integer)(read)
    lower(operator.setitem, Field, types.Integer, types.Integer)(write)
    return Field
