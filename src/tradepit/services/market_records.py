"""Market records: every tick of ``market.tick.*`` as a row, with bars of seconds and minutes; what was missed is fetched later."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.ports.market_records import MarketRecords, StreamPlace
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.runtime.tick_sequence import Seen, SequenceWatch
from tradepit.runtime.tick_to_record import read_tick_record
from tradepit.services.record_gaps import Fetch, RecordGaps
from tradepit.services.record_retention import Kept, RecordRetention
from tradepit.services.record_settings import RecordSettings
from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.trading.records.tick_record import TickRecord
from tradepit.wire.record_tables import MARKET_RECORDS
from tradepit.wire.simulator import MARKET_TICK

_AGAIN_S, _MAX_AGAIN_S, _STOP_S = 0.1, 2.0, 5.0
_SHOWN = 200
_DAY_NS = 86_400_000_000_000


class MarketRecordsWriter:
    """Ticks are best effort on the bus; their numbers tell which never came, and the market recorder's files have those too.

    Where each contract's stream is whole up to is kept with its rows, so a writer that was killed knows what it has missed; of a
    contract that the records know nothing of, all that was recorded is. While the database is away ticks wait in memory, up to
    ``max_ticks`` of the settings; those beyond are fetched like all that is missed.
    """

    def __init__(
        self,
        records: MarketRecords,
        bus: Bus,
        clock: Clock,
        settings: RecordSettings,
        instance: str,
        fetch: Fetch,
        *,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._records, self._bus, self._clock, self._settings, self._instance = records, bus, clock, settings, instance
        self._tasks, self._on_failure = TaskGroup(instance, self._failed), on_failure
        self._watch = SequenceWatch()
        self._gaps = RecordGaps(records, fetch, clock, look_s=settings.look_s)
        self._waiting: deque[tuple[TickRecord, StreamPlace | None]] = deque()
        self._subscription: Subscription | None = None
        self._full = asyncio.Event()
        self._whole: dict[str, StreamPlace] = {}
        self._met: dict[str, StreamPlace] = {}
        self._newest_ns = 0
        self._connected = False
        self.ticks = self.rows = self.known = self.refused = self.unpriced = self.dropped = self.too_old = 0
        self.problem = "nothing has been written yet"
        self._retention = RecordRetention(_kept(records, settings), clock, lambda: self._newest_ns)

    @property
    def name(self) -> str:
        return MARKET_RECORDS

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        self._subscription = await self._bus.subscribe(MARKET_TICK, self._on_tick)
        self._tasks.spawn(self._write_forever(), "write")

    async def stop(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.stop()
        await self._tasks.stop()
        try:
            async with asyncio.timeout(_STOP_S):
                while self._waiting and self._connected:
                    await self._flush()
        except (TimeoutError, TradepitError) as error:
            logger.warning("{} ticks are left to be fetched: {}", len(self._waiting), error)
        await self._records.close()

    def health(self) -> Health:
        figures: dict[str, str | int | float | bool] = {
            "ticks": self.ticks,
            "rows": self.rows,
            "rows_known": self.known,
            "rows_waiting": len(self._waiting),
            "refused": self.refused,
            "unpriced": self.unpriced,
            "dropped": self.dropped,
            "too_old": self.too_old,
            "missing": sum(self._watch.missing.values()),
            "repeated": self._watch.repeated,
            **self._gaps.figures(),
            **self._retention.figures(),
        }
        ready = not self.problem
        return Health(status="ACTIVE" if ready else "UNHEALTHY", ready=ready, reason=self.problem, figures=figures)

    def _failed(self, error: BaseException) -> None:
        self.problem = f"ticks are not written any more: {error}"[:_SHOWN]
        if self._on_failure is not None:
            self._on_failure(error)

    async def _on_tick(self, message: Message) -> None:
        try:
            tick = read_tick_record(message.payload, message.subject)
        except BadRequest as error:
            self.refused += 1
            logger.warning("a tick on {} cannot be kept: {}", message.subject, error)
            return
        symbol = message.subject.rpartition(".")[2]
        is_new, missing = self._watch.see(symbol, message.headers)
        if not is_new:
            return
        self.ticks += 1
        if tick is None:
            self.unpriced += 1
            return
        self._take(tick, missing)
        if len(self._waiting) >= self._settings.flush_rows:
            self._full.set()

    def _take(self, tick: TickRecord, missing: int) -> None:
        seen, whole = self._watch.seen(tick.symbol), self._whole.get(tick.symbol)
        first = tick.symbol not in self._met
        place = StreamPlace(seen.run, seen.sequence, tick.time_ns)
        if first:
            self._met[tick.symbol] = place
        if whole is not None and (missing or (first and seen.run != whole.run)):
            self._gaps.add(tick.symbol, whole.time_ns, tick.time_ns)
        elif first and whole is None and self._connected:
            self._want_past(tick.symbol, tick.time_ns)
        if len(self._waiting) >= self._settings.max_ticks:
            self.dropped += 1
            if whole is not None:
                self._gaps.add(tick.symbol, whole.time_ns, tick.time_ns)
            return
        if not self._gaps.is_open(tick.symbol):
            self._whole[tick.symbol] = place
        is_whole = seen.run and not self._gaps.is_open(tick.symbol)
        self._waiting.append((tick, place if is_whole else None))

    async def _write_forever(self) -> None:
        await self._insist(self._begin)
        self._tasks.spawn(self._gaps.run(), "gaps")
        self._tasks.spawn(self._retention.run(), "retention")
        while True:
            try:
                async with asyncio.timeout(self._settings.flush_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            while self._waiting:
                await self._insist(self._flush)

    async def _begin(self) -> None:
        """Find out where the streams were whole up to, and what has been missed since."""
        await self._records.connect()
        self._newest_ns = max(self._newest_ns, await self._records.newest_ns())
        places = await self._records.places()
        for symbol in self._met.keys() - places.keys():
            self._want_past(symbol, self._met[symbol].time_ns)
        for symbol, place in places.items():
            met = self._met.get(symbol)
            if met is None:
                self._whole[symbol] = place
                self._watch.remember(symbol, Seen(place.run, place.sequence))
            elif (met.run, met.sequence) != (place.run, place.sequence + 1):
                self._gaps.add(symbol, place.time_ns, met.time_ns)
                self._whole[symbol] = place
        self._waiting = deque((tick, None if self._gaps.is_open(tick.symbol) else place) for tick, place in self._waiting)
        self._connected = True

    def _want_past(self, symbol: str, until_ns: int) -> None:
        """The records know nothing of a contract: what has been recorded of it before is fetched."""
        if self._settings.fetch_past:
            days = self._settings.ticks_days
            self._gaps.add(symbol, until_ns - int(days * _DAY_NS) if days else 0, until_ns)

    async def _flush(self) -> None:
        """Write what has waited longest; it waits on when it cannot be written."""
        taken = [self._waiting[number] for number in range(min(len(self._waiting), self._settings.flush_rows))]
        oldest_ns = self._newest_ns - int(self._settings.ticks_days * _DAY_NS) if self._settings.ticks_days else 0
        ticks = [tick for tick, _ in taken if tick.time_ns >= oldest_ns]
        places = {tick.symbol: place for tick, place in taken if place is not None}
        kept = await self._records.keep(ticks, places)
        for _ in taken:
            self._waiting.popleft()
        self.too_old += len(taken) - len(ticks)
        self.rows += kept.changed
        self.known += kept.unchanged
        self._newest_ns = max([self._newest_ns, *(tick.time_ns for tick in ticks)])

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        wait_s = _AGAIN_S
        while True:
            try:
                await work()
            except TradepitError as error:
                self.problem = str(error)[:_SHOWN]
                logger.warning("{}: not now: {}", self._instance, error)
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_AGAIN_S)
            else:
                self.problem = ""
                return


def _kept(records: MarketRecords, settings: RecordSettings) -> list[Kept]:
    return [
        Kept("ticks", settings.ticks_days, lambda instant_ns: records.drop_before("ticks", instant_ns)),
        Kept("bars_1s", settings.bars_1s_days, lambda instant_ns: records.drop_before("bars_1s", instant_ns)),
        Kept("bars_1m", settings.bars_1m_days, lambda instant_ns: records.drop_before("bars_1m", instant_ns)),
    ]
