"""Keeps a position book complete: replays the trades the exchange has told, follows new ones, and mends what it missed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import TypeVar

from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.tasks import TaskGroup
from tradepit.runtime.trade_event import read_trade_event, trade_of
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import BadRequest, TradepitError, Unavailable, VenueRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.report import DayReport, TradeReport
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders.position_book import PositionBook
from tradepit.wire.gateway import InstrumentsReply, read_report
from tradepit.wire.simulator import BROKER_REPORTS, TRADES_EXECUTED, TradeData

ResultT = TypeVar("ResultT")

_RETRY_S = 0.2
_QUIET_NS = 300_000_000
_DAY_GRACE_NS = 1_000_000_000
# The exchange's trades never run so far ahead of what was heard; whatever claims to must be vouched for.
_FAR = 10_000


class PositionFollower:
    """One complete copy of all positions, rebuilt from the durable stream at every start.

    Trades count once by their number. Where the stream no longer reaches back to the first trade, or a trade closes what this
    book does not hold, or comes from a day already settled here, the book is made anew from the exchange's numbered reports,
    which have no gaps. ``on_trade`` is told of every new trade after it was applied.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        catalog: Catalog,
        owner: str,
        *,
        refresh_s: float = 2.0,
        on_trade: Callable[[Trade], None] | None = None,
    ) -> None:
        self._bus, self._clock, self._catalog, self._refresh_s, self._on_trade = bus, clock, catalog, refresh_s, on_trade
        self._desk = ExchangeDesk(bus)
        self._tasks = TaskGroup(owner, self._failed)
        self._subscriptions: list[Subscription] = []
        self._lock = asyncio.Lock()
        self._days: dict[int, DayReport] = {}
        self._funded: dict[str, int] = {}
        self._anchored = self._asked = self._caught_up = self._stopping = False
        self._trade_ns = self._goal = self._place = 0
        self.book = PositionBook()
        self.repeated = self.refused = self.rebuilds = self._turn = 0
        self.lag_ms = 0.0
        self.problem = ""

    @property
    def ready(self) -> bool:
        """True once the exchange has told its contracts and the stream's past has been read."""
        return self._asked and self._caught_up and not self.problem

    def money_known(self, account: str) -> bool:
        """True once the exchange was asked for the account's deposits today: before that its equity means nothing."""
        return self._funded.get(account) == self.book.trading_day

    async def start(self) -> None:
        """Replay and follow. What needs the exchange is retried until it answers."""
        self._trade_ns = self._clock.monotonic_ns()
        self._subscriptions.append(await self._bus.subscribe(BROKER_REPORTS, self._on_report))
        self._subscriptions.append(await self._bus.subscribe(TRADES_EXECUTED, self._on_message, replay=True))
        self._tasks.spawn(self._refresh_forever(), "refresh")

    async def stop(self) -> None:
        """Follow no more. Idempotent."""
        self._stopping = True
        await self._tasks.stop()
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()

    def figures(self) -> dict[str, str | int | float | bool]:
        """For the heartbeat."""
        return {
            "seq": self.book.sequence,
            "trades": self.book.trades,
            "trading_day": self.book.trading_day,
            "accounts": len(self.book.accounts()),
            "positions_digest": self.book.digest(),
            "repeated": self.repeated,
            "refused": self.refused,
            "rebuilds": self.rebuilds,
            "trade_lag_ms": round(self.lag_ms, 3),
        }

    def _failed(self, error: BaseException) -> None:
        self.problem = f"no longer follows the exchange: {error}"[:200]

    async def _on_message(self, message: Message) -> None:
        try:
            data = read_trade_event(message.payload)
            async with self._lock:
                former, self._place = self._place, max(self._place, message.sequence)
                if former and message.sequence > former + 1:
                    await self._rebuild(f"the stream lacks messages {former + 1} to {message.sequence - 1}")
                await self._take(data)
        except BadRequest as error:
            self.refused += 1
            logger.warning("a message on {} is no trade: {}", message.subject, error)
        except Unavailable:
            logger.debug("stopped while waiting for the exchange")
        except TradepitError as error:
            # Not even the exchange's own reports make a consistent book: better to say so than to show wrong positions.
            self._failed(error)
            logger.error("positions cannot be followed: {}", error)

    async def _take(self, data: TradeData) -> None:
        self._trade_ns = self._clock.monotonic_ns()
        if self.book.has(data.seq):
            self.repeated += 1
            return
        if data.seq > max(self.book.sequence, self._goal) + _FAR:
            await self._check_number(data)
        if not self._anchored:
            await self._insist(lambda: self._fill(self.book, data.seq))
            self._anchored = True
        if self.book.has(data.seq):
            return
        await self._know(data)
        trade = trade_of(data, self.book.instrument)
        if trade.trading_day > self.book.trading_day:
            await self._roll(trade.trading_day)
        elif trade.trading_day < self.book.trading_day:
            await self._rebuild(f"trade {data.seq} belongs to the settled day {trade.trading_day}")
        try:
            applied = self.book.apply(trade, data.seq)
        except VenueRefused as error:
            await self._rebuild(str(error))
            applied = True
        if applied:
            self.lag_ms = (self._clock.now_ns() - trade.time_ns) / 1e6
            if self._on_trade is not None:
                self._on_trade(trade)

    async def _check_number(self, data: TradeData) -> None:
        """Raises BadRequest for a number the exchange has not come to: a book that believed it would be deaf to all real ones."""
        self._goal = await self._insist(self._desk.last_report)
        if data.seq > self._goal:
            raise BadRequest("the exchange has made no such report", seq=data.seq, last=self._goal)

    async def _know(self, data: TradeData) -> None:
        if not self.book.knows(data.symbol):
            await self._insist(self._list)
        if not self.book.knows(data.symbol):
            self.book.list_instrument(self._delisted(data.symbol, int(data.trading_day)), data.price)

    async def _on_report(self, message: Message) -> None:
        # Best effort: only the day's end is of interest here, and whoever misses it learns of it by asking.
        if b'"kind":"day"' not in message.payload:
            return
        try:
            report = read_report(message.payload)
        except BadRequest:
            self.refused += 1
            return
        if isinstance(report, DayReport):
            self._days[report.trading_day] = report

    async def _roll(self, day: int) -> None:
        report = self._days.get(day)
        if report is not None:
            self.book.roll(day, {symbol: Decimal(price) for symbol, price in report.settlement_prices.items()})
            return
        reply = InstrumentsReply()
        if self.book.trading_day:
            reply = await self._insist(self._desk.instruments)
        known = reply.trading_day == day
        self.book.roll(day, {state.instrument.symbol: Decimal(state.pre_settlement) for state in reply.instruments if known})

    async def _list(self) -> None:
        self._note(await self._desk.instruments(), self.book)

    def _note(self, reply: InstrumentsReply, book: PositionBook) -> None:
        for state in reply.instruments:
            if reply.trading_day == book.trading_day or not book.knows(state.instrument.symbol):
                book.list_instrument(state.instrument, Decimal(state.pre_settlement))
        self._asked = True

    def _delisted(self, symbol: str, day: int) -> Instrument:
        """A contract the exchange lists no more, met in old trades: the catalogue knows its rules. Raises BadRequest."""
        try:
            on = date(day // 10_000, day // 100 % 100, day % 100)
            return self._catalog.instrument(symbol, on=on, listing_price=Decimal(1))
        except (TradepitError, ValueError) as error:
            raise BadRequest("a trade of a contract nobody knows", symbol=symbol, reason=str(error)[:120]) from error

    async def _fill(self, book: PositionBook, before: int) -> None:
        """Apply the exchange's reports numbered below ``before`` that the book has not seen."""
        self._note(await self._desk.instruments(), book)
        if book.sequence + 1 >= before:
            return
        async for report in self._desk.reports(book.sequence):
            if report.sequence >= before:
                return
            if isinstance(report, TradeReport):
                trade = report.trade
                if not book.knows(trade.symbol):
                    gone = self._delisted(trade.symbol, trade.trading_day)
                    book.list_instrument(gone, gone.to_price(trade.price_ticks))
                book.roll(trade.trading_day, {})
                book.apply(trade, report.sequence)
            elif isinstance(report, DayReport):
                prices = {symbol: Decimal(price) for symbol, price in report.settlement_prices.items()}
                book.roll(report.trading_day, prices, report.sequence)

    async def _rebuild(self, why: str) -> None:
        logger.warning("positions are made anew from the exchange's reports: {}", why)
        self.rebuilds += 1

        async def build() -> PositionBook:
            book = PositionBook()
            await self._fill(book, 2**63)
            return book

        self.book = await self._insist(build)
        self._funded.clear()
        self._anchored = True

    async def _refresh_forever(self) -> None:
        while True:
            pause_s = self._refresh_s if self._caught_up else _RETRY_S
            try:
                reply = await self._desk.instruments()
                async with self._lock:
                    await self._refresh(reply)
            except Unavailable as error:
                logger.debug("the exchange cannot be asked: {}", error)
                pause_s = _RETRY_S
            await self._clock.sleep(pause_s)

    async def _refresh(self, reply: InstrumentsReply) -> None:
        quiet_ns = self._clock.monotonic_ns() - self._trade_ns
        self._note(reply, self.book)
        if not self._caught_up:
            await self._catch_up(quiet_ns)
        if quiet_ns > _DAY_GRACE_NS and self._caught_up and reply.trading_day > self.book.trading_day:
            await self._roll(reply.trading_day)
            self._note(reply, self.book)
        await self._ask_for_money(reply.trading_day)

    async def _catch_up(self, quiet_ns: int) -> None:
        # The past is read once the stream has passed what the exchange had told when first asked, or has nothing more to tell.
        self._goal = self._goal or await self._desk.last_report()
        if quiet_ns > _QUIET_NS and not self._anchored:
            # The stream has told nothing at all: either nothing was traded yet, or it was lost.
            await self._fill(self.book, 2**63)
            self._anchored = True
        self._caught_up = quiet_ns > _QUIET_NS or self.book.sequence > self._goal > 0

    async def _ask_for_money(self, day: int) -> None:
        """Deposits are not in the stream of trades: ask for every account once a day, and for one more each time."""
        if day != self.book.trading_day:
            return
        accounts = self.book.accounts()
        wanted = [account for account in accounts if self._funded.get(account) != day]
        if not wanted and accounts:
            self._turn += 1
            wanted = [accounts[self._turn % len(accounts)]]
        for account in wanted:
            money = await self._desk.account(account)
            if money is not None:
                self.book.set_funds(money)
            self._funded[account] = day

    async def _insist(self, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Do ``work`` until the exchange answers: what follows makes no sense without it. Raises Unavailable once stopped."""
        waited = False
        while True:
            try:
                return await work()
            except Unavailable as error:
                if self._stopping:
                    raise
                if not waited:
                    logger.info("waiting for the exchange: {}", error)
                waited = True
                await self._clock.sleep(_RETRY_S)
