"""One user's account as its DIFF clients know it: the day's orders and trades, positions and money, and what of it is news."""

import asyncio
from collections.abc import Callable
from typing import Any

from tradepit.trading.model.account import Account
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Offset
from tradepit.trading.model.trade import Trade
from tradepit.web.diff.money import account_record, position_record
from tradepit.web.diff.naming import account_of, client_order_id_of, order_id_of
from tradepit.web.diff.orders import contract_name, order_record, trade_key, trade_record
from tradepit.web.diff.outlet import Outlet, Patch

Record = dict[str, Any]


class TradingUser:
    """``find`` gives a listed contract, ``margin_of`` what one lot of a working open order freezes.

    An order is known by its house id; those that never came to the exchange are kept as records under the client's id.
    """

    def __init__(
        self, user_name: str, find: Callable[[str], Instrument | None], margin_of: Callable[[Order, Instrument], float]
    ) -> None:
        self.user_name, self.account = user_name, account_of(user_name)
        self._find, self._margin_of = find, margin_of
        self.orders: dict[str, Order] = {}
        self.refused: dict[str, Record] = {}
        self.outlets: set[Outlet] = set()
        self.news = asyncio.Event()
        self.trading_day = 0
        self._trades: dict[str, Trade] = {}
        self._positions: dict[str, list[Position]] = {}
        self._money: Account | None = None
        self._told: dict[str, Record] = {}
        self._changed_orders: dict[str, None] = {}
        self._changed_trades: dict[str, None] = {}

    @property
    def holds(self) -> bool:
        """True with any open position."""
        return any(position.lots for sides in self._positions.values() for position in sides)

    def take_order(self, order: Order) -> None:
        """The state of an order; one older than what is known changes nothing."""
        former = self.orders.get(order.client_order_id)
        if former is not None and _older(order, former):
            return
        self.orders[order.client_order_id] = order
        self.refused.pop(order_id_of(order.client_order_id, order.intent.reference), None)
        self._changed_orders[order.client_order_id] = None
        self.news.set()

    def take_trade(self, trade: Trade) -> None:
        """A fill; one that is known changes nothing."""
        key = trade_key(trade, trade.client_order_id)
        if key not in self._trades:
            self._trades[key] = trade
            self._changed_trades[key] = None
            self.news.set()

    def refuse(self, record: Record) -> None:
        """An order that never came to the exchange; all clients are told at once."""
        self.refused[record["order_id"]] = record
        self.tell(self._in_trade({"orders": {record["order_id"]: record}}))

    def order_of(self, order_id: str) -> Record | None:
        """The record of an order by the client's own id, None when it is not known."""
        order = self.orders.get(client_order_id_of(order_id))
        record = self._order(order) if order is not None else None
        return record or self.refused.get(order_id)

    def order_patch(self, record: Record) -> Patch:
        """The patch that tells one order."""
        return self._in_trade({"orders": {record["order_id"]: record}})

    def value(self, positions: list[Position], money: Account | None) -> None:
        """Positions and money as the exchange has them now."""
        by_symbol: dict[str, list[Position]] = {symbol: [] for symbol in self._positions}
        for position in positions:
            by_symbol.setdefault(position.symbol, []).append(position)
        self._positions, self._money = by_symbol, money or self._money

    def begin_day(self, trading_day: int) -> None:
        """A new trading day: the former one's orders and trades are told no more to who comes."""
        if self.trading_day and trading_day != self.trading_day:
            self.orders = {key: order for key, order in self.orders.items() if order.active}
            self.refused.clear()
            self._trades.clear()
            self._changed_trades.clear()
            day = {"user_id": self.user_name, "trading_day": str(trading_day)}
            self.tell(self._in_trade({"session": day | {"session_id": "1"}, "trading_day": str(trading_day)}))
        self.trading_day = trading_day
        self.news.set()

    def snapshot(self) -> Patch:
        """Everything, as a login is answered."""
        orders = [record for order in self.orders.values() if (record := self._order(order))]
        trades = [record for trade in self._trades.values() if (record := self._trade(trade))]
        return self._in_trade(
            {
                "user_id": self.user_name,
                "trading_day": str(self.trading_day),
                "session": {"user_id": self.user_name, "trading_day": str(self.trading_day), "session_id": "1"},
                "trade_more_data": False,
                "accounts": self._accounts(),
                "positions": self._position_records(),
                "orders": {record["order_id"]: record for record in orders} | self.refused,
                "trades": {record["trade_id"]: record for record in trades},
                "banks": {},
                "transfers": {},
            }
        )

    def take_changes(self) -> Patch | None:
        """What is new since this was last asked; None when nothing is."""
        changed, self._changed_orders = self._changed_orders, {}
        fills, self._changed_trades = self._changed_trades, {}
        orders = [record for key in changed if key in self.orders and (record := self._order(self.orders[key]))]
        trades = [record for key in fills if key in self._trades and (record := self._trade(self._trades[key]))]
        state = {"accounts": self._accounts(), "positions": self._position_records()}
        body: Patch = {}
        for kind, records in state.items():
            news = {key: record for key, record in records.items() if self._told.get(f"{kind}/{key}") != record}
            self._told.update({f"{kind}/{key}": record for key, record in news.items()})
            if news:
                body[kind] = news
        if orders:
            body["orders"] = {record["order_id"]: record for record in orders}
        if trades:
            body["trades"] = {record["trade_id"]: record for record in trades}
        return self._in_trade(body) if body else None

    def tell(self, patch: Patch) -> None:
        """All of the user's clients."""
        for outlet in self.outlets:
            outlet.add(patch)

    def _in_trade(self, body: Patch) -> Patch:
        return {"trade": {self.user_name: body}}

    def _order(self, order: Order) -> Record | None:
        instrument = self._find(order.intent.symbol)
        if instrument is None:
            return None
        record = order_record(order, instrument, self.user_name)
        if order.active and order.intent.offset in (Offset.OPEN, Offset.NET):
            record["frozen_margin"] = record["volume_left"] * self._margin_of(order, instrument)
        return record

    def _trade(self, trade: Trade) -> Record | None:
        instrument = self._find(trade.symbol)
        if instrument is None:
            return None
        order = self.orders.get(trade.client_order_id)
        reference = order.intent.reference if order is not None else ""
        return trade_record(trade, instrument, order_id_of(trade.client_order_id, reference), self.user_name)

    def _accounts(self) -> dict[str, Record]:
        return {} if self._money is None else {self._money.currency: account_record(self._money, self.user_name)}

    def _position_records(self) -> dict[str, Record]:
        found = {}
        for symbol, sides in self._positions.items():
            instrument = self._find(symbol)
            if instrument is not None:
                found[contract_name(instrument)] = position_record(sides, instrument, self.user_name)
        return found


def _older(order: Order, former: Order) -> bool:
    if order.traded_lots != former.traded_lots:
        return order.traded_lots < former.traded_lots
    return former.status.progress > order.status.progress or order == former
