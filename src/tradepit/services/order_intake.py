"""The order intake: requests from a queue become orders, persisted before they are sent; refusals become events with a code."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus, Message
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.runtime.eager import Started
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.close_splitter import CloseSplitter
from tradepit.services.halt_watch import HaltWatch
from tradepit.services.order_leader import OrderLeader
from tradepit.services.order_news import OrderNews
from tradepit.services.order_term import OrderTerm, TellingLeader
from tradepit.services.queue_worker import Figures
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.errors import (
    BadRequest,
    DuplicateId,
    NotActive,
    OrderNotFound,
    OutcomeUnknown,
    RequestRefused,
    RiskRefused,
    StaleEpoch,
    VenueRefused,
)
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.orders import events as facts
from tradepit.trading.risk.rule import Rule
from tradepit.wire.tq import HANDED_ON_HEADER, OrderUpdate, child_order_ids
from tradepit.wire.tq_codec import encode, refusal
from tradepit.wire.tq_requests import Cancel, Submit, intent_of, read_request, salvage


class OrderIntake:
    """Work at the queue of order requests. The sender's order id is the order's id at the broker: told twice, it is sent once.

    With ``cancels`` it takes cancels from the same queue; without, only those that another queue's worker has handed on because it
    found no such order: every order before them in this queue is known by then, and one that is still not known is none.
    An order whose answer was lost is in hand once it is journaled: the broker is asked what became of it, it is not sent again.
    Nor does the next request wait for the answer of an order that opens; one that closes waits for all before it, for it is judged
    by the position they lead to.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        updates: str,
        broker: Broker,
        journal: Journal,
        rules: Sequence[Rule],
        clock: Clock,
        settings: TqServiceSettings,
        instance: str,
        cancels: bool,
        on_failure: Callable[[BaseException], None],
        halts: HaltBox | None = None,
    ) -> None:
        self._bus, self._updates, self._broker, self._clock = bus, updates, broker, clock
        self._settings, self._cancels, self._on_failure = settings, cancels, on_failure
        self._term = OrderTerm(journal, broker, clock, rules, instance=instance, on_fenced=self._fenced)
        self._tasks = TaskGroup(instance, on_failure)
        self._leader: TellingLeader | None = None
        self._splitter: CloseSplitter | None = None
        self._news: OrderNews | None = None
        self._problem = ""
        # The broker's account holds what was bought elsewhere too: nothing is closed here on what this journal knows.
        self._halts = HaltWatch(halts, self._acting, clock, flattens=False) if halts is not None else None
        self._unanswered: set[asyncio.Task[Order]] = set()
        self.passed_over = self.refused = 0

    async def open(self) -> None:
        await self._broker.connect()
        leader = await self._term.begin(self._meet)
        if self._halts is not None:
            await self._halts.fence(leader)
            self._tasks.spawn(self._halts.run(), "halts")
        self._leader = leader
        if self._news is not None:
            self._news.tell_all()
            self._tasks.spawn(self._news.run(), "news")
            self._tasks.spawn(self._news.learn_prices(self._broker), "prices")

    async def do(self, message: Message) -> Awaitable[None] | None:
        try:
            request = read_request(message.payload)
            self._check_portfolio(request.portfolio_id)
        except BadRequest as error:
            await self._tell_refused(message, error)
            raise
        if isinstance(request, Cancel):
            if self._cancels or HANDED_ON_HEADER in message.headers:
                await self._cancel(request)
            else:
                self.passed_over += 1
            return None
        sending: asyncio.Task[Order] | None = None
        async with self._told(message):
            sending = await self._submit(request)
        return self._await_answer(message, sending) if sending is not None else None

    async def close(self) -> None:
        await self._term.end()
        if self._news is not None:
            await self._news.drain()
        await self._tasks.stop()
        await self._broker.close()

    def problem(self) -> str:
        return self._problem

    def figures(self) -> Figures:
        register = self._leader.desk.register if self._leader is not None else None
        return {
            "orders": len(register.orders) if register is not None else 0,
            "working": len(register.working) if register is not None else 0,
            "in_doubt": len(register.in_doubt) if register is not None else 0,
            "unanswered": len(self._unanswered),
            "splits": self._splitter.splits if self._splitter is not None else 0,
            "refused": self.refused,
            "passed_over": self.passed_over,
            "updates_told": self._news.told if self._news is not None else 0,
        }

    def _meet(self, leader: TellingLeader) -> None:
        """Follow the leader's facts from the first on."""
        self._news = OrderNews(self._bus, self._updates, self._clock, leader.desk.register, self._settings.portfolio_id)
        self._splitter = CloseSplitter(leader, self._broker, self._clock)
        leader.on_fact = self._on_fact

    def _on_fact(self, fact: facts.Fact) -> None:
        if self._news is None or self._splitter is None:
            return
        order = self._news.on_fact(fact)
        if order is not None:
            self._splitter.follow(order)

    def _acting(self) -> OrderLeader:
        if self._leader is None:
            raise NotActive
        return self._leader

    async def _submit(self, request: Submit) -> "asyncio.Task[Order] | None":
        """Have an order in hand; what is left of it, unless it is answered already."""
        if self._leader is None or self._splitter is None or self._news is None:
            raise NotActive
        instrument = await self._leader.instrument(request.symbol)
        intent = intent_of(request, instrument, self._settings.broker_account)
        if intent.offset.closes and self._unanswered:
            await asyncio.wait(self._unanswered)
        try:
            return await self._send(intent, self._leader, self._splitter)
        except RiskRefused:
            # Journaled, so it is the answer for good; told now, and told again whenever the request comes again.
            self.refused += 1
            known = self._leader.desk.register.find(intent.account, intent.client_order_id)
            if known is None:
                raise
            await self._publish(self._news.update_of(known))
            return None

    async def _send(self, intent: OrderIntent, leader: TellingLeader, splitter: CloseSplitter) -> "asyncio.Task[Order] | None":
        name, find = (intent.account, intent.client_order_id), leader.desk.register.find
        is_new, begun = find(*name) is None, Started(splitter.submit(intent))
        if begun.finished:
            begun.result()
            return None
        order = find(*name)
        if intent.offset.closes or not is_new or order is None or order.status is not OrderStatus.SENDING:
            await begun.task
            return None
        # Sent in the order of the journal's entries, so the next one cannot overtake it.
        self._unanswered.add(begun.task)
        begun.task.add_done_callback(self._answered)
        await leader.write()
        return begun.task

    def _answered(self, sending: "asyncio.Task[Order]") -> None:
        self._unanswered.discard(sending)
        if not sending.cancelled():
            sending.exception()  # whoever asked may have given up

    async def _await_answer(self, message: Message, sending: "asyncio.Task[Order]") -> None:
        async with self._told(message):
            await asyncio.shield(sending)

    @asynccontextmanager
    async def _told(self, message: Message) -> AsyncIterator[None]:
        """What becomes of an order is told to whoever waits for it."""
        try:
            yield
        except OutcomeUnknown as error:
            logger.warning("an order is in doubt; the broker is asked: {}", error)
        except DuplicateId:
            # The id is another order's, which lives on: an event in its name would tell of its end.
            raise
        except RequestRefused as error:
            await self._tell_refused(message, error)
            raise

    async def _cancel(self, request: Cancel) -> None:
        if self._leader is None:
            raise NotActive
        names = self._found(request.order_id)
        if not names:
            raise OrderNotFound(order_id=request.order_id)
        for name in names:
            try:
                await self._leader.cancel(self._settings.broker_account, name)
            except (OutcomeUnknown, VenueRefused) as error:
                logger.warning("cancel of {} is in hand: {}", name, error)

    def _found(self, order_id: str) -> list[str]:
        """The names under which an order is known here: its own, or those of the parts it was split into."""
        if self._leader is None:
            return []
        account, find = self._settings.broker_account, self._leader.desk.register.find
        return [name for name in (order_id, *child_order_ids(order_id)) if find(account, name) is not None]

    def _check_portfolio(self, portfolio_id: str) -> None:
        if portfolio_id != self._settings.portfolio_id:
            raise BadRequest("not the portfolio that is served here", portfolio_id=portfolio_id)

    async def _tell_refused(self, message: Message, error: RequestRefused) -> None:
        """An event for whoever waits for this order. Of a request without a usable id, for another portfolio, or under the id of an
        order there is, only the dead letter tells.
        """
        told = salvage(message.payload)
        if told.order_id and told.portfolio_id in ("", self._settings.portfolio_id) and not self._found(told.order_id):
            now_ns, ours = self._clock.now_ns(), self._settings.portfolio_id
            await self._publish(refusal(told, portfolio_id=ours, reason=error.reason_code, now_ns=now_ns))
        self.refused += 1

    async def _publish(self, update: OrderUpdate | None) -> None:
        """Tell a refusal, which nobody knows of once its request has left the queue: this comes first. Raises Unavailable."""
        if update is not None:
            await self._bus.publish(self._updates, encode(update))

    def _fenced(self) -> None:
        self._problem = "another instance writes the orders now"
        self._on_failure(StaleEpoch(self._problem))
