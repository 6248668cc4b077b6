"""Journal files: what counts, what is passed over, what is damage; and files written by the house's own journal."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tradepit.backends.journal.file import FileJournal
from tradepit.verify.entries import Entry, UnreadableError
from tradepit.verify.file_journal import read_file

Frame = Callable[[int, int, Iterable[bytes], int], tuple[bytes, int]]


@pytest.fixture
def three(write_frame: Frame) -> list[bytes]:
    """Frames of entries 1, 2 (epoch 1) and 3 (epoch 2)."""
    frames, crc = [], 0
    for sequence, epoch, records in ((1, 1, [b"a", b"bb"]), (2, 1, [b""]), (3, 2, [b"c" * 700])):
        data, crc = write_frame(sequence, epoch, records, crc)
        frames.append(data)
    return frames


def read(tmp_path: Path, data: bytes) -> list[Entry]:
    path = tmp_path / "journal"
    path.write_bytes(data)
    return list(read_file(path))


def test_entries_are_read_in_order(tmp_path: Path, three: list[bytes]) -> None:
    assert read(tmp_path, b"".join(three)) == [Entry(1, 1, (b"a", b"bb")), Entry(2, 1, (b"",)), Entry(3, 2, (b"c" * 700,))]


def test_an_empty_file_is_an_empty_journal(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []


def test_no_file_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        list(read_file(tmp_path / "journal"))


def test_every_torn_tail_is_fine(tmp_path: Path, three: list[bytes]) -> None:
    whole = three[0] + three[1]
    for cut in range(1, len(three[2]), 37):
        assert [entry.sequence for entry in read(tmp_path, whole + three[2][:cut])] == [1, 2]


def test_blocks_never_written_are_a_torn_tail(tmp_path: Path, three: list[bytes]) -> None:
    data = three[0] + three[1] + three[2][:60] + bytes(1200)
    assert [entry.sequence for entry in read(tmp_path, data)] == [1, 2]


def test_a_torn_append_in_the_middle_is_passed_over(tmp_path: Path, three: list[bytes]) -> None:
    assert [entry.sequence for entry in read(tmp_path, three[0] + three[1][:20] + three[1] + three[2])] == [1, 2, 3]


def test_every_flipped_byte_in_the_middle_is_damage(tmp_path: Path, three: list[bytes]) -> None:
    for at in range(len(three[0]), len(three[0]) + len(three[1])):
        data = bytearray(b"".join(three))
        data[at] ^= 0x40
        with pytest.raises(UnreadableError, match="entry 2") as error:
            read(tmp_path, bytes(data))
        assert error.value.offset == len(three[0])


def test_a_flipped_byte_in_the_last_record_is_damage(tmp_path: Path, three: list[bytes]) -> None:
    data = bytearray(b"".join(three))
    data[-1] ^= 1
    with pytest.raises(UnreadableError, match="entry 3"):
        read(tmp_path, bytes(data))


def test_a_missing_entry_is_damage(tmp_path: Path, three: list[bytes]) -> None:
    with pytest.raises(UnreadableError, match="entry 2"):
        read(tmp_path, three[0] + three[2])


def test_an_exchanged_entry_is_damage(tmp_path: Path, three: list[bytes], write_frame: Frame) -> None:
    other, _ = write_frame(2, 1, [b"forged"], 12345)
    with pytest.raises(UnreadableError, match="entry 2"):
        read(tmp_path, three[0] + other + three[2])


def test_frames_of_fenced_writers_do_not_count(tmp_path: Path, three: list[bytes], write_frame: Frame) -> None:
    repeated, _ = write_frame(2, 1, [b"late"], 0)
    stale, _ = write_frame(4, 1, [b"stale"], int.from_bytes(three[2][36:40], "little"))
    assert [entry.sequence for entry in read(tmp_path, three[0] + three[1] + repeated + three[2] + stale)] == [1, 2, 3]


def test_records_that_do_not_fill_their_frame_are_damage(tmp_path: Path, write_frame: Frame) -> None:
    data, _ = write_frame(1, 1, [b"\x01\0\0\0x", b""], 0)
    assert read(tmp_path, data) == [Entry(1, 1, (b"\x01\0\0\0x", b""))]
    forged = bytearray(data)
    forged[24] = 9
    with pytest.raises(UnreadableError):
        read(tmp_path, bytes(forged))


async def test_what_the_house_writes_is_what_the_verifier_reads(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = FileJournal(path, sync="os")
    await journal.open()
    written = [(1, [b'{"a":1}']), (1, [b"x", b"yy"]), (3, [b"z" * 3000])]
    for number, (epoch, records) in enumerate(written):
        assert await journal.append(records, expected=number, epoch=epoch) == number + 1
    await journal.close()
    assert list(read_file(path)) == [Entry(at, epoch, tuple(records)) for at, (epoch, records) in enumerate(written, start=1)]
