"""A market made up on the spot: every instrument's generator, ticking on a fixed grid of trading time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date

from tradepit.ports.clock import Clock
from tradepit.runtime.day_curve import DayCurve
from tradepit.runtime.exchange_desk import Listed
from tradepit.runtime.tick_generator import MarketHabits, TickGenerator
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick

_MS = 1_000_000
_YIELD_EVERY = 500
_ASK_EVERY_NS = 1_000_000_000


class _Lane:
    """One instrument's day: tick n is due when n cadences of continuous trading have passed since the day's open."""

    def __init__(self, listed: Listed, curve: DayCurve, seed: int, habits: MarketHabits | None) -> None:
        self.listed, self.curve = listed, curve
        self.generator = TickGenerator(
            listed.instrument, listed.reference, seed, trading_day=listed.trading_day, curve=curve, habits=habits
        )


class GeneratedFeed:
    """Deterministic from the seed, the symbol, the trading day and the tick's number: a restarted feed catches up with where it
    would have been, skips what it missed, and goes on with the same market. Ticks are stamped with their due instants, whole ms.

    ``look_up`` tells today's listing of a symbol (asked again whenever a day's trading is over) and raises Unavailable.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        look_up: Callable[[str], Awaitable[Listed]],
        calendar: TradingCalendar,
        clock: Clock,
        *,
        seed: int,
        cadence_ms: int = 100,
        habits: MarketHabits | None = None,
    ) -> None:
        self._symbols, self._look_up, self._calendar, self._clock = symbols, look_up, calendar, clock
        self._seed, self._cadence_ns, self._habits = seed, cadence_ms * _MS, habits
        self._lanes: dict[str, _Lane] = {}
        self._asked_ns: dict[str, int] = {}
        self._made = self._skipped = 0

    @property
    def instruments(self) -> dict[str, Instrument]:
        return {symbol: lane.listed.instrument for symbol, lane in self._lanes.items()}

    def progress(self) -> dict[str, str | int | float | bool]:
        return {"source": "generator", "generated": self._made, "skipped": self._skipped, "seed": self._seed}

    async def batches(self) -> AsyncIterator[Sequence[Tick]]:
        while True:
            now_ns = self._clock.now_ns()
            ticks: list[Tick] = []
            for symbol in self._symbols:
                tick = await self._tick(symbol, now_ns)
                if tick is not None:
                    ticks.append(tick)
            if ticks:
                yield ticks
            # The next grid point of wall time; grid points fall together for all instruments because sessions open on whole
            # minutes.
            ahead = self._cadence_ns - self._clock.now_ns() % self._cadence_ns
            await self._clock.sleep(ahead / 1e9)

    async def _tick(self, symbol: str, now_ns: int) -> Tick | None:
        lane = self._lanes.get(symbol)
        if lane is None or now_ns >= lane.curve.close_ns:
            lane = await self._open(symbol, now_ns)
        if lane is None or not lane.curve.trades_at(now_ns):
            return None
        due = lane.curve.elapsed_ns(now_ns) // self._cadence_ns
        while lane.generator.number < due:
            self._skipped += 1
            lane.generator.skip(self._instant(lane, lane.generator.number))
            if lane.generator.number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        if lane.generator.number > due:
            return None
        self._made += 1
        return lane.generator.next(self._instant(lane, due))

    def _instant(self, lane: _Lane, number: int) -> int:
        return lane.curve.instant_ns(number * self._cadence_ns)

    async def _open(self, symbol: str, now_ns: int) -> _Lane | None:
        """The lane of the trading day ``now_ns`` belongs to, None while the exchange has not begun that day yet."""
        former, group = self._lanes.get(symbol), ""
        if former is not None:
            group = former.listed.instrument.product.session_group
            if _number(self._calendar.trading_day_of(now_ns, group)) == former.listed.trading_day:
                return None
        if now_ns < self._asked_ns.get(symbol, 0) + _ASK_EVERY_NS:
            return None
        self._asked_ns[symbol] = now_ns
        listed = await self._look_up(symbol)
        group = listed.instrument.product.session_group
        day = self._calendar.trading_day_of(now_ns, group)
        if listed.trading_day != _number(day):
            return None
        self._lanes[symbol] = _Lane(listed, DayCurve(self._calendar.phases(day, group)), self._seed, self._habits)
        return self._lanes[symbol]


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
