"""SSI's V2 stream of orders, refusals and fills: the hub ``BroadcastHubV2``, joined with a token, from a numbered event on."""

from collections.abc import AsyncIterator, Callable
from typing import Self

from loguru import logger

from tradepit.backends.broker.ssi.dialect import SsiEvent
from tradepit.backends.broker.ssi.signalr import SignalrHub, SignalrUnauthorized
from tradepit.backends.broker.ssi.v2.frames import read_event
from tradepit.trading.model.errors import BadRequest

HUB = "BroadcastHubV2"


class SsiV2Stream:
    """``async with`` joins; raises Unavailable when SSI refuses or is not there. ``after`` 0 tells the whole day again.

    ``forget`` is called with the token when SSI does not accept it.
    """

    def __init__(self, url: str, token: str, *, after: int, timeout_s: float, forget: Callable[[str], None]) -> None:
        headers = {"Authorization": f"Bearer {token}", "NotifyID": str(after)}
        self._hub = SignalrHub(url, HUB, headers=headers, timeout_s=timeout_s)
        self._token, self._forget = token, forget

    async def __aenter__(self) -> Self:
        try:
            await self._hub.__aenter__()
        except SignalrUnauthorized:
            self._forget(self._token)
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._hub.__aexit__(*error)

    async def events(self) -> AsyncIterator[SsiEvent]:
        """What SSI tells, until the stream ends. An event that cannot be read is passed over, and said so."""
        async for call in self._hub.calls():
            if call.method != "Broadcast" or not call.arguments:
                logger.warning("ssi: the hub says {}: {}", call.method[:32], str(call.arguments)[:200])
                continue
            try:
                event = read_event(bytes(call.arguments[0]))
            except BadRequest as error:
                logger.error("ssi: {}", error)
                continue
            if event is not None:
                yield event
