"""The journal file: its bytes, what a torn tail and a damaged entry look like, and writers that meet."""

import asyncio
import os
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S

from tradepit.backends.journal.file import FileJournal
from tradepit.ports.journal import Entry
from tradepit.trading.model.errors import JournalConflict, JournalCorrupted, JournalError, StaleEpoch, Unavailable

HEAD = struct.Struct("<4sIQQIIII")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "oms.journal"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[FileJournal]:
    opened = FileJournal(path, sync="os")
    await opened.open()
    yield opened
    await opened.close()


def load(path: Path) -> bytes:
    return path.read_bytes()


def store(path: Path, data: bytes | bytearray) -> None:
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def contents(path: Path) -> list[Entry]:
    journal = FileJournal(path, sync="os")
    await journal.open()
    try:
        return [entry async for entry in journal.read()]
    finally:
        await journal.close()


async def fill(journal: FileJournal, count: int, *, epoch: int = 1) -> None:
    sequence, _ = await journal.last()
    for number in range(sequence, sequence + count):
        await journal.append([f"record {number + 1}".encode(), b"second"], expected=number, epoch=epoch)


def frame(sequence: int, epoch: int, records: list[bytes], previous: int) -> bytes:
    body = b"".join(struct.pack("<I", len(record)) + record for record in records)
    head = struct.pack("<4sIQQIII", b"TPJ1", len(body), sequence, epoch, len(records), previous, zlib.crc32(body))
    return head + struct.pack("<I", zlib.crc32(head)) + body


def offsets(data: bytes) -> list[int]:
    """Where the frames of an undamaged file begin, its end last."""
    found, position = [0], 0
    while position < len(data):
        position += HEAD.size + HEAD.unpack_from(data, position)[1]
        found.append(position)
    return found


async def test_the_bytes_are_those_of_the_documented_format(journal: FileJournal, path: Path) -> None:
    await journal.append([b"one", b""], expected=0, epoch=3)
    await journal.append([b"two"], expected=1, epoch=4)
    first = frame(1, 3, [b"one", b""], 0)
    (head_crc,) = struct.unpack_from("<I", first, 36)
    assert load(path) == first + frame(2, 4, [b"two"], head_crc)


@pytest.mark.parametrize("kept", [1, 20, 39, 40, 45, -1])
async def test_a_torn_tail_is_skipped_and_the_next_append_counts(path: Path, journal: FileJournal, kept: int) -> None:
    await fill(journal, 3)
    starts = offsets(load(path))
    os.truncate(path, starts[2] + kept if kept > 0 else starts[3] + kept)
    reopened = FileJournal(path, sync="os")
    await reopened.open()
    assert await reopened.last() == (2, 1)
    size = len(load(path))
    assert [entry.sequence async for entry in reopened.read()] == [1, 2]
    assert len(load(path)) == size  # reading changes nothing
    await fill(reopened, 2)
    await reopened.close()
    assert [entry.sequence for entry in await contents(path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("zeros", [1, 30, 700, 5000])
async def test_a_file_that_grew_without_its_data_has_a_torn_tail(path: Path, journal: FileJournal, zeros: int) -> None:
    await fill(journal, 2)
    add(path, bytes(zeros))
    assert await journal.last() == (2, 1)
    await fill(journal, 1)
    assert len(await contents(path)) == 3


async def test_a_torn_tail_with_an_empty_sector_inside_a_large_entry_is_skipped(path: Path, journal: FileJournal) -> None:
    await fill(journal, 1)
    start = len(load(path))
    await journal.append([b"x" * 5000], expected=1, epoch=1)
    data = bytearray(load(path))
    data[start + 1024 : start + 2560] = bytes(1536)
    store(path, data)
    assert [entry.sequence for entry in await contents(path)] == [1]


@pytest.mark.parametrize("entry", [0, 1, 4, 9])
@pytest.mark.parametrize("where", [0, 5, 10, 17, 33, 37, 44, 50])
async def test_a_damaged_entry_is_named_by_offset_and_number(path: Path, journal: FileJournal, entry: int, where: int) -> None:
    await fill(journal, 10)
    data = bytearray(load(path))
    starts = offsets(bytes(data))
    data[starts[entry] + where] ^= 0x40
    store(path, data)
    with pytest.raises(JournalCorrupted) as caught:
        await contents(path)
    assert caught.value.details["offset"] == starts[entry]
    assert caught.value.details["sequence"] == entry + 1


async def test_a_missing_entry_is_named(path: Path, journal: FileJournal) -> None:
    await fill(journal, 5)
    data = load(path)
    starts = offsets(data)
    store(path, data[: starts[2]] + data[starts[3] :])
    with pytest.raises(JournalCorrupted) as caught:
        await contents(path)
    assert caught.value.details["sequence"] == 3


async def test_an_entry_replaced_by_another_is_noticed_by_the_one_after_it(path: Path, journal: FileJournal) -> None:
    await fill(journal, 3)
    data = load(path)
    starts = offsets(data)
    previous = HEAD.unpack_from(data, 0)[7]
    store(path, data[: starts[1]] + frame(2, 1, [b"forged"], previous) + data[starts[2] :])
    with pytest.raises(JournalCorrupted):
        await contents(path)


async def test_a_follower_waits_at_a_torn_tail_and_goes_on_behind_it(path: Path, journal: FileJournal) -> None:
    await fill(journal, 2)
    whole = load(path)
    previous = HEAD.unpack_from(whole, offsets(whole)[1])[7]
    third = frame(3, 1, [b"record 3", b"second"], previous)
    add(path, third[:50])
    got: list[int] = []
    two, four = asyncio.Event(), asyncio.Event()

    async def follow() -> None:
        async for entry in journal.follow():
            got.append(entry.sequence)
            if entry.sequence == 2:
                two.set()
            if entry.sequence == 4:
                four.set()
                return

    following = asyncio.create_task(follow())
    async with asyncio.timeout(PATIENCE_S):
        await two.wait()
        add(path, third[50:])
        other = FileJournal(path, sync="os")
        await other.open()
        await fill(other, 1)
        await four.wait()
        await following
    await other.close()
    assert got == [1, 2, 3, 4]


class Overtaken(FileJournal):
    """A writer that is stopped between its look at the tail and its write, while another one writes."""

    def __init__(self, path: Path, other: bytes) -> None:
        super().__init__(path, sync="os")
        self._other = other

    def _check(self, expected: int, epoch: int) -> None:
        super()._check(expected, epoch)
        add(self._path, self._other)


@pytest.mark.parametrize(("epoch", "error"), [(2, StaleEpoch), (1, JournalConflict)])
async def test_a_writer_overtaken_after_its_look_at_the_tail_does_no_harm(
    path: Path, journal: FileJournal, epoch: int, error: type[Exception]
) -> None:
    await fill(journal, 1)
    previous = HEAD.unpack_from(load(path), 0)[7]
    slow = Overtaken(path, frame(2, epoch, [b"the winner's"], previous))
    await slow.open()
    with pytest.raises(error):
        await slow.append([b"the winner's"], expected=1, epoch=1)
    await slow.close()
    await fill(journal, 2, epoch=epoch)
    entries = await contents(path)
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4]
    assert entries[1] == Entry(sequence=2, epoch=epoch, records=(b"the winner's",))


async def test_a_void_append_of_a_fenced_writer_does_not_void_the_next_one(path: Path, journal: FileJournal) -> None:
    await fill(journal, 1, epoch=5)
    previous = HEAD.unpack_from(load(path), 0)[7]
    leader = Overtaken(path, frame(2, 4, [b"stale"], previous))
    await leader.open()
    assert await leader.append([b"right"], expected=1, epoch=5) == 2
    await leader.close()
    assert [entry.records for entry in await contents(path)][1] == (b"right",)


async def test_a_failed_flush_ends_the_writer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FileJournal(path, sync="always")
    await journal.open()
    await journal.append([b"1"], expected=0, epoch=1)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(JournalError):
            await journal.append([b"2"], expected=1, epoch=1)
    with pytest.raises(JournalError):
        await journal.append([b"3"], expected=2, epoch=1)
    await journal.close()


async def test_a_full_disk_is_unavailable_and_what_was_half_written_is_skipped(
    journal: FileJournal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(journal, 1)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:30]))
        with pytest.raises(Unavailable):
            await journal.append([b"2"], expected=1, epoch=1)
    await fill(journal, 2)
    assert [entry.sequence for entry in await contents(path)] == [1, 2, 3]


