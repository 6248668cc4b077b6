"""The bot's side of the wall: in its own room it calls the host, one thing after another, and notes how long each takes."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from tradepit.bots.host import BotHost
from tradepit.bots.live.figures import BotFigures
from tradepit.bots.live.inbox import Inbox
from tradepit.bots.live.look import Look, look_at
from tradepit.bots.live.memory import BotMemory, remember
from tradepit.ports.clock import Clock
from tradepit.runtime.redaction import Redactor
from tradepit.trading.model.report import OrderReport, Report
from tradepit.trading.model.terms import SessionPhase


class Worker:
    """``run`` lives in the bot's room, and so does everything that touches ``host``; others put news into ``inbox`` and ``wake``.

    ``busy_since_ns`` (monotonic, 0: idle) is since when the bot's code has been running.
    """

    def __init__(self, host: BotHost, inbox: Inbox, figures: BotFigures, clock: Clock, redactor: Redactor) -> None:
        self.host, self._inbox, self._figures, self._clock = host, inbox, figures, clock
        self._redactor = redactor
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._leaving = False
        self._phases: dict[str, tuple[SessionPhase, int]] = {}
        self.busy_since_ns = 0
        self.looked_ns = clock.monotonic_ns()
        self.look = Look()

    def wake(self) -> None:
        """There is something in the inbox. From any thread."""
        with suppress(RuntimeError):  # the room has been left
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Work until ``leave``: all news first, then one contract's ticks, and so on."""
        while not self._leaving:
            while not self._leaving and len(self._inbox):
                await self._next()
            await self._woken.wait()
            self._woken.clear()

    async def _next(self) -> None:
        news = self._inbox.take_news()
        if news is not None:
            told = news()
            if isinstance(told, Awaitable):
                await told
            return
        ticks = self._inbox.take_ticks()
        for tick, _ in ticks[:-1]:
            self.host.see(tick)
        if ticks:
            tick, received_ns = ticks[-1]
            ticks_before, raised_before = self.host.ticks, self.host.exceptions
            await self._timed(self.host.tick_async(tick))
            if self.host.ticks > ticks_before:
                self._figures.add_tick((self._clock.monotonic_ns() - received_ns) / 1e6)
                self._figures.exceptions += self.host.exceptions - raised_before
        # A bot that always has ticks must not keep its room to itself.
        await asyncio.sleep(0)

    # News: each is called in the room

    async def start(self) -> Look:
        """Call ``on_start``."""
        await self._timed(self.host.start_async())
        return self.take_look()

    async def report(self, report: Report) -> None:
        """An own report, or the day's."""
        own = self.host.orders
        if isinstance(report, OrderReport) and report.order.active and own.find(report.order.client_order_id) is None:
            # An order of a former life that came to the exchange late.
            self.host.adopt([report.order])
        await self._timed(self.host.report_async(report))

    async def phase(self, symbol: str, phase: SessionPhase, trading_day: int) -> None:
        """A contract's phase; told again it changes nothing."""
        if symbol in self.host.board and self._phases.get(symbol) != (phase, trading_day):
            self._phases[symbol] = (phase, trading_day)
            await self._timed(self.host.session_phase_async(symbol, phase, trading_day))

    async def refused(self, client_order_id: str, code: str, message: str) -> None:
        """An order did not get anywhere."""
        await self._timed(self.host.refuse_async(client_order_id, code, message))

    async def doubted(self, client_order_id: str, reason: str) -> None:
        """An order has no answer."""
        await self._timed(self.host.doubt_async(client_order_id, reason))

    def cancel_refused(self, client_order_id: str) -> None:
        """A cancel was refused: it may be wanted again."""
        order = self.host.orders.find(client_order_id)
        if order is not None:
            order.cancelling = False

    async def stop(self, reason: str) -> Look:
        """Call ``on_stop``; its last wishes are handed over when this returns."""
        self._inbox.clear_ticks()
        await self._timed(self.host.stop_async(reason))
        return self.take_look()

    def take_look(self) -> Look:
        """Ask the bot how it fares."""
        self.busy_since_ns = self._clock.monotonic_ns()
        self.look = look_at(self.host, self._redactor)
        self.looked_ns, self.busy_since_ns = self._clock.monotonic_ns(), 0
        return self.look

    async def remember(self, report: int) -> BotMemory:
        """All reports up to this number have been told."""
        return remember(self.host, report)

    def leave(self) -> None:
        """Nothing more will be done. From any thread."""
        self._leaving = True
        self.wake()

    async def _timed(self, call: Awaitable[object]) -> None:
        self.busy_since_ns = self._clock.monotonic_ns()
        try:
            await call
        finally:
            self.busy_since_ns = 0
