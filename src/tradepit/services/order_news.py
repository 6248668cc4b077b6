"""What the order writer alone can tell of its orders: parents folded from their children, and refusals no broker reports."""

import asyncio

from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.average_prices import AveragePrices
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, TradeReport
from tradepit.trading.model.terms import Offset, OrderStatus
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.parent_order import fold_parent
from tradepit.trading.orders.register import OrderRegister
from tradepit.wire import tq
from tradepit.wire.tq_codec import encode, order_update

_AGAIN_S = 0.2
_DRAIN_S = 3.0
_TOLD = OrderStatus.SUBMITTED.progress


class OrderNews:
    """Publishes to the queue of order updates, in order, until it is kept. Telling something twice does no harm: rows are merged."""

    def __init__(self, bus: Bus, subject: str, clock: Clock, register: OrderRegister, portfolio_id: str) -> None:
        self._bus, self._subject, self._clock = bus, subject, clock
        self._register, self._portfolio_id = register, portfolio_id
        self._prices = AveragePrices()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.told = 0

    def on_fact(self, fact: facts.Fact) -> Order | None:
        """Meet a fact that was applied; the order it changed, if it was one."""
        if isinstance(fact, facts.ReportApplied):
            report = fact.report
            if isinstance(report, TradeReport):
                self._count(report.trade)
                return None
            if isinstance(report, DayReport):
                self._prices.forget_before(report.settled_day)
                return None
            intent = report.order.intent
            order = self._register.find(intent.account, intent.client_order_id)
        elif isinstance(fact, facts.OrderAccepted):
            order = self._register.find(fact.intent.account, fact.intent.client_order_id)
        elif isinstance(fact, facts.OrderUnknown):
            order = self._register.find(fact.account, fact.client_order_id)
        else:
            return None
        if order is not None:
            self._consider(order)
        return order

    def tell_all(self) -> None:
        """Tell again what may not have been told before the last end: parents, and orders that were refused."""
        for order in list(self._register.orders.values()):
            if order.status is not OrderStatus.RISK_REJECTED:
                self._consider(order)

    def tell(self, order: Order) -> None:
        """Queue the state of one order."""
        update = self.update_of(order)
        if update is not None:
            self._queue.put_nowait(encode(update))

    def update_of(self, order: Order) -> tq.OrderUpdate | None:
        """The state of one order in the contract's words; None for a contract nobody lists."""
        instrument = self._register.instruments.get(order.intent.symbol)
        if instrument is None:
            return None
        price = self._prices.of(order.client_order_id, instrument, order.traded_lots)
        return order_update(order, instrument, portfolio_id=self._portfolio_id, trade_price=price, now_ns=self._clock.now_ns())

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            payload = await self._queue.get()
            while True:
                try:
                    await self._bus.publish(self._subject, payload)
                except TradepitError as error:
                    logger.warning("an order update is kept until the bus takes it: {}", error)
                    await self._clock.sleep(_AGAIN_S)
                else:
                    break
            self.told += 1
            self._queue.task_done()

    async def learn_prices(self, broker: Broker) -> None:
        """Count the trades of before this start, as far as the broker still tells them, and tell parents with their price."""
        try:
            last = await broker.last_report()
            if last:
                async for report in broker.reports(0):
                    if isinstance(report, TradeReport):
                        self._count(report.trade)
                    if report.sequence >= last:
                        break
        except TradepitError as error:
            logger.warning("prices of trades before this start are not known: {}", error)
            return
        for order in list(self._register.orders.values()):
            if is_child(order) and order.traded_lots:
                self._tell_parent(order.intent.account, order.intent.reference)

    async def drain(self) -> None:
        """Give what is queued a moment to be published; the rest is told at the next start."""
        try:
            async with asyncio.timeout(_DRAIN_S):
                await self._queue.join()
        except TimeoutError:
            logger.warning("order updates were not published before the end")

    def _count(self, trade: Trade) -> None:
        order = self._register.find(trade.account, trade.client_order_id)
        if order is not None:
            self._prices.add(order.intent.reference if is_child(order) else order.client_order_id, trade)

    def _consider(self, order: Order) -> None:
        parent = order.intent.reference
        if is_child(order):
            self._tell_parent(order.intent.account, parent)
        if order.status is OrderStatus.REJECTED:
            self.tell(order)

    def _tell_parent(self, account: str, parent: str) -> None:
        found = [self._register.find(account, name) for name in tq.child_order_ids(parent)]
        children = [child for child in found if child is not None]
        if not any(child.status.progress >= _TOLD for child in children):
            # NEW says that the broker has it: an order that was not split is told no earlier.
            return
        volume = sum(child.intent.volume_lots for child in children)
        first = children[0].intent
        intent = type(first)(
            client_order_id=parent,
            account=account,
            symbol=first.symbol,
            exchange=first.exchange,
            side=first.side,
            offset=Offset.CLOSE,
            order_type=first.order_type,
            price_ticks=first.price_ticks,
            volume_lots=volume,
        )
        self.tell(fold_parent(intent, children))


def is_child(order: Order) -> bool:
    """True for a part of a split close: it carries its parent's id, and its own is made of it."""
    parent = order.intent.reference
    return bool(parent) and order.client_order_id in tq.child_order_ids(parent)
