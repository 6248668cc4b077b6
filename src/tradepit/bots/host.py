"""The host of one bot: calls it, sends what it wants, tells it what happened, and keeps its faults from everybody else."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tradepit.bots.bot import BotBase
from tradepit.bots.call import FAULTS, Caller, Rest, drive
from tradepit.bots.context import BotContext, Supplies
from tradepit.bots.desk import BotDesk
from tradepit.bots.events import BotEvent, EventKind
from tradepit.bots.host_settings import HostSettings, Phase
from tradepit.bots.identity import BotIdentity
from tradepit.bots.intents import CancelOrders, Sent, read_intent
from tradepit.bots.market import MarketBoard
from tradepit.bots.order_port import OrderPort
from tradepit.bots.own_orders import OwnOrders
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import BotRefused, TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick

_RUNNING, _PAUSED = Phase.RUNNING, Phase.PAUSED  # named for each order: see ``at_hand``
_TRADES = frozenset({Phase.STARTING, _RUNNING, Phase.STOPPING})
_DEAF = frozenset({Phase.NEW, Phase.STOPPED, Phase.ERROR})
_SHOWN_EACH = 10
_DEFAULTS = HostSettings()


class BotHost:
    """Shared by the live runner and the backtester; no clock, no task, no I/O of its own.

    Every method that may call the bot comes in two: ``tick`` runs the bot to its end at once (an asynchronous one without a loop, see
    ``call.drive``), ``tick_async`` awaits it. One call at a time: whoever hosts the bot keeps them apart, and a port never calls
    back from inside ``submit``. Nothing that a bot raises comes out of here.
    """

    def __init__(
        self,
        make: Callable[[BotContext], BotBase],
        port: OrderPort,
        identity: BotIdentity,
        *,
        clock_ns: Callable[[], int],
        calendar: TradingCalendar,
        instruments: Iterable[Instrument] = (),
        settings: HostSettings = _DEFAULTS,
        supplies: Supplies | None = None,
    ) -> None:
        """``make`` builds the bot around its context. Raises BotRefused BOT_FAILED_TO_START when it raises."""
        supplies = supplies or Supplies()
        self.bot_id, self.account, self.settings = identity.bot_id, identity.account, settings
        self.orders = OwnOrders(identity.bot_id, identity.account, next_sequence=identity.next_sequence)
        self.board = MarketBoard(self.orders, calendar, window_ticks=settings.window_ticks)
        self.phase, self.reason = Phase.NEW, ""
        self.ticks = self.wishes = self.fills = self.consecutive_errors = 0
        self.refusals: Counter[str] = Counter()
        self._port, self._clock_ns, self._log = port, clock_ns, supplies.logger
        self._caller = Caller(identity.bot_id, supplies.logger, self._flush)
        self._desk = BotDesk(self.board, self.orders)
        self._pending: list[BotEvent] = []
        self._wished = 0
        for instrument in instruments:
            self.list_instrument(instrument)
        self.ctx = BotContext(identity, self.board, self.want, supplies)
        self._read_clock()
        try:
            self.bot = make(self.ctx)
        except FAULTS as error:
            raise BotRefused("BOT_FAILED_TO_START", "The bot's constructor raised.", error=repr(error)[:200]) from error
        self.orders.told = self._listens

    @property
    def exceptions(self) -> int:
        """How often the bot raised."""
        return self._caller.exceptions

    # Before the start

    def list_instrument(self, instrument: Instrument) -> None:
        """Let the bot see and trade a contract. Listing it again changes nothing."""
        self.board.list_instrument(instrument)

    def adopt(self, orders: Iterable[Order], positions: Mapping[str, tuple[Position, int]] | None = None) -> None:
        """What a former life of this bot left: working orders and, by symbol, lots with their average price in ticks."""
        for order in orders:
            instrument = self.board.instrument(order.intent.symbol)
            if instrument is not None:
                self.orders.adopt(order, instrument)
        for symbol, (position, price_ticks) in (positions or {}).items():
            self.orders.position(self.board[symbol].instrument).adopt(position, price_ticks)

    # Calls in pairs

    def start(self) -> bool:
        """Call ``on_start``; False when it raised: the bot is in ERROR and will not be called again."""
        self._finish(self._start())
        return self.phase is _RUNNING

    async def start_async(self) -> bool:
        """The same in an event loop."""
        await self._await(self._start())
        return self.phase is _RUNNING

    def see(self, tick: Tick) -> bool:
        """Take over a tick without calling the bot, for a runner that has newer ones already. False when it is old or unknown."""
        return self.board.see(tick) is not None

    def tick(self, tick: Tick) -> None:
        """Take over a tick and call ``on_tick``, if the bot is running."""
        rest = self._tick(tick)
        if rest is not None or self._pending:
            self._finish(rest)

    async def tick_async(self, tick: Tick) -> None:
        """The same in an event loop."""
        await self._await(self._tick(tick))

    def report(self, report: Report) -> None:
        """Fold what the broker told and call ``on_event`` with it; repeated reports and those of others change nothing."""
        self._learn(report)
        if self._pending:
            self._finish(None)

    async def report_async(self, report: Report) -> None:
        """The same in an event loop."""
        self._learn(report)
        await self._await(None)

    def refuse(self, client_order_id: str, code: str, message: str = "") -> None:
        """The review, or the way to it, refused the order; it never left."""
        self._note(self.orders.end(client_order_id, code, message, self._read_clock()))
        self._finish(None)

    async def refuse_async(self, client_order_id: str, code: str, message: str = "") -> None:
        """The same in an event loop."""
        self._note(self.orders.end(client_order_id, code, message, self._read_clock()))
        await self._await(None)

    def doubt(self, client_order_id: str, reason: str) -> None:
        """No answer came: what became of the order is being found out. It counts as working until a report says otherwise."""
        self._note(self.orders.doubt(client_order_id, reason, self._read_clock()))
        self._finish(None)

    async def doubt_async(self, client_order_id: str, reason: str) -> None:
        """The same in an event loop."""
        self._note(self.orders.doubt(client_order_id, reason, self._read_clock()))
        await self._await(None)

    def session_phase(self, symbol: str, phase: SessionPhase, trading_day: int) -> None:
        """A contract's session phase changed."""
        self._note_phase(symbol, phase, trading_day)
        self._finish(None)

    async def session_phase_async(self, symbol: str, phase: SessionPhase, trading_day: int) -> None:
        """The same in an event loop."""
        self._note_phase(symbol, phase, trading_day)
        await self._await(None)

    def stop(self, reason: str) -> None:
        """Call ``on_stop``, send its last wishes, cancel what works (``cancel_on_stop``). Stopping twice is stopping once."""
        self._finish(self._stop(reason))
        self._stopped()

    async def stop_async(self, reason: str) -> None:
        """The same in an event loop."""
        await self._await(self._stop(reason))
        self._stopped()

    # Between

    def pause(self, reason: str) -> None:
        """Call ``on_tick`` no more until ``resume``; events still come, and only cancels still go."""
        if self.phase is _RUNNING:
            self.phase, self.reason = _PAUSED, reason
            if self.settings.cancel_on_pause:
                self._cancel_all()
            self._flush()

    def resume(self) -> None:
        """Go on after a pause; the exceptions in a row count anew."""
        if self.phase is _PAUSED:
            self.phase, self.reason, self.consecutive_errors = _RUNNING, "", 0

    def health(self) -> dict[str, Any]:
        """The host's figures, and under ``bot`` what the bot says of itself. Never raises."""
        try:
            own = dict(self.bot.health())
        except FAULTS as error:
            own = {"ok": False, "error": repr(error)[:200]}
        return {
            "phase": self.phase.value,
            "reason": self.reason,
            "ticks": self.ticks,
            "intents": self.wishes,
            "orders": self.orders.sequence,
            "working": len(self.orders),
            "fills": self.fills,
            "refusals": dict(self.refusals),
            "exceptions": self._caller.exceptions,
            "consecutive_errors": self.consecutive_errors,
            "last_error": self._caller.last_error,
            "pnl": self.ctx.pnl,
            "bot": own,
        }

    def want(self, told: object) -> Sent:
        """One wish of the bot: on its way, or refused with a code. Raises BotRefused BOT_WANTS_TOO_MUCH, which ends the call."""
        if isinstance(told, Sent):
            return told
        self._wished += 1
        most = self.settings.max_wishes_per_call
        if self._wished > most:
            raise BotRefused("BOT_WANTS_TOO_MUCH", "The bot wants more in one call than may be.", most=most)
        try:
            intent = read_intent(told)
            if self.phase not in _TRADES and not (self.phase is _PAUSED and isinstance(intent, CancelOrders)):
                raise BotRefused("BOT_NOT_RUNNING", "The bot is not running.", phase=self.phase.value)
            sent = self._desk.want(intent)
        except TradepitError as error:
            return self._refused(error, told)
        self.wishes += 1
        return sent

    # Inside

    @property
    def _listens(self) -> bool:
        """False for a bot without an ``on_event`` of its own: there is nothing to call."""
        return getattr(self.bot.on_event, "__func__", None) is not BotBase.on_event

    def _refused(self, error: TradepitError, told: object) -> Sent:
        message = str(error)[:200]
        # A bot that errs on every tick would fill the log: the first of each kind are shown, all are counted.
        level = "WARNING" if self.refusals[error.reason_code] < _SHOWN_EACH else "DEBUG"
        self._log.log(level, "bot {}: intent refused: {} ({})", self.bot_id, message, str(told)[:200])
        self._note(BotEvent(kind=EventKind.REJECT, time_ns=self.board.now_ns, reason=error.reason_code, message=message))
        return Sent(refused=error.reason_code, message=message)

    def _read_clock(self) -> int:
        now_ns = self.board.now_ns = self._clock_ns()
        return now_ns

    def _finish(self, rest: Rest) -> None:
        if rest is not None:
            drive(rest)
        while self._pending and (rest := self._tell(self._pending.pop(0))) is not None:
            drive(rest)

    async def _await(self, rest: Rest) -> None:
        if rest is not None:
            await rest
        while self._pending:
            rest = self._tell(self._pending.pop(0))
            if rest is not None:
                await rest

    def _tell(self, event: BotEvent) -> Rest:
        return None if self.phase in _DEAF or not self._listens else self._call(self.bot.on_event, event)

    def _call(
        self, method: Callable[..., object], argument: object = None, then: "Callable[[BaseException | None], None] | None" = None
    ) -> Rest:
        self._read_clock()
        self._wished = 0
        return self._caller.call(method, argument, _take_nothing, then)

    def _start(self) -> Rest:
        if self.phase is not Phase.NEW:
            return None
        self.phase = Phase.STARTING
        return self._call(self.bot.on_start, None, self._started)

    def _started(self, error: BaseException | None) -> None:
        self.phase, self.reason = (_RUNNING, "") if error is None else (Phase.ERROR, repr(error)[:200])
        self.orders.told = self._listens

    def _tick(self, tick: Tick) -> Rest:
        market = self.board.see(tick)
        if market is None or self.phase is not _RUNNING:
            return None
        self.ticks += 1
        self._read_clock()
        self._wished = 0
        return self._caller.call(self.bot.on_tick, market, self.want, self._ticked)

    def _ticked(self, error: BaseException | None) -> None:
        if error is None:
            self.consecutive_errors = 0
            return
        self.consecutive_errors += 1
        if self.consecutive_errors >= self.settings.max_consecutive_errors:
            self.pause("max-errors")

    def _stop(self, reason: str) -> Rest:
        if self.phase in _DEAF or self.phase is Phase.STOPPING:
            return None
        self.phase, self.reason = Phase.STOPPING, reason
        return self._call(self.bot.on_stop, reason)

    def _stopped(self) -> None:
        if self.phase is Phase.STOPPING:
            if self.settings.cancel_on_stop:
                self._cancel_all()
            self._flush()
            self.phase = Phase.STOPPED

    def _cancel_all(self) -> None:
        for order in tuple(self.orders.values()):
            self.orders.cancel(order)

    def _flush(self) -> None:
        if not self.orders.outgoing:
            return
        for item in self.orders.take_outgoing():
            if item.intent is not None:
                self._port.submit(item.intent, item.sequence)
            else:
                self._port.cancel(self.account, item.order_id)

    def _learn(self, report: Report) -> None:
        self._read_clock()
        event = self.orders.apply(report, self.board.instrument)
        if event is not None:
            self.fills += event.kind is EventKind.FILL
            self._note(event)

    def _note_phase(self, symbol: str, phase: SessionPhase, trading_day: int) -> None:
        now_ns = self._read_clock()
        self._note(BotEvent(kind=EventKind.PHASE, time_ns=now_ns, symbol=symbol, phase=phase, trading_day=trading_day))

    def _note(self, event: BotEvent | None) -> None:
        if event is not None:
            if event.kind is EventKind.REJECT:
                self.refusals[event.reason] += 1
            self._pending.append(event)


def _take_nothing(told: object) -> None:
    """Only ``on_tick`` may return intents: dropping those of other methods in silence would lose orders."""
    if not isinstance(told, Sent):
        raise BotRefused("BOT_ANSWER_NOT_VALID", "Only on_tick returns intents; use ctx.", type=type(told).__name__)
