"""What the active instance of order management does: journal before send, ask instead of sending again, apply what the broker tells."""

import asyncio
from collections.abc import Callable

import msgspec
from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.algo_guard import check_child
from tradepit.trading.model.errors import (
    InstrumentNotFound,
    NotActive,
    OrderNotFound,
    OutcomeUnknown,
    RequestRefused,
    RiskRefused,
    StaleEpoch,
    Unavailable,
    VenueRefused,
)
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.review import Approved, review_cancel

_ENCODER = msgspec.json.Encoder()
MAX_IN_FLIGHT = 1_000
_RESOLVE_EVERY_S = 0.05
_KNOCK_EVERY_S = 0.02
_CATCH_UP_S = 1.0
_DRAIN_S = 2.0
_REFRESH_EVERY_NS = 1_000_000_000
Key = tuple[str, str]


class OrderLeader:
    """One term of office. Everything it writes carries its epoch; the first refusal of that epoch ends it (``on_fenced``)."""

    def __init__(
        self,
        desk: OrderDesk,
        writer: JournalWriter,
        broker: Broker,
        clock: Clock,
        *,
        epoch: int,
        on_fenced: Callable[[], None],
    ) -> None:
        self.desk, self.epoch = desk, epoch
        self._writer, self._broker, self._clock = writer, broker, clock
        self._on_fenced = on_fenced
        self._tasks = TaskGroup("order-leader", lambda _: on_fenced())
        self._sending: dict[Key, asyncio.Task[Order]] = {}
        self._admitting: dict[str, asyncio.Lock] = {}
        self._refreshed_ns = 0
        self._through = desk.register.report_sequence
        self.resolved = 0

    @property
    def through(self) -> int:
        """The broker's stream has been read up to this number without a gap."""
        return self._through

    async def start(self) -> None:
        """Fence the former leader at the broker, learn what it missed, clear up what it left in doubt, go on from there."""
        await self._await_broker()
        await self._learn_instruments()
        self._tasks.spawn(self._read_reports(), "reports")
        await self._resolve_all()
        await self._catch_up()
        self._tasks.spawn(self._keep_resolving(), "resolver")

    async def stop(self) -> None:
        """End the term: what is being sent gets a moment to be answered, the rest is the next leader's to resolve."""
        if self._sending and not self._writer.fenced:
            await asyncio.wait(self._sending.values(), timeout=_DRAIN_S)
        await self._tasks.stop()
        for task in list(self._sending.values()):
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    def record(self, *news: facts.Fact) -> "asyncio.Future[int]":
        """Apply facts and queue them for the journal; the future resolves once they are durable. Raises NotActive when fenced."""
        if self._writer.fenced:
            raise NotActive
        for fact in news:
            self.desk.apply(fact)
        return self._writer.put([_ENCODER.encode(fact) for fact in news])

    async def instrument(self, symbol: str) -> Instrument:
        """A contract by its code; unknown ones are looked for at the broker, at most once a second. Raises InstrumentNotFound."""
        found = self.desk.register.instruments.get(symbol)
        if found is None and self._clock.monotonic_ns() - self._refreshed_ns > _REFRESH_EVERY_NS:
            await self._learn_instruments()
            found = self.desk.register.instruments.get(symbol)
        if found is None:
            raise InstrumentNotFound(symbol=symbol)
        return found

    async def submit(self, intent: OrderIntent) -> Order:
        """Review, journal, send. Doing it twice with one id is doing it once.

        Raises DuplicateId, RiskRefused, OutcomeUnknown, NotActive. A refusal by the exchange is an order with status REJECTED.
        """
        await self.admit(intent.account)
        known = self.desk.known(intent)
        if known is not None:
            return await self._answer_again(known)
        if len(self._sending) >= MAX_IN_FLIGHT:
            raise Unavailable("too many orders are on their way; nothing was done", in_flight=len(self._sending))
        check_child(self.desk.register, intent)
        now_ns = self._clock.now_ns()
        approved, news = self.desk.decide(intent, now_ns, self.epoch)
        written = self.record(*news)
        if approved is None:
            await _durable(written)
            raise _refusal(news[0])
        key = (intent.account, intent.client_order_id)
        task = asyncio.get_running_loop().create_task(self._send(approved, written))
        self._sending[key] = task
        task.add_done_callback(lambda done: self._sent(key, done))
        return await asyncio.shield(task)

    async def cancel(self, account: str, client_order_id: str) -> Order:
        """Cancel what is left. A cancel of an order in doubt is kept and sent once the order is found. Raises OrderNotFound,
        OutcomeUnknown, NotActive."""
        order = self.desk.register.find(account, client_order_id)
        if order is None:
            raise OrderNotFound(client_order_id=client_order_id)
        if not order.active:
            return order
        wait_ns = review_cancel(account, self.desk.exposure, self.desk.rules, self._clock.now_ns())
        if wait_ns:
            await self._clock.sleep(wait_ns / 1e9)
        request = facts.CancelRequested(time_ns=self._clock.now_ns(), account=account, client_order_id=client_order_id)
        await _durable(self.record(request))
        sending = self._sending.get((account, client_order_id))
        if sending is not None:
            await asyncio.gather(asyncio.shield(sending), return_exceptions=True)
        return await self._send_cancel(account, client_order_id)

    async def set_state(self, scope: str, state: TradingState, who: str, reason: str) -> list[Order]:
        """Put a scope into a trading state; HALTED also cancels every working order in it. Returns the orders being cancelled."""
        fact = facts.StateSet(time_ns=self._clock.now_ns(), scope=scope, state=state, who=who, reason=reason)
        await _durable(self.record(fact))
        if state is not TradingState.HALTED:
            return []
        hit = [order for order in self.desk.register.working.values() if _in_scope(order.intent, scope)]
        for order in hit:
            self._tasks.spawn(self._cancel_quietly(order), "halt-cancel")
        return hit

    async def admit(self, account: str) -> None:
        """Know an account: its equity is asked of the broker once, and journaled. Raises VenueRefused for unknown accounts."""
        if account in self.desk.register.accounts:
            return
        async with self._admitting.setdefault(account, asyncio.Lock()):
            if account not in self.desk.register.accounts:
                money = await self._broker.account(account)
                known = facts.AccountKnown(
                    time_ns=self._clock.now_ns(), account=account, equity=str(money.static_balance)
                )
                await _durable(self.record(known))

    def _sent(self, key: Key, task: "asyncio.Task[Order]") -> None:
        self._sending.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _answer_again(self, known: Order) -> Order:
        intent = known.intent
        sending = self._sending.get((intent.account, intent.client_order_id))
        if sending is not None:
            return await asyncio.shield(sending)
        if known.status is OrderStatus.RISK_REJECTED:
            raise RiskRefused(known.reason, known.message)
        if known.status in (OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.PENDING_NEW):
            raise OutcomeUnknown(client_order_id=intent.client_order_id)
        return known

    async def _send(self, approved: Approved, written: "asyncio.Future[int]") -> Order:
        intent = approved.intent
        await _durable(written)
        try:
            order = await self._broker.submit(approved, epoch=self.epoch)
        except StaleEpoch as error:
            self._on_fenced()
            raise NotActive from error
        except (OutcomeUnknown, Unavailable) as error:
            doubt = facts.OrderUnknown(
                time_ns=self._clock.now_ns(),
                account=intent.account,
                client_order_id=intent.client_order_id,
                reason=error.reason_code,
            )
            await _durable(self.record(doubt))
            raise OutcomeUnknown(client_order_id=intent.client_order_id) from error
        self._learn_order(order)
        return order

    async def _send_cancel(self, account: str, client_order_id: str) -> Order:
        order = self.desk.register.orders[(account, client_order_id)]
        if not order.active:
            return order
        if (account, client_order_id) in self.desk.register.in_doubt:
            raise OutcomeUnknown(client_order_id=client_order_id)
        try:
            order = await self._broker.cancel(account, client_order_id, epoch=self.epoch)
        except StaleEpoch as error:
            self._on_fenced()
            raise NotActive from error
        except (OutcomeUnknown, Unavailable) as error:
            raise OutcomeUnknown(client_order_id=client_order_id) from error
        self._learn_order(order)
        return order

    async def _cancel_quietly(self, order: Order) -> None:
        try:
            await self.cancel(order.intent.account, order.client_order_id)
        except (RequestRefused, OutcomeUnknown, NotActive, VenueRefused) as error:
            # The wish is journaled: the resolver goes on trying while the order works.
            logger.warning("cancel of {} in hand: {}", order.client_order_id, error)

    def _learn_order(self, order: Order) -> None:
        day = self.desk.register.trading_day
        self._learn(OrderReport(sequence=0, time_ns=order.updated_ns, trading_day=day, order=order))

    def _learn(self, report: Report) -> None:
        if self.desk.is_new(report):
            fact = facts.ReportApplied(time_ns=self._clock.now_ns(), report=report, through=self._through)
            self.record(fact)

    async def _read_reports(self) -> None:
        try:
            async for report in self._broker.reports(self._through):
                if isinstance(report, TradeReport):
                    await self.admit(report.trade.account)
                elif isinstance(report, OrderReport):
                    await self.admit(report.order.intent.account)
                self._through = report.sequence
                self._learn(report)
                if isinstance(report, DayReport):
                    await self._learn_instruments()
        except NotActive:
            self._on_fenced()

    async def _await_broker(self) -> None:
        """Announce the epoch; an exchange that is just coming up is waited for with the lease in hand."""
        while True:
            try:
                await self._broker.open_session(self.epoch)
            except (Unavailable, OutcomeUnknown) as error:
                logger.debug("the exchange does not answer yet: {}", error)
                await self._clock.sleep(_KNOCK_EVERY_S)
            else:
                return

    async def _catch_up(self) -> None:
        """Positions and working orders must be true before the first order is judged by them."""
        target = await self._broker.last_report()
        deadline_ns = self._clock.monotonic_ns() + int(_CATCH_UP_S * 1e9)
        while self._through < target and self._clock.monotonic_ns() < deadline_ns:
            await self._clock.sleep(0.002)
        if self._through < target:
            logger.warning("serving while still reading reports: {} of {}", self._through, target)

    async def _keep_resolving(self) -> None:
        while True:
            await self._clock.sleep(_RESOLVE_EVERY_S)
            await self._resolve_all()
            await self._cancel_wanted()

    async def _resolve_all(self) -> None:
        if self._writer.fenced:
            # What this desk holds may never have reached the journal: it is the next leader's to judge.
            return
        doubtful = [order for key, order in self.desk.register.in_doubt.items() if key not in self._sending]
        await asyncio.gather(*(self._resolve(order) for order in doubtful))

    async def _resolve(self, order: Order) -> None:
        try:
            found = await self._broker.resolve(order.intent, epoch=self.epoch)
        except StaleEpoch:
            self._on_fenced()
            return
        except (OutcomeUnknown, Unavailable) as error:
            logger.warning("order {} still in doubt: {}", order.client_order_id, error)
            return
        except RequestRefused as error:
            # The broker will never take such an order: that settles what became of it.
            found = msgspec.structs.replace(order, status=OrderStatus.REJECTED, reason=error.reason_code, left_lots=0)
        self.resolved += 1
        logger.info("order {} was in doubt: {} {}", order.client_order_id, found.status, found.reason)
        self._learn_order(found)

    async def _cancel_wanted(self) -> None:
        register = self.desk.register
        for key in list(register.cancel_wanted):
            if key in register.working and key not in register.in_doubt and key not in self._sending:
                try:
                    await self._send_cancel(*key)
                except (RequestRefused, OutcomeUnknown, NotActive) as error:
                    logger.warning("cancel of {} in hand: {}", key[1], error)

    async def _learn_instruments(self) -> None:
        self._refreshed_ns = self._clock.monotonic_ns()
        exposure = self.desk.exposure
        for listing in await self._broker.instruments():
            symbol = listing.instrument.symbol
            if symbol not in self.desk.register.instruments:
                known = facts.InstrumentKnown(
                    time_ns=self._clock.now_ns(), instrument=listing.instrument, reference=str(listing.pre_settlement)
                )
                self.record(known)
            market = exposure.markets[symbol]
            market.lower_ticks, market.upper_ticks = listing.lower_limit_ticks, listing.upper_limit_ticks
            exposure.on_phase(symbol, listing.phase)


async def _durable(written: "asyncio.Future[int]") -> None:
    try:
        await asyncio.shield(written)
    except StaleEpoch as error:
        raise NotActive from error


def _refusal(fact: facts.Fact) -> RiskRefused:
    if not isinstance(fact, facts.OrderRefused):
        raise TypeError("the first fact of a refused order is its refusal")
    return RiskRefused(fact.code, fact.message, rule=fact.rule, limit=fact.limit, value=fact.value)


def _in_scope(intent: OrderIntent, scope: str) -> bool:
    return scope in (
        "global",
        f"account:{intent.account}",
        f"symbol:{intent.symbol}",
        f"reference:{intent.reference}",
    )
