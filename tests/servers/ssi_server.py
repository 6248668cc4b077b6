"""SSI FastConnect V3 as its public SDK describes it, on one local port: HTTP and the stream, with an exchange of ours behind it.

It can be told to misbehave: answers and events held back or lost, events told twice, 429, 500, tokens that run out.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import WSMsgType, web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from tests.servers.ssi_market_feed import SsiMarketFeed

from tradepit.ports.clock import Clock
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.commands import (
    AdvanceTime,
    CancelOrder,
    Command,
    ListInstrument,
    OpenAccount,
    ReduceOrder,
    SubmitOrder,
)
from tradepit.trading.matching.events import CommandRefused, Event
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side

SYMBOL, REFERENCE = "41I1F1000", Decimal(1340)
API_KEY, API_SECRET = "key-of-the-house", "secret-of-the-house"
TYPES = {"LO": OrderType.LIMIT} | {kind.value: kind for kind in OrderType if not kind.priced and kind is not OrderType.MARKET}
STATUSES = {
    OrderStatus.OPEN: "QU",
    OrderStatus.PARTIAL: "PF",
    OrderStatus.FILLED: "FF",
    OrderStatus.REJECTED: "RJ",
    OrderStatus.EXPIRED: "EX",
}
TEXTS = {
    "PRICE_OVER_LIMIT": "Price 0.1 is lower than floor price 1246.2!",
    "NOT_TRADING_PERIOD": "Invalid market status",
    "PRICETYPE_NOT_SUPPORTED": "Invalid market status",
    "INSUFFICIENT_MONEY": "Not enough initial margin",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SsiServer:
    """The exchange outlives ``stop``: it is the way to it that is gone. ``accounts`` are SSI's numbers."""

    def __init__(self, clock: Clock, key: RSAPublicKey, accounts: tuple[str, ...]) -> None:
        self._clock, self._key, self.accounts = clock, key, accounts
        catalog = load_catalog()
        self.venue = Venue(VenueSettings(snapshot_ns=0, session_group="hnx"), calendar=catalog.calendar)
        instrument = catalog.instrument(SYMBOL, on=date(2025, 1, 6), listing_price=REFERENCE)
        self.tick = instrument.product.tick_size
        self.market = SsiMarketFeed(lambda: self.venue.tick(SYMBOL), self.tick)
        self._apply(ListInstrument(instrument=instrument, reference=REFERENCE))
        for account in accounts:
            self._apply(OpenAccount(account=account, deposit=Decimal(10_000_000_000), currency="VND"))
        self.port = 0
        self._runner: web.AppRunner | None = None
        self.streams: list[tuple[web.WebSocketResponse, asyncio.Queue[str]]] = []
        self._sockets: list[tuple[web.WebSocketResponse, asyncio.Queue[str]]] = []
        self._tokens: dict[str, float] = {}
        self.handed_out: list[str] = []
        self._refresh = ""
        self._notified = self._others = 0
        self._modified: set[str] = set()
        self._traded: dict[str, Decimal] = {}
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.logins = self.refreshes = self.orders = 0
        self.lose_answers = self.too_many = self.faults = 0
        self.twice = self.mute = False
        self.otp = ""
        self.token_life_s = 3600.0

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        """Its stream's address."""
        return f"ws://127.0.0.1:{self.port}/ws/v3"

    async def start(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application()
        app.router.add_post("/api/v3/auth/token", self._log_in)
        app.router.add_post("/api/v3/auth/refresh", self._renew)
        app.router.add_get("/ws/v3", self._stream)
        for method, handler in (("POST", self._place), ("DELETE", self._cancel), ("PUT", self._modify)):
            app.router.add_route(method, "/api/v3/trading/order", self._command(handler))
        app.router.add_get("/api/v3/trading/orderBook", self._question(self._order_book))
        app.router.add_get("/api/v3/trading/ppmmrAccount", self._question(self._funds))
        app.router.add_get("/api/v3/trading/position", self._question(self._positions))
        app.router.add_get("/api/v3/data/masterdata", self._question(self._master))
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Be gone, connections and all."""
        await self.cut()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def cut(self) -> None:
        """End every stream."""
        self._sockets = []
        for socket, _ in list(self.streams):
            with contextlib.suppress(ConnectionError):
                await socket.close()

    def expire_tokens(self) -> None:
        """Every token has run out, whatever was said when it was handed out."""
        self._tokens.clear()

    def trade(self, account: str, side: Side, price_ticks: int, lots: int) -> None:
        """An order of a client that does not come this way."""
        self._others += 1
        intent = OrderIntent(
            client_order_id=f"other{self._others}",
            account=account,
            symbol=SYMBOL,
            exchange=Exchange.HNX,
            side=side,
            offset=Offset.NET,
            order_type=OrderType.LIMIT,
            price_ticks=price_ticks,
            volume_lots=lots,
        )
        self._apply(SubmitOrder(intent=intent))

    def lots(self, account: str) -> int:
        """The account's net position."""
        signs = {Side.BUY: 1, Side.SELL: -1}
        return sum(signs[position.side] * position.lots for position in self.venue.positions(account))

    # Login

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.logins += 1
        if (body.get("apiKey"), body.get("apiSecret"), body.get("otp", "")) != (API_KEY, API_SECRET, self.otp):
            return _refuse(401, 401105, "Invalid API credential")
        return self._hand_out()

    async def _renew(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.refreshes += 1
        if not self._refresh or body.get("refreshToken") != self._refresh:
            return _refuse(401, 401103, "Refresh token revoked or expired")
        return self._hand_out()

    def _hand_out(self) -> web.Response:
        token, self._refresh = secrets.token_hex(8), secrets.token_hex(8)
        expires = self._clock.now_ns() / 1e9 + self.token_life_s
        self._tokens[token] = expires
        self.handed_out += [token, self._refresh]
        return web.json_response({"accessToken": token, "expiresAt": int(expires), "refreshToken": self._refresh})

    def _known(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "").removeprefix("Bearer ") in self._tokens

    # Commands

    def _command(self, handler: Callable[[dict[str, Any]], web.Response]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._known(request):
                return _refuse(401, 401001, "Token is not valid")
            if self.too_many:
                self.too_many -= 1
                return web.json_response({"code": 429, "msg": "Too many"}, status=429, headers={"Retry-After": "0.05"})
            body = await request.read()
            try:
                signature = bytes.fromhex(request.headers.get("X-Signature", ""))
                self._key.verify(signature, body, PKCS1v15(), SHA256())
            except (InvalidSignature, ValueError):
                return _refuse(401, 401013, "Signature mismatch")
            response = handler(json.loads(body))
            if self.lose_answers:
                self.lose_answers -= 1
                assert request.transport is not None
                request.transport.abort()
                raise web.HTTPServiceUnavailable
            if self.faults:
                self.faults -= 1
                return _refuse(500, 500000, "Internal error")
            await self.flowing.wait()
            return response

        return handle

    def _place(self, body: dict[str, Any]) -> web.Response:
        name, account = body["clientRequestId"], body["accountNo"]
        if account not in self.accounts:
            return _refuse(400, 400200, "Account does not exist")
        if not 0 < len(name) <= 20:
            return _refuse(400, 400300, "clientRequestId is not valid")
        if self.venue.order(account, name) is not None:
            return _refuse(409, 409001, "Duplicate clientRequestId")
        if body["orderType"] not in TYPES or not isinstance(body["price"], str) or not isinstance(body["quantity"], int):
            return _refuse(400, 400301, "Order type or price is not valid")
        if body["symbol"] != SYMBOL:
            return _refuse(400, 400104, "Symbol is not valid")
        self.orders += 1
        intent = OrderIntent(
            client_order_id=name,
            account=account,
            symbol=SYMBOL,
            exchange=Exchange.HNX,
            side=Side.BUY if body["side"] == "B" else Side.SELL,
            offset=Offset.NET,
            order_type=TYPES[body["orderType"]],
            price_ticks=int(Decimal(body["price"]) / self.tick),
            volume_lots=body["quantity"],
        )
        self._tell(account, self._row(Order(intent=intent, status=OrderStatus.SUBMITTED)) | {"orderStatus": "PD"})
        self._apply(SubmitOrder(intent=intent))
        order = self.venue.order(account, name)
        assert order is not None
        return web.json_response({"orderId": _order_id(order), "clientRequestId": name, "orderStatus": "PD"})

    def _cancel(self, body: dict[str, Any]) -> web.Response:
        return self._change(body, lambda order: CancelOrder(account=body["accountNo"], client_order_id=order.client_order_id))

    def _modify(self, body: dict[str, Any]) -> web.Response:
        if body["clientModifyId"] in self._modified:
            return _refuse(409, 409001, "Duplicate clientModifyId")
        self._modified.add(body["clientModifyId"])

        def command(order: Order) -> Command:
            lots = order.traded_lots + order.left_lots - body["quantity"]
            reduce_id, name = body["clientModifyId"], order.client_order_id
            return ReduceOrder(reduce_id=reduce_id, account=body["accountNo"], client_order_id=name, by_lots=lots)

        return self._change(body, command)

    def _change(self, body: dict[str, Any], command: Callable[[Order], Command]) -> web.Response:
        order = self.venue.order(body["accountNo"], body["clientRequestId"])
        if order is None or not order.active:
            return _refuse(400, 400302, "Order status does not allow it")
        refused = [event for event in self._apply(command(order)) if isinstance(event, CommandRefused)]
        if refused:
            return _refuse(400, 400303, TEXTS.get(refused[0].code, refused[0].message))
        return web.json_response({"orderId": _order_id(order), "clientRequestId": order.client_order_id, "orderStatus": "WC"})

    # Questions

    def _question(self, handler: Callable[[web.Request], dict[str, Any]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._known(request):
                return _refuse(401, 401001, "Token is not valid")
            await self.flowing.wait()
            return web.json_response(handler(request))

        return handle

    def _order_book(self, request: web.Request) -> dict[str, Any]:
        account, first, last = request.query["accountNo"], request.query["from"], request.query["to"]
        self._apply(AdvanceTime())
        orders = [order for order in self.venue.orders(account) if first <= _hanoi(order.inserted_ns)[:10] <= last]
        if not orders or request.query["pageIndex"] != "1":
            return {"code": 204, "msg": "No content"}
        return {"accountNo": account, "orderList": [self._row(order) for order in orders], "totalRecord": len(orders)}

    def _funds(self, request: web.Request) -> dict[str, Any]:
        money = self.venue.account(request.query["accountNo"])
        figures = {
            "accountBalance": money.static_balance,
            "fee": money.fee,
            "tradingPL": money.close_profit,
            "floatingPL": money.position_profit,
            "marginReqSSI": money.margin,
            "eeSSI": money.available,
        }
        return {"derivative": {name: float(figure) for name, figure in figures.items()}}

    def _positions(self, request: web.Request) -> dict[str, Any]:
        rows: dict[str, dict[str, Any]] = {}
        for position in self.venue.positions(request.query["accountNo"]):
            row = rows.setdefault(position.symbol, {"symbol": position.symbol, "long": 0, "short": 0})
            price = float(position.open_cost / position.lots / 100_000)
            buys = position.side is Side.BUY
            row |= {"long" if buys else "short": position.lots, "bidAvgPrice" if buys else "askAvgPrice": price}
        return {"derivative": {"derOpenPositions": list(rows.values()), "derClosePositions": []}}

    def _master(self, _: web.Request) -> dict[str, Any]:
        low, high = self.venue.band(SYMBOL)
        row = {"symbol": SYMBOL, "board": "DER", "ceiling": float(high * self.tick), "floor": float(low * self.tick)}
        return {"data": [row | {"refPrice": float(self.venue.reference(SYMBOL))}]}

    # Stream

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if not self._known(request):
            raise web.HTTPUnauthorized
        socket: web.WebSocketResponse = web.WebSocketResponse()
        await socket.prepare(request)
        frames: asyncio.Queue[str] = asyncio.Queue()
        sender = asyncio.ensure_future(self._send(socket, frames))
        self.streams.append((socket, frames))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                asked = json.loads(message.data)
                if asked["channel"] != "TRADING":
                    self._apply(AdvanceTime())
                    self.market.answer(message.data, frames)
                elif asked["method"] == "SUBSCRIBE":
                    self._sockets.append((socket, frames))
                    frames.put_nowait(json.dumps({"method": "SUBSCRIBE", "channel": "TRADING", "status": "success"}))
        finally:
            sender.cancel()
            self.market.leave(frames)
            self.streams.remove((socket, frames))
            self._sockets = [one for one in self._sockets if one[0] is not socket]
        return socket

    async def _send(self, socket: web.WebSocketResponse, frames: asyncio.Queue[str]) -> None:
        while True:
            frame = await frames.get()
            await self.flowing.wait()
            with contextlib.suppress(ConnectionError):
                await socket.send_str(frame)

    def _tell(self, account: str, data: dict[str, Any], kind: str = "orderEvent") -> None:
        self._notified += 1
        told = {"eventType": kind, "notifyId": self._notified, "accountNo": account} | data
        if self.mute and kind == "orderMatchEvent":
            return
        frame = json.dumps({"channel": "TRADING", "topic": f"order.{account}", "data": told})
        for _, frames in self._sockets:
            for _ in range(1 + self.twice):
                frames.put_nowait(frame)

    # The exchange

    def _apply(self, command: Command) -> tuple[Event, ...]:
        events = self.venue.apply(command, self._clock.now_ns())
        for event in events:
            if isinstance(event, TradeReport):
                trade = event.trade
                value = self._traded.get(trade.client_order_id, Decimal(0))
                self._traded[trade.client_order_id] = value + trade.price_ticks * self.tick * trade.volume_lots
                order = self.venue.order(trade.account, trade.client_order_id)
                assert order is not None
                match = {
                    "orderId": _order_id(order),
                    "clientRequestId": trade.client_order_id,
                    "symbol": trade.symbol,
                    "side": "B" if trade.side is Side.BUY else "S",
                    "matchPrice": str(trade.price_ticks * self.tick),
                    "matchQty": trade.volume_lots,
                    "matchTime": _hanoi(trade.time_ns),
                }
                self._tell(trade.account, match, "orderMatchEvent")
            elif isinstance(event, OrderReport):
                self._tell(event.order.intent.account, self._row(event.order))
        self.market.changed()
        return events

    def _row(self, order: Order) -> dict[str, Any]:
        intent = order.intent
        words = {kind: word for word, kind in TYPES.items()}
        cancelled = 0 if order.active else intent.volume_lots - order.traded_lots
        status = "FFPC" if order.traded_lots else "CL"
        traded = self._traded.get(order.client_order_id, Decimal(0))
        return {
            "orderId": _order_id(order),
            "clientRequestId": order.client_order_id,
            "symbol": SYMBOL,
            "side": "B" if intent.side is Side.BUY else "S",
            "orderType": words[intent.order_type],
            "price": float(intent.price_ticks * self.tick) if intent.order_type.priced else words[intent.order_type],
            "avgPrice": str(traded / order.traded_lots) if order.traded_lots and traded else 0,
            "quantity": order.traded_lots + order.left_lots if order.active else intent.volume_lots,
            "filledQty": order.traded_lots,
            "cancelQty": cancelled,
            "orderStatus": STATUSES.get(order.status, status),
            "inputTime": _hanoi(order.inserted_ns),
            "rejectReason": TEXTS.get(order.reason, order.reason),
        }


def _order_id(order: Order) -> str:
    return order.order_id or f"R{order.client_order_id}"


def _hanoi(instant_ns: int) -> str:
    return f"{datetime.fromtimestamp(instant_ns / 1e9, UTC) + timedelta(hours=7):%Y/%m/%d %H:%M:%S}"


def _refuse(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "msg": message}, status=status)
