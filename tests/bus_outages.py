"""What the outage suites of every bus share: the channels they speak on and a subscriber that can be waited for."""

import asyncio

from tradepit.ports.bus import Channel, Delivery, Message

EVENTS = Channel(name="trades.executed", subject="trades.executed", durable=True)
WORK = Channel(name="orders.algo", subject="orders.algo.*", delivery=Delivery.COMPETE, durable=True)
TICKS = Channel(name="market.tick", subject="market.tick.*")
CHANNELS = (EVENTS, WORK, TICKS)


class Collected:
    """Payloads in the order of their arrival, with a way to wait for a number of different ones."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.payloads: list[bytes] = []
        self._changed = asyncio.Condition()

    async def __call__(self, message: Message) -> None:
        async with self._changed:
            self.payloads.append(message.payload)
            self._changed.notify_all()

    async def until(self, count: int) -> list[bytes]:
        async with asyncio.timeout(self._deadline_s), self._changed:
            await self._changed.wait_for(lambda: len(set(self.payloads)) >= count)
        return self.payloads
