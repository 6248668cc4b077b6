"""What the active instance of order management does: journal, send, ask instead of sending again, apply what the broker tells."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.runtime.journal_writer import JournalWriter, durable
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.algo_guard import check_child
from tradepit.services.leading_term import key_of
from tradepit.services.order_cancels import OrderCancels
from tradepit.services.order_contracts import OrderContracts
from tradepit.services.order_doubts import OrderDoubts
from tradepit.services.order_sender import OrderSender
from tradepit.trading.model.errors import (
    NotActive,
    OutcomeUnknown,
    RequestRefused,
    RiskRefused,
    Unavailable,
)
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.exposure import GLOBAL, scopes_of

_ENCODER = msgspec.json.Encoder()
MAX_IN_FLIGHT = 512
_RESOLVE_EVERY_S = 0.05
_KNOCK_EVERY_S = 0.02
_STALLED_S = 5.0
_DRAIN_S = 2.0
_PHASES_EVERY_S = 0.5


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
        self.sending = OrderSender(self, broker, writer, clock, on_fenced)
        self._cancels = OrderCancels(self, broker, clock, on_fenced)
        self._doubts = OrderDoubts(self, broker, clock, on_fenced)
        self._admitting: dict[str, asyncio.Lock] = {}
        self._written: asyncio.Future[int] | None = None
        self._contracts = OrderContracts(desk, broker, clock, self.record)
        self._through = desk.register.report_sequence

    @property
    def resolved(self) -> int:
        """Orders in doubt that this term has cleared up."""
        return self._doubts.resolved

    @property
    def through(self) -> int:
        """The broker's stream has been read up to this number without a gap."""
        return self._through

    @property
    def busy(self) -> bool:
        """As many orders are on their way as may be: a new one is sent away before any work is done for it."""
        return len(self.sending) >= MAX_IN_FLIGHT

    @property
    def fenced(self) -> bool:
        """True once the journal refused this term: another leader writes."""
        return self._writer.fenced

    async def start(self) -> None:
        """Fence the former leader at the broker, learn what it missed, clear up what it left in doubt, go on from there."""
        await self._await_broker()
        await self._meet_market()
        self._tasks.spawn(self._read_reports(), "reports")
        await self._doubts.resolve_all()
        await self._catch_up()
        self._tasks.spawn(self._doubts.keep_resolving(), "resolver")
        self._tasks.spawn(self._cancels.keep_trying(), "canceller")
        if self._broker.capabilities.phases_by_asking:
            self._tasks.spawn(self._keep_asking(), "phases")

    async def stop(self) -> None:
        """End the term: what is being sent gets a moment to be answered, the rest is the next leader's to resolve."""
        if not self._writer.fenced:
            await self.sending.drain(_DRAIN_S)
        await self._tasks.stop()
        await self._cancels.stop()
        await self.sending.stop()

    def record(self, *news: facts.Fact, lazy: bool = False) -> "asyncio.Future[int]":
        """Apply facts and queue them for the journal; the future resolves once they are durable. Raises NotActive when fenced.

        ``lazy`` facts can be asked of the broker again, should they be lost: they wait for others to share a write with.
        """
        if self._writer.fenced:
            raise NotActive
        for fact in news:
            self.desk.apply(fact)
        self._written = self._writer.put([_ENCODER.encode(fact) for fact in news], lazy=lazy)
        return self._written

    async def write(self, *news: facts.Fact) -> None:
        """Record facts and wait until they, and all before them, are durable. Raises NotActive."""
        if news:
            self.record(*news)
        if self._written is not None:
            self._writer.hurry()
            await durable(self._written)

    async def instrument(self, symbol: str) -> Instrument:
        """A contract by its code; an unknown one is looked for at the broker. Raises InstrumentNotFound, Unavailable."""
        return await self._contracts.find(symbol)

    async def submit(self, intent: OrderIntent, *, flattens: bool = False) -> Order:
        """Review, journal, send. Doing it twice with one id is doing it once.

        Where resting orders give way to a new one that would meet them, they are cancelled before it is reviewed. ``flattens``:
        the house closes a position of a scope it has halted itself (see ``OrderDesk.decide``).

        Raises DuplicateId, RiskRefused, OutcomeUnknown, NotActive. A refusal by the exchange is an order with status REJECTED.
        """
        await self.admit(intent.account)
        known = self.desk.known(intent)
        if known is not None:
            return await self._answer_again(known)
        if self.busy:
            raise Unavailable("too many orders are on their way; nothing was done", in_flight=len(self.sending))
        check_child(self.desk.register, intent)
        now_ns = self._clock.now_ns()
        in_the_way, lacks_lots = self.desk.in_the_way(intent, now_ns), self.desk.lacks_lots(intent, now_ns)
        if in_the_way or lacks_lots:
            if in_the_way:
                await self._cancels.clear(intent.account, in_the_way)
            if lacks_lots:
                await self._hear_all()
            known, now_ns = self.desk.known(intent), self._clock.now_ns()
            if known is not None:
                return await self._answer_again(known)
        approved, news = self.desk.decide(intent, now_ns, self.epoch, flattens=flattens)
        written = self.record(*news)
        if approved is None:
            await durable(written)
            raise _refusal(news[0])
        return await self.sending.send(approved, written)

    async def submit_together(self, intents: Sequence[OrderIntent]) -> list[Order]:
        """Submit orders of one account that are parts of one: journaled as one entry, all or none, then sent at once.

        One part's refusal by the review refuses all. Doing it twice is doing it once. Raises like ``submit``.
        """
        await self.admit(intents[0].account)
        if any(self.desk.lacks_lots(intent, self._clock.now_ns()) for intent in intents):
            await self._hear_all()
        known = [order for intent in intents if (order := self.desk.known(intent)) is not None]
        if known:
            return await _all_of(self._answer_again(order) for order in known)
        if self.busy:
            raise Unavailable("too many orders are on their way; nothing was done", in_flight=len(self.sending))
        now_ns = self._clock.now_ns()
        decided = [self.desk.decide(intent, now_ns, self.epoch) for intent in intents]
        refusal = next((news for approved, news in decided if approved is None), None)
        if refusal is not None:
            await durable(self.record(*refusal))
            raise _refusal(refusal[0])
        written = self.record(*(fact for _, news in decided for fact in news))
        return await _all_of([self.sending.send(approved, written) for approved, _ in decided if approved])

    async def cancel(self, account: str, client_order_id: str) -> Order:
        """Cancel what is left; the wish is journaled before it is sent, and stays until the order is finished.

        Doing it twice is doing it once. Raises OrderNotFound, OutcomeUnknown (in hand), VenueRefused (not now), NotActive.
        """
        return await self._cancels.cancel(account, client_order_id)

    async def set_state(self, scope: str, state: TradingState, who: str, reason: str, key: str = "") -> list[Order]:
        """Put a scope into a trading state; HALTED also cancels every working order in it. Returns the orders being cancelled.

        State and cancels are journaled as one entry: whoever leads after this one goes on cancelling.
        """
        register = self.desk.register
        fact = facts.StateSet(time_ns=self._clock.now_ns(), scope=scope, state=state, who=who, reason=reason, key=key)
        hit = [order for order in register.working.values() if _in_scope(order.intent, scope)]
        if state is not TradingState.HALTED:
            hit = []
        wishes = [self._cancels.wish(order) for order in hit if key_of(order.intent) not in register.cancel_wanted]
        await self.write(fact, *wishes)
        for order in hit:
            self._tasks.spawn(self._cancels.carry_out(order), "halt-cancel")
        return hit

    async def set_limits(
        self, scope: str, changes: Mapping[str, Mapping[str, Any] | None], who: str, reason: str, key: str = ""
    ) -> None:
        """Set risk limits of a scope (``LimitBook.changed``); the next order is judged by them. Raises BadRequest, NotActive."""
        limits = self.desk.limits.changed(scope, changes)
        now_ns = self._clock.now_ns()
        await self.write(facts.LimitsSet(time_ns=now_ns, scope=scope, limits=limits, who=who, reason=reason, key=key))

    async def admit(self, account: str) -> None:
        """Know an account: its equity is asked of the broker once, and journaled. Raises VenueRefused for unknown accounts."""
        if account in self.desk.register.accounts:
            return
        try:
            async with self._admitting.setdefault(account, asyncio.Lock()):
                if account not in self.desk.register.accounts:
                    money = await self._broker.account(account)
                    equity = str(money.static_balance)
                    await durable(self.record(facts.AccountKnown(time_ns=self._clock.now_ns(), account=account, equity=equity)))
        finally:
            # Names nobody knows must not pile up here.
            self._admitting.pop(account, None)

    async def _answer_again(self, known: Order) -> Order:
        intent = known.intent
        if known.status is OrderStatus.RISK_REJECTED:
            await self.write()
            raise RiskRefused(known.reason, known.message)
        if known.status in (OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.PENDING_NEW):
            if key_of(intent) in self.sending:
                return await self.sending.of(key_of(intent))
            raise OutcomeUnknown(client_order_id=intent.client_order_id)
        return known

    def learn_order(self, order: Order) -> Order:
        """Apply the broker's answer; the order as it is known after it, for the reports may have run ahead."""
        day = self.desk.register.trading_day
        self._learn(OrderReport(sequence=0, time_ns=order.updated_ns, trading_day=day, order=order))
        return self.desk.register.orders[key_of(order.intent)]

    def _learn(self, report: Report) -> None:
        if self.desk.is_new(report):
            fact = facts.ReportApplied(time_ns=self._clock.now_ns(), report=report, through=self._through)
            self.record(fact, lazy=True)
            warnings = self.desk.warnings(report, fact.time_ns)
            if warnings:
                self.record(*warnings, lazy=True)

    async def _read_reports(self) -> None:
        try:
            async for report in self._broker.reports(self._through):
                await self._meet(report)
                self._through = report.sequence
                self._learn(report)
                if isinstance(report, DayReport):
                    await self._insist(self._contracts.learn_all)
        except NotActive:
            self._on_fenced()

    async def _meet(self, report: Report) -> None:
        """Know the account and the contract a report speaks of before it is applied: what is not known is not counted."""
        if isinstance(report, DayReport):
            return
        told = report.trade if isinstance(report, TradeReport) else report.order.intent
        if told.account not in self.desk.register.accounts:
            await self._insist(lambda: self.admit(told.account))
        if told.symbol not in self.desk.register.instruments:
            await self._insist(lambda: self._contracts.learn(told.symbol))

    async def _insist(self, question: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask a broker that is away until it answers; what it will not tell of is not known.

        Reports wait meanwhile: what is known of every account may be out of date.
        """
        while True:
            try:
                await question()
            except (Unavailable, OutcomeUnknown) as error:
                logger.warning("the broker does not answer, asking again: {}", error)
                self.desk.exposure.reconcile(GLOBAL, begins=True)
                await self._clock.sleep(_RESOLVE_EVERY_S)
                continue
            except RequestRefused as error:
                logger.error("the broker reports on what it does not tell of: {}", error)
            self.desk.exposure.reconcile(GLOBAL, begins=False)
            return

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
        """Positions and working orders must be true before the first order is judged by them.

        Raises Unavailable when the reports stop coming: this instance does not serve on what it does not know.
        """
        target, seen, since_ns = await self._broker.last_report(), self._through, self._clock.monotonic_ns()
        while self._through < target:
            await self._clock.sleep(0.002)
            if self._through != seen:
                seen, since_ns = self._through, self._clock.monotonic_ns()
            elif self._clock.monotonic_ns() - since_ns > _STALLED_S * 1e9:
                raise Unavailable("the broker's reports stopped coming", read=self._through, last=target)

    async def _hear_all(self) -> None:
        """Read what the exchange has told so far. It tells everybody at once: who asks may go by a cancel or a fill that is not here yet."""
        with contextlib.suppress(Unavailable, OutcomeUnknown):
            await self._catch_up()

    async def _meet_market(self) -> None:
        """Know what can be traded. A broker that is away ends the take-over: another instance may reach it."""
        await self._contracts.learn_all()

    async def _keep_asking(self) -> None:
        """Follow the phases of a market that nobody publishes."""
        while True:
            await self._clock.sleep(_PHASES_EVERY_S)
            try:
                await self._contracts.learn_all()
            except Unavailable as error:
                logger.debug("the broker does not tell its listings: {}", error)


async def _all_of(answers: "Iterable[Awaitable[Order]]") -> list[Order]:
    """Every answer, once all have come, whichever fail."""
    came = await asyncio.gather(*answers, return_exceptions=True)
    for answer in came:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in came if isinstance(answer, Order)]


def _refusal(fact: facts.Fact) -> RiskRefused:
    if not isinstance(fact, facts.OrderRefused):
        raise TypeError("the first fact of a refused order is its refusal")
    return RiskRefused(fact.code, fact.message, rule=fact.rule, limit=fact.limit, value=fact.value)


def _in_scope(intent: OrderIntent, scope: str) -> bool:
    return scope in scopes_of(intent)
