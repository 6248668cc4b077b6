"""A bot's way to order management: journaled, sent under its own id, asked for until there is an answer."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from loguru import logger

from tradepit.bots.live.records import BotJournal
from tradepit.bots.live.settings import RunnerSettings
from tradepit.ports.clock import Clock
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.journal_writer import durable
from tradepit.runtime.order_taker import OrderTaker
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import NotActive, OutcomeUnknown, RequestRefused, TradepitError, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import OrderReport, Report

_NOT_NOW = "NOT_TRADING_PERIOD"


class Answers(Protocol):
    """Who is told what became of requests; what the exchange reports is told by others."""

    def refused(self, client_order_id: str, code: str, message: str) -> None:
        """The order never left, or never arrived, and never will."""

    def doubted(self, client_order_id: str, reason: str) -> None:
        """Nobody answered; it is being found out."""

    def cancel_refused(self, client_order_id: str, code: str) -> None:
        """The order works on; it may be cancelled again."""


class Fate(msgspec.Struct, frozen=True):
    """What order management says of an order: its status on the wire, a code, lots traded. Empty: it never took it."""

    status: str = ""
    reason: str = ""
    traded: int = 0


class LiveOrderDesk:
    """Everything here happens on the runner's event loop. ``working`` are orders that may still trade, as far as is known."""

    def __init__(
        self,
        taker: OrderTaker,
        journal: BotJournal,
        clock: Clock,
        settings: RunnerSettings,
        answers: Answers,
        instrument_of: Callable[[str], Instrument],
        log: IntentLog,
        owner: str,
    ) -> None:
        self._taker, self._journal, self._clock, self._settings = taker, journal, clock, settings
        self._answers, self._instrument_of, self._log = answers, instrument_of, log
        self._tasks = TaskGroup(f"orders of {owner}")
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._cancelling: dict[str, asyncio.Task[None]] = {}
        self._closed = False
        self.working: dict[str, OrderIntent] = {}

    def submit(self, intent: OrderIntent) -> None:
        """Write the order down and send it."""
        name = intent.client_order_id
        if self._closed:
            self._answers.refused(name, "BOT_NOT_RUNNING", "The bot was stopped.")
            return
        self.working[name] = intent
        task = self._tasks.spawn(self._send(intent, self._journal.want(intent)), name)
        self._sending[name] = task
        task.add_done_callback(lambda _: self._sending.pop(name, None))

    def cancel(self, account: str, client_order_id: str) -> None:
        """Cancel an order, once it has been sent. Doing it twice is doing it once."""
        if client_order_id not in self._cancelling:
            task = self._tasks.spawn(self._cancel(account, client_order_id), f"cancel of {client_order_id}")
            self._cancelling[client_order_id] = task
            task.add_done_callback(lambda _: self._cancelling.pop(client_order_id, None))

    def cancel_all(self) -> None:
        """Cancel whatever may still trade."""
        for name, intent in tuple(self.working.items()):
            self.cancel(intent.account, name)

    def take(self, report: Report) -> None:
        """What the exchange reported of an own order."""
        if isinstance(report, OrderReport):
            if report.order.active:
                self.working.setdefault(report.order.client_order_id, report.order.intent)
            else:
                self.working.pop(report.order.client_order_id, None)

    def refuse(self, client_order_id: str, code: str) -> None:
        """An order that was on its way is none any more; one that is not, or whose sender still waits, is left to others."""
        if client_order_id in self.working and client_order_id not in self._sending:
            self._refuse(client_order_id, code, "The order was not taken.")

    def close(self) -> None:
        """Take no order any more; cancels still go."""
        self._closed = True

    async def rest(self) -> None:
        """Return once every request has its answer."""
        while waiting := [*self._sending.values(), *self._cancelling.values()]:
            await asyncio.wait(waiting)

    async def stop(self) -> None:
        """Ask no more. What is in doubt stays on record. Idempotent."""
        self.close()
        await self._tasks.stop()

    async def fate(self, intent: OrderIntent) -> Fate:
        """What became of an order, by its id. Asks until there is an answer."""
        body = {"account": intent.account, "client_order_id": intent.client_order_id}
        while True:
            try:
                reply = await self._taker.call("orders", body)
                rows = msgspec.convert(reply.get("orders", []), list[Fate])
            except (TradepitError, msgspec.ValidationError) as error:
                logger.debug("what became of {} cannot be asked now: {}", intent.client_order_id, error)
                await self._clock.sleep(self._settings.ask_s)
            else:
                return rows[0] if rows else Fate()

    async def _send(self, intent: OrderIntent, written: "asyncio.Future[int]") -> None:
        name = intent.client_order_id
        try:
            await durable(written)
        except NotActive:
            self._refuse(name, "STALE_EPOCH", "Another runner of this bot has taken over.")
            return
        request = self._request(intent)
        self._log.asked(name, {**request, "reference": intent.reference}, self._clock.now_ns())
        reply = await self._ask(intent, request)
        self._log.answered(name, reply, self._clock.now_ns())

    def _request(self, intent: OrderIntent) -> dict[str, Any]:
        price = self._instrument_of(intent.symbol).to_price(intent.price_ticks) if intent.price_ticks else None
        return {
            "side": intent.side.value,
            "symbol": intent.symbol,
            "price": price,
            "volume": intent.volume_lots,
            "account": intent.account,
            "offset": intent.offset.value,
            "order_type": intent.order_type.value,
        }

    async def _ask(self, intent: OrderIntent, request: dict[str, Any]) -> dict[str, Any]:
        name, began_ns = intent.client_order_id, self._clock.monotonic_ns()
        # The machine's time, which order management judges freshness by; the bot lives in the exchange's.
        stamp_ns = self._clock.now_ns()
        while True:
            try:
                return await self._taker.submit(
                    **request, client_order_id=name, reference=intent.reference, timestamp_ns=stamp_ns
                )
            except (OutcomeUnknown, Unavailable) as error:
                self._answers.doubted(name, error.reason_code)
            except TradepitError as error:
                self._refuse(name, error.reason_code, error.message)
                return {"error": error.reason_code, "message": error.message[:200]}
            if self._clock.monotonic_ns() - began_ns > self._settings.resend_s * 1e9:
                return await self._resolve(intent)
            await self._clock.sleep(self._settings.ask_s)

    async def _resolve(self, intent: OrderIntent) -> dict[str, Any]:
        """Too late to be sent again: the market is another by now. Only ask."""
        while True:
            fate = await self.fate(intent)
            if not fate.status or fate.status == "REJECTED":
                code = fate.reason or "NOT_SENT"
                self._refuse(intent.client_order_id, code, "The order was not taken.")
                return {"error": code}
            if fate.status != "UNKNOWN":
                return {"order_status": fate.status, "traded": fate.traded}
            await self._clock.sleep(self._settings.ask_s)

    def _refuse(self, name: str, code: str, message: str) -> None:
        self.working.pop(name, None)
        self._answers.refused(name, code, message)

    async def _cancel(self, account: str, name: str) -> None:
        sending = self._sending.get(name)
        if sending is not None:
            # A cancel that overtakes its order finds nothing to cancel.
            await asyncio.wait({sending})
        while name in self.working:
            try:
                await self._taker.cancel(account=account, client_order_id=name)
            except RequestRefused as error:
                if error.reason_code != _NOT_NOW:
                    logger.info("the cancel of {} was refused: {}", name, error)
                self._answers.cancel_refused(name, error.reason_code)
                return
            except TradepitError as error:
                logger.debug("the cancel of {} has no answer: {}", name, error)
                await self._clock.sleep(self._settings.ask_s)
            else:
                return
