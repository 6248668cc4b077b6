"""The doors of the gateway: ``rpc.trading-gateway.<method>``, each answer a reply of wire/gateway.py or a coded refusal."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.services.gateway_door import check_command, check_tick
from tradepit.services.gateway_faults import FaultSeam
from tradepit.services.gateway_loop import CommandLoop, Results
from tradepit.services.gateway_machine import Events, GatewayMachine
from tradepit.services.gateway_reports import ReportLog
from tradepit.services.gateway_time import ExchangeTime
from tradepit.trading.matching.commands import (
    AdvanceTime,
    ApplyTick,
    CancelOrder,
    Command,
    ListInstrument,
    OpenAccount,
    OpenSession,
    ReduceOrder,
    ResolveOrder,
    SubmitOrder,
    Transfer,
)
from tradepit.trading.matching.events import CommandRefused
from tradepit.trading.matching.faults import NO_MISHAP, Mishap, worst_of
from tradepit.trading.matching.venue import Venue
from tradepit.trading.model.errors import BadRequest, InternalError, RequestRefused, TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import MAX_REQUEST_BYTES, ErrorReply, rpc_subject
from tradepit.wire.simulator_codec import encode_error

Method = Callable[[bytes], Awaitable[bytes]]
OrderCommandT = TypeVar("OrderCommandT", SubmitOrder, CancelOrder, ReduceOrder, ResolveOrder)
CommandT = TypeVar("CommandT", OpenSession, OpenAccount, Transfer, ListInstrument)

_TICK = msgspec.json.Decoder(Tick)
_SUBMIT = msgspec.json.Decoder(SubmitOrder)
_ORDERS = msgspec.json.Decoder(wire.OrderBatch)
_TICKS = msgspec.json.Decoder(wire.TicksRequest)
_QUERY_ORDER = msgspec.json.Decoder(wire.QueryOrder)
_QUERY_ACCOUNT = msgspec.json.Decoder(wire.QueryAccount)
_QUERY_STATEMENT = msgspec.json.Decoder(wire.QueryStatement)
_REPORTS = msgspec.json.Decoder(wire.ReportsRequest)
_ADVANCE = msgspec.json.Decoder(wire.AdvanceRequest)
_DEPTH = msgspec.json.Decoder(wire.DepthRequest)
_FAULTS = msgspec.json.Decoder(wire.FaultsRequest)
_QUERY_ORDERS = msgspec.json.Decoder(wire.QueryOrders)
_QUERY_INSTRUMENTS = msgspec.json.Decoder(wire.QueryInstruments)


class Doors:
    """All methods by name. ``venue_methods`` leave the bus while the line is cut; ``desk_methods`` (faults, status) stay."""

    def __init__(
        self,
        *,
        loop: CommandLoop,
        machine: GatewayMachine,
        log: ReportLog,
        time: ExchangeTime,
        seam: FaultSeam,
        status: Callable[[bool], wire.StatusReply],
        check_fence: Callable[[], Awaitable[None]],
    ) -> None:
        self._loop, self._machine, self._venue, self._log = loop, machine, machine.venue, log
        self._time, self._seam, self._status, self._check_fence = time, seam, status, check_fence
        self.venue_methods: dict[str, Method] = {
            "send_order": self._order_method(SubmitOrder),
            "send_orders": self._send_orders,
            "cancel_order": self._order_method(CancelOrder),
            "reduce_order": self._order_method(ReduceOrder),
            "resolve_order": self._order_method(ResolveOrder, faulty=False),
            "open_session": self._plain_method(OpenSession),
            "open_account": self._plain_method(OpenAccount),
            "transfer": self._plain_method(Transfer),
            "list_instrument": self._plain_method(ListInstrument),
            "update_prices": self._update_prices,
            "advance_time": self._advance_time,
            "query_order": self._query_order,
            "orders": self._orders,
            "account": self._account,
            "positions": self._positions,
            "statement": self._statement,
            "reports": self._reports,
            "instruments": self._instruments,
            "depth": self._depth,
        }
        self.desk_methods: dict[str, Method] = {
            "faults": self._faults,
            "status": self._status_method(digest=False),
            "digest": self._status_method(digest=True),
        }

    def _order_method(self, kind: type[OrderCommandT], *, faulty: bool = True) -> Method:
        decoder = msgspec.json.Decoder(kind)

        async def method(payload: bytes) -> bytes:
            command = wire.read_body(payload, decoder, MAX_REQUEST_BYTES)
            check_command(command)
            mishap = self._seam.draw() if faulty else NO_MISHAP
            key = _key(command)
            return await self._seam.pass_on(
                mishap, self._loop.submit((command,), lambda results: self._order_answer(key, results))
            )

        return method

    async def _send_orders(self, payload: bytes) -> bytes:
        raws = wire.read_body(payload, _ORDERS, wire.MAX_BATCH_BYTES).orders
        if len(raws) > wire.MAX_BATCH_ORDERS:
            raise BadRequest("too many orders in a batch", orders=len(raws), limit=wire.MAX_BATCH_ORDERS)
        commands: list[Command] = []
        replies: list[bytes] = []
        places: list[tuple[int, tuple[str, str]]] = []
        mishaps: list[Mishap] = []
        for raw in raws:
            try:
                command = wire.read_body(bytes(raw), _SUBMIT, MAX_REQUEST_BYTES)
                check_command(command)
                mishaps.append(self._seam.draw())
            except RequestRefused as error:
                replies.append(encode_error(error))
                continue
            places.append((len(replies), _key(command)))
            replies.append(b"")
            commands.append(command)

        def answer(results: Results) -> bytes:
            for (place, key), events in zip(places, results, strict=True):
                replies[place] = self._order_answer(key, [events])
            return b'{"replies":[%b]}' % b",".join(replies)

        if not commands:
            return answer([])
        return await self._seam.pass_on(worst_of(mishaps), self._loop.submit(commands, answer))

    def _order_answer(self, key: tuple[str, str], results: Results) -> bytes:
        refusal = _refusal(results[0])
        if refusal is not None:
            return _refused(refusal)
        return wire.encode(wire.OrderReply(order=self._venue.order(*key)))

    def _plain_method(self, kind: type[CommandT]) -> Method:
        decoder = msgspec.json.Decoder(kind)

        async def method(payload: bytes) -> bytes:
            command = wire.read_body(payload, decoder, MAX_REQUEST_BYTES)
            check_command(command)
            return await self._loop.submit((command,), self._done_answer)

        return method

    def _done_answer(self, results: Results) -> bytes:
        refusal = _refusal(results[0])
        return _refused(refusal) if refusal is not None else wire.encode(wire.Done(now_ns=self._machine.now_ns))

    async def _update_prices(self, payload: bytes) -> bytes:
        raws = wire.read_body(payload, _TICKS, wire.MAX_BATCH_BYTES).ticks
        if len(raws) > wire.MAX_BATCH_TICKS:
            raise BadRequest("too many ticks in a batch", ticks=len(raws), limit=wire.MAX_BATCH_TICKS)
        commands: list[Command] = []
        places: list[int] = []
        refused: list[wire.TickRefused] = []
        at_ns = self._time.now_ns()
        for index, raw in enumerate(raws):
            try:
                tick = wire.read_body(bytes(raw), _TICK, MAX_REQUEST_BYTES)
                check_tick(tick)
                self._time.check_step(at_ns, tick.time_ns)
            except RequestRefused as error:
                refused.append(wire.TickRefused(index=index, code=error.reason_code, message=str(error)[:200]))
                continue
            at_ns = max(at_ns, tick.time_ns)
            commands.append(ApplyTick(tick=tick))
            places.append(index)
        if not commands:
            return wire.encode(wire.TicksReply(refused=refused))
        return await self._loop.submit(commands, lambda results: _ticks_answer(places, refused, results))

    async def _advance_time(self, payload: bytes) -> bytes:
        at_ns = wire.read_body(payload, _ADVANCE, MAX_REQUEST_BYTES).now_ns
        if not self._time.driven:
            raise BadRequest("this exchange's time is the machine's own")
        self._time.check_step(self._time.now_ns(), at_ns)
        return await self._loop.submit((AdvanceTime(),), self._done_answer, at_ns=at_ns)

    async def _query_order(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ORDER, MAX_REQUEST_BYTES)
        return wire.encode(wire.OrderReply(order=self._venue.order(body.account, body.client_order_id)))

    async def _orders(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ORDERS, MAX_REQUEST_BYTES)
        wire.check_page(body.offset, body.limit, wire.MAX_ORDERS)
        orders = self._venue.orders(body.account, active_only=body.active)
        page = orders[body.offset : body.offset + body.limit]
        return wire.encode(wire.OrdersReply(orders=page, total=len(orders)))

    async def _account(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ACCOUNT, MAX_REQUEST_BYTES)
        return wire.encode(wire.AccountReply(account=self._venue.account(body.account)))

    async def _positions(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ACCOUNT, MAX_REQUEST_BYTES)
        return wire.encode(wire.PositionsReply(positions=list(self._venue.positions(body.account))))

    async def _statement(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_STATEMENT, MAX_REQUEST_BYTES)
        return wire.encode(wire.StatementReply(statement=self._machine.statement(body.account, body.trading_day)))

    async def _reports(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _REPORTS, MAX_REQUEST_BYTES)
        wire.check_page(body.after, body.limit, wire.MAX_REPORTS)
        if body.after > self._log.last:
            # The sender has seen reports that this gateway has not made: are the journals still ours?
            await self._check_fence()
        records = await self._log.read(body.after, body.limit, wire.MAX_REPLY_BYTES)
        return wire.encode(wire.ReportsReply(reports=[msgspec.Raw(record) for record in records], last=self._log.last))

    async def _instruments(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_INSTRUMENTS, MAX_REQUEST_BYTES)
        wire.check_page(body.offset, body.limit, wire.MAX_INSTRUMENTS)
        listed = self._venue.instruments()
        page = [_instrument_state(self._venue, one) for one in listed[body.offset : body.offset + body.limit]]
        return wire.encode(wire.InstrumentsReply(instruments=page, trading_day=self._venue.trading_day, total=len(listed)))

    async def _depth(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _DEPTH, MAX_REQUEST_BYTES)
        check_id(body.symbol, "symbol")
        if not 0 < body.levels <= wire.MAX_DEPTH:
            raise BadRequest("out of range", field="levels")
        bids, asks = self._venue.depth(body.symbol, body.levels)
        return wire.encode(wire.DepthReply(bids=list(bids), asks=list(asks), tick=self._venue.tick(body.symbol)))

    async def _faults(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _FAULTS, MAX_REQUEST_BYTES)
        if body.plan is not None:
            logger.warning("fault plan set: {}", body.plan)
            self._seam.set(body.plan)
        return wire.encode(wire.FaultsReply(plan=self._seam.dice.plan, injected=self._seam.dice.injected))

    def _status_method(self, *, digest: bool) -> Method:
        async def method(payload: bytes) -> bytes:
            del payload
            return wire.encode(self._status(digest))

        return method


async def serve(bus: Bus, methods: dict[str, Method]) -> list[Subscription]:
    """Answer ``methods`` on the bus."""
    return [
        await bus.serve(rpc_subject(wire.SERVICE, name), _responder(method), group=wire.SERVICE)
        for name, method in methods.items()
    ]


def _responder(method: Method) -> Callable[[Message], Awaitable[bytes]]:
    async def respond(message: Message) -> bytes:
        try:
            return await method(message.payload)
        except TradepitError as error:
            return encode_error(error)
        except Exception as error:  # noqa: BLE001 - no request may bring the gateway down, no client sees a traceback
            logger.opt(exception=error).error("a request failed on {}", message.subject)
            return encode_error(InternalError())

    return respond


def _instrument_state(venue: Venue, instrument: Instrument) -> wire.InstrumentState:
    low, high = venue.band(instrument.symbol)
    return wire.InstrumentState(
        instrument=instrument,
        phase=venue.phase(instrument.symbol),
        lower_limit_ticks=low,
        upper_limit_ticks=high,
        pre_settlement=format(venue.reference(instrument.symbol), "f"),
    )


def _key(command: SubmitOrder | CancelOrder | ReduceOrder | ResolveOrder) -> tuple[str, str]:
    if isinstance(command, SubmitOrder | ResolveOrder):
        return command.intent.account, command.intent.client_order_id
    return command.account, command.client_order_id


def _refusal(events: Events) -> CommandRefused | None:
    return next((event for event in events if isinstance(event, CommandRefused)), None)


def _refused(refusal: CommandRefused) -> bytes:
    return wire.encode(ErrorReply(error=refusal.code, message=refusal.message, details=refusal.details))


def _ticks_answer(places: list[int], refused: list[wire.TickRefused], results: Results) -> bytes:
    late = [
        wire.TickRefused(index=index, code=refusal.code, message=refusal.message)
        for index, events in zip(places, results, strict=True)
        if (refusal := _refusal(events)) is not None
    ]
    every = sorted(refused + late, key=lambda item: item.index)
    return wire.encode(wire.TicksReply(accepted=len(places) - len(late), refused=every))
