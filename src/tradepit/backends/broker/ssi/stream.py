"""SSI's stream of order and match events: one WebSocket, joined with a token, heard until it ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Self

import msgspec
from loguru import logger
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from tradepit.backends.broker.ssi.frames import Subscribed, ToldMatch, ToldOrder, read_frame
from tradepit.backends.broker.ssi.socket import open_socket
from tradepit.trading.model.errors import BadRequest, Unavailable


class SsiStream:
    """``async with`` joins and subscribes; raises Unavailable when SSI refuses or is not there."""

    def __init__(self, url: str, token: str, accounts: Sequence[str], *, timeout_s: float) -> None:
        self._url, self._token, self._accounts, self._timeout_s = url, token, accounts, timeout_s
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._socket = await open_socket(self._url, self._token, self._timeout_s)
        try:
            topics = [f"order.{account}" for account in self._accounts]
            frame = {"method": "SUBSCRIBE", "channel": "TRADING", "topics": topics}
            await self._socket.send(msgspec.json.encode(frame).decode())
            async with asyncio.timeout(self._timeout_s):
                await self._taken(self._socket)
        except (OSError, TimeoutError, WebSocketException) as error:
            await self._end()
            raise Unavailable("SSI's stream cannot be joined", cause=type(error).__name__) from error
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def events(self) -> AsyncIterator[ToldOrder | ToldMatch]:
        """What SSI tells, until the stream ends. A frame that cannot be read is passed over, and said so."""
        if self._socket is None:
            return
        try:
            async for frame in self._socket:
                event = _read(frame)
                if isinstance(event, Subscribed):
                    if not event.ok:
                        logger.warning("ssi: the stream refuses to go on")
                        return
                elif event is not None:
                    yield event
        except WebSocketException as error:
            logger.warning("ssi: the stream ended: {}", type(error).__name__)

    async def _taken(self, socket: ClientConnection) -> None:
        async for frame in socket:
            event = _read(frame)
            if isinstance(event, Subscribed):
                if not event.ok:
                    raise Unavailable("SSI's stream refused the subscription")
                return
        raise Unavailable("SSI's stream ended before it began")

    async def _end(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()


def _read(frame: str | bytes) -> ToldOrder | ToldMatch | Subscribed | None:
    try:
        return read_frame(frame.encode() if isinstance(frame, str) else frame)
    except BadRequest as error:
        logger.error("ssi: {}", error)
        return None
