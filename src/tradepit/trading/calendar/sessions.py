"""Session groups: which products share a day's timetable, and that timetable as phase windows of a trading day."""

from datetime import date

import msgspec

from tradepit.trading.calendar.local_time import local_ns
from tradepit.trading.calendar.packaged import Source
from tradepit.trading.calendar.trading_days import TradingDays
from tradepit.trading.model.errors import CalendarUnknown, ConfigError
from tradepit.trading.model.terms import SessionPhase

Row = tuple[SessionPhase, str, str]


class PhaseWindow(msgspec.Struct, frozen=True):
    """A phase and the UTC ns it lasts, end excluded."""

    phase: SessionPhase
    start_ns: int
    end_ns: int


class SessionGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One timetable: rows of phase, from, to in local time. ``night`` is held the evening before, and then replaces ``opening``.

    ``since`` is the first trading day the table holds for. ``auction_cancels`` is False where auctions take no cancels (HNX).
    """

    market: str
    since: date
    opening: tuple[Row, ...]
    day: tuple[Row, ...]
    night: tuple[Row, ...] = ()
    auction_cancels: bool = True


class SessionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The packaged session tables, by group id."""

    source: Source
    groups: dict[str, SessionGroup]


def windows_of(group_id: str, group: SessionGroup, days: TradingDays, trading_day: date) -> tuple[PhaseWindow, ...]:
    """The contiguous phases of ``trading_day``, from its first auction (the evening before, with a night session) to its close.

    The gap between night and day is a BREAK: orders live on, nothing is accepted. Empty on a day without trading.
    Raises CalendarUnknown for a year without holidays or a day before the table holds, ConfigError when rows overlap.
    """
    if trading_day < group.since:
        raise CalendarUnknown("no session table for that day", group=group_id, day=trading_day.isoformat())
    if not days.is_trading_day(trading_day):
        return ()
    if group.night and days.has_night(trading_day):
        parts = [(days.previous_trading_day(trading_day), group.night), (trading_day, group.day)]
    else:
        parts = [(trading_day, group.opening), (trading_day, group.day)]
    windows: list[PhaseWindow] = []
    for day, rows in parts:
        for phase, begin, end in rows:
            start_ns, end_ns = local_ns(day, begin, days.zone), local_ns(day, end, days.zone)
            if windows and windows[-1].end_ns < start_ns:
                windows.append(PhaseWindow(SessionPhase.BREAK, windows[-1].end_ns, start_ns))
            if start_ns >= end_ns or (windows and windows[-1].end_ns > start_ns):
                raise ConfigError(f"session group {group_id}: {phase} {begin}-{end} is out of order")
            windows.append(PhaseWindow(phase, start_ns, end_ns))
    return tuple(windows)
