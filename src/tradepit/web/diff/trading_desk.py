"""The desk where DIFF clients trade: users and their accounts, kept current, and their requests on the way to the house."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.report_feed import ReportFeed
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.ledger.rules import FreezePrice
from tradepit.trading.model.errors import BadRequest, TradepitError, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.web.diff.market import Market
from tradepit.web.diff.naming import account_of
from tradepit.web.diff.trading_user import TradingUser

_RETRY_S = 0.2
_VALUE_S = 1.0


class TradingDesk:
    """``open_with`` is the deposit of an account opened at its user's first login; None: only open accounts may trade.

    A user is loaded at the first login from the exchange itself, so nothing needs to be kept here over a restart.
    """

    def __init__(
        self, bus: Bus, clock: Clock, market: Market, calendar: TradingCalendar, *, open_with: Decimal | None, freeze: FreezePrice
    ) -> None:
        self._clock, self._market, self._calendar = clock, market, calendar
        self._open_with, self._freeze = open_with, freeze
        self._house = ExchangeDesk(bus)
        self._tasks = TaskGroup("diff-trading")
        self._users: dict[str, TradingUser] = {}
        self._by_account: dict[str, TradingUser] = {}
        self.feed = ReportFeed(bus, clock, self._on_report)
        self.on_loaded: Callable[[TradingUser], None] = lambda _: None

    @property
    def users(self) -> int:
        """How many users have come so far."""
        return len(self._users)

    async def start(self) -> None:
        """Follow the exchange."""
        await self.feed.start()
        self._tasks.spawn(self._value_forever(), "values")

    async def stop(self) -> None:
        """Follow no more. Idempotent."""
        await self._tasks.stop()
        await self.feed.stop()

    async def enter(self, user_name: str) -> TradingUser:
        """The user, loaded; waits while the exchange does not answer. Raises BadRequest for an account that is not open.

        Two names that stand for one account are not both let in.
        """
        while True:
            try:
                async with self.feed.lock:
                    user = self._users.get(user_name) or await self._load(user_name)
            except Unavailable as error:
                logger.info("{} waits for the exchange: {}", user_name, error)
                await self._clock.sleep(_RETRY_S)
            else:
                return user

    async def refresh(self, user: TradingUser) -> None:
        """Positions and money of now. Raises Unavailable."""
        positions, money = await asyncio.gather(self._house.positions(user.account), self._house.account(user.account))
        user.value(positions, money)

    def margin_of_lot(self, name: str) -> float | None:
        """What one lot of the contract that is called ``name`` outside freezes by yesterday's price; None for one that is not listed."""
        instrument = self._market.named(name)
        if instrument is None:
            return None
        product = instrument.product
        return float(self._market.reference(instrument.symbol) * product.multiplier * product.margin_ratio)

    async def _load(self, user_name: str) -> TradingUser:
        if not self._market.ready:
            raise Unavailable("the exchange has not told its contracts yet")
        if account_of(user_name) in self._by_account:
            raise BadRequest("the account is another user's", account=account_of(user_name))
        user = TradingUser(user_name, self._market.instrument, self._margin_of)
        if await self._house.account(user.account) is None:
            if self._open_with is None:
                raise BadRequest("no such account", account=user.account)
            await self._house.open_account(user.account, self._open_with)
            logger.info("account {} was opened with {}", user.account, self._open_with)
        await self.feed.begin()
        user.trading_day = self._market.trading_day
        await self._load_orders(user)
        await self.refresh(user)
        user.take_changes()
        self._users[user_name] = self._by_account[user.account] = user
        self._tasks.spawn(self._keep(user), f"user-{user.account}")
        self.on_loaded(user)
        return user

    async def _load_orders(self, user: TradingUser) -> None:
        orders = [order for order in await self._house.orders(user.account) if self._of_today(order)]
        for order in orders:
            user.take_order(order)
        first_ns = min((order.inserted_ns for order in orders if order.traded_lots), default=0)
        if not first_ns:
            return
        async for report in self._house.reports(await self._house.report_before(first_ns)):
            if isinstance(report, TradeReport) and report.trade.account == user.account:
                user.take_trade(report.trade)

    def _of_today(self, order: Order) -> bool:
        instrument = self._market.instrument(order.intent.symbol)
        if instrument is None:
            return False
        day = self._market.trading_day
        today = date(day // 10_000, day // 100 % 100, day % 100)
        return self._calendar.trading_day_of(order.inserted_ns, instrument.product.session_group) >= today

    def _margin_of(self, order: Order, instrument: Instrument) -> float:
        product, price = instrument.product, self._market.reference(instrument.symbol)
        if self._freeze is FreezePrice.ORDER:
            price = instrument.to_price(order.intent.price_ticks) or self._market.upper_limit(instrument.symbol)
        return float(price * product.multiplier * product.margin_ratio)

    def _on_report(self, report: Report) -> None:
        match report:
            case OrderReport():
                if (user := self._by_account.get(report.order.intent.account)) is not None:
                    user.take_order(report.order)
            case TradeReport():
                if (user := self._by_account.get(report.trade.account)) is not None:
                    user.take_trade(report.trade)
            case DayReport():
                for user in self._users.values():
                    user.begin_day(report.trading_day)

    async def _keep(self, user: TradingUser) -> None:
        """Tell a user's clients what is new: orders and trades together with the positions and the money they led to."""
        while True:
            await user.news.wait()
            user.news.clear()
            try:
                await self.refresh(user)
            except TradepitError as error:
                logger.debug("positions of {} cannot be had now: {}", user.account, error)
                self._tasks.spawn(self._remind(user), "remind")
            try:
                patch = user.take_changes()
            except Exception as error:  # noqa: BLE001 - a record that cannot be told must not make the user's clients deaf
                logger.opt(exception=error).error("news of {} cannot be told", user.account)
                continue
            if patch is not None:
                user.tell(patch)

    async def _remind(self, user: TradingUser) -> None:
        await self._clock.sleep(_RETRY_S)
        user.news.set()

    async def _value_forever(self) -> None:
        """Open positions are worth something else every moment."""
        while True:
            await self._clock.sleep(_VALUE_S)
            for user in self._users.values():
                if user.outlets and user.holds:
                    user.news.set()
