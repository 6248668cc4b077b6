"""Reads a journal in one local file, frame by frame, from the written description of its format (docs/reference/journals.md)."""

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tradepit.verify.entries import Entry, UnreadableError
from tradepit.verify.progress import Watch, unwatched

_MARKER = b"TPJ1"
_HEAD = struct.Struct("<4sIQQIIII")
_LENGTH = struct.Struct("<I")
_SECTOR = 512
_BROKEN, _UNFINISHED = -1, -2
_WATCH_ENTRIES = 256

_Frame = tuple[int, int, int, int, int, bytes]
"""Number of the entry, epoch, count of records, checksum of the head before and of this one, body."""


def read_file(path: Path, watch: Watch = unwatched) -> Iterator[Entry]:
    """The entries that count, in order. Frames of fenced writers and a torn tail are passed over. ``watch`` is told bytes.

    Raises UnreadableError: no such file, a damaged record (not at a torn tail), missing entries.
    """
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield from _walk(data, str(path), watch)
                watch(1, 1)
    except OSError as error:
        raise UnreadableError(str(path), 0, error.strerror or str(error)) from error


def _walk(data: mmap.mmap, name: str, watch: Watch) -> Iterator[Entry]:
    size = len(data)
    position = last = epoch = chain = 0
    while position < size:
        frame = _frame(data, position, size)
        if isinstance(frame, int):
            position = _behind_damage(data, position, frame, last, name)
            if position < 0:
                return
            continue
        sequence, writer, count, previous, crc, body = frame
        if sequence > last and writer >= epoch:
            if sequence != last + 1 or previous != chain:
                raise UnreadableError(name, position, f"entry {last + 1} is missing or was changed")
            last, epoch, chain = sequence, writer, crc
            records = _records(body, count)
            if records is None:
                raise UnreadableError(name, position, "the lengths of the records do not fill the frame")
            if sequence % _WATCH_ENTRIES == 0:
                watch(position, size)
            yield Entry(sequence, writer, records)
        position += _HEAD.size + len(body)


def _behind_damage(data: mmap.mmap, position: int, found: int, last: int, name: str) -> int:
    """Where reading goes on behind bytes that are no whole frame, -1 when they are a torn tail."""
    size = len(data)
    following = _next_whole(data, position + 1, size)
    if following < 0:
        if found == _UNFINISHED or _has_empty_sector(data, position, size):
            return -1
        raise UnreadableError(name, position, f"the record of entry {last + 1} is damaged")
    if _HEAD.unpack_from(data, following)[2] > last + 1:
        raise UnreadableError(name, position, f"entry {last + 1} is damaged or missing")
    return following


def _frame(data: mmap.mmap, position: int, size: int) -> _Frame | int:
    """The whole frame at ``position``; _UNFINISHED when the data ends inside it, _BROKEN when it is none."""
    begin = position + _HEAD.size
    if begin > size:
        return _UNFINISHED
    marker, length, sequence, writer, count, previous, body_crc, head_crc = _HEAD.unpack_from(data, position)
    if marker != _MARKER or zlib.crc32(data[position : begin - 4]) != head_crc:
        return _BROKEN
    if begin + length > size:
        return _UNFINISHED
    body = data[begin : begin + length]
    return (sequence, writer, count, previous, head_crc, body) if zlib.crc32(body) == body_crc else _BROKEN


def _next_whole(data: mmap.mmap, position: int, size: int) -> int:
    while (position := data.find(_MARKER, position)) >= 0:
        if not isinstance(_frame(data, position, size), int):
            return position
        position += 1
    return -1


def _has_empty_sector(data: mmap.mmap, position: int, size: int) -> bool:
    # The file system grew the file but never wrote the block: the append did not finish.
    while position < size:
        end = min(size, position + _SECTOR - position % _SECTOR)
        if not data[position:end].strip(b"\0"):
            return True
        position = end
    return False


def _records(body: bytes, count: int) -> tuple[bytes, ...] | None:
    if count == 1 and len(body) >= 4 and _LENGTH.unpack_from(body)[0] == len(body) - 4:
        return (body[4:],)
    records, position = [], 0
    for _ in range(count):
        if position + 4 > len(body):
            return None
        (length,) = _LENGTH.unpack_from(body, position)
        position += 4 + length
        records.append(body[position - length : position])
    return tuple(records) if position == len(body) else None
