"""The doors of order management: requests in, coded answers out, for the active instance and (NOT_ACTIVE) for the standbys."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Message
from tradepit.ports.clock import Clock
from tradepit.runtime.ids import new_id
from tradepit.runtime.latency import LatencyMeter
from tradepit.services.bot_orders import BotOrders
from tradepit.services.order_controls import OrderControls
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import (
    BadRequest,
    InternalError,
    NotActive,
    OrderNotFound,
    PriceNotValid,
    TradepitError,
    Unavailable,
    VenueRefused,
)
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Offset, OrderStatus, OrderType, Side
from tradepit.wire.simulator import (
    ORDER_MANAGEMENT,
    AlgoOrder,
    CancelRequest,
    OrderRequest,
    QueryRequest,
    rpc_subject,
)
from tradepit.wire.simulator_codec import decode, encode, encode_error, lots_of, order_data

Method = Callable[[bytes], Awaitable[object]]
_MAX_REFERENCE = 256
_MAX_ORDERS = 500
_ORDER_SUBJECTS = frozenset(rpc_subject(ORDER_MANAGEMENT, method) for method in ("buy", "sell", "place", "place_all"))
_BUSY = encode_error(Unavailable("too many orders are on their way; nothing was done"))


class Algos(Protocol):
    """The desk that takes algorithm orders."""

    async def handle(self, request: AlgoOrder) -> object:
        """Start, pause, resume, amend, cancel or tell an algorithm order."""


class OrderDoors:
    """Methods by name. ``leader`` gives the active instance's leader or raises NotActive."""

    def __init__(
        self,
        leader: Callable[[], OrderLeader],
        algos: Callable[[], Algos],
        broker: Broker,
        status: Callable[[], object],
        clock: Clock,
        *,
        default_account: str,
    ) -> None:
        self._leader, self._algos, self._broker, self._status = leader, algos, broker, status
        self._clock, self._default_account = clock, default_account
        self.latency = LatencyMeter()
        self.methods: dict[str, Method] = {
            "buy": lambda payload: self._order(payload, Side.BUY),
            "sell": lambda payload: self._order(payload, Side.SELL),
            "cancel": self._cancel,
            "algo_order": self._algo_order,
            "orders": self._orders,
            "positions": self._positions,
            "account": self._account,
            **BotOrders(leader, self._intent, clock, self.latency).methods,
            **OrderControls(leader, self._intent, clock).methods,
            "status": self._tell_status,
        }
        self.refused: dict[str, int] = {}
        self.served = 0

    async def answer(self, message: Message) -> bytes:
        """Answer a request on ``rpc.order-management.<method>``; an unknown method is a bad request.

        A busy leader sends orders away before any work is done for them, repeated ones too: their answer is on its way, and
        reading them would cost more than to say that they come too soon.
        """
        if message.subject in _ORDER_SUBJECTS and self._is_busy():
            self.refused[Unavailable.code] = self.refused.get(Unavailable.code, 0) + 1
            return _BUSY
        method = self.methods.get(message.subject.rpartition(".")[2], _no_such_method)
        return await self.responder(method)(message)

    def _is_busy(self) -> bool:
        try:
            return self._leader().busy
        except NotActive:
            return False

    def responder(self, method: Method) -> Callable[[Message], Awaitable[bytes]]:
        """A bus responder that never raises: every failure becomes a coded reply."""

        async def respond(message: Message) -> bytes:
            self.served += 1
            try:
                return encode(await method(message.payload))
            except TradepitError as error:
                self.refused[error.reason_code] = self.refused.get(error.reason_code, 0) + 1
                return encode_error(error)
            except Exception as error:  # noqa: BLE001 - no request may bring the service down, no client sees a traceback
                logger.opt(exception=error).error("a request failed on {}", message.subject)
                return encode_error(InternalError())

        return respond

    async def _order(self, payload: bytes, side: Side) -> object:
        leader = self._leader()
        intent = await self._intent(decode(payload, OrderRequest), side, leader)
        began_ns = self._clock.monotonic_ns()
        order = await leader.submit(intent)
        self.latency.add(self._clock.monotonic_ns() - began_ns)
        if order.status is OrderStatus.REJECTED:
            raise VenueRefused(
                order.reason, order.message or None, orderid=order.order_id, client_order_id=intent.client_order_id
            )
        return {
            "success": True,
            "orderid": order.order_id,
            "status": "submitted",
            "client_order_id": intent.client_order_id,
            "order_status": order.status.value,
            "traded": order.traded_lots,
        }

    async def _intent(self, request: OrderRequest, side: Side, leader: OrderLeader) -> OrderIntent:
        check_id(request.symbol, "symbol")
        instrument = await leader.instrument(request.symbol)
        exchange = instrument.product.exchange
        if request.exchange not in ("", exchange.value):
            raise BadRequest("the contract is not listed on that exchange", exchange=request.exchange[:16])
        try:
            order_type, offset = OrderType(request.type), Offset(request.offset)
        except ValueError as error:
            raise BadRequest(str(error)[:100]) from error
        if len(request.reference) > _MAX_REFERENCE:
            raise BadRequest("reference is too long", limit=_MAX_REFERENCE)
        if not 0 <= request.timestamp < 2**63:
            raise BadRequest("timestamp is out of range")
        if order_type.priced and request.price is None:
            raise BadRequest("price is required for this order type", type=order_type.value)
        if not order_type.priced and request.price:
            raise PriceNotValid("an order at the market has no price: it would not protect you", type=order_type.value)
        price_ticks = 0
        if order_type.priced and request.price is not None:
            price_ticks = instrument.to_ticks(request.price)
        return OrderIntent(
            client_order_id=check_id(request.client_order_id, "client_order_id") if request.client_order_id else new_id("C"),
            account=check_id(request.account or self._default_account, "account"),
            symbol=request.symbol,
            exchange=exchange,
            side=side,
            offset=offset,
            order_type=order_type,
            price_ticks=price_ticks,
            volume_lots=lots_of(request.volume),
            created_ns=request.timestamp,
            reference=request.reference,
        )

    async def _cancel(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, CancelRequest)
        register = leader.desk.register
        if request.orderid:
            key = register.by_order_id.get(request.orderid)
            if key is None or request.account not in ("", key[0]):
                raise OrderNotFound(orderid=request.orderid[:64])
        else:
            key = (request.account or self._default_account, check_id(request.client_order_id, "client_order_id"))
        order = await leader.cancel(*key)
        return {"success": True, "orderid": order.order_id, "status": order.status.value, "traded": order.traded_lots}

    async def _algo_order(self, payload: bytes) -> object:
        self._leader()
        return await self._algos().handle(decode(payload, AlgoOrder))

    async def _orders(self, payload: bytes) -> object:
        register = self._leader().desk.register
        request = decode(payload, QueryRequest)
        if request.client_order_id:
            order = register.find(request.account or self._default_account, request.client_order_id)
            chosen = [order] if order is not None else []
        else:
            source = register.working if request.active else register.orders
            chosen = [order for order in source.values() if _matches(order, request)]
        page = chosen[-_MAX_ORDERS:]
        rows = [
            order_data(order, register.instruments[order.intent.symbol], seq=0, trading_day=register.trading_day)
            for order in page
            if order.intent.symbol in register.instruments
        ]
        return {"success": True, "orders": rows, "total": len(chosen)}

    async def _positions(self, payload: bytes) -> object:
        self._leader()
        request = decode(payload, QueryRequest)
        account = check_id(request.account or self._default_account, "account")
        return {"success": True, "positions": await self._broker.positions(account)}

    async def _account(self, payload: bytes) -> object:
        self._leader()
        request = decode(payload, QueryRequest)
        money = await self._broker.account(check_id(request.account or self._default_account, "account"))
        derived = {"balance": money.balance, "available": money.available, "risk_ratio": money.risk_ratio}
        return {"success": True, "account": msgspec.structs.asdict(money) | derived}

    async def _tell_status(self, payload: bytes) -> object:
        del payload
        return self._status()


async def _no_such_method(payload: bytes) -> object:
    del payload
    raise BadRequest("there is no such method")


def refuse_not_active(status: Callable[[], object]) -> Callable[[str], Method]:
    """Methods of a standby: everything but ``status`` is answered with NOT_ACTIVE."""

    def method_for(name: str) -> Method:
        async def method(payload: bytes) -> object:
            del payload
            if name == "status":
                return status()
            raise NotActive

        return method

    return method_for


def _matches(order: Order, request: QueryRequest) -> bool:
    intent = order.intent
    return (not request.account or intent.account == request.account) and (
        not request.reference or intent.reference == request.reference
    )
