"""The outbox: reports are written to the events journal and then published, in order; no answer waits for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.services.gateway_reports import ReportLog
from tradepit.services.gateway_topics import Publication
from tradepit.trading.matching.faults import FaultDice
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.report import Report
from tradepit.wire.simulator import BROKER_REPORTS

_RETRY_S = 0.1
_NEWS_KEPT = 10_000

# After a restart this many of the last reports are published again: at most so many were in the journal and not yet published,
# because one chunk is published before the next is written.
CHUNK_REPORTS = 1_000

_Told = tuple[Report, bytes]


class Outbox:
    """One task publishes reports, another the news (ticks, phases); the oldest news are dropped when the bus does not keep up."""

    def __init__(
        self,
        *,
        bus: Bus,
        log: ReportLog,
        writer: JournalWriter,
        to_topic: Callable[[Report], Publication | None],
        dice: Callable[[], FaultDice],
        limit: int,
    ) -> None:
        self._bus, self._log, self._writer, self._to_topic, self._dice, self._limit = bus, log, writer, to_topic, dice, limit
        self._waiting: deque[_Told] = deque()
        self._news: deque[Publication] = deque()
        self._wake, self._news_wake = asyncio.Event(), asyncio.Event()
        self._progress = asyncio.Event()
        self._line = asyncio.Event()
        self._line.set()
        self.published = 0
        self.news_dropped = 0

    @property
    def lag(self) -> int:
        """Reports not yet published."""
        return len(self._waiting)

    def put(self, report: Report, record: bytes) -> None:
        """The next report, and its JSON."""
        self._waiting.append((report, record))
        self._wake.set()

    def tell(self, news: Publication) -> None:
        """Something of passing interest."""
        if len(self._news) >= _NEWS_KEPT:
            self._news.popleft()
            self.news_dropped += 1
        self._news.append(news)
        self._news_wake.set()

    async def room(self) -> None:
        """Wait until fewer than the limit are unpublished."""
        while len(self._waiting) >= self._limit:
            await self._next_progress()

    async def written(self, number: int) -> None:
        """Wait until report ``number`` is in the events journal."""
        while self._log.written < number:
            await self._next_progress()

    async def drained(self) -> None:
        """Wait until everything is published."""
        while self._waiting:
            await self._next_progress()

    def cut(self) -> None:
        """Publish nothing until ``mend``."""
        self._line.clear()

    def mend(self) -> None:
        """Publish again."""
        self._line.set()

    async def run(self, again: Sequence[_Told]) -> None:
        """Publish the reports of ``again``, which are in the journal, and then for ever what is put. Ends when fenced."""
        for begin in range(0, len(again), CHUNK_REPORTS):
            await self._publish(again[begin : begin + CHUNK_REPORTS])
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._send_chunk()

    async def run_news(self) -> None:
        """Publish the news for ever."""
        while True:
            await self._news_wake.wait()
            self._news_wake.clear()
            while self._news:
                await self._line.wait()
                item = self._news.popleft()
                try:
                    await self._bus.publish(item.subject, item.payload)
                except Unavailable:
                    self.news_dropped += 1
                    await asyncio.sleep(_RETRY_S)

    async def _send_chunk(self) -> None:
        count = min(len(self._waiting), CHUNK_REPORTS)
        chunk = [self._waiting[index] for index in range(count)]
        entry = await self._writer.put([record for _, record in chunk])
        self._log.wrote(entry, count)
        self._moved()
        await self._publish(chunk)
        for _ in chunk:
            self._waiting.popleft()
        self._moved()

    async def _publish(self, chunk: Sequence[_Told]) -> None:
        await self._line.wait()
        told = [Publication(BROKER_REPORTS.subject, record) for _, record in self._dice().arrange(chunk)]
        kept = [found for report, _ in chunk if (found := self._to_topic(report)) is not None]
        await self._announce(told)
        await self._deliver(kept)
        self.published += len(chunk)

    async def _announce(self, publications: Sequence[Publication]) -> None:
        for item in publications:
            while True:
                try:
                    await self._bus.publish(item.subject, item.payload)
                    break
                except Unavailable:
                    await asyncio.sleep(_RETRY_S)

    async def _deliver(self, publications: Sequence[Publication]) -> None:
        # Started in order and awaited together: the bus keeps the order of publishing, the confirmations overlap.
        left = list(publications)
        while left:
            sends = (self._bus.publish(item.subject, item.payload, message_id=item.message_id) for item in left)
            results = await asyncio.gather(*sends, return_exceptions=True)
            failed = [item for item, result in zip(left, results, strict=True) if isinstance(result, Unavailable)]
            for result in results:
                if isinstance(result, BaseException) and not isinstance(result, Unavailable):
                    raise result
            if failed:
                logger.warning("{} of {} reports not published, trying again", len(failed), len(left))
                await asyncio.sleep(_RETRY_S)
            left = failed

    async def _next_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _moved(self) -> None:
        self._progress.set()
