"""One life of a bot on a running house: from its journal to its last memory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from loguru import logger

from tradepit.bots.bot import BotBase
from tradepit.bots.context import BotContext, Supplies
from tradepit.bots.host import BotHost
from tradepit.bots.identity import BotIdentity, order_prefix
from tradepit.bots.live.awakening import Awakening
from tradepit.bots.live.figures import BotFigures
from tradepit.bots.live.inbox import Inbox
from tradepit.bots.live.look import Look
from tradepit.bots.live.market_join import MarketJoin
from tradepit.bots.live.memory import BotMemory
from tradepit.bots.live.order_desk import LiveOrderDesk
from tradepit.bots.live.parts import Parts
from tradepit.bots.live.patience import insist, within
from tradepit.bots.live.records import BotJournal
from tradepit.bots.live.settings import BotRow
from tradepit.bots.live.worker import Worker
from tradepit.bots.loading import load_bot, maker
from tradepit.bots.market_clients import DataApiMarketDataClient
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.redaction import Redactor
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import InstrumentNotFound, Unavailable
from tradepit.trading.model.ids import is_id
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick

T = TypeVar("T")
_FORCED_S = 1.0
# So many reports of others a bot reads again when it begins anew, rather than have its memory kept for them.
_READ_AGAIN = 10_000


class _Handover:
    """The host's port: from the bot's room to the runner's loop, nothing lost, nothing waited for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, desk: LiveOrderDesk, figures: BotFigures) -> None:
        self._loop, self._desk, self._figures = loop, desk, figures

    def submit(self, intent: OrderIntent, sequence: int) -> None:  # noqa: ARG002 - the id says it
        self._figures.intents[(intent.side.value, intent.symbol)] += 1
        self._post(lambda: self._desk.submit(intent))

    def cancel(self, account: str, client_order_id: str) -> None:
        self._post(lambda: self._desk.cancel(account, client_order_id))

    def _post(self, work: Callable[[], None]) -> None:
        # Once the runner's loop is gone the process ends, and a bot that was left behind speaks to nobody.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)


