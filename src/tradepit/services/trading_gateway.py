"""The trading gateway: the simulated exchange as a service; commands are journaled before they count, reports told in order."""

import asyncio
from collections.abc import Callable, Sequence

from loguru import logger

from tradepit.ports.bus import Bus, Subscription
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal, Snapshot
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.gateway_faults import FaultSeam
from tradepit.services.gateway_loop import CommandLoop
from tradepit.services.gateway_machine import REPORTS, GatewayMachine
from tradepit.services.gateway_meters import Meters
from tradepit.services.gateway_outbox import Outbox
from tradepit.services.gateway_recovery import Recovered, Recovery
from tradepit.services.gateway_rpc import Doors, serve
from tradepit.services.gateway_settings import GatewaySettings
from tradepit.services.gateway_time import ExchangeTime
from tradepit.services.gateway_topics import news, phase_news, publication
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.matching.commands import AdvanceTime, Command
from tradepit.trading.matching.events import CommandRefused, Event, PhaseChanged, TickPublished
from tradepit.trading.model.errors import StaleEpoch, Unavailable
from tradepit.trading.model.report import DayReport
from tradepit.wire import gateway as wire

_TIMER_S = 0.1
_TIMER_LEAST_S = 0.001
_DRAIN_S = 5.0
_WATCH_S = 0.5
_PHASES_TOLD = 20


