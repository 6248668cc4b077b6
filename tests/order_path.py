"""What the order path is tested with: a venue in memory, a broker whose answers go wrong on demand, leaders that come and go."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import ClassVar

import msgspec

from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.ports.broker import Capabilities, Listing
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import OrderNotFound, OutcomeUnknown, StaleEpoch, TradepitError, Unavailable, VenueRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved
from tradepit.trading.risk.rule import Rule

DAY = 20250106
PRICE = 19_500  # 3900.0 in ticks of 0.2
START_NS = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
Key = tuple[str, str]


class AtMostTen(Rule, frozen=True, kw_only=True):
    """Refuses orders of more than ten lots."""

    name: ClassVar[str] = "at_most_ten"

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        if intent.volume_lots <= 10:
            return None
        return self.refuse("TOO_MANY", limit=10, value=intent.volume_lots, message="more than ten lots")


def instrument(symbol: str = "IF2501") -> Instrument:
    return load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(3900))


def an_intent(number: int | str = 1, *, lots: int = 5, side: Side = Side.BUY, account: str = "A1", **more: object) -> OrderIntent:
    told = OrderIntent(
        client_order_id=f"c{number}",
        account=account,
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=side,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT,
        price_ticks=PRICE,
        volume_lots=lots,
    )
    return msgspec.structs.replace(told, **more)


class Venue:
    """The truth: every order that reached it, and its reports. Not idempotent on purpose: a second send is counted."""

    def __init__(self) -> None:
        self.orders: dict[Key, Order] = {}
        self.reports: list[Report] = []
        self.arrivals: Counter[Key] = Counter()
        self.cancels: Counter[Key] = Counter()
        self.epoch = 0
        self.trading_day = DAY
        self.changed = asyncio.Event()
        self._trades = 0

    def find(self, intent: OrderIntent) -> Order | None:
        return self.orders.get((intent.account, intent.client_order_id))

    def check_epoch(self, epoch: int) -> None:
        if epoch < self.epoch:
            raise StaleEpoch(epoch=epoch, found=self.epoch)

    def arrive(self, intent: OrderIntent) -> Order:
        """An order comes in; one that was voided before is refused."""
        key = (intent.account, intent.client_order_id)
        known = self.orders.get(key)
        if known is not None and known.reason == "NOT_SENT":
            return known
        self.arrivals[key] += 1
        return self._tell(
            Order(intent=intent, status=OrderStatus.OPEN, order_id=f"V{len(self.orders) + 1}", left_lots=intent.volume_lots)
        )

    def refuse(self, intent: OrderIntent, reason: str = "NOT_SENT") -> Order:
        return self._tell(Order(intent=intent, status=OrderStatus.REJECTED, reason=reason))

    def fill(self, key: Key, lots: int) -> Trade:
        """A fill of a working order: the trade is told first, then the order."""
        order = self.orders[key]
        self._trades += 1
        intent = order.intent
        trade = Trade(
            trade_id=f"T{self._trades}",
            order_id=order.order_id,
            client_order_id=intent.client_order_id,
            account=intent.account,
            symbol=intent.symbol,
            exchange=intent.exchange,
            side=intent.side,
            offset=intent.offset,
            price_ticks=intent.price_ticks,
            volume_lots=lots,
            time_ns=1,
            trading_day=self.trading_day,
        )
        self._report(TradeReport(sequence=len(self.reports) + 1, time_ns=1, trading_day=self.trading_day, trade=trade))
        left = order.left_lots - lots
        status = OrderStatus.PARTIAL if left else OrderStatus.FILLED
        self._tell(msgspec.structs.replace(order, status=status, traded_lots=order.traded_lots + lots, left_lots=left))
        return trade

    def end(self, key: Key, status: OrderStatus = OrderStatus.CANCELLED) -> Order:
        order = self.orders[key]
        if not order.active:
            return order
        return self._tell(msgspec.structs.replace(order, status=status, left_lots=0))

    def settle(self, following: int) -> None:
        for key in [key for key, order in self.orders.items() if order.active]:
            self.end(key, OrderStatus.EXPIRED)
        settled, self.trading_day = self.trading_day, following
        self._report(
            DayReport(
                sequence=len(self.reports) + 1,
                time_ns=1,
                trading_day=following,
                settled_day=settled,
                settlement_prices={"IF2501": "3900"},
            )
        )

    def traded(self) -> dict[Key, int]:
        return {key: order.traded_lots for key, order in self.orders.items() if order.traded_lots}

    def _tell(self, order: Order) -> Order:
        self.orders[(order.intent.account, order.client_order_id)] = order
        self._report(OrderReport(sequence=len(self.reports) + 1, time_ns=1, trading_day=self.trading_day, order=order))
        return order

    def _report(self, report: Report) -> None:
        self.reports.append(report)
        self.changed.set()
        self.changed = asyncio.Event()


class FakeBroker:
    """A venue's broker. ``mishaps[method]`` are errors for the next calls, raised before anything is done, or after with ``late``.

    ``hold[method]`` makes calls wait for the event before they do anything, ``hold_answer[method]`` after they did.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.mishaps: dict[str, deque[TradepitError]] = {}
        self.late: dict[str, deque[TradepitError]] = {}
        self.hold: dict[str, asyncio.Event] = {}
        self.hold_answer: dict[str, asyncio.Event] = {}
        self.calls: list[tuple[str, Key]] = []
        self.before_submit: Callable[[OrderIntent, int], None] = lambda intent, epoch: None
        self.gathers = False
        self.accounts = {"A1", "A2"}
        self.listings = [self.listing(instrument())]

    @staticmethod
    def listing(told: Instrument, phase: SessionPhase = SessionPhase.CONTINUOUS) -> Listing:
        low, high = told.price_band(Decimal(3900))
        return Listing(instrument=told, phase=phase, lower_limit_ticks=low, upper_limit_ticks=high, pre_settlement=Decimal(3900))

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=frozenset(OrderType), offsets=frozenset(Offset), reduces=False, voids_unknown=True, gathers=self.gathers
        )

    def count(self, method: str) -> int:
        return sum(called == method for called, _ in self.calls)

    async def connect(self) -> None:
        """Nothing to do."""

    async def open_session(self, epoch: int) -> None:
        await self._before("open_session")
        self.venue.check_epoch(epoch)
        self.venue.epoch = epoch

    async def submit(self, approved: Approved, *, epoch: int) -> Order:
        intent = approved.intent
        self.before_submit(intent, epoch)
        await self._before("submit", (intent.account, intent.client_order_id))
        self.venue.check_epoch(epoch)
        order = self.venue.arrive(intent)
        await self._after("submit")
        return order

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        key = (account, client_order_id)
        await self._before("cancel", key)
        self.venue.check_epoch(epoch)
        if key not in self.venue.orders:
            raise OrderNotFound(client_order_id=client_order_id)
        self.venue.cancels[key] += 1
        order = self.venue.end(key)
        await self._after("cancel")
        return order

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        await self._before("resolve", (intent.account, intent.client_order_id))
        self.venue.check_epoch(epoch)
        order = self.venue.find(intent) or self.venue.refuse(intent)
        await self._after("resolve")
        return order

    async def query(self, account: str, client_order_id: str) -> Order | None:
        return self.venue.orders.get((account, client_order_id))

    async def reports(self, after: int) -> AsyncIterator[Report]:
        while True:
            changed = self.venue.changed
            hold = self.hold.get("reports")
            if hold is not None:
                await hold.wait()
            if after < len(self.venue.reports):
                after += 1
                yield self.venue.reports[after - 1]
            else:
                await changed.wait()

    async def last_report(self) -> int:
        return len(self.venue.reports)

    async def instruments(self) -> list[Listing]:
        await self._before("instruments")
        return self.listings

    async def find(self, symbol: str) -> Listing | None:
        await self._before("find")
        return next((listing for listing in self.listings if listing.instrument.symbol == symbol), None)

    async def account(self, account: str) -> Account:
        await self._before("account", (account, ""))
        if account not in self.accounts:
            raise VenueRefused("ACCOUNT_NOT_FOUND")
        return Account(account=account, pre_balance=Decimal(1_000_000))

    async def positions(self, account: str) -> list[Position]:
        return []

    async def close(self) -> None:
        """Nothing to do."""

    async def _before(self, method: str, key: Key = ("", "")) -> None:
        self.calls.append((method, key))
        if method in self.hold:
            await self.hold[method].wait()
        if self.mishaps.get(method):
            raise self.mishaps[method].popleft()

    async def _after(self, method: str) -> None:
        if method in self.hold_answer:
            await self.hold_answer[method].wait()
        if self.late.get(method):
            raise self.late[method].popleft()


