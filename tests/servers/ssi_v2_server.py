"""SSI FastConnect V2 as its specification 2.4 and public SDK describe it, on one local port: HTTP, the hub, and the day's prices.

Answers say only that a command arrived. What comes of it is told on the hub, in numbered events that are kept for the day.
"""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from tests.servers.signalr_server import Connection, SignalrServer
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
from tests.servers.ssi_v2_market_feed import SsiV2MarketFeed

from tradepit.ports.clock import Clock
from tradepit.trading.matching.commands import AdvanceTime, CancelOrder, Command, ReduceOrder
from tradepit.trading.matching.events import CommandRefused
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, Side
from tradepit.trading.model.trade import Trade

PIN = "246810"
DATA_KEY, DATA_SECRET = "data-of-the-house", "data-secret-of-the-house"
_MAC = re.compile(r"([0-9A-F]{2}([:-]?)[0-9A-F]{2}(\2[0-9A-F]{2}){4})\Z", re.ASCII)
_REQUEST = re.compile(r"\d{1,8}\Z", re.ASCII)
_TRADING = "/api/v2/Trading"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SsiV2Server(SsiExchange):
    """V2's doors. ``one_time``: the second factor is a one-time code, each good for one login; else the PIN. It is ``otp``.

    ``holds_back``: the list of the day's orders does not hold new orders yet. ``bare_days`` have no prices yet.
    ``words`` are said for statuses instead of SSI's, and lists are ``garbled``. ``refusal``: why no
    change is carried out. ``prices`` of orders were changed by somebody else; ``repriced`` counts changes that undid it.
    """

    def __init__(self, clock: Clock, key: RSAPublicKey, accounts: tuple[str, ...]) -> None:
        self.hub = SignalrServer("BroadcastHubV2", allows=self._known)
        self.hub.joined = self._replay
        self.market = SsiV2MarketFeed(lambda: self.venue.tick(SYMBOL), self._moved)
        self.data_hub = SignalrServer("FcMarketDataV2Hub", allows=self._known, answers=self.market.answer)
        self.one_time = self.holds_back = False
        self.codes_tried = self.codes_sent = self.lists = 0
        self.garbled = False
        self.refusal = ""
        self.prices: dict[str, float] = {}
        self.repriced = 0
        self.words: dict[OrderStatus, str] = {}
        self._events: list[dict[str, Any]] = []
        self._outbox: asyncio.Queue[tuple[Connection | None, dict[str, Any]]] = asyncio.Queue()
        self._teller: asyncio.Task[None] | None = None
        self._market_teller: asyncio.Task[None] | None = None
        self._tokens: set[str] = set()
        self._readers: set[str] = set()
        self._codes_used: set[str] = set()
        self._requests: set[str] = set()
        self._last_request: dict[str, str] = {}
        self._last_error: dict[str, dict[str, Any]] = {}
        super().__init__(clock, key, accounts)
        self.otp = PIN

    @property
    def stream_url(self) -> str:
        """Its hub's address."""
        return f"{self.url}/v2.0/signalr"

    @property
    def data_stream_url(self) -> str:
        """The address of its hub of market data."""
        return f"{self.url}/data/v2.0/signalr"

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._teller = asyncio.ensure_future(self._send())
        self._market_teller = asyncio.ensure_future(self.market.tell_on(self.data_hub))
        await super().start()

    async def stop(self) -> None:
        """Be gone, connections and all."""
        await super().stop()
        tellers = [task for task in (self._teller, self._market_teller) if task is not None]
        self._teller = self._market_teller = None
        for teller in tellers:
            teller.cancel()
        await asyncio.gather(*tellers, return_exceptions=True)

    async def cut(self) -> None:
        """End every stream, for good: whoever comes back has to join anew."""
        self.market.forget()
        for hub in (self.hub, self.data_hub):
            hub.forgets = True
            await hub.cut()

    def expire_tokens(self) -> None:
        """Every token has run out, whatever was said when it was handed out."""
        self._tokens.clear()
        self._readers.clear()

    def revoke(self) -> None:
        """Nothing renews a token here."""

    def _serve(self, app: web.Application) -> None:
        self.hub.mount(app, "/v2.0/signalr")
        self.data_hub.mount(app, "/data/v2.0/signalr")
        app.router.add_post(f"{_TRADING}/AccessToken", self._log_in)
        app.router.add_post(f"{_TRADING}/GetOTP", self._send_code)
        for path, command in (
            ("derNewOrder", self._place),
            ("derModifyOrder", self._modify),
            ("derCancelOrder", self._cancel),
        ):
            app.router.add_post(f"{_TRADING}/{path}", self._command(command))
        for path, question in (
            ("orderBook", self._order_book),
            ("auditOrderBook", self._audit),
            ("orderHistory", self._history),
            ("derivAcctBal", self._funds),
            ("derivPosition", self._positions),
        ):
            app.router.add_get(f"{_TRADING}/{path}", self._question(question))
        app.router.add_post("/api/v2/Market/AccessToken", self._log_in_for_data)
        app.router.add_get("/api/v2/Market/DailyStockPrice", self._prices)
        app.router.add_get("/api/v2/Market/IntradayOhlc", self._bars)

    # Login

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.logins += 1
        code, kind = body["code"], body["twoFactorType"]
        if (body["consumerID"], body["consumerSecret"]) != (API_KEY, API_SECRET):
            return _answer(400, "Key does not exist.")
        orders = body["isSave"]
        self.codes_tried += orders
        if orders and (kind != int(self.one_time) or code != self.otp or code in self._codes_used):
            return _answer(400, "Code is invalid")
        if orders and self.one_time:
            self._codes_used.add(code)
        token = self._new_token()
        # Without a code that is saved a token is good for questions and the hub.
        (self._tokens if orders else self._readers).add(token)
        return _answer(200, "Success", {"accessToken": token})

    def _new_token(self) -> str:
        claims = json.dumps({"exp": int(self._clock.now_ns() / 1e9 + self.token_life_s), "jti": secrets.token_hex(4)})
        parts = ('{"alg":"RS256"}', claims, "sig")
        token = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        self.handed_out.append(token)
        return token

    async def _send_code(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (body["consumerID"], body["consumerSecret"]) != (API_KEY, API_SECRET):
            return _answer(400, "ConsumerID is invalid")
        self.codes_sent += 1
        return _answer(200, "Success")

    def _known(self, request: web.Request) -> bool:
        return self._orders(request) or _bearer(request) in self._readers

    def _orders(self, request: web.Request) -> bool:
        return _bearer(request) in self._tokens

    # Commands

    def _command(self, handler: Callable[[dict[str, Any]], web.Response]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._orders(request):
                return _answer(401, "Unauthorized")
            if self.too_many:
                self.too_many -= 1
                told = {"message": "API calls quota exceeded! maximum admitted 1 per 1s.", "status": 429}
                return web.json_response(told, status=429, headers={"Retry-After": "0.05"})
            content = await request.read()
            if not self.signed(request, content):
                return _answer(401, "Unauthorized")
            body = json.loads(content)
            response = self._fault_of(body) or handler(body)
            return _answer(500, "InternalServerError") if await self.misbehave(request) else response

        return handle

    def _fault_of(self, body: dict[str, Any]) -> web.Response | None:
        """What the door itself finds wrong with a command."""
        name = body["requestID"]
        if body["account"] not in self.accounts:
            return _answer(400, "Account is not exist.")
        if not isinstance(name, str) or not _REQUEST.match(name):
            return _answer(400, "'Request ID' is not valid")
        if name in self._requests:
            self.denied += 1
            return _answer(400, "'Request ID' was used before")
        if body.get("market", body.get("marketID")) != "VNFE" or body["buySell"] not in ("B", "S"):
            return _answer(400, "'Market ID' is not valid")
        if not _MAC.match(body["deviceId"]):
            return _answer(400, "'Device Id' is not valid")
        self._requests.add(name)
        return None

    def _place(self, body: dict[str, Any]) -> web.Response:
        kind, price = TYPES.get(body["orderType"]), body["price"]
        if kind is None or isinstance(price, str) or not isinstance(body["quantity"], int) or body["stopOrder"] is not False:
            return _answer(400, "Order type is not valid")
        if kind.priced != (price > 0):
            return _answer(400, "Price is null or equal zero when order is market order")
        if body["instrumentID"] != SYMBOL:
            return _answer(400, "Instrument is not exist.")
        self.orders += 1
        side = Side.BUY if body["buySell"] == "B" else Side.SELL
        ticks = int(Decimal(str(price)) / self.tick)
        self._submit(body["requestID"], body["account"], side, kind, ticks, body["quantity"], told=True)
        return _arrived(body)

    def _cancel(self, body: dict[str, Any]) -> web.Response:
        return self._change(body, lambda order: CancelOrder(account=body["account"], client_order_id=order.client_order_id))

    def _modify(self, body: dict[str, Any]) -> web.Response:
        def command(order: Order) -> Command:
            lots = order.traded_lots + order.left_lots - body["quantity"]
            name = order.client_order_id
            self.repriced += body["price"] != self._row(order)["price"]
            return ReduceOrder(reduce_id=body["requestID"], account=body["account"], client_order_id=name, by_lots=lots)

        return self._change(body, command)

    def _change(self, body: dict[str, Any], command: Callable[[Order], Command]) -> web.Response:
        if not body["orderID"]:
            return _answer(400, "'Order ID' must not be empty.")
        found = [order for order in self.venue.orders(body["account"]) if _order_id(order) == body["orderID"]]
        refusal = self.refusal if found and found[0].active else "Invalid Order Transition Error!"
        if not refusal:
            self._last_request[found[0].client_order_id] = body["requestID"]
            self._tell("orderEvent", self._row(found[0]) | {"orderStatus": "WM"})
            refused = [event for event in self._apply(command(found[0])) if isinstance(event, CommandRefused)]
            refusal = TEXTS.get(refused[0].code, refused[0].message) if refused else ""
        if refusal:
            self._tell("orderError", {"message": refusal, "errorCode": "ERR500", "uniqueID": body["requestID"], "data": None})
            if found:
                error = {"uniqueID": body["requestID"], "orderStatus": "RJ", "rejectReason": refusal, "lastErrorEvent": None}
                self._last_error[found[0].client_order_id] = self._row(found[0]) | error
        return _arrived(body)

    # Questions

    def _question(self, handler: Callable[[web.Request], dict[str, Any]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._known(request):
                return _answer(401, "Unauthorized")
            if request.query["account"] not in self.accounts:
                return _answer(400, "Account is not exist.")
            await self.flowing.wait()
            data = handler(request) if not self.garbled else {"orders": [{"quantity": "many"}]}
            # Names are written in one case here, and in another there.
            return web.json_response({"Status": 200, "Message": "Success", "Data": data})

        return handle

    def _today(self, account: str) -> list[Order]:
        today = hanoi(self._clock.now_ns()).date()
        return [] if self.holds_back else self.orders_of(account, today, today)

    def _order_book(self, request: web.Request) -> dict[str, Any]:
        self.lists += 1
        account = request.query["account"]
        orders = [order for order in self._today(account) if not _stillborn(order)]
        return {"account": account, "orders": [_listed(self._row(order)) for order in orders]}

    def _audit(self, request: web.Request) -> dict[str, Any]:
        account = request.query["account"]
        rows = []
        for order in self._today(account):
            row = _listed(self._row(order))
            rows.append(
                row | {"rejectReason": row["rejectReason"] or "0", "lastErrorEvent": self._last_error.get(order.client_order_id)}
            )
        return {"account": account, "orders": rows}

    def _history(self, request: web.Request) -> dict[str, Any]:
        account = request.query["account"]
        first, last = (date.fromisoformat("-".join(reversed(request.query[end].split("/")))) for end in ("startDate", "endDate"))
        # The history is written when the day is over.
        last = min(last, hanoi(self._clock.now_ns()).date() - timedelta(days=1))
        rows = [_listed(self._row(order)) | {"uniqueID": None} for order in self.orders_of(account, first, last)]
        return {"account": account, "orderHistories": rows}

    def _funds(self, request: web.Request) -> dict[str, Any]:
        money = self.venue.account(request.query["account"])
        return {
            "account": request.query["account"],
            "accountBalance": float(money.static_balance),
            "fee": float(money.fee),
            "commission": 0,
            "floatingPL": float(money.position_profit),
            "totalPL": float(money.position_profit + money.close_profit),
            "internalAssets": {"ee": float(money.available)},
            "internalMargin": {"initialMargin": float(money.margin), "marginReq": float(money.margin)},
        }

    def _positions(self, request: web.Request) -> dict[str, Any]:
        rows: dict[str, dict[str, Any]] = {}
        for position in self.venue.positions(request.query["account"]):
            row = rows.setdefault(position.symbol, {"marketID": "VNFE", "instrumentID": SYMBOL, "longQty": 0, "shortQty": 0})
            price = float(position.open_cost / position.lots / 100_000)
            buys = position.side is Side.BUY
            row |= {"longQty" if buys else "shortQty": position.lots, "bidAvgPrice" if buys else "askAvgPrice": price}
        return {"account": request.query["account"], "openPosition": list(rows.values()), "closePosition": []}

    # The day's prices

    async def _log_in_for_data(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (body["consumerID"], body["consumerSecret"]) != (DATA_KEY, DATA_SECRET):
            return _answer(400, "Key does not exist.")
        token = self._new_token()
        self._tokens.add(token)
        return _answer(200, "Success", {"accessToken": token})

    async def _prices(self, request: web.Request) -> web.StreamResponse:
        if not self._known(request):
            return _answer(401, "Unauthorized")
        today = hanoi(self._clock.now_ns()).date()
        assert request.query["market"] == "DER"
        if request.query["symbol"] != SYMBOL:
            return web.json_response({"data": [], "message": "Success", "status": "Success", "totalRecord": 0})
        low, high = self.venue.band(SYMBOL)
        row = {
            "TradingDate": f"{today:%d/%m/%Y}",
            "CeilingPrice": str(high * self.tick),
            "FloorPrice": str(low * self.tick),
            "RefPrice": str(self.venue.reference(SYMBOL)),
            "ClosePrice": "0",
        }
        rows = [] if today in self.bare_days else [row]
        rows.append(row | {"TradingDate": "03/01/2025", "ClosePrice": str(self.venue.reference(SYMBOL))})
        return web.json_response({"data": rows, "message": "Success", "status": "Success", "totalRecord": len(rows)})

    async def _bars(self, request: web.Request) -> web.StreamResponse:
        if not self._known(request):
            return _answer(401, "Unauthorized")
        query = request.query
        assert (query["resolution"], query["pageIndex"], query["fromDate"]) == ("1", "1", query["toDate"])
        day = date.fromisoformat("-".join(reversed(query["fromDate"].split("/"))))
        rows = [
            {
                "Symbol": SYMBOL,
                "Value": str(last),
                "TradingDate": query["fromDate"],
                "Time": f"{at}:00",
                "Open": str(first),
                "High": str(high),
                "Low": str(low),
                "Close": str(last),
                "Volume": str(lots),
            }
            for at, first, high, low, last, lots in (self.history.get(day, []) if query["symbol"] == SYMBOL else [])
        ]
        return web.json_response({"data": rows, "message": "Success", "status": "Success", "totalRecord": len(rows)})

    # The hub

    async def _replay(self, connection: Connection) -> None:
        after = int(connection.headers["NotifyID"])
        for event in self._events if after >= 0 else []:
            if event["data"]["notifyID"] >= after:
                self._outbox.put_nowait((connection, event))

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        self._notified += 1
        event = {"type": kind, "data": {"notifyID": self._notified, "ipAddress": "127.0.0.1", "prefix": "w38"} | data}
        self._events.append(event)
        if self.mute and kind == "orderMatchEvent":
            return
        for _ in range(1 + self.twice):
            self._outbox.put_nowait((None, event))

    async def _send(self) -> None:
        while True:
            connection, event = await self._outbox.get()
            await self.flowing.wait()
            told = json.dumps(event)
            if connection is None:
                await self.hub.call("Broadcast", told)
            else:
                await self.hub.call_one(connection, "Broadcast", told)

    def _tell_trade(self, trade: Trade, order: Order) -> None:
        match = {
            "orderID": _order_id(order),
            "instrumentID": SYMBOL,
            "uniqueID": trade.client_order_id,
            "account": trade.account,
            "buySell": "B" if trade.side is Side.BUY else "S",
            "matchPrice": float(trade.price_ticks * self.tick),
            "matchQty": trade.volume_lots,
            "matchTime": str(trade.time_ns // 1_000_000),
        }
        self._tell("orderMatchEvent", match)

    def _tell_market(self) -> None:
        self.market.changed()

    def _moved(self) -> None:
        """The clock has moved the market on."""
        self._apply(AdvanceTime())

    def _tell_order(self, order: Order) -> None:
        if _stillborn(order):
            error = {"message": TEXTS[order.reason], "errorCode": "ERR500", "uniqueID": order.client_order_id, "data": None}
            self._tell("orderError", error)
            return
        extra = {"origRequestID": order.client_order_id, "channel": "TA", "osQty": order.left_lots, "stopOrder": False}
        self._tell("orderEvent", self._row(order) | extra)

    def _row(self, order: Order) -> dict[str, Any]:
        intent, name = order.intent, order.client_order_id
        return {
            "uniqueID": self._last_request.get(name, name),
            "orderID": _order_id(order),
            "account": intent.account,
            "instrumentID": SYMBOL,
            "marketID": "VNFE",
            "buySell": "B" if intent.side is Side.BUY else "S",
            "orderType": WORDS[intent.order_type],
            "price": self.prices.get(name) or (float(intent.price_ticks * self.tick) if intent.order_type.priced else 0),
            "avgPrice": float(self.average(order)),
            "quantity": whole_of(order),
            "filledQty": order.traded_lots,
            "cancelQty": cancelled_of(order),
            "orderStatus": self.words.get(order.status) or status_of(order),
            "inputTime": str((order.inserted_ns or self._clock.now_ns()) // 1_000_000),
            "modifiedTime": str((order.updated_ns or self._clock.now_ns()) // 1_000_000),
            "isForceSell": "F",
            "isShortSell": "F",
            "rejectReason": TEXTS.get(order.reason, order.reason),
        }


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _stillborn(order: Order) -> bool:
    """SSI itself refused it: it is told as an error, and never was an order of the day."""
    return order.status is OrderStatus.REJECTED and order.reason == "PRICE_OVER_LIMIT"


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a list: it does not name its account, and writes some names otherwise."""
    odd = {"account": "", "isForceSell": "isForcesell", "isShortSell": "isShortsell"}
    return {odd.get(name, name): value for name, value in row.items() if odd.get(name, name)}


def _order_id(order: Order) -> str:
    return order.order_id or f"T20250106w38{order.client_order_id.zfill(8)}"


def _arrived(body: dict[str, Any]) -> web.Response:
    told = {name: value for name, value in body.items() if name not in ("code", "deviceId", "userAgent")}
    return _answer(200, "Success", {"requestID": body["requestID"], "requestData": told})


def _answer(status: int, message: str, data: Any = None) -> web.Response:
    return web.json_response({"message": message, "status": status, "data": data}, status=status)
