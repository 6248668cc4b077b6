"""What a bot knows, as it is kept over restarts; and the way back: memory, then the exchange's reports since."""

from collections.abc import Iterable
from typing import Any

import msgspec

from tradepit.bots.host import BotHost
from tradepit.bots.own_orders import OwnOrder
from tradepit.bots.position import KeptPosition
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus


class BotMemory(msgspec.Struct, frozen=True, kw_only=True):
    """All reports up to number ``report`` are in it; ``sequence`` is the number of the last order sent. ``state`` is the bot's own."""

    report: int = 0
    sequence: int = 0
    positions: dict[str, KeptPosition] = {}
    orders: list[Order] = []
    state: dict[str, Any] = {}


def remember(host: BotHost, report: int) -> BotMemory:
    """The bot as it is, all reports up to ``report`` folded. Raises TypeError when its state is nothing that JSON can hold."""
    orders = host.orders
    return BotMemory(
        report=report,
        sequence=orders.sequence,
        positions={symbol: position.keep() for symbol, position in orders.positions.items()},
        orders=[_order(own) for own in orders.values()],
        state=msgspec.json.decode(msgspec.json.encode(dict(host.ctx.state))),
    )


def _order(own: OwnOrder) -> Order:
    return Order(intent=own.intent, status=own.status, traded_lots=own.filled, left_lots=own.left)


class Recollection:
    """Makes a new host know what its former life knew, and what happened since.

    ``sent`` are orders on record as sent after the memory was kept. The former life's events are not told to the bot again: it
    finds their outcome.
    """

    def __init__(self, host: BotHost, memory: BotMemory, sent: Iterable[OrderIntent]) -> None:
        self._host = host
        own = host.orders
        own.sequence = max(own.sequence, memory.sequence)
        for symbol, kept in memory.positions.items():
            instrument = host.board.instrument(symbol)
            if instrument is not None:
                own.position(instrument).restore(kept)
        self._orders = {order.client_order_id: order for order in memory.orders}
        self._filled = {order.client_order_id: order.traded_lots for order in memory.orders}
        for intent in sent:
            self._note_sequence(intent.client_order_id)
            waiting = Order(intent=intent, status=OrderStatus.SENDING, left_lots=intent.volume_lots)
            self._orders.setdefault(intent.client_order_id, waiting)

    def take(self, report: Report) -> None:
        """One report since; those of other bots change nothing."""
        own = self._host.orders
        if isinstance(report, DayReport):
            own.roll_day(report)
        elif isinstance(report, TradeReport):
            trade = report.trade
            instrument = self._host.board.instrument(trade.symbol)
            if instrument is not None and own.apply_trade(report, instrument) is not None:
                name = trade.client_order_id
                self._note_sequence(name)
                self._filled[name] = self._filled.get(name, 0) + trade.volume_lots
        elif report.order.intent.account == own.account and self._note_sequence(report.order.client_order_id):
            self._take_order(report)

    def _take_order(self, report: OrderReport) -> None:
        name = report.order.client_order_id
        known = self._orders.get(name)
        if known is None or report.order.status.progress >= known.status.progress:
            self._orders[name] = report.order

    def in_doubt(self) -> list[OrderIntent]:
        """Orders on record of which the exchange never reported anything, as far as is known."""
        return [order.intent for order in self._orders.values() if order.active and not order.status.progress]

    def forget(self, client_order_id: str) -> None:
        """An order in doubt turned out to be finished, or never to have been taken."""
        self._orders.pop(client_order_id, None)

    def finish(self) -> list[OrderIntent]:
        """Hand the host what still works; the intents of it."""
        working = [self._true_to_trades(order) for order in self._orders.values() if order.active]
        self._host.adopt(working)
        return [order.intent for order in working]

    def _true_to_trades(self, order: Order) -> Order:
        # A trade is reported before its order's new state: what was folded into the position must not be waited for again.
        more = self._filled.get(order.client_order_id, 0) - order.traded_lots
        if more <= 0:
            return order
        return msgspec.structs.replace(order, traded_lots=order.traded_lots + more, left_lots=max(0, order.left_lots - more))

    def _note_sequence(self, client_order_id: str) -> int:
        own = self._host.orders
        sequence = own.mine(client_order_id)
        own.sequence = max(own.sequence, sequence)
        return sequence
