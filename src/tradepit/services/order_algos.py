"""The algorithm desk of the active order-management instance: takes algorithm orders, records them, hands them to workers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.ids import new_id
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.algo_controls import apply_control, rebuild
from tradepit.services.algo_guard import child_lots, children_of, terms_of
from tradepit.trading.algos.child import ChildId
from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.state import start
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.calendar.trading_calendar import TradingCalendar, load_calendar
from tradepit.trading.model.errors import (
    BadRequest,
    DuplicateId,
    NotActive,
    OrderNotFound,
    OutcomeUnknown,
    RequestRefused,
    RiskRefused,
    StaleEpoch,
    TradepitError,
    Unavailable,
)
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderType, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.register import AlgoRecord
from tradepit.wire.algo_codec import (
    AlgoChildren,
    AlgoProgress,
    AlgoStanding,
    check_algo_id,
    control_topic,
    make_task,
    normal_order,
    order_of,
    read_params,
    read_task,
    trading_windows,
    write_task,
)
from tradepit.wire.simulator import ALGO_PROGRESS, AlgoOrder, algo_topic
from tradepit.wire.simulator_codec import decode, encode, order_data

CONTROLS = ("pause", "resume", "amend", "cancel")
PAGE = 200
_RETRY_S = 0.1


class Leader(Protocol):
    """The part of the order leader the desk works with."""

    @property
    def desk(self) -> OrderDesk:
        """Register and exposure."""

    def record(self, *news: facts.Fact) -> "asyncio.Future[int]":
        """Apply facts and queue them for the journal."""

    async def instrument(self, symbol: str) -> Instrument:
        """A contract by its code."""

    async def admit(self, account: str) -> None:
        """Know an account."""

    async def cancel(self, account: str, client_order_id: str) -> Order:
        """Cancel what is left of an order."""


class AlgoDesk:
    """Lives for one term of its leader. All it knows for good is in the leader's register; the progress told is kept besides."""

    def __init__(
        self,
        leader: Leader,
        bus: Bus,
        clock: Clock,
        *,
        calendar: TradingCalendar | None = None,
        default_account: str = "A1",
    ) -> None:
        self._leader, self._bus, self._clock = leader, bus, clock
        self._calendar = calendar or load_calendar()
        self._default_account = default_account
        self._register = leader.desk.register
        self._tasks = TaskGroup("order-algos")
        self._progress: dict[str, AlgoProgress] = {}
        self._writing: dict[str, asyncio.Future[int]] = {}
        self._subscription: Subscription | None = None
        self._actions: dict[str, Callable[[AlgoOrder], Awaitable[object]]] = {
            "start": self._start,
            "status": self._status,
            "children": self._children,
            **dict.fromkeys(CONTROLS, self._control),
        }

    async def take_over(self) -> None:
        """Hear the workers, and hand out again whatever has not ended: workers take an algorithm they know for the same one."""
        self._subscription = await self._bus.subscribe(ALGO_PROGRESS, self._on_progress)
        for record in self._register.algos.values():
            if not record.state:
                self._hand_out(record.topic, record.body, record.algo_id)

    async def stop(self) -> None:
        """End the term. Idempotent."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.stop()
        await self._tasks.stop()

    async def handle(self, request: AlgoOrder) -> object:
        """Answer one request. Starting twice with one ``algo_id`` is starting once; so is asking twice for the same control.

        Raises BadRequest and its kin, DuplicateId (the id names another algorithm), OrderNotFound, InstrumentNotFound,
        RiskRefused TRADING_HALTED, VenueRefused (account), NotActive.
        """
        action = self._actions.get(request.action)
        if action is None:
            raise BadRequest("there is no such action", known=", ".join(self._actions))
        return await action(request)

    async def _start(self, request: AlgoOrder) -> object:
        check_id(request.symbol, "symbol")
        algo_id = check_algo_id(request.algo_id or new_id("ALGO"))
        known = self._register.algos.get(algo_id)
        if known is None:
            instrument = await self._leader.instrument(request.symbol)
            account = check_id(request.account or self._default_account, "account")
            await self._leader.admit(account)
            # Somebody may have been faster while we asked.
            known = self._register.algos.get(algo_id) or self._accept(request, algo_id, account, instrument)
        task = read_task(known.body.encode())
        told = normal_order(request, algo_id=algo_id, account=self._default_account, exchange=task.exchange)
        if told != order_of(task):
            raise DuplicateId(algo_id=algo_id)
        await self._until_written(algo_id)
        return {"success": True, "algo_id": algo_id, "status": "accepted"}

    def _accept(self, request: AlgoOrder, algo_id: str, account: str, instrument: Instrument) -> AlgoRecord:
        """Check, record, and hand out once the record is durable."""
        now_ns = self._clock.now_ns()
        order = normal_order(request, algo_id=algo_id, account=account, exchange=instrument.product.exchange.value)
        task = make_task(order, instrument, trading_windows(self._calendar, instrument, now_ns), now_ns)
        params = read_params(task)
        start(params)
        first_child = ChildId(0, 0).text(algo_id)
        if self._register.find(account, first_child) is not None:
            raise DuplicateId("An order has the id this algorithm's first child would have.", client_order_id=first_child)
        self._check_state(params, first_child)
        topic, body = algo_topic(task.algo), write_task(task).decode()
        accepted = facts.AlgoAccepted(time_ns=now_ns, algo_id=algo_id, account=account, topic=topic, body=body)
        self._writing[algo_id] = self._leader.record(accepted)
        self._hand_out(topic, body, algo_id)
        return self._register.algos[algo_id]

    def _check_state(self, params: AlgoParams, first_child: str) -> None:
        child = OrderIntent(
            client_order_id=first_child,
            account=params.account,
            symbol=params.symbol,
            exchange=params.exchange,
            side=params.side,
            offset=params.offset,
            order_type=OrderType.FAK,
            price_ticks=params.limit_price_ticks,
            volume_lots=params.total_lots,
            reference=params.algo_id,
        )
        state, scope = self._leader.desk.exposure.state_of(child)
        if state is TradingState.HALTED:
            raise RiskRefused("TRADING_HALTED", f"trading is halted for {scope}", scope=scope)

    async def _control(self, request: AlgoOrder) -> object:
        record = self._record(request)
        if record.state and request.action != "cancel":
            raise BadRequest("the algorithm is over", algo_id=record.algo_id, status=record.state)
        if record.state:
            return self._standing(record)
        task, controls = read_task(record.body.encode()), _controls(record)
        children = children_of(self._register, record)
        before, after = rebuild(task, children, controls), rebuild(task, children, controls)
        apply_control(after, request, task.instrument)
        if before != after:
            body = encode(request).decode()
            fact = facts.AlgoControlled(time_ns=self._clock.now_ns(), algo_id=record.algo_id, action=request.action, body=body)
            await _durable(self._leader.record(fact))
        if request.action in ("pause", "cancel"):
            # Its worker does the same; but a worker may just be dead.
            for child in children_of(self._register, record):
                if child.active:
                    self._tasks.spawn(self._cancel_quietly(child), "cancel-child")
        self._tasks.spawn(self._publish(control_topic(record.algo_id), encode(request)), "control")
        return self._standing(record)

    async def _status(self, request: AlgoOrder) -> object:
        if request.algo_id:
            record = self._record(request)
            await self._until_written(record.algo_id)
            return self._standing(record)
        chosen = [each for each in self._register.algos.values() if request.account in ("", each.account)]
        return {"success": True, "algos": [self._standing(each) for each in chosen[-PAGE:]], "total": len(chosen)}

    async def _children(self, request: AlgoOrder) -> object:
        register, record = self._register, self._record(request)
        children = children_of(register, record)
        first = max(0, request.page) * PAGE
        rows = [
            order_data(child, register.instruments[child.intent.symbol], seq=0, trading_day=register.trading_day)
            for child in children[first : first + PAGE]
        ]
        return AlgoChildren(orders=tuple(rows), total=len(children))

    def _record(self, request: AlgoOrder) -> AlgoRecord:
        record = self._register.algos.get(check_algo_id(request.algo_id))
        if record is None:
            raise OrderNotFound("No such algorithm.", algo_id=request.algo_id)
        return record

    def _standing(self, record: AlgoRecord) -> AlgoStanding:
        filled, working = child_lots(self._register, record)
        return AlgoStanding(
            algo_id=record.algo_id,
            account=record.account,
            status=record.state or self._running_status(record).value,
            ended=bool(record.state),
            volume=terms_of(record).volume_lots,
            filled=filled,
            working=working,
            children=len(self._register.children.get(record.algo_id, {})),
            body=record.body,
            controls=tuple(record.controls),
            progress=self._progress.get(record.algo_id),
        )

    def _running_status(self, record: AlgoRecord) -> AlgoStatus:
        """What was asked for last counts, even before its worker has heard of it."""
        terms = terms_of(record)
        if terms.cancelled:
            return AlgoStatus.STOPPING
        if terms.paused:
            return AlgoStatus.PAUSED
        told = self._progress.get(record.algo_id)
        return AlgoStatus.RUNNING if told is not None and told.status is not AlgoStatus.ACCEPTED else AlgoStatus.ACCEPTED

    async def _on_progress(self, message: Message) -> None:
        try:
            told = decode(message.payload, AlgoProgress)
        except BadRequest as error:
            logger.warning("progress on {} ignored: {}", message.subject, error)
            return
        record, before = self._register.algos.get(told.algo_id), self._progress.get(told.algo_id)
        if record is None or (before is not None and told.epoch < before.epoch):
            return
        self._progress[told.algo_id] = told
        # The end is believed when nothing works any more and the worker has seen every lot there is; it goes on saying so.
        if told.final and not record.state and child_lots(self._register, record) == (told.filled, 0):
            ended = facts.AlgoEnded(
                time_ns=self._clock.now_ns(), algo_id=told.algo_id, state=told.status.value, filled_lots=told.filled
            )
            try:
                await _durable(self._leader.record(ended))
            except NotActive as error:
                logger.info("the end of {} is for the next leader to record: {}", told.algo_id, error)

    def _hand_out(self, topic: str, body: str, algo_id: str) -> None:
        self._tasks.spawn(self._publish_accepted(topic, body, algo_id), "hand-out")

    async def _publish_accepted(self, topic: str, body: str, algo_id: str) -> None:
        try:
            await self._until_written(algo_id)
        except TradepitError as error:
            logger.warning("algo {} is not on record, so it is not handed out: {}", algo_id, error)
            return
        await self._publish(topic, body.encode(), message_id=algo_id)

    async def _until_written(self, algo_id: str) -> None:
        """Wait for the record of an algorithm accepted in this term; what was read from the journal is durable."""
        writing = self._writing.get(algo_id)
        if writing is not None:
            await _durable(writing)
            self._writing.pop(algo_id, None)

    async def _publish(self, subject: str, payload: bytes, message_id: str = "") -> None:
        while True:
            try:
                await self._bus.publish(subject, payload, message_id=message_id)
            except Unavailable as error:
                logger.warning("{} waits to be published: {}", subject, error)
                await self._clock.sleep(_RETRY_S)
            else:
                return

    async def _cancel_quietly(self, child: Order) -> None:
        try:
            await self._leader.cancel(child.intent.account, child.client_order_id)
        except (RequestRefused, OutcomeUnknown, NotActive) as error:
            # The wish is on record: the leader and the worker go on trying while the order works.
            logger.warning("cancel of child {} in hand: {}", child.client_order_id, error)


def _controls(record: AlgoRecord) -> list[AlgoOrder]:
    return [msgspec.json.decode(body, type=AlgoOrder) for body in record.controls]


async def _durable(written: "asyncio.Future[int]") -> None:
    try:
        await asyncio.shield(written)
    except StaleEpoch as error:
        raise NotActive from error
