"""Starting is recovering: snapshot and replay, a new epoch, and every report that the events journal lacks made again."""

from collections.abc import Sequence

import msgspec
from loguru import logger

from tradepit.ports.journal import Journal
from tradepit.services.gateway_machine import GatewayMachine, read_founding, read_snapshot, write_founding, write_record
from tradepit.services.gateway_reports import ReportLog
from tradepit.services.gateway_time import ExchangeTime
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.matching.commands import AdvanceTime
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.errors import ConfigError, JournalConflict, JournalCorrupted, StaleEpoch, Unavailable
from tradepit.trading.model.report import Report
from tradepit.wire.gateway import encode

_TRIES = 100
_CHUNK_REPORTS = 500


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that is up to date with its journal, under an epoch nobody else writes with.

    ``entry`` is the commands' last entry, ``told`` the last report that was in its journal before, ``replayed`` counts commands.
    """

    machine: GatewayMachine
    log: ReportLog
    epoch: int
    entry: int
    told: int
    replayed: int


class Recovery:
    """One start. ``time`` is moved so that nothing is stamped before what the journal has seen."""

    def __init__(
        self,
        *,
        commands: Journal,
        events: Journal,
        calendar: TradingCalendar,
        founding: VenueSettings,
        time: ExchangeTime,
        keep: int,
    ) -> None:
        self._commands, self._events, self._calendar, self._founding, self._time = commands, events, calendar, founding, time
        self._log = ReportLog(events, keep=keep)
        self._machine = GatewayMachine(Venue(founding, calendar=calendar))
        self._missing: list[Report] = []
        self._entry = 0
        self._replayed = 0

    async def run(self) -> Recovered:
        """Raises JournalCorrupted when the two journals contradict each other, JournalConflict when others keep starting too.

        ConfigError: a new exchange driven by ticks was given no instant to begin with.
        """
        await self._commands.open()
        await self._events.open()
        await self._log.catch_up()
        await self._load_snapshot()
        epoch = await self._take_over()
        if self._machine.venue.settings != self._founding:
            logger.warning("the venue keeps the settings it was founded with: {}", self._machine.venue.settings)
        if self._machine.last_report < self._log.last:
            raise JournalCorrupted(
                "more reports were told than the commands give: the command journal has lost its end",
                told=self._log.last,
                given=self._machine.last_report,
            )
        told = self._missing[0].sequence - 1 if self._missing else self._log.last
        await self._keep_missing(epoch)
        return Recovered(
            machine=self._machine,
            log=self._log,
            epoch=epoch,
            entry=self._entry,
            told=told,
            replayed=self._replayed,
        )

    async def _load_snapshot(self) -> None:
        snapshot = await self._commands.load_snapshot()
        if snapshot is None:
            return
        saved = read_snapshot(snapshot.state)
        if saved.last_report > self._log.last:
            # Reports from before the snapshot are gone with their journal: only the commands can make them again.
            logger.warning(
                "events journal ends at report {}, before the snapshot's {}: full replay", self._log.last, saved.last_report
            )
            return
        self._machine = GatewayMachine.restore(saved, self._calendar)
        self._entry = snapshot.sequence

    async def _take_over(self) -> int:
        for _ in range(_TRIES):
            await self._replay()
            _, epoch = await self._commands.last()
            self._time.not_before(self._machine.now_ns)
            records = [write_record(AdvanceTime(), self._time.now_ns())]
            if not self._entry:
                if not self._time.now_ns():
                    raise ConfigError("an exchange driven by ticks needs an instant to begin with")
                records.insert(0, write_founding(self._founding))
            try:
                await self._commands.append(records, expected=self._entry, epoch=epoch + 1)
            except (JournalConflict, StaleEpoch):
                continue  # The former gateway is still writing: what it wrote is replayed too.
            await self._replay()
            return epoch + 1
        raise JournalConflict("another gateway keeps writing; could not take over")

    async def _replay(self) -> None:
        async for entry in self._commands.read(self._entry):
            if entry.sequence != self._entry + 1:
                raise JournalCorrupted("commands are missing in the journal", expected=self._entry + 1, found=entry.sequence)
            records = entry.records
            if entry.sequence == 1:
                self._machine = GatewayMachine(Venue(read_founding(records[0]), calendar=self._calendar))
                records = records[1:]
            self._machine.replay(records, self._made)
            self._entry = entry.sequence
            self._replayed += len(records)

    def _made(self, report: Report) -> None:
        if report.sequence <= self._log.last:
            self._log.check(report.sequence, encode(report))
        else:
            self._missing.append(report)

    async def _keep_missing(self, epoch: int) -> None:
        for _ in range(_TRIES):
            await self._log.catch_up()
            missing = [encode(report) for report in self._missing if report.sequence > self._log.last]
            try:
                await self._append(missing, epoch)
            except (JournalConflict, Unavailable) as error:
                logger.warning("events journal: {}, reading it again", error)
                continue
            return
        raise JournalConflict("another gateway keeps telling reports")

    async def _append(self, records: Sequence[bytes], epoch: int) -> None:
        for begin in range(0, len(records), _CHUNK_REPORTS):
            chunk = records[begin : begin + _CHUNK_REPORTS]
            entry = await self._events.append(chunk, expected=self._log.entry, epoch=epoch)
            for record in chunk:
                self._log.add(record)
            self._log.wrote(entry, len(chunk))
