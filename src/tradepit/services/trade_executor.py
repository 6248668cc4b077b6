"""Trade Executor: intents of bots to order management, in order for each account, and what became of them back to the bots."""

import asyncio
from collections.abc import Sequence

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message
from tradepit.ports.clock import Clock
from tradepit.runtime.order_client import OrderClient
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.bot_doors import BotDoors
from tradepit.services.order_events import OrderEvents
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import BadRequest, ConfigError, DuplicateId, RequestRefused, Unavailable
from tradepit.wire import platform as wire
from tradepit.wire.order_controls import PlaceAllReply, PlacedOrder, PlaceRequest
from tradepit.wire.platform_codec import read_intent
from tradepit.wire.platform_orders import category_of, place_request, rejected

_DUPLICATE = "DUPLICATE"


class TradeExecutor:
    """Work at the queue of intents (``GroupWorker``), acknowledged once order management has journaled the order, whatever it decided.

    Each account is a lane of its own (``account_of``): its intents reach the review in their order, many in one request, and no
    account waits for another's. What the exchange says to an order is waited for by nobody here.

    An intent told again, under its id or its bot's number, is the same order. What cannot be read, and an id used for another order,
    is buried with its reason; what can be read and is refused has its rejection on the bot's topic. While nobody leads, it waits.
    """

    def __init__(self, bus: Bus, clock: Clock, orders: OrderClient, events: OrderEvents, instance: str) -> None:
        self._bus, self._clock, self._orders, self._events = bus, clock, orders, events
        self._doors = BotDoors(bus, events.outcomes, clock)
        self._tasks = TaskGroup(instance, self._failed)
        self._intents = self._repeated = 0
        self._problem = ""

    async def open(self) -> None:
        """Connect, and begin to tell what was not told yet."""
        await self._bus.connect()
        await self._events.open()
        self._tasks.spawn(self._events.follow(), "journal")
        self._tasks.spawn(self._events.tell(), "events")
        await self._doors.open()

    async def close(self) -> None:
        """Tell no more."""
        await self._doors.close()
        await self._tasks.stop()
        await self._events.close()

    def problem(self) -> str:
        """Why it cannot work now."""
        return self._problem or self._events.problem

    def figures(self) -> Figures:
        """Progress, under the bot platform's names; ``orders_rejected_total__<code>`` are the rejections by reason."""
        outcomes = self._events.outcomes
        median_us, p99_us = outcomes.latency.percentiles()
        by_reason = {f"orders_rejected_total__{code}": count for code, count in sorted(outcomes.rejected.items())}
        return {
            "intents": self._intents,
            "repeated": self._repeated,
            "orders_submitted_total": outcomes.submitted,
            "fills_total": outcomes.fills,
            "executor_broker_errors_total": outcomes.broker_errors,
            "broker_latency_ms": round(median_us / 1e3, 3),
            "broker_latency_ms_p99": round(p99_us / 1e3, 3),
            "events_published": self._events.published,
            "journal_entry": self._events.entry,
            **by_reason,
        }

    async def do(self, message: Message) -> None:
        """Raises BadRequest and DuplicateId (to be buried), Unavailable and OutcomeUnknown (to be tried again)."""
        await self.do_together([message])

    async def do_together(self, messages: Sequence[Message]) -> None:
        """All of one account, in their order; once all are journaled, whatever was decided. Raises as ``do``."""
        refused: list[tuple[wire.OrderIntent, str, str]] = []
        asked: list[tuple[wire.OrderIntent, PlaceRequest]] = []
        for intent in [_read(message) for message in messages]:
            try:
                asked.append((intent, place_request(intent)))
            except BadRequest as error:
                refused.append((intent, error.reason_code, str(error)))
        placed = await self._place([request for _, request in asked])
        for (intent, _), reply in zip(asked, placed, strict=True):
            if reply.error == DuplicateId.code:
                # Another order's id: events in its name would be taken for that one's.
                raise DuplicateId(client_order_id=intent.intent_id)
            if reply.error:
                refused.append((intent, reply.error, reply.message))
            elif reply.client_order_id != intent.intent_id:
                self._repeated += 1
                logger.warning("{} has the number of {}: it is that order", intent.intent_id, reply.client_order_id)
                refused.append((intent, _DUPLICATE, f"this number is {reply.client_order_id}'s"))
        self._intents += len(messages)
        await asyncio.gather(*(self._refuse(intent, code, why) for intent, code, why in refused))

    async def _place(self, orders: Sequence[PlaceRequest]) -> list[PlacedOrder]:
        if not orders:
            return []
        try:
            reply = await self._orders.call("place_all", {"orders": orders})
        except RequestRefused as error:
            if len(orders) > 1:
                # Which one is at fault shows when each is asked for by itself.
                raise
            return [PlacedOrder(client_order_id=orders[0].client_order_id, error=error.reason_code, message=error.message)]
        try:
            return msgspec.convert(reply, PlaceAllReply).orders
        except msgspec.ValidationError as error:
            raise Unavailable("order management's answer cannot be read", problem=str(error)[:100]) from error

    async def _refuse(self, intent: wire.OrderIntent, code: str, why: str) -> None:
        refused = rejected(intent.intent_id, code, category_of(code), self._clock.now_ns())
        await self._events.refuse(intent.account_id, intent.bot_id, refused, why)

    def _failed(self, error: BaseException) -> None:
        self._problem = f"order events are not told any more: {error}"[:200]


def account_of(message: Message) -> str:
    """The account an intent is for, as its topic tells; empty where it is none of the platform's topics."""
    try:
        return wire.ids_of(message.subject)["account_id"]
    except (BadRequest, KeyError):
        return ""


def _read(message: Message) -> wire.OrderIntent:
    try:
        return read_intent(message.payload, topic=message.subject, headers=message.headers)
    except ConfigError as error:
        # Protobuf where its library is not installed: waiting would help nobody, and stop all others.
        raise BadRequest(error.message) from error
