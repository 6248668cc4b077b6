"""What the SSI broker knows: orders by the id they were sent under, and the fills that make up what SSI says was traded."""

from collections import ChainMap
from collections.abc import Collection, Container, Mapping
from decimal import Decimal

from loguru import logger

from tradepit.backends.broker.broker_book import NOT_SENT, BookFact, BrokerBook, Key, Taken, TermBegan, Told
from tradepit.backends.broker.ssi.frames import ToldError, ToldMatch, ToldOrder
from tradepit.backends.broker.ssi.terms import PASSING, instant_ns, intent_of, match_name, number, order_of, token, trade_of
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus

MADE = "made:"


class Absorbed(BookFact, frozen=True, kw_only=True, tag="absorbed"):
    """A fill was told late: that many lots of it had been made up from the order's own figures already."""

    account: str
    client_order_id: str
    lots: int
    trade_key: str
    trading_day: int


class Asked(BookFact, frozen=True, kw_only=True, tag="asked"):
    """A change to an order may be sent from here on, under ``request_id``. ``quantity`` (lots) is the whole order's afterwards."""

    account: str
    client_order_id: str
    change_id: str
    request_id: str
    quantity: int = 0


class Heard(BookFact, frozen=True, kw_only=True, tag="heard"):
    """SSI was heard up to the event of this number, which counts on one day in Hanoi (YYYYMMDD)."""

    notify_id: int
    day: int


SsiFact = TermBegan | Taken | Told | Absorbed | Asked | Heard


