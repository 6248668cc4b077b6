"""The journal in one local file, where the order of the frames in the file decides who was the writer.

Format, all integers little-endian unsigned. The file is a row of frames, nothing before, between or after them::

    offset  size  field
    0       4     marker       b"TPJ1"
    4       4     body_length  bytes after this header
    8       8     sequence     number of the entry: 1, 2, 3 ...
    16      8     epoch        of the writer
    24      4     count        records in the body
    28      4     previous     head_crc of the entry before, 0 for entry 1
    32      4     body_crc     zlib.crc32 of the body
    36      4     head_crc     zlib.crc32 of the 36 bytes above
    40      ...   body         count times: 4 bytes record length, then the record (opaque bytes)

A frame is *whole* when marker, both checksums and the lengths agree. Reading goes from the start; with ``last`` the entry
counted last (sequence 0, epoch 0, head_crc 0 before the first):

* a whole frame counts as the next entry when sequence == last.sequence + 1, epoch >= last.epoch, previous == last.head_crc;
* a whole frame with sequence <= last.sequence or epoch < last.epoch is void (a writer that was fenced while it wrote): skip it;
* any other whole frame means that entries are missing or changed: the journal is corrupted at entry last.sequence + 1;
* bytes that are no whole frame: search the next whole frame behind them and judge it by the rules above. When there is none,
  they are a torn tail (an append that never finished) if the file ends inside them or a 512-byte sector of them is all
  zero; else entry last.sequence + 1 is corrupted.

Frames are appended with one write on a file opened O_APPEND, which local file systems make atomic against other writers
(not NFS). After the write the writer looks where its frame landed: unless others came in between it counts, else the rules
decide, for every reader alike. So there is no lock that a stopped process could hold, and nothing is ever overwritten or
truncated: a torn tail is cut by being skipped.

Snapshots are files beside it (``snapshot_files.py``).
"""

import asyncio
import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from copy import copy
from pathlib import Path
from typing import ClassVar, Literal

from tradepit.backends.journal.disk import Disk
from tradepit.backends.journal.snapshot_files import SnapshotFiles, sync_folder
from tradepit.ports.journal import Entry, Snapshot
from tradepit.trading.model.errors import JournalClosed, JournalConflict, JournalCorrupted, JournalError, StaleEpoch, Unavailable

_MARKER = b"TPJ1"
_HEAD = struct.Struct("<4sIQQIIII")
_HEAD_CHECKED = struct.Struct("<4sIQQIII")
_U32 = struct.Struct("<I")
_SECTOR = 512
_CHUNK = 1 << 20
_INDEX_EVERY = 1024
_MAX_BODY = 1 << 30
# A follower in another process looks so often: each look costs both of them more than what it finds.
_POLL_S, _MAX_POLL_S = 0.015, 0.025
_BROKEN, _UNFINISHED = -1, -2


class _Cursor:
    """A place in the file behind the last counted entry; ``advance`` counts the entries after it."""

    __slots__ = ("crc", "epoch", "offset", "path", "sequence")

    def __init__(self, path: Path, offset: int = 0, sequence: int = 0, epoch: int = 0, crc: int = 0) -> None:
        self.path, self.offset, self.sequence, self.epoch, self.crc = path, offset, sequence, epoch, crc

    def advance(self, fd: int, *, records: bool = True) -> list[Entry]:
        """The next entries, about a chunk of them; [] at the end or at a torn tail. Raises JournalCorrupted.

        Without ``records`` they come empty, for who wants to know no more than where the journal ends.
        """
        # One byte more than there is tells the end; a whole chunk asked for costs its memory, however little is read.
        size = min(_CHUNK, max(0, os.fstat(fd).st_size - self.offset) + 1)
        while True:
            data = os.pread(fd, size, self.offset)
            entries = self.parse(data, ends=len(data) < size, records=records)
            if entries or len(data) < size:
                return entries
            size *= 2  # one entry (or damage) larger than what was read

    def parse(self, data: bytes, *, ends: bool, records: bool = True) -> list[Entry]:
        """Count the entries in ``data``, which begins at ``offset`` and, if ``ends``, reaches the end of the file."""
        entries: list[Entry] = []
        position, start = 0, self.offset
        while position < len(data):
            end = _whole(data, position)
            if end > 0:
                entry = self._judge(data, position, start + position, records=records)
                position = end
                if entry is not None:
                    entries.append(entry)
                    self.offset = start + end
                continue
            if not ends and end == _UNFINISHED:
                break
            following = _next_whole(data, position + 1)
            if following < 0:
                if ends and end != _UNFINISHED and not _has_empty_sector(data, position, start):
                    raise self._corrupted(start + position)
                break
            self._judge_ahead(data, following, start + position)
            position = following
        return entries

    def _judge_ahead(self, data: bytes, position: int, damaged: int) -> None:
        sequence = _HEAD.unpack_from(data, position)[2]
        if sequence > self.sequence + 1:
            raise self._corrupted(damaged)

    def _judge(self, data: bytes, position: int, damaged: int, *, records: bool) -> Entry | None:
        _, _, sequence, epoch, count, previous, _, crc = _HEAD.unpack_from(data, position)
        if sequence <= self.sequence or epoch < self.epoch:
            return None
        if sequence != self.sequence + 1 or previous != self.crc:
            raise self._corrupted(damaged)
        self.sequence, self.epoch, self.crc = sequence, epoch, crc
        told = _records(data, position + _HEAD.size, count) if records else ()
        return Entry(sequence=sequence, epoch=epoch, records=told)

    def _corrupted(self, offset: int) -> JournalCorrupted:
        return JournalCorrupted(path=str(self.path), offset=offset, sequence=self.sequence + 1)


