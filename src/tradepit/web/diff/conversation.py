"""A DIFF websocket: packets in, one ``rtn_data`` for each peek out; never closed in a way that its client takes for good."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import msgspec
from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException
from loguru import logger

from tradepit.trading.model.errors import BadRequest
from tradepit.web.diff.outlet import Outlet

RESTARTING = 1012
"""The close code after which TqSDK comes back with everything it had; after 1000 and 1001 it believes that it never left."""

Socket = WebSocket[Any, Any, Any]


class Packet(msgspec.Struct, frozen=True):
    """Every packet says what it is."""

    aid: str = ""


class Party(Protocol):
    """One side of a conversation: what the server knows of one client.

    ``greeting`` is told unasked: the vendor's JavaScript client peeks after it was told something, and never before.
    """

    outlet: Outlet
    greeting: ClassVar[Mapping[str, Any]]

    async def hear(self, aid: str, payload: bytes) -> None:
        """One packet that is no peek. Raises BadRequest, and msgspec's errors for what cannot be read."""

    async def patience(self) -> str:
        """Return, with the reason, when the client must connect anew; never, as long as all is well."""

    def leave(self) -> None:
        """The client is gone."""


_PACKET = msgspec.json.Decoder(Packet)


async def converse(socket: Socket, party: Party) -> None:
    """Serve an accepted websocket until its client, the server or the party's patience leaves. What cannot be read is passed over."""
    with contextlib.suppress(WebSocketException, RuntimeError, OSError):
        await socket.send_data(msgspec.json.encode(party.greeting).decode(), mode="text")
    loop = asyncio.get_running_loop()
    work = {
        loop.create_task(_listen(socket, party), name="diff-listen"),
        loop.create_task(_tell(socket, party.outlet), name="diff-tell"),
        loop.create_task(_lose_patience(socket, party), name="diff-patience"),
    }
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        party.leave()
        for task in work:
            task.cancel()
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.opt(exception=outcome).error("a DIFF conversation failed")


async def _listen(socket: Socket, party: Party) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await _hear(party, (await socket.receive_data(mode="text")).encode("utf-8", "surrogatepass"))


async def _lose_patience(socket: Socket, party: Party) -> None:
    reason = await party.patience()
    logger.info("a DIFF client is told to come again: {}", reason)
    with contextlib.suppress(WebSocketException, RuntimeError, OSError):
        await socket.close(code=RESTARTING)


async def _hear(party: Party, payload: bytes) -> None:
    try:
        aid = _PACKET.decode(payload).aid
        if aid == "peek_message":
            party.outlet.peek()
        await party.hear(aid, payload)
    except (BadRequest, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        logger.warning("a DIFF packet was passed over: {}", str(error)[:200])


async def _tell(socket: Socket, outlet: Outlet) -> None:
    with contextlib.suppress(WebSocketException, RuntimeError, OSError):
        while True:
            await socket.send_data((await outlet.next()).decode(), mode="text")
