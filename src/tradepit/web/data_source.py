"""The Data API's answers: from the cache what is there, from the exchange or the store what is not, each with its age."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from loguru import logger

from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.ports.series import MOST_MS, Sample, SeriesCache
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import CalendarUnknown, InstrumentNotFound, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.web.bar_seam import joined
from tradepit.web.data_meters import DataMeters
from tradepit.web.data_question import Part
from tradepit.web.hot_bars import HotBars, SameDay
from tradepit.web.listing import Listing
from tradepit.web.market_past import Length, MarketPast
from tradepit.wire.data_api import (
    Bar,
    BarPage,
    DepthView,
    InstrumentPage,
    InstrumentView,
    KeptTick,
    Level,
    SessionView,
    Snapshot,
    TickWindow,
)
from tradepit.wire.gateway import InstrumentState
from tradepit.wire.market_series import (
    LENGTHS_MS,
    NEWEST_PREFIX,
    PRICE,
    QUOTES,
    VOLUME,
    newest_depth_key,
    newest_phase_key,
    newest_tick_key,
    series_key,
)
from tradepit.wire.simulator import PhaseData, TickData
from tradepit.wire.simulator_codec import from_iso, tick_data

_MS = 1_000_000
_KEPT, _PHASE = msgspec.json.Decoder(KeptTick), msgspec.json.Decoder(PhaseData)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError)
_LEVELS = range(1, 11)


class DataSource:
    """``clock`` is the machine's, ``time`` the exchange's. Raises InstrumentNotFound, Unavailable and its kin, nothing else."""

    def __init__(
        self,
        cache: Cache,
        series: SeriesCache,
        desk: ExchangeDesk,
        past: MarketPast | None,
        calendar: TradingCalendar,
        clock: Clock,
        time: Clock,
        meters: DataMeters,
    ) -> None:
        self._cache, self._series, self._desk, self._past = cache, series, desk, past
        self._calendar, self._clock, self._time, self._meters = calendar, clock, time, meters
        self._bars = HotBars(series)
        self.listing = Listing(desk, clock)

    @property
    def now_ms(self) -> int:
        """The exchange's instant."""
        return self._time.now_ns() // _MS

    def check_age(self, age_s: float | None, max_age_ms: int | None) -> None:
        """Raises Unavailable for what is older than somebody wants to have it, or of which nobody knows how old it is."""
        if max_age_ms is not None and (age_s is None or age_s * 1_000 > max_age_ms):
            raise Unavailable("the contract's newest tick is older than was asked for", age_s=age_s, max_age_ms=max_age_ms)

    async def look(self) -> None:
        """Note how old each contract's newest tick is. Raises Unavailable while the cache does not answer."""
        await self._series.connect()
        items = await self._cache.items(NEWEST_PREFIX)
        kept = [self._read(value) for key, value in items.items() if key.endswith(".tick")]
        self._meters.newest_ns = {each.tick.symbol: each.received_ns for each in kept if each is not None}

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        await self._series.close()
        if self._past is not None:
            await self._past.close()

    async def snapshot(self, symbol: str) -> Snapshot:
        """A contract now; when the cache does not know it, as the exchange sees it."""
        kept, depth, phase = await asyncio.gather(
            self._newest(newest_tick_key(symbol), symbol),
            self._newest(newest_depth_key(symbol), symbol),
            self._cache.get(newest_phase_key(symbol)),
        )
        self._meters.looked("snapshots", hit=kept is not None)
        source, instrument = "cache", self.listing.known(symbol)
        if kept is None:
            source, kept = "exchange", await self._asked(symbol)
        return Snapshot(
            symbol=symbol,
            source=source,
            age_s=self._age_s(kept),
            time_ms=_time_ms(kept.tick),
            phase=_phase_of(phase, kept.tick),
            tick=kept.tick,
            depth=self._depth(depth),
            session=self._session(instrument),
        )

    async def ticks(self, symbol: str, part: Part) -> TickWindow:
        """A part of the hot window."""
        await self._series.connect()
        kept = await self._newest(newest_tick_key(symbol), symbol)
        price, volume, oldest = await asyncio.gather(
            self._samples(symbol, PRICE, part),
            self._samples(symbol, VOLUME, part),
            self._series.range(series_key(symbol, VOLUME), 0, MOST_MS, most=1),
        )
        instants = sorted({sample.at_ms for sample in (*price, *volume)})
        if not instants and kept is None:
            await self._check_listed(symbol)
        self._meters.looked("ticks", hit=bool(instants))
        more = not part.newest and len(instants) > part.limit
        next_ms = instants[part.limit] if more else None
        instants = instants[: part.limit] if not part.newest else instants[-part.newest :]
        quotes: list[list[Sample]] = [[] for _ in QUOTES]
        if instants:
            quotes = await asyncio.gather(
                *(self._series.range(series_key(symbol, metric), instants[0], instants[-1]) for metric in QUOTES)
            )
        bid, ask, bid_lots, ask_lots = quotes
        return TickWindow(
            symbol=symbol,
            age_s=self._age_s(kept) if kept is not None else None,
            from_ms=oldest[0].at_ms if oldest else 0,
            next_start_ms=next_ms,
            time_ms=instants,
            price=_column(price, instants),
            volume=_lots(volume, instants),
            bid=_column(bid, instants),
            ask=_column(ask, instants),
            bid_lots=_lots(bid_lots, instants),
            ask_lots=_lots(ask_lots, instants),
        )

    async def bars(self, symbol: str, length: Length, part: Part) -> BarPage:
        """Bars from the hot window and, before it, from the store, joined without gap or double."""
        await self._series.connect()
        kept = await self._newest(newest_tick_key(symbol), symbol)
        oldest_ms = await self._bars.oldest_ms(symbol, length)
        since_ms = kept.since_ms if kept is not None else 0
        hot = await self._bars.bars(symbol, length, part, since_ms, self._same_day(self.listing.known(symbol)))
        length_ms = LENGTHS_MS[length]
        # From here on the hot window has missed nothing and knows the lots before it; without it the store has everything.
        seam_ms = (max(oldest_ms, since_ms) // length_ms + 1) * length_ms if oldest_ms else MOST_MS
        past: Sequence[Bar] = ()
        asks_past = self._past is not None and _reaches_past(part, hot, seam_ms)
        if asks_past:
            past = await self._from_past(symbol, length, part, seam_ms)
        if not hot and not past and kept is None:
            await self._check_listed(symbol)
        self._meters.looked("bars", hit=bool(hot) and not asks_past)
        bars, next_ms = joined(past, hot, seam_ms, part)
        return BarPage(
            symbol=symbol,
            length=length,
            age_s=self._age_s(kept) if kept is not None else None,
            seam_ms=seam_ms if oldest_ms else 0,
            next_start_ms=next_ms,
            bars=bars,
        )

    async def instruments(self, offset: int, limit: int) -> InstrumentPage:
        """The exchange's contracts as it told of them last."""
        states = list((await self.listing.states()).values())
        return InstrumentPage(
            total=len(states),
            offset=offset,
            trading_day=self.listing.trading_day,
            age_s=round(self.listing.age_s, 3),
            instruments=[_instrument_view(state) for state in states[offset : offset + limit]],
        )

    # Inside

    async def _newest(self, key: str, symbol: str) -> KeptTick | None:
        value = await self._cache.get(key)
        kept = self._read(value) if value is not None else None
        # Keys spell tickers in lower case, whoever asks must not.
        if kept is not None and kept.tick.symbol != symbol:
            raise InstrumentNotFound(symbol=symbol)
        return kept

    def _read(self, value: bytes) -> KeptTick | None:
        try:
            return _KEPT.decode(value)
        except _UNREADABLE as error:
            logger.warning("the cache holds a tick that cannot be read: {}", str(error)[:200])
            return None

    async def _asked(self, symbol: str) -> KeptTick:
        state = (await self.listing.states()).get(symbol)
        tick = await self._desk.market(symbol) if state is not None else None
        if state is None or tick is None:
            raise InstrumentNotFound(symbol=symbol)
        return KeptTick(received_ns=self._clock.now_ns(), tick=tick_data(tick, state.instrument))

    async def _check_listed(self, symbol: str) -> None:
        if symbol not in await self.listing.states():
            raise InstrumentNotFound(symbol=symbol)

    async def _samples(self, symbol: str, metric: str, part: Part) -> list[Sample]:
        key = series_key(symbol, metric)
        if part.newest:
            return await self._series.newest(key, part.newest, end_ms=part.end_ms)
        return await self._series.range(key, part.start_ms, part.end_ms, most=part.limit + 1)

    async def _from_past(self, symbol: str, length: Length, part: Part, seam_ms: int) -> Sequence[Bar]:
        assert self._past is not None  # noqa: S101 - asked for where there is one
        end_ms = min(part.end_ms, seam_ms - 1)
        if part.newest:
            return await self._past.newest_bars(symbol, length, part.newest, end_ms)
        return await self._past.bars(symbol, length, part.start_ms, end_ms, most=part.limit + 1)

    def _age_s(self, kept: KeptTick) -> float:
        return max(0.0, round((self._clock.now_ns() - kept.received_ns) / 1e9, 3))

    def _depth(self, kept: KeptTick | None) -> DepthView | None:
        if kept is None:
            return None
        sides = [
            [
                Level(price=getattr(kept.tick, f"{side}_price_{number}"), lots=lots)
                for number in _LEVELS
                if (lots := getattr(kept.tick, f"{side}_volume_{number}")) > 0
            ]
            for side in ("bid", "ask")
        ]
        return DepthView(time_ms=_time_ms(kept.tick), age_s=self._age_s(kept), bids=sides[0], asks=sides[1])

    def _session(self, instrument: Instrument | None) -> SessionView | None:
        if instrument is None:
            return None
        try:
            window = self._calendar.window_at(self._time.now_ns(), instrument.product.session_group)
        except CalendarUnknown:
            return None
        return SessionView(phase=window.phase.value, start_ms=window.start_ns // _MS, end_ms=window.end_ns // _MS)

    def _same_day(self, instrument: Instrument | None) -> SameDay:
        def same(one_ms: int, other_ms: int) -> bool:
            if instrument is None:
                return True
            group = instrument.product.session_group
            try:
                return self._calendar.trading_day_of(one_ms * _MS, group) == self._calendar.trading_day_of(other_ms * _MS, group)
            except CalendarUnknown:
                return True

        return same


def _reaches_past(part: Part, hot: Sequence[Bar], seam_ms: int) -> bool:
    if part.newest:
        return sum(bar.time_ms >= seam_ms for bar in hot) < part.newest
    return part.start_ms < seam_ms


def _column(samples: Sequence[Sample], instants: Sequence[int]) -> list[float | None]:
    known = {sample.at_ms: sample.value for sample in samples}
    return [known.get(instant) for instant in instants]


def _lots(samples: Sequence[Sample], instants: Sequence[int]) -> list[int | None]:
    return [None if value is None else round(value) for value in _column(samples, instants)]


def _time_ms(tick: TickData) -> int:
    return from_iso(tick.datetime) // _MS


def _phase_of(told: bytes | None, tick: TickData) -> str:
    try:
        return _PHASE.decode(told).phase if told is not None else tick.phase
    except _UNREADABLE:
        return tick.phase


def _instrument_view(state: InstrumentState) -> InstrumentView:
    instrument = state.instrument
    product = instrument.product
    return InstrumentView(
        symbol=instrument.symbol,
        exchange=product.exchange.value,
        product=product.product_id,
        tick_size=product.tick_size,
        multiplier=product.multiplier,
        expiry=instrument.expiry.isoformat(),
        pre_settlement=Decimal(state.pre_settlement),
    )
