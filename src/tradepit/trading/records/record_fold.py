"""From order management's facts to rows: a fold that gathers, entry by entry, what they change."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus, OrderType, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.register import Key, OrderRegister
from tradepit.trading.records.results import DailyResults, DayOutcome, Holding, money
from tradepit.trading.records.row_ids import execution_uuid
from tradepit.trading.records.rows import (
    EventKind,
    ExecutionRow,
    LimitRow,
    OrderKey,
    OrderRow,
    PnlRow,
    PositionRow,
    RecordBatch,
    RiskEventRow,
)

_NEW = frozenset({OrderStatus.RECEIVED, OrderStatus.PENDING_NEW})
_STATE_SEVERITIES = {TradingState.ACTIVE: "INFO", TradingState.REDUCING: "WARNING", TradingState.HALTED: "CRITICAL"}


class RecordFold:
    """The same entries give the same rows, whenever they are folded. ``entry`` is the last one folded.

    Trades in contracts that are not known yet wait for them (``unknown``). ``begun`` is the entry that told each order first. Days
    settled meanwhile are in ``settled_days``, oldest first.
    """

    def __init__(self) -> None:
        self.entry = 0
        self.register = OrderRegister()
        self.results = DailyResults()
        self.settled_days: list[int] = []
        self.begun: dict[Key, int] = {}
        self.unknown: dict[str, list[tuple[Trade, int]]] = {}

    @property
    def waiting(self) -> int:
        """How many trades wait for their contract to become known."""
        return sum(map(len, self.unknown.values()))

    def fold(self, entry: int, told: Sequence[facts.Fact], news: RecordBatch | None = None) -> None:
        """Fold one entry; what it changes is put into ``news``, where that is of interest."""
        self.entry = entry
        if news is not None:
            news.through = entry
        for number, fact in enumerate(told, start=1):
            if isinstance(fact, facts.ReportApplied):
                self._reported(fact, news)
            else:
                self._of(fact, f"{entry}-{number}", news)

    def _of(self, fact: facts.Fact, place: str, news: RecordBatch | None) -> None:
        if isinstance(fact, facts.OrderAccepted | facts.OrderRefused):
            self._begin((fact.intent.account, fact.intent.client_order_id))
        self.register.apply(fact)
        if isinstance(fact, facts.OrderAccepted | facts.OrderRefused):
            self._put_order((fact.intent.account, fact.intent.client_order_id), fact.time_ns, news)
        elif isinstance(fact, facts.OrderSending | facts.OrderUnknown):
            self._put_order((fact.account, fact.client_order_id), fact.time_ns, news)
        elif isinstance(fact, facts.InstrumentKnown):
            for trade, time_ns in self.unknown.pop(fact.instrument.symbol, []):
                self._trade(trade, fact.instrument, time_ns, news)
        if news is not None and isinstance(fact, facts.OrderRefused | facts.RiskWarned | facts.StateSet | facts.LimitsSet):
            self._put_event(fact, place, news)

    def _reported(self, fact: facts.ReportApplied, news: RecordBatch | None) -> None:
        report = fact.report
        if isinstance(report, OrderReport):
            self._begin((report.order.intent.account, report.order.client_order_id))
        if not self.register.apply_report(report, fact.through):
            return
        if isinstance(report, DayReport):
            self._day(report, fact.time_ns, news)
        elif isinstance(report, TradeReport):
            instrument = self.register.instruments.get(report.trade.symbol)
            if instrument is None:
                self.unknown.setdefault(report.trade.symbol, []).append((report.trade, fact.time_ns))
            else:
                self._trade(report.trade, instrument, fact.time_ns, news)
        else:
            self._put_order((report.order.intent.account, report.order.client_order_id), fact.time_ns, news)

    def _begin(self, key: Key) -> None:
        """An order is told of: under an id that is not remembered any more it is another one."""
        if key not in self.register.orders:
            self.begun.setdefault(key, self.entry)

    def _trade(self, trade: Trade, instrument: Instrument, time_ns: int, news: RecordBatch | None) -> None:
        key = (trade.account, trade.client_order_id or trade.order_id)
        order = self.register.orders.get(key)
        bot = order.intent.bot if order is not None else ""
        if order is None and key not in self.begun:
            self.begun[key] = self.entry
            if news is not None:
                row = self._row(key, _order_of(trade, key[1]), time_ns)
                news.orders[row.key] = row
        # Whoever has taken the order's row away must not keep its fills from being kept.
        self._put_order(key, time_ns, news)
        if news is not None:
            self._put_execution(trade, instrument, (*key, self.begun[key]), bot, news)
        for outcome in self.results.on_trade(trade, bot, instrument):
            self._put_result(outcome, time_ns, news)

    def _put_execution(self, trade: Trade, instrument: Instrument, order: OrderKey, bot: str, news: RecordBatch) -> None:
        row_id = execution_uuid(trade)
        news.executions[row_id] = ExecutionRow(
            entry=self.entry,
            id=row_id,
            order=order,
            account=trade.account,
            bot=bot,
            symbol=trade.symbol,
            exchange=trade.exchange.value,
            side=trade.side.value.lower(),
            offset=trade.offset.value,
            trade_id=trade.trade_id,
            trading_day=trade.trading_day,
            fill_qty=trade.volume_lots,
            fill_price=instrument.to_price(trade.price_ticks),
            fee=Decimal(trade.fee),
            filled_at=trade.time_ns,
        )

    def _day(self, report: DayReport, time_ns: int, news: RecordBatch | None) -> None:
        for outcome in self.results.on_day(report):
            self._put_result(outcome, time_ns, news)
        self.settled_days.append(report.settled_day)
        self.begun = {key: entry for key, entry in self.begun.items() if key in self.register.orders}

    def _put_order(self, key: Key, time_ns: int, news: RecordBatch | None) -> None:
        order = self.register.orders.get(key)
        if order is not None and news is not None:
            row = self._row(key, order, time_ns)
            known = news.orders.get(row.key)
            news.orders[row.key] = row if known is None else msgspec.structs.replace(row, created_at=known.created_at)

    def _row(self, key: Key, order: Order, time_ns: int) -> OrderRow:
        intent = order.intent
        instrument = self.register.instruments.get(intent.symbol)
        priced = intent.order_type.priced and instrument is not None
        return OrderRow(
            entry=self.entry,
            account=key[0],
            client_order_id=key[1],
            accepted_entry=self.begun.get(key, self.entry),
            bot=intent.bot,
            symbol=intent.symbol,
            exchange=intent.exchange.value,
            side=intent.side.value.lower(),
            offset=intent.offset.value,
            order_type=intent.order_type.value,
            qty=intent.volume_lots,
            price=instrument.to_price(intent.price_ticks) if priced and instrument is not None else None,
            status="new" if order.status in _NEW else order.status.value.lower(),
            provider_order_id=order.order_id or None,
            filled_qty=order.traded_lots,
            left_qty=order.left_lots,
            reason=order.reason,
            reference=intent.reference,
            sequence=intent.sequence,
            created_at=time_ns,
            updated_at=time_ns,
        )

    def _put_result(self, outcome: DayOutcome, time_ns: int, news: RecordBatch | None) -> None:
        if news is None:
            return
        holding = self.results.holdings[outcome.owner]
        position = self._position(outcome, holding, time_ns)
        news.positions[outcome.owner] = position
        account, bot, symbol = outcome.owner
        news.pnl[outcome.trading_day, account, bot, symbol] = PnlRow(
            entry=self.entry,
            trading_day=outcome.trading_day,
            account=account,
            bot=bot,
            symbol=symbol,
            realized=outcome.realized,
            mark_to_market=outcome.mark_to_market,
            fees=outcome.fees,
            net=outcome.net,
            volume=outcome.volume,
            fills=outcome.fills,
            lots=outcome.lots,
            day_cost=outcome.day_cost,
            multiplier=position.multiplier,
            settled=outcome.mark_to_market is not None,
            currency=position.currency,
            updated_at=time_ns,
        )

    def _position(self, outcome: DayOutcome, holding: Holding, time_ns: int) -> PositionRow:
        product, life = holding.instrument.product, holding.life
        account, bot, symbol = outcome.owner
        return PositionRow(
            entry=self.entry,
            account=account,
            bot=bot,
            symbol=symbol,
            lots=life.lots,
            open_price=money(life.open_cost / (life.lots * product.multiplier)) if life.lots else None,
            open_cost=money(life.open_cost),
            multiplier=Decimal(product.multiplier),
            realized=money(life.realized),
            fees=life.fees,
            currency=product.currency,
            updated_at=time_ns,
        )

    def _put_event(
        self, fact: facts.OrderRefused | facts.RiskWarned | facts.StateSet | facts.LimitsSet, place: str, news: RecordBatch
    ) -> None:
        if isinstance(fact, facts.OrderRefused):
            event = self._refusal(fact, place)
        elif isinstance(fact, facts.RiskWarned):
            event = RiskEventRow(
                entry=self.entry,
                id=place,
                kind="warned",
                at=fact.time_ns,
                severity="WARNING",
                account=fact.account,
                symbol=fact.symbol,
                code=fact.code,
                limit_value=str(fact.limit),
                value=str(fact.value),
                message=fact.what,
            )
        elif isinstance(fact, facts.StateSet):
            event = _setting("state", fact, place, self.entry, _STATE_SEVERITIES[fact.state], fact.state.value)
        else:
            event = _setting("limits", fact, place, self.entry, "INFO", "")
            news.limits[fact.scope] = LimitRow(
                entry=self.entry, scope=fact.scope, limits=fact.limits, who=fact.who, reason=fact.reason, set_at=fact.time_ns
            )
        news.events[place] = event

    def _refusal(self, fact: facts.OrderRefused, place: str) -> RiskEventRow:
        intent = fact.intent
        key = (intent.account, intent.client_order_id)
        return RiskEventRow(
            entry=self.entry,
            id=place,
            kind="refused",
            at=fact.time_ns,
            severity="WARNING",
            account=intent.account,
            bot=intent.bot,
            symbol=intent.symbol,
            code=fact.code,
            rule=fact.rule,
            limit_value=fact.limit,
            value=fact.value,
            message=fact.message,
            order=(*key, self.begun.get(key, self.entry)),
        )


def _setting(
    kind: EventKind, fact: facts.StateSet | facts.LimitsSet, place: str, entry: int, severity: str, code: str
) -> RiskEventRow:
    who_for, _, name = fact.scope.partition(":")
    return RiskEventRow(
        entry=entry,
        id=place,
        kind=kind,
        at=fact.time_ns,
        severity=severity,
        account=name if who_for == "account" else "",
        bot=name if who_for == "bot" else "",
        symbol=name if who_for == "symbol" else "",
        scope=fact.scope,
        code=code,
        message=fact.reason,
        who=fact.who,
    )


def _order_of(trade: Trade, client_order_id: str) -> Order:
    """What a trade tells of an order that nobody has told of yet."""
    intent = OrderIntent(
        client_order_id=client_order_id,
        account=trade.account,
        symbol=trade.symbol,
        exchange=trade.exchange,
        side=trade.side,
        offset=trade.offset,
        order_type=OrderType.LIMIT,
        price_ticks=trade.price_ticks,
        volume_lots=trade.volume_lots,
    )
    return Order(intent=intent, status=OrderStatus.UNKNOWN, order_id=trade.order_id, traded_lots=trade.volume_lots)
