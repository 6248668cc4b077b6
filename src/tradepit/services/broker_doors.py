"""``rpc.trading-gateway.<method>`` on a real broker: the questions of the exchange's contract, with the same bodies and replies."""

from collections.abc import Awaitable, Callable
from datetime import date

import msgspec

from tradepit.ports.broker import Broker, Listing
from tradepit.services.broker_listings import BrokerListings
from tradepit.services.broker_quotes import BrokerQuotes
from tradepit.services.broker_reports import BrokerReports
from tradepit.trading.model.errors import BadRequest, InstrumentNotFound, Unavailable, VenueRefused
from tradepit.trading.model.ids import check_id
from tradepit.wire import gateway as wire

Method = Callable[[bytes], Awaitable[bytes]]

# What only an exchange of one's own can be asked for: a broker's orders go through order management alone.
NOT_HERE = (
    "send_order",
    "send_orders",
    "cancel_order",
    "reduce_order",
    "resolve_order",
    "open_session",
    "open_account",
    "transfer",
    "list_instrument",
    "update_prices",
    "advance_time",
    "statement",
    "faults",
    "digest",
)
NOT_SUPPORTED = "NOT_SUPPORTED"
_QUERY_ORDER = msgspec.json.Decoder(wire.QueryOrder)
_QUERY_ACCOUNT = msgspec.json.Decoder(wire.QueryAccount)
_QUERY_ORDERS = msgspec.json.Decoder(wire.QueryOrders)
_QUERY_INSTRUMENTS = msgspec.json.Decoder(wire.QueryInstruments)
_REPORTS = msgspec.json.Decoder(wire.ReportsRequest)
_DEPTH = msgspec.json.Decoder(wire.DepthRequest)
_BARS = msgspec.json.Decoder(wire.BarsRequest)
_MAX_BODY = 4096


class BrokerDoors:
    """All methods by name; ``quotes`` is None where the broker tells no market."""

    def __init__(
        self,
        broker: Broker,
        reports: BrokerReports,
        listings: BrokerListings,
        quotes: BrokerQuotes | None,
        status: Callable[[], wire.StatusReply],
    ) -> None:
        self._broker, self._reports, self._listings, self._quotes, self._status = broker, reports, listings, quotes, status
        self.methods: dict[str, Method] = {
            "query_order": self._query_order,
            "orders": self._orders,
            "account": self._account,
            "positions": self._positions,
            "reports": self._read_reports,
            "instruments": self._instruments,
            "depth": self._depth,
            "bars": self._bars,
            "status": self._tell_status,
            **{name: _refuse(name) for name in NOT_HERE},
        }

    async def _query_order(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ORDER, _MAX_BODY)
        check_id(body.account, "account")
        check_id(body.client_order_id, "client_order_id")
        return wire.encode(wire.OrderReply(order=await self._broker.query(body.account, body.client_order_id)))

    async def _orders(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ORDERS, _MAX_BODY)
        wire.check_page(body.offset, body.limit, wire.MAX_ORDERS)
        orders = self._reports.orders(body.account, active_only=body.active)
        return wire.encode(wire.OrdersReply(orders=orders[body.offset : body.offset + body.limit], total=len(orders)))

    async def _account(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ACCOUNT, _MAX_BODY)
        return wire.encode(wire.AccountReply(account=await self._broker.account(body.account)))

    async def _positions(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_ACCOUNT, _MAX_BODY)
        return wire.encode(wire.PositionsReply(positions=await self._broker.positions(body.account)))

    async def _read_reports(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _REPORTS, _MAX_BODY)
        wire.check_page(body.after, body.limit, wire.MAX_REPORTS)
        records: list[msgspec.Raw] = []
        size = 0
        for _, record in await self._reports.after(body.after, body.limit):
            size += len(record) + 1
            if size > wire.MAX_REPLY_BYTES and records:
                break
            records.append(msgspec.Raw(record))
        return wire.encode(wire.ReportsReply(reports=records, last=self._reports.last))

    async def _instruments(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _QUERY_INSTRUMENTS, _MAX_BODY)
        wire.check_page(body.offset, body.limit, wire.MAX_INSTRUMENTS)
        listed = self._listings.all()
        if not listed and self._listings.problem:
            raise Unavailable("the broker's contracts are not known yet", reason=self._listings.problem[:100])
        page = [_state_of(listing) for listing in listed[body.offset : body.offset + body.limit]]
        return wire.encode(wire.InstrumentsReply(instruments=page, trading_day=self._status().trading_day, total=len(listed)))

    async def _depth(self, payload: bytes) -> bytes:
        """Also how a contract that nobody has named before comes to be watched."""
        body = wire.read_body(payload, _DEPTH, _MAX_BODY)
        check_id(body.symbol, "symbol")
        if not 0 < body.levels <= wire.MAX_DEPTH:
            raise BadRequest("out of range", field="levels")
        if await self._listings.find(body.symbol) is None:
            raise InstrumentNotFound(symbol=body.symbol)
        tick = self._quotes.newest(body.symbol) if self._quotes is not None else None
        if tick is None:
            return wire.encode(wire.DepthReply())
        return wire.encode(wire.DepthReply(bids=list(tick.bids[: body.levels]), asks=list(tick.asks[: body.levels]), tick=tick))

    async def _bars(self, payload: bytes) -> bytes:
        body = wire.read_body(payload, _BARS, _MAX_BODY)
        check_id(body.symbol, "symbol")
        try:
            date.fromisoformat(str(body.trading_day))
        except ValueError:
            raise BadRequest("trading_day must be YYYYMMDD", trading_day=body.trading_day) from None
        if self._quotes is None:
            raise VenueRefused(NOT_SUPPORTED, "this broker tells no market", method="bars")
        return wire.encode(wire.BarsReply(bars=list(await self._quotes.bars(body.symbol, body.trading_day))))

    async def _tell_status(self, payload: bytes) -> bytes:
        del payload
        return wire.encode(self._status())


def _refuse(name: str) -> Method:
    async def method(payload: bytes) -> bytes:
        del payload
        raise VenueRefused(
            NOT_SUPPORTED, "this house trades through a broker; its orders go through order management", method=name
        )

    return method


def _state_of(listing: Listing) -> wire.InstrumentState:
    return wire.InstrumentState(
        instrument=listing.instrument,
        phase=listing.phase,
        lower_limit_ticks=listing.lower_limit_ticks,
        upper_limit_ticks=listing.upper_limit_ticks,
        pre_settlement=format(listing.pre_settlement, "f"),
    )
