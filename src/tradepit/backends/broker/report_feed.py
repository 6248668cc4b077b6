"""The simulated exchange's reports as one gapless sequence: heard, put in order, and asked for where something is missing."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.trading.model.errors import BadRequest, JournalCorrupted, TradepitError, Unavailable
from tradepit.trading.model.report import Report
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import BROKER_REPORTS, rpc_subject

_MAX_AHEAD = 10_000
_RETRY_S = 0.1
_REPLIES = msgspec.json.Decoder(wire.ReportsReply)


class ReportFeed:
    """One follower. ``check_s`` is how long silence is believed before the exchange is asked whether there is more."""

    def __init__(self, bus: Bus, *, timeout_s: float, check_s: float) -> None:
        self._bus, self._timeout_s, self._check_s = bus, timeout_s, check_s
        self._next = 1
        self._ahead: dict[int, Report] = {}
        self._wake = asyncio.Event()

    async def follow(self, after: int) -> AsyncIterator[Report]:
        """Reports above ``after`` for ever. Raises JournalCorrupted when the exchange lost reports that were received before."""
        self._next = after + 1
        subscription = await self._listen()
        try:
            await self._ask()
            while True:
                report = self._ahead.pop(self._next, None)
                if report is not None:
                    self._next += 1
                    yield report
                elif self._ahead or not await self._hears():
                    await self._ask()
        finally:
            await subscription.stop()

    async def _listen(self) -> Subscription:
        while True:
            try:
                return await self._bus.subscribe(BROKER_REPORTS, self._hear)
            except Unavailable as error:
                logger.warning("reports: cannot subscribe yet: {}", error)
                await asyncio.sleep(_RETRY_S)

    async def _hear(self, message: Message) -> None:
        try:
            report = wire.read_report(message.payload)
        except BadRequest as error:
            logger.error("a report cannot be read, asking the exchange for it: {}", error)
            return
        # Far ahead of what was delivered they are not kept: asking brings them in order.
        if report.sequence >= self._next and len(self._ahead) < _MAX_AHEAD:
            self._ahead[report.sequence] = report
            self._wake.set()

    async def _hears(self) -> bool:
        self._wake.clear()
        try:
            async with asyncio.timeout(self._check_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _ask(self) -> None:
        body = wire.encode(wire.ReportsRequest(after=self._next - 1))
        try:
            payload = await self._bus.request(rpc_subject(wire.SERVICE, "reports"), body, timeout_s=self._timeout_s)
            reply = _REPLIES.decode(payload)
            reports = [wire.read_report(raw) for raw in reply.reports]
        except (TradepitError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            logger.warning("reports: the exchange did not answer: {}", error)
            await asyncio.sleep(_RETRY_S)
            return
        if reply.error:
            logger.warning("reports: the exchange refused: {} {}", reply.error, reply.message)
            await asyncio.sleep(_RETRY_S)
        elif reply.last < self._next - 1:
            raise JournalCorrupted("the exchange has lost reports it told before", received=self._next - 1, last=reply.last)
        elif not reports:
            # What was heard claims numbers the exchange has not come to: keeping it would mean asking without end.
            self._ahead.clear()
        for report in reports:
            self._ahead[report.sequence] = report
