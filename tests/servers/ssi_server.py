"""SSI FastConnect V3 as its public SDK describes it, on one local port: HTTP and the stream, with an exchange of ours behind it.

It can be told to misbehave: answers and events held back or lost, events told twice, 429, 500, tokens that run out.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

from aiohttp import WSMsgType, web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from tests.servers.ssi_exchange import (
    API_KEY,
    API_SECRET,
    SYMBOL,
    TEXTS,
    TYPES,
    WORDS,
    SsiExchange,
    cancelled_of,
    hanoi,
    status_of,
    whole_of,
)
from tests.servers.ssi_market_feed import SsiMarketFeed

from tradepit.ports.clock import Clock
from tradepit.trading.matching.commands import AdvanceTime, CancelOrder, Command, ReduceOrder
from tradepit.trading.matching.events import CommandRefused
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, Side
from tradepit.trading.model.trade import Trade

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SsiServer(SsiExchange):
    """V3's doors."""

    def __init__(self, clock: Clock, key: RSAPublicKey, accounts: tuple[str, ...]) -> None:
        self.market = SsiMarketFeed(lambda: self.venue.tick(SYMBOL))
        self.streams: list[tuple[web.WebSocketResponse, asyncio.Queue[str]]] = []
        self._sockets: list[tuple[web.WebSocketResponse, asyncio.Queue[str]]] = []
        self._tokens: dict[str, float] = {}
        self._refresh = ""
        self._modified: set[str] = set()
        super().__init__(clock, key, accounts)

    @property
    def stream_url(self) -> str:
        """Its stream's address."""
        return f"ws://127.0.0.1:{self.port}/ws/v3"

    async def cut(self) -> None:
        """End every stream."""
        self._sockets = []
        for socket, _ in list(self.streams):
            with contextlib.suppress(ConnectionError):
                await socket.close()

    def expire_tokens(self) -> None:
        """Every token has run out, whatever was said when it was handed out."""
        self._tokens.clear()

    def revoke(self) -> None:
        """What renews a token is good for nothing any more."""
        self._refresh = ""

    def _serve(self, app: web.Application) -> None:
        app.router.add_post("/api/v3/auth/token", self._log_in)
        app.router.add_post("/api/v3/auth/refresh", self._renew)
        app.router.add_get("/ws/v3", self._stream)
        for method, handler in (("POST", self._place), ("DELETE", self._cancel), ("PUT", self._modify)):
            app.router.add_route(method, "/api/v3/trading/order", self._command(handler))
        app.router.add_get("/api/v3/trading/orderBook", self._question(self._order_book))
        app.router.add_get("/api/v3/trading/ppmmrAccount", self._question(self._funds))
        app.router.add_get("/api/v3/trading/position", self._question(self._positions))
        app.router.add_get("/api/v3/data/masterdata", self._question(self._master))
        app.router.add_get("/api/v3/data/ohlc", self._question(self._bars))

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
            if not self.signed(request, body):
                return _refuse(401, 401013, "Signature mismatch")
            response = handler(json.loads(body))
            return _refuse(500, 500000, "Internal error") if await self.misbehave(request) else response

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
        side, kind = Side.BUY if body["side"] == "B" else Side.SELL, TYPES[body["orderType"]]
        ticks = int(Decimal(body["price"]) / self.tick)
        order = self._submit(name, account, side, kind, ticks, body["quantity"], told=True)
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
        orders = self.orders_of(account, *(date.fromisoformat(day.replace("/", "-")) for day in (first, last)))
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

    def _master(self, request: web.Request) -> dict[str, Any]:
        low, high = self.venue.band(SYMBOL)
        if date.fromisoformat(request.query["from"].replace("/", "-")) in self.bare_days:
            return {"code": 204, "msg": "No content"}
        row = {"symbol": SYMBOL, "board": "DER", "ceiling": float(high * self.tick), "floor": float(low * self.tick)}
        return {"data": [row | {"refPrice": float(self.venue.reference(SYMBOL))}]}

    def _bars(self, request: web.Request) -> dict[str, Any]:
        # A day without its time is refused there.
        (first, opens), (last, closes) = (request.query[end].split() for end in ("from", "to"))
        assert (request.query["timeFrame"], request.query["pageIndex"], first) == ("1m", "1", last)
        assert (opens, closes) == ("00:00:00", "23:59:59")
        day = date.fromisoformat(first.replace("/", "-"))
        if request.query["symbol"] != SYMBOL or not self.history.get(day):
            return {"code": 204, "msg": "No content"}
        rows = [
            {
                "symbol": SYMBOL,
                "tradingDate": f"{first} {at}:00",
                "open": a,
                "high": b,
                "low": c,
                "close": d,
                "volume": lots,
            }
            for at, a, b, c, d, lots in self.history[day]
        ]
        return {"data": rows[::-1]}

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

    def _tell_trade(self, trade: Trade, order: Order) -> None:
        match = {
            "orderId": _order_id(order),
            "clientRequestId": trade.client_order_id,
            "symbol": trade.symbol,
            "side": "B" if trade.side is Side.BUY else "S",
            "matchPrice": str(trade.price_ticks * self.tick),
            "matchQty": trade.volume_lots,
            "matchTime": _time(trade.time_ns),
        }
        self._tell(trade.account, match, "orderMatchEvent")

    def _tell_market(self) -> None:
        self.market.changed()

    def _tell_order(self, order: Order) -> None:
        row = self._row(order)
        if order.status is OrderStatus.SUBMITTED:
            row |= {"orderStatus": "PD"}
        self._tell(order.intent.account, row)

    def _row(self, order: Order) -> dict[str, Any]:
        intent = order.intent
        average = self.average(order)
        return {
            "orderId": _order_id(order),
            "clientRequestId": order.client_order_id,
            "symbol": SYMBOL,
            "side": "B" if intent.side is Side.BUY else "S",
            "orderType": WORDS[intent.order_type],
            "price": float(intent.price_ticks * self.tick) if intent.order_type.priced else WORDS[intent.order_type],
            "avgPrice": str(average) if average else 0,
            "quantity": whole_of(order),
            "filledQty": order.traded_lots,
            "cancelQty": cancelled_of(order),
            "orderStatus": status_of(order),
            "inputTime": _time(order.inserted_ns),
            "rejectReason": TEXTS.get(order.reason, order.reason),
        }


def _order_id(order: Order) -> str:
    return order.order_id or f"R{order.client_order_id}"


def _time(instant_ns: int) -> str:
    return f"{hanoi(instant_ns):%Y/%m/%d %H:%M:%S}"


def _refuse(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "msg": message}, status=status)
