"""The PowerScreen consumer's work: snapshots from the topic become JSON by time and by arrival in the cache, each once."""

from tradepit.ports.bus import Message
from tradepit.ports.timeline import Entry, Timeline
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import BadRequest
from tradepit.wire.powerscreen_codec import from_protobuf, to_json


class SnapshotProjection:
    """Work at the topic of snapshots. A snapshot that comes again is the same line, which is kept and told once."""

    def __init__(self, timeline: Timeline, settings: PowerScreenSettings) -> None:
        self._timeline, self._settings = timeline, settings
        self._kept = self._passed_over = 0

    async def open(self) -> None:
        await self._timeline.connect()

    async def do(self, message: Message) -> None:
        snapshot = from_protobuf(message.payload)
        at_ns = snapshot.timestamp_ns or snapshot.server_timestamp_ns
        if not at_ns:
            raise BadRequest("the snapshot tells no time", code=snapshot.code)
        at_ms, line = at_ns // 1_000_000, to_json(snapshot)
        entry = Entry(
            at_ms=at_ms,
            line=line,
            told={"code": snapshot.code, "board": snapshot.board, "timestamp": str(at_ms), "payload": line},
        )
        key, stream = self._settings.key(snapshot.code), self._settings.stream(snapshot.code)
        new = await self._timeline.add(key, stream, entry, retention_ms=self._settings.retention_s * 1000)
        self._kept, self._passed_over = self._kept + new, self._passed_over + (not new)

    async def close(self) -> None:
        await self._timeline.close()

    def problem(self) -> str:
        return ""

    def figures(self) -> Figures:
        return {"kept": self._kept, "passed_over": self._passed_over}
