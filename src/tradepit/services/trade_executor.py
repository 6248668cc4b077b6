"""Trade Executor: intents of bots to order management, one after another, and what became of them back on the bots' topics."""

from loguru import logger

from tradepit.ports.bus import Bus, Message
from tradepit.ports.clock import Clock
from tradepit.runtime.order_client import OrderClient, Refused
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.bot_doors import BotDoors
from tradepit.services.order_events import OrderEvents
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import BadRequest, ConfigError, DuplicateId
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import read_intent
from tradepit.wire.platform_orders import category_of, place_request, rejected

_DUPLICATE = "DUPLICATE"


class TradeExecutor:
    """Work at the queue of intents (``QueueWorker``), acknowledged once order management has journaled the order, whatever it decided.

    An intent told again, under its id or its bot's number, is the same order. What cannot be read, and an id used for another order,
    is buried with its reason; what can be read and is refused has its rejection on the bot's topic. While nobody leads, it waits.
    """

    def __init__(self, bus: Bus, clock: Clock, orders: OrderClient, events: OrderEvents, instance: str) -> None:
        self._bus, self._orders, self._events = bus, orders, events
        self._doors = BotDoors(bus, events.outcomes, clock)
        self._tasks = TaskGroup(instance, self._failed)
        self._intents = self._repeated = 0
        self._problem = ""

    async def open(self) -> None:
        """Connect, and begin to tell what was not told yet."""
        await self._bus.connect()
        await self._events.open()
        self._tasks.spawn(self._events.run(), "events")
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
            "broker_latency_ms": round(median_us / 1e3, 3),
            "broker_latency_ms_p99": round(p99_us / 1e3, 3),
            "events_published": self._events.published,
            "journal_entry": self._events.entry,
            **by_reason,
        }

    async def do(self, message: Message) -> None:
        """Raises BadRequest and DuplicateId (to be buried), Unavailable and OutcomeUnknown (to be tried again)."""
        try:
            intent = read_intent(message.payload, topic=message.subject, headers=message.headers)
        except ConfigError as error:
            # Protobuf where its library is not installed: waiting would help nobody, and stop all others.
            raise BadRequest(error.message) from error
        self._intents += 1
        try:
            request = place_request(intent)
            reply = await self._orders.call("place", {name: getattr(request, name) for name in request.__struct_fields__})
        except BadRequest as error:
            await self._refuse(intent, error.reason_code)
            return
        except Refused as error:
            if error.reason_code == DuplicateId.code:
                raise
            await self._refuse(intent, error.reason_code)
            return
        if reply.get("client_order_id") != intent.intent_id:
            self._repeated += 1
            logger.warning("{} has the number of {}: it is that order", intent.intent_id, reply.get("client_order_id"))
            await self._refuse(intent, _DUPLICATE)

    async def _refuse(self, intent: wire.OrderIntent, code: str) -> None:
        refused = rejected(intent.intent_id, code, category_of(code), 0)
        await self._events.refuse(intent.account_id, intent.bot_id, refused)

    def _failed(self, error: BaseException) -> None:
        self._problem = f"order events are not told any more: {error}"[:200]
