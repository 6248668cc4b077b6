"""How the venue's time passes: every phase change, auction, close and settlement up to an instant, in order, each at its own."""

from datetime import date

from tradepit.trading.calendar.local_time import local_ns
from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.matching.events import PhaseChanged
from tradepit.trading.matching.venue_auction import uncross
from tradepit.trading.matching.venue_floor import Floor, as_number
from tradepit.trading.matching.venue_market import NEVER_NS, Market
from tradepit.trading.matching.venue_orders import expire_all
from tradepit.trading.matching.venue_outside import withdraw_quotes
from tradepit.trading.matching.venue_settlement import settle_day
from tradepit.trading.matching.venue_snapshots import publish
from tradepit.trading.model.errors import CalendarUnknown
from tradepit.trading.model.terms import SessionPhase


def begin(floor: Floor, now_ns: int) -> None:
    """The first instant of a new venue: which trading day it is. Raises CalendarUnknown and changes nothing then.

    Past the settlement hour of a trading day the venue begins with the next one.
    """
    days = floor.calendar.days(floor.settings.session_group)
    day = days.trading_day_at(now_ns)
    if now_ns >= settlement_instant(floor, day):
        day = days.next_trading_day(day)
    floor.now_ns = now_ns
    floor.ledger = Ledger(as_number(day), floor.settings.ledger)
    floor.begin_day(day, settlement_instant(floor, day))
    find_next_due(floor)


def settlement_instant(floor: Floor, day: date) -> int:
    """UTC ns at which ``day`` may be settled."""
    hour, minute = divmod(floor.settings.settle_minute, 60)
    return local_ns(day, f"{hour:02}:{minute:02}", floor.calendar.days(floor.settings.session_group).zone)


def advance(floor: Floor, now_ns: int) -> None:
    """Let everything happen that is due up to ``now_ns``; an instant before the venue's own changes nothing."""
    while floor.next_due_ns <= now_ns:
        floor.now_ns = max(floor.now_ns, floor.next_due_ns)
        for market in tuple(floor.markets.values()):
            if market.boundary_ns <= floor.now_ns:
                change_phase(floor, market)
        if floor.now_ns >= floor.settle_at_ns and all(market.finished for market in floor.markets.values()):
            _roll(floor)
        find_next_due(floor)
    floor.now_ns = max(floor.now_ns, now_ns)


def find_next_due(floor: Floor) -> None:
    """Note when something is due next: a phase boundary, or the settlement hour that has not come yet."""
    due = min((market.boundary_ns for market in floor.markets.values()), default=NEVER_NS)
    if floor.settle_at_ns > floor.now_ns:
        due = min(due, floor.settle_at_ns)
    floor.next_due_ns = due


def change_phase(floor: Floor, market: Market) -> None:
    """The market enters the phase of this instant: an ended auction is matched, a close expires the day's orders."""
    former = market.phase
    enter_phase(floor, market)
    if market.phase is former:
        return
    if former is SessionPhase.CONTINUOUS:
        withdraw_quotes(market)
    floor.events.append(
        PhaseChanged(symbol=market.symbol, phase=market.phase, time_ns=floor.now_ns, trading_day=floor.trading_day)
    )
    if former.gathers:
        uncross(floor, market)
    if market.finished:
        expire_all(floor, market)
    publish(floor, market)


def enter_phase(floor: Floor, market: Market) -> None:
    """Read the calendar: the phase now, when it ends, and whether the market is done with the trading day."""
    group = market.product.session_group
    try:
        market.phase = floor.calendar.phase_at(floor.now_ns, group)
        market.boundary_ns = floor.calendar.next_boundary(floor.now_ns, group)[0]
    except CalendarUnknown:
        # The calendar's last known day is over: closed for good, until a newer calendar says otherwise.
        market.phase, market.boundary_ns = SessionPhase.CLOSED, NEVER_NS
    market.finished = market.phase is SessionPhase.CLOSED and market.boundary_ns > floor.settle_at_ns


def _roll(floor: Floor) -> None:
    days = floor.calendar.days(floor.settings.session_group)
    try:
        following = days.next_trading_day(floor.trading_date)
    except CalendarUnknown as error:
        floor.refuse(error)
        floor.settle_at_ns = NEVER_NS
        return
    settle_day(floor, following, settlement_instant(floor, following))
    for market in floor.markets.values():
        enter_phase(floor, market)
