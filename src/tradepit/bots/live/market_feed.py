"""The house's market as bots see it: the exchange's own book while it is told, the market's ticks otherwise, and phases."""

from collections.abc import Callable

import msgspec

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick
from tradepit.wire.simulator import MARKET_DEPTH, MARKET_PHASE, MARKET_TICK, PhaseData, TickData
from tradepit.wire.simulator_codec import tick_of

_BOOK_LIVES_NS = 2_000_000_000
_MS = 1_000_000
_TICK = msgspec.json.Decoder(TickData)
_PHASE = msgspec.json.Decoder(PhaseData)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError, TradepitError)


class MarketFeed:
    """Best effort, like the ticks themselves. Messages that are none are counted; contracts nobody knows are noted in ``unknown``.

    The book that is told for the first time, or again after a silence, takes over from the ticks: of an instant (a millisecond) that
    a tick has told already it is not told once more.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        instruments: dict[str, Instrument],
        on_tick: Callable[[Tick, int], None],
        on_phase: Callable[[str, SessionPhase, int], None],
    ) -> None:
        self._bus, self._clock, self._instruments = bus, clock, instruments
        self._on_tick, self._on_phase = on_tick, on_phase
        self._book_ns: dict[str, int] = {}
        self._ticked_ms: dict[str, int] = {}
        self._subscriptions: list[Subscription] = []
        self._last_ns = 0
        self.ticks = self.refused = 0
        self.unknown = False

    @property
    def age_s(self) -> float:
        """Seconds since the last tick of a known contract; 0 before the first."""
        return (self._clock.monotonic_ns() - self._last_ns) / 1e9 if self._last_ns else 0.0

    async def start(self) -> None:
        """Listen."""
        for channel, handler in (
            (MARKET_TICK, self._take_tick),
            (MARKET_DEPTH, self._take_book),
            (MARKET_PHASE, self._take_phase),
        ):
            self._subscriptions.append(await self._bus.subscribe(channel, handler))

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()

    async def _take_tick(self, message: Message) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._book_lives(message.subject.rpartition(".")[2], now_ns):
            return
        tick = self._read(message)
        if tick is not None:
            self._ticked_ms[tick.symbol] = tick.time_ns // _MS
            self._tell(tick, now_ns)

    async def _take_book(self, message: Message) -> None:
        tick, now_ns = self._read(message), self._clock.monotonic_ns()
        if tick is None:
            return
        takes_over = not self._book_lives(tick.symbol, now_ns)
        self._book_ns[tick.symbol] = now_ns
        if not (takes_over and self._ticked_ms.get(tick.symbol) == tick.time_ns // _MS):
            self._tell(tick, now_ns)

    def _book_lives(self, symbol: str, now_ns: int) -> bool:
        return now_ns - self._book_ns.get(symbol, -_BOOK_LIVES_NS) < _BOOK_LIVES_NS

    def _read(self, message: Message) -> Tick | None:
        try:
            data = _TICK.decode(message.payload)
            instrument = self._instruments.get(data.symbol)
            if instrument is None:
                self.unknown = True
                return None
            return tick_of(data, instrument)
        except _UNREADABLE:
            self.refused += 1
            return None

    def _tell(self, tick: Tick, now_ns: int) -> None:
        self.ticks += 1
        self._last_ns = now_ns
        self._on_tick(tick, now_ns)

    async def _take_phase(self, message: Message) -> None:
        try:
            data = _PHASE.decode(message.payload)
            phase = SessionPhase(data.phase)
        except _UNREADABLE:
            self.refused += 1
            return
        self._on_phase(data.symbol, phase, data.trading_day)
