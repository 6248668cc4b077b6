"""The venue as its journal sees it: journaled records in, numbered reports out, the same for live work and for replay."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.matching.commands import AdvanceTime, Command, ListInstrument, Stamped
from tradepit.trading.matching.events import Event, StatementIssued
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport

REPORTS = (OrderReport, TradeReport, DayReport)

Events = tuple[Event, ...]

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Stamped)
_ADVANCE = AdvanceTime()
_REMEMBERED_DAYS = 40

T = TypeVar("T")


class Founding(msgspec.Struct, frozen=True, kw_only=True, tag="found", tag_field="command"):
    """The journal's very first record: the settings the venue was founded with and keeps: others would give other events."""

    settings: VenueSettings


_FOUNDING = msgspec.json.Decoder(Founding)


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot's content."""

    now_ns: int
    last_report: int
    commands: int
    instruments: dict[str, Instrument]
    statements: dict[str, SettlementStatement]
    venue: bytes
    past: dict[str, list[SettlementStatement]] = {}


class GatewayMachine:
    """A venue with what its gateway must remember beside it.

    ``now_ns`` is the last instant, ``last_report`` the last report's number; ``instruments`` are all there ever were, since the
    last reports of an expired one may still have to be told; ``statements`` are the accounts' latest, ``past`` their last forty.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.now_ns = 0
        self.last_report = 0
        self.commands = 0
        self.instruments: dict[str, Instrument] = {}
        self.statements: dict[str, SettlementStatement] = {}
        self.past: dict[str, list[SettlementStatement]] = {}

    def apply(self, command: Command, now_ns: int) -> tuple[Events, Events]:
        """What the passing of time brought, and then what the command did: a refusal is the command's own."""
        venue = self.venue
        passed: Events = ()
        if venue.next_wakeup_ns() <= now_ns:
            passed = venue.apply(_ADVANCE, now_ns)
            self._count(passed)
        done = venue.apply(command, now_ns)
        self._count(done)
        if isinstance(command, ListInstrument):
            for instrument in venue.instruments():
                self.instruments[instrument.symbol] = instrument
        self.now_ns = now_ns
        self.commands += 1
        return passed, done

    def replay(self, records: Iterable[bytes], tell: Callable[[Report], None]) -> None:
        """Apply journaled records again; ``tell`` gets the reports they give. Raises JournalCorrupted."""
        for record in records:
            stamped = _read(record, _DECODER)
            for events in self.apply(stamped.command, stamped.now_ns):
                for event in events:
                    if isinstance(event, REPORTS):
                        tell(event)

    def statement(self, account: str, trading_day: int = 0) -> SettlementStatement | None:
        """An account's statement of one of its last forty days, of the very last for 0; None where there is none."""
        if not trading_day:
            return self.statements.get(account)
        return next((told for told in self.past.get(account, ()) if told.trading_day == trading_day), None)

    def snapshot(self) -> bytes:
        """Everything ``restore`` needs."""
        saved = Saved(
            now_ns=self.now_ns,
            last_report=self.last_report,
            commands=self.commands,
            instruments=self.instruments,
            statements=self.statements,
            past=self.past,
            venue=self.venue.snapshot(),
        )
        return msgspec.msgpack.encode(saved)

    @classmethod
    def restore(cls, saved: Saved, calendar: TradingCalendar) -> "GatewayMachine":
        """The machine that wrote ``saved``. Raises JournalCorrupted."""
        machine = cls(Venue.restore(saved.venue, calendar=calendar))
        machine.now_ns, machine.last_report, machine.commands = saved.now_ns, saved.last_report, saved.commands
        machine.instruments, machine.statements = dict(saved.instruments), dict(saved.statements)
        machine.past = saved.past or {account: [last] for account, last in saved.statements.items()}
        return machine

    def _count(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, REPORTS):
                self.last_report = event.sequence
            elif isinstance(event, StatementIssued):
                account = event.statement.account
                self.statements[account] = event.statement
                self.past[account] = [*self.past.get(account, []), event.statement][-_REMEMBERED_DAYS:]


def read_founding(record: bytes) -> VenueSettings:
    """The settings in the journal's first record. Raises JournalCorrupted."""
    return _read(record, _FOUNDING).settings


def write_founding(settings: VenueSettings) -> bytes:
    """The journal's first record."""
    return _ENCODER.encode(Founding(settings=settings))


def read_snapshot(state: bytes) -> Saved:
    """A snapshot's content. Raises JournalCorrupted."""
    try:
        return msgspec.msgpack.decode(state, type=Saved)
    except msgspec.MsgspecError as error:
        raise JournalCorrupted(f"the snapshot cannot be read: {error}") from error


def write_record(command: Command, now_ns: int) -> bytes:
    """A command as one record of the journal."""
    return _ENCODER.encode(Stamped(now_ns=now_ns, command=command))


def _read(record: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    try:
        return decoder.decode(record)
    except msgspec.MsgspecError as error:
        raise JournalCorrupted(f"a record of the journal cannot be read: {error}") from error
