"""The simulated exchange as a broker: a client of ``rpc.trading-gateway.*`` and ``broker.reports`` over any bus."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from tradepit.backends.broker.order_batches import OrderBatches
from tradepit.backends.broker.report_feed import ReportFeed
from tradepit.ports.broker import Capabilities, Listing
from tradepit.ports.bus import Bus
from tradepit.trading.matching.commands import CancelOrder, OpenSession, ReduceOrder, ResolveOrder, SubmitOrder
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import (
    InternalError,
    OrderNotFound,
    OutcomeUnknown,
    RequestRefused,
    StaleEpoch,
    TimedOut,
    TradepitError,
    Unavailable,
    VenueRefused,
)
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import Offset, OrderStatus, OrderType
from tradepit.trading.risk.review import Approved
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import rpc_subject

_CAPABILITIES = Capabilities(order_types=frozenset(OrderType), offsets=frozenset(Offset), reduces=True, voids_unknown=True)
_ERRORS: dict[str, type[TradepitError]] = {
    kind.code: kind for kind in (StaleEpoch, OutcomeUnknown, Unavailable, OrderNotFound, InternalError)
}
_BATCHES = msgspec.json.Decoder(wire.OrderBatchReply)

ReplyT = TypeVar("ReplyT", bound=wire.Reply)


class SimulatedBroker:
    """Implements ``ports.broker.Broker`` for one session (one leader at a time commands under it).

    ``timeout_s`` is how long an answer is awaited before the outcome counts as unknown; ``check_s`` how long the reports may be
    silent before newer ones are asked for. The bus is shared: closing the broker does not close it.

    ``together``: orders of one turn of the event loop leave in one message, and ``submit`` gives futures. Where the journal keeps
    each without a wait they come one by one, and waiting a turn for others would cost each of them more than its message.
    """

    def __init__(self, bus: Bus, session: str, *, timeout_s: float = 2.0, check_s: float = 0.5, together: bool = True) -> None:
        self._bus, self._session, self._timeout_s, self._check_s = bus, session, timeout_s, check_s
        self._together = together
        self._orders = msgspec.json.Decoder(wire.OrderReply)
        self._order_batches = OrderBatches(self._send_orders, _settled)

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(_CAPABILITIES, gathers=self._together)

    async def connect(self) -> None:
        await self._bus.connect()

    async def open_session(self, epoch: int) -> None:
        body = OpenSession(session=self._session, epoch=epoch)
        await self._command("open_session", body, msgspec.json.Decoder(wire.Done))

    def submit(self, approved: Approved, *, epoch: int) -> Awaitable[Order]:
        body = SubmitOrder(intent=approved.intent, session=self._session, epoch=epoch)
        return self._order_batches.submit(body) if self._together else self._submit_alone(body)

    async def _submit_alone(self, body: SubmitOrder) -> Order:
        (reply,) = await self._send_orders([body])
        return _settled(body, reply)

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        body = CancelOrder(account=account, client_order_id=client_order_id, session=self._session, epoch=epoch)
        return _order(await self._command("cancel_order", body, self._orders))

    async def reduce(self, account: str, client_order_id: str, by_lots: int, *, reduce_id: str, epoch: int) -> Order:
        """Lower what is left of an order by ``by_lots``; it keeps its place. Idempotent by ``reduce_id``."""
        body = ReduceOrder(
            reduce_id=reduce_id,
            account=account,
            client_order_id=client_order_id,
            by_lots=by_lots,
            session=self._session,
            epoch=epoch,
        )
        return _order(await self._command("reduce_order", body, self._orders))

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        body = ResolveOrder(intent=intent, session=self._session, epoch=epoch)
        return _order(await self._command("resolve_order", body, self._orders))

    async def query(self, account: str, client_order_id: str) -> Order | None:
        body = wire.QueryOrder(account=account, client_order_id=client_order_id)
        return (await self._query("query_order", body, self._orders)).order

    def reports(self, after: int) -> AsyncIterator[Report]:
        return ReportFeed(self._bus, timeout_s=self._timeout_s, check_s=self._check_s).follow(after)

    async def last_report(self) -> int:
        return (await self._query("status", wire.Nothing(), msgspec.json.Decoder(wire.StatusReply))).last_report

    async def instruments(self) -> list[Listing]:
        reply = await self._query("instruments", wire.Nothing(), msgspec.json.Decoder(wire.InstrumentsReply))
        return [
            Listing(
                instrument=state.instrument,
                phase=state.phase,
                lower_limit_ticks=state.lower_limit_ticks,
                upper_limit_ticks=state.upper_limit_ticks,
                pre_settlement=Decimal(state.pre_settlement),
            )
            for state in reply.instruments
        ]

    async def find(self, symbol: str) -> Listing | None:
        return next((listing for listing in await self.instruments() if listing.instrument.symbol == symbol), None)

    async def account(self, account: str) -> Account:
        body = wire.QueryAccount(account=account)
        reply = await self._query("account", body, msgspec.json.Decoder(wire.AccountReply))
        if reply.account is None:
            raise Unavailable("the exchange answered without an account")
        return reply.account

    async def positions(self, account: str) -> list[Position]:
        body = wire.QueryAccount(account=account)
        return (await self._query("positions", body, msgspec.json.Decoder(wire.PositionsReply))).positions

    async def close(self) -> None:
        """The bus is its owner's, and feeds end with their iterators."""
        await self._order_batches.stop()

    async def _send_orders(self, orders: Sequence[SubmitOrder]) -> Sequence[wire.OrderReply]:
        try:
            if len(orders) == 1:
                return (await self._reply("send_order", orders[0], self._orders),)
            body = wire.OrderBatch(orders=[msgspec.Raw(wire.encode(order)) for order in orders])
            replies = (await self._command("send_orders", body, _BATCHES)).replies
        except RequestRefused as error:
            # The message itself did not get through to the exchange: so says the answer to each of its orders.
            return [wire.OrderReply(error=error.reason_code, message=error.message)] * len(orders)
        if len(replies) != len(orders):
            raise OutcomeUnknown("the exchange did not answer every order", orders=len(orders), answers=len(replies))
        return replies

    async def _ask(self, method: str, body: msgspec.Struct, decoder: "msgspec.json.Decoder[ReplyT]") -> ReplyT:
        payload = await self._bus.request(rpc_subject(wire.SERVICE, method), wire.encode(body), timeout_s=self._timeout_s)
        try:
            return decoder.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InternalError(f"the exchange's answer cannot be read: {error}") from error

    async def _command(self, method: str, body: msgspec.Struct, decoder: "msgspec.json.Decoder[ReplyT]") -> ReplyT:
        return _outcome(await self._reply(method, body, decoder))

    async def _reply(self, method: str, body: msgspec.Struct, decoder: "msgspec.json.Decoder[ReplyT]") -> ReplyT:
        try:
            return await self._ask(method, body, decoder)
        except (TimedOut, InternalError) as error:
            raise OutcomeUnknown(method=method, cause=error.message) from error

    async def _query(self, method: str, body: msgspec.Struct, decoder: "msgspec.json.Decoder[ReplyT]") -> ReplyT:
        try:
            return _accepted(await self._ask(method, body, decoder))
        except InternalError as error:
            raise Unavailable(method=method, cause=error.message) from error


def _order(reply: wire.OrderReply) -> Order:
    if reply.order is None:
        raise OutcomeUnknown("the exchange answered without an order")
    return reply.order


def _settled(body: SubmitOrder, reply: wire.OrderReply) -> Order:
    """What became of an order. The exchange's no is an outcome of the order, not a failure of the request."""
    try:
        return _order(_outcome(reply))
    except RequestRefused as error:
        return Order(intent=body.intent, status=OrderStatus.REJECTED, reason=error.reason_code, message=error.message)


def _outcome(reply: ReplyT) -> ReplyT:
    """What a command came to. An exchange that failed over it may have done it."""
    try:
        return _accepted(reply)
    except InternalError as error:
        raise OutcomeUnknown(cause=error.message) from error


def _accepted(reply: ReplyT) -> ReplyT:
    if reply.error:
        raise _error(reply)
    return reply


def _error(reply: wire.Reply) -> TradepitError:
    kind = _ERRORS.get(reply.error)
    return kind(reply.message) if kind is not None else VenueRefused(reply.error, reply.message)
