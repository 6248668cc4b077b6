"""Snapshots of a file journal: files beside it, the newest two of them kept.

A file ``<journal>.snapshot.<sequence>`` is b"TPS1", sequence (8), length (8), crc32 of the state (4), the state; integers are
little-endian and unsigned.
"""

import glob
import os
import struct
import tempfile
import zlib
from pathlib import Path

from loguru import logger

from tradepit.ports.journal import Snapshot
from tradepit.trading.model.errors import Unavailable

_HEAD = struct.Struct("<4sQQI")
_MARKER = b"TPS1"
_KEPT = 2


class SnapshotFiles:
    """The snapshots of one journal file. Every method waits for the disk: call it in a thread."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal

    def save(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, whole or not at all. Raises Unavailable."""
        head = _HEAD.pack(_MARKER, snapshot.sequence, len(snapshot.state), zlib.crc32(snapshot.state))
        final = self._journal.with_name(f"{self._journal.name}.snapshot.{snapshot.sequence}")
        try:
            handle, name = tempfile.mkstemp(prefix=f"{self._journal.name}.writing.", dir=self._journal.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(head + snapshot.state)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(final)
            sync_folder(self._journal.parent)
            for _, old in self._all()[_KEPT:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable("the snapshot cannot be written", path=str(final), cause=str(error)) from error

    def load(self) -> Snapshot | None:
        """The newest one that is whole."""
        for sequence, path in self._all():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            if len(data) >= _HEAD.size:
                marker, number, length, crc = _HEAD.unpack_from(data)
                state = data[_HEAD.size :]
                if (marker, number, length, crc) == (_MARKER, sequence, len(state), zlib.crc32(state)):
                    return Snapshot(sequence=sequence, state=state)
            logger.warning("snapshot {} is damaged; taking an older one", path)
        return None

    def _all(self) -> list[tuple[int, Path]]:
        found = []
        for path in self._journal.parent.glob(f"{glob.escape(self._journal.name)}.snapshot.*"):
            number = path.name.rpartition(".")[2]
            if number.isdigit():
                found.append((int(number), path))
        return sorted(found, reverse=True)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
