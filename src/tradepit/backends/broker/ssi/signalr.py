"""A client of classic ASP.NET SignalR over WebSocket: one hub, joined by negotiate, connect and start, heard until it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Self
from urllib.parse import quote, urlencode

import httpx
import msgspec
from loguru import logger
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from tradepit.backends.broker.ssi.signalr_frames import (
    Answer,
    Heard,
    HubCall,
    Negotiated,
    Refusal,
    Started,
    connection_data,
    read_frame,
    write_call,
)
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, RequestRefused, Unavailable

PROTOCOL = "1.5"
_PROTOCOLS = ("1.2", "1.3", "1.4", "1.5")
# From here on the server waits for ``start`` and says when the transport begins.
_STARTED_BY_CLIENT = ("1.4", "1.5")
_MAX_FRAME = 1 << 20
_WAITING_CALLS = 10_000
_LONGEST_SILENCE_S = 300.0
_PING_S = 15.0
_OK, _UNAUTHORIZED = 200, 401
_GONE = (OSError, TimeoutError, WebSocketException, InvalidHandshake, InvalidURI)


class SignalrUnauthorized(Unavailable):
    """The server does not accept who wants to join, and says so by HTTP or, as SSI's older doors do, in an answer that is else a good one."""


class SignalrHub:
    """``async with`` joins; raises SignalrUnauthorized for refused credentials, Unavailable when the hub cannot be joined.

    ``url`` is http or https, up to and without ``/negotiate``; ``headers`` go with each request. Silence longer than the
    server promised ends the connection. ``rejoin`` takes the same connection up again where it broke off.
    """

    def __init__(self, url: str, hub: str, *, headers: Mapping[str, str], timeout_s: float) -> None:
        self._url, self._hub, self._headers, self._timeout_s = url.rstrip("/"), hub, dict(headers), timeout_s
        self._http = httpx.AsyncClient(timeout=timeout_s, trust_env=False, headers=self._headers)
        self._negotiated: Negotiated | None = None
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._calls: asyncio.Queue[HubCall | None] = asyncio.Queue(_WAITING_CALLS)
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._number = 0
        self._cursor = self._groups = ""
        self._ready = asyncio.Event()
        self._over = False
        self.unread = 0

    async def __aenter__(self) -> Self:
        try:
            told = self._negotiated = await self._negotiate()
            await self._open(told, "connect")
            if told.protocol_version in _STARTED_BY_CLIENT:
                await self._start(told)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._negotiated is not None:
                # Nobody comes back: the server need not keep anything.
                with contextlib.suppress(httpx.HTTPError):
                    await self._http.post(f"{self._url}/abort?{self._query(self._negotiated.protocol_version)}", timeout=1)
        finally:
            await self._end()

    async def calls(self) -> AsyncIterator[HubCall]:
        """What the server calls, in order, until the connection is lost or given up. ``unread`` counts what could not be read."""
        while not (self._over and self._calls.empty()):
            call = await self._calls.get()
            if call is None:
                return
            if call.hub.lower() == self._hub.lower():
                yield call

    async def invoke(self, method: str, *arguments: object) -> msgspec.Raw:
        """Call a method of the hub, and wait for its result (JSON). Raises RequestRefused, Unavailable, OutcomeUnknown."""
        socket, number = self._socket, self._number
        if socket is None:
            raise Unavailable("the hub is not joined; nothing was done", hub=self._hub)
        self._number += 1
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[str(number)] = answer
        try:
            async with asyncio.timeout(self._timeout_s):
                await socket.send(write_call(self._hub, method, arguments, number))
                told = await answer
        except (OSError, TimeoutError, WebSocketException) as error:
            raise OutcomeUnknown("the hub did not answer", method=method, cause=type(error).__name__) from error
        finally:
            self._asked.pop(str(number), None)
        if told.error:
            raise RequestRefused("the hub refused the call", method=method, cause=told.error)
        return told.result

    async def rejoin(self) -> None:
        """After ``calls`` ended: the same connection again, from the last frame that was heard. Raises Unavailable.

        The server holds what it said meanwhile for ``disconnect_timeout`` seconds and no longer.
        """
        if self._negotiated is None:
            raise Unavailable("the hub was never joined", hub=self._hub)
        await self._drop()
        groups = {"groupsToken": self._groups} if self._groups else {}
        await self._open(self._negotiated, "reconnect", messageId=self._cursor, **groups)

    async def _negotiate(self) -> Negotiated:
        response = await self._get("negotiate", PROTOCOL)
        try:
            found = msgspec.json.decode(response.content, type=Negotiated, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # What cannot be read may hold the connection's token: nothing of it is told.
            raise Unavailable("the hub's negotiation cannot be read", hub=self._hub) from None
        if found.protocol_version not in _PROTOCOLS or not found.try_web_sockets:
            raise Unavailable("the hub speaks no protocol of ours", hub=self._hub, protocol=found.protocol_version[:8])
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._http.cookies.jar)
        if cookies:
            # Behind a balancer the same server must be met again.
            self._headers["Cookie"] = cookies
        return found

    async def _open(self, told: Negotiated, action: str, **more: str) -> None:
        scheme, rest = self._url.split("://", 1)
        address = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/{action}?{self._query(told.protocol_version, **more)}"
        try:
            self._socket = await connect(
                address,
                additional_headers=self._headers,
                open_timeout=self._timeout_s,
                close_timeout=1,
                max_size=_MAX_FRAME,
                ping_interval=None if told.keep_alive_timeout else _PING_S,
                ping_timeout=_PING_S,
                proxy=None,
            )
        except InvalidStatus as error:
            raise self._refused(action, _status(error.response.status_code, error.response.body or b"")) from None
        except _GONE as error:
            # The address holds the connection's token, and some errors quote it.
            raise Unavailable("the hub cannot be joined", hub=self._hub, cause=type(error).__name__) from None
        self._ready.clear()
        self._over = False
        self._calls = asyncio.Queue(_WAITING_CALLS)
        self._reader = asyncio.ensure_future(self._read(self._socket, told.keep_alive_timeout))

    async def _start(self, told: Negotiated) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise Unavailable("the hub did not begin", hub=self._hub) from None
        response = await self._get("start", told.protocol_version)
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            if msgspec.json.decode(response.content, type=Started).response.lower() == "started":
                return
        raise Unavailable("the hub did not start", hub=self._hub)

    async def _get(self, action: str, protocol: str) -> httpx.Response:
        try:
            response = await self._http.get(f"{self._url}/{action}?{self._query(protocol)}")
        except httpx.HTTPError as error:
            raise Unavailable("the hub cannot be reached", hub=self._hub, cause=type(error).__name__) from None
        if (status := _status(response.status_code, response.content)) != _OK:
            raise self._refused(action, status)
        return response

    def _refused(self, action: str, status: int) -> Unavailable:
        if status == _UNAUTHORIZED:
            return SignalrUnauthorized("the hub refused the login", hub=self._hub, status=status)
        return Unavailable(f"the hub refused to {action}", hub=self._hub, status=status)

    def _query(self, protocol: str, **more: str) -> str:
        words = {"clientProtocol": protocol, "connectionData": connection_data(self._hub)}
        if self._negotiated is not None:
            words |= {"transport": "webSockets", "connectionToken": self._negotiated.connection_token}
        return urlencode(words | more, quote_via=quote)

    async def _read(self, socket: ClientConnection, promised_s: float | None) -> None:
        """Hear the server until it goes, gives up, or is silent for longer than it promised."""
        silence_s = min(promised_s, _LONGEST_SILENCE_S) if promised_s else None
        try:
            while True:
                async with asyncio.timeout(silence_s):
                    frame = await socket.recv()
                heard = self._heard(frame)
                for call in heard.calls:
                    await self._calls.put(call)
                if heard.ends:
                    logger.warning("signalr: {} gives the connection up", self._hub)
                    return
        except TimeoutError:
            logger.warning("signalr: {} was silent for {} s", self._hub, silence_s)
        except (OSError, WebSocketException) as error:
            logger.info("signalr: {} ended: {}", self._hub, type(error).__name__)
        finally:
            self._lost()

    def _heard(self, frame: str | bytes) -> Heard:
        try:
            heard = read_frame(frame.encode() if isinstance(frame, str) else frame)
        except BadRequest as error:
            logger.error("signalr: {}: {}", self._hub, error)
            self.unread += 1
            return Heard()
        if heard.broken:
            logger.error("signalr: {}: {} calls cannot be read", self._hub, heard.broken)
            self.unread += heard.broken
        self._cursor, self._groups = heard.cursor or self._cursor, heard.groups or self._groups
        if heard.ready:
            self._ready.set()
        if heard.answer is not None:
            waiter = self._asked.get(heard.answer.number)
            if waiter is not None and not waiter.done():
                waiter.set_result(heard.answer)
        return heard

    def _lost(self) -> None:
        for waiter in self._asked.values():
            if not waiter.done():
                waiter.set_exception(ConnectionError("the connection was lost"))
        # Whoever listens is told, behind all that was heard.
        self._over = True
        if not self._calls.full():
            self._calls.put_nowait(None)

    async def _drop(self) -> None:
        """Be rid of the WebSocket, also when whoever waits for it is told to stop."""
        reader, self._reader = self._reader, None
        socket, self._socket = self._socket, None
        try:
            if reader is not None:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)
                self._lost()
            if socket is not None:
                await socket.close()
        finally:
            if socket is not None:
                socket.transport.abort()

    async def _end(self) -> None:
        try:
            await self._drop()
        finally:
            await self._http.aclose()


def _status(status: int, body: bytes | bytearray) -> int:
    """The status that counts: HTTP's, or where that is good the one that the answer tells instead."""
    if status == _OK:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            return msgspec.json.decode(body, type=Refusal).number or _OK
    return status