class BotLife:
    """Lives on the runner's loop; the bot itself lives in its room. ``begin`` once, then ``end`` once.

    ``on_fenced`` is told when another runner has taken this bot over.
    """

    def __init__(self, row: BotRow, parts: Parts, figures: BotFigures, on_fenced: Callable[[], None]) -> None:
        self._row, self._parts, self._figures = row, parts, figures
        self._loop = asyncio.get_running_loop()
        self._prefix = order_prefix(row.bot_id, row.account)
        self._journal = BotJournal(parts.journal(f"bot-{self._prefix.rstrip('-')}"), on_fenced)
        self._log = IntentLog(parts.intents)
        self._tasks = TaskGroup(f"bot {row.bot_id}", self._failed)
        self._inbox = Inbox(parts.settings.host.window_ticks)
        self._instruments: dict[str, Instrument] = {}
        self._desk = LiveOrderDesk(
            parts.taker, self._journal, parts.clock, parts.settings, self, self._instrument, self._log, row.bot_id
        )
        self._room = parts.room(row.bot_id)
        self._worker: Worker | None = None
        self._state: dict[str, Any] = {}
        self._through = -1
        self._kept_through = -1
        self._join, self._shown = MarketJoin(parts.settings.host.window_ticks), dict[str, Tick]()
        self._looking = self._listening = self._holding = False
        self.redactor = Redactor()
        self.problem = ""

    @property
    def look(self) -> Look:
        """How the bot fared when it was last asked."""
        return self._worker.look if self._worker is not None else Look()

    @property
    def busy_s(self) -> float:
        """For how many seconds the bot's code has not returned; 0 when it is idle."""
        since_ns = self._worker.busy_since_ns if self._worker is not None else 0
        return (self._parts.clock.monotonic_ns() - since_ns) / 1e9 if since_ns else 0.0

    @property
    def silent_s(self) -> float:
        """Seconds since the bot told how it fares."""
        return (self._parts.clock.monotonic_ns() - self._worker.looked_ns) / 1e9 if self._worker is not None else 0.0

    # From birth to death

    async def begin(self, params: Mapping[str, Any]) -> Look:
        """Recover, warm up, start. Raises BotRefused, ConfigError, JournalCorrupted, JournalConflict."""
        async with self._parts.beginnings:
            host = await self._awaken(params)
        worker = self._worker = await asyncio.wrap_future(self._room.run(self._make_worker(host)))
        self._tasks.spawn(self._watch(self._room.run(worker.run())), "worker")
        started = await self._do(worker.start)
        for tick in self._join.show(self._shown):
            self._inbox.put_tick(tick, self._parts.clock.monotonic_ns())
        self._listening, self._holding = True, False
        worker.wake()
        return started

    async def _awaken(self, params: Mapping[str, Any]) -> BotHost:
        """The bot, not started yet, that knows what its former life knew."""
        parts, row = self._parts, self._row
        await insist(lambda: self._journal.open(parts.clock.now_ns(), parts.instance), parts.clock, row.bot_id)
        kept = parts.secrets(row.mount)
        secrets = await insist(lambda: asyncio.to_thread(kept.read, "broker"), parts.clock, row.bot_id)
        self.redactor = Redactor(secrets.values())
        told = await insist(parts.exchange.instruments, parts.clock, row.bot_id)
        self._instruments = {
            state.instrument.symbol: state.instrument for state in told.instruments if self._sees(state.instrument)
        }
        host = await asyncio.wrap_future(self._room.run(self._build(params, secrets)))
        awakening = Awakening(host, row, parts, self._journal, self._desk)
        self._kept_through = await awakening.recover()
        async with parts.feed.lock:
            self._through = await awakening.catch_up()
        self._holding = True
        self._shown = await awakening.warm_up(self._instruments, self._join)
        return host

    async def end(self, reason: str, timeout_s: float) -> bool:
        """Stop within ``timeout_s`` seconds and keep a memory; True when it had to be forced (0: it is, at once)."""
        self._listening = False
        worker, forced = self._worker, timeout_s <= 0 or bool(self.problem)
        if worker is not None and not forced:
            forced = not await within(timeout_s, self._end_gracefully(worker, reason), self._parts.clock)
        self._desk.close()
        if forced and worker is not None and self._parts.settings.host.cancel_on_stop:
            self._desk.cancel_all()
            await within(_FORCED_S, self._desk.rest(), self._parts.clock)
        await self.abandon()
        return forced

    async def abandon(self) -> None:
        """Have nothing to do with the bot any more: no call, no order, no cancel. Idempotent."""
        self._listening, self._holding, self._through = False, False, -1
        if self._worker is not None:
            self._worker.leave()
        await self._desk.stop()
        await self._tasks.stop()
        await self._journal.close()
        self._log.close()
        self._room.leave()

    async def _end_gracefully(self, worker: Worker, reason: str) -> None:
        await self._do(lambda: worker.stop(reason))
        # What it wanted last was handed over before this turn of the loop.
        await asyncio.sleep(0)
        await self._desk.rest()
        await self._keep(worker)

    # News, on the runner's loop

    def take_report(self, report: Report) -> None:
        """One of the exchange's reports, in order and without gaps."""
        if self._through < 0 or report.sequence <= self._through:
            return
        self._through = report.sequence
        if self._is_own(report):
            self._desk.take(report)
            self._tell(lambda worker: worker.report(report))

    def take_refusal(self, client_order_id: str, code: str) -> None:
        """An order that had been taken never came to the exchange, and never will."""
        if client_order_id.startswith(self._prefix):
            self._desk.refuse(client_order_id, code)

    def take_tick(self, tick: Tick, received_ns: int) -> None:
        """A contract's market, and the monotonic ns it came at."""
        if tick.symbol not in self._instruments:
            return
        if self._holding:
            self._join.hold(tick)
        elif self._listening and self._worker is not None and self._join.is_new(tick):
            self._inbox.put_tick(tick, received_ns)
            self._worker.wake()

    def take_phase(self, symbol: str, phase: SessionPhase, trading_day: int) -> None:
        """A contract's session phase."""
        if self._listening:
            self._tell(lambda worker: worker.phase(symbol, phase, trading_day))

    def list_instrument(self, instrument: Instrument) -> None:
        """A contract that may be new."""
        if instrument.symbol not in self._instruments and self._sees(instrument) and self._worker is not None:
            self._instruments[instrument.symbol] = instrument
            self._tell(lambda worker: worker.host.list_instrument(instrument))

    def refused(self, client_order_id: str, code: str, message: str) -> None:
        """Of the desk."""
        self._tell(lambda worker: worker.refused(client_order_id, code, message))

    def doubted(self, client_order_id: str, reason: str) -> None:
        """Of the desk."""
        self._tell(lambda worker: worker.doubted(client_order_id, reason))

    def cancel_refused(self, client_order_id: str, code: str) -> None:  # noqa: ARG002 - the order works on, whatever the reason
        """Of the desk."""
        self._tell(lambda worker: worker.cancel_refused(client_order_id))

    def pause(self, reason: str) -> None:
        """Call ``on_tick`` no more."""
        self._tell(lambda worker: worker.host.pause(reason))

    def resume(self) -> None:
        """Go on after a pause."""
        self._tell(lambda worker: worker.host.resume())

    def ask_for_look(self) -> None:
        """Have the bot tell how it fares, unless it still owes an answer."""
        if self._worker is not None and not self._looking:
            self._looking = True
            self._tell(self._take_look)

    async def keep(self) -> None:
        """Keep what the bot knows, if something was reported of it since the last time, or very much of others: its next life need not
        read that. Not while it is busy: it would be waited for.
        """
        worker = self._worker
        if worker is None or self._through < 0 or self.busy_s:
            return
        if self._through > self._kept_through or self._parts.feed.last - self._kept_through > _READ_AGAIN:
            await self._keep(worker)

    # Inside

    def _take_look(self, worker: Worker) -> None:
        worker.take_look()
        self._looking = False

    async def _keep(self, worker: Worker) -> None:
        # In this order: what is in the journal by now is in the memory, and every report up to here is told before it is made.
        # Those that do not concern the bot are in it too: it would be told of them the same moment.
        entry, through = self._journal.entry, max(self._through, self._parts.feed.last)
        try:
            memory: BotMemory = await self._do(lambda: worker.remember(through))
            await self._journal.keep(memory, entry)
        except (TypeError, ValueError, OverflowError) as error:
            logger.error("bot {}: ctx.state holds what JSON cannot: {}", self._row.bot_id, self.redactor.text(repr(error))[:200])
        except Unavailable as error:
            logger.warning("bot {}: its memory cannot be kept now: {}", self._row.bot_id, error)
        else:
            self._kept_through = through

    def _tell(self, news: Callable[[Worker], object]) -> None:
        # Before there is a worker, news waits for it.
        self._inbox.put(lambda: news(self._worker) if self._worker is not None else None)
        if self._worker is not None:
            self._worker.wake()

    async def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Have something done in the room, after all news there is; its result."""
        done: Future[T] = Future()

        async def do() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(await work())
            except Exception as error:  # noqa: BLE001 - belongs to whoever waits for it
                done.set_exception(error)

        self._tell(lambda _: do())
        return await asyncio.wrap_future(done)

    async def _build(self, params: Mapping[str, Any], secrets: Mapping[str, str]) -> BotHost:
        row, parts = self._row, self._parts
        bot_class: type[BotBase] = load_bot(row.bot)
        self._state.update(self._journal.memory.state)
        made: Callable[[BotContext], BotBase] = maker(bot_class, params, secrets)
        return BotHost(
            made,
            _Handover(self._loop, self._desk, self._figures),
            BotIdentity(bot_id=row.bot_id, account=row.account, seed=row.seed),
            clock_ns=parts.time.now_ns,
            calendar=parts.catalog.calendar,
            instruments=self._instruments.values(),
            settings=parts.settings.host,
            supplies=Supplies(
                state=self._state,
                market_data=self._market_data(params),
                logger=logger.patch(self.redactor.record).bind(bot=row.bot_id),
            ),
        )

    def _market_data(self, params: Mapping[str, Any]) -> DataApiMarketDataClient | None:
        """A client for the one contract that the bot is about, where there is a Data API to ask."""
        url, named = self._parts.settings.data_api, self._row.symbols or (params.get("symbol"),)
        symbol = named[0] if len(named) == 1 else None
        return DataApiMarketDataClient(url, symbol) if url and isinstance(symbol, str) and is_id(symbol) else None

    async def _make_worker(self, host: BotHost) -> Worker:
        return Worker(host, self._inbox, self._figures, self._parts.clock, self.redactor)

    async def _watch(self, running: "Future[None]") -> None:
        await asyncio.wrap_future(running)

    def _failed(self, error: BaseException) -> None:
        self.problem = f"its thread failed: {error!r}"[:200]

    def _sees(self, instrument: Instrument) -> bool:
        return not self._row.symbols or instrument.symbol in self._row.symbols

    def _instrument(self, symbol: str) -> Instrument:
        found = self._instruments.get(symbol)
        if found is None:
            raise InstrumentNotFound(symbol=symbol)
        return found

    def _is_own(self, report: Report) -> bool:
        if isinstance(report, DayReport):
            return True
        if isinstance(report, OrderReport):
            account, name = report.order.intent.account, report.order.client_order_id
        else:
            account, name = report.trade.account, report.trade.client_order_id
        return account == self._row.account and name.startswith(self._prefix)
