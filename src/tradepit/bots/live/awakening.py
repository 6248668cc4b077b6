"""How a bot that begins comes to know what its former life knew, and what the market was until now."""

import asyncio
from collections.abc import Mapping

from loguru import logger

from tradepit.bots.host import BotHost
from tradepit.bots.live.market_join import MarketJoin
from tradepit.bots.live.memory import BotMemory, Recollection
from tradepit.bots.live.order_desk import LiveOrderDesk
from tradepit.bots.live.parts import Parts
from tradepit.bots.live.patience import insist
from tradepit.bots.live.records import BotJournal
from tradepit.bots.live.settings import BotRow
from tradepit.bots.live.warm_up import Tally
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.report import Report
from tradepit.trading.model.tick import Tick

# Order management's words for an order that may still trade.
_MAY_TRADE = frozenset({"PENDING", "PARTIAL", "UNKNOWN"})


class Awakening:
    """One start. The host is nobody else's until it is over."""

    def __init__(self, host: BotHost, row: BotRow, parts: Parts, journal: BotJournal, desk: LiveOrderDesk) -> None:
        self._host, self._row, self._parts, self._journal, self._desk = host, row, parts, journal, desk
        self._mind = Recollection(host, journal.memory, journal.wanted)
        self._reached = journal.memory.report

    async def recover(self) -> int:
        """Positions, working orders and the next number; the number of the last report that is in them.

        Whoever holds the feed's lock now hears of every later report.
        """
        clock, who = self._parts.clock, self._row.bot_id
        last = await insist(self._parts.exchange.last_report, clock, who)
        if self._reached > last:
            logger.warning(
                "bot {}: this exchange has told {} reports, the bot remembers {}: it is another one", who, last, self._reached
            )
            self._forget()
        await insist(self._read_on, clock, who)
        for intent in self._mind.in_doubt():
            fate = await self._desk.fate(intent)
            if fate.status not in _MAY_TRADE:
                self._mind.forget(intent.client_order_id)
        await self._note_used_ids()
        return self._reached

    async def catch_up(self) -> int:
        """Under the feed's lock: what was reported since, and with that the end of it."""
        parts = self._parts
        await insist(parts.feed.begin, parts.clock, self._row.bot_id)
        await insist(self._read_on, parts.clock, self._row.bot_id)
        for intent in self._mind.finish():
            self._desk.working[intent.client_order_id] = intent
        return max(self._reached, parts.feed.last)

    async def warm_up(self, instruments: Mapping[str, Instrument], join: MarketJoin) -> dict[str, Tick]:
        """Fill the windows with the newest ticks there are, and show the market as the exchange sees it now.

        The newest tick of each contract that it was shown: what the bot hears goes on from there. ``join`` holds what has been heard
        since before anybody was asked.
        """
        parts, told = self._parts, Tally(instruments)
        if parts.settings.warm_up:
            await self._from_data_api(told)
            await self._from_recordings(told)
        now = [await self._market_of(symbol) for symbol in instruments]
        # Reading the past may take seconds: what the market did meanwhile lies between that and what the exchange sees now.
        told.add(tick for tick in join.held if tick.symbol in told.instruments)
        told.add(tick for tick in now if tick is not None)
        for tick in told.in_order():
            self._host.see(tick)
        return told.newest()

    async def _market_of(self, symbol: str) -> Tick | None:
        try:
            return await self._parts.exchange.market(symbol)
        except Unavailable:
            return None  # The first tick will tell.

    async def _from_data_api(self, told: Tally) -> None:
        parts = self._parts
        if parts.data is None:
            return
        most = parts.settings.host.window_ticks
        try:
            for instrument in told.instruments.values():
                told.add(await parts.data.ticks(instrument, most))
        except Unavailable as error:
            logger.warning("bot {}: no windows from the Data API: {}", self._row.bot_id, error)

    async def _from_recordings(self, told: Tally) -> None:
        """What is still missing: it is older than what there is."""
        parts, now_ns = self._parts, self._parts.time.now_ns()
        if parts.recordings is None:
            return
        for symbol in told.instruments:
            most, before_ns = parts.settings.host.window_ticks, told.oldest_ns(symbol, now_ns)
            missing = most - told.count(symbol)
            if missing > 0:
                found = await asyncio.to_thread(parts.recordings.before, [symbol], most, before_ns)
                told.add(found[-missing:])

    def _forget(self) -> None:
        """Lots and orders were another exchange's; only the numbers of orders go on."""
        own = self._host.orders
        own.positions.clear()
        self._mind = Recollection(self._host, BotMemory(sequence=own.sequence), ())
        self._reached = 0

    async def _read_on(self) -> None:
        async for report in self._parts.exchange.reports(self._reached):
            self._take(report)

    def _take(self, report: Report) -> None:
        self._mind.take(report)
        self._reached = report.sequence

    async def _note_used_ids(self) -> None:
        """Orders that the review refused never came to the exchange, and their ids are used all the same."""
        body = {"account": self._row.account, "reference": self._row.bot_id}
        reply = await insist(lambda: self._parts.taker.call("orders", body), self._parts.clock, self._row.bot_id)
        rows, own = reply.get("orders"), self._host.orders
        for row in rows if isinstance(rows, list) else []:
            name = str(row.get("client_order_id", "")) if isinstance(row, dict) else ""
            own.sequence = max(own.sequence, own.mine(name))
