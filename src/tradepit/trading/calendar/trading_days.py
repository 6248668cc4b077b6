"""Which days one country's exchanges trade, and which trading day an instant belongs to."""

from bisect import bisect_right
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec

from tradepit.trading.calendar.local_time import local_ns
from tradepit.trading.model.errors import CalendarUnknown, ConfigError

ONE_DAY = timedelta(days=1)
SATURDAY = 5


class HolidayYear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weekdays of one year without trading, with the notice they come from."""

    year: int
    as_of: date
    source: str
    closed: tuple[date, ...]


class Market(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One country's holiday file. ``rolls_at`` is the local time (HH:MM) from which an instant counts to the next trading day."""

    id: str
    time_zone: str
    rolls_at: str
    years: tuple[HolidayYear, ...]


class TradingDays:
    """Trading-day arithmetic of one market. A date in a year without data raises CalendarUnknown; nothing is guessed."""

    def __init__(self, market: Market) -> None:
        """Raises ConfigError when the years have a gap or a closed date lies outside its year or on a weekend."""
        _check(market)
        self.zone = ZoneInfo(market.time_zone)
        self._id = market.id
        self._closed = frozenset(day for year in market.years for day in year.closed)
        first, last = market.years[0].year, market.years[-1].year
        self._known = range(first, last + 1)
        start = date(first, 1, 1)
        every = (start + timedelta(days=n) for n in range((date(last + 1, 1, 1) - start).days))
        self._days = [day for day in every if self.is_trading_day(day)]
        self._index = {day: n for n, day in enumerate(self._days)}
        # _rolls[n] and _rolls[n + 1] bound, in UTC ns, the instants that belong to trading day n.
        self._rolls = [local_ns(start, "00:00", self.zone), *(local_ns(day, market.rolls_at, self.zone) for day in self._days)]

    def is_trading_day(self, day: date) -> bool:
        """True when the market trades on ``day``; make-up working weekends never do. Raises CalendarUnknown."""
        if day.year not in self._known:
            raise CalendarUnknown(market=self._id, day=day.isoformat())
        return day.weekday() < SATURDAY and day not in self._closed

    def next_trading_day(self, day: date) -> date:
        """The first trading day after ``day``. Raises CalendarUnknown."""
        day += ONE_DAY
        while not self.is_trading_day(day):
            day += ONE_DAY
        return day

    def previous_trading_day(self, day: date) -> date:
        """The last trading day before ``day``. Raises CalendarUnknown."""
        day -= ONE_DAY
        while not self.is_trading_day(day):
            day -= ONE_DAY
        return day

    def has_night(self, trading_day: date) -> bool:
        """True when a night session may precede ``trading_day``: no public holiday lies between it and the trading day before.

        Weekends do not cancel a night session, so Monday's is held on Friday evening. Raises CalendarUnknown.
        """
        if not self.is_trading_day(trading_day):
            return False
        day = trading_day - ONE_DAY
        while day.weekday() >= SATURDAY:
            day -= ONE_DAY
        return self.is_trading_day(day)

    def trading_day_at(self, instant_ns: int) -> date:
        """The trading day ``instant_ns`` (UTC) belongs to: the next one once the market has rolled. Raises CalendarUnknown."""
        n = bisect_right(self._rolls, instant_ns)
        if not 0 < n <= len(self._days):
            raise CalendarUnknown(market=self._id, instant_ns=instant_ns)
        return self._days[n - 1]

    def span(self, trading_day: date) -> tuple[int, int]:
        """First (included) and last (excluded) UTC ns that belong to ``trading_day``. Raises CalendarUnknown when it is none."""
        n = self._index.get(trading_day)
        if n is None:
            raise CalendarUnknown("not a trading day", market=self._id, day=trading_day.isoformat())
        return self._rolls[n], self._rolls[n + 1]


def _check(market: Market) -> None:
    years = [entry.year for entry in market.years]
    if not years or years != list(range(years[0], years[0] + len(years))):
        raise ConfigError(f"holidays of {market.id}: years must be consecutive, got {years}")
    for entry in market.years:
        wrong = [str(day) for day in entry.closed if day.year != entry.year or day.weekday() >= SATURDAY]
        if wrong:
            raise ConfigError(f"holidays of {market.id} {entry.year}: not weekdays of that year: {wrong}")
