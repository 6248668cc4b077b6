"""SSI's V3 stream of market data: one WebSocket, joined with a token, heard until it ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Self

from loguru import logger
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from tradepit.backends.broker.ssi.data_frames import (
    Beat,
    Frame,
    Refused,
    Subscription,
    ping,
    pong,
    read_data_frame,
    subscriptions,
)
from tradepit.backends.broker.ssi.news import News
from tradepit.backends.broker.ssi.rest import SsiRest
from tradepit.backends.broker.ssi.socket import TokenRefused, open_socket
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, Unavailable

_BEAT_S = 15.0
_NO_ENTRY = (401, 403)


class SsiDataStream:
    """``async with`` joins and asks for the contracts of ``names`` (SSI's); raises Unavailable when SSI refuses or is not there.

    ``heard_ns`` (monotonic) is when anything came last, ``unreadable`` counts what could not be read and was passed over.
    """

    def __init__(self, url: str, rest: SsiRest, names: Sequence[str], clock: Clock, *, timeout_s: float) -> None:
        self._url, self._rest, self._names, self._clock, self._timeout_s = url, rest, tuple(names), clock, timeout_s
        self._socket: ClientConnection | None = None
        self._beating: asyncio.Task[None] | None = None
        self._token = ""
        self.heard_ns = clock.monotonic_ns()
        self.unreadable = 0

    async def __aenter__(self) -> Self:
        self._token = await self._rest.token()
        try:
            self._socket = await open_socket(self._url, self._token, self._timeout_s)
        except TokenRefused:
            self._rest.forget_token(self._token)
            raise
        try:
            await self.ask()
        except BaseException:
            await self._end()
            raise
        self._beating = asyncio.ensure_future(self._beat(self._socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def ask(self) -> None:
        """Ask for the contracts; asking once more changes nothing but what was lost at the other side. Raises Unavailable."""
        if self._socket is None:
            raise Unavailable("SSI's stream of market data is not joined")
        try:
            for frame in subscriptions(self._names):
                await self._socket.send(frame.decode())
        except WebSocketException as error:
            raise Unavailable("SSI's stream of market data ended", cause=type(error).__name__) from error

    async def news(self) -> AsyncIterator[News]:
        """What SSI tells, until the stream ends. Raises Unavailable with the reason why it did."""
        socket = self._socket
        if socket is None:
            return
        try:
            async for frame in socket:
                self.heard_ns = self._clock.monotonic_ns()
                told = self._read(frame)
                if isinstance(told, Beat):
                    if told.asks:
                        await socket.send(pong().decode())
                elif isinstance(told, Refused):
                    self._refuse(told.code)
                elif isinstance(told, Subscription):
                    if not told.ok:
                        raise Unavailable("SSI's stream refused to tell of the contracts")
                elif told is not None:
                    yield told
        except WebSocketException as error:
            raise Unavailable("SSI's stream of market data ended", cause=type(error).__name__) from error
        raise Unavailable("SSI ended its stream of market data")

    def _refuse(self, code: int) -> None:
        if code in _NO_ENTRY:
            self._rest.forget_token(self._token)
        raise Unavailable("SSI's stream refused the connection", status=code)

    def _read(self, frame: str | bytes) -> Frame | None:
        try:
            return read_data_frame(frame.encode() if isinstance(frame, str) else frame)
        except BadRequest as error:
            self.unreadable += 1
            if self.unreadable.bit_count() == 1:
                # Of the first, the second, the fourth …: a stream of rubbish fills no log.
                logger.error("ssi: {} frames of market data cannot be read, the last: {}", self.unreadable, error)
            return None

    async def _beat(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            try:
                await socket.send(ping().decode())
            except WebSocketException:
                return

    async def _end(self) -> None:
        beating, self._beating = self._beating, None
        if beating is not None:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
