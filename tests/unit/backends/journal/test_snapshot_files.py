"""Snapshots beside a journal file: the newest sound one counts, and never half of one."""

from pathlib import Path

import pytest

from tradepit.backends.journal.snapshot_files import SnapshotFiles, sync_folder
from tradepit.ports.journal import Snapshot
from tradepit.trading.model.errors import Unavailable


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_snapshots_are_kept_and_a_damaged_one_gives_way_to_the_older(tmp_path: Path) -> None:
    snapshots = SnapshotFiles(tmp_path / "j")
    assert snapshots.load() is None
    for sequence in (10, 20, 30):
        snapshots.save(Snapshot(sequence=sequence, state=b"state %d" % sequence))
    assert names(tmp_path) == ["j.snapshot.20", "j.snapshot.30"]
    assert snapshots.load() == Snapshot(sequence=30, state=b"state 30")
    newest = tmp_path / "j.snapshot.30"
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    assert snapshots.load() == Snapshot(sequence=20, state=b"state 20")
    (tmp_path / "j.snapshot.20").write_bytes(b"TPS1")
    assert snapshots.load() is None


def test_what_is_no_snapshot_of_this_journal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "j.snapshot.x").write_bytes(b"")
    (tmp_path / "jj.snapshot.99").write_bytes(b"")
    snapshots = SnapshotFiles(tmp_path / "j")
    for sequence in (1, 2, 3):
        snapshots.save(Snapshot(sequence=sequence, state=b""))
    assert names(tmp_path) == ["j.snapshot.2", "j.snapshot.3", "j.snapshot.x", "jj.snapshot.99"]
    assert snapshots.load() == Snapshot(sequence=3, state=b"")


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        SnapshotFiles(tmp_path / "gone" / "j").save(Snapshot(sequence=1, state=b""))
    with pytest.raises(OSError, match="gone"):
        sync_folder(tmp_path / "gone")
