"""The matching algorithm in C, built where there is a compiler: what the compiled kernel is measured against."""

import ctypes
import shutil
import subprocess
import tempfile
from array import array
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from time import thread_time
from typing import Any, TypeAlias

from tradepit.cli.bench import workload

Library: TypeAlias = Any  # what a shared library exports is typed by hand
SOURCE = Path(__file__).resolve().parents[4] / "benchmarks" / "matching_reference.c"
COMPILER = "cc"
NODES = 2**18  # more than wait at any time in a published workload


class Absent(Exception):
    """There is no C reference here, for the reason told."""


@cache
def library() -> Library:
    """The reference, compiled now. Raises Absent when its source, a compiler or success is missing."""
    compiler = shutil.which(COMPILER)
    if not SOURCE.exists():
        raise Absent("its source is not in the package: run from a checkout")
    if compiler is None:
        raise Absent("no C compiler (cc) found")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "reference.so"
        command = [compiler, "-O3", "-shared", "-fPIC", "-o", str(target), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own source, no shell
        if done.returncode:
            raise Absent(f"cc failed: {done.stderr[-200:]}")
        found: Library = ctypes.CDLL(str(target))
    address, whole, wide = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    found.reference_new.argtypes, found.reference_new.restype = [whole] * 4, address
    found.reference_run.argtypes, found.reference_run.restype = [address, address, address, wide], wide
    found.reference_trades.argtypes, found.reference_trades.restype = [address], address
    found.reference_free.argtypes, found.reference_free.restype = [address], None
    return found


def bulk_run(events: memoryview, name: str) -> Callable[[], float]:
    """A run of a workload through the reference: its seconds of processor time. Raises Absent."""
    reference, given = library(), _copy(events)

    def once() -> float:
        book, results = _book(name), array("i", [0]) * len(events)
        start = thread_time()
        reference.reference_run(book, given.buffer_info()[0], results.buffer_info()[0], len(events))
        seconds = thread_time() - start
        reference.reference_free(book)
        return seconds

    return once


def trades_hash(events: memoryview, name: str) -> str:
    """Trades of a run and the hash of them, as in a workload's digest. Raises Absent."""
    reference, book, given, results = library(), _book(name), _copy(events), array("i", [0]) * len(events)
    count = reference.reference_run(book, given.buffer_info()[0], results.buffer_info()[0], len(events))
    words = array("i")
    words.frombytes(ctypes.string_at(reference.reference_trades(book), 16 * count))
    reference.reference_free(book)
    return f"{count}:{sha256(array('q', words).tobytes()).hexdigest()[:16]}"


def _book(name: str) -> Library:
    book = library().reference_new(workload.TICKS, workload.WORKLOADS[name].symbols, workload.WORKLOADS[name].events, NODES)
    if not book:
        raise Absent("no memory for its book")
    return book


def _copy(events: memoryview) -> "array[int]":
    # C wants an address, which a memoryview that may only be read does not tell.
    words = array("i")
    words.frombytes(events.cast("B"))
    return words
