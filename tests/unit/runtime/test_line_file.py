"""Files line by line: in batches, without the empty ones, and no line longer than anybody means."""

from pathlib import Path

import pytest

from tradepit.runtime.line_file import MAX_LINE_BYTES, files_of, read_batches
from tradepit.trading.model.errors import ConfigError


async def read(path: Path, lines: int = 256) -> list[list[bytes]]:
    return [batch async for batch in read_batches(path, lines=lines)]


async def test_lines_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"1\r\n2\n\n3\n4")
    assert await read(path, lines=2) == [[b"1", b"2"], [b"3"], [b"4"]]
    path.write_bytes(b"")
    assert await read(path) == []


async def test_a_line_without_end_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * (3 * MAX_LINE_BYTES) + b"\nnext\n" + b"y" * MAX_LINE_BYTES + b"\nlast")
    (lines,) = await read(path)
    assert [(line[:1], len(line)) for line in lines] == [
        (b"x", MAX_LINE_BYTES + 1),
        (b"n", 4),
        (b"y", MAX_LINE_BYTES),
        (b"l", 4),
    ]


async def test_files_and_folders_of_them(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).touch()
    assert files_of([str(tmp_path), str(tmp_path / "c.csv")], ".txt") == [tmp_path / name for name in ("a.txt", "b.txt", "c.csv")]
    with pytest.raises(ConfigError, match="no such file"):
        files_of([str(tmp_path / "d.txt")], ".txt")
    with pytest.raises(ConfigError, match="cannot be read"):
        await read(tmp_path)
