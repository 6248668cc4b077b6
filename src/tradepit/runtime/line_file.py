"""Text files line by line, in batches, without holding up the event loop or reading a line longer than somebody could mean."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from tradepit.trading.model.errors import ConfigError

MAX_LINE_BYTES = 64 * 1024


def files_of(paths: Iterable[str], suffix: str) -> list[Path]:
    """The files that are named, and those with this suffix in folders that are, by name. Raises ConfigError for one not there."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(inner for inner in path.iterdir() if inner.suffix == suffix and inner.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise ConfigError("no such file", file=str(path))
    return found


async def read_batches(path: Path, *, lines: int = 256) -> AsyncIterator[list[bytes]]:
    """The lines of a file, not the empty ones, without their ends. A longer one than ``MAX_LINE_BYTES`` is cut to one byte more.

    Raises ConfigError when the file cannot be read.
    """
    try:
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while batch := await asyncio.to_thread(_batch, file, lines):
                yield [line for line in (each.strip() for each in batch) if line]
        finally:
            file.close()
    except OSError as error:
        raise ConfigError("cannot be read", file=str(path), cause=error.strerror) from error


def _batch(file: io.BufferedReader, lines: int) -> list[bytes]:
    return [line for line in (_line(file) for _ in range(lines)) if line]


def _line(file: io.BufferedReader) -> bytes:
    line = file.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
        while rest := file.readline(MAX_LINE_BYTES):
            if rest.endswith(b"\n"):
                break
    return line
