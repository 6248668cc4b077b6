"""Recordings of PowerScreen frames onto the topic: every snapshot published, every other line passed over or buried with its reason."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from loguru import logger

from tradepit.ports.bus import Bus, Message
from tradepit.ports.clock import Clock
from tradepit.runtime.line_file import read_batches
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.wire.platform import CONTENT_TYPE, KEY_HEADER, Encoding
from tradepit.wire.powerscreen import SsiPsSnapshot
from tradepit.wire.powerscreen_codec import to_protobuf
from tradepit.wire.powerscreen_frames import HoseStockParser

_AGAIN_S, _MAX_AGAIN_S = 0.05, 1.0


class FrameIngest:
    """Publishes files once, in order. While the bus is away it waits; what was published before is published again with the same id.

    A second run publishes the same messages: a recording's snapshots have the times they were recorded with.
    """

    def __init__(self, bus: Bus, topic: str, dead_letters: DeadLetters, clock: Clock) -> None:
        self._bus, self._topic, self._dead, self._clock = bus, topic, dead_letters, clock
        self._parser = HoseStockParser()
        self._published = self._passed_over = self._refused = self._files = 0
        self.done = False
        self.waiting = ""

    async def run(self, files: Sequence[Path]) -> None:
        """Publish all. Raises ConfigError for a file that cannot be read."""
        for path in files:
            async for lines in read_batches(path):
                await self._until_told(lines, path.name)
            self._files += 1
            logger.info("{}: published; so far {}", path.name, self.figures())
        self.done = True

    def figures(self) -> Figures:
        """Progress."""
        return {
            "files": self._files,
            "published": self._published,
            "passed_over": self._passed_over,
            "refused": self._refused,
            "ingest_done": self.done,
        }

    async def _until_told(self, lines: Sequence[bytes], name: str) -> None:
        snapshots: list[SsiPsSnapshot] = []
        refused: list[tuple[bytes, BadRequest]] = []
        for line in lines:
            try:
                stock = self._parser.parse(line)
            except BadRequest as error:
                refused.append((line, error))
            else:
                if stock is None:
                    self._passed_over += 1
                else:
                    snapshots.append(stock.snapshot)
        await self._again_until_done(partial(self._publish, snapshots))
        self._published += len(snapshots)
        for line, reason in refused:
            letter = Message(subject=name, payload=line)
            await self._again_until_done(partial(self._dead.bury, letter, reason, name))
            self._refused += 1

    async def _publish(self, snapshots: Sequence[SsiPsSnapshot]) -> None:
        # Begun in order, confirmed together: the bus keeps the order of what one publisher begins.
        await asyncio.gather(*(self._publish_one(snapshot) for snapshot in snapshots))

    async def _publish_one(self, snapshot: SsiPsSnapshot) -> None:
        payload = to_protobuf(snapshot)
        message_id = f"{snapshot.code}-{hashlib.sha256(payload).hexdigest()[:32]}"
        headers = {KEY_HEADER: snapshot.code, CONTENT_TYPE: Encoding.PROTOBUF.value}
        await self._bus.publish(self._topic, payload, message_id=message_id, headers=headers)

    async def _again_until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        wait_s = _AGAIN_S
        while True:
            try:
                await work()
            except TradepitError as error:
                self.waiting = str(error)[:200]
                logger.warning("the recording waits: {}", error)
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_AGAIN_S)
            else:
                self.waiting = ""
                return
