"""The trading gateway of a house with a real broker: its reports, contracts and market, as the simulated exchange tells its own."""

import asyncio
from collections.abc import Callable

from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus, Subscription
from tradepit.ports.clock import Clock
from tradepit.ports.market import BrokerMarket
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.broker_doors import BrokerDoors
from tradepit.services.broker_listings import BrokerListings
from tradepit.services.broker_quotes import BrokerQuotes
from tradepit.services.broker_reports import BrokerReports
from tradepit.services.broker_topics import BrokerTopics
from tradepit.services.gateway_rpc import serve
from tradepit.services.gateway_topics import phase_news
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import CalendarUnknown, Unavailable
from tradepit.trading.model.terms import SessionPhase
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import BROKER_REPORTS

_RETRY_S = 0.2
_SILENT_S = 30.0
_DEAF_S = 10.0
_DRAIN_S = 3.0
# So many of the last reports are announced again after a start; whoever needs older ones asks for them.
_AGAIN_REPORTS = 1000


class BrokerGateway:
    """One broker, which it only follows: it opens no session and sends no order, so it harms nothing when there are two.

    The numbers of reports are those of the broker's own journal, and go on over every restart. The doors open once all that was
    reported before this start is known: nobody is told of fewer reports than there have been. ``exchange_clock`` is the market's.
    ``on_failure`` is told when it can no longer work. ``run_id`` tells this life's ticks from others'.
    """

    name = wire.SERVICE

    def __init__(
        self,
        *,
        broker: Broker,
        market: BrokerMarket | None,
        bus: Bus,
        clock: Clock,
        exchange_clock: Clock,
        calendar: TradingCalendar,
        venue: str,
        instance: str,
        run_id: str,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.instance = instance
        self._broker, self._bus, self._clock, self._exchange_clock = broker, bus, clock, exchange_clock
        self._calendar, self._on_failure = calendar, on_failure
        self._reports = BrokerReports(broker)
        self._listings = BrokerListings(broker, clock, self._tell_phase)
        self._quotes = BrokerQuotes(market, bus, clock, self._listings, run_id) if market is not None else None
        self._topics = BrokerTopics(bus, clock, self._reports, self._listings, venue)
        self._doors = BrokerDoors(broker, self._reports, self._listings, self._quotes, self._status)
        self._tasks = TaskGroup(self.name, self._failed)
        self._phases: asyncio.Queue[tuple[str, SessionPhase]] = asyncio.Queue()
        self._open: list[Subscription] = []
        self._again_after = 0
        self._problem = ""
        self._started = self._stopping = self._serving = False

    async def start(self) -> None:
        """Connect, follow; the doors open in the background. Raises ConfigError, JournalError, Unavailable."""
        await self._bus.connect()
        await self._broker.connect()
        if self._quotes is not None:
            await self._quotes.connect()
        self._started = True
        last = await self._broker.last_report()
        self._again_after = max(0, last - _AGAIN_REPORTS)
        self._tasks.spawn(self._follow(), "reports")
        self._tasks.spawn(self._listings.run(), "contracts")
        self._tasks.spawn(self._publish_phases(), "phases")
        self._tasks.spawn(self._serve(last), "doors")
        if self._quotes is not None:
            self._tasks.spawn(self._quotes.run(), "quotes")

    async def stop(self) -> None:
        """Answer what was asked, publish what was reported, leave. Idempotent."""
        if not self._started or self._stopping:
            return
        self._stopping = True
        await asyncio.gather(*(door.stop() for door in self._open))
        if self._serving and not self._problem:
            await self._drain()
        await self._tasks.stop()
        if self._quotes is not None:
            await self._quotes.close()
        await self._broker.close()

    def health(self) -> Health:
        """Ready while the broker answers; says which contracts are silent though they are traded now."""
        if not self._started:
            return Health(status="STANDBY", ready=False, reason="not started")
        if self._problem:
            return Health(status="UNHEALTHY", ready=False, reason=self._problem, figures=self._figures())
        reason = "" if self._serving else "reading the broker's reports"
        if not 0 <= self._listings.age_s < _DEAF_S:
            reason = f"the broker does not answer: {self._listings.problem}"[:200]
        ready = not reason and not self._stopping
        if not reason and (silent := self._silent()):
            reason = f"no quotes for {_SILENT_S:.0f} s: {', '.join(silent[:5])}"
        return Health(ready=ready, reason=reason, figures=self._figures())

    async def _serve(self, last: int) -> None:
        await self._reports.wait(last)
        # Nothing is published before it is known where the topics end: that is judged by what has been reported.
        self._tasks.spawn(self._topics.run(), "topics")
        self._open = await serve(self._bus, self._doors.methods)
        self._serving = True
        logger.info("{}: serving, {} reports, {} contracts", self.instance, self._reports.last, len(self._listings.all()))

    async def _follow(self) -> None:
        while True:
            try:
                async for report in self._broker.reports(self._reports.last):
                    record = self._reports.take(report)
                    if report.sequence > self._again_after:
                        await self._announce(record)
            except Unavailable as error:
                logger.warning("the broker's reports cannot be had now: {}", error)
            await self._clock.sleep(_RETRY_S)

    async def _announce(self, record: bytes) -> None:
        while True:
            try:
                await self._bus.publish(BROKER_REPORTS.subject, record)
            except Unavailable:
                await self._clock.sleep(_RETRY_S)
            else:
                return

    def _tell_phase(self, symbol: str, phase: SessionPhase) -> None:
        self._phases.put_nowait((symbol, phase))

    async def _publish_phases(self) -> None:
        while True:
            symbol, phase = await self._phases.get()
            news = phase_news(symbol, phase, self._exchange_clock.now_ns(), self._trading_day())
            while True:
                try:
                    await self._bus.publish(news.subject, news.payload)
                    break
                except Unavailable:
                    await self._clock.sleep(_RETRY_S)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(_DRAIN_S):
                await self._topics.told(self._reports.last)
        except TimeoutError:
            logger.warning("stopping with reports that are on no topic yet: the next start publishes them")

    def _trading_day(self) -> int:
        """The broker's, or, where it has reported nothing yet, the calendar's; 0 when neither knows."""
        listed = self._listings.all()
        if self._reports.trading_day or not listed:
            return self._reports.trading_day
        group = listed[0].instrument.product.session_group
        try:
            day = self._calendar.trading_day_of(self._exchange_clock.now_ns(), group)
        except CalendarUnknown:
            return 0
        return day.year * 10_000 + day.month * 100 + day.day

    def _silent(self) -> list[str]:
        return self._quotes.silent(_SILENT_S) if self._quotes is not None else []

    def _status(self) -> wire.StatusReply:
        return wire.StatusReply(
            instance=self.instance,
            last_report=self._reports.last,
            trading_day=self._trading_day(),
            now_ns=self._exchange_clock.now_ns(),
            figures=self._figures(),
        )

    def _figures(self) -> dict[str, str | int | float | bool]:
        figures: dict[str, str | int | float | bool] = {
            "last_report": self._reports.last,
            "unpublished": self._reports.last - self._topics.through if self._serving else 0,
            "contracts": len(self._listings.all()),
            "broker_answer_age_s": round(self._listings.age_s, 3),
            "trading_day": self._trading_day(),
        }
        if self._quotes is not None:
            figures |= {
                "ticks": self._quotes.published,
                "ticks_dropped": self._quotes.dropped,
                "last_tick_age_s": round(self._quotes.age_s, 3),
                "silent_contracts": len(self._silent()),
                **self._quotes.figures,
            }
        return figures

    def _failed(self, error: BaseException) -> None:
        self._problem = str(error)[:200] or repr(error)
        if self._on_failure is not None:
            self._on_failure(error)
