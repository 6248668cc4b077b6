"""The server's side of classic ASP.NET SignalR, on aiohttp: one hub that calls whoever has joined, and answers their calls.

What a connection was told is kept, so that it may be joined again; it can fall silent, cut connections, and say nonsense.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

Allows = Callable[[web.Request], bool]
Answers = Callable[[str, list[Any]], Awaitable[Any]]


class Connection:
    """One client: its own list of what it was told, and where it is heard."""

    def __init__(self, request: web.Request, protocol: str) -> None:
        self.headers, self.protocol = dict(request.headers), protocol
        self.told: list[str] = []
        self.started = False
        self.socket: web.WebSocketResponse | None = None

    async def tell(self, frame: str) -> None:
        """Send a frame where the client is there; it finds it after a reconnection otherwise."""
        self.told.append(frame)
        if self.socket is not None and not self.socket.closed:
            with contextlib.suppress(ConnectionError):
                await self.socket.send_str(frame)


class SignalrServer:
    """``mount`` puts it under a prefix. ``allows`` judges each request, ``answers`` what clients call."""

    def __init__(self, hub: str, *, allows: Allows | None = None, answers: Answers | None = None, protocol: str = "1.5") -> None:
        self.hub, self._allows, self._answers, self.protocol = hub, allows, answers, protocol
        self.keep_alive_s: float | None = 0.1
        self.promises_s: float | None = 30.0
        self.silent = self.forgets = self.begins_never = self.refuses_in_words = False
        self.negotiations = self.starts = self.rejoins = self.aborts = 0
        self.refuses_at = ""
        self.connections: dict[str, Connection] = {}
        self.joined: Callable[[Connection], Awaitable[None]] | None = None

    def mount(self, app: web.Application, prefix: str) -> None:
        """Serve the hub's addresses under a prefix."""
        app.router.add_route("*", f"{prefix}/negotiate", self._negotiate)
        app.router.add_get(f"{prefix}/connect", self._connect)
        app.router.add_get(f"{prefix}/reconnect", self._reconnect)
        app.router.add_get(f"{prefix}/start", self._start)
        app.router.add_post(f"{prefix}/abort", self._abort)

    async def call(self, method: str, *arguments: Any) -> None:
        """Call a method of every client that has started."""
        for connection in list(self.connections.values()):
            if connection.started:
                await self.call_one(connection, method, *arguments)

    async def call_one(self, connection: Connection, method: str, *arguments: Any) -> None:
        """Call a method of one client."""
        message = {"H": self.hub, "M": method, "A": list(arguments)}
        await connection.tell(json.dumps({"C": f"d-{len(connection.told) + 1}", "M": [message]}))

    async def say(self, frame: str) -> None:
        """Send a frame as it is to everybody."""
        for connection in list(self.connections.values()):
            await connection.tell(frame)

    async def cut(self) -> None:
        """End every WebSocket; what is told from here on waits for a reconnection."""
        for connection in list(self.connections.values()):
            socket, connection.socket = connection.socket, None
            if socket is not None:
                await socket.close()
        if self.forgets:
            self.connections.clear()

    async def _negotiate(self, request: web.Request) -> web.StreamResponse:
        self._check(request, "negotiate")
        self.negotiations += 1
        token = secrets.token_hex(12)
        # The older of what both speak.
        protocol = min(request.query["clientProtocol"], self.protocol) if self.protocol < "2" else self.protocol
        self.connections[token] = Connection(request, protocol)
        told = {
            "Url": request.path,
            "ConnectionToken": token,
            "ConnectionId": secrets.token_hex(4),
            "KeepAliveTimeout": self.promises_s,
            "DisconnectTimeout": 30.0,
            "ConnectionTimeout": 110.0,
            "TryWebSockets": True,
            "ProtocolVersion": protocol,
            "TransportConnectTimeout": 5.0,
            "LongPollDelay": 0.0,
        }
        response = web.json_response(told)
        response.set_cookie("server", "one")
        return response

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        connection = self._connection(request)
        ready = [] if self.begins_never else [json.dumps({"C": "d-0", "S": 1, "M": []})]
        return await self._serve(request, connection, ready)

    async def _reconnect(self, request: web.Request) -> web.StreamResponse:
        connection = self._connection(request)
        self.rejoins += 1
        heard = request.query["messageId"].removeprefix("d-")
        return await self._serve(request, connection, connection.told[int(heard) :])

    async def _start(self, request: web.Request) -> web.StreamResponse:
        connection = self._connection(request)
        assert request.cookies["server"] == "one"
        self.starts += 1
        await self._begin(connection)
        return web.json_response({"Response": "started"})

    async def _begin(self, connection: Connection) -> None:
        connection.started = True
        if self.joined is not None:
            await self.joined(connection)

    async def _abort(self, request: web.Request) -> web.StreamResponse:
        self.aborts += 1
        self.connections.pop(request.query["connectionToken"], None)
        return web.Response()

    def _check(self, request: web.Request, at: str) -> None:
        """``refuses_at``: the one address where it looks at who comes; else it does at each."""
        assert json.loads(request.query["connectionData"]) == [{"name": self.hub}]
        if self._allows is not None and self.refuses_at in ("", at) and not self._allows(request):
            if self.refuses_in_words:
                raise web.HTTPOk(text='{"message": "Unauthorized", "status": 401}', content_type="application/json")
            raise web.HTTPUnauthorized

    def _connection(self, request: web.Request) -> Connection:
        self._check(request, request.path.rpartition("/")[2])
        found = self.connections.get(request.query["connectionToken"])
        if found is None:
            raise web.HTTPBadRequest
        assert request.query["clientProtocol"] == found.protocol
        return found

    async def _serve(self, request: web.Request, connection: Connection, first: list[str]) -> web.StreamResponse:
        assert request.query["transport"] == "webSockets"
        socket: web.WebSocketResponse = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in first:
            await socket.send_str(frame)
        connection.socket = socket
        if connection.protocol < "1.4" and not connection.started:
            # Before 1.4 there is no start: a client that has its WebSocket has joined.
            await self._begin(connection)
        alive = asyncio.ensure_future(self._keep_alive(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._answer(socket, json.loads(message.data))
        finally:
            alive.cancel()
        return socket

    async def _answer(self, socket: web.WebSocketResponse, call: dict[str, Any]) -> None:
        if self._answers is None:
            return
        try:
            told: dict[str, Any] = {"R": await self._answers(call["M"], call["A"])}
        except ValueError as error:
            told = {"E": str(error), "H": True, "T": "at Hub.Method()"}
        await socket.send_str(json.dumps({"I": str(call["I"])} | told))

    async def _keep_alive(self, socket: web.WebSocketResponse) -> None:
        while self.keep_alive_s is not None:
            await asyncio.sleep(self.keep_alive_s)
            if not self.silent:
                with contextlib.suppress(ConnectionError):
                    await socket.send_str("{}")