class FileJournal:
    """One journal file on a local disk, for any number of processes: one writes, all read.

    ``sync="always"``: an append returns once the disk has it (fdatasync); ``sync="os"``: once the operating system has it,
    which survives the death of every process but not a power cut.
    """

    _followers: ClassVar[dict[Path, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]]] = {}

    def __init__(self, path: Path | str, *, sync: Literal["always", "os"] = "always") -> None:
        self._path = Path(path).absolute()
        self._sync = sync == "always"
        self._fd = -1
        self._failed, self._disk = False, Disk()
        self._tail = _Cursor(self._path)
        self._index: list[_Cursor] = []
        self._snapshots = SnapshotFiles(self._path)

    @property
    def durability(self) -> str:
        return "fsync" if self._sync else "page cache"

    @property
    def gathers(self) -> bool:
        return True

    async def open(self) -> None:
        if self._fd >= 0:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            if self._sync:
                sync_folder(self._path.parent)
        except OSError as error:
            raise Unavailable("the journal file cannot be opened", path=str(self._path), cause=str(error)) from error
        self._tail, self._index = _Cursor(self._path), [_Cursor(self._path)]
        try:
            await asyncio.to_thread(self._catch_up)
        except JournalCorrupted:
            await self.close()
            raise

    async def append(self, records: Sequence[bytes], *, expected: int, epoch: int) -> int:
        fd = self._opened()
        if self._failed:
            raise JournalError("the disk failed", path=str(self._path))
        tail = self._tail
        self._catch_up()
        self._check(expected, epoch)
        frame, crc = _frame(records, expected + 1, epoch, tail.crc)
        try:
            written = os.write(fd, frame)
            end = os.lseek(fd, 0, os.SEEK_CUR)
        except OSError as error:
            raise Unavailable("the journal file cannot be written", path=str(self._path), cause=str(error)) from error
        if written != len(frame):
            # What was written is no whole frame: readers skip it.
            raise Unavailable("the disk took only a part of the entry", path=str(self._path), written=written)
        if end == tail.offset + written:
            tail.offset, tail.sequence, tail.epoch, tail.crc = end, expected + 1, epoch, crc
            self._mark()
        else:
            self._settle(fd, end, expected, epoch)
        if self._sync:
            try:
                await self._disk.sync(fd)
            except OSError as error:
                # The system may now take the lost pages for written: nothing appended here can be trusted any more.
                self._failed = True
                raise JournalError("the disk failed", path=str(self._path), cause=str(error)) from error
        self._wake_followers()
        return expected + 1

    async def sync(self) -> None:
        fd = self._opened()
        try:
            await self._disk.sync(fd)
        except OSError as error:
            self._failed = True
            raise JournalError("the disk failed", path=str(self._path), cause=str(error)) from error

    async def last(self) -> tuple[int, int]:
        self._opened()
        self._catch_up()
        return self._tail.sequence, self._tail.epoch

    async def read(self, after: int = 0) -> AsyncIterator[Entry]:
        fd = self._opened()
        self._catch_up()
        end, cursor = self._tail.sequence, self._from(after)
        while cursor.sequence < end:
            for entry in cursor.advance(fd):
                if after < entry.sequence <= end:
                    yield entry
            await asyncio.sleep(0)
            if self._fd != fd:
                raise JournalClosed(path=str(self._path))

    async def follow(self, after: int = 0) -> AsyncIterator[Entry]:
        fd = self._opened()
        cursor = self._from(after)
        event = asyncio.Event()
        me = (asyncio.get_running_loop(), event)
        followers = self._followers.setdefault(self._path, set())
        followers.add(me)
        wait = _POLL_S
        try:
            while self._fd == fd:
                event.clear()
                entries = cursor.advance(fd) if os.fstat(fd).st_size > cursor.offset else []
                self._reach(cursor)
                for entry in entries:
                    if entry.sequence > after:
                        yield entry
                if entries:
                    wait = _POLL_S
                    if cursor.offset < os.fstat(fd).st_size:
                        await asyncio.sleep(0)
                        continue
                try:
                    async with asyncio.timeout(wait):
                        await event.wait()
                except TimeoutError:
                    wait = min(wait * 1.25, _MAX_POLL_S)
        finally:
            followers.discard(me)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        self._opened()
        await asyncio.to_thread(self._snapshots.save, snapshot)

    async def load_snapshot(self) -> Snapshot | None:
        self._opened()
        return await asyncio.to_thread(self._snapshots.load)

    async def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            if self._sync:
                await self._disk.end(fd)
            os.close(fd)
            self._wake_followers()

    def _opened(self) -> int:
        if self._fd < 0:
            raise JournalClosed(path=str(self._path))
        return self._fd

    def _check(self, expected: int, epoch: int) -> None:
        if epoch < self._tail.epoch:
            raise StaleEpoch(epoch=epoch, found=self._tail.epoch)
        if expected != self._tail.sequence:
            raise JournalConflict(expected=expected, found=self._tail.sequence)

    def _settle(self, fd: int, end: int, expected: int, epoch: int) -> None:
        # Others wrote between our look at the tail and our write: judge everything up to the end of our own frame.
        tail = self._tail
        tail.parse(os.pread(fd, end - tail.offset, tail.offset), ends=True)
        self._mark()
        if tail.offset == end:
            return
        self._catch_up()
        if epoch < tail.epoch:
            raise StaleEpoch(epoch=epoch, found=tail.epoch)
        raise JournalConflict(expected=expected, found=tail.sequence)

    def _catch_up(self) -> None:
        state = os.fstat(self._fd)
        if state.st_size == self._tail.offset and state.st_nlink:
            return
        if state.st_size < self._tail.offset or not state.st_nlink:
            raise JournalCorrupted(
                "the journal file was cut short or removed", path=str(self._path), sequence=self._tail.sequence
            )
        while self._tail.advance(self._fd, records=False):
            self._mark()

    def _reach(self, cursor: _Cursor) -> None:
        """A follower is ahead: who asks for the tail next, at a takeover perhaps, need not read as far again."""
        if cursor.sequence > self._tail.sequence:
            self._tail = copy(cursor)
            self._mark()

    def _mark(self) -> None:
        if self._tail.sequence - self._index[-1].sequence >= _INDEX_EVERY or self._tail.offset - self._index[-1].offset >= _CHUNK:
            self._index.append(copy(self._tail))

    def _from(self, after: int) -> _Cursor:
        return copy(self._index[bisect_right(self._index, after, key=lambda mark: mark.sequence) - 1])

    def _wake_followers(self) -> None:
        followers = self._followers.get(self._path)
        if followers:
            loop = asyncio.get_running_loop()
            for their_loop, event in followers:
                if their_loop is loop:
                    event.set()


