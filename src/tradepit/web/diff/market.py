"""The market as DIFF clients see it: listed contracts, their newest quotes, and whoever wants to be told of them."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import TradepitError, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.web.diff.chart_store import ChartStore
from tradepit.web.diff.contract_info import future_info
from tradepit.web.diff.instrument_service import InstrumentService
from tradepit.web.diff.orders import contract_name
from tradepit.web.diff.quotes import Quote, changed, opening_quote, quote_of
from tradepit.wire.gateway import InstrumentState
from tradepit.wire.simulator import MARKET_DEPTH, MARKET_TICK, TickData
from tradepit.wire.simulator_codec import tick_data

QuoteHearer = Callable[[str, Quote], None]
ChartHearer = Callable[[str, list[int]], None]

_REFRESH_S = 2.0
_RETRY_S = 0.2
_TOLD_WITHIN_S = 30.0
_DECODER = msgspec.json.Decoder(TickData)


class Market:
    """Quotes are the exchange's own book, where accounts' orders stand too; of a contract whose book it never told, the ticks.

    ``quote_hearers`` are told the changed fields of a quote by its name outside (main contracts under their own as well),
    ``chart_hearers`` the durations of a contract whose charts a tick changed. ``time`` is the exchange's.
    """

    def __init__(self, bus: Bus, clock: Clock, time: Clock, catalog: Catalog, history: Path) -> None:
        self._bus, self._clock, self._time, self._catalog = bus, clock, time, catalog
        self._desk = ExchangeDesk(bus)
        self._tasks = TaskGroup("diff-market")
        self._subscriptions: list[Subscription] = []
        self._states: dict[str, InstrumentState] = {}
        self._quotes: dict[str, Quote] = {}
        self._own_book: set[str] = set()
        self._seen: set[str] = set()
        self.service = InstrumentService()
        self.charts = ChartStore(history)
        self.quote_hearers: list[QuoteHearer] = []
        self.chart_hearers: list[ChartHearer] = []
        self.trading_day = 0
        self.ticks = self.refused = 0
        self._told = asyncio.Event()

    @property
    def ready(self) -> bool:
        """True once the exchange has told its contracts."""
        return bool(self._states)

    async def start(self) -> None:
        """Listen, and ask the exchange for its contracts until it answers, then every two seconds."""
        self._subscriptions.append(await self._bus.subscribe(MARKET_DEPTH, self._on_book))
        self._subscriptions.append(await self._bus.subscribe(MARKET_TICK, self._on_tick))
        self._tasks.spawn(self._refresh_forever(), "contracts")

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        await self._tasks.stop()
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()

    async def contracts(self) -> dict[str, Any]:
        """The contract file, once there are contracts: who reads it reads it once. Raises Unavailable after half a minute."""
        try:
            await asyncio.wait_for(self._told.wait(), _TOLD_WITHIN_S)
        except TimeoutError as error:
            raise Unavailable("the exchange has not told its contracts") from error
        return self.service.file()

    def instrument(self, symbol: str) -> Instrument | None:
        """A listed contract by its code in the house."""
        state = self._states.get(symbol)
        return state.instrument if state is not None else None

    def named(self, name: str) -> Instrument | None:
        """A listed contract by its name outside."""
        exchange, _, symbol = name.partition(".")
        found = self.instrument(symbol)
        return found if found is not None and found.product.exchange.value == exchange else None

    def reference(self, symbol: str) -> Decimal:
        """A listed contract's previous settlement, in quoted units."""
        return Decimal(self._states[symbol].pre_settlement)

    def upper_limit(self, symbol: str) -> Decimal:
        """A listed contract's highest price today."""
        state = self._states[symbol]
        return state.instrument.to_price(state.upper_limit_ticks)

    def quote(self, name: str) -> Quote | None:
        """The whole newest quote of ``name``, a main contract's too; None for what is not listed. Its time is never empty."""
        own = self.service.underlying_of(name)
        instrument = self.named(own)
        if instrument is None:
            return None
        quote = self._quotes.get(own)
        if quote is None:
            quote = self._quotes[own] = opening_quote(self._states[instrument.symbol], own, self._time.now_ns())
        return quote | {"instrument_id": name}

    async def _on_book(self, message: Message) -> None:
        tick = self._read(message)
        if tick is not None:
            self._own_book.add(tick.symbol)
            self._take(tick)

    async def _on_tick(self, message: Message) -> None:
        # The exchange's book holds what the ticks told it, and more.
        symbol = message.subject.rpartition(".")[2]
        if symbol not in self._own_book and (tick := self._read(message)) is not None:
            self._take(tick)

    def _read(self, message: Message) -> TickData | None:
        try:
            return _DECODER.decode(message.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError):
            self.refused += 1
            return None

    def _take(self, tick: TickData) -> None:
        instrument = self.instrument(tick.symbol)
        if instrument is None:
            return
        self.ticks += 1
        self._seen.add(tick.symbol)
        name = contract_name(instrument)
        newer = quote_of(tick, name, instrument.product.multiplier)
        news = changed(self._quotes.get(name, {}), newer)
        self._quotes[name] = newer
        for hear_quote in self.quote_hearers:
            hear_quote(name, news)
        durations = self.charts.take(name, tick)
        for hear_bars in self.chart_hearers if durations else ():
            hear_bars(name, durations)

    async def _refresh_forever(self) -> None:
        while True:
            pause_s = _REFRESH_S
            try:
                await self._refresh()
            except TradepitError as error:
                logger.debug("the exchange cannot be asked for its contracts: {}", error)
                pause_s = _RETRY_S
            except Exception as error:  # noqa: BLE001 - without this task no new contract and no new day would ever be known
                logger.opt(exception=error).error("the exchange's contracts cannot be used")
            await self._clock.sleep(pause_s)

    async def _refresh(self) -> None:
        reply = await self._desk.instruments()
        if reply.instruments != list(self._states.values()) or reply.trading_day != self.trading_day:
            self.service.set([future_info(state, self._catalog, reply.trading_day) for state in reply.instruments])
            self._states = {state.instrument.symbol: state for state in reply.instruments}
            self.trading_day = reply.trading_day
            self._told.set()
        for state in reply.instruments:
            if state.instrument.symbol not in self._seen:
                await self._look_at(state.instrument)

    async def _look_at(self, instrument: Instrument) -> None:
        """The exchange tells its book when it changes; what it looks like before that has to be asked for."""
        tick = await self._desk.market(instrument.symbol)
        if tick is not None and instrument.symbol not in self._seen:
            self._take(tick_data(tick, instrument))
