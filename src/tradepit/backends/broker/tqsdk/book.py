"""What the TqSDK broker knows beyond its journal's fold: what in TqSDK's news is new, as numbered reports."""

from collections.abc import Sequence

import msgspec
from loguru import logger

from tradepit.backends.broker.broker_book import NOT_SENT, BrokerBook, Key, Told
from tradepit.backends.broker.tqsdk.frames import News, ToldHeld, ToldOrder, ToldTrade
from tradepit.backends.broker.tqsdk.terms import intent_of, order_of, ticks_of, trade_of, weekday_before
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, Side
from tradepit.trading.model.trade import Trade


class TqsdkBook(BrokerBook):
    """``learn`` says what is new, ``apply`` takes it once it is in the journal."""

    def learn(self, news: News, now_ns: int) -> list[Told]:
        """What is new in what the broker told, as numbered reports: the trades, then the orders."""
        found: list[Told] = []
        named: set[tuple[str, str, str]] = set()
        numbers = {(told.account, told.order_id): told.exchange_order_id.strip() for told in news.orders}
        for told_trade in news.trades:
            report = self._trade_report(told_trade, numbers, news.trading_day, self.last_report + len(found) + 1, named)
            if report is not None:
                named.add((report.trade.exchange, report.trade.trade_id, report.trade.side))
                found.append(Told(report=report, trade_key=told_trade.trade_id))
        for told in news.orders:
            order = self._order(told, now_ns)
            if order is not None:
                sequence = self.last_report + len(found) + 1
                found.append(
                    Told(report=OrderReport(sequence=sequence, time_ns=now_ns, trading_day=news.trading_day, order=order))
                )
        return found

    def carry(self, held: Sequence[ToldHeld], trading_day: int, prices: dict[str, str], now_ns: int) -> list[Told]:
        """What an account held before anything was reported of it: trades of the day before, then the beginning of this one."""
        if self.last_report or not held:
            return []
        before = weekday_before(trading_day)
        trades = [report for each in held if (report := _held_report(each, before, now_ns)) is not None]
        found: list[Report] = [
            *trades,
            DayReport(sequence=0, time_ns=now_ns, trading_day=trading_day, settled_day=before, settlement_prices=prices),
        ]
        numbered = [msgspec.structs.replace(report, sequence=number) for number, report in enumerate(found, start=1)]
        return [Told(report=one, trade_key=one.trade.trade_id if isinstance(one, TradeReport) else "") for one in numbered]

    def _trade_report(
        self, told: ToldTrade, numbers: dict[Key, str], day: int, sequence: int, named: set[tuple[str, str, str]]
    ) -> TradeReport | None:
        key = (told.account, told.order_id)
        if (told.account, told.trade_id) in self.trades:
            return None
        known = self.orders.get(key)
        order_id = numbers.get(key) or (known.order_id if known is not None else "")
        # Both sides of a match share the exchange's number; where it is missing or used before, the broker's own one stands in.
        trade_id = told.exchange_trade_id.strip()
        name = (told.exchange_id, trade_id, told.direction)
        if not trade_id or name in self.exchange_trades or name in named:
            trade_id = told.trade_id
        try:
            trade = trade_of(told, trade_id, order_id, day)
        except ValueError as error:
            logger.error("a trade of {} has no place here: {}", told.instrument_id, error)
            return None
        return TradeReport(sequence=sequence, time_ns=told.time_ns, trading_day=day, trade=trade)

    def _order(self, told: ToldOrder, now_ns: int) -> Order | None:
        key = (told.account, told.order_id)
        known = self.orders.get(key)
        try:
            order = order_of(told, self.intent(key) or intent_of(told), known, now_ns)
        except (TradepitError, ValueError) as error:
            logger.error("order {} of {} has no place here: {}", told.order_id, told.instrument_id, error)
            return None
        return order if self.changed(key, order) else None

    def returned(self, news: News) -> list[Key]:
        """Orders that were given up as never sent and now turn out to work."""
        keys = [(told.account, told.order_id) for told in news.orders if told.status != "FINISHED"]
        return [key for key in keys if key in self.orders and self.orders[key].reason == NOT_SENT]

    def end_all(self, now_ns: int, trading_day: int) -> list[Told]:
        """The reports of a simulated account's end: whatever worked there works no more."""
        found: list[Told] = []
        for order in [order for order in self.orders.values() if order.active]:
            ended = msgspec.structs.replace(
                order,
                status=OrderStatus.CANCELLED,
                left_lots=0,
                message="the simulated account has begun anew",
                updated_ns=now_ns,
            )
            sequence = self.last_report + len(found) + 1
            found.append(Told(report=OrderReport(sequence=sequence, time_ns=now_ns, trading_day=trading_day, order=ended)))
        return found


def _held_report(held: ToldHeld, trading_day: int, now_ns: int) -> TradeReport | None:
    name = f"held-{held.instrument_id}-{held.direction}"
    try:
        trade = Trade(
            trade_id=name,
            order_id=name,
            client_order_id=check_id(name, "instrument_id"),
            account=held.account,
            symbol=held.instrument_id,
            exchange=Exchange(held.exchange_id),
            side=Side(held.direction),
            offset=Offset.OPEN,
            price_ticks=ticks_of(held.open_price, held.price_tick),
            volume_lots=held.lots,
            time_ns=now_ns,
            trading_day=trading_day,
        )
    except (TradepitError, ValueError) as error:
        logger.error("held lots of {} have no place here: {}", held.instrument_id, error)
        return None
    return TradeReport(sequence=0, time_ns=now_ns, trading_day=trading_day, trade=trade)
