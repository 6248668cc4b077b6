"""Where a journal is: a file, the one file in a folder, or a JetStream stream."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tradepit.verify.entries import Entry, UnreadableError
from tradepit.verify.file_journal import read_file
from tradepit.verify.jetstream_journal import read_stream
from tradepit.verify.progress import Watch


def read_entries(location: str, watch: Watch) -> Iterator[Entry]:
    """The entries of a journal wherever it is; ``watch`` is told how far a file has been read. Raises UnreadableError."""
    if is_stream(location):
        return read_stream(location)
    return read_file(path_of(location), watch)


def is_stream(location: str) -> bool:
    """True for ``nats://host:port/STREAM``."""
    return location.startswith(("nats://", "tls://"))


def path_of(location: str) -> Path:
    """The file of ``file:///path`` or a path; snapshots beside the journal in a folder are no journals. Raises UnreadableError."""
    path = Path(unquote(urlsplit(location).path)) if location.startswith("file:") else Path(location)
    if not path.is_dir():
        return path
    inside = [
        file for file in sorted(path.iterdir()) if file.is_file() and not {"snapshot", "writing"} & set(file.name.split("."))
    ]
    if len(inside) != 1:
        raise UnreadableError(str(path), 0, f"a folder with {len(inside)} files that may be the journal: name one")
    return inside[0]
