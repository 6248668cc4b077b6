"""The trading calendar: session phases, trading days and trading time of every session group, at nanosecond instants."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from functools import cache

from tradepit.trading.calendar.local_time import NS_PER_SECOND
from tradepit.trading.calendar.packaged import read_packaged
from tradepit.trading.calendar.sessions import PhaseWindow, SessionFile, SessionGroup, windows_of
from tradepit.trading.calendar.trading_days import Market, TradingDays
from tradepit.trading.model.errors import BadRequest, ConfigError
from tradepit.trading.model.terms import SessionPhase

HOUR_NS = 3600 * NS_PER_SECOND


class TradingCalendar:
    """Answers for a session group (``Product.session_group``) by UTC ns instant or by trading day.

    All queries are pure; results are cached, so asking again is cheap. Every one raises CalendarUnknown where no holiday or
    session table is known, and ConfigError for an unknown group.
    """

    def __init__(self, markets: Mapping[str, TradingDays], groups: Mapping[str, SessionGroup]) -> None:
        self._markets = dict(markets)
        self._groups = dict(groups)
        self._windows: dict[tuple[str, date], tuple[PhaseWindow, ...]] = {}
        self._timetables: dict[tuple[str, date], tuple[list[int], tuple[PhaseWindow, ...]]] = {}
        self._latest: dict[str, PhaseWindow] = {}

    @property
    def groups(self) -> Mapping[str, SessionGroup]:
        """The session groups by id."""
        return self._groups

    def group(self, group_id: str) -> SessionGroup:
        """The session group ``group_id``."""
        try:
            return self._groups[group_id]
        except KeyError:
            raise ConfigError(f"unknown session group {group_id!r}") from None

    def days(self, group_id: str) -> TradingDays:
        """The trading days of the market ``group_id`` belongs to."""
        market = self.group(group_id).market
        try:
            return self._markets[market]
        except KeyError:
            raise ConfigError(f"session group {group_id!r}: unknown market {market!r}") from None

    def trading_day_of(self, instant_ns: int, group_id: str) -> date:
        """The trading day of an instant. A night session belongs to the next one: Friday night is Monday's.

        After the close an instant stays with its day until the market rolls (18:00 local), then counts to the next.
        """
        return self.days(group_id).trading_day_at(instant_ns)

    def has_night(self, trading_day: date, group_id: str) -> bool:
        """True when ``trading_day`` begins with a night session the evening before."""
        return bool(self.group(group_id).night) and self.days(group_id).has_night(trading_day)

    def phases(self, trading_day: date, group_id: str) -> tuple[PhaseWindow, ...]:
        """The contiguous phase windows of ``trading_day``, first auction to close; empty when it is not a trading day."""
        key = (group_id, trading_day)
        windows = self._windows.get(key)
        if windows is None:
            windows = windows_of(group_id, self.group(group_id), self.days(group_id), trading_day)
            self._windows[key] = windows
        return windows

    def window_at(self, instant_ns: int, group_id: str) -> PhaseWindow:
        """The phase window ``instant_ns`` falls into; CLOSED ones reach to the market's roll at most."""
        latest = self._latest.get(group_id)
        if latest is not None and latest.start_ns <= instant_ns < latest.end_ns:
            return latest
        starts, windows = self._timetable(self.trading_day_of(instant_ns, group_id), group_id)
        window = windows[bisect_right(starts, instant_ns) - 1]
        self._latest[group_id] = window
        return window

    def phase_at(self, instant_ns: int, group_id: str) -> SessionPhase:
        """What the group's market is doing at ``instant_ns``."""
        return self.window_at(instant_ns, group_id).phase

    def next_boundary(self, instant_ns: int, group_id: str) -> tuple[int, SessionPhase]:
        """The first instant after ``instant_ns`` at which the phase changes, and the phase that begins there."""
        window = self.window_at(instant_ns, group_id)
        following = self.window_at(window.end_ns, group_id)
        while following.phase is window.phase:
            window, following = following, self.window_at(following.end_ns, group_id)
        return window.end_ns, following.phase

    def session_close_ns(self, trading_day: date, group_id: str) -> int:
        """The instant ``trading_day`` closes. Raises BadRequest when it is not a trading day."""
        return self._traded(trading_day, group_id)[-1].end_ns

    def trading_ns_between(self, start_ns: int, end_ns: int, group_id: str) -> int:
        """Nanoseconds of continuous trading in [start_ns, end_ns): auctions, breaks, nights off and holidays count nothing."""
        total, at = 0, start_ns
        while at < end_ns:
            window = self.window_at(at, group_id)
            if window.phase is SessionPhase.CONTINUOUS:
                total += min(window.end_ns, end_ns) - at
            at = window.end_ns
        return total

    def trading_seconds_between(self, start_ns: int, end_ns: int, group_id: str) -> float:
        """The same in seconds, for display and pacing."""
        return self.trading_ns_between(start_ns, end_ns, group_id) / NS_PER_SECOND

    def settlement_hours(self, trading_day: date, group_id: str) -> tuple[tuple[int, int], ...]:
        """The day cut into hours of continuous trading, the last hour first, as [start_ns, end_ns) with breaks inside.

        CFFEX settles at the VWAP of the first of these that has a trade. The closing auction counts to the last hour, the
        opening auction to the earliest. Raises BadRequest when it is not a trading day.
        """
        windows = self._traded(trading_day, group_id)
        hours: list[tuple[int, int]] = []
        end_ns, missing = windows[-1].end_ns, HOUR_NS
        for window in reversed([window for window in windows if window.phase is SessionPhase.CONTINUOUS]):
            left = window.end_ns - window.start_ns
            while left >= missing:
                left -= missing
                hours.append((window.start_ns + left, end_ns))
                end_ns, missing = window.start_ns + left, HOUR_NS
            missing -= left
        opened = windows[0].start_ns
        if missing < HOUR_NS:
            hours.append((opened, end_ns))
        elif hours:
            hours[-1] = (opened, hours[-1][1])
        return tuple(hours)

    def _traded(self, trading_day: date, group_id: str) -> tuple[PhaseWindow, ...]:
        windows = self.phases(trading_day, group_id)
        if not windows:
            raise BadRequest("not a trading day", group=group_id, day=trading_day.isoformat())
        return windows

    def _timetable(self, trading_day: date, group_id: str) -> tuple[list[int], tuple[PhaseWindow, ...]]:
        """The day's windows with CLOSED ones around them, so that every instant of the trading day falls into one."""
        key = (group_id, trading_day)
        timetable = self._timetables.get(key)
        if timetable is None:
            windows = self._traded(trading_day, group_id)
            begin, end = self.days(group_id).span(trading_day)
            before = PhaseWindow(SessionPhase.CLOSED, begin, windows[0].start_ns)
            after = PhaseWindow(SessionPhase.CLOSED, windows[-1].end_ns, end)
            every = (before, *windows, after)
            timetable = self._timetables[key] = ([window.start_ns for window in every], every)
        return timetable


@cache
def load_calendar() -> TradingCalendar:
    """The packaged calendar: China 2020-2026 (sessions from their ``since``), Vietnam 2025-2026. Raises ConfigError."""
    markets = [read_packaged(f"holidays/{name}.toml", Market) for name in ("china", "vietnam")]
    sessions = read_packaged("sessions.toml", SessionFile)
    return TradingCalendar({market.id: TradingDays(market) for market in markets}, sessions.groups)