@pytest.mark.parametrize("deed", ["cut short", "removed"])
async def test_a_file_that_was_cut_short_or_removed_under_us_is_noticed(path: Path, journal: FileJournal, deed: str) -> None:
    await fill(journal, 3)
    if deed == "removed":
        remove(path)
    else:
        os.truncate(path, 50)
    with pytest.raises(JournalCorrupted):
        await journal.append([b"4"], expected=3, epoch=1)
    with pytest.raises(JournalCorrupted):
        await journal.last()


async def test_reading_from_the_middle_of_a_long_journal(journal: FileJournal) -> None:
    for number in range(300):
        await journal.append([b"%d" % number] * 20, expected=number, epoch=1)
    await journal.append([b"y" * 3_000_000], expected=300, epoch=1)
    await fill(journal, 5000)
    for after in (0, 299, 300, 301, 2000, 5300):
        assert [entry.sequence async for entry in journal.read(after)] == list(range(after + 1, 5302))


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store(tmp_path / "file", b"")
    with pytest.raises(Unavailable):
        await FileJournal(tmp_path / "file" / "journal").open()


async def test_no_flipped_bit_and_no_cut_anywhere_ever_gives_a_wrong_entry(journal: FileJournal, path: Path) -> None:
    await fill(journal, 4)
    whole, entries = load(path), await contents(path)
    ends = offsets(whole)
    for cut in range(len(whole)):
        store(path, whole[:cut])
        assert await contents(path) == entries[: sum(end <= cut for end in ends[1:])]
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        store(path, damaged)
        with pytest.raises(JournalCorrupted) as caught:
            await contents(path)
        assert caught.value.details["sequence"] == sum(end <= place for end in ends[1:]) + 1
    store(path, whole)


async def test_who_followed_knows_the_tail_without_reading_it_again(
    journal: FileJournal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FileJournal(path, sync="os")
    await other.open()
    for sequence in range(3):
        await journal.append([b"x"], expected=sequence, epoch=1)
    following = other.follow()
    assert [(await anext(following)).sequence for _ in range(3)] == [1, 2, 3]
    monkeypatch.setattr("tradepit.backends.journal.file._Cursor.advance", None)
    assert await other.last() == (3, 1)
    monkeypatch.undo()
    assert await other.append([b"y"], expected=3, epoch=2) == 4
    assert [entry.records async for entry in journal.read(2)] == [(b"x",), (b"y",)]
    await other.close()
