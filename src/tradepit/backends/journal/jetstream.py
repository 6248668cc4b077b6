"""The journal in a JetStream stream: one message per entry, its number the stream's own, appended by compare-and-set.

Message payload, little-endian: b"TPJ1", crc32 of all that follows (4), epoch (8), the writing instance's mark (8), count of
records (4), then count times: record length (4), record. Snapshots live in a second stream: chunks under
``snapshot.<stream>.<sequence>.<chunk>``, and ``snapshot.<stream>.manifest`` names the last two with size and checksum.
"""

import re
import secrets
import struct
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec
from loguru import logger

from tradepit.ports.journal import Entry, Snapshot
from tradepit.runtime.nats_api import WRONG_LAST, StreamRefused, call, ensure_stream, keep, stored, stream_state
from tradepit.runtime.nats_follow import Followed, StreamFollower
from tradepit.runtime.nats_link import NatsLink
from tradepit.trading.model.errors import (
    ConfigError,
    JournalClosed,
    JournalConflict,
    JournalCorrupted,
    JournalError,
    PayloadTooLarge,
    StaleEpoch,
    TimedOut,
)

_MARKER = b"TPJ1"
_HEAD = struct.Struct("<4sIQQI")
_CHECKED_FROM = 8
_U32 = struct.Struct("<I")
_CHUNK = 512 * 1024
_SNAPSHOTS_KEPT = 2


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    chunks: int
    size: int
    crc: int


_MANIFEST = msgspec.json.Decoder(list[_Saved])


