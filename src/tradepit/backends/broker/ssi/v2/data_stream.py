"""SSI's V2 stream of market data: the hub ``FcMarketDataV2Hub``, joined with a token and switched to the contracts' channels."""

from collections.abc import AsyncIterator, Sequence
from typing import Self

from loguru import logger

from tradepit.backends.broker.ssi.news import News
from tradepit.backends.broker.ssi.signalr import SignalrHub
from tradepit.backends.broker.ssi.v2.data import SsiV2Data
from tradepit.backends.broker.ssi.v2.data_frames import channels, read_broadcast
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, RequestRefused, Unavailable

HUB = "FcMarketDataV2Hub"


class SsiV2DataStream:
    """``async with`` joins and asks for the contracts of ``names`` (SSI's); raises Unavailable when SSI refuses or is not there."""

    def __init__(self, url: str, data: SsiV2Data, names: Sequence[str], clock: Clock, *, timeout_s: float) -> None:
        self._url, self._data, self._names, self._clock, self._timeout_s = url, data, tuple(names), clock, timeout_s
        self._hub: SignalrHub | None = None
        self._unreadable = 0

    @property
    def heard_ns(self) -> int:
        """Now (monotonic): a hub that has fallen silent ends by itself."""
        return self._clock.monotonic_ns()

    @property
    def unreadable(self) -> int:
        """How many frames and broadcasts could not be read and were passed over."""
        return self._unreadable + (self._hub.unread if self._hub is not None else 0)

    async def __aenter__(self) -> Self:
        token = await self._data.token()
        self._hub = SignalrHub(self._url, HUB, headers={"Authorization": f"Bearer {token}"}, timeout_s=self._timeout_s)
        try:
            await self._hub.__aenter__()
        except Unavailable:
            # This token does not say when it ends, and a login costs nothing: whatever was wrong, the next one is new.
            self._data.forget_token(token)
            raise
        try:
            await self.ask()
        except BaseException:
            await self._hub.__aexit__()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._hub is not None:
            await self._hub.__aexit__(*error)

    async def ask(self) -> None:
        """Switch to the contracts' channels; doing so once more changes nothing but what was lost at the other side. Raises Unavailable."""
        if self._hub is None:
            raise Unavailable("SSI's hub of market data is not joined")
        try:
            await self._hub.invoke("SwitchChannels", channels(self._names))
        except (RequestRefused, OutcomeUnknown) as error:
            raise Unavailable("SSI's hub did not switch to the contracts' channels", cause=str(error)[:200]) from error

    async def news(self) -> AsyncIterator[News]:
        """What SSI tells, until the stream ends. Raises Unavailable then."""
        if self._hub is None:
            return
        async for call in self._hub.calls():
            if call.method != "Broadcast" or not call.arguments:
                logger.warning("ssi: the hub of market data says {}: {}", call.method[:32], str(call.arguments)[:200])
                continue
            try:
                told = read_broadcast(bytes(call.arguments[0]))
            except BadRequest as error:
                self._unreadable += 1
                if self._unreadable.bit_count() == 1:
                    # Of the first, the second, the fourth …: a stream of rubbish fills no log.
                    logger.error("ssi: {} broadcasts of market data cannot be read, the last: {}", self._unreadable, error)
                continue
            for news in told:
                yield news
        raise Unavailable("SSI's hub of market data is gone")
