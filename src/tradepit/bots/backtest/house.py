"""The house of a backtest: order desk, venue and ledger as live, one thread, and a clock that is moved and never runs."""

from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from heapq import heappop, heappush
from typing import Any

import msgspec

from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.matching import commands
from tradepit.trading.matching.events import CommandRefused, Event, PhaseChanged
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.errors import BotRefused, VenueRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.tick import Tick
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.review import review_cancel
from tradepit.trading.risk.rule import Rule

_ADVANCE = commands.AdvanceTime()
_ENCODE_INTO = msgspec.json.Encoder().encode_into
_MOST_AT_ONCE = 1_000_000  # things that happen between two ticks; more than that is a circle
_WRITTEN_AT_ONCE = 1_024
_REPORTS = (OrderReport, TradeReport, DayReport)

# What happens next: when (UTC ns), its turn among those of one instant, and what is called with what.
Due = tuple[int, int, Callable[[Any], object], Any]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The review refused an order: it never left."""

    time_ns: int
    intent: OrderIntent
    code: str
    message: str


News = Report | PhaseChanged | Refusal


class VirtualHouse:
    """``tell`` hears everything that happens, in order: reports, phases, refusals. ``digest`` is over the same, byte for byte.

    What is sent takes ``latency_ns`` to the desk, which stands beside the exchange, and so does the news on the way back. Things
    due at one instant happen in the order in which they were set going; ``due`` is what has been set going and has not happened.
    """

    def __init__(
        self,
        calendar: TradingCalendar,
        rules: tuple[Rule, ...],
        tell: Callable[[News], None],
        *,
        venue: VenueSettings,
        latency_ns: int = 0,
    ) -> None:
        self.now_ns = 0
        self.venue = Venue(venue, calendar=calendar)
        self._desk = OrderDesk(rules)
        self._unseen: dict[str, Tick] = {}
        self.refused_ticks: dict[str, int] = {}
        self.other_references: list[tuple[str, int]] = []
        self._tell, self._latency_ns = tell, latency_ns
        self.due: list[Due] = []
        self._wakes_ns = self.venue.next_wakeup_ns()
        self._set_going = 0
        self._digest = sha256()
        self._unwritten: list[Event | Refusal] = []
        self._day_of: dict[str, int] = {}

    @property
    def desk(self) -> OrderDesk:
        """The order desk, as of now."""
        if self._unseen:
            self._catch_up()
        return self._desk

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all events so far, in order."""
        self._write_down()
        return self._digest.hexdigest()

    # The world

    def open_account(self, account: str, deposit: Decimal, currency: str) -> None:
        """Open an account now."""
        self.obey(commands.OpenAccount(account=account, deposit=deposit, currency=currency))

    def list_instrument(self, instrument: Instrument, reference: Decimal) -> None:
        """List a contract now, with its previous settlement price. Raises VenueRefused with what the venue has against it."""
        refused = self._venue(commands.ListInstrument(instrument=instrument, reference=reference))
        if refused is not None:
            raise VenueRefused(refused.code, refused.message, symbol=instrument.symbol)
        self.desk.apply(facts.InstrumentKnown(time_ns=self.now_ns, instrument=instrument, reference=str(reference)))

    def show(self, tick: Tick) -> bool:
        """The outside market shows this now; False when the venue refuses the tick (counted by field).

        A recording with a gap in it carries another previous settlement than the venue, which never saw the missing hours: it
        is noted, and the venue's own is used.
        """
        if self._day_of.get(tick.symbol) != tick.trading_day:
            self._day_of[tick.symbol] = tick.trading_day
            reference = self.venue.reference(tick.symbol)
            if tick.pre_settlement not in (0, reference):
                self.other_references.append((tick.symbol, tick.trading_day))
        if self.other_references and (tick.symbol, tick.trading_day) in self.other_references:
            tick = msgspec.structs.replace(tick, upper_limit_ticks=0, lower_limit_ticks=0, pre_settlement=Decimal(0))
        return self.take_tick(tick)

    def take_tick(self, tick: Tick) -> bool:
        """The same for a tick that is taken, or refused, as it is."""
        refused = self._venue(commands.ApplyTick(tick=tick))
        if refused is not None:
            field = refused.details.get("field", refused.code)
            self.refused_ticks[field] = self.refused_ticks.get(field, 0) + 1
            return False
        former = self._unseen.get(tick.symbol)
        if former is not None and not _covers(tick, former):
            self._desk.exposure.on_tick(former)
        self._unseen[tick.symbol] = tick
        return True

    def _catch_up(self) -> None:
        """Show the desk the newest ticks: it is shown them when it is asked, for of several it needs the last alone."""
        for tick in self._unseen.values():
            self._desk.exposure.on_tick(tick)
        self._unseen.clear()

    def advance(self, now_ns: int) -> None:
        """Let everything happen that is due up to ``now_ns``: what was sent arrives, sessions begin and end, days are settled."""
        due = self.due
        if self._wakes_ns > now_ns and (not due or due[0][0] > now_ns):
            if now_ns > self.now_ns:  # noqa: PLR1730 - max() is a slow call
                self.now_ns = now_ns
            return
        for _ in range(_MOST_AT_ONCE):
            if due and due[0][0] <= now_ns and due[0][0] < self._wakes_ns:
                at_ns, _, action, argument = heappop(due)
                if at_ns > self.now_ns:  # noqa: PLR1730 - max() is a slow call
                    self.now_ns = at_ns
                action(argument)
            elif self._wakes_ns <= now_ns:
                self.now_ns = max(self.now_ns, self._wakes_ns)
                self._venue(_ADVANCE)
            else:
                self.now_ns = max(self.now_ns, now_ns)
                return
        raise BotRefused("BOT_NEVER_RESTS", "The bot goes on sending without time passing.", at_ns=self.now_ns)

    # The order path

    def submit(self, intent: OrderIntent) -> None:
        """Send an order from where the bot is."""
        self._after(self._latency_ns, self.review, intent)

    def cancel(self, account: str, client_order_id: str) -> None:
        """Send a cancel from where the bot is."""
        self._after(self._latency_ns, self._cancel, commands.CancelOrder(account=account, client_order_id=client_order_id))

    def review(self, intent: OrderIntent) -> None:
        """The order is at the desk: reviewed and sent on to the venue now, or refused."""
        approved, refusal = self.desk.pass_on(intent, self.now_ns)
        if approved is not None:
            self._venue(commands.SubmitOrder(intent=approved.intent))
        for told in refusal:
            if isinstance(told, facts.OrderRefused):
                self._happened(Refusal(time_ns=self.now_ns, intent=intent, code=told.code, message=told.message))

    def obey(self, command: commands.Command) -> None:
        """Apply a recorded command now. What it opens or lists is known to the desk too, if the venue took it."""
        if self._venue(command) is not None:
            return
        if isinstance(command, commands.OpenAccount):
            self.desk.apply(facts.AccountKnown(time_ns=self.now_ns, account=command.account, equity=str(command.deposit)))
        elif isinstance(command, commands.ListInstrument):
            told = facts.InstrumentKnown(time_ns=self.now_ns, instrument=command.instrument, reference=str(command.reference))
            self.desk.apply(told)
        elif isinstance(command, commands.Transfer):
            self.desk.exposure.transfer(command.account, command.amount)

    def _cancel(self, command: commands.CancelOrder) -> None:
        # How long a cancel waits depends on no price: the desk needs not catch up for it.
        desk = self._desk
        wait_ns = review_cancel(command.account, desk.exposure, desk.limits.base, self.now_ns)
        if wait_ns > 0:
            self._after(wait_ns, self.take_cancel, command)
        else:
            self.take_cancel(command)

    def take_cancel(self, command: commands.CancelOrder) -> None:
        """A cancel is at the venue. One it will not take now (a break, an auction) is tried again when the phase changes."""
        refused = self._venue(command)
        if refused is not None and refused.code == "NOT_TRADING_PERIOD":
            self._after(max(1, self._wakes_ns - self.now_ns), self.take_cancel, command)

    def _after(self, wait_ns: int, action: Callable[[Any], object], argument: object) -> None:
        self._set_going += 1
        heappush(self.due, (self.now_ns + wait_ns, self._set_going, action, argument))

    # What happens

    def _venue(self, command: commands.Command) -> CommandRefused | None:
        """Apply one command now; its refusal is the answer, everything else that happened is told."""
        events = self.venue.apply(command, self.now_ns)
        # Nothing but a command changes when the venue wakes next, and it is asked far more often than it is told something.
        self._wakes_ns = self.venue.next_wakeup_ns()
        # Most commands are ticks, and nothing happens by most ticks.
        return self._take(events) if events else None

    def _take(self, events: tuple[Event, ...]) -> CommandRefused | None:
        refused = None
        for event in events:
            if isinstance(event, _REPORTS):
                self.desk.apply_report(event, self.now_ns)
                self._happened(event)
            elif isinstance(event, PhaseChanged):
                self.desk.exposure.on_phase(event.symbol, event.phase)
                self._happened(event)
            else:
                self._unwritten.append(event)
                if isinstance(event, CommandRefused):
                    refused = event
        return refused

    def _write_down(self) -> None:
        """Take what has happened into the digest, each event by itself: how many go at once makes no difference."""
        written = bytearray()
        for event in self._unwritten:
            _ENCODE_INTO(event, written, -1)
        self._digest.update(written)
        self._unwritten.clear()

    def _happened(self, news: News) -> None:
        unwritten = self._unwritten
        unwritten.append(news)
        if len(unwritten) >= _WRITTEN_AT_ONCE:
            self._write_down()
        self._after(self._latency_ns, self._tell, news)


def _covers(newer: Tick, older: Tick) -> bool:
    """True when whoever sees the newer tick of a contract has no need of the older: it tells all that the older one told."""
    return (
        newer.trading_day == older.trading_day
        and newer.time_ns >= older.time_ns
        and newer.last_ticks > 0
        and (newer.upper_limit_ticks > 0 or not older.upper_limit_ticks)
    )