class JetstreamJournal:
    """One writer's or reader's view of the journal called ``stream``.

    ``synced`` says that the server is known to write through to disk (``sync_interval: always``, as the embedded one does);
    it only changes what ``durability`` promises. ``timeout_s`` bounds each question to the server.
    """

    def __init__(self, url: str, stream: str, *, replicas: int = 1, synced: bool = False, timeout_s: float = 2.0) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", stream):
            raise ConfigError("a journal's stream name is made of letters, digits and _- only", stream=stream)
        self._link = NatsLink(url, name=f"journal:{stream}")
        self._stream, self._subject = stream, f"journal.{stream}"
        self._snapshots, self._prefix = f"{stream}_SNAPSHOTS", f"snapshot.{stream}"
        self._replicas, self._synced, self._timeout_s = replicas, synced, timeout_s
        self._mark = secrets.randbits(64)
        self._tail = (0, 0)
        self._unsure = 0
        self._open = False
        self._followers: set[StreamFollower] = set()

    @property
    def durability(self) -> str:
        replicas = f"{self._replicas} replica" + ("s" if self._replicas != 1 else "")
        return f"{replicas}, {'fsync' if self._synced else 'page cache'}"

    @property
    def gathers(self) -> bool:
        return True

    async def sync(self) -> None:
        self._check_open()  # when the disk has what the server acknowledged is the server's own business

    async def open(self) -> None:
        if self._open:
            return
        await self._link.connect()
        await self._declare()
        self._replicas = int((await stream_state(self._link, self._stream)).config.get("num_replicas", 1))
        self._open = True
        try:
            self._tail = await self.last()
        except JournalCorrupted:
            await self.close()
            raise

    async def append(self, records: Sequence[bytes], *, expected: int, epoch: int) -> int:
        self._check_open()
        if self._tail[0] != expected:
            self._tail = await self.last()
        if self._tail[0] != expected:
            # An append of ours whose answer was lost has come true after all?
            return await self._settle(records, expected, epoch, None)
        if epoch < self._tail[1]:
            raise StaleEpoch(epoch=epoch, found=self._tail[1])
        headers = {"Nats-Expected-Last-Sequence": str(expected), "Nats-Expected-Stream": self._stream}
        payload = _encode(records, epoch, self._mark)
        try:
            await keep(self._link, self._subject, payload, timeout_s=self._timeout_s, headers=headers)
        except PayloadTooLarge as error:
            raise JournalError("the entry is larger than the server takes", **error.details) from error
        except StreamRefused as error:
            if error.err_code not in WRONG_LAST:
                raise
            return await self._settle(records, expected, epoch, None)
        except TimedOut as error:
            self._unsure = expected + 1
            return await self._settle(records, expected, epoch, error)
        self._tail = (expected + 1, epoch)
        return expected + 1

    async def last(self) -> tuple[int, int]:
        self._check_open()
        message = await stored(self._link, self._stream, last_by_subj=self._subject, timeout_s=self._timeout_s)
        if message is None:
            return 0, 0
        entry, _ = _decode(message.sequence, message.payload)
        return entry.sequence, entry.epoch

    async def read(self, after: int = 0) -> AsyncIterator[Entry]:
        end, _ = await self.last()
        if after >= end:
            return
        entries = self._entries(after)
        try:
            async for entry in entries:
                yield entry
                if entry.sequence >= end:
                    return
        finally:
            await entries.aclose()
        raise JournalClosed(stream=self._stream)

    async def follow(self, after: int = 0) -> AsyncIterator[Entry]:
        self._check_open()
        entries = self._entries(after)
        try:
            async for entry in entries:
                yield entry
        finally:
            await entries.aclose()

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        self._check_open()
        state = snapshot.state
        chunks = [state[start : start + _CHUNK] for start in range(0, len(state), _CHUNK)]
        saved = _Saved(sequence=snapshot.sequence, chunks=len(chunks), size=len(state), crc=zlib.crc32(state))
        # Two may keep the same entry at once: chunks named by their content too do not mix.
        base = self._base(saved)
        for number, chunk in enumerate(chunks):
            await keep(self._link, f"{base}.{number}", chunk, timeout_s=self._timeout_s)
        others = [each for each in await self._manifest() if each.sequence != saved.sequence]
        kept = sorted([saved, *others], key=lambda each: -each.sequence)
        manifest = msgspec.json.encode(kept[:_SNAPSHOTS_KEPT])
        await keep(self._link, f"{self._prefix}.manifest", manifest, timeout_s=self._timeout_s)
        for old in kept[_SNAPSHOTS_KEPT:]:
            await call(self._link, f"STREAM.PURGE.{self._snapshots}", {"filter": f"{self._prefix}.{old.sequence}.>"})

    async def load_snapshot(self) -> Snapshot | None:
        self._check_open()
        for saved in await self._manifest():
            chunks = []
            for number in range(saved.chunks):
                subject = f"{self._base(saved)}.{number}"
                message = await stored(self._link, self._snapshots, last_by_subj=subject, timeout_s=self._timeout_s)
                chunks.append(message.payload if message is not None else b"")
            state = b"".join(chunks)
            if len(state) == saved.size and zlib.crc32(state) == saved.crc:
                return Snapshot(sequence=saved.sequence, state=state)
            logger.warning("snapshot {} of {} is damaged; taking an older one", saved.sequence, self._stream)
        return None

    async def close(self) -> None:
        self._open = False
        followers, self._followers = self._followers, set()
        for follower in followers:
            await follower.stop()
        await self._link.close()

    def _base(self, saved: _Saved) -> str:
        return f"{self._prefix}.{saved.sequence}.{saved.crc:08x}"

    def _check_open(self) -> None:
        if not self._open:
            raise JournalClosed(stream=self._stream)

    async def _declare(self) -> None:
        await ensure_stream(
            self._link, self._stream, [self._subject], num_replicas=self._replicas, deny_delete=True, deny_purge=True
        )
        await ensure_stream(
            self._link, self._snapshots, [f"{self._prefix}.>"], num_replicas=self._replicas, max_msgs_per_subject=1
        )

    async def _settle(self, records: Sequence[bytes], expected: int, epoch: int, lost: TimedOut | None) -> int:
        """What became of an append that got no answer, or of one that met another number than it expected."""
        self._tail = await self.last()
        sequence, newest = self._tail
        if sequence > expected and self._unsure == expected + 1:
            message = await stored(self._link, self._stream, seq=expected + 1, timeout_s=self._timeout_s)
            if message is not None:
                entry, mark = _decode(message.sequence, message.payload)
                if mark == self._mark and entry.epoch == epoch and entry.records == tuple(records):
                    self._unsure = 0
                    return expected + 1
        if newest > epoch:
            raise StaleEpoch(epoch=epoch, found=newest)
        if lost is not None and sequence == expected:
            raise lost
        raise JournalConflict(expected=expected, found=sequence)

    async def _entries(self, after: int) -> AsyncGenerator[Entry, None]:
        follower = StreamFollower(self._link, self._stream, after=after)
        self._followers.add(follower)
        try:
            await follower.start()
            while (item := await follower.next()) is not None:
                after += 1
                yield self._checked(item, after)
        finally:
            self._followers.discard(follower)
            await follower.stop()

    def _checked(self, item: Followed, number: int) -> Entry:
        if item.sequence != number:
            raise JournalCorrupted("entries are missing", stream=self._stream, sequence=number, found=item.sequence)
        return _decode(item.sequence, item.payload)[0]

    async def _manifest(self) -> list[_Saved]:
        subject = f"{self._prefix}.manifest"
        message = await stored(self._link, self._snapshots, last_by_subj=subject, timeout_s=self._timeout_s)
        try:
            return _MANIFEST.decode(message.payload) if message is not None else []
        except msgspec.MsgspecError:
            logger.warning("the list of snapshots of {} is damaged", self._stream)
            return []


def _encode(records: Sequence[bytes], epoch: int, mark: int) -> bytes:
    body = b"".join([part for record in records for part in (_U32.pack(len(record)), record)])
    head = _HEAD.pack(_MARKER, 0, epoch, mark, len(records))
    crc = zlib.crc32(body, zlib.crc32(head[_CHECKED_FROM:]))
    return b"".join((_HEAD.pack(_MARKER, crc, epoch, mark, len(records)), body))


def _decode(sequence: int, payload: bytes) -> tuple[Entry, int]:
    if (
        len(payload) < _HEAD.size
        or payload[:4] != _MARKER
        or zlib.crc32(payload[_CHECKED_FROM:]) != _U32.unpack_from(payload, 4)[0]
    ):
        raise JournalCorrupted(sequence=sequence)
    _, _, epoch, mark, count = _HEAD.unpack_from(payload)
    records, position = [], _HEAD.size
    for _ in range(count):
        (length,) = _U32.unpack_from(payload, position)
        position += 4
        records.append(payload[position : position + length])
        position += length
    return Entry(sequence=sequence, epoch=epoch, records=tuple(records)), mark
