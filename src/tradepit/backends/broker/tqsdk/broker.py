"""China futures through TqSDK as a broker: the unmodified ``tqsdk`` package in a process of its own."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

from loguru import logger

from tradepit.backends.broker.broker_book import Key, Taken
from tradepit.backends.broker.tqsdk.frames import Answer, Ask, Cancel, Insert, Request, ToldQuote
from tradepit.backends.broker.tqsdk.link import TqsdkLink
from tradepit.backends.broker.tqsdk.terms import OFFSETS, account_of, amount, listing_of, order_of, order_types, position_of
from tradepit.ports.broker import Capabilities, Listing
from tradepit.ports.clock import Clock
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import (
    DuplicateId,
    InstrumentNotFound,
    OrderNotFound,
    OutcomeUnknown,
    StaleEpoch,
    Unavailable,
    VenueRefused,
)
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import Exchange, OrderStatus, OrderType
from tradepit.trading.risk.review import Approved

_ADVANCED = {OrderType.FAK: "FAK", OrderType.FOK: "FOK"}
# TqSDK rewrites every quoted text that looks like the name of a combination, order ids too.
_COMBINATION = re.compile(r"[a-z]{2}(\d{4})?-[a-z]{2}(\d{4})?")
ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"


class TqsdkBroker:
    """Implements ``ports.broker.Broker``; any number of brokers of one process share a link.

    The intent's own id is TqSDK's order id. ``timeout_s`` is how long an answer is awaited before the outcome counts as unknown.
    An order is voided (NOT_SENT) only when it never reached TqSDK, or when a complete snapshot of the trading day it was sent on
    does not hold it and what was sent before that snapshot had time to arrive. One sent on a day that is over stays unknown.
    """

    def __init__(self, link: TqsdkLink, catalog: Catalog, clock: Clock, *, timeout_s: float = 5.0) -> None:
        self._link, self._catalog, self._clock, self._timeout_s = link, catalog, clock, timeout_s
        self._joined = False

    @property
    def capabilities(self) -> Capabilities:
        exchanges = {Exchange(quote.symbol.partition(".")[0]) for quote in self._link.quotes.values()}
        types = frozenset(kind for exchange in exchanges or {Exchange.SHFE} for kind in order_types(exchange))
        return Capabilities(order_types=types, offsets=OFFSETS, reduces=False, voids_unknown=True)

    async def connect(self) -> None:
        if not self._joined:
            await self._link.join()
            self._joined = True

    async def open_session(self, epoch: int) -> None:
        await self._link.open_session(epoch)

    async def submit(self, approved: Approved, *, epoch: int) -> Order:
        intent = approved.intent
        key = (intent.account, intent.client_order_id)
        self._check_epoch(epoch)
        self._check_account(intent.account)
        if self._link.ready and key not in self._link.book.orders:
            await self._quote(f"{intent.exchange}.{intent.symbol}")
        async with self._link.deciding:
            known = self._link.book.orders.get(key)
            if known is not None:
                return _same(known, intent)
            if not self._link.has_taken(key):
                if not self._link.ready:
                    raise Unavailable("not connected to the broker; nothing was done")
                refused = self._refusal(intent)
                if refused:
                    message = "refused before it was sent"
                    return Order(intent=intent, status=OrderStatus.REJECTED, reason=refused, message=message)
                await self._link.record(Taken(intent=intent, trading_day=self._link.trading_day), epoch=epoch)
                news = self._link.wait_for(key)
                answer = self._link.hand_over(key, lambda number: self._insert(intent, number))
            else:
                news, answer = self._link.wait_for(key), None
        if answer is not None and (said := (await self._link.answered(answer, self._timeout_s)).refused):
            raise OutcomeUnknown(f"TqSDK did not take the order: {said}", client_order_id=intent.client_order_id)
        return _same(await self._within(news), intent)

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        key = (account, client_order_id)
        self._check_epoch(epoch)
        book = self._link.book
        known = book.orders.get(key)
        if known is not None and not known.active:
            return known
        if known is None and key not in book.taken:
            raise OrderNotFound(client_order_id=client_order_id)
        news = self._link.wait_for(key)
        await self._ask(lambda n: Cancel(number=n, account=account, order_id=client_order_id))
        while (known := await self._within(news)).active:
            news = self._link.wait_for(key)
        return known

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        key = (intent.account, intent.client_order_id)
        self._check_epoch(epoch)
        self._check_account(intent.account)
        if key not in self._link.book.orders:
            # Whoever asks would only ask again: the answer comes with the next snapshot.
            await self._link.await_ready(self._timeout_s)
        async with self._link.deciding:
            known = self._link.book.orders.get(key)
            return known if known is not None else await self._decide(intent, key, epoch)

    async def _decide(self, intent: OrderIntent, key: Key, epoch: int) -> Order:
        link, told_id = self._link, intent.client_order_id
        day = link.trading_day
        trace = (await self._ask(lambda n: Ask(number=n, what="trace", account=key[0], order_id=key[1]))).trace
        if (known := link.book.orders.get(key)) is not None:
            return known
        if trace is None:
            raise Unavailable("the TqSDK process answered without a trace")
        if trace.order is not None:
            return order_of(trace.order, intent, None, self._clock.now_ns())
        if trace.this_run:
            raise OutcomeUnknown("sent, and not answered yet", client_order_id=told_id)
        taken = link.book.taken.get(key)
        if trace.wired_day not in (0, day) or (taken is not None and taken.trading_day != day):
            raise OutcomeUnknown("sent on a trading day that is over: its statement knows", client_order_id=told_id)
        if trace.wired_day and trace.snapshot_age_s < link.timing.settle_s:
            raise OutcomeUnknown("sent before, it may still turn up", client_order_id=told_id)
        logger.info("tqsdk: order {} never left or never arrived", told_id)
        return await link.void(intent, day, epoch=epoch)

    async def query(self, account: str, client_order_id: str) -> Order | None:
        key = (account, client_order_id)
        if key not in self._link.book.orders:
            # What was sent by another process, or before this one, is known with the snapshot.
            await self._link.await_ready(self._timeout_s)
        return self._link.book.orders.get(key)

    def reports(self, after: int) -> AsyncIterator[Report]:
        return self._link.follow(after)

    async def last_report(self) -> int:
        return self._link.book.last_report

    async def instruments(self) -> list[Listing]:
        answer = await self._question(lambda n: Ask(number=n, what="quotes"))
        listings = [listing_of(quote, self._catalog, self._clock.now_ns()) for quote in answer.quotes]
        return [listing for listing in listings if listing is not None]

    async def find(self, symbol: str) -> Listing | None:
        try:
            exchange = self._catalog.product_of(symbol).exchange
        except InstrumentNotFound:
            return None
        quote = await self._quote(f"{exchange}.{symbol}")
        return None if quote is None else listing_of(quote, self._catalog, self._clock.now_ns())

    async def account(self, account: str) -> Account:
        self._check_account(account)
        answer = await self._question(lambda n: Ask(number=n, what="account", account=account))
        if answer.account is None:
            raise Unavailable("the TqSDK process answered without an account")
        return account_of(account, answer.account)

    async def positions(self, account: str) -> list[Position]:
        self._check_account(account)
        answer = await self._question(lambda n: Ask(number=n, what="positions", account=account))
        found = [position_of(account, position) for position in answer.positions]
        return [position for position in found if position is not None]

    async def close(self) -> None:
        if self._joined:
            self._joined = False
            await self._link.leave()

    async def _ask(self, make: Callable[[int], Request]) -> Answer:
        return await self._link.answered(self._link.post(make), self._timeout_s)

    async def _question(self, make: Callable[[int], Request]) -> Answer:
        """A question that changes nothing: no answer is no more than unavailable."""
        await self._link.await_ready(self._timeout_s)
        try:
            return await self._ask(make)
        except OutcomeUnknown as error:
            raise Unavailable(error.message) from error

    async def _quote(self, symbol: str) -> ToldQuote | None:
        """A contract as the broker told it; one that is asked for the first time is watched from then on. Raises Unavailable."""
        known = self._link.quotes.get(symbol.partition(".")[2])
        if known is not None:
            return known if known.symbol == symbol else None
        answer = await self._question(lambda n: Ask(number=n, what="quote", symbol=symbol))
        if answer.refused == Unavailable.code:
            raise Unavailable("the broker does not say whether the contract exists", symbol=symbol)
        for quote in answer.quotes:
            self._link.learn(quote)
        return answer.quotes[0] if answer.quotes else None

    async def _within(self, news: "asyncio.Future[Order]") -> Order:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await news
        except TimeoutError as error:
            raise OutcomeUnknown("the broker did not answer in time") from error

    def _insert(self, intent: OrderIntent, number: int) -> Insert:
        quote = self._link.quotes[intent.symbol]
        market = intent.order_type is OrderType.MARKET
        return Insert(
            number=number,
            account=intent.account,
            order_id=intent.client_order_id,
            symbol=quote.symbol,
            direction=intent.side.value,
            offset=intent.offset.value,
            volume=intent.volume_lots,
            limit_price=None if market else float(intent.price_ticks * amount(quote.price_tick)),
            advanced=_ADVANCED.get(intent.order_type, ""),
        )

    def _refusal(self, intent: OrderIntent) -> str:
        """Why TqSDK would not even send an order; empty when it would."""
        if _COMBINATION.fullmatch(intent.client_order_id):
            return "ID_NOT_VALID"
        quote = self._link.quotes.get(intent.symbol)
        if quote is None or quote.symbol != f"{intent.exchange}.{intent.symbol}" or not quote.price_tick:
            return "INSTRUMENT_NOT_FOUND"
        if intent.order_type not in order_types(intent.exchange):
            return "PRICETYPE_NOT_SUPPORTED"
        if intent.offset not in OFFSETS:
            return "OFFSET_NOT_VALID"
        return "" if intent.volume_lots > 0 else "VOLUME_NOT_VALID"

    def _check_epoch(self, epoch: int) -> None:
        if epoch < max(self._link.epoch, self._link.fenced_by):
            raise StaleEpoch

    def _check_account(self, account: str) -> None:
        if account not in self._link.accounts:
            raise VenueRefused(ACCOUNT_NOT_FOUND, account=account[:64])


def _same(known: Order, intent: OrderIntent) -> Order:
    """The order under an id that was used before, when it is the same one. Raises DuplicateId."""
    if (known.intent.symbol, known.intent.side, known.intent.offset, known.intent.price_ticks, known.intent.volume_lots) != (
        intent.symbol,
        intent.side,
        intent.offset,
        intent.price_ticks,
        intent.volume_lots,
    ):
        raise DuplicateId(client_order_id=intent.client_order_id)
    return known