def lost() -> deque[TradepitError]:
    """One answer that does not come."""
    return deque([OutcomeUnknown("no answer")])


def away(times: int = 1) -> deque[TradepitError]:
    """Nobody listens."""
    return deque(Unavailable("nobody listens") for _ in range(times))


class Office:
    """A journal, a venue, and the leaders that follow one another over them."""

    def __init__(self, rules: Sequence[Rule] = (AtMostTen(),)) -> None:
        self.store = MemoryJournalStore()
        self.venue = Venue()
        self.broker = FakeBroker(self.venue)
        self.clock = ManualClock(START_NS)
        self.rules = rules
        self.epoch = 0
        self.fenced = 0
        self.writer: JournalWriter | None = None

    async def leader(self, broker: FakeBroker | None = None, *, start: bool = True) -> OrderLeader:
        """Replay the journal, take it over under the next epoch, lead."""
        self.epoch += 1
        journal = MemoryJournal(self.store)
        await journal.open()
        desk = self.replay()
        last = await journal.append([self.write(facts.TermBegan(time_ns=0, epoch=self.epoch, holder="x"))],
                                    expected=len(self.store.entries), epoch=self.epoch)  # fmt: skip
        self.writer = JournalWriter(journal, last=last, epoch=self.epoch, on_fenced=self.fence)
        self.writer.start()
        leader = OrderLeader(desk, self.writer, broker or self.broker, self.clock, epoch=self.epoch, on_fenced=self.fence)
        if start:
            await leader.start()
        return leader

    def fence(self) -> None:
        self.fenced += 1

    def replay(self) -> OrderDesk:
        """What a standby knows."""
        desk = OrderDesk(self.rules)
        for fact in self.journaled():
            desk.apply(fact, replayed=True)
        return desk

    def journaled(self) -> list[facts.Fact]:
        decoder = msgspec.json.Decoder(facts.Fact)
        return [decoder.decode(record) for entry in self.store.entries for record in entry.records]

    def kinds(self, client_order_id: str = "c1") -> list[str]:
        """The kinds of the journal's facts about one order."""
        told = []
        for fact in self.journaled():
            if isinstance(fact, facts.OrderAccepted | facts.OrderRefused):
                known = fact.intent.client_order_id
            elif isinstance(fact, facts.ReportApplied):
                report = fact.report
                known = report.order.client_order_id if isinstance(report, OrderReport) else ""
            else:
                known = getattr(fact, "client_order_id", "")
            if known == client_order_id:
                told.append(type(fact).__name__)
        return told

    @staticmethod
    def write(fact: facts.Fact) -> bytes:
        return msgspec.json.encode(fact)
