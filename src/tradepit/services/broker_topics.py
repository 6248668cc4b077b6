"""A real broker's reports on the contract's durable topics, each once, whatever was killed in between."""

import asyncio

from loguru import logger

from tradepit.ports.bus import Bus, Outgoing
from tradepit.ports.clock import Clock
from tradepit.services.broker_listings import BrokerListings
from tradepit.services.broker_reports import BrokerReports
from tradepit.services.gateway_topics import REPORT_TOPICS, publication, report_number
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.report import DayReport, OrderReport, Report

_CHUNK_REPORTS = 500
_RETRY_S = 0.2
# A power cut may take the last second from each topic's stream: no broker tells more in one.
_SECOND_REPORTS = 20_000


class BrokerTopics:
    """``orders.new|filled|cancelled`` and ``trades.executed`` of all reports there are, begun where the topics themselves end."""

    def __init__(self, bus: Bus, clock: Clock, reports: BrokerReports, listings: BrokerListings, venue: str) -> None:
        self._bus, self._clock, self._reports, self._listings, self._venue = bus, clock, reports, listings, venue
        self._kept: dict[str, int] = {}
        self._progress = asyncio.Event()
        self.through = 0

    async def told(self, number: int) -> None:
        """Wait until all reports up to ``number`` are published."""
        while self.through < number:
            await self._progress.wait()

    async def run(self) -> None:
        """Publish for ever."""
        self._kept = {channel.subject: await self._last(channel.subject) for channel in REPORT_TOPICS}
        self.through = max(0, max(self._kept.values()) - _SECOND_REPORTS)
        while True:
            await self._reports.wait(self.through + 1)
            try:
                page = await self._reports.after(self.through, _CHUNK_REPORTS)
            except Unavailable as error:
                logger.warning("the broker's reports cannot be read again now: {}", error)
                await self._clock.sleep(_RETRY_S)
                continue
            await self._keep([found for report, _ in page if (found := await self._publication(report)) is not None])
            self.through = page[-1][0].sequence
            self._progress.set()
            self._progress = asyncio.Event()

    async def _last(self, subject: str) -> int:
        """The number of the last report that a topic has kept; what is no such number counts as none."""
        channel = next(channel for channel in REPORT_TOPICS if channel.subject == subject)
        while True:
            try:
                message = await self._bus.last(channel)
            except Unavailable:
                await self._clock.sleep(_RETRY_S)
            else:
                number = report_number(message.payload) if message is not None else 0
                return number if number <= self._reports.last else 0

    async def _publication(self, report: Report) -> Outgoing | None:
        if isinstance(report, DayReport):
            return None
        symbol = report.order.intent.symbol if isinstance(report, OrderReport) else report.trade.symbol
        while True:
            try:
                listing = await self._listings.find(symbol)
                break
            except Unavailable:
                # Without its contract a report has no prices to write: it waits for the broker, and the others behind it.
                await self._clock.sleep(_RETRY_S)
        if listing is None:
            logger.error("report {} is of {}, which the broker does not list: it is on no topic", report.sequence, symbol)
            return None
        found = publication(report, self._venue, lambda _: listing.instrument)
        return found if found is not None and report.sequence > self._kept.get(found.subject, 0) else None

    async def _keep(self, messages: list[Outgoing]) -> None:
        while messages:
            try:
                await self._bus.publish_all(messages)
            except Unavailable as error:
                logger.warning("{} reports perhaps not published, trying again: {}", len(messages), error)
                await self._clock.sleep(_RETRY_S)
            else:
                return
