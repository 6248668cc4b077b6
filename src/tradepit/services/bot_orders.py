"""The doors of order management for orders of bots: one by one, or many in their order, answered once they are journaled."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from tradepit.ports.clock import Clock
from tradepit.runtime.eager import Started
from tradepit.runtime.latency import LatencyMeter
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import BadRequest, NotActive, OutcomeUnknown, RequestRefused, RiskRefused
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, OrderStatus, Side
from tradepit.wire.order_controls import PlaceAllReply, PlaceAllRequest, PlacedOrder, PlaceReply, PlaceRequest
from tradepit.wire.simulator import OrderRequest
from tradepit.wire.simulator_codec import decode

MOST_TOGETHER = 64
_IN_A_TURN = 2
_ANSWERS_OF_ACCOUNT, _ANSWERS_OF_ALL = 16, 96
MakeIntent = Callable[[OrderRequest, Side, OrderLeader], Awaitable[OrderIntent]]


class BotOrders:
    """Methods by name; each raises NotActive where ``leader`` does.

    ``place_all`` does not wait for the exchange's answers, as long as these are not too many: an order that is journaled will be
    answered for, whatever happens. None of its orders is reviewed before the one in front of it was; when one cannot be taken
    now, the whole is asked for again, and those that were taken are known by then.
    """

    def __init__(self, leader: Callable[[], OrderLeader], make_intent: MakeIntent, clock: Clock, latency: LatencyMeter) -> None:
        self._leader, self._make_intent, self._clock, self._latency = leader, make_intent, clock, latency
        self._unanswered: dict[asyncio.Task[Order], str] = {}
        self.methods: dict[str, Callable[[bytes], Awaitable[object]]] = {"place": self._place, "place_all": self._place_all}

    async def _place(self, payload: bytes) -> object:
        leader = self._leader()
        intent = await self._intent(decode(payload, PlaceRequest), leader)
        began_ns = self._clock.monotonic_ns()
        try:
            order = await leader.submit(intent)
        except (RiskRefused, OutcomeUnknown):
            # Journaled all the same; an order that is not known was not, and is to be asked for again.
            known = leader.desk.known(intent)
            if known is None:
                raise
            order = known
        self._latency.add(self._clock.monotonic_ns() - began_ns)
        return PlaceReply(client_order_id=order.client_order_id, status=order.status.value, reason=order.reason)

    async def _place_all(self, payload: bytes) -> object:
        leader = self._leader()
        requests = decode(payload, PlaceAllRequest).orders
        if not 0 < len(requests) <= MOST_TOGETHER:
            raise BadRequest("orders are too many, or none", limit=MOST_TOGETHER)
        placed = []
        for number, request in enumerate(requests, start=1):
            await self._room_for(request.account)
            if self._leader() is not leader:
                raise NotActive
            placed.append(await self._begin(request, leader))
            if number % _IN_A_TURN == 0:
                # Many requests come at once: together they must not keep the leader from refreshing its lease.
                await asyncio.sleep(0)
        await leader.write()
        return PlaceAllReply(orders=[_told(each, leader) if isinstance(each, OrderIntent) else each for each in placed])

    async def _begin(self, request: PlaceRequest, leader: OrderLeader) -> OrderIntent | PlacedOrder:
        """Have one order decided; what is to be told of it, where it will not be in the journal."""
        try:
            intent = await self._intent(request, leader)
            await self._decide(intent, leader)
        except RequestRefused as error:
            return PlacedOrder(client_order_id=request.client_order_id[:64], error=error.reason_code, message=error.message)
        return intent

    async def _decide(self, intent: OrderIntent, leader: OrderLeader) -> None:
        began_ns = self._clock.monotonic_ns()
        begun = Started(leader.submit(intent))
        try:
            if not begun.finished:
                # What had to wait before it was decided (an account that is not known yet, others in its way) is waited for.
                if leader.desk.known(intent) is not None:
                    self._await_answer(begun.task, intent.account, began_ns)
                    return
                await asyncio.shield(begun.task)
            begun.result()
        except (RiskRefused, OutcomeUnknown):
            if leader.desk.known(intent) is None:
                raise
        self._latency.add(self._clock.monotonic_ns() - began_ns)

    async def _room_for(self, account: str) -> None:
        """Wait while the exchange owes too many answers: to all, or, before that, to this account, so that one which is not answered
        holds up no other.
        """
        while True:
            own = [task for task, name in self._unanswered.items() if name == account]
            if len(own) < _ANSWERS_OF_ACCOUNT and len(self._unanswered) < _ANSWERS_OF_ALL:
                return
            await asyncio.wait(own if len(own) >= _ANSWERS_OF_ACCOUNT else self._unanswered, return_when=asyncio.FIRST_COMPLETED)

    def _await_answer(self, sending: "asyncio.Task[Order]", account: str, began_ns: int) -> None:
        def answered(task: "asyncio.Task[Order]") -> None:
            self._unanswered.pop(task, None)
            if not task.cancelled() and task.exception() is None:
                self._latency.add(self._clock.monotonic_ns() - began_ns)

        self._unanswered[sending] = account
        sending.add_done_callback(answered)

    async def _intent(self, request: PlaceRequest, leader: OrderLeader) -> OrderIntent:
        try:
            side = Side(request.side)
        except ValueError as error:
            raise BadRequest("side must be BUY or SELL") from error
        if not (0 <= request.sequence < 2**63 and 0 <= request.expires < 2**63):
            raise BadRequest("sequence or expires is out of range")
        check_id(request.client_order_id, "client_order_id")
        if not request.offset:
            nets = (await leader.instrument(request.symbol)).product.close_rule is CloseRule.NET
            request = msgspec.structs.replace(request, offset=(Offset.NET if nets else Offset.OPEN).value)
        return msgspec.structs.replace(
            await self._make_intent(request, side, leader),
            bot=check_id(request.bot, "bot"),
            sequence=request.sequence,
            expires_ns=request.expires,
        )


def _told(intent: OrderIntent, leader: OrderLeader) -> PlacedOrder:
    order = leader.desk.known(intent)
    if order is None:
        # A trading day rolled in between: an order as old as this one is known no more.
        return PlacedOrder(client_order_id=intent.client_order_id, status=OrderStatus.EXPIRED.value)
    return PlacedOrder(client_order_id=order.client_order_id, status=order.status.value, reason=order.reason)
