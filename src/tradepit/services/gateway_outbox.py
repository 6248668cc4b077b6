"""The outbox: reports are written to the events journal and then published, in order; no answer waits for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from loguru import logger

from tradepit.ports.bus import Bus, Outgoing
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.services.gateway_reports import ReportLog
from tradepit.services.gateway_topics import REPORT_TOPICS, report_number
from tradepit.trading.matching.faults import FaultDice
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.report import Report
from tradepit.wire.gateway import read_report
from tradepit.wire.simulator import BROKER_REPORTS

_RETRY_S = 0.1
_NEWS_KEPT = 10_000

# One chunk may wait for its confirmations while the next is written: so many reports are in the journal and not yet published
# at most, and so many of the last ones are announced again after a restart.
_CHUNK_REPORTS = 500
AGAIN_REPORTS = 2 * _CHUNK_REPORTS

# What the topics' streams kept, they keep over a crash of the server; a power cut may take the last second from each of them.
# No more reports than this are made in such a second.
_SECOND_REPORTS = 20_000
_ALL_BYTES = 1 << 62

# Topics are published a moment later than they could be: what comes in that moment costs one exchange with the server.
_GATHER_S = 0.001

_Told = tuple[Report, bytes]


class Outbox:
    """Three tasks: reports are written and announced (``broker.reports``), kept on the contract's durable topics, news are told.

    News (ticks, phases) are of passing interest: the oldest are dropped when the bus does not keep up.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        log: ReportLog,
        writer: JournalWriter,
        to_topic: Callable[[Report], Outgoing | None],
        dice: Callable[[], FaultDice],
        limit: int,
    ) -> None:
        self._bus, self._log, self._writer, self._to_topic, self._dice, self._limit = bus, log, writer, to_topic, dice, limit
        self._waiting: deque[_Told] = deque()
        self._written: deque[_Told] = deque()
        self._news: deque[Outgoing] = deque()
        self._wake, self._written_wake, self._news_wake = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._progress = asyncio.Event()
        self._line = asyncio.Event()
        self._line.set()
        self._kept: dict[str, int] = {}
        self.published = 0
        self.news_dropped = 0

    @property
    def lag(self) -> int:
        """Reports not yet published."""
        return len(self._waiting) + len(self._written)

    def put(self, report: Report, record: bytes) -> None:
        """The next report, and its JSON."""
        self._waiting.append((report, record))
        self._wake.set()

    def tell(self, news: Outgoing) -> None:
        """Something of passing interest."""
        if len(self._news) >= _NEWS_KEPT:
            self._news.popleft()
            self.news_dropped += 1
        self._news.append(news)
        self._news_wake.set()

    def has_room(self) -> bool:
        """Whether fewer than the limit are unpublished."""
        return self.lag < self._limit

    async def room(self) -> None:
        """Wait until fewer than the limit are unpublished."""
        while self.lag >= self._limit:
            await self._next_progress()

    async def written(self, number: int) -> None:
        """Wait until report ``number`` is in the events journal."""
        while self._log.written < number:
            await self._next_progress()

    async def drained(self) -> None:
        """Wait until everything is published."""
        while self.lag:
            await self._next_progress()

    def cut(self) -> None:
        """Publish nothing until ``mend``."""
        self._line.clear()

    def mend(self) -> None:
        """Publish again."""
        self._line.set()

    async def run(self, told: int) -> None:
        """Tell again what may not have been heard, then for ever what is put. Raises StaleEpoch, JournalCorrupted.

        ``told``: reports above this number were never told before this start.
        """
        await self._tell_again(told)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._until_kept()
                await self._write_chunk()

    async def run_topics(self) -> None:
        """Keep what was announced on the durable topics, for ever."""
        while True:
            await self._written_wake.wait()
            await asyncio.sleep(_GATHER_S)
            self._written_wake.clear()
            while self._written:
                chunk = [self._written[index] for index in range(min(len(self._written), _CHUNK_REPORTS))]
                await self._keep(chunk)
                for _ in chunk:
                    self._written.popleft()
                self.published += len(chunk)
                self._moved()

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

    async def _tell_again(self, told: int) -> None:
        self._kept = await self._read_kept()
        newest = max(self._kept.values(), default=0)
        aloud = max(0, told - AGAIN_REPORTS)
        after, last = min(aloud, max(0, newest - _SECOND_REPORTS)), self._log.written
        while after < last:
            records = await self._log.read(after, min(_CHUNK_REPORTS, last - after), _ALL_BYTES)
            chunk = [(read_report(record), record) for record in records]
            await self._until_kept()
            await self._announce(chunk, aloud=aloud)
            after += len(chunk)

    async def _read_kept(self) -> dict[str, int]:
        """By topic, the number of the last report kept there. What is no such number counts as none."""
        kept: dict[str, int] = {}
        for channel in REPORT_TOPICS:
            while True:
                try:
                    message = await self._bus.last(channel)
                    break
                except Unavailable:
                    await asyncio.sleep(_RETRY_S)
            if message is not None and 0 < (number := report_number(message.payload)) <= self._log.last:
                kept[channel.subject] = number
        return kept

    async def _until_kept(self) -> None:
        while len(self._written) >= _CHUNK_REPORTS:
            await self._next_progress()

    async def _write_chunk(self) -> None:
        count = min(len(self._waiting), _CHUNK_REPORTS)
        chunk = [self._waiting[index] for index in range(count)]
        entry = await self._writer.put([record for _, record in chunk])
        self._log.wrote(entry, count)
        self._moved()
        await self._announce(chunk)
        for _ in chunk:
            self._waiting.popleft()

    async def _announce(self, chunk: Sequence[_Told], *, aloud: int = 0) -> None:
        """Announce the reports numbered above ``aloud``; all of them are kept on the topics."""
        await self._line.wait()
        for _, record in self._dice().arrange([each for each in chunk if each[0].sequence > aloud]):
            while True:
                try:
                    await self._bus.publish(BROKER_REPORTS.subject, record)
                    break
                except Unavailable:
                    await asyncio.sleep(_RETRY_S)
        self._written.extend(chunk)
        self._written_wake.set()

    async def _keep(self, chunk: Sequence[_Told]) -> None:
        left = [found for report, _ in chunk if (found := self._publication(report)) is not None]
        while left:
            await self._line.wait()
            try:
                await self._bus.publish_all(left)
            except Unavailable as error:
                logger.warning("{} reports perhaps not published, trying again: {}", len(left), error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    def _publication(self, report: Report) -> Outgoing | None:
        found = self._to_topic(report)
        if found is None or report.sequence <= self._kept.get(found.subject, 0):
            return None
        return found

    async def _next_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _moved(self) -> None:
        self._progress.set()
