"""Where journals are."""

from pathlib import Path

import pytest

from tradepit.verify.entries import UnreadableError
from tradepit.verify.locations import is_stream, path_of, read_entries
from tradepit.verify.progress import unwatched


def test_a_file_is_named_by_path_or_url(tmp_path: Path) -> None:
    path = tmp_path / "a journal"
    path.touch()
    assert path_of(str(path)) == path_of(path.as_uri()) == path
    assert list(read_entries(path.as_uri(), unwatched)) == []


def test_a_folder_stands_for_the_one_journal_in_it(tmp_path: Path) -> None:
    for name in ("orders", "orders.snapshot.7", "orders.writing.abc"):
        (tmp_path / name).touch()
    assert path_of(str(tmp_path)) == tmp_path / "orders"
    (tmp_path / "events").touch()
    with pytest.raises(UnreadableError, match="2 files"):
        path_of(str(tmp_path))


def test_streams_are_told_from_files() -> None:
    assert is_stream("nats://127.0.0.1:1/S")
    assert is_stream("tls://127.0.0.1:1/S")
    assert not is_stream("file:///tmp/nats")
