"""A DIFF websocket: packets in, one ``rtn_data`` for each peek out; never closed in a way that its client takes for good."""

import asyncio
import contextlib
from typing import Any, Protocol

import msgspec
from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException
from loguru import logger

from tradepit.web.diff.outlet import Outlet

RESTARTING = 1012
"""The close code after which TqSDK comes back with everything it had; after 1000 and 1001 it believes that it never left."""

Socket = WebSocket[Any, Any, Any]


class Packet(msgspec.Struct, frozen=True):
    """Every packet says what it is."""

    aid: str = ""


class HangUp(Exception):
    """The client must connect anew."""


class Party(Protocol):
    """One side of a conversation: what the server knows of one client."""

    outlet: Outlet

    async def hear(self, aid: str, payload: bytes) -> None:
        """One packet that is no peek. Raises HangUp, and msgspec's errors for what cannot be read."""

    def leave(self) -> None:
        """The client is gone."""


_PACKET = msgspec.json.Decoder(Packet)


async def converse(socket: Socket, party: Party) -> None:
    """Serve an accepted websocket until its client or the server leaves. Packets that cannot be read are passed over."""
    telling = asyncio.get_running_loop().create_task(_tell(socket, party.outlet), name="diff-tell")
    try:
        while True:
            await _hear(party, (await socket.receive_data(mode="text")).encode("utf-8", "surrogatepass"))
    except WebSocketDisconnect:
        pass
    except HangUp as reason:
        logger.info("a DIFF client is told to come again: {}", reason)
        await _close(socket)
    finally:
        party.leave()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _hear(party: Party, payload: bytes) -> None:
    try:
        aid = _PACKET.decode(payload).aid
        if aid == "peek_message":
            party.outlet.peek()
        await party.hear(aid, payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        logger.warning("a DIFF packet was passed over: {}", str(error)[:200])


async def _tell(socket: Socket, outlet: Outlet) -> None:
    with contextlib.suppress(WebSocketException, RuntimeError, OSError):
        while True:
            await socket.send_data((await outlet.next()).decode(), mode="text")


async def _close(socket: Socket) -> None:
    with contextlib.suppress(WebSocketException, RuntimeError, OSError):
        await socket.close(code=RESTARTING)