def _frame(records: Sequence[bytes], sequence: int, epoch: int, previous: int) -> tuple[bytes, int]:
    body = b"".join([part for record in records for part in (_U32.pack(len(record)), record)])
    if len(body) > _MAX_BODY:
        raise JournalError("an entry must be smaller than 1 GiB", bytes=len(body))
    head = _HEAD_CHECKED.pack(_MARKER, len(body), sequence, epoch, len(records), previous, zlib.crc32(body))
    crc = zlib.crc32(head)
    return b"".join((head, _U32.pack(crc), body)), crc


def _whole(data: bytes, position: int) -> int:
    """The end of the whole frame at ``position``; _UNFINISHED when the data ends inside it, _BROKEN when it is none."""
    if position + _HEAD.size > len(data):
        return _UNFINISHED
    marker, length, _, _, _, _, body_crc, head_crc = _HEAD.unpack_from(data, position)
    body = position + _HEAD.size
    if marker != _MARKER or zlib.crc32(data[position : body - 4]) != head_crc:
        return _BROKEN
    end: int = body + length
    if end > len(data):
        return _UNFINISHED
    return end if zlib.crc32(data[body:end]) == body_crc else _BROKEN


def _next_whole(data: bytes, position: int) -> int:
    while (position := data.find(_MARKER, position)) >= 0:
        if _whole(data, position) > 0:
            return position
        position += 1
    return -1


def _has_empty_sector(data: bytes, position: int, start: int) -> bool:
    """Whether a 512-byte sector of the file from ``position`` on is all zero: the file grew but the disk never got it."""
    while position < len(data):
        step = _SECTOR - (start + position) % _SECTOR
        if not data[position : position + step].strip(b"\0"):
            return True
        position += step
    return False


def _records(data: bytes, position: int, count: int) -> tuple[bytes, ...]:
    records = []
    for _ in range(count):
        (length,) = _U32.unpack_from(data, position)
        position += 4
        records.append(data[position : position + length])
        position += length
    return tuple(records)
