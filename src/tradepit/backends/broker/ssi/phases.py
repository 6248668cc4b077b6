"""What HNX's market is doing: as SSI tells it, and as the calendar says where SSI has told nothing or nothing lately."""

from typing import NamedTuple

from loguru import logger

from tradepit.backends.broker.ssi.news import ToldSession
from tradepit.ports.clock import Clock
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import CalendarUnknown
from tradepit.trading.model.terms import SessionPhase

_HALT = "HALT"
_WORDS = {
    "ATO": SessionPhase.AUCTION_ORDERING,
    "LO": SessionPhase.CONTINUOUS,
    "BREAK": SessionPhase.BREAK,
    _HALT: SessionPhase.BREAK,
    "ATC": SessionPhase.CLOSING_AUCTION,
    # After the auction only what was negotiated is still traded.
    "PT": SessionPhase.CLOSED,
    "PLO": SessionPhase.CLOSED,
    "C": SessionPhase.CLOSED,
}
# A contract's own: halted for now; suspended, and by halves; delisted.
_STATUSES = {
    "H": SessionPhase.BREAK,
    "S": SessionPhase.CLOSED,
    "SA": SessionPhase.CLOSED,
    "D": SessionPhase.CLOSED,
}
# So long after its own hour a session may last without being told of once more.
_LATE_NS = 10_000_000_000
_MOST_UNKNOWN = 100


class _Told(NamedTuple):
    phase: SessionPhase
    told_ns: int
    day: int
    halts: bool


class ToldPhases:
    """What was told holds until something else is told. A session ends with its hour, ten seconds after the calendar's next has begun at
    the latest; a halt, which knows no hour, with the day.

    ``clock`` is the market's. Nothing is believed any more once the stream that told it is lost (``forget``).
    """

    def __init__(self, calendar: TradingCalendar, clock: Clock, group: str) -> None:
        self._calendar, self._clock, self._group = calendar, clock, group
        self._sessions: dict[str, _Told] = {}
        self._halted: dict[str, _Told] = {}
        self._unknown: set[str] = set()

    def tell(self, told: ToldSession, symbol: str, told_ns: int) -> None:
        """SSI's words for ``symbol``, or for the whole market where that is empty, of ``told_ns`` (UTC).

        A word that is not known changes nothing, and is logged once; what is of no known day changes nothing.
        """
        day = self.day_of(told_ns)
        if not day:
            return
        word, status = told.word.strip().upper(), told.status.strip().upper()
        if word in _WORDS:
            self._sessions[symbol] = _Told(_WORDS[word], told_ns, day, word == _HALT)
        elif word and word not in self._unknown and len(self._unknown) < _MOST_UNKNOWN:
            self._unknown.add(word)
            logger.warning("ssi: the session {!r} is not known here, the calendar's holds", word[:16])
        if status in _STATUSES:
            self._halted[symbol] = _Told(_STATUSES[status], told_ns, day, halts=True)
        elif status:
            self._halted.pop(symbol, None)

    def day_of(self, instant_ns: int) -> int:
        """The trading day of an instant, YYYYMMDD; 0 where the calendar knows of none."""
        try:
            day = self._calendar.trading_day_of(instant_ns, self._group)
        except CalendarUnknown:
            return 0
        return day.year * 10_000 + day.month * 100 + day.day

    def forget(self) -> None:
        """Whoever told it is not heard any more."""
        self._sessions.clear()
        self._halted.clear()

    def phase_of(self, symbol: str) -> SessionPhase:
        """What a contract's market is doing now. Raises CalendarUnknown."""
        now_ns = self._clock.now_ns()
        window = self._calendar.window_at(now_ns, self._group)
        if not self._sessions and not self._halted:
            return window.phase
        today = self.day_of(now_ns)
        halted = self._halted.get(symbol)
        if halted is not None and halted.day == today:
            return halted.phase
        told = [each for each in (self._sessions.get(symbol), self._sessions.get("")) if each is not None and each.day == today]
        newest = max(told, key=lambda each: each.told_ns, default=None)
        if newest is None:
            return window.phase
        holds = newest.halts or newest.told_ns >= window.start_ns or now_ns < window.start_ns + _LATE_NS
        return newest.phase if holds else window.phase