class SsiBook(BrokerBook):
    """SSI numbers no fills, and V3's stream begins where it is joined. What an order traded is therefore told twice: fill by fill, and
    by the order's cumulative figure. The second is the truth; what the fills fail to tell is made up from it at the average price,
    and taken off them when they come after all.

    ``undecided`` are orders SSI spoke of without saying, in a word that is known, what became of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.instruments: Mapping[str, Instrument] = {}
        self.accounts: Mapping[str, str] = {}
        self._by_request: dict[str, Key] = {}
        self._request_of: dict[Key, str] = {}
        self._by_order_id: dict[tuple[str, str], Key] = {}
        self._by_change: dict[str, Key] = {}
        self._changes: dict[tuple[Key, str], int] = {}
        self.notified = (0, 0)
        self.undecided: set[Key] = set()
        self._unnamed: set[Key] = set()
        self._terms: dict[Key, tuple[str, Decimal]] = {}
        self._filled: dict[Key, int] = {}
        self._value: dict[Key, int] = {}
        self._made: dict[Key, int] = {}

    def apply(self, fact: BookFact, entry: int) -> None:
        """Fold one fact of the journal's entry number ``entry``."""
        super().apply(fact, entry)
        if isinstance(fact, Taken):
            key = (fact.intent.account, fact.intent.client_order_id)
            self._by_request[fact.request_id], self._request_of[key] = key, fact.request_id
        elif isinstance(fact, Absorbed):
            key = (fact.account, fact.client_order_id)
            self._made[key] = self._made.get(key, 0) - fact.lots
            self.trades[fact.account, fact.trade_key] = fact.trading_day
        elif isinstance(fact, Asked):
            key = (fact.account, fact.client_order_id)
            self._by_change[fact.request_id] = key
            self._changes[key, fact.change_id] = fact.quantity
        elif isinstance(fact, Heard):
            self.notified = (fact.day, fact.notify_id)
        elif isinstance(fact, Told):
            self._count(fact.report, fact.trade_key)

    def _count(self, report: Report, trade_key: str) -> None:
        if isinstance(report, TradeReport):
            trade = report.trade
            key = (trade.account, trade.client_order_id)
            self._filled[key] = self._filled.get(key, 0) + trade.volume_lots
            self._value[key] = self._value.get(key, 0) + trade.volume_lots * trade.price_ticks
            if trade_key.startswith(MADE):
                self._made[key] = self._made.get(key, 0) + trade.volume_lots
        elif isinstance(report, OrderReport):
            order = report.order
            if order.order_id:
                self._by_order_id[order.intent.account, order.order_id] = (order.intent.account, order.client_order_id)
        elif isinstance(report, DayReport):
            self._forget()

    def _forget(self) -> None:
        known = self.orders.keys() | self.taken.keys()
        self._by_request = {name: key for name, key in self._by_request.items() if key in known}
        self._request_of = {key: name for name, key in self._by_request.items()}
        self._by_order_id = {name: key for name, key in self._by_order_id.items() if key in known}
        self._by_change = {name: key for name, key in self._by_change.items() if key in known}
        self._changes = {change: quantity for change, quantity in self._changes.items() if change[0] in known}
        self.undecided &= known
        self._unnamed &= known
        for figures in (self._filled, self._value, self._made, self._terms):
            for key in [key for key in figures if key not in known]:
                del figures[key]

    def key_of(self, account_no: str, request_id: str, order_id: str) -> Key | None:
        """The order SSI speaks of; one that this house did not send is called by SSI's number. None for an account of others."""
        account = self.accounts.get(account_no)
        if account is None:
            return None
        found = (
            self._by_request.get(request_id)
            or self._by_order_id.get((account, token(order_id)))
            or self._by_change.get(request_id)
        )
        return found or ((account, token(f"SSI-{order_id}")) if order_id else None)

    def request_of(self, key: Key) -> str:
        """The id under which an order was sent, empty for one that this house did not send."""
        return self._request_of.get(key, "")

    def placed_as(self, request_id: str) -> Key | None:
        """The order that was sent under an id; None for the id of a change or of others."""
        return self._by_request.get(request_id)

    def change(self, key: Key, change_id: str) -> int | None:
        """The whole quantity (lots) an order was to have after a change that was asked for before; None when it was not."""
        return self._changes.get((key, change_id))

    def alike(self, intent: OrderIntent) -> bool:
        """Whether SSI told, without saying who sent it, of an order that this one may be."""
        same = ("account", "symbol", "side", "order_type", "price_ticks", "volume_lots")
        others = (self.orders[key].intent for key in self._unnamed if key in self.orders)
        return any(all(getattr(other, term) == getattr(intent, term) for term in same) for other in others)

    @property
    def request_ids(self) -> Container[str]:
        """Every id that was used for a request and is still known."""
        return ChainMap(self._by_request, self._by_change)

    def terms_of(self, key: Key) -> tuple[str, Decimal]:
        """An order's type in SSI's words and its price (index points, 0 for none), as SSI told last: they may be changed elsewhere."""
        return self._terms.get(key, ("", Decimal(0)))

    def wanted(self, account: str) -> Collection[str]:
        """The ids of an account's orders that may have been sent and of which nothing was heard."""
        return {taken.request_id for key, taken in self.taken.items() if key[0] == account}

    def learn_error(self, told: ToldError, reason: str, now_ns: int) -> list[BookFact]:
        """An order that came to nothing on its way. Of one that is known to work, or of a change, it says nothing."""
        key = self.placed_as(told.request_id)
        intent = self.intent(key) if key is not None else None
        known = self.orders.get(key) if key is not None else None
        if intent is None or (known is not None and known.status.progress > OrderStatus.SUBMITTED.progress):
            return []
        return self.refuse(intent, reason, f"{told.code} {told.message}", now_ns)

    def learn_order(self, told: ToldOrder, now_ns: int) -> list[BookFact]:
        """What is new in an order's state, as a numbered report."""
        key = self.key_of(told.account_no, told.client_request_id, told.order_id)
        if key is None:
            return []
        if not told.client_request_id:
            self._unnamed.add(key)
        # Whatever becomes of it, SSI has it.
        self.undecided.add(key)
        if told.order_status in PASSING:
            return []
        self._terms[key] = (told.order_type, number(told.price))
        known = self.orders.get(key)
        try:
            intent = self.intent(key) or self._foreign(told, key)
            order = order_of(told, intent, known, now_ns)
        except (TradepitError, ValueError, ArithmeticError) as error:
            logger.error("ssi: order {} of {} has no place here: {}", told.order_id, told.symbol, error)
            return []
        self.undecided.discard(key)
        if known is not None and order.status.progress < known.status.progress:
            return []
        return [self._report(order, now_ns)] if self.changed(key, order) else []

    def learn_match(self, told: ToldMatch, now_ns: int) -> list[BookFact]:
        """What is new in a fill: a repeated one is not, nor what was made up before it came."""
        key = self.key_of(told.account_no, told.client_request_id, told.order_id)
        name = match_name(told)
        if key is None or (key[0], name) in self.trades:
            return []
        intent = self.intent(key)
        if intent is None:
            logger.warning("ssi: a fill of an order that is not known yet: it follows from the order's own figures")
            return []
        found: list[BookFact] = []
        absorbed = min(self._made.get(key, 0), told.match_qty)
        if absorbed:
            day = self.trading_day
            found.append(Absorbed(account=key[0], client_order_id=key[1], lots=absorbed, trade_key=name, trading_day=day))
        lots = told.match_qty - absorbed
        if lots:
            try:
                ticks = self._instrument(intent.symbol).to_ticks(told.match_price)
            except (TradepitError, ValueError) as error:
                logger.error("ssi: a fill of {} has no place here: {}", intent.symbol, error)
                return []
            time_ns = instant_ns(told.match_time, now_ns)
            trade_id = f"{told.order_id}-{name}"
            found.append(self._fill(intent, trade_id, told.order_id, ticks, lots, time_ns, now_ns, name))
        return found

    def missing(self, key: Key) -> int:
        """Lots that an order traded and no fill has told."""
        order = self.orders.get(key)
        return order.traded_lots - self._filled.get(key, 0) if order is not None else 0

    def make_up(self, told: ToldOrder, now_ns: int) -> list[BookFact]:
        """The fill nobody told, from the order's own figures: the price is what brings the average to SSI's."""
        key = self.key_of(told.account_no, told.client_request_id, told.order_id)
        if key is None or (lots := self.missing(key)) <= 0:
            return []
        order = self.orders[key]
        try:
            instrument = self._instrument(order.intent.symbol)
        except (TradepitError, ValueError) as error:
            logger.error("ssi: {} lots of order {} traded, and no price is known: {}", lots, order.client_order_id, error)
            return []
        average = number(told.avg_price) / instrument.product.tick_size
        ticks = round((average * order.traded_lots - self._value.get(key, 0)) / lots)
        if ticks <= 0:
            ticks = round(average) or order.intent.price_ticks
        if ticks <= 0:
            return []
        logger.warning("ssi: {} lots of order {} were never told fill by fill", lots, order.client_order_id)
        name = f"{MADE}{order.order_id}:{order.traded_lots}"
        trade_id = f"{order.order_id}-R{order.traded_lots}"
        return [self._fill(order.intent, trade_id, order.order_id, ticks, lots, now_ns, now_ns, name)]

    def returned(self, told: ToldOrder) -> Key | None:
        """An order that was given up as never sent and now turns out to work."""
        key = self.key_of(told.account_no, told.client_request_id, told.order_id)
        known = self.orders.get(key) if key is not None else None
        return key if known is not None and known.reason == NOT_SENT and told.order_status in ("QU", "PF", "WA", "IAV") else None

    def refuse(self, intent: OrderIntent, reason: str, message: str, now_ns: int) -> list[BookFact]:
        """The report of an order SSI did not take."""
        order = Order(
            intent=intent,
            status=OrderStatus.REJECTED,
            reason=reason,
            message=message[:256],
            inserted_ns=now_ns,
            updated_ns=now_ns,
        )
        return [self._report(order, now_ns)]

    def _report(self, order: Order, now_ns: int) -> Told:
        sequence = self.last_report + 1
        return Told(report=OrderReport(sequence=sequence, time_ns=now_ns, trading_day=self.trading_day, order=order))

    def _fill(
        self, intent: OrderIntent, trade_id: str, order_id: str, ticks: int, lots: int, time_ns: int, now_ns: int, name: str
    ) -> Told:
        trade = trade_of(intent, trade_id, order_id, ticks, lots, time_ns, self.trading_day)
        report = TradeReport(sequence=self.last_report + 1, time_ns=now_ns, trading_day=self.trading_day, trade=trade)
        return Told(report=report, trade_key=name)

    def _foreign(self, told: ToldOrder, key: Key) -> OrderIntent:
        return intent_of(told, key[0], key[1], self._instrument(told.symbol or told.instrument_id))

    def _instrument(self, symbol: str) -> Instrument:
        found = self.instruments.get(symbol)
        if found is None:
            raise ValueError(f"unknown contract {symbol[:16]!r}")
        return found
