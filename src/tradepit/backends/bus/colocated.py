"""A bus whose requests stay inside the process when the process itself answers them; everything else goes over another bus."""

import asyncio
from collections.abc import Mapping, Sequence

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Bus, Channel, Handler, Message, Outgoing, Responder, Subscription


class ColocatedBus:
    """Roles that share a process and this bus talk by direct dispatch; nobody outside sees a difference.

    A request whose subject is served here is answered here, also when responders elsewhere serve it too or share the group:
    whoever wants those to have a part must ask over a bus of its own. It needs no server, so it works while that is away.
    Events travel over the inner bus alone: there they are kept, and their order is the same for everybody.
    """

    def __init__(self, inner: Bus) -> None:
        self._inner = inner
        self._hub = MemoryHub()
        self._local = MemoryBus(self._hub)

    async def connect(self) -> None:
        await self._inner.connect()
        await self._local.connect()

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        await self._inner.publish(subject, payload, message_id=message_id, headers=headers)

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        await self._inner.publish_all(messages)

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        return await self._inner.subscribe(channel, handler, group=group, replay=replay, max_in_flight=max_in_flight)

    async def last(self, channel: Channel) -> Message | None:
        return await self._inner.last(channel)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        here = self._local if self._hub.is_served(subject) else self._inner
        return await here.request(subject, payload, timeout_s=timeout_s)

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        outside = await self._inner.serve(subject, responder, group=group)
        return _Serving(await self._local.serve(subject, responder, group=group), outside)

    async def close(self) -> None:
        await self._local.close()
        await self._inner.close()


class _Serving:
    """One responder, inside and outside."""

    def __init__(self, inside: Subscription, outside: Subscription) -> None:
        self._inside, self._outside = inside, outside

    async def stop(self) -> None:
        await asyncio.gather(self._inside.stop(), self._outside.stop())