class TradingGateway:
    """One exchange. Start a second one on the same journals and the first is fenced: it stops with an error and harms nothing.

    ``commands`` and ``events`` are this service's own journals: it opens and closes them. ``opening`` commands (listings,
    accounts) are given at every start; repeated ones change nothing. With a ManualClock time follows ticks and advance_time.
    ``on_failure`` is told when it can no longer work: the journal was taken over or lost, or the venue failed.
    """

    name = wire.SERVICE

    def __init__(
        self,
        *,
        bus: Bus,
        commands: Journal,
        events: Journal,
        calendar: TradingCalendar,
        clock: Clock,
        instance: str,
        settings: GatewaySettings | None = None,
        opening: Sequence[Command] = (),
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.instance = instance
        self.settings = settings or GatewaySettings()
        self.failure: BaseException | None = None
        self._bus, self._commands, self._events, self._clock = bus, commands, events, clock
        self._calendar = calendar
        self._opening, self._on_failure = tuple(opening), on_failure
        self._stopwatch = SystemClock().monotonic_ns
        self._time = ExchangeTime(clock, max_jump_s=self.settings.max_jump_s)
        self._meters = Meters(self._stopwatch)
        self._tasks = TaskGroup(self.name, self._failed)
        self._seam = FaultSeam(self.settings.faults, self._cut_line)
        self._venue_doors: list[Subscription] = []
        self._desk_doors: list[Subscription] = []
        self._snapshot_at = 0
        self._started = self._stopping = self._cut = False

    async def start(self) -> None:
        """Recover, take over the journals, serve. Raises JournalCorrupted, JournalConflict, StaleEpoch, Unavailable."""
        try:
            await self._bus.connect()
            await self._recover()
            await self._serve()
        except BaseException:
            await self._release()
            raise

    async def _recover(self) -> None:
        began_ns = self._stopwatch()
        recovery = Recovery(
            commands=self._commands,
            events=self._events,
            calendar=self._calendar,
            founding=self.settings.venue,
            time=self._time,
            keep=self.settings.reports_in_memory,
        )
        recovered = await recovery.run()
        took_s = (self._stopwatch() - began_ns) / 1e9
        self._wire_up(recovered)
        logger.info(
            "recovered {} commands in {:.3f} s ({:.0f}/s): epoch {}, entry {}, report {}, digest {}",
            recovered.replayed,
            took_s,
            recovered.replayed / max(took_s, 1e-9),
            recovered.epoch,
            recovered.entry,
            self._log.last,
            self._take_digest(),
        )
        self._command_writer.start()
        self._event_writer.start()
        self._started = True
        self._tasks.spawn(self._outbox.run(recovered.told), "outbox")

    async def _serve(self) -> None:
        self._tasks.spawn(self._outbox.run_topics(), "topics")
        self._tasks.spawn(self._outbox.run_news(), "news")
        self._working = self._tasks.spawn(self._loop.run(), "commands")
        await self._open()
        if not self._time.driven:
            self._tasks.spawn(self._keep_time(), "time")
        self._tasks.spawn(self._watch(), "fence")
        self._venue_doors = await serve(self._bus, self._doors.venue_methods)
        self._desk_doors = await serve(self._bus, self._doors.desk_methods)
        self._tell_phases()

    async def stop(self) -> None:
        """Answer what was received, publish what is left, keep a snapshot. Idempotent."""
        if not self._started or self._stopping:
            return
        self._stopping = True
        self._seam.close()
        self._outbox.mend()
        await self._close_doors(self._venue_doors + self._desk_doors)
        await self._loop.finish()
        if self.failure is None:
            await self._finish()
        await self._release()

    def health(self) -> Health:
        """Figures of the loop, the outbox and the venue; unhealthy once it has failed."""
        if not self._started:
            return Health(status="STANDBY", ready=False, reason="not started")
        figures = self._figures()
        if self.failure is not None:
            return Health(status="UNHEALTHY", ready=False, reason=str(self.failure)[:200], figures=figures)
        # With a full outbox no command is applied: that the loop runs is no progress.
        blocked = self._outbox.lag >= self.settings.outbox_reports
        return Health(
            ready=not (self._stopping or self._cut or blocked),
            reason="reports cannot be published" if blocked else "",
            figures=figures,
        )

    @property
    def machine(self) -> GatewayMachine:
        """The venue and its counters; to be read, never written."""
        return self._machine

    def _wire_up(self, recovered: Recovered) -> None:
        settings = self.settings
        self._epoch, self._machine, self._log = recovered.epoch, recovered.machine, recovered.log
        self._snapshot_at = self._machine.commands + settings.snapshot_commands - recovered.replayed
        self._command_writer = JournalWriter(self._commands, last=recovered.entry, epoch=recovered.epoch, on_fenced=self._fenced)
        self._event_writer = JournalWriter(self._events, last=self._log.entry, epoch=recovered.epoch, on_fenced=self._fenced)
        self._outbox = Outbox(
            bus=self._bus,
            log=self._log,
            writer=self._event_writer,
            to_topic=lambda report: publication(report, settings.name, self._machine.instruments.get),
            dice=lambda: self._seam.dice,
            limit=settings.outbox_reports,
        )
        self._loop = CommandLoop(
            machine=self._machine,
            writer=self._command_writer,
            time=self._time,
            meters=self._meters,
            tell=self._tell,
            has_room=self._outbox.has_room,
            room=self._outbox.room,
            pause_due=lambda: self._machine.commands >= self._snapshot_at,
            pause=self._save_snapshot,
            batch_commands=settings.batch_commands,
            queue_commands=settings.queue_commands,
        )
        self._doors = Doors(
            loop=self._loop,
            machine=self._machine,
            log=self._log,
            time=self._time,
            seam=self._seam,
            status=self._status,
            check_fence=self._check_fence,
        )

    async def _open(self) -> None:
        for command in self._opening:
            answer = await self._loop.submit((command,), lambda results: wire.encode(results[0]))
            if b'"refused"' in answer:
                logger.warning("opening command refused: {} -> {}", command, answer.decode())

    async def _release(self) -> None:
        await self._tasks.stop()
        if self._started:
            await self._command_writer.stop()
            await self._event_writer.stop()
        await self._commands.close()
        await self._events.close()

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(_DRAIN_S):
                await self._outbox.drained()
            await self._save_snapshot()
        except (TimeoutError, Unavailable) as error:
            # Nothing is lost: the next start publishes again, and replays instead of reading a snapshot.
            logger.warning("stopping with {} reports unpublished: {!r}", self._outbox.lag, error)

    async def _keep_time(self) -> None:
        while True:
            wait_s = (self._machine.venue.next_wakeup_ns() - self._time.now_ns()) / 1e9
            if wait_s <= 0:
                try:
                    await self._loop.submit((AdvanceTime(),), lambda _: b"")
                except Unavailable:
                    logger.warning("the passing of time has to wait: {} commands queued", self._loop.waiting)
            await self._clock.sleep(max(_TIMER_LEAST_S, min(wait_s, _TIMER_S)))

    async def _watch(self) -> None:
        # One that was paused learns here that it is a former gateway, even when nobody gives it a command.
        while True:
            await asyncio.sleep(_WATCH_S)
            try:
                await self._check_fence()
            except Unavailable as error:
                logger.warning("the journal cannot be asked whether it is still ours: {}", error)

    async def _check_fence(self) -> None:
        _, epoch = await self._commands.last()
        if epoch > self._epoch:
            error = StaleEpoch("another gateway has taken over", epoch=self._epoch, found=epoch)
            self._failed(error)
            raise Unavailable(error.message) from error

    async def _save_snapshot(self) -> None:
        # A replay begins after the snapshot, so it cannot make reports of before it again: they must be in their journal first.
        await self._outbox.written(self._machine.last_report)
        await self._events.sync()
        self._snapshot_at = self._machine.commands + self.settings.snapshot_commands
        await self._commands.save_snapshot(Snapshot(sequence=self._command_writer.last, state=self._machine.snapshot()))

    def _tell_phases(self) -> None:
        # What changed while no gateway ran was told to nobody.
        venue = self._machine.venue
        for instrument in venue.instruments():
            phase = venue.phase(instrument.symbol)
            self._outbox.tell(phase_news(instrument.symbol, phase, self._time.now_ns(), venue.trading_day))

    def _tell(self, event: Event) -> None:
        if isinstance(event, REPORTS):
            record = wire.encode(event)
            self._log.add(record)
            self._outbox.put(event, record)
            if isinstance(event, DayReport):
                # The orders of two days ago are forgotten and the market is closed: a good moment for a snapshot.
                self._snapshot_at = self._machine.commands
        elif isinstance(event, PhaseChanged | TickPublished):
            item = news(event, self._machine.instruments.get)
            if item is not None:
                self._outbox.tell(item)
        elif isinstance(event, CommandRefused):
            logger.debug("refused: {} {} {}", event.code, event.message, event.details)

    def _cut_line(self, milliseconds: int) -> None:
        if not (self._cut or self._stopping):
            self._cut = True
            self._tasks.spawn(self._stay_away(milliseconds / 1000), "cut line")

    async def _stay_away(self, seconds: float) -> None:
        logger.warning("fault: leaving the bus for {} s", seconds)
        self._outbox.cut()
        doors, self._venue_doors = self._venue_doors, []
        leaving = asyncio.gather(*(door.stop() for door in doors))
        # Out of reach first; then let go of the withheld answers, for a door does not close while one is in hand.
        await asyncio.sleep(0)
        self._seam.release()
        await leaving
        await asyncio.sleep(seconds)
        self._outbox.mend()
        self._seam.mend()
        if not self._stopping and self.failure is None:
            self._venue_doors = await serve(self._bus, self._doors.venue_methods)
        self._cut = False

    async def _close_doors(self, doors: Sequence[Subscription]) -> None:
        await asyncio.gather(*(door.stop() for door in doors))

    def _fenced(self) -> None:
        logger.error("fenced: another gateway writes the journals, or they failed")

    def _failed(self, error: BaseException) -> None:
        if self.failure is not None:
            return
        self.failure = error
        self._loop.closed = True
        self._working.cancel()
        self._tasks.spawn(self._leave(), "leave")
        if self._on_failure is not None:
            self._on_failure(error)

    async def _leave(self) -> None:
        self._seam.close()
        doors, self._venue_doors = self._venue_doors, []
        await self._close_doors(doors)

    def _status(self, digest: bool) -> wire.StatusReply:
        venue = self._machine.venue
        return wire.StatusReply(
            instance=self.instance,
            epoch=self._epoch,
            entry=self._command_writer.last,
            digest=self._take_digest() if digest else "",
            last_report=self._log.last,
            trading_day=venue.trading_day,
            now_ns=self._time.now_ns(),
            figures=self._figures(),
        )

    def _take_digest(self) -> str:
        # Over the whole state: too dear for every heartbeat, which tells the last one taken.
        self._digest, self._digest_entry = self._machine.venue.digest(), self._command_writer.last
        return self._digest

    def _figures(self) -> dict[str, str | int | float | bool]:
        median_us, p99_us = self._meters.apply_us()
        venue = self._machine.venue
        figures: dict[str, str | int | float | bool] = {
            "epoch": self._epoch,
            "commands": self._meters.commands,
            "commands_per_s": self._meters.rate(),
            "refused": self._meters.refused,
            "queue": self._loop.waiting,
            "digest": self._digest,
            "digest_entry": self._digest_entry,
            "journal_entry": self._command_writer.last,
            "journal_backlog": self._command_writer.backlog,
            "journal_durability": self._commands.durability,
            "apply_p50_us": round(median_us, 1),
            "apply_p99_us": round(p99_us, 1),
            "reports": self._log.last,
            "outbox_lag": self._outbox.lag,
            "news_dropped": self._outbox.news_dropped,
            "trading_day": venue.trading_day,
            "faults": sum(self._seam.dice.injected.values()),
        }
        for instrument in venue.instruments()[:_PHASES_TOLD]:
            figures[f"phase_{instrument.symbol}"] = venue.phase(instrument.symbol).value
        return figures
